"""The file sink: what is in its directory after what was written when."""

from __future__ import annotations

import asyncio
import gzip
import os
import pickle
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from onewriter import _file_sink
from onewriter._datetime import Moment
from onewriter._file_sink import FileSink


class Message(str):
    """As a handler gives it to a sink."""

    record: dict


class Clock:
    """The time, which stands still, and the times of creation of the files."""

    def __init__(self, monkeypatch):
        self.now = Moment(2020, 1, 1, tzinfo=datetime.now().astimezone().tzinfo)
        self.created = {}
        monkeypatch.setattr(_file_sink, "aware_now", lambda: self.now)
        monkeypatch.setattr(_file_sink, "time", SimpleNamespace(time=lambda: self.now.timestamp()))
        monkeypatch.setattr(_file_sink, "get_ctime", self.created.__getitem__)
        monkeypatch.setattr(_file_sink, "set_ctime", self.created.__setitem__)

    def tick(self, **duration):
        moment = self.now + timedelta(**(duration or {"seconds": 1}))
        self.now = Moment.combine(moment.date(), moment.timetz())


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.fixture
def opened(clock):
    """Makes sinks, and closes what the test has not."""
    sinks = []

    def make(path, **options):
        sinks.append(FileSink(path, **options))
        return sinks[-1]

    yield make
    for sink in sinks:
        sink._close()


def write(sink, text, clock):
    message = Message(f"{text}\n")
    message.record = {"time": clock.now}
    sink.write(message)


def do_nothing(*args):
    """What can be pickled by its name."""


def contents(directory):
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_each_line_is_in_the_file_when_the_call_returns(tmp_path, opened, clock):
    sink = opened(tmp_path / "new" / "a.log")
    write(sink, "\u00e9", clock)
    assert (tmp_path / "new" / "a.log").read_bytes() == b"\xc3\xa9\n"


def test_the_arguments_of_open_are_passed_on(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", encoding="ascii", errors="replace", newline="\r\n")
    write(sink, "\u00e9", clock)
    assert (tmp_path / "a.log").read_bytes() == b"?\r\n"


@pytest.mark.parametrize(("mode", "expected"), [("a", "old\nnew\n"), ("w", "new\n")])
def test_the_mode_says_what_becomes_of_an_existing_file(tmp_path, opened, clock, mode, expected):
    (tmp_path / "a.log").write_text("old\n")
    clock.created[str(tmp_path / "a.log")] = 0.0
    write(opened(tmp_path / "a.log", mode=mode), "new", clock)
    assert contents(tmp_path) == {"a.log": expected}


def test_a_file_that_must_be_new_is_not_touched_if_it_is_not(tmp_path, opened, clock):
    (tmp_path / "a.log").write_text("old\n")
    sink = opened(tmp_path / "a.log", mode="x", delay=True)
    with pytest.raises(FileExistsError):
        write(sink, "new", clock)
    assert contents(tmp_path) == {"a.log": "old\n"}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a_{time}.log", "a_2020-01-01_00-00-00_000000.log"),
        ("a.{time:YYYY-MM}.log", "a.2020-01.log"),
        ("{{a}} {time:%H}.log", "{a} 00.log"),
    ],
)
def test_a_path_can_have_the_time_of_its_opening(tmp_path, opened, clock, pattern, expected):
    opened(f"{tmp_path}/{pattern}")
    assert contents(tmp_path) == {expected: ""}


def test_another_placeholder_is_an_error(tmp_path, clock):
    with pytest.raises(KeyError, match="name"):
        FileSink(tmp_path / "{name}.log")


