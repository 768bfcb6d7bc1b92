"""From a record to its text."""

import json
import re

import pytest


def test_the_parts_of_a_record_are_those_of_the_call(logger, written):
    parts = ("name", "function", "file", "file.name", "module", "level", "message", "extra")
    parts += ("process.name", "thread.name", "line")
    logger.add(written, format="|".join(f"{{{part}}}" for part in parts))

    def called():
        logger.info("hello")

    called()
    file = "test_format.py"
    line = called.__code__.co_firstlineno + 1
    assert written == [
        f"{__name__}|called|{file}|{file}|test_format|INFO|hello|{{}}|MainProcess|MainThread|{line}\n"
    ]


def test_the_default_format_is_that_of_loguru(logger, written):
    logger.add(written)
    logger.warning("hello")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \| WARNING  \| "
        rf"{__name__}:test_the_default_format_is_that_of_loguru:\d+ - hello\n",
        written[0],
    )


def test_a_function_makes_the_whole_format(logger, written):
    logger.add(
        written, format=lambda record: "<red>{message}</red> " + record["level"].name, colorize=True
    )
    logger.info("{no} <b>tag</b>")
    assert written == ["\x1b[31m{no} <b>tag</b>\x1b[0m INFO"]


def test_what_a_function_makes_may_change_from_record_to_record(logger, written):
    formats = iter(["1 {message}", "2 {level}"])
    logger.add(written, format=lambda _: next(formats))
    logger.info("a")
    logger.info("b")
    assert written == ["1 a", "2 INFO"]


@pytest.mark.parametrize("colorize", [True, False])
def test_a_message_with_tags_goes_on_in_the_colours_around_it(logger, written, colorize):
    logger.add(
        written, format="<red>[{message}]</red> <b>{message: >3}</b> {message!r}", colorize=colorize
    )
    logger.opt(colors=True).info("<blue>x</blue>")
    red, blue, bold, end = "\x1b[31m", "\x1b[34m", "\x1b[1m", "\x1b[0m"
    colored = f"{red}[{blue}x{end}{red}]{end} {bold}{blue}x{end}{bold}{end} 'x'\n"
    assert written == [colored if colorize else "[x]   x 'x'\n"]


def test_without_the_option_a_message_has_no_tags(logger, written):
    logger.add(written, format="{message}", colorize=True)
    logger.info("<red>x</red>")
    assert written == ["<red>x</red>\n"]


def changed(record):
    record["message"] += " </b>"
    return "{message}"


@pytest.mark.parametrize("is_raw", [True, False])
def test_a_message_that_a_filter_has_changed_loses_its_tags(logger, written, is_raw):
    logger.add(written, format="{message}", colorize=True)
    logger.add(written, format="<b>{message}</b>", filter=changed, colorize=True)
    logger.opt(colors=True, raw=is_raw).info("<red>x</red>")
    if is_raw:
        assert written == ["\x1b[31mx\x1b[0m", "x </b>"]
    else:
        assert written == ["\x1b[31mx\x1b[0m\n", "\x1b[1mx </b>\x1b[0m\n"]


def test_a_message_that_a_format_has_changed_loses_its_tags(logger, written):
    logger.add(written, format=changed, colorize=True)
    logger.opt(colors=True).info("<red>x</red>")
    assert written == ["x </b>"]


@pytest.mark.parametrize(
    ("given", "kind", "error"),
    [
        (1, TypeError, "Invalid format, it should be a string or a function, not: 'int'"),
        ("<red>x", ValueError, "Invalid format, color markups could not be parsed correctly"),
        ("{x:{x:{x}}}", ValueError, "Invalid format, color markups could not be parsed correctly"),
        (
            format,
            ValueError,
            "The built-in 'format()' function cannot be used as a 'format' parameter, this is "
            "most likely a mistake (please double-check the arguments passed to 'logger.add()').",
        ),
    ],
)
def test_another_format_is_refused_and_named(logger, written, given, kind, error):
    with pytest.raises(kind) as caught:
        logger.add(written, format=given)
    assert str(caught.value) == error


def test_a_serialized_record_is_one_line_of_json_with_all_its_parts(logger, written):
    records = []
    logger.add(written, format="{level} {message}", serialize=True, colorize=True)
    logger.add(lambda message: records.append(message.record))
    logger.bind(a=1, odd=b"x").info("ü {}", 2)
    [record] = records
    assert written[0].count("\n") == 1 and "ü" in written[0]
    assert json.loads(written[0]) == {
        "text": "INFO ü 2\n",
        "record": {
            "elapsed": {
                "repr": str(record["elapsed"]),
                "seconds": record["elapsed"].total_seconds(),
            },
            "exception": None,
            "extra": {"a": 1, "odd": "b'x'"},
            "file": {"name": "test_format.py", "path": __file__},
            "function": "test_a_serialized_record_is_one_line_of_json_with_all_its_parts",
            "level": {"icon": "ℹ️", "name": "INFO", "no": 20},
            "line": record["line"],
            "message": "ü 2",
            "module": "test_format",
            "name": __name__,
            "process": {"id": record["process"].id, "name": "MainProcess"},
            "thread": {"id": record["thread"].id, "name": "MainThread"},
            "time": {"repr": str(record["time"]), "timestamp": record["time"].timestamp()},
        },
    }
    assert list(json.loads(written[0])["record"]) == list(record)


def test_a_serialized_exception_has_its_type_value_and_whether_there_is_a_traceback(
    logger, written
):
    logger.add(written, format="", serialize=True)
    try:
        raise ValueError("a")
    except ValueError:
        logger.exception("")
    logger.opt(exception=KeyError("b")).info("")
    logger.opt(exception=(None, None, None)).info("")
    assert [json.loads(line)["record"]["exception"] for line in written] == [
        {"type": "ValueError", "value": "a", "traceback": True},
        {"type": "KeyError", "value": "'b'", "traceback": False},
        {"type": None, "value": None, "traceback": False},
    ]
