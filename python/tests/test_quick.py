"""Calls that go to the queue without a record of Python's say the same as those with one."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path

import freezegun
import pytest

from onewriter import _file_sink
from onewriter._native import can_format

FORMAT = (
    "{level: <8}|{level.no:>4}|{name}|{module:^12}|{function}|{line:05}|{file}|{file.path}|"
    "{process:>9}|{process.name}|{thread}|{thread.name:>20} {{}} - {message}"
)


class Pair:
    """Two files with the same format: one is written on the quick way, the other one not."""

    def __init__(self, logger, folder: Path, **options) -> None:
        self.logger, self.folder = logger, folder
        # A patcher that changes nothing needs a record.
        self.slow = logger.patch(lambda record: None)
        self.options = {"format": FORMAT, "level": 0, "catch": False, **options}

    def lines(self, call) -> list[str]:
        """What ``call`` logs; the same on both ways."""
        texts = []
        for name, logger in (("quick", self.logger), ("slow", self.slow)):
            path = self.folder / name
            number = self.logger.add(path, enqueue=True, **self.options)
            (handler,) = self.logger._core.handlers.values()
            assert handler.quick_queue is not None
            call(logger)
            self.logger.remove(number)
            texts.append(path.read_text(encoding="utf8"))
            path.unlink()
        assert texts[0] == texts[1]
        return texts[0].splitlines()


@pytest.fixture
def pair(logger, tmp_path: Path) -> Pair:
    return Pair(logger, tmp_path)


VALUES = [
    0, 1, -1, 2**31, 2**63 - 1, -(2**63), 2**63, 10**30, True, False, None,
    0.0, -0.0, 1.0, 0.1, 1e16, 1e-5, 5e-324, 1.7976931348623157e308, 123456.789, -2.5,
    float("inf"), float("-inf"), float("nan"),
    "", "text", "grüße 世界 \U0001f980", "{braces}", "a\nb", "\x00\x1b[31m",
    [1, "two"], {"key": None}, b"bytes", (1,), ValueError("wrong"), Path("/tmp"), object,
]  # fmt: skip
SPECS = [
    "", ":", "!s", "!r", ":>8", ":<8", ":^9", ":*^11", ":08", ":+", ": ", ":,", ":_", ":d", ":x",
    ":#x", ":#010b", ":o", ":X", ":.2f", ":08.3f", ":e", ":.3e", ":g", ":#g", ":.5g", ":%", ":.1%",
    ":,.2f", ":s", ":.2", ":>6.2", ":5s", ":=8", ":c", ":n", ":E", ":F", ":G", ":z", ":!>4", "!s:>9",
]  # fmt: skip


@pytest.mark.parametrize("spec", SPECS)
def test_every_value_is_formatted_as_python_does(pair: Pair, spec: str):
    template = f"<{{{spec}}}>"
    expected = []
    for value in VALUES:
        try:
            expected.append(template.format(value))
        except (ValueError, TypeError, OverflowError) as error:
            expected.append(error)

    def log(logger) -> None:
        for value, text in zip(VALUES, expected, strict=True):
            if isinstance(text, str):
                logger.info(template, value)
            else:
                with pytest.raises(type(text)):
                    logger.info(template, value)

    written = "\n".join(line.split(" {} - ", 1)[-1] for line in pair.lines(log))
    assert written == "\n".join(text for text in expected if isinstance(text, str))


def test_messages_of_every_kind_are_those_of_python(pair: Pair):
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

    def log(logger) -> None:
        logger.info("plain, {not} formatted")
        logger.info("{1} before {0}", "b", "a")
        logger.info("{} {name}", 1, name="n")
        logger.info("{0} twice {0}", 5)
        logger.info("{:{width}}|", 7, width=4)
        logger.info("{0.real} {0.imag}", 7)
        logger.info("{[1]}", [1, 2])
        logger.info("more arguments than {}", "fields", "are fine")
        logger.info("{{}} and {}", "braces")
        logger.info("", "nothing")
        logger.info("x" * 100_000)
        logger.info(12.5)
        logger.info(None)
        logger.info("two\nlines")
        for wrong, args, error in [
            ("{} {}", (1,), IndexError),
            ("{missing}", (1,), KeyError),
            ("{", (1,), ValueError),
            ("{:d}", ("text",), ValueError),
            ("{}", (Hostile(),), RuntimeError),
        ]:
            with pytest.raises(error):
                logger.info(wrong, *args)

    lines = pair.lines(log)
    assert len(lines) == 15
    assert [line.split(" {} - ")[-1] for line in lines[:2]] == ["plain, {not} formatted", "a before b"]


def test_a_call_site_may_log_other_messages_and_types_each_time(pair: Pair):
    def log(logger) -> None:
        messages = ["{} a", "{} b", "{:>5}", "no field", "{} {}"]
        for number in range(100):
            message = messages[number % 5]
            args = (number, "text", 1.5)[: message.count("{")]
            logger.info(message, *args)
            logger.info("{}|{}", (None, 1, "s", 2.0, [])[number % 5], number)

    assert len(pair.lines(log)) == 200


def test_all_levels_with_a_method_are_written(pair: Pair):
    def log(logger) -> None:
        for name in ("trace", "debug", "info", "success", "warning", "error", "critical"):
            getattr(logger, name)("hello {}", name)
        logger.log("INFO", "by name")
        logger.log(33, "by number")

    levels = [line.split("|")[0].strip() for line in pair.lines(log)]
    standard = ["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"]
    assert levels == [*standard, "INFO", "Level 33"]


def test_exceptions_and_options_take_the_other_way_and_keep_the_order(logger, tmp_path: Path):
    pair = Pair(logger, tmp_path, backtrace=False, diagnose=False)

    def log(logger) -> None:
        logger.info("one")
        try:
            raise ValueError("wrong")
        except ValueError:
            logger.exception("two")
        logger.opt(raw=True).info("three\n")
        logger.opt(lazy=True).info("four {}", lambda: 4)
        logger.bind(key="value").info("five")
        logger.opt(depth=0).info("six")

    lines = [line for line in pair.lines(log) if " - " in line or line == "three"]
    assert [line.split(" - ")[-1] for line in lines] == ["one", "two", "three", "four 4", "five", "six"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, 3),
        ("", 3),
        (__name__, 3),
        ("elsewhere", 0),
        ({__name__: "WARNING"}, 1),
        ({"": False}, 0),
        ({"": "ERROR", __name__: 25}, 1),
    ],
)
def test_filters_by_module_hold_on_the_quick_way(logger, tmp_path: Path, asked, expected: int):
    def log(logger) -> None:
        logger.debug("low")
        logger.info("middle")
        logger.warning("high")

    lines = Pair(logger, tmp_path, filter=asked).lines(log)
    assert len(lines) == expected


def test_what_changes_later_holds_for_call_sites_that_have_logged(logger, tmp_path: Path):
    def log(text: str) -> None:
        logger.info(text)

    path = tmp_path / "a.log"
    number = logger.add(path, enqueue=True, format="{message}")
    log("one")
    logger.disable(__name__)
    log("nobody")
    logger.enable(__name__)
    log("two")
    logger.configure(patcher=lambda record: record.update(message="patched"))
    log("nobody")
    logger.configure(patcher=lambda record: None)
    seen: list[str] = []
    logger.add(seen.append, format="{message}")
    log("three")
    logger.remove(number)
    log("four")
    assert path.read_text() == "one\ntwo\npatched\nthree\n"
    assert seen == ["three\n", "four\n"]


def test_a_handler_that_needs_records_slows_down_its_own_levels_alone(logger, tmp_path: Path):
    path, seen = tmp_path / "a.log", []
    logger.add(path, enqueue=True, format="{level} {message}")
    logger.add(seen.append, format="{message}", level="WARNING")
    logger.info("one {}", 1)
    logger.warning("two {}", 2)
    logger.info("three {}", 3)
    logger.remove()
    assert path.read_text() == "INFO one 1\nWARNING two 2\nINFO three 3\n"
    assert seen == ["two 2\n"]


def test_a_clock_that_stands_still_is_seen_by_every_record(logger, tmp_path: Path):
    path = tmp_path / "a.log"
    logger.add(path, enqueue=True, format="{time:YYYY-MM-DD HH:mm:ss.SSSSSS} {message}")

    def log(text: str) -> None:
        logger.info(text)

    log("now")
    with freezegun.freeze_time("2021-03-04 05:06:07.000008"):
        log("then")
    log("now")
    logger.remove()
    lines = path.read_text().splitlines()
    assert lines[1] == "2021-03-04 05:06:07.000008 then"
    assert not any(line.startswith("2021-03-04") for line in (lines[0], lines[2]))


def test_loggers_that_are_pickled_or_copied_log_on(logger, tmp_path: Path):
    path = tmp_path / "a.log"
    logger.add(path, enqueue=True, format="{message}")
    for copy in (pickle.loads(pickle.dumps(logger)), deepcopy(logger)):
        copy.info("copy {}", 1)
        copy.remove()
    logger.info("original")
    logger.remove()
    assert path.read_text() == "copy 1\ncopy 1\noriginal\n"


def test_threads_and_processes_have_the_names_that_they_have_at_the_call(logger, tmp_path: Path):
    pair = Pair(logger, tmp_path, format="{process.name}|{thread.name}|{message}")

    def log(logger) -> None:
        logger.info("main")
        for name in ("one", "grüße", "three"):
            thread = threading.Thread(target=logger.info, args=("in a thread",), name=name)
            thread.start()
            thread.join()
        own = threading.current_thread()
        before, own.name = own.name, "renamed"
        logger.info("renamed")
        own.name = before
        process = multiprocessing.current_process()
        before, process.name = process.name, "Other"
        logger.info("other")
        process.name = before

    assert pair.lines(log) == [
        "MainProcess|MainThread|main",
        "MainProcess|one|in a thread",
        "MainProcess|grüße|in a thread",
        "MainProcess|three|in a thread",
        "MainProcess|renamed|renamed",
        "Other|MainThread|other",
    ]


def decoded(path: Path) -> list[dict]:
    """The lines of a file of JSON, which are exactly what Python's `json` would have written."""
    # Not `splitlines`, which knows more ends of lines than JSON.
    *lines, rest = path.read_text(encoding="utf8").split("\n")
    assert rest == ""
    shown = [json.loads(line) for line in lines]
    assert [json.dumps(it, ensure_ascii=False) for it in shown] == lines
    return shown


