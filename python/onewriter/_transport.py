"""Between a handler with ``enqueue=True`` and its sink: a queue that every process puts into."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from queue import Full
from typing import Any, NamedTuple

from ._duration import parse_size
from ._native import FileQueue, ObjectQueue
from ._record import Message

Overflow = str | tuple[str, "int | float | str"]

# As long as anything that is not broken takes; who logs waits rather than losing.
PATIENCE = 60.0
# The end waits no longer for a sink that is stuck.
DRAIN_SECONDS = 30.0
# Bytes of shared memory.
_LEAST, _USUAL, _MOST = 2**16, 2**24, 2**30


class QueueOptions(NamedTuple):
    """How a handler with ``enqueue=True`` puts messages into its queue."""

    # Seconds that a message waits for room.
    wait: float = PATIENCE
    # Without room, messages of levels below it are dropped.
    drop_below: int = 0
    # Bytes of each process that puts.
    memory: int = _USUAL
    name: str | None = None


def queue_options(
    overflow: Overflow, size: int | str | None, name: str | None, number_of: Callable[[Any], int]
) -> QueueOptions:
    """The options that ``logger.add`` was given; ``number_of`` gives the number of a level.

    Raises `ValueError` or `TypeError` for one that cannot be.
    """
    if not (name is None or isinstance(name, str)):
        raise TypeError(
            f"Invalid queue name, it should be a string (or None), not: '{type(name).__name__}'"
        )
    return QueueOptions(*_policy(overflow, number_of), _memory(size), name)


def _policy(overflow: Overflow, number_of: Callable[[Any], int]) -> tuple[float, int]:
    match overflow:
        case "block":
            return PATIENCE, 0
        case ("block", int() | float() as seconds) if seconds >= 0:
            return float(seconds), 0
        case "raise":
            return 0.0, 0
        case ("drop", int() | str() as level):
            return PATIENCE, number_of(level)
    raise ValueError(
        "Invalid overflow, it should be 'block', ('block', seconds), 'raise' or ('drop', level), "
        f"not: {overflow!r}"
    )


def _memory(size: int | str | None) -> int:
    if size is None:
        return _USUAL
    number = parse_size(size) if isinstance(size, str) else size
    if not isinstance(number, (int, float)) or not _LEAST <= number <= _MOST:
        raise ValueError(
            "Invalid queue size, it should be 65536 to 1073741824 (bytes) or a text such as "
            f"'16 MiB', not: {size!r}"
        )
    return int(number)


class ObjectTransport:
    """Messages go, with their records, to the process that owns the sink.

    Pickled, it is the putting end alone: a spawned process needs no sink. When the process of the sink
    is killed, one that it has forked goes on.
    """

    def __init__(
        self,
        sink: Any,
        options: QueueOptions,
        report: Callable[[Any], None],
        notice: Callable[[str], None],
    ) -> None:
        """``report`` prints the error that the sink has raised with a record; ``notice`` is told, on the
        thread that writes, how many messages were lost.
        """
        self._sink, self._report = sink, report
        self._options = options
        self._owner = os.getpid()
        self._queue = ObjectQueue(
            options.name, self._receive, notice=notice, memory=options.memory
        )

    def __getstate__(self) -> QueueOptions:
        return self._options._replace(name=self._queue.name)

    def __setstate__(self, options: QueueOptions) -> None:
        self._sink, self._report, self._owner = None, None, None
        self._options = options
        self._queue = ObjectQueue(options.name, memory=options.memory)

    def put(self, message: Message) -> None:
        """Hands a message over; raises what pickling its record raises, and `queue.Full` if there was no
        room for as long as the options say.
        """
        data = pickle.dumps((str(message), message.record))
        level = message.record["level"].no
        may_drop = level < self._options.drop_below
        try:
            self._queue.put(data, level, 0.0 if may_drop else self._options.wait)
        except Full:
            # The queue has counted it.
            if not may_drop:
                raise

    def _receive(self, data: bytes) -> None:
        record = None
        try:
            text, record = pickle.loads(data)
            message = Message(text)
            message.record = record
            self._sink.write(message)
        except Exception:
            self._report(record)

    def complete(self, timeout: float) -> None:
        """Returns when all that was put before, by any process, went through the sink; raises
        `TimeoutError` after so many seconds.
        """
        self._queue.complete(timeout)

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

    def __init__(self, path: str, options: QueueOptions, settings: dict[str, Any]) -> None:
        self._options, self._settings = options, settings
        self.queue = FileQueue(path, **options._asdict(), **settings)
        # With a format the writer makes the text of plain records itself.
        self.quick_queue = self.queue if "format" in settings else None

    def __getstate__(self) -> tuple[str, QueueOptions, dict[str, Any]]:
        return str(self.queue.path), self._options, self._settings

    def __setstate__(self, state: tuple[str, QueueOptions, dict[str, Any]]) -> None:
        self.__init__(*state)

    def put(self, message: Message) -> None:
        """Hands a text over; raises `queue.Full` if there was no room for as long as the options say."""
        self.queue.put(str(message), message.record["level"].no)

    def complete(self, timeout: float) -> None:
        """Returns when all that was put before, by any process, is in the file; raises `TimeoutError`
        after so many seconds.
        """
        self.queue.complete(timeout)

    def stop(self) -> None:
        """Completes and leaves the queue; others go on."""
        self.queue.close(DRAIN_SECONDS)
