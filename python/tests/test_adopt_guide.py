"""The guide to adoption shows what is tested: its samples stand in the examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "python" / "adopt.md"
EXAMPLES = ROOT / "examples" / "python"
SECTIONS = re.split(r"(?m)^## ", GUIDE.read_text(encoding="utf-8"))[1:]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda it: it.partition("\n")[0])
def test_each_sample_stands_in_the_example_that_its_section_names(section):
    (named,) = re.findall(r"\]\(../../../examples/python/([\w./]+)\)", section)
    example = EXAMPLES / named
    files = [example] if example.is_file() else sorted(example.glob("*.*"))
    texts = [file.read_text(encoding="utf-8") for file in files]
    samples = re.findall(r"(?ms)^```\w+\n(.*?)^```$", section)
    assert samples
    for sample in samples:
        assert any(sample in text for text in texts), sample


def test_each_example_is_named_by_a_section_and_has_a_test():
    guide = "".join(SECTIONS)
    tests = "".join(
        file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_adopt_*.py")
    )
    examples = [it for it in EXAMPLES.iterdir() if not it.name.startswith("__")]
    assert len(examples) == 13
    for example in examples:
        assert f"examples/python/{example.name}" in guide
        assert f'"{example.name}"' in tests or f'"{example.stem}"' in tests
