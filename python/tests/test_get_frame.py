"""The frame of a caller."""

import sys

import pytest

from onewriter import _get_frame


@pytest.mark.parametrize("has_function", [True, False])
def test_a_frame_is_found_with_and_without_the_interpreters_function(monkeypatch, has_function):
    if not has_function:
        monkeypatch.delattr(sys, "_getframe")
    get_frame = _get_frame.load_get_frame_function()
    monkeypatch.undo()

    def called():
        return [get_frame(0).f_code.co_name, get_frame(1).f_code.co_name]

    assert called() == [
        "called",
        "test_a_frame_is_found_with_and_without_the_interpreters_function",
    ]
    with pytest.raises(ValueError, match="^call stack is not deep enough$"):
        get_frame(1_000_000)