def test_serialized_records_are_those_of_python(logger, tmp_path: Path):
    shown = []
    for name, ours in (("quick", logger), ("slow", logger.patch(lambda record: None))):
        path = tmp_path / name
        logger.add(path, enqueue=True, serialize=True, format="{level} {message}", catch=False)
        ours.info("hello {}", "you")
        ours.warning('quotes " and \\ and \n and \x00\x1f\x7f and grüße \u2028 \U0001f980')
        ours.info("with {a} extra", a=1, b="zwei", c=None, d=True, e=1.5, f=float("inf"))
        ours.success("not a number", n=float("nan"), big=2**100, nested={"list": [1]})
        ours.bind(user="u-1").error("bound")
        with logger.contextualize(task="t-1"):
            ours.info("in a context")
        logger.remove()
        records = decoded(path)
        for it in records:
            moment = datetime.fromisoformat(it["record"]["time"].pop("repr"))
            assert it["record"]["time"].pop("timestamp") == moment.timestamp()
            elapsed = it["record"].pop("elapsed")
            assert elapsed["repr"] == str(timedelta(seconds=elapsed["seconds"]))
            assert 0 < elapsed["seconds"] < 3600
            assert abs(moment.timestamp() - time.time()) < 60
        shown.append(records)
    # Not a number is not equal to itself.
    assert str(shown[0]) == str(shown[1])
    assert [it["text"] for it in shown[0]][:2] == ["INFO hello you\n", shown[1][1]["text"]]
    assert [list(it["record"]["extra"]) for it in shown[0]] == [
        [], [], ["a", "b", "c", "d", "e", "f"], ["n", "big", "nested"], ["user"], ["task"],
    ]  # fmt: skip


