"""Handlers of one file, without rotation, and what all handlers of files have in common."""

from __future__ import annotations

import codecs
import errno
import functools
import locale
import logging
import logging.handlers
import os
import threading
import weakref
from collections import deque
from typing import IO, TYPE_CHECKING, Any, ClassVar

from onewriter._logging_format import translated
from onewriter._native import FileQueue

# Lines of many processes stand in one file: a byte order mark before each would be text.
_WITHOUT_MARK = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}


@functools.cache
def _codec(encoding: str | None) -> str:
    if encoding is None or encoding == "locale":
        encoding = locale.getpreferredencoding(False)
    name = codecs.lookup(encoding).name
    return _WITHOUT_MARK.get(name, name)


if TYPE_CHECKING:
    _Base = logging.FileHandler
else:
    _Base = object


class OverFileQueue(_Base):
    """Makes a standard file handler put its lines into the queue of the file.

    It stands before the standard class among the bases; that one is initialized with
    `delay=True`, gives the attributes and never opens the file. All processes that log to one
    file, introduced or not, share its queue, and one of them writes; the caller of a logging
    method takes no lock and does no I/O. Programs that rename or truncate the file are noticed.
    """

    wait: float = 30.0
    """Seconds that a record waits for room, and `flush` and `close` for the writer."""

    newline: str | None = None
    _mode_bits: int | None = None
    _owner_ids: tuple[int, int] | None = None
    _queue: FileQueue | None = None
    _written_format: str | None = None

    _never_called: ClassVar[dict[str, str]] = {
        "_open": "files are opened by the writer, which cannot call it; mode and encoding are "
        "arguments, and so are chmod, umask and owner of ConcurrentRotatingFileHandler"
    }
    """What would do nothing if a program exchanged it, and why: an own one is refused."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in cls._never_called:
            first = next((it for it in cls.__mro__ if name in it.__dict__), cls)
            if first.__module__.partition(".")[0] not in ("logging", "onewriter"):
                cls._refuse(name, f"{cls.__name__}.{name}", first.__dict__.get(name))

    def __setattr__(self, name: str, value: object) -> None:
        if name in self._never_called:
            self._refuse(name, name, value)
        super().__setattr__(name, value)

    @classmethod
    def _refuse(cls, name: str, what: str, function: object) -> None:
        if function is not None:
            raise NotImplementedError(f"{what} = {function!r}: {cls._never_called[name]}")

    def _begin(self, delay: bool) -> None:
        """Truncates the file where its mode says so, and unless `delay` sees that it exists."""
        if not delay and os.path.exists(path := self.baseFilename) and not os.path.isfile(path):
            self._file()  # which says what is wrong; a pipe would be waited for
        if not delay or self.mode[:1] in "wx":
            with open(self.baseFilename, self.mode, encoding=self.encoding, errors=self.errors):
                pass
        self.delay = delay

    def _settings(self) -> dict[str, Any]:
        """What the queue of the file is made with; it is made for the first record."""
        self._written_format = self._writer_format()
        return {
            "mode": self._mode_bits,
            "owner": self._owner_ids,
            "format": self._written_format,
        }

    def _writer_format(self) -> str | None:
        """The format if the writer can carry it out as it stands."""
        if self.newline is not None or self.terminator != "\n" or _codec(self.encoding) != "utf-8":
            return None
        return translated(self.formatter)

    def is_formatted_by_writer(self) -> bool:
        """Whether records without an exception may be handed to the queue without being formatted."""
        self._file()
        return self._written_format is not None and self._written_format == self._writer_format()

    def _file(self) -> FileQueue:
        queue = self._queue
        if queue is not None:
            return queue
        with self.lock:  # type: ignore[union-attr]
            if self._queue is None:
                settings = {k: v for k, v in self._settings().items() if v is not None}
                path = os.fsdecode(self.baseFilename)
                if os.path.isdir(path):
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
                self._queue = FileQueue(path, wait=self.wait, **settings)
            return self._queue

    def _encoded(self, line: str) -> bytes:
        if self.newline in ("\r", "\r\n"):
            line = line.replace("\n", self.newline)
        return line.encode(_codec(self.encoding), self.errors or "strict")

    def handle(self, record: logging.LogRecord) -> Any:
        """Filters and emits the record, as in the standard library but for the lock."""
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Formats the record and puts it; an error goes to `handleError`."""
        try:
            line = self.format(record) + self.terminator
            level = record.levelno or logging.INFO  # makeLogRecord leaves it out
            self._put(self._encoded(line), level)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)

    def refused(self, record: logging.LogRecord, error: Exception) -> None:
        """Tells that the queue has not taken a record, as `emit` does."""
        try:
            raise error
        except Exception:
            self.handleError(record)

    def _put(self, data: bytes, level: int) -> None:
        while True:
            queue = self._file()
            try:
                return queue.put(data, level, self.wait)
            except RuntimeError:
                # Unless another thread has closed the handler meanwhile: as after a close, then.
                if self._queue is queue:
                    raise

    def flush(self) -> None:
        """Waits until the file has all that was put, by any process; else raises TimeoutError."""
        if self._queue is not None:
            self._queue.complete(self.wait)

    def close(self) -> None:
        """Waits as `flush` does, and lets go of the queue."""
        queue, self._queue = self._queue, None
        try:
            if queue is not None:
                queue.close(self.wait)
        finally:
            super().close()

    def reopen(self) -> None:
        """Makes the writer open the path anew, after a rename of the file by another program."""
        if self._queue is not None:
            self._queue.reopen()

    def __getstate__(self) -> dict[str, Any]:
        """A handler is pickled as its settings: the copy logs to the same file."""
        state = self.__dict__.copy()
        for own in ("lock", "_queue", "_builtin_open"):
            state.pop(own, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._builtin_open = open
        self.createLock()
        logging._addHandlerRef(self)  # type: ignore[attr-defined]


def _before_fork() -> None:
    """The process that forks is the one to write: a child that leaves by `os._exit`, as those of
    `multiprocessing` do, would leave its records to whoever opens the file next.
    """
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    for handler in [it for logger in loggers for it in getattr(logger, "handlers", ())]:
        if isinstance(handler, OverFileQueue) and handler._queue is None:
            try:
                handler._file()
            except Exception:
                # The first record says it.
                pass


os.register_at_fork(before=_before_fork)


class FileHandler(OverFileQueue, logging.FileHandler):
    """`logging.FileHandler`, with its arguments, for any number of processes on one file."""

    def __init__(
        self,
        filename: str | os.PathLike[str],
        mode: str = "a",
        encoding: str | None = None,
        delay: bool = False,
        errors: str | None = None,
    ) -> None:
        super().__init__(filename, mode, encoding, True, errors)
        self._begin(delay)


class WatchedFileHandler(OverFileQueue, logging.handlers.WatchedFileHandler):
    """`logging.handlers.WatchedFileHandler`: for files that another program rotates.

    `FileHandler` notices a rotated file as well; this class is here for its name.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        mode: str = "a",
        encoding: str | None = None,
        delay: bool = False,
        errors: str | None = None,
    ) -> None:
        super().__init__(filename, mode, encoding, True, errors)
        self._begin(delay)

    def reopenIfNeeded(self) -> None:
        """Makes the writer look at the path at once, which it does by itself a little later."""
        self.reopen()


class _Turns:
    """Whose turn it is to write to a stream, and what comes after."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.is_taken = False
        self.waiting: deque[tuple[StreamHandler, logging.LogRecord]] = deque()


class StreamHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """`logging.StreamHandler`; all handlers of one stream take turns, so lines stay whole."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        super().__init__(stream)
        self._take_turns()

    def setStream(self, stream: IO[str]) -> IO[str] | None:
        """Changes the stream, and returns the one before; None if it is the same."""
        before = super().setStream(stream)
        self._take_turns()
        return before

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; what a signal handler or a finalizer logs meanwhile comes after it."""
        turns = self._turns
        turns.waiting.append((self, record))
        # Taken by this very thread, further below: others wait for the lock.
        while turns.waiting and not turns.is_taken:
            turns.is_taken = True
            try:
                if turns.waiting:  # A signal handler may just have written them all.
                    handler, one = turns.waiting.popleft()
                    super(StreamHandler, handler).emit(one)
            finally:
                turns.is_taken = False

    def _take_turns(self) -> None:
        self._turns = _stream_turns.setdefault(self.stream, _Turns())
        self.lock = self._turns.lock


_stream_turns: weakref.WeakKeyDictionary[Any, _Turns] = weakref.WeakKeyDictionary()


def _forget_turns() -> None:
    """In a forked child: the thread whose turn it was is the parent's, and writes there."""
    for turns in list(_stream_turns.values()):
        turns.is_taken = False
        turns.waiting.clear()


os.register_at_fork(after_in_child=_forget_turns)
