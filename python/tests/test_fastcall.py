"""The logger's methods take their arguments in every form that Python has for them."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest

from onewriter._native import LoggerBase

METHODS = ["trace", "debug", "info", "success", "warning", "error", "critical"]


@pytest.fixture(params=["quick", "slow"])
def log(request, logger, tmp_path: Path):
    """The logger on either way to a file, and what is in that."""
    path = tmp_path / "a.log"
    logger.add(path, level=0, format="{level} {message} {extra}", enqueue=True, catch=False)
    chosen = logger if request.param == "quick" else logger.patch(lambda record: None)

    def lines() -> list[str]:
        logger.complete()
        return path.read_text().splitlines()

    return chosen, lines


@pytest.mark.parametrize("method", METHODS)
def test_arguments_of_every_form_arrive(log, method):
    logger, lines = log
    call, level = getattr(logger, method), method.upper()
    call("alone")
    call("{} {}", 1, "two")
    call("{} {a} {b}", 1, a=2, b=None)
    call("{a}", **{"a": 3.5})
    call(*("{0} {0}", True))
    call("message={message} self={self}", message=1, self=2)
    assert lines() == [
        f"{level} alone {{}}",
        f"{level} 1 two {{}}",
        f"{level} 1 2 None {{'a': 2, 'b': None}}",
        f"{level} 3.5 {{'a': 3.5}}",
        f"{level} True True {{}}",
        f"{level} message=1 self=2 {{'message': 1, 'self': 2}}",
    ]


def test_a_call_keeps_no_reference_to_what_it_was_given(log):
    logger, _ = log
    message, argument, named = "{} {named} " + "x" * 40, ["a list"], {"a": "dict"}
    logger.info(message, argument, named=named)
    given = [message, argument, named, logger]
    before, nones = [sys.getrefcount(it) for it in given], sys.getrefcount(None)
    for _ in range(1000):
        logger.info(message, argument, named=named)
        logger.info(message, *[argument], **{"named": named})
        with pytest.raises(TypeError):
            logger.info()
    assert [sys.getrefcount(it) for it in given] == before
    # What the methods return; others use it as well, and from Python 3.12 on it is not counted.
    assert abs(sys.getrefcount(None) - nones) < 500


def test_a_call_below_the_level_looks_at_nothing(logger, written):
    class Shy:
        def __str__(self) -> str:
            raise AssertionError("nobody asks")

        __repr__ = __format__ = __str__

    logger.add(written, level="ERROR")
    shy = Shy()
    before = sys.getrefcount(shy)
    for _ in range(1000):
        logger.debug(shy, shy, shy=shy)
    assert (written, sys.getrefcount(shy)) == ([], before)


def test_what_is_no_call_of_a_method_is_refused(logger):
    with pytest.raises(TypeError, match=r"^info\(\) missing 1 required positional argument: 'message'$"):
        logger.info()
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'message'"):
        logger.info(message="by its name")
    with pytest.raises(TypeError, match="LoggerBase"):
        LoggerBase.info(3, "text")
    with pytest.raises(TypeError, match="the logger has no core"):
        LoggerBase().info("text")


def test_a_logger_that_is_bound_anew_may_log_with_what_it_drops(logger, written):
    logger.add(written, format="{message}")

    class Last:
        def __del__(self) -> None:
            logger.info("dropped")

    bound = logger.bind(last=Last())
    bound.info("one")
    bound.__setstate__(logger.__getstate__())
    bound.info("two")
    assert written == ["one\n", "dropped\n", "two\n"]


@pytest.mark.parametrize("method", METHODS)
def test_tools_see_what_a_method_takes(method):
    function = getattr(LoggerBase, method)
    assert str(inspect.signature(function)) == "(self, message, /, *args, **kwargs)"
    assert function.__name__ == method
    assert function.__doc__ == (
        f"Logs ``message.format(*args, **kwargs)`` with the level {method.upper()}."
    )