def test_extra_of_all_records_is_serialized(logger, tmp_path: Path):
    path = tmp_path / "a.log"
    logger.add(path, enqueue=True, serialize=True)

    def log() -> None:
        logger.info("x")

    log()
    logger.configure(extra={"app": "shop", "who": "all"})
    log()
    with logger.contextualize(who="task", task=1):
        log()
        logger.bind(who="logger", app="own").info("x", who="call", last=None)
        logger.bind(odd=[1]).info("a list is Python's")
    logger.remove()
    assert [list(it["record"]["extra"].items()) for it in decoded(path)] == [
        [],
        [("app", "shop"), ("who", "all")],
        [("app", "shop"), ("who", "task"), ("task", 1)],
        [("app", "own"), ("who", "call"), ("task", 1), ("last", None)],
        [("app", "shop"), ("who", "task"), ("task", 1), ("odd", [1])],
    ]


EXTRA = [1, -7, 2**70, 1.5, float("nan"), True, None, "text", "", "grüße", "it's", "a\\b", "\n", [1], {}]


@pytest.mark.parametrize("spec", ["", ":>8", ":<3", ":08.2f", ":d", ":s", ":x"])
def test_extra_in_a_format_is_shown_as_python_does(pair: Pair, spec: str):
    pair.options["format"] = "{message} {extra[user]" + spec + "} {extra[a b]}"
    pair.options["catch"] = True

    def call(logger):
        for value in EXTRA:
            logger.bind(user=value, other=object()).info("bound", **{"a b": 1})
            with logger.contextualize(**{"a b": value}):
                logger.info("{}", "called", user=value)

    lines = pair.lines(call)
    assert [line for line in lines if line.startswith("bound")][:1] == [
        f"bound {format(1, spec[1:])} 1" if spec != ":s" else "bound text 1"
    ]


