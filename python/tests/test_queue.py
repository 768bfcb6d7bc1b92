"""The queue: within a process, between processes."""

from __future__ import annotations

import copy
import gc
import logging
import multiprocessing
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from onewriter._queue import Queue

SECONDS = 30.0
"""Far more than anything here takes; only a failing test waits as long."""


def record(level: int) -> logging.LogRecord:
    return logging.LogRecord("n", level, "p", 1, "m", (), None)


def in_fork(work: Callable[[], object]) -> None:
    """Runs `work` in a forked child that ends at once, and checks that it ended well."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            os.write(2, f"child: {error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def drained(q: Queue, count: int) -> list[Any]:
    return [q.get(timeout=SECONDS) for _ in range(count)]


def puts_two(q: Queue) -> None:
    q.put("one")
    q.put({"two": 2})


def test_objects_of_one_process_come_out_as_they_are_and_in_order() -> None:
    q = Queue()
    things = [object(), lambda: None, [1]]
    for thing in things:
        q.put(thing)
    assert q.qsize() == 3
    assert all(got is thing for got, thing in zip(drained(q, 3), things, strict=True))
    assert q.empty()


def test_the_objects_of_each_thread_keep_their_order() -> None:
    q = Queue(maxsize=5)
    threads = [
        threading.Thread(target=lambda n=n: [q.put((n, i)) for i in range(200)]) for n in range(3)
    ]
    for thread in threads:
        thread.start()
    got = drained(q, 600)
    for thread in threads:
        thread.join()
    for n in range(3):
        assert [i for who, i in got if who == n] == list(range(200))


def test_get_nowait_of_an_empty_queue_raises_empty() -> None:
    with pytest.raises(queue.Empty):
        Queue().get_nowait()
    with pytest.raises(queue.Empty):
        Queue(maxsize=1).get(timeout=0)


def test_exactly_maxsize_objects_fit() -> None:
    q = Queue(maxsize=2)
    q.put(1)
    assert not q.full()
    q.put_nowait(2)
    assert q.full()
    with pytest.raises(queue.Full):
        q.put_nowait(3)
    with pytest.raises(queue.Full):
        q.put(3, timeout=0)
    assert q.get() == 1
    q.put_nowait(4)
    assert drained(q, 2) == [2, 4]


def test_exactly_maxsize_objects_fit_when_the_queue_is_shared() -> None:
    q = Queue(maxsize=2)
    in_fork(lambda: None)
    q.put(1)
    q.put(2)
    with pytest.raises(queue.Full):
        q.put_nowait(3)
    assert drained(q, 2) == [1, 2]
    q.put_nowait(4)
    assert drained(q, 1) == [4]


def test_a_put_that_waits_goes_on_when_there_is_room() -> None:
    q = Queue(maxsize=1)
    q.put("first")
    thread = threading.Thread(target=q.put, args=("second",))
    thread.start()
    assert drained(q, 2) == ["first", "second"]
    thread.join()


def test_a_negative_timeout_is_refused() -> None:
    with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
        Queue().put(1, timeout=-1)
    with pytest.raises(ValueError, match="'timeout' must be a non-negative number"):
        Queue().get(timeout=-1)


def test_overflow_raise_does_not_wait() -> None:
    q = Queue(maxsize=1, overflow="raise")
    q.put(1)
    with pytest.raises(queue.Full):
        q.put(2)


def test_overflow_drop_drops_and_counts_only_records_below_the_level() -> None:
    q = Queue(maxsize=1, overflow=("drop", "ERROR"))
    first = record(logging.INFO)
    q.put(first)
    q.put(record(logging.INFO))
    q.put_nowait(record(logging.WARNING))
    assert q.dropped == 2
    for kept in (record(logging.ERROR), "no record"):
        with pytest.raises(queue.Full):
            q.put(kept, timeout=0)
    assert q.dropped == 2
    assert q.get() is first
    assert q.empty()


@pytest.mark.parametrize("overflow", ["drop", ("drop",), ("drop", "LOUD"), ("raise", 3), None])
def test_an_unknown_overflow_is_named(overflow: Any) -> None:
    with pytest.raises(ValueError) as caught:
        Queue(overflow=overflow)
    assert str(caught.value) == (
        f"overflow must be 'block', 'raise' or ('drop', level), not {overflow!r}"
    )


def test_join_waits_for_the_last_task_done() -> None:
    q = Queue()
    q.put(1)
    q.put(2)
    joined = threading.Event()
    thread = threading.Thread(target=lambda: (q.join(), joined.set()))
    thread.start()
    drained(q, 2)
    q.task_done()
    assert not joined.is_set()
    q.task_done()
    assert joined.wait(SECONDS)
    thread.join()
    with pytest.raises(ValueError, match=r"task_done\(\) called too many times"):
        q.task_done()


def test_join_of_a_queue_without_puts_returns() -> None:
    Queue().join()


def test_a_closed_queue_takes_nothing_and_gives_what_it_holds() -> None:
    q = Queue()
    q.put(1)
    q.close()
    q.join_thread()
    with pytest.raises(ValueError, match="is closed"):
        q.put(2)
    assert q.get() == 1
    with pytest.raises(queue.Empty):
        q.get()


def test_a_queue_that_nobody_has_is_freed_although_it_was_shared() -> None:
    q = Queue()
    in_fork(lambda: None)
    gone = weakref.ref(q)
    del q
    gc.collect()
    assert gone() is None


def test_the_puts_of_parent_and_forked_child_come_in_their_order() -> None:
    q = Queue()
    mine = object()
    q.put("before")
    in_fork(lambda: puts_two(q))
    q.put(mine)
    in_fork(lambda: q.put("late"))
    assert drained(q, 5) == ["before", "one", {"two": 2}, mine, "late"]


def test_a_forked_child_of_a_forked_child_puts_too() -> None:
    q = Queue()
    in_fork(lambda: in_fork(lambda: puts_two(q)))
    assert drained(q, 2) == ["one", {"two": 2}]


def test_task_done_counts_the_objects_of_a_child() -> None:
    q = Queue()
    in_fork(lambda: puts_two(q))
    drained(q, 2)
    q.task_done()
    q.task_done()
    q.join()
    with pytest.raises(ValueError):
        q.task_done()


def test_a_child_that_reads_is_told_who_does() -> None:
    q = Queue()
    parent = os.getpid()

    def read() -> None:
        for method in (q.get, q.get_nowait, q.qsize, q.empty, q.join, q.task_done):
            with pytest.raises(RuntimeError, match=f"is read by process {parent}, which made it"):
                method()
        assert f"read by process {parent}" in repr(q)

    in_fork(read)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_child_of_any_start_method_puts(method: str) -> None:
    q = Queue()
    child = multiprocessing.get_context(method).Process(target=puts_two, args=(q,))
    child.start()
    child.join()
    assert child.exitcode == 0
    q.put("three")
    assert drained(q, 3) == ["one", {"two": 2}, "three"]


def test_what_a_killed_child_has_put_arrives_and_the_parent_goes_on() -> None:
    q = Queue()
    child = os.fork()
    if child == 0:
        puts_two(q)
        os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    q.put("alive")
    assert drained(q, 3) == ["one", {"two": 2}, "alive"]


def test_the_objects_of_a_child_come_over_as_there_is_room() -> None:
    q = Queue(maxsize=2)
    in_fork(lambda: [q.put(i) for i in range(50)])
    got = []
    for _ in range(50):
        got += drained(q, 1)
        assert q.qsize() <= 2
    assert got == list(range(50))


def test_what_a_child_drops_is_counted_by_the_reader() -> None:
    q = Queue(overflow=("drop", logging.ERROR))

    def lose() -> None:
        def full(*_: object) -> None:
            raise queue.Full

        native = q._native_put
        q._native_put = full
        q.put(record(logging.INFO))
        q.put(record(logging.INFO))
        q._native_put = native
        q.put("told")
        q.put("told once")

    in_fork(lose)
    in_fork(lose)
    assert drained(q, 4) == ["told", "told once"] * 2
    assert q.dropped == 4


def test_a_put_that_fails_for_room_in_shared_memory_leaves_no_trace() -> None:
    q = Queue(overflow="raise")
    in_fork(lambda: None)
    native = q._native_put

    def full(*_: object) -> None:
        raise queue.Full

    q._native_put = full  # type: ignore[method-assign]
    with pytest.raises(queue.Full):
        q.put(1)
    q._native_put = native  # type: ignore[method-assign]
    assert q.qsize() == 0
    q.join()


def test_a_record_without_a_level_is_put_too() -> None:
    q = Queue()
    in_fork(lambda: q.put(logging.makeLogRecord({"msg": "m"})))
    assert drained(q, 1)[0].msg == "m"


def test_the_loss_is_taken_once() -> None:
    q = Queue(maxsize=1, overflow=("drop", logging.ERROR))
    for _ in range(3):
        q.put(record(logging.INFO))
    assert (q.take_loss(), q.take_loss(), q.dropped) == (2, 0, 2)


def test_pickled_and_copied_where_it_was_made_it_is_the_same_queue() -> None:
    q = Queue()
    assert pickle.loads(pickle.dumps(q)) is q
    assert copy.deepcopy(q) is q
    assert Queue.connect(q.name or "") is q


def test_an_unrelated_program_finds_it_by_its_name() -> None:
    name = f"test-queue-{os.getpid()}"
    q = Queue(name=name)
    assert q.name == name
    with pytest.raises(ValueError, match=f"a queue '{name}' is in this process already"):
        Queue(name=name)
    program = f"from onewriter._queue import Queue; Queue.connect({name!r}).put('hello')"
    subprocess.run([sys.executable, "-c", program], check=True)
    assert drained(q, 1) == ["hello"]


def test_a_signal_handler_can_put() -> None:
    q = Queue()
    before = signal.signal(signal.SIGUSR1, lambda *_: q.put("signal"))
    try:
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert drained(q, 1) == ["signal"]


def test_a_put_within_a_put_does_not_wait_for_the_one_that_it_interrupts() -> None:
    class Interrupted(queue.SimpleQueue):  # type: ignore[type-arg]
        def put(self, item: Any, *_: Any) -> None:
            if item == "outer":
                q._is_feed_wanted = True  # as the listener's thread does in this moment
                q.put("inner")
            super().put(item)

    q = Queue()
    q._items = Interrupted()
    putting = threading.Thread(target=q.put, args=("outer",), daemon=True)
    putting.start()
    putting.join(SECONDS)
    assert not putting.is_alive()
    assert drained(q, 2) == ["inner", "outer"]
