"""Every lock of the Loguru door, and who may pass them: inside of sinks, around forks."""

from __future__ import annotations

import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import Any
from weakref import WeakValueDictionary

# Held while handlers, levels or activations change, never while a sink works: a thread inside a
# sink may take it, so nobody may wait for a sink with it.
changes = threading.RLock()

# How deep a record may come from the writing of a record, of a record ...; see `Gate.put`.
DEEPEST = 10

# `depth` is 0 outside of sinks, else how deep the record is that this thread writes, or waits to
# write.
_here = threading.local()

_gates: WeakValueDictionary[int, Gate] = WeakValueDictionary()
_serial = itertools.count()


def depth() -> int:
    """How deep this thread is inside sinks; 0 outside."""
    return getattr(_here, "depth", 0)


class Gate:
    """Lets one thread at a time into a sink.

    A thread that is inside of any sink already (a sink that logs, a signal handler, a ``__del__``)
    never waits here. What it brings is left with the gate, and whoever is inside this sink writes
    it on leaving. So two sinks that log to each other cannot wait for each other, and no record is
    refused for coming at the wrong moment.
    """

    def __init__(self, sink: Any, failed: Callable[[Any], None] | None) -> None:
        """``failed`` is told the record whose deferred writing raised; ``None`` lets the exception
        through.
        """
        self._sink, self._failed = sink, failed
        self._lock = threading.Lock()
        self._holder = 0
        self._deferred: deque[tuple[int, Any]] = deque()
        self._is_closing = self._is_closed = False
        _gates[next(_serial)] = self

    def put(self, message: Any) -> None:
        """Writes a message, or leaves it to the thread that is inside.

        Raises `RuntimeError` for the answer to an answer to ... (`DEEPEST` times) a record: a sink
        that answers each record with another one would never be done.
        """
        came_from = depth()
        if not came_from:
            self._wait_and(lambda: self._write(message))
        elif came_from < DEEPEST:
            self._deferred.append((came_from + 1, message))
            self._settle()
        else:
            raise RuntimeError(
                "Could not acquire internal lock because it was already in use (deadlock "
                "avoided). This likely happened because the logger was re-used inside a sink, a "
                "signal handler or a '__del__' method, and each record that it wrote brought "
                f"another one, {DEEPEST} times in a row."
            )

    def close(self) -> None:
        """Stops the sink as soon as nobody is inside: before this returns, unless it is called
        inside of a sink.
        """
        self._is_closing = True
        if depth():
            self._settle()
        else:
            self._wait_and(lambda: None)

    def _write(self, message: Any) -> None:
        if not self._is_closed:
            self._sink.write(message)

    def _wait_and(self, act: Callable[[], None]) -> None:
        # First the depth, then the lock: a signal handler that logs while this thread waits must
        # not wait as well.
        _here.depth = 1
        try:
            with self._lock:
                self._holder = get_ident()
                try:
                    self._drain()
                finally:
                    try:
                        act()
                    finally:
                        self._holder = 0
        finally:
            _here.depth = 0
            self._settle()

    def _settle(self) -> None:
        """Does what was left here, unless somebody is inside, who then does it on leaving. Never
        waits.
        """
        outer = depth()
        while self._deferred or self._is_closing:
            _here.depth = outer or 1
            try:
                if not self._lock.acquire(blocking=False):
                    return
                self._holder = get_ident()
                try:
                    self._drain()
                finally:
                    self._holder = 0
                    self._lock.release()
            finally:
                _here.depth = outer

    def _drain(self) -> None:
        outer = depth()
        while self._deferred:
            _here.depth, message = self._deferred.popleft()
            try:
                self._write(message)
            except Exception:
                if self._failed is None:
                    raise
                self._failed(message.record)
            finally:
                _here.depth = outer
        if self._is_closing:
            self._is_closing = False
            was_closed, self._is_closed = self._is_closed, True
            if not was_closed:
                self._sink.stop()

    def hold_for_fork(self) -> bool:
        """Waits until nobody is inside; returns whether it is now held (not if this thread is
        inside).
        """
        return self._holder != get_ident() and self._lock.acquire()

    def forget(self) -> None:
        """In a forked child: what was left here is the parent's to write."""
        self._deferred.clear()

    def release_after_fork(self) -> None:
        """Lets others in again."""
        self._lock.release()
        self._settle()


class Watched:
    """A sink that another thread writes to, with the mark of being inside it; see `Gate`."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._writer = 0

    def is_here(self) -> bool:
        """Whether this very thread is inside the sink."""
        return self._writer == get_ident()

    def write(self, message: Any) -> None:
        """Writes a message with the mark set."""
        outer, _here.depth = depth(), 1
        self._writer = get_ident()
        try:
            self._sink.write(message)
        finally:
            self._writer = 0
            _here.depth = outer

    def stop(self) -> None:
        """Stops the sink."""
        self._sink.stop()

    def tasks_to_complete(self) -> list:
        """What is to be awaited until the sink is done."""
        return self._sink.tasks_to_complete()


def _before_fork() -> None:
    # The gates in the order of their making, then the lock that is taken inside of sinks. A thread
    # inside one sink does not wait for another (see `Gate.put`), so this order is all that is
    # needed.
    gates = [gate for _, gate in sorted(_gates.items())]
    _here.held = [gate for gate in gates if gate.hold_for_fork()]
    changes.acquire()


def _after_fork() -> None:
    changes.release()
    for gate in _here.__dict__.pop("held"):
        gate.release_after_fork()


def _after_fork_in_child() -> None:
    for gate in _gates.values():
        gate.forget()
    _after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )
