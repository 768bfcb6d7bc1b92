"""Records out of a queue."""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import subprocess
import sys
import threading
from typing import Any

import pytest

from onewriter.handlers import Queue, QueueHandler, QueueListener

SECONDS = 30.0


def record(msg: str, level: int = logging.INFO) -> logging.LogRecord:
    return logging.LogRecord("shop", level, "p", 1, msg, (), None)


class Kept(logging.Handler):
    """Keeps the messages it gets."""

    def __init__(self, level: int = 0) -> None:
        super().__init__(level)
        self.messages: list[str] = []
        self.failed: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())

    def handleError(self, record: logging.LogRecord) -> None:
        self.failed.append(record.getMessage())


def raise_on(word: str, error: BaseException) -> Any:
    def check(record: logging.LogRecord) -> bool:
        if record.getMessage() == word:
            raise error
        return True

    return check


QUEUES = [Queue, queue.Queue, queue.SimpleQueue]


@pytest.mark.parametrize("make", QUEUES)
def test_everything_put_before_stop_is_handled_in_order(make: Any) -> None:
    q, kept = make(), Kept()
    q.put(record("0"))
    listener = QueueListener(q, kept)
    listener.start()
    for i in range(1, 100):
        q.put(record(str(i)))
    listener.stop()
    assert kept.messages == [str(i) for i in range(100)]


def test_it_is_started_and_stopped_by_with() -> None:
    q, kept = Queue(), Kept()
    with QueueListener(q, kept) as listener:
        assert isinstance(listener, logging.handlers.QueueListener)
        q.put(record("a"))
    assert kept.messages == ["a"]
    assert listener._thread is None


def test_a_second_start_is_an_error_and_a_start_after_stop_is_not() -> None:
    q, kept = Queue(), Kept()
    listener = QueueListener(q, kept)
    listener.start()
    with pytest.raises(RuntimeError, match="^Listener already started$"):
        listener.start()
    listener.stop()
    listener.start()
    q.put(record("again"))
    listener.stop()
    listener.stop()
    assert kept.messages == ["again"]


def test_stop_before_start_does_nothing() -> None:
    q = Queue()
    QueueListener(q).stop()
    assert q.empty()


@pytest.mark.parametrize("make", [Queue, queue.Queue])
def test_stop_works_on_a_full_queue(make: Any) -> None:
    go = threading.Event()
    q, kept = make(1), Kept()
    kept.addFilter(lambda _: go.wait(SECONDS))
    listener = QueueListener(q, kept)
    listener.start()
    q.put(record("held by the filter"))
    q.put(record("fills the queue"))
    opener = threading.Timer(0.05, go.set)
    opener.start()
    listener.stop()
    opener.join()
    assert kept.messages == ["held by the filter", "fills the queue"]


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(1)], ids=repr)
def test_a_filter_that_raises_costs_one_record(
    error: BaseException, capfd: pytest.CaptureFixture[str]
) -> None:
    q, kept = Queue(), Kept()
    kept.addFilter(raise_on("bad", error))
    with QueueListener(q, kept) as listener:
        for message in ("a", "bad", "b"):
            q.put(record(message))
    assert kept.messages == ["a", "b"]
    assert listener.errors == 1
    shown = repr(error).split("(")[0] in capfd.readouterr().err
    assert kept.failed == ["bad"] or shown


def test_a_handler_that_raises_is_no_matter_of_the_others() -> None:
    class Broken(Kept):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk")

    q, broken, kept = Queue(), Broken(), Kept()
    with QueueListener(q, broken, kept) as listener:
        q.put(record("a"))
        q.put(record("b"))
    assert (broken.failed, kept.messages, listener.errors) == (["a", "b"], ["a", "b"], 2)


