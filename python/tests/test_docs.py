"""The documents name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["guarantees", "complaints-python"])
def test_a_page_names_tests_that_exist(name: str):
    page = (ROOT / f"docs/{name}.md").read_text(encoding="utf8")
    named = re.findall(r"`([\w/-]+\.(?:py|rs))::(\w+)`", page)
    assert len(named) > 10
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"\b(def|fn) {test}\(", (ROOT / file).read_text(encoding="utf8"))
    ]
    assert missing == []
