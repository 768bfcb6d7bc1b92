"""structlog: `structlog.configure(logger_factory=LoggerFactory("app.log"))`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from onewriter._native import FileQueue

_WAIT = 30.0


class FileLogger:
    """Puts rendered lines, `str` or `bytes`, into the queue of a file.

    It stands where structlog's `PrintLogger`, `WriteLogger` and `BytesLogger` do: each method takes
    what the last processor has made. All threads and processes that log to the file share its
    queue; the caller takes no lock and does no I/O. It can be pickled and copied: a copy logs to
    the same file.

    Args:
        path: The file.
        settings: When the file is rotated, and so on: the keyword arguments of
            `onewriter._native.FileQueue`, such as `rotate_size=100_000_000, keep=7,
            compression="gz"`. Default: it grows.

    Raises:
        ValueError: A setting cannot be; the message names it.
        OSError: The file cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str], **settings: Any) -> None:
        self._path, self._settings = os.path.abspath(path), settings
        self._queue = FileQueue(self._path, **settings)

    def __reduce__(self) -> tuple[Callable[..., FileLogger], tuple[Any, ...]]:
        return _same_file, (type(self), self._path, self._settings)

    def __repr__(self) -> str:
        return f"<onewriter FileLogger {self._path!r}>"

    def _put(self, message: str | bytes, level: int) -> None:
        if isinstance(message, str):
            message = message.encode("utf-8", "backslashreplace")
        self._queue.put(message + b"\n", level, _WAIT)

    def msg(self, message: str | bytes) -> None:
        """Puts a line; raises `queue.Full` if there is no room for half a minute."""
        self._put(message, 20)

    def err(self, message: str | bytes) -> None:
        """The same, with the room that is kept for errors."""
        self._put(message, 40)

    def complete(self, timeout: float = _WAIT) -> None:
        """Waits up to `timeout` seconds until all that was put before is in the file.

        Nobody needs to call it: what was put is written, also at the end. Raises TimeoutError.
        """
        self._queue.complete(timeout)

    log = debug = info = warn = warning = msg
    error = critical = fatal = failure = exception = err


class LoggerFactory:
    """Makes one `FileLogger`, with these arguments, when it is called first."""

    def __init__(self, path: str | os.PathLike[str], **settings: Any) -> None:
        self._path, self._settings = os.path.abspath(path), settings
        self._logger: FileLogger | None = None

    def __call__(self, *_names: object) -> FileLogger:
        """The logger; what structlog passes (`get_logger("name")`) does not matter to it."""
        if self._logger is None:
            self._logger = FileLogger(self._path, **self._settings)
        return self._logger


def _same_file(kind: type[FileLogger], path: str, settings: dict[str, Any]) -> FileLogger:
    return kind(path, **settings)
