"""`Queue`: what `queue.Queue` and `multiprocessing.Queue` are for, in one."""

from __future__ import annotations

import atexit
import itertools
import logging
import marshal
import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from queue import Full, SimpleQueue
from typing import TYPE_CHECKING, Any

from onewriter import _carry
from onewriter._native import ObjectQueue

if TYPE_CHECKING:
    from onewriter._feed import Feed

Overflow = str | tuple[str, "int | str"]

_FOREVER = threading.TIMEOUT_MAX
_PLAIN_LEVEL = logging.INFO


class Queue:
    """A queue that every thread and process can put to, and one process reads.

    Inside the process that made it, objects pass as they are, as through `queue.Queue`. A child
    made by `fork` inherits it, any other process receives it pickled (as an argument of
    `multiprocessing.Process`, say) or says its name with `Queue.connect`; all these can put, and
    the objects come out in the order of the puts. What was put is not lost when its process is
    killed right after, and a killed process holds up nobody.

    From another process plain data and log records arrive as copies; an exception loses its
    traceback but keeps the text of it; what cannot be pickled arrives as its `repr`.

    Args:
        maxsize: How many objects fit; 0 or less means any number. It is exact for the puts of
            the process that made the queue. Other processes put into shared memory of a fixed
            size, and the objects come over as there is room: together they can have some
            thousand more on the way.
        overflow: What a put does without room: "block" waits (as long as `timeout` allows),
            "raise" raises `queue.Full` at once, `("drop", level)` drops and counts log records
            below `level` (a number or a name) and blocks for everything else.
        name: A name to be found by. None: one is made when another process comes to need it.

    Raises:
        ValueError: `overflow` is none of these, or this process has a queue of this name.
    """

    _producer = False

    def __init__(
        self, maxsize: int = 0, *, overflow: Overflow = "block", name: str | None = None
    ) -> None:
        if name is not None and _named(name) is not None:
            raise ValueError(f"a queue {name!r} is in this process already: see Queue.connect")
        self._prepare(maxsize, overflow, name)
        if name is not None:
            self._share()

    def _prepare(self, maxsize: int, overflow: Overflow, name: str | None) -> None:
        self.maxsize = maxsize
        self.overflow = overflow
        self._drop_below = _drop_below(overflow)
        self.dropped = 0
        self._told = 0
        self._dropped_elsewhere: dict[int, int] = {}
        self._name = name
        self._reader = os.getpid()
        self._closed = False
        self._lock = threading.RLock()
        self._room = threading.Condition() if maxsize > 0 else None
        self._items: SimpleQueue[Any] = SimpleQueue()
        # Once another process can put, an object of this process sends a number through the
        # shared queue and waits here until that number has had its turn: so the order is one.
        self._held: dict[int, Any] = {}
        self._native: ObjectQueue | None = None
        # Open, without a limit, and for this process alone: so are most.
        self._is_simple = self._room is None
        # What a `QueueHandler` gives its records to instead, if there is nothing in the queue. It may be
        # there any moment if it is wanted.
        self.feed: Feed | None = None
        self._is_feed_wanted = False
        self._may_feed = name is None and overflow == "block"
        # How many listeners read it.
        self.readers = 0
        # Every put takes a number, without a lock; every look at how many there were does too.
        self._numbers = itertools.count()
        self._looks = 0
        self._done = 0
        self._all_done = threading.Condition()
        with _registry:
            _queues.add(self)

    @classmethod
    def connect(cls, name: str, *, overflow: Overflow = "block") -> Queue:
        """The queue called `name`, to put to; in the process that reads it, that very object."""
        with _registry:
            known = _named(name)
            if known is not None:
                return known
            queue = cls.__new__(cls)
            queue._prepare(0, overflow, name)
            queue._producer, queue._is_simple = True, False
            queue._reader = 0
            queue._native = ObjectQueue(name)
            return queue

    def __reduce__(self) -> tuple[Callable[..., Queue], tuple[Any, ...]]:
        # Another process may put from now on: then all records keep one order in the queue alone.
        self._may_feed = False
        self.unfeed()
        self._share()
        return _connected, (self.name, self.overflow, self._reader)

    def __repr__(self) -> str:
        held = "" if self._producer else f", {self.qsize()} in it"
        return f"<onewriter.Queue {self.name!r} read by {self._reader_words()}{held}>"

    def _reader_words(self) -> str:
        return f"process {self._reader}, which made it" if self._reader else "who made it"

    @property
    def name(self) -> str | None:
        """What other processes know it by; None while there can be no other."""
        return self._name if self._native is None else self._native.name

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        """Puts `item`; with `block`, waits up to `timeout` seconds (None: without end) for room.

        Raises:
            queue.Full: There was no room, and `overflow` does not say to drop.
            ValueError: The queue is closed, or `timeout` is negative.
        """
        if timeout is not None and timeout < 0:
            raise ValueError("'timeout' must be a non-negative number")
        if self.put_simple(item):
            return
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")
        record = isinstance(item, logging.LogRecord)
        level = item.levelno if record else None  # type: ignore[attr-defined]
        level = level or _PLAIN_LEVEL  # also of a record out of makeLogRecord
        may_drop = record and self._drop_below is not None and level < self._drop_below
        wait = 0.0 if may_drop or not block or self.overflow == "raise" else timeout
        try:
            if self._producer:
                self._put_from_afar(item, level, wait)
                return
            self._put_here(item, level, wait)
            if self._is_feed_wanted:
                self._let_feed_begin()
        except Full:
            if not may_drop:
                raise
            with self._lock:
                self.dropped += 1

    def put_simple(self, item: object) -> bool:
        """Puts `item` if the queue has no limit and no other process uses it; false otherwise."""
        is_simple = self._is_simple
        if is_simple:
            next(self._numbers)
            self._items.put(item)
            if self._is_feed_wanted:
                self._let_feed_begin()
        return is_simple

    def try_feed(self, feed: Feed) -> None:
        """Lets a `QueueHandler` use the feed, if nothing is in the queue, or on its way into it, that it
        could overtake.
        """
        if self.feed is not None or not self._may_feed or self.readers != 1 or self._items.qsize():
            return
        # Who takes its number before this is seen here, who takes it after this waits for its record to
        # be handled: in either order nothing of the same thread is overtaken.
        self._is_feed_wanted = True
        with self._all_done:
            if self._done == self._puts():
                self.feed = feed
            else:
                self._is_feed_wanted = False

    def _let_feed_begin(self) -> None:
        if _is_within_put():
            # The record that is being put further below has its number, and comes only when this
            # returns: who waited for it would wait for ever. The feed begins another time.
            with self._all_done:
                self.unfeed()
        else:
            self.join()

    def unfeed(self) -> None:
        """Everything goes through the queue again."""
        self.feed = None
        self._is_feed_wanted = False

    def put_nowait(self, item: object) -> None:
        """`put(item, block=False)`."""
        self.put(item, block=False)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Takes the oldest object; with `block`, waits up to `timeout` seconds for one.

        A closed queue gives what it still holds.

        Raises:
            queue.Empty: There was none.
            RuntimeError: This process is not the one that reads the queue.
        """
        self._check_reader()
        item = self._items.get(block and not self._closed, timeout)
        if self._room is not None:
            with self._room:
                self._room.notify_all()
        return item

    def get_nowait(self) -> Any:
        """`get(block=False)`."""
        return self.get(block=False)

    def qsize(self) -> int:
        """How many objects are in the queue (what other processes have on the way not counted)."""
        self._check_reader()
        return self._items.qsize() + len(self._held)

    def empty(self) -> bool:
        """Whether `qsize()` is 0."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Whether `maxsize` is reached."""
        return 0 < self.maxsize <= self.qsize()

    def task_done(self) -> None:
        """Says that an object which was got has been dealt with.

        Raises ValueError when it is said more often than there were puts.
        """
        self._check_reader()
        with self._all_done:
            if self._done >= self._puts():
                raise ValueError("task_done() called too many times")
            self._done += 1
            self._all_done.notify_all()

    def join(self) -> None:
        """Waits until `task_done` was said for every object that was put."""
        self._check_reader()
        with self._all_done:
            while self._done < self._puts():
                self._all_done.wait()

    def close(self, timeout: float = 30.0) -> None:
        """Ends putting, in this process; in the reader for all. What is in it can still be got.

        Raises TimeoutError when what other processes have put did not arrive in `timeout` seconds.
        """
        self._end()
        if self._native is not None:
            self._native.close(timeout)

    def _end(self) -> None:
        self._closed, self._is_simple = True, False
        if self._room is not None and not self._producer:
            with self._room:
                self._room.notify_all()

    def join_thread(self) -> None:
        """Does nothing: there is no thread that a put leaves work to."""

    def cancel_join_thread(self) -> None:
        """Does nothing: there is no thread that could hold up the end of the process."""

    def _put_here(self, item: object, level: int, wait: float | None) -> None:
        if self._room is None:
            number = self._admit(item)
        else:
            with self._room:
                if not self._room.wait_for(lambda: not self.full(), wait):
                    raise Full
                number = self._admit(item)
        if number is None:
            return
        try:
            self._native_put(marshal.dumps(number), level, wait)
        except Full:
            del self._held[number]
            self.task_done()  # the number was taken for nothing
            raise

    def _admit(self, item: object) -> int | None:
        """Lets `item` in: None, or the number that has to go through the shared queue for it."""
        number = next(self._numbers)
        if self._native is None:
            self._items.put(item)
            return None
        self._held[number] = item
        return number

    def _put_from_afar(self, item: object, level: int, wait: float | None) -> None:
        loss = (os.getpid(), self.dropped) if self.dropped else None
        self._native_put(_carry.dumps(item, loss), level, wait)

    def _native_put(self, data: bytes, level: int, wait: float | None) -> None:
        if self._native is None:
            raise RuntimeError(f"{self!r} could not be shared before the fork: no shared memory")
        self._native.put(data, level, _FOREVER if wait is None else wait)

    def _receive(self, data: bytes) -> None:
        """Takes a message off the shared queue; runs on the queue's own thread, in order."""
        if self._producer:  # a forked child whose parent has died: nobody can get
            return
        message = marshal.loads(data)
        if type(message) is int:
            self._arrive(message)
            return
        item, loss = _carry.loads(message)
        if loss is not None:
            self._count_loss(*loss)
        next(self._numbers)
        if self._room is None:
            self._items.put(item)
            return
        with self._room:
            # Not `full()`: what is held has its turn after this object.
            self._room.wait_for(lambda: self._closed or self._items.qsize() < self.maxsize)
            self._items.put(item)

    def _arrive(self, number: int) -> None:
        with self._room or nullcontext():  # for `full()`, both or none
            self._items.put(self._held[number])
            del self._held[number]

    def _count_loss(self, process: int, total: int) -> None:
        known = self._dropped_elsewhere.get(process, 0)
        self._dropped_elsewhere[process] = total
        with self._lock:  # a smaller total is that of a new process with an old number
            self.dropped += total - known if total >= known else total

    def take_loss(self) -> int:
        """How many objects were dropped since this was asked before, by whoever asked."""
        if self._told == self.dropped:
            return 0
        with self._lock:
            lost = self.dropped - self._told
            self._told = self.dropped
        return lost

    def _puts(self) -> int:
        """How many puts there have been; `_all_done` is held."""
        self._looks += 1
        return next(self._numbers) - self._looks + 1

    def _check_reader(self) -> None:
        if self._producer:
            raise RuntimeError(
                f"queue {self.name!r} is read by {self._reader_words()}; this process, "
                f"{os.getpid()}, can only put to it"
            )

    def _share(self) -> None:
        """Makes the queue reachable for other processes."""
        if self._native is not None or self._producer:
            return
        this = weakref.ref(self)  # the native side must not keep the queue alive

        def receive(data: bytes) -> None:
            queue = this()
            if queue is not None:
                queue._receive(data)

        with self._lock:
            if self._native is None:
                self._is_simple = False
                self._native = ObjectQueue(self._name, receive)

    def _after_fork(self) -> None:
        """In a forked child: what is here belongs to the parent, the child only puts."""
        self._producer, self._is_simple = True, False
        self._lock = threading.RLock()
        self.dropped = 0


