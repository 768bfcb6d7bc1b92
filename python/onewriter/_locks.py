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

# How many records may come from writing what a sink, signal handler or finalizer has logged while a
# record was written. A sink that answers each record with another one would never be done.
ANSWERS = 256

# `inside` is None outside of sinks. Inside, or waiting to get in: how many such answers the record
# that brought this thread here may still have, and whether what it writes now is deferred.
_here = threading.local()

_gates: WeakValueDictionary[int, Gate] = WeakValueDictionary()
_serial = itertools.count()


def _inside() -> tuple[list[int], bool] | None:
    return getattr(_here, "inside", None)


def _entering() -> tuple[list[int], bool]:
    return ([ANSWERS], False)


class Gate:
    """Lets one thread at a time into a sink.

    A thread that is inside of any sink already (a sink that logs, a signal handler, a ``__del__``)
    never waits here. What it brings is left with the gate, and whoever is inside this sink writes
    it on leaving. So two sinks that log to each other cannot wait for each other, and no record is
    refused for coming at the wrong moment.
    """

    def __init__(self, sink: Any, failed: Callable[[Any], None] | None) -> None:
        """``failed`` is told the record whose deferred writing raised; ``None``: the caller is."""
        self._sink, self._failed = sink, failed
        self._lock = threading.Lock()
        self._holder = 0
        # Each with the process that left it here: a forked child leaves it to its parent.
        self._deferred: deque[tuple[int, list[int], Any]] = deque()
        self._is_closing = self._is_closed = False
        self.serial = next(_serial)
        _gates[self.serial] = self

    def put(self, message: Any) -> None:
        """Writes a message, or leaves it to the thread that is inside.

        Raises `RuntimeError` when the record that is being written has brought more than `ANSWERS`
        answers to answers.
        """
        inside = _inside()
        if inside is None:
            self._wait_and(lambda: self._write(message))
            return
        answers, is_deferred = inside
        if is_deferred:
            if not answers[0]:
                raise RuntimeError(
                    "Could not acquire internal lock because it was already in use (deadlock "
                    "avoided). This likely happened because the logger was re-used inside a sink, "
                    "a signal handler or a '__del__' method, and what it logged there brought "
                    f"{ANSWERS} more records."
                )
            answers[0] -= 1
        self._deferred.append((os.getpid(), answers, message))
        self.settle()

    def close(self) -> None:
        """Stops the sink when nobody is inside; only inside of a sink this returns before."""
        self._is_closing = True
        if _inside():
            self.settle()
        else:
            self._wait_and(lambda: None)

    def _write(self, message: Any) -> None:
        if not self._is_closed:
            self._sink.write(message)

    def _wait_and(self, act: Callable[[], None]) -> None:
        # First the mark, then the lock: a signal handler that logs while this thread waits must
        # not wait as well.
        _here.inside = _entering()
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
            _here.inside = None
            self.settle()

    def settle(self) -> None:
        """Does what was left here, unless somebody is inside, who then does it on leaving."""
        outer = _inside()
        while self._deferred or self._is_closing:
            _here.inside = outer or _entering()
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
                _here.inside = outer

    def _drain(self) -> None:
        outer = _inside()
        while self._deferred:
            process, answers, message = self._deferred.popleft()
            _here.inside = (answers, True)
            try:
                if process == os.getpid():
                    self._write(message)
            except Exception:
                if self._failed is None:
                    raise
                self._failed(message.record)
            finally:
                _here.inside = outer
        if self._is_closing:
            self._is_closing = False
            was_closed, self._is_closed = self._is_closed, True
            if not was_closed:
                self._sink.stop()

    def hold(self) -> bool:
        """Waits until nobody is inside, and lets nobody in; false where this thread is inside."""
        return self._holder != get_ident() and self._lock.acquire()

    def release(self) -> None:
        """Lets others in again; `settle` is to follow."""
        self._lock.release()


class Watched:
    """A sink that another thread writes to, with the mark of being inside it; see `Gate`."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink
        self._writer = 0

    def is_here(self) -> bool:
        """Whether this very thread is inside the sink."""
        # Both: in a forked child, a new thread may have the number of the parent's writer.
        return self._writer == get_ident() and _inside() is not None

    def write(self, message: Any) -> None:
        """Writes a message with the mark set."""
        outer, _here.inside = _inside(), _entering()
        self._writer = get_ident()
        try:
            self._sink.write(message)
        finally:
            self._writer = 0
            _here.inside = outer

    def stop(self) -> None:
        """Stops the sink."""
        self._sink.stop()

    def tasks_to_complete(self) -> list[Any]:
        """What is to be awaited until the sink is done."""
        tasks: list[Any] = self._sink.tasks_to_complete()
        return tasks


def _before_fork() -> None:
    # First the gates, in the order of their making, then the lock that is taken inside of sinks. A
    # thread inside one sink waits for no other (see `Gate.put`), so that no other order can occur.
    # What logs on this thread meanwhile (a signal handler, another module's hook) must not wait.
    _here.outer = _inside()
    _here.inside = _here.outer or _entering()
    _here.held = held = {}
    while True:
        for gate in sorted(_living_gates(), key=lambda gate: gate.serial):
            if gate not in held:
                held[gate] = gate.hold()
        changes.acquire()
        if all(gate in held for gate in _living_gates()):
            return
        changes.release()


def _living_gates() -> list[Gate]:
    # The list of references is made in one step; to iterate over the dict would be unsafe.
    return [gate for gate in [reference() for reference in _gates.valuerefs()] if gate is not None]


def _after_fork() -> None:
    changes.release()
    held = _here.__dict__.pop("held")
    for gate, is_held in held.items():
        if is_held:
            gate.release()
    _here.inside = _here.outer
    for gate in held:
        gate.settle()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )
