"""Plain `logging` through the engine: one call, and loggers that make no record where nobody asks."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import Any

from . import _call
from ._files import FileHandler, OverFileQueue
from ._native import FileQueue, LoggingCalls
from ._rotating import RotatingFileHandler, TimedRotatingFileHandler

DEFAULT_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

_changes = threading.RLock()
_installed: _Installed | None = None


class _Installed:
    """The handler of the root logger, and what is known of the calls that come to it alone."""

    def __init__(self, handler: OverFileQueue) -> None:
        self.handler = handler
        self.quick = LoggingCalls(
            handler, self._resolve, self._refused, _call.start_nanos
        ).quick

    def _resolve(
        self, frame: Any, logger: logging.Logger, level: int
    ) -> tuple[FileQueue, tuple[Any, ...]] | bool:
        # `logging.info` and its kin: the caller is further up.
        is_internal = frame.f_code.co_filename in _OWN_FILES
        if is_internal or not 1 <= level <= 254 or not self.handler.is_formatted_by_writer():
            return False
        about = _call.about(level, logging.getLevelName(level), logger.name, frame)
        return _is_utf_8(about) and (self.handler._file(), about)

    def _refused(
        self, logger: logging.Logger, level: int, msg: str, args: tuple[Any, ...], error: Exception
    ) -> None:
        """Tells what the queue has not taken as handlers tell it."""
        path, line, function, _ = logger.findCaller()
        record = logger.makeRecord(logger.name, level, path, line, msg, args, None, function)
        self.handler.refused(record, error)


def _is_utf_8(about: tuple[Any, ...]) -> bool:
    """Whether all names are: that of a logger can be any text, that of a source file any bytes."""
    try:
        "".join(map(str, about)).encode()
    except UnicodeEncodeError:
        return False
    return True


class QuickLogger(logging.Logger):
    """`logging.Logger`, whose records take a quick way where nobody would see a difference.

    A record that comes to the handler of `install` alone, without filters, `extra`, `exc_info`,
    `stack_info` or `stacklevel`, is handed over with its arguments, and the writer formats it. For every
    other one there is a `LogRecord` as always: filters, further handlers such as pytest's `caplog`, and
    record factories see no difference.
    """

    def debug(self, msg: object, *args: object, **kwargs: Any) -> None:
        """As `logging.Logger.debug`."""
        if kwargs or _installed is None or not _installed.quick(self, 10, msg, args):
            super().debug(msg, *args, **kwargs)

    def info(self, msg: object, *args: object, **kwargs: Any) -> None:
        """As `logging.Logger.info`."""
        if kwargs or _installed is None or not _installed.quick(self, 20, msg, args):
            super().info(msg, *args, **kwargs)

    def warning(self, msg: object, *args: object, **kwargs: Any) -> None:
        """As `logging.Logger.warning`."""
        if kwargs or _installed is None or not _installed.quick(self, 30, msg, args):
            super().warning(msg, *args, **kwargs)

    def error(self, msg: object, *args: object, **kwargs: Any) -> None:
        """As `logging.Logger.error`."""
        if kwargs or _installed is None or not _installed.quick(self, 40, msg, args):
            super().error(msg, *args, **kwargs)

    def critical(self, msg: object, *args: object, **kwargs: Any) -> None:
        """As `logging.Logger.critical`."""
        if kwargs or _installed is None or not _installed.quick(self, 50, msg, args):
            super().critical(msg, *args, **kwargs)

    fatal = critical

    def findCaller(
        self, stack_info: bool = False, stacklevel: int = 1
    ) -> tuple[str, int, str, str | None]:
        """As `logging.Logger.findCaller`, which would name the methods above."""
        frame = sys._getframe(1)
        while frame.f_back is not None:
            if not _is_internal(frame.f_code.co_filename):
                stacklevel -= 1
                if stacklevel <= 0:
                    break
            frame = frame.f_back
        stack = None
        if stack_info:
            import io
            import traceback

            text = io.StringIO("Stack (most recent call last):\n")
            text.seek(0, io.SEEK_END)
            traceback.print_stack(frame, file=text)
            stack = text.getvalue().rstrip("\n")
        code = frame.f_code
        return code.co_filename, frame.f_lineno, code.co_name, stack


class QuickRootLogger(QuickLogger, logging.RootLogger):
    """The same for the root of all loggers."""


_OWN_FILES = {logging._srcfile, QuickLogger.info.__code__.co_filename}  # type: ignore[attr-defined]


def _is_internal(path: str) -> bool:
    """Whether `stacklevel` leaves the frames of this file out, as it does as of Python 3.11."""
    return path in _OWN_FILES or ("importlib" in path and "_bootstrap" in path)


def install(
    filename: str | os.PathLike[str],
    *,
    level: int | str = logging.INFO,
    format: str = DEFAULT_FORMAT,
    datefmt: str | None = None,
    maxBytes: int = 0,
    when: str | None = None,
    backupCount: int = 0,
    force: bool = True,
) -> OverFileQueue:
    """Routes everything that is logged with `logging` into a file that the engine writes.

    Every process that calls it with the same file feeds one writer; forked children have nothing to
    call. All loggers, those that exist and those to come, get the quick way (`QuickLogger`), unless they
    are of a class of their own.

    Args:
        filename: The file.
        level: Of the root logger.
        format: Of the lines, in the style of ``%``.
        datefmt: Of ``%(asctime)s``, as `logging.Formatter` takes it.
        maxBytes: Rotate before the file would be larger; 0 for never. Not with `when`.
        when: Rotate by time, as `logging.handlers.TimedRotatingFileHandler` takes it.
        backupCount: How many rotated files are kept.
        force: Remove and close the handlers that the root logger has. Otherwise they stay, and records
            that come to them too take the ordinary way.

    Returns:
        The handler that was added to the root logger.

    Raises:
        ValueError: For an argument that cannot be, a file that is a pipe or a device, or both
            `maxBytes` and `when`.
        OSError: If the file cannot be made.

    What raises has changed nothing.
    """
    number = logging._checkLevel(level)  # type: ignore[attr-defined]
    formatter = logging.Formatter(format, datefmt)
    handler = _made(filename, maxBytes, when, backupCount)
    handler.setFormatter(formatter)
    # So that this process writes, and not the first child that logs; here, as it may fail.
    handler._file()
    root = logging.getLogger()
    with _changes:
        if force:
            for other in root.handlers[:]:
                root.removeHandler(other)
                other.close()
        root.addHandler(handler)
        root.setLevel(number)
        use(handler)
    return handler


def installed(
    filename: str | os.PathLike[str],
    *,
    maxBytes: int = 0,
    when: str | None = None,
    backupCount: int = 0,
) -> OverFileQueue:
    """`install` for `logging.config.dictConfig`, as the ``"()"`` of a handler that the root logger gets:
    formatter, level and filters are those of the configuration. See `install` for the arguments.
    """
    handler = _made(filename, maxBytes, when, backupCount)
    use(handler)
    return handler


def _made(
    filename: str | os.PathLike[str], maxBytes: int, when: str | None, backupCount: int
) -> OverFileQueue:
    if maxBytes and when is not None:
        raise ValueError(f"maxBytes={maxBytes} and when={when!r}: give one of the two")
    # The errors are those of `logging.basicConfig`: a record is not lost for one character.
    coding: Any = {"encoding": "utf-8", "errors": "backslashreplace"}
    if when is not None:
        return TimedRotatingFileHandler(filename, when, backupCount=backupCount, **coding)
    if maxBytes:
        return RotatingFileHandler(filename, maxBytes=maxBytes, backupCount=backupCount, **coding)
    return FileHandler(filename, **coding)


def use(handler: OverFileQueue) -> None:
    """Gives all loggers the quick way to this handler. It is added to the root logger by whoever calls; if
    its formatter is exchanged later, this is to be called again.
    """
    global _installed
    with _changes:
        _installed = _Installed(handler)
        _exchange_classes(logging.Logger, QuickLogger, QuickRootLogger)


def uninstall() -> None:
    """Gives all loggers their own classes back. The handler stays where it is."""
    global _installed
    with _changes:
        _installed = None
        _exchange_classes(QuickLogger, logging.Logger, logging.RootLogger)


def _exchange_classes(of: type, plain: type, root: type) -> None:
    """Makes loggers of exactly one class those of another; loggers of other classes stay as they are."""
    if logging.getLoggerClass() is of:
        logging.setLoggerClass(plain)
    existing = logging.root.manager.loggerDict
    for logger in list(existing.values()):
        if type(logger) is of:
            logger.__class__ = plain
    if type(logging.root) in (logging.RootLogger, QuickRootLogger):
        logging.root.__class__ = root