def test_all_of_the_extra_in_a_format_is_shown_as_python_does(pair: Pair):
    pair.options["format"] = "{extra} {message} {{{extra}}}"

    def call(logger):
        logger.info("none")
        logger.bind(a=1, b="two", c=None).info("some", d=0.5)
        for value in EXTRA:
            logger.info("{}", "value", value=value)
            logger.info("name", **{str(value): 1, "or": 2})

    lines = pair.lines(call)
    assert lines[:2] == [
        "{} none {{}}",
        "{'a': 1, 'b': 'two', 'c': None, 'd': 0.5} some "
        "{{'a': 1, 'b': 'two', 'c': None, 'd': 0.5}}",
    ]


def test_a_record_without_the_extra_of_the_format_is_an_error_of_the_handler(
    logger, tmp_path: Path, capsys
):
    path = tmp_path / "a.log"
    logger.add(path, enqueue=True, format="{extra[user]} {message}")
    logger.info("lacks it")
    logger.info("has it", user="u-1")
    logger.remove()
    assert path.read_text() == "u-1 has it\n"
    errors = capsys.readouterr().err.splitlines()
    assert errors[0] == "--- Logging error in Loguru Handler #0 ---"
    assert errors[-2:] == ["KeyError: 'user'", "--- End of logging error ---"]


