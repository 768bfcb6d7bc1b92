"""The documents name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_guarantees_names_python_tests_that_exist():
    page = (ROOT / "docs/guarantees.md").read_text(encoding="utf8")
    named = re.findall(r"`(python/tests/\w+\.py)::(\w+)`", page)
    assert len(named) > 10
    missing = [
        f"{file}::{test}"
        for file, test in named
        if f"def {test}(" not in (ROOT / file).read_text(encoding="utf8")
    ]
    assert missing == []
