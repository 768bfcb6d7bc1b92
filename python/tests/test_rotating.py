"""Handlers of files that rotate."""

from __future__ import annotations

import datetime
import grp
import gzip
import inspect
import logging
import logging.handlers
import os
import pickle
import pwd
import time
from pathlib import Path
from typing import Any

import pytest

from onewriter import _files
from onewriter._native import FileQueue
from onewriter.handlers import (
    ConcurrentRotatingFileHandler,
    ConcurrentTimedRotatingFileHandler,
    RotatingFileHandler,
    TimedRotatingFileHandler,
)

ALL = [
    RotatingFileHandler,
    TimedRotatingFileHandler,
    ConcurrentRotatingFileHandler,
    ConcurrentTimedRotatingFileHandler,
]
CONCURRENT = ALL[2:]
TIMED = ALL[1::2]


def put(handler: logging.Handler, *messages: str) -> None:
    for message in messages:
        handler.handle(logging.LogRecord("n", 20, "p", 1, message, (), None))
        handler.flush()


def contents(directory: Path) -> dict[str, str]:
    def text(path: Path) -> str:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()

    return {path.name: text(path) for path in sorted(directory.iterdir())}


LINES = [f"line {i}..." for i in range(6)]
"""Ten bytes each, with the newline: two fit below 25."""


