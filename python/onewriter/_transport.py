"""Between a handler with ``enqueue=True`` and its sink: a queue that every process puts into."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from typing import Any

from ._native import FileQueue, ObjectQueue
from ._record import Message

# As long as anything that is not broken takes; who logs waits rather than losing.
PATIENCE = 60.0
# The end waits no longer for a sink that is stuck.
DRAIN_SECONDS = 30.0


class ObjectTransport:
    """Messages go, with their records, to the process that owns the sink.

    Pickled, it is the putting end alone: a spawned process needs no sink. When the process of the sink
    is killed, one that it has forked goes on.
    """

    def __init__(self, sink: Any, report: Callable[[Any], None]) -> None:
        self._sink, self._report = sink, report
        self._owner = os.getpid()
        self._queue = ObjectQueue(None, self._receive)

    def __getstate__(self) -> str:
        return self._queue.name

    def __setstate__(self, name: str) -> None:
        self._sink, self._report, self._owner = None, None, None
        self._queue = ObjectQueue(name)

    def put(self, message: Message) -> None:
        """Hands a message over; raises what pickling its record raises, and `queue.Full` if the sink
        has not moved for a minute.
        """
        data = pickle.dumps((str(message), message.record))
        self._queue.put(data, message.record["level"].no, PATIENCE)

    def _receive(self, data: bytes) -> None:
        record = None
        try:
            text, record = pickle.loads(data)
            message = Message(text)
            message.record = record
            self._sink.write(message)
        except Exception:
            self._report(record)

    def complete(self) -> None:
        """Returns when all that was put before, by any process, went through the sink."""
        self._queue.complete(float("inf"))

    def stop(self) -> None:
        """Completes; then the sink is stopped by the process that owns it."""
        is_owner = os.getpid() == self._owner
        try:
            self._queue.close(DRAIN_SECONDS if is_owner else 0.0)
        except TimeoutError:
            if is_owner:
                raise
        finally:
            if is_owner:
                self._sink.stop()


class FileTransport:
    """Texts go to the engine, which writes the file; every process that logs to it shares its queue.

    Pickled, it is a file with the same settings: a spawned process puts, and stands by to write.
    """

    def __init__(self, path: str, settings: dict[str, Any]) -> None:
        self._settings = settings
        self.queue = FileQueue(path, wait=PATIENCE, **settings)
        # With a format the writer makes the text of plain records itself.
        self.quick_queue = self.queue if "format" in settings else None

    def __getstate__(self) -> tuple[str, dict[str, Any]]:
        return str(self.queue.path), self._settings

    def __setstate__(self, state: tuple[str, dict[str, Any]]) -> None:
        self.__init__(*state)

    def put(self, message: Message) -> None:
        """Hands a text over; raises `queue.Full` if the file could not be written for a minute."""
        self.queue.put(str(message), message.record["level"].no)

    def complete(self) -> None:
        """Returns when all that was put before, by any process, is in the file."""
        self.queue.complete(float("inf"))

    def stop(self) -> None:
        """Completes and leaves the queue; others go on."""
        self.queue.close(DRAIN_SECONDS)


def make(sink: Any, *, name: str, context: Any, report: Callable[[Any], None]) -> ObjectTransport:
    """The transport to a sink, an object with ``write``, ``stop`` and ``tasks_to_complete``.

    ``context`` is accepted as Loguru's users give it: the queue needs none, every process finds it.
    ``report`` prints the error that a sink raised on the thread that writes.
    """
    return ObjectTransport(sink, report)