_PUTS = (Queue.put_simple.__code__, Queue._put_here.__code__)


def _is_within_put() -> bool:
    """Whether a signal handler or a finalizer that has interrupted a put is what puts here."""
    frame = sys._getframe(2).f_back
    while frame is not None and frame.f_code not in _PUTS:
        frame = frame.f_back
    return frame is not None


_queues: weakref.WeakSet[Queue] = weakref.WeakSet()
_registry = threading.RLock()
"""Held to change or to walk `_queues`, and while a process forks."""


def _named(name: str) -> Queue | None:
    with _registry:
        return next((queue for queue in _queues if queue.name == name), None)


def _drop_below(overflow: object) -> int | None:
    if overflow in ("block", "raise"):
        return None
    if isinstance(overflow, tuple) and len(overflow) == 2 and overflow[0] == "drop":
        level = overflow[1]
        number = logging.getLevelName(level) if isinstance(level, str) else level
        if isinstance(number, int):
            return number
    raise ValueError(f"overflow must be 'block', 'raise' or ('drop', level), not {overflow!r}")


def _connected(name: str, overflow: Overflow, reader: int) -> Queue:
    queue = Queue.connect(name, overflow=overflow)
    queue._reader = reader
    return queue


def _before_fork() -> None:
    _registry.acquire()
    for queue in _queues:
        queue._share()


def _after_fork_in_child() -> None:
    global _registry
    _registry = threading.RLock()
    for queue in _queues:
        queue._after_fork()


def _at_exit() -> None:
    """Lets go the threads that wait to bring objects into a full queue."""
    with _registry:
        for queue in _queues:
            queue._end()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=lambda: _registry.release(),
    after_in_child=_after_fork_in_child,
)
atexit.register(_at_exit)