def pair(i: int) -> str:
    return f"{LINES[2 * i]}\n{LINES[2 * i + 1]}\n"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The settings of the queues that are made."""
    settings: list[dict[str, Any]] = []

    def make(path: str, *, wait: float, **given: Any) -> FileQueue:
        assert wait == 30.0
        settings.append(given)
        return FileQueue(path, **given)

    monkeypatch.setattr(_files, "FileQueue", make)
    return settings


@pytest.mark.parametrize("kind", [RotatingFileHandler, ConcurrentRotatingFileHandler])
def test_files_rotate_by_size_and_the_newest_are_kept(kind: Any, tmp_path: Path) -> None:
    handler = kind(tmp_path / "a.log", maxBytes=25, backupCount=1)
    put(handler, *LINES)
    handler.close()
    assert contents(tmp_path) == {"a.log": pair(2), "a.log.1": pair(1)}


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        (RotatingFileHandler, {"a.log": "line 2...\n", "a.log.1": "line 1...\n"}),
        (ConcurrentRotatingFileHandler, {"a.log": "line 2...\n", "a.log.1": pair(0)}),
    ],
)
def test_only_the_standard_handler_rotates_before_a_file_has_exactly_its_size(
    kind: Any, files: dict[str, str], tmp_path: Path
) -> None:
    handler = kind(tmp_path / "a.log", maxBytes=20, backupCount=1)
    put(handler, *LINES[:3])
    handler.close()
    assert contents(tmp_path) == files


@pytest.mark.parametrize("kind", [RotatingFileHandler, ConcurrentRotatingFileHandler])
def test_a_size_can_be_any_number(kind: Any, tmp_path: Path) -> None:
    handler = kind(tmp_path / "a.log", maxBytes=2.45e1, backupCount=1)
    put(handler, *LINES[:3])
    handler.close()
    assert contents(tmp_path) == {"a.log": "line 2...\n", "a.log.1": pair(0)}


def test_old_files_are_compressed(tmp_path: Path) -> None:
    handler = ConcurrentRotatingFileHandler(
        tmp_path / "a.log", maxBytes=25, backupCount=5, use_gzip=True
    )
    put(handler, *LINES)
    handler.flush()
    # Old files are compressed in the background.
    end = time.monotonic() + 30
    while len(list(tmp_path.glob("*.gz"))) < 2 and time.monotonic() < end:
        time.sleep(0.01)
    handler.close()
    assert contents(tmp_path) == {"a.log": pair(2), "a.log.1.gz": pair(1), "a.log.2.gz": pair(0)}


def test_without_backups_the_concurrent_handler_keeps_one_old_file(tmp_path: Path) -> None:
    handler = ConcurrentRotatingFileHandler(tmp_path / "a.log", maxBytes=25)
    put(handler, *LINES)
    handler.close()
    assert contents(tmp_path) == {"a.log": pair(2), "a.log.1": pair(1)}


def test_without_backups_the_standard_handler_does_not_rotate(tmp_path: Path) -> None:
    handler = RotatingFileHandler(tmp_path / "a.log", maxBytes=25)
    put(handler, *LINES)
    handler.close()
    assert contents(tmp_path) == {"a.log": pair(0) + pair(1) + pair(2)}


def test_do_rollover_rotates_at_once_and_is_counted(tmp_path: Path) -> None:
    handler = ConcurrentRotatingFileHandler(tmp_path / "a.log", backupCount=3)
    assert handler.num_rollovers == 0
    put(handler, "old")
    handler.doRollover()
    put(handler, "new")
    assert handler.num_rollovers == 1
    handler.close()
    assert contents(tmp_path) == {"a.log": "new\n", "a.log.1": "old\n"}


@pytest.mark.parametrize("kind", TIMED)
def test_a_time_rotation_names_the_old_file_by_its_date(kind: Any, tmp_path: Path) -> None:
    handler = kind(tmp_path / "a.log", when="H", backupCount=3)
    handler.suffix = "%Y.old"
    put(handler, "old")
    before = time.localtime().tm_year
    handler.doRollover()
    put(handler, "new")
    handler.close()
    (old,) = set(os.listdir(tmp_path)) - {"a.log"}
    assert old in {f"a.log.{year}.old" for year in (before, time.localtime().tm_year)}
    assert contents(tmp_path) == {"a.log": "new\n", old: "old\n"}
    assert handler.rolloverAt > time.time()


@pytest.mark.parametrize(
    ("arguments", "settings"),
    [
        ({"when": "S", "interval": 5}, {"rotate_every": 5.0, "names": "appended %Y-%m-%d_%H-%M-%S"}),
        ({"when": "m"}, {"rotate_every": 60.0, "names": "appended %Y-%m-%d_%H-%M"}),
        ({}, {"rotate_every": 3600.0, "names": "appended %Y-%m-%d_%H"}),
        ({"when": "D", "interval": 2}, {"rotate_every": 172800.0, "names": "appended %Y-%m-%d"}),
        ({"when": "midnight"}, {"rotate_at": "00:00", "names": "appended %Y-%m-%d"}),
        (
            {"when": "midnight", "atTime": datetime.time(5, 30)},
            {"rotate_at": "05:30:00", "names": "appended %Y-%m-%d"},
        ),
        (
            {"when": "midnight", "interval": 3},
            {"rotate_every": 259200.0, "names": "appended %Y-%m-%d"},
        ),
        ({"when": "W0"}, {"rotate_at": "monday at 00:00", "names": "appended %Y-%m-%d"}),
        (
            {"when": "W6", "atTime": datetime.time(3)},
            {"rotate_at": "sunday at 03:00:00", "names": "appended %Y-%m-%d"},
        ),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", TIMED)
def test_the_time_of_rotation_is_told_to_the_writer(
    kind: Any, arguments: Any, settings: Any, made: list[dict[str, Any]], tmp_path: Path
) -> None:
    put(kind(tmp_path / "a.log", backupCount=4, utc=True, **arguments), "a")
    assert contents(tmp_path) == {"a.log": "a\n"}
    assert made == [{**settings, "format": "{message}\n", "utc": True, "keep": 4}]


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize(
    "arguments",
    [
        *({"when": when} for when in ("S", "M", "H", "D", "midnight", "W0", "W6")),
        {"when": "midnight", "interval": 3},
        {"when": "midnight", "atTime": datetime.time(5, 30)},
        {"when": "W2", "atTime": datetime.time(5, 30, 15)},
    ],
    ids=str,
)
def test_a_file_of_an_earlier_run_makes_way_when_its_time_is_over(
    kind: Any, arguments: Any, tmp_path: Path
) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\n")
    then = time.time() - 30 * 86400
    os.utime(path, (then, then))
    handler = kind(path, backupCount=4, **arguments)
    put(handler, "new")
    handler.close()
    old = f"a.log.{time.strftime(handler.suffix, time.localtime(then))}"
    assert contents(tmp_path) == {"a.log": "new\n", old: "old\n"}


def test_time_and_size_can_be_told_together(made: list[dict[str, Any]], tmp_path: Path) -> None:
    handler = ConcurrentTimedRotatingFileHandler(
        tmp_path / "a.log", "midnight", maxBytes=1000, use_gzip=True
    )
    put(handler, "a")
    assert made == [
        {
            "rotate_at": "00:00",
            "rotate_size": 1000,
            "names": "appended %Y-%m-%d",
            "utc": False,
            "format": "{message}\n",
            "compression": "gz",
        }
    ]


@pytest.mark.parametrize("kind", TIMED)
@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("Q", "Invalid rollover interval specified: Q"),
        ("W", "You must specify a day for weekly rollover from 0 to 6 (0 is Monday): W"),
        ("W9", "Invalid day specified for weekly rollover: W9"),
    ],
)
def test_a_wrong_interval_is_named(kind: Any, when: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        kind(tmp_path / "a.log", when)
    assert str(caught.value) == message
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("kind", ALL)
def test_it_is_a_rotating_handler_of_the_standard_library(kind: Any, tmp_path: Path) -> None:
    handler = kind(tmp_path / "a.log", backupCount=3, delay=True)
    assert isinstance(handler, logging.handlers.BaseRotatingHandler)
    timed = isinstance(handler, logging.handlers.TimedRotatingFileHandler)
    assert timed is (kind in TIMED)
    assert (handler.baseFilename, handler.backupCount) == (str(tmp_path / "a.log"), 3)
    assert (handler.maxBytes, handler.namer, handler.rotator) == (0, None, None)


@pytest.mark.parametrize("kind", ALL[:2])
def test_the_arguments_are_those_of_the_standard_library(kind: Any) -> None:
    theirs = inspect.signature(getattr(logging.handlers, kind.__name__)).parameters
    ours = inspect.signature(kind).parameters
    assert [(one.name, one.default) for one in ours.values()] == [
        (one.name, one.default) for one in theirs.values()
    ]


def test_the_arguments_are_those_of_concurrent_log_handler() -> None:
    def shown(kind: Any) -> str:
        named = inspect.signature(kind).parameters.values()
        return ", ".join(str(one.replace(annotation=one.empty)) for one in named)

    assert shown(ConcurrentRotatingFileHandler) == (
        "filename, mode='a', maxBytes=0, backupCount=0, encoding=None, debug=False, delay=None, "
        "use_gzip=False, owner=None, chmod=None, umask=None, newline=None, terminator='\\n', "
        "unicode_error_policy='ignore', lock_file_directory=None, keep_file_open=True"
    )
    assert shown(ConcurrentTimedRotatingFileHandler) == (
        "filename, when='h', interval=1, backupCount=0, encoding=None, delay=False, utc=False, "
        "atTime=None, errors=None, maxBytes=0, use_gzip=False, owner=None, chmod=None, "
        "umask=None, newline=None, terminator='\\n', unicode_error_policy='ignore', "
        "lock_file_directory=None, keep_file_open=True, **kwargs"
    )


@pytest.mark.parametrize("kind", CONCURRENT)
def test_arguments_without_meaning_are_accepted(kind: Any, tmp_path: Path) -> None:
    handler = kind(
        tmp_path / "a.log", debug=True, lock_file_directory="/none", keep_file_open=False, mode="a"
    )
    assert os.listdir(tmp_path) == []
    put(handler, "a")
    handler.close()
    assert contents(tmp_path) == {"a.log": "a\n"}


@pytest.mark.parametrize(
    ("newline", "terminator", "expected"),
    [
        (None, "\n", b"a\nb\nc\n"),
        ("\r\n", "\n", b"a\r\nb\r\nc\r\n"),
        ("", "\r\n", b"a\nb\r\nc\r\n"),
        ("\n", "\r\n", b"a\nb\r\nc\r\n"),
        ("\r", "\n", b"a\rb\rc\r"),
        (None, "", b"a\nb\nc\n"),
        (None, None, b"a\nb\nc\n"),
    ],
)
@pytest.mark.parametrize("kind", CONCURRENT)
def test_newline_and_terminator_end_the_lines(
    kind: Any, newline: Any, terminator: Any, expected: bytes, tmp_path: Path
) -> None:
    handler = kind(tmp_path / "a.log", newline=newline, terminator=terminator)
    put(handler, "a\nb", "c")
    handler.close()
    assert (tmp_path / "a.log").read_bytes() == expected


@pytest.mark.parametrize(
    ("policy", "expected"), [("ignore", b"1\nc\n"), ("replace", b"?1\nc\n"), ("strict", b"c\n")]
)
@pytest.mark.parametrize("kind", CONCURRENT)
def test_the_unicode_error_policy_decides_what_is_written(
    kind: Any, policy: str, expected: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    handler = kind(tmp_path / "a.log", encoding="ascii", unicode_error_policy=policy)
    put(handler, "ä1", "c")
    handler.close()
    assert (tmp_path / "a.log").read_bytes() == expected


def test_an_unknown_unicode_error_policy_is_told_and_ignored(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="must be ignore, replace, or strict. Defaulting"):
        handler = ConcurrentRotatingFileHandler(tmp_path / "a.log", unicode_error_policy="bogus")
    assert handler.unicode_error_policy == "ignore"


@pytest.mark.parametrize("kind", CONCURRENT)
def test_owner_chmod_and_umask_are_told_to_the_writer(
    kind: Any, made: list[dict[str, Any]], tmp_path: Path
) -> None:
    me = (pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name)
    put(kind(tmp_path / "a.log", owner=me, chmod=0o640, umask=0o077), "a")
    put(kind(tmp_path / "a.log", umask=0o077), "a")
    assert (made[0]["mode"], made[0]["owner"]) == (0o640, (os.getuid(), os.getgid()))
    assert made[1]["mode"] == 0o600
    assert "owner" not in made[1]


def test_an_unknown_owner_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no such user"):
        ConcurrentRotatingFileHandler(tmp_path / "a.log", owner=("no such user", "nogroup"))


def test_the_hooks_of_the_timed_handler_are_called_in_order(tmp_path: Path) -> None:
    called = []

    class Own(ConcurrentTimedRotatingFileHandler):
        def finalize_handler_configuration(self) -> None:
            called.append("finalize")
            self.suffix = "%Y"

        def initialize_rollover_time(self) -> None:
            called.append("initialize")
            super().initialize_rollover_time()

    handler = Own(tmp_path / "a.log")
    assert called == ["finalize", "initialize"]
    assert handler.suffix == "%Y"
    assert handler.rolloverAt > handler.MIN_VALID_TIMESTAMP


@pytest.mark.parametrize("kind", ALL)
def test_a_pickled_handler_logs_to_the_same_file(kind: Any, tmp_path: Path) -> None:
    handler = kind(tmp_path / "a.log", backupCount=2)
    put(handler, "a")
    copy = pickle.loads(pickle.dumps(handler))
    put(copy, "b")
    handler.close()
    copy.close()
    assert contents(tmp_path) == {"a.log": "a\nb\n"}
    assert copy.backupCount == 2


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "name",
    ["namer", "rotator", "doRollover", "shouldRollover", "computeRollover", "getFilesToDelete",
     "do_open", "do_write", "do_gzip"],
)
def test_a_function_that_the_writer_cannot_call_is_refused(
    kind: Any, name: str, tmp_path: Path
) -> None:
    handler = kind(tmp_path / "a.log", delay=True)
    with pytest.raises(NotImplementedError, match=f"{name} = <built-in function len>: files"):
        setattr(handler, name, len)
    with pytest.raises(NotImplementedError, match=f"Own.{name} = .*: files are written and"):
        type("Own", (kind,), {name: lambda *_: None})
    mixin = type("Mixin", (), {name: lambda *_: None})
    with pytest.raises(NotImplementedError, match=f"Own.{name} = .*: files are written and"):
        type("Own", (mixin, kind), {})


@pytest.mark.parametrize("kind", ALL)
def test_no_namer_and_no_rotator_can_be_set(kind: Any, tmp_path: Path) -> None:
    handler = kind(tmp_path / "a.log", delay=True)
    handler.namer = handler.rotator = None
    assert (handler.namer, handler.rotator) == (None, None)


def test_should_rollover_tells_what_the_next_record_would_do(tmp_path: Path) -> None:
    handler = RotatingFileHandler(tmp_path / "a.log", maxBytes=25, backupCount=1)
    record = logging.makeLogRecord({"msg": LINES[0]})
    assert not handler.shouldRollover(record)
    put(handler, *LINES[:1])
    assert not handler.shouldRollover(record)
    put(handler, *LINES[:1])
    assert handler.shouldRollover(record)
    handler.close()
