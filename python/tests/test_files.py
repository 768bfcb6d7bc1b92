"""Handlers of files without rotation, and of streams."""

from __future__ import annotations

import errno
import io
import logging
import logging.handlers
import os
import pickle
import queue
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from onewriter import _files
from onewriter.handlers import (
    ConcurrentRotatingFileHandler,
    ConcurrentTimedRotatingFileHandler,
    FileHandler,
    RotatingFileHandler,
    StreamHandler,
    TimedRotatingFileHandler,
    WatchedFileHandler,
)


def record(msg: str, *args: object, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("shop", level, "p", 1, msg, args, None)


class FakeQueue:
    """What the handlers ask of the native queue."""

    made: list[FakeQueue]
    full = False

    def __init__(self, path: str, *, wait: float, **settings: Any) -> None:
        self.wait = wait
        self.path = path
        self.settings = settings
        self.calls: list[Any] = []
        FakeQueue.made.append(self)

    def put(self, data: bytes, level: int, wait: float) -> None:
        if self.full:
            raise queue.Full
        self.calls.append((data, level, wait))

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeQueue]:
    monkeypatch.setattr(_files, "FileQueue", FakeQueue)
    monkeypatch.setattr(FakeQueue, "made", [], raising=False)
    return FakeQueue


@pytest.mark.parametrize("kind", [FileHandler, WatchedFileHandler])
def test_it_has_the_base_class_and_attributes_of_the_standard_handler(
    kind: type[FileHandler], tmp_path: Path
) -> None:
    base = getattr(logging, kind.__name__, None) or getattr(logging.handlers, kind.__name__)
    handler = kind(tmp_path / "a.log", "a", "utf-8", True, "replace")
    assert isinstance(handler, base)
    assert handler.baseFilename == str(tmp_path / "a.log")
    assert (handler.mode, handler.encoding, handler.errors) == ("a", "utf-8", "replace")
    assert handler.delay is True
    handler.close()


def test_a_line_is_in_the_file_after_flush(tmp_path: Path) -> None:
    handler = FileHandler(tmp_path / "a.log")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    handler.handle(record("order %d", 7))
    handler.flush()
    assert (tmp_path / "a.log").read_bytes() == b"INFO order 7\n"
    handler.close()


def test_close_drains_and_a_record_after_it_is_appended(tmp_path: Path) -> None:
    handler = FileHandler(tmp_path / "a.log")
    for message in ("a", "b"):
        handler.handle(record(message))
        handler.close()
    assert (tmp_path / "a.log").read_bytes() == b"a\nb\n"


def test_without_delay_the_file_is_there_at_once(tmp_path: Path) -> None:
    FileHandler(tmp_path / "now.log").close()
    FileHandler(tmp_path / "later.log", delay=True).close()
    assert os.listdir(tmp_path) == ["now.log"]


def test_a_directory_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileHandler(tmp_path / "none" / "a.log")


ALL = [
    FileHandler, WatchedFileHandler, RotatingFileHandler, TimedRotatingFileHandler,
    ConcurrentRotatingFileHandler, ConcurrentTimedRotatingFileHandler,
]  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_a_folder_in_place_of_a_file_is_the_error_that_it_always_was(
    kind: Any, tmp_path: Path
) -> None:
    handler = kind(tmp_path, delay=True)
    with pytest.raises(IsADirectoryError) as caught:
        handler._file()
    assert str(caught.value) == f"[Errno {errno.EISDIR}] Is a directory: '{tmp_path}'"