@pytest.mark.parametrize("told", [True, False])
def test_a_prepare_that_raises_is_counted_and_told_if_logging_tells(
    told: bool, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own(QueueListener):
        def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
            if record.msg == "bad":
                raise LookupError("prepare")
            return record

    monkeypatch.setattr(logging, "raiseExceptions", told)
    q, kept = Queue(), Kept()
    with Own(q, kept) as listener:
        q.put(record("bad"))
        q.put(record("a"))
    assert (kept.messages, listener.errors) == (["a"], 1)
    assert ("LookupError: prepare" in capfd.readouterr().err) is told


def test_a_handle_error_that_raises_does_not_end_the_thread(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Broken(Kept):
        def handleError(self, record: logging.LogRecord) -> None:
            raise KeyError("worse")

    q, broken = Queue(), Broken()
    broken.addFilter(raise_on("bad", ValueError()))
    with QueueListener(q, broken):
        q.put(record("bad"))
        q.put(record("a"))
    assert broken.messages == ["a"]
    assert "KeyError: 'worse'" in capfd.readouterr().err


def test_an_object_that_is_no_record_does_not_end_the_thread(
    capfd: pytest.CaptureFixture[str],
) -> None:
    q, kept = Queue(), Kept()
    with QueueListener(q, kept):
        q.put("text")
        q.put(record("a"))
    assert kept.messages == ["a"]
    assert "AttributeError" in capfd.readouterr().err


def test_a_queue_that_cannot_be_read_any_more_ends_the_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Gone(queue.Queue):  # type: ignore[type-arg]
        def get(self, *args: Any, **kwargs: Any) -> Any:
            raise EOFError

    monkeypatch.setattr(logging, "raiseExceptions", False)
    listener = QueueListener(Gone())
    listener.start()
    listener.stop()
    assert listener.errors == 10


def test_handlers_get_all_records_unless_their_level_is_respected() -> None:
    for respect, expected in ((False, ["i", "e"]), (True, ["e"])):
        q, kept = Queue(), Kept(logging.ERROR)
        with QueueListener(q, kept, respect_handler_level=respect):
            q.put(record("i"))
            q.put(record("e", logging.ERROR))
        assert kept.messages == expected


def test_the_override_points_are_called() -> None:
    called = []

    class Own(QueueListener):
        _sentinel = "end"  # type: ignore[assignment]

        def dequeue(self, block: bool) -> Any:
            called.append("dequeue")
            return super().dequeue(block)

        def handle(self, record: logging.LogRecord) -> None:
            called.append("handle")
            super().handle(record)

        def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
            called.append("prepare")
            return super().prepare(record)

        def enqueue_sentinel(self) -> None:
            called.append("sentinel")
            self.queue.put(self._sentinel)

    q, kept = Queue(), Kept()
    q.put(record("a"))
    q.put("end")
    listener = Own(q, kept)
    listener.start()
    listener._thread.join(SECONDS)  # type: ignore[union-attr]
    listener.stop()
    assert called == ["dequeue", "handle", "prepare", "dequeue"]
    listener.start()
    listener.stop()
    assert called[4:] == ["sentinel", "dequeue"] or called[4:] == ["dequeue", "sentinel"]


def test_task_done_is_said_for_each_record_and_the_sentinel() -> None:
    for q in (Queue(), queue.Queue()):
        with QueueListener(q, Kept()):
            q.put(record("a"))
        q.join()
        with pytest.raises(ValueError, match="called too many times"):
            q.task_done()


def test_dropped_records_are_told_in_the_log_once() -> None:
    q, kept = Queue(1, overflow=("drop", logging.ERROR)), Kept()
    for message in ("kept", "lost", "lost too"):
        q.put(record(message))
    with QueueListener(q, kept):
        pass
    with QueueListener(q, kept):
        pass
    assert kept.messages == ["2 record(s) dropped: the queue was full", "kept"]


def test_the_records_of_a_forked_child_reach_the_parent_s_listener() -> None:
    q, kept = Queue(), Kept()
    handler = QueueHandler(q)
    with QueueListener(q, kept) as listener:
        handler.handle(record("parent"))
        child = os.fork()
        if child == 0:
            handler.handle(record("child"))
            listener.stop()  # the child has none to stop, and must not stop the parent's
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        handler.handle(record("parent again"))
    assert kept.messages == ["parent", "child", "parent again"]


def test_a_forked_child_cannot_start_a_listener_of_the_parent_s_queue() -> None:
    q = Queue()
    child = os.fork()
    if child == 0:
        try:
            QueueListener(q).start()
        except RuntimeError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


EXIT = """
import logging, multiprocessing, os, time
from onewriter.handlers import Queue, QueueHandler, QueueListener
class Last(logging.Handler):
    def emit(self, record): print(record.getMessage(), flush=True)
    def close(self): print("closed", flush=True); super().close()
def child(queue):
    QueueHandler(queue).handle(logging.makeLogRecord({"msg": "child"}))
if __name__ == "__main__":
    first, second = Queue(), Queue()
    listeners = [QueueListener(second, Last()), QueueListener(first, QueueHandler(second))]
    for listener in listeners[::ORDER]:
        listener.start()
    multiprocessing.get_context("fork").Process(target=child, args=(first,)).start()
    for i in range(3):
        QueueHandler(first).handle(logging.makeLogRecord({"msg": str(i)}))
"""


@pytest.mark.parametrize("order", ["1", "-1"])
def test_at_exit_listeners_stop_along_the_flow_and_handlers_close_last(order: str) -> None:
    program = [sys.executable, "-c", EXIT.replace("ORDER", order)]
    printed = subprocess.run(program, check=True, capture_output=True, text=True).stdout.split()
    assert printed[-1] == "closed"
    assert sorted(printed) == ["0", "1", "2", "child", "closed"]
    assert [word for word in printed if word.isdigit()] == ["0", "1", "2"]
