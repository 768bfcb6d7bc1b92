"""Levels."""

import pytest


def test_the_standard_levels_are_those_of_loguru(logger):
    names = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")
    assert [logger.level(name) for name in names] == [
        ("TRACE", 5, "<cyan><bold>", "✏️"),
        ("DEBUG", 10, "<blue><bold>", "🐞"),
        ("INFO", 20, "<bold>", "ℹ️"),
        ("SUCCESS", 25, "<green><bold>", "✅"),
        ("WARNING", 30, "<yellow><bold>", "⚠️"),
        ("ERROR", 40, "<red><bold>", "❌"),
        ("CRITICAL", 50, "<RED><bold>", "☠️"),
    ]


def test_each_method_has_its_level(logger, written):
    logger.add(written, format="{level.no} {level} {level.name} {message}", level=0)
    for name in ("trace", "debug", "info", "success", "warning", "error", "critical"):
        getattr(logger, name)(name)
    logger.log("INFO", "log")
    logger.log(0, "zero")
    assert written == [
        "5 TRACE TRACE trace\n",
        "10 DEBUG DEBUG debug\n",
        "20 INFO INFO info\n",
        "25 SUCCESS SUCCESS success\n",
        "30 WARNING WARNING warning\n",
        "40 ERROR ERROR error\n",
        "50 CRITICAL CRITICAL critical\n",
        "20 INFO INFO log\n",
        "0 Level 0 Level 0 zero\n",
    ]


def test_a_new_level_has_no_colour_and_a_blank_icon(logger):
    assert logger.level("foo", no=33) == ("foo", 33, "", " ")
    assert logger.level("foo", icon="!") == ("foo", 33, "", "!")
    assert logger.level("foo", color="<red>") == ("foo", 33, "<red>", "!") == logger.level("foo")


def test_a_changed_colour_is_that_of_handlers_which_exist_already(logger, written):
    logger.add(written, format="<level>{message}</level>", colorize=True)
    logger.level("foo", no=33, color="<red>")
    logger.log("foo", "a")
    logger.log(33, "b")
    logger.level("foo", color="<blue>")
    logger.log("foo", "c")
    assert written == ["\x1b[31ma\x1b[0m\n", "b\x1b[0m\n", "\x1b[34mc\x1b[0m\n"]


def test_a_handler_takes_its_level_and_those_above(logger, written):
    logger.level("foo", no=33)
    logger.add(written, format="{message}", level="foo")
    for level in (32, "foo", 33, "WARNING", "ERROR"):
        logger.log(level, str(level))
    assert written == ["foo\n", "33\n", "ERROR\n"]


def test_below_the_least_level_of_all_handlers_nothing_is_formatted(logger, written):
    first = logger.add(written, level="DEBUG", format="{message}")
    with pytest.raises(KeyError):
        logger.debug("{no_such}", a=1)
    logger.trace("{no_such}", a=1)
    logger.add(written, level="INFO", format="{message}")
    logger.remove(first)
    logger.debug("{no_such}", a=1)
    logger.remove()
    logger.critical("{no_such}", a=1)
    assert written == []


@pytest.mark.parametrize(
    ("arguments", "kind", "error"),
    [
        (("foo",), ValueError, "Level 'foo' does not exist"),
        ((1,), TypeError, "Invalid level name, it should be a string, not: 'int'"),
        ((1, 2), TypeError, "Invalid level name, it should be a string, not: 'int'"),
        (
            ("foo", None, "<red>"),
            ValueError,
            "Level 'foo' does not exist, you have to create it by specifying a level no",
        ),
        (("INFO", 20), ValueError, "Level 'INFO' already exists, you can't update its severity no"),
        (("foo", "1"), TypeError, "Invalid level no, it should be an integer, not: 'str'"),
        (("foo", -1), ValueError, "Invalid level no, it should be a positive integer, not: -1"),
    ],
)  # fmt: skip
def test_a_level_that_cannot_be_is_refused_and_named(logger, arguments, kind, error):
    with pytest.raises(kind) as caught:
        logger.level(*arguments)
    assert str(caught.value) == error


def test_a_level_with_an_unknown_colour_is_not_made(logger):
    with pytest.raises(ValueError, match="<nope>"):
        logger.level("foo", no=1, color="<nope>")
    with pytest.raises(ValueError, match="^Level 'foo' does not exist$"):
        logger.level("foo")


@pytest.mark.parametrize(
    ("level", "kind", "error"),
    [
        ("foo", ValueError, "Level 'foo' does not exist"),
        (-1, ValueError, "Invalid level value, it should be a positive integer, not: -1"),
        (2.5, TypeError, "Invalid level, it should be an integer or a string, not: 'float'"),
    ],
)
def test_no_record_and_no_handler_has_a_level_that_cannot_be(logger, written, level, kind, error):
    logger.add(written)
    for use in (lambda: logger.log(level, "x"), lambda: logger.add(written, level=level)):
        with pytest.raises(kind) as caught:
            use()
        assert str(caught.value) == error
    assert written == []