@pytest.mark.parametrize(
    "kind", [FileHandler, WatchedFileHandler, RotatingFileHandler, TimedRotatingFileHandler]
)
def test_a_device_and_a_pipe_that_nobody_reads_are_refused_at_once(
    kind: Any, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", tmp_path / "pipe"):
        with pytest.raises(ValueError, match="^the log file is a pipe or a device: use a stream"):
            kind(path)


class Group:
    """A recipe for the permissions of a file, as a mixin."""

    def _open(self) -> None:
        raise AssertionError("it is never called")


@pytest.mark.parametrize("kind", ALL)
def test_an_own_way_to_open_the_file_is_refused_wherever_it_comes_from(
    kind: Any, tmp_path: Path
) -> None:
    message = (
        r"Own\._open = <function .*_open at .*>: files are opened by the writer, which cannot "
        "call it; mode and encoding are arguments, and so are chmod, umask and owner of "
        "ConcurrentRotatingFileHandler$"
    )
    with pytest.raises(NotImplementedError, match=message):
        type("Own", (kind,), {"_open": Group._open})
    with pytest.raises(NotImplementedError, match=message):
        type("Own", (Group, kind), {})
    with pytest.raises(NotImplementedError, match=message):
        type("Own", (type("Between", (Group,), {}), kind), {})
    handler = kind(tmp_path / "a.log", delay=True)
    with pytest.raises(NotImplementedError, match="^_open = <built-in function len>: files are"):
        handler._open = len


def test_a_mixin_that_only_adds_is_welcome(tmp_path: Path) -> None:
    class Counting:
        count = 0

        def emit(self, record: logging.LogRecord) -> None:
            self.count += 1
            super().emit(record)  # type: ignore[misc]

    class Own(Counting, FileHandler):
        pass

    handler = Own(tmp_path / "a.log")
    handler.handle(record("a"))
    handler.close()
    assert (handler.count, (tmp_path / "a.log").read_text()) == (1, "a\n")


def test_an_encoding_that_is_none_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="^unknown encoding: morse$"):
        FileHandler(tmp_path / "a.log", encoding="morse")


def test_a_path_can_be_bytes(tmp_path: Path) -> None:
    handler = FileHandler(os.fsencode(tmp_path / "a.log"))  # type: ignore[arg-type]
    handler.handle(record("a"))
    handler.close()
    assert (tmp_path / "a.log").read_bytes() == b"a\n"