TIMES = """
import os, sys, time
from datetime import datetime, timezone
from onewriter import logger
logger.remove()
spec = sys.argv[2]
logger.add(sys.argv[1], enqueue=True, format="{time:" + spec + "}|{time:YYYY-MM-DDTHH:mm:ss.SSSSSSZZ}")
(handler,) = logger._core.handlers.values()
assert handler.quick_queue is not None
logger.info("")
logger.remove()
shown, exact = open(sys.argv[1]).read().strip().split("|")
from onewriter._datetime import Moment
moment = datetime.strptime(exact, "%Y-%m-%dT%H:%M:%S.%f%z")
if spec.endswith("!UTC"):
    moment = moment.astimezone(timezone.utc)
expected = Moment.fromisoformat(moment.isoformat()).__format__(spec.removesuffix("!UTC"))
assert shown == expected, (shown, expected)
assert abs(moment.timestamp() - time.time()) < 60
"""


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns", "Asia/Kathmandu", "Africa/Monrovia"])
@pytest.mark.parametrize(
    "spec", ["", "YY M D DDDD DDD H hh h m s A", "hh:mm:ss.S SSS Z ZZ", "HH[h]!UTC", "D.M. HH:mm!UTC"]
)
def test_times_are_those_of_the_zone(tmp_path: Path, zone: str, spec: str):
    if "[" in spec:
        assert not can_format("{time:" + spec + "}")
        return
    environment = {**os.environ, "TZ": zone}
    command = [sys.executable, "-c", TIMES, str(tmp_path / "a.log"), spec]
    subprocess.run(command, env=environment, check=True, timeout=60)


@pytest.mark.parametrize(
    "text",
    ["{extra!r}", "{extra:>9}", "{extra[0]}", "{extra[a][b]}", "{extra[a]!r}", "{extra[]}", "{time:MMMM}", "{time:%Y}", "{elapsed:>9}", "{thread:s}", "{level.icon}", "{message:>5}",
     "{name!r}", "{line:s}", "{level:d}", "{unknown}", "{", "}", "{time:SSSSSSS}", "{file.nothing}"],
)  # fmt: skip
def test_a_format_that_only_python_can_carry_out_is_left_to_it(text: str):
    assert not can_format(text)


def test_records_with_such_a_format_are_written_all_the_same(logger, tmp_path: Path):
    path = tmp_path / "a.log"
    logger.add(path, enqueue=True, format="{extra[key]!r} {thread.name} {message}")
    (handler,) = logger._core.handlers.values()
    assert handler.quick_queue is None
    logger.bind(key=1).info("hello {}", "you")
    logger.remove()
    assert path.read_text() == "1 MainThread hello you\n"


def test_a_file_that_is_added_under_a_stopped_clock_rotates_by_that_clock(
    logger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with freezegun.freeze_time("2021-03-04 12:00:00") as clock:
        created = datetime.now().timestamp()
        monkeypatch.setattr(_file_sink, "get_ctime", lambda path: created)
        logger.add(tmp_path / "a.log", enqueue=True, rotation="daily", format="{time:DD} {message}")
        logger.info("one")
        clock.tick(timedelta(days=1))
        logger.info("two")
        logger.complete()
        logger.remove()
    texts = sorted(path.read_text() for path in tmp_path.iterdir())
    assert texts == ["04 one\n", "05 two\n"]


FORKS = """
import os, signal, sys, threading
from onewriter import logger
logger.remove()
logger.add(sys.argv[1], enqueue=True, format="{thread.name} {message}")
threading.Thread(target=lambda: [logger.info("{} {}", "thread", n) for n in range(300)]).start()
children = []
for number in range(5):
    children.append(os.fork())
    if children[-1] == 0:
        logger.info("{} {}", "child", number)
        os._exit(0)
print(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


def test_a_child_that_is_forked_in_the_moment_of_the_first_record_does_not_wait(tmp_path: Path):
    # What is made at its first use must not be in the making in another thread.
    for run in range(12):
        path = tmp_path / f"{run}.log"
        command = [sys.executable, "-W", "ignore", "-c", FORKS, str(path)]
        done = subprocess.run(command, timeout=60, check=True, capture_output=True, text=True)
        assert done.stdout == "0\n"
        said = sorted(" ".join(line.split()[-2:]) for line in path.read_text().splitlines())
        assert said == sorted([f"thread {n}" for n in range(300)] + [f"child {n}" for n in range(5)])
