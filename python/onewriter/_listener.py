"""`QueueListener`: records out of a queue, into handlers."""

from __future__ import annotations

import atexit
import contextlib
import logging
import logging.handlers
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from onewriter._feed import Feed, suits
from onewriter._queue import Queue

_GONE = 10
"""After this many failures in a row to read it, a queue is taken to be gone."""


class QueueListener(logging.handlers.QueueListener):
    """The standard library's `QueueListener`, with a thread that lives until it is stopped.

    A filter, a handler or a `prepare` that raises costs its own record at most: the error is
    reported by the handler's `handleError` and counted in `errors`. At the end of the process
    listeners that still run are stopped by themselves, those first whose handlers feed others;
    then `logging` closes the handlers. Records that were dropped because a `onewriter.Queue` was
    full are told in the log, as a record of the logger "onewriter".

    It works as a context manager: started by `with`, stopped at its end.

    Args:
        queue: Anything with `get` and `put_nowait`.
        handlers: What the records are given to, in this order.
        respect_handler_level: Whether a handler gets only records of its level and above.
    """

    _sentinel: Any = None
    """What is put to end the thread; anything but a record."""

    def __init__(
        self, queue: Any, *handlers: logging.Handler, respect_handler_level: bool = False
    ) -> None:
        super().__init__(queue, *handlers, respect_handler_level=respect_handler_level)
        self._thread: threading.Thread | None = None
        self._feed: Feed | None = None
        self.errors = 0

    def __enter__(self) -> QueueListener:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Starts the thread.

        Raises RuntimeError when it runs already, or when this process does not read the queue.
        """
        if self._thread is not None:
            raise RuntimeError("Listener already started")
        if isinstance(self.queue, Queue):
            self.queue.qsize()  # raises in a process that can only put
            self.queue.readers += 1
            self.queue.feed = None
            self._feed = self._made_feed()
            self._try_feed()
        _stop_at_exit()
        self._thread = threading.Thread(target=self._monitor, name="onewriter-listener")
        self._thread.daemon = True
        self._thread.start()
        _running[self] = None

    def stop(self) -> None:
        """Waits until all that was put before is handled, and ends the thread, if there is one."""
        thread = self._thread
        if thread is None:
            return
        if isinstance(self.queue, Queue):
            self.queue.readers -= 1
            self.queue.unfeed()
        while thread.is_alive():
            try:
                self.enqueue_sentinel()
                break
            except queue.Full:  # the thread makes room
                thread.join(0.01)
        thread.join()
        self._thread = None
        _running.pop(self, None)

    def handle(self, record: logging.LogRecord) -> None:
        """Gives the record, prepared, to the handlers."""
        record = self.prepare(record)
        for handler in self.handlers:
            if not self.respect_handler_level or record.levelno >= handler.level:
                self.give(handler, record)

    def give(self, handler: logging.Handler, record: logging.LogRecord) -> None:
        """Gives a record to a handler; what that raises is counted, and told by the handler."""
        try:
            handler.handle(record)
        except Exception:
            self.errors += 1
            handler.handleError(record)

    def _made_feed(self) -> Feed | None:
        """Where nobody would see a difference, records do without the thread."""
        overridden = {"handle", "prepare", "dequeue", "give"} & self.__dict__.keys()
        if type(self) is not QueueListener or overridden or not suits(self.handlers):
            return None
        return Feed(self)

    def _try_feed(self) -> None:
        if self._feed is not None:
            self.queue.try_feed(self._feed)

    def _monitor(self) -> None:
        task_done = getattr(self.queue, "task_done", lambda: None)
        failures = 0
        while failures < _GONE:
            try:
                record = self.dequeue(True)
            except queue.Empty:
                return
            except Exception:
                failures += 1
                self._report()
                continue
            failures = 0
            self._survive(self._tell_dropped)
            if record is self._sentinel:
                task_done()
                return
            self._survive(self.handle, record)
            task_done()
            self._try_feed()

    def _survive(self, work: Callable[..., None], *args: Any) -> None:
        try:
            work(*args)
        except BaseException:  # not even SystemExit: nobody would see this thread end
            self._report()

    def _tell_dropped(self) -> None:
        lost = self.queue.take_loss() if isinstance(self.queue, Queue) else 0
        if lost:
            message = "%d record(s) dropped: the queue was full"
            self.handle(
                logging.LogRecord("onewriter", logging.WARNING, "", 0, message, (lost,), None)
            )

    def _report(self) -> None:
        self.errors += 1
        if logging.raiseExceptions and sys.stderr is not None:
            traceback.print_exc()

    def _feeds(self, other: QueueListener) -> bool:
        """Whether a handler of this listener puts to the queue of `other`."""
        ends = [getattr(handler, "target", handler) for handler in self.handlers]
        return any(getattr(end, "queue", None) is other.queue for end in ends)


_running: dict[QueueListener, None] = {}
_exit_of = 0
"""The process that will stop its listeners at its exit."""


def _stop_at_exit() -> None:
    global _exit_of
    if _exit_of == os.getpid():
        return
    _exit_of = os.getpid()
    atexit.register(_stop_all)
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None and multiprocessing.parent_process() is not None:
        # Such a child leaves without atexit.
        from multiprocessing.util import Finalize

        Finalize(None, _stop_all, exitpriority=0)


def _stop_all() -> None:
    """Stops what still runs, a listener before those that it feeds."""
    if _running:
        _join_children()
    while _running:
        running = list(_running)
        free = [
            one
            for one in running
            if not any(other is not one and other._feeds(one) for other in running)
        ]
        (free or running)[0].stop()


def _join_children() -> None:
    """Waits for the children that the interpreter would wait for later: they still put."""
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing is not None else ():
        if not child.daemon:
            with contextlib.suppress(AssertionError):  # after os.fork: a child of the parent
                child.join()


def _forget_threads() -> None:
    """In a forked child: the threads are the parent's."""
    for listener in _running:
        listener._thread = None
    _running.clear()


os.register_at_fork(after_in_child=_forget_threads)