def test_mode_w_truncates_once(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\n")
    handler = FileHandler(path, mode="w")
    handler.handle(record("a"))
    handler.close()
    handler.handle(record("b"))
    handler.close()
    assert path.read_text() == "a\nb\n"


def test_mode_x_wants_a_new_file(tmp_path: Path) -> None:
    FileHandler(tmp_path / "a.log", mode="x").close()
    with pytest.raises(FileExistsError):
        FileHandler(tmp_path / "a.log", mode="x")


def test_two_handlers_and_a_forked_child_share_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    one, two = FileHandler(path), FileHandler(path)
    one.handle(record("one"))
    two.handle(record("two"))
    child = os.fork()
    if child == 0:
        one.handle(record("child"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    two.handle(record("end"))
    one.close()
    two.close()
    assert path.read_text() == "one\ntwo\nchild\nend\n"


def test_when_one_of_two_handlers_is_closed_the_other_loses_nothing(tmp_path: Path) -> None:
    first, second = FileHandler(tmp_path / "a.log"), FileHandler(tmp_path / "a.log")
    first.handle(record("a"))
    second.handle(record("b"))
    first.close()
    second.handle(record("c"))
    second.close()
    assert (tmp_path / "a.log").read_bytes() == b"a\nb\nc\n"


def test_a_pickled_handler_logs_to_the_same_file(tmp_path: Path) -> None:
    handler = FileHandler(tmp_path / "a.log", mode="w")
    handler.setFormatter(logging.Formatter("<%(message)s>"))
    handler.handle(record("a"))
    copy = pickle.loads(pickle.dumps(handler))
    copy.handle(record("b"))
    handler.close()
    copy.close()
    assert (tmp_path / "a.log").read_text() == "<a>\n<b>\n"


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("utf-8", b"\xc3\xa4\n"),
        ("latin-1", b"\xe4\n"),
        ("utf-8-sig", b"\xc3\xa4\n"),
        ("utf-16", b"\xe4\0\n\0"),
    ],
)
def test_lines_are_encoded_without_a_mark(
    encoding: str, line: bytes, fake: type[FakeQueue], tmp_path: Path
) -> None:
    handler = FileHandler(tmp_path / "a.log", encoding=encoding)
    handler.handle(record("ä", level=41))
    assert fake.made[0].calls == [(line, 41, 30.0)]


def test_what_the_encoding_cannot_say_is_an_error_unless_errors_says_how(
    fake: type[FakeQueue], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    FileHandler(tmp_path / "a.log", encoding="ascii", errors="replace").handle(record("ä"))
    assert fake.made[0].calls[0][0] == b"?\n"
    FileHandler(tmp_path / "a.log", encoding="ascii").handle(record("ä"))
    assert "UnicodeEncodeError" in capfd.readouterr().err


def test_the_queue_is_made_for_the_first_record_and_once(
    fake: type[FakeQueue], tmp_path: Path
) -> None:
    handler = FileHandler(tmp_path / "a.log")
    handler.flush()
    assert fake.made == []
    handler.handle(record("a"))
    handler.handle(record("b"))
    (made,) = fake.made
    assert (made.path, made.settings) == (str(tmp_path / "a.log"), {"format": "{message}\n"})


def test_flush_reopen_and_close_go_to_the_queue(fake: type[FakeQueue], tmp_path: Path) -> None:
    handler = WatchedFileHandler(tmp_path / "a.log")
    handler.wait = 5.0
    handler.handle(record("a"))
    handler.flush()
    handler.reopenIfNeeded()
    handler.close()
    assert fake.made[0].wait == 5.0
    assert fake.made[0].calls == [(b"a\n", 20, 5.0), ("complete", 5.0), ("reopen",), ("close", 5.0)]


def test_a_queue_without_room_is_an_error_of_the_handler(
    fake: type[FakeQueue], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = []

    class Own(FileHandler):
        def handleError(self, record: logging.LogRecord) -> None:
            failed.append((record.msg, sys.exc_info()[0]))

    monkeypatch.setattr(FakeQueue, "full", True)
    Own(tmp_path / "a.log").handle(record("a"))
    assert failed == [("a", queue.Full)]


def test_filters_are_asked_and_no_lock_is_taken(fake: type[FakeQueue], tmp_path: Path) -> None:
    handler = FileHandler(tmp_path / "a.log")
    handler.handle(record("first"))
    handler.addFilter(lambda record: record.msg != "no")
    handler.acquire()
    try:
        thread = threading.Thread(
            target=lambda: [handler.handle(record(word)) for word in ("no", "yes")]
        )
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    finally:
        handler.release()
    assert [call[0] for call in fake.made[0].calls] == [b"first\n", b"yes\n"]


def test_a_stream_gets_each_line_in_one_write() -> None:
    writes = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    stream = Stream()
    handler = StreamHandler(stream)
    assert isinstance(handler, logging.StreamHandler)
    handler.handle(record("a"))
    assert writes == ["a\n"]
    assert StreamHandler().stream is sys.stderr


def test_the_handlers_of_one_stream_take_turns() -> None:
    one, other = io.StringIO(), io.StringIO()
    first, second, third = StreamHandler(one), StreamHandler(one), StreamHandler(other)
    assert first.lock is second.lock
    assert first.lock is not third.lock
    assert third.setStream(one) is other
    assert third.setStream(one) is None
    assert third.lock is first.lock


def test_a_forked_child_has_its_turn_though_another_thread_was_writing() -> None:
    entered, leave = threading.Event(), threading.Event()
    parent = os.getpid()

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            if os.getpid() == parent:
                entered.set()
                assert leave.wait(30)
            return super().write(text)

    handler = StreamHandler(Slow())
    writing = threading.Thread(target=handler.handle, args=(record("thread"),))
    writing.start()
    assert entered.wait(30)
    child = os.fork()
    if child == 0:
        handler.handle(record("child"))
        os._exit(0 if handler.stream.getvalue() == "child\n" else 1)
    assert os.waitpid(child, 0)[1] == 0
    leave.set()
    writing.join()
    assert handler.stream.getvalue() == "thread\n"


def test_a_record_during_which_another_thread_closes_the_handler_is_appended(
    fake: type[FakeQueue], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    handler = FileHandler(tmp_path / "a.log")
    put = FakeQueue.put

    def closed(self: FakeQueue, data: bytes, level: int, wait: float) -> None:
        if self is fake.made[0]:
            handler.close()
            raise RuntimeError("the queue is closed")
        put(self, data, level, wait)

    monkeypatch.setattr(FakeQueue, "put", closed)
    handler.handle(record("a"))
    assert [call[0] for call in fake.made[1].calls] == [b"a\n"]
