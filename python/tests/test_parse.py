"""Reading a log file back."""

import io
import re

import pytest

from onewriter import logger

CHUNKS = pytest.mark.parametrize("chunk", [1, 2, 7, 100, -1])


def parsed(text, pattern, **kwargs):
    file = io.BytesIO(text) if isinstance(text, bytes) else io.StringIO(text)
    return list(logger.parse(file, pattern, **kwargs))


@CHUNKS
def test_each_match_comes_once_and_whole_whatever_the_size_of_a_chunk(chunk):
    text = "".join(f"{number} " for number in range(0, 3000, 37))
    found = parsed(text, r"(?P<number>\d+)", chunk=chunk)
    assert [int(groups["number"]) for groups in found] == list(range(0, 3000, 37))


@CHUNKS
def test_the_beginning_is_only_at_the_beginning(chunk):
    assert parsed("ab cd\nef", r"^(?P<word>\w+) ", chunk=chunk) == [{"word": "ab"}]


@CHUNKS
def test_a_lookbehind_sees_what_was_before(chunk):
    assert parsed("ab" * 20, r"(?<=a)(?P<b>b)", chunk=chunk) == [{"b": "b"}] * 20


@CHUNKS
def test_a_match_may_have_many_lines(chunk):
    text = ("\n" + "a" * 20) * 30
    assert parsed(text, r"\n(?P<a>a+)", chunk=chunk) == [{"a": "a" * 20}] * 30


def test_a_path_is_opened(tmp_path):
    path = tmp_path / "a.log"
    path.write_text("x=1\ny=2\n")
    for file in (path, str(path)):
        assert list(
            logger.parse(file, r"(?P<k>\w)=(?P<v>\d)", cast={"v": int, "other": float})
        ) == [
            {"k": "x", "v": 1},
            {"k": "y", "v": 2},
        ]


def test_bytes_compiled_patterns_and_functions_are_taken():
    assert parsed(b"a1", rb"(?P<d>\d)") == [{"d": b"1"}]
    assert parsed("A", re.compile("(?P<a>a)", re.IGNORECASE)) == [{"a": "A"}]
    assert parsed("12", r"(?P<d>\d)", cast=lambda groups: groups.update(e=int(groups["d"]))) == [
        {"d": "1", "e": 1},
        {"d": "2", "e": 2},
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((1, "x", {}), "Invalid file, it should be a string path or a file object, not: 'int'"),
        (
            (io.StringIO(), 1, {}),
            "Invalid pattern, it should be a string or a compiled regex, not: 'int'",
        ),
        ((io.StringIO(), "x", 1), "Invalid cast, it should be a function or a dict, not: 'int'"),
    ],
)
def test_other_types_are_refused(arguments, error):
    file, pattern, cast = arguments
    with pytest.raises(TypeError) as caught:
        next(logger.parse(file, pattern, cast=cast))
    assert str(caught.value) == error