def test_a_relative_path_stays_where_it_was(tmp_path, opened, clock, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    sink = opened("a.log", rotation=0, retention=1)
    monkeypatch.chdir(tmp_path / "there")
    write(sink, "a", clock)
    assert contents(tmp_path / "here") == {"a.2020-01-01_00-00-00_000000.log": "", "a.log": "a\n"}
    assert contents(tmp_path / "there") == {}


def test_a_delayed_file_comes_with_the_first_message(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", delay=True)
    assert contents(tmp_path) == {}
    write(sink, "a", clock)
    assert contents(tmp_path) == {"a.log": "a\n"}


def test_a_full_file_is_renamed_to_its_creation(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", rotation=5)
    for text in ("one", "two", "six"):
        write(sink, text, clock)
        clock.tick()
    assert contents(tmp_path) == {
        "a.2020-01-01_00-00-00_000000.log": "one\n",
        "a.2020-01-01_00-00-01_000000.log": "two\n",
        "a.log": "six\n",
    }


def test_files_of_one_moment_are_numbered_from_two(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", rotation=0)
    for text in ("one", "two"):
        write(sink, text, clock)
    assert contents(tmp_path) == {
        "a.2020-01-01_00-00-00_000000.log": "",
        "a.2020-01-01_00-00-00_000000.2.log": "one\n",
        "a.log": "two\n",
    }


def test_a_path_with_the_time_is_not_renamed_while_the_time_differs(tmp_path, opened, clock):
    sink = opened(tmp_path / "{time:ss}.log", rotation=0)
    clock.tick()
    write(sink, "one", clock)
    write(sink, "two", clock)
    assert contents(tmp_path) == {
        "00.log": "",
        "01.2020-01-01_00-00-01_000000.log": "one\n",
        "01.log": "two\n",
    }


def test_a_period_goes_on_when_the_program_is_started_again(tmp_path, opened, clock):
    path = tmp_path / "a.log"
    for _ in range(3):
        sink = opened(path, rotation="2 hours")
        write(sink, "a", clock)
        sink.stop()
        clock.tick(hours=1)
    assert contents(tmp_path) == {"a.2020-01-01_00-00-00_000000.log": "a\na\n", "a.log": "a\n"}


def test_a_file_that_is_emptied_is_created_anew(tmp_path, opened, clock):
    opened(tmp_path / "a.log", mode="w", rotation=4).stop()
    clock.tick()
    sink = opened(tmp_path / "a.log", mode="w", rotation=4)
    write(sink, "one", clock)
    write(sink, "two", clock)
    assert contents(tmp_path) == {"a.2020-01-01_00-00-01_000000.log": "one\n", "a.log": "two\n"}


def test_an_older_file_is_compressed_and_the_oldest_go(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", rotation=3, compression="gz", retention=1)
    for second, text in enumerate(("one", "two", "six")):
        write(sink, text, clock)
        for path in tmp_path.iterdir():
            os.utime(path, (second, second))
        clock.tick()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.2020-01-01_00-00-01_000000.log.gz",
        "a.log",
    ]
    with gzip.open(tmp_path / "a.2020-01-01_00-00-01_000000.log.gz", "rt") as archive:
        assert archive.read() == "two\n"


def test_compression_comes_before_retention_and_both_before_the_new_file(tmp_path, opened, clock):
    seen = []

    def note(given):
        seen.append((given, sorted(contents(tmp_path))))

    sink = opened(tmp_path / "a.log", rotation=0, compression=note, retention=note)
    write(sink, "one", clock)
    name = "a.2020-01-01_00-00-00_000000.log"
    renamed = str(tmp_path / name)
    assert seen == [(renamed, [name]), ([renamed], [name])]


def test_an_archive_makes_way_for_another_of_its_name(tmp_path, opened, clock):
    for text in ("one", "two"):
        sink = opened(tmp_path / "a.log", compression="gz")
        write(sink, text, clock)
        clock.tick()
        sink.stop()
    archives = {path.name: gzip.decompress(path.read_bytes()) for path in tmp_path.iterdir()}
    assert archives == {"a.2020-01-01_00-00-01_000000.log.gz": b"one\n", "a.log.gz": b"two\n"}


def test_without_rotation_the_end_compresses_and_removes(tmp_path, opened, clock):
    (tmp_path / "a.log.1").touch()
    os.utime(tmp_path / "a.log.1", (0, 0))
    sink = opened(tmp_path / "a.log", compression="zip", retention=1)
    sink.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["a.log.zip"]


def test_with_rotation_the_end_leaves_the_file_for_the_next_start(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", rotation="1 GB", compression="gz", retention=0)
    write(sink, "a", clock)
    sink.stop()
    assert contents(tmp_path) == {"a.log": "a\n"}


def test_the_end_of_a_delayed_file_that_never_came_still_removes(tmp_path, opened, clock):
    (tmp_path / "a.log.1").touch()
    opened(tmp_path / "a.log", delay=True, compression="gz", retention=0).stop()
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("delay", [False, True])
def test_a_watched_file_comes_again_with_its_directory(tmp_path, opened, clock, delay):
    path = tmp_path / "logs" / "a.log"
    sink = opened(path, watch=True, delay=delay)
    write(sink, "one", clock)
    path.unlink()
    path.parent.rmdir()
    write(sink, "two", clock)
    assert contents(tmp_path / "logs") == {"a.log": "two\n"}


@pytest.mark.parametrize(
    ("mode", "expected"), [("a", "other\ntwo\n"), ("x", "other\ntwo\n"), ("w", "two\n")]
)
def test_a_watched_file_is_followed_to_its_successor(tmp_path, opened, clock, mode, expected):
    path = tmp_path / "a.log"
    sink = opened(path, watch=True, mode=mode)
    write(sink, "one", clock)
    path.rename(tmp_path / "moved.log")
    path.write_text("other\n")
    write(sink, "two", clock)
    assert contents(tmp_path) == {"moved.log": "one\n", "a.log": expected}


def test_a_watched_file_is_there_again_for_compression(tmp_path, opened, clock):
    seen = []
    sink = opened(
        tmp_path / "a.log", watch=True, compression=lambda path: seen.append(os.path.exists(path))
    )
    (tmp_path / "a.log").unlink()
    sink.stop()
    assert seen == [True]


def failing(*args):
    raise OSError("out of order")


@pytest.mark.parametrize("mode", ["a", "w", "x"])
def test_a_message_whose_rotation_fails_is_in_the_file_that_is_open(tmp_path, opened, clock, mode):
    sink = opened(tmp_path / "a.log", rotation=failing, mode=mode)
    for text in ("one", "two"):
        with pytest.raises(OSError, match="^out of order$"):
            write(sink, text, clock)
    assert contents(tmp_path) == {"a.log": "one\ntwo\n"}


@pytest.mark.parametrize("mode", ["a", "w", "x"])
def test_a_file_that_cannot_be_renamed_is_written_on(tmp_path, opened, clock, monkeypatch, mode):
    sink = opened(tmp_path / "a.log", rotation=4, mode=mode)
    write(sink, "one", clock)
    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(OSError, match="^out of order$"):
        write(sink, "two", clock)
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.log": "one\ntwo\n"}


@pytest.mark.parametrize("part", ["compression", "retention"])
def test_a_message_during_which_an_old_file_fails_is_in_the_new_one(tmp_path, opened, clock, part):
    sink = opened(tmp_path / "a.log", rotation=4, **{part: failing})
    write(sink, "one", clock)
    with pytest.raises(OSError, match="^out of order$"):
        write(sink, "two", clock)
    assert contents(tmp_path) == {"a.2020-01-01_00-00-00_000000.log": "one\n", "a.log": "two\n"}


def test_retention_does_not_wait_for_a_compression_that_fails(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", rotation=4, compression=failing, retention=0)
    write(sink, "one", clock)
    with pytest.raises(OSError, match="^out of order$"):
        write(sink, "two", clock)
    assert contents(tmp_path) == {"a.log": "two\n"}


def test_a_file_that_is_gone_when_it_is_full_is_no_failure(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", rotation=4, compression="gz")
    write(sink, "one", clock)
    (tmp_path / "a.log").unlink()
    write(sink, "two", clock)
    assert contents(tmp_path) == {"a.log": "two\n"}


def test_a_file_that_cannot_be_opened_is_tried_again_with_the_next_message(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log", rotation=4, mode="w")
    write(sink, "one", clock)
    (tmp_path / "a.log").unlink()
    (tmp_path / "a.log").mkdir()
    clock.created[str(tmp_path / "a.log")] = 0.0
    sink._close()
    with pytest.raises(IsADirectoryError):
        write(sink, "two", clock)
    (tmp_path / "a.log").rmdir()
    write(sink, "six", clock)
    assert contents(tmp_path) == {"a.log": "six\n"}


@pytest.mark.parametrize(
    "options",
    [
        {"rotation": [1000, "daily", "5 hours", "10:00", timedelta(hours=1), do_nothing]},
        {"retention": 1000},
        {"retention": "10 days"},
        {"compression": "tar.gz"},
        {"compression": do_nothing},
    ],
)
def test_a_sink_can_be_sent_to_another_process_before_it_is_open(tmp_path, clock, options):
    sink = pickle.loads(pickle.dumps(FileSink(tmp_path / "a.log", delay=True, **options)))
    write(sink, "a", clock)
    sink._close()
    assert contents(tmp_path) == {"a.log": "a\n"}


def test_there_is_nothing_to_wait_for(tmp_path, opened, clock):
    sink = opened(tmp_path / "a.log")
    assert sink.tasks_to_complete() == []
    assert asyncio.run(sink.complete()) is None


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"rotation": object()}, TypeError),
        ({"retention": "W5"}, ValueError),
        ({"compression": "rar"}, ValueError),
        ({"encoding": "nope"}, LookupError),
        ({"unknown": 1}, TypeError),
    ],
)
def test_a_wrong_argument_is_refused_at_once(tmp_path, clock, options, error):
    with pytest.raises(error):
        FileSink(tmp_path / "a.log", **options)


def test_a_time_in_a_zone_counts_from_the_creation_there(tmp_path, opened, clock):
    clock.now = Moment(2020, 1, 1, 12, tzinfo=timezone.utc)
    sink = opened(tmp_path / "a.log", rotation="13:00")
    for hours in (0.5, 1, 1):
        clock.tick(hours=hours)
        write(sink, clock.now.strftime("%H:%M"), clock)
    assert contents(tmp_path)["a.log"] == "13:30\n14:30\n"
