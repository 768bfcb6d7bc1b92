"""From a call of the logger to its record."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from multiprocessing import current_process, parent_process, util
from os.path import basename, splitext
from threading import current_thread
from typing import Any, NamedTuple

from . import _markup
from ._datetime import aware_now
from ._native import leave
from ._record import (
    RecordException,
    RecordFile,
    RecordLevel,
    RecordProcess,
    RecordThread,
)

_MICROSECOND = timedelta(microseconds=1)

try:
    from string.templatelib import Template as TemplateString
except ImportError:  # Before Python 3.14.
    TemplateString = None

start_time = aware_now()
# The same in nanoseconds since 1970.
start_nanos = (start_time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // _MICROSECOND * 1000


def _leave_at_end(_: Any = None) -> None:
    # Before it leaves by `os._exit`, last of all: if its parent was killed, nobody else may be there to write.
    util.Finalize(None, leave, exitpriority=-1000)


# In each process that `multiprocessing` makes from this one, and in this one if it is such a process.
util.register_after_fork(_leave_at_end, _leave_at_end)
if parent_process() is not None:
    _leave_at_end()

# The extra of a thread or task.
context: ContextVar[dict[str, Any]] = ContextVar("onewriter_context", default={})


class Options(NamedTuple):
    """What ``opt``, ``bind`` and ``patch`` have set for one logger."""

    exception: Any
    depth: int
    record: bool
    lazy: bool
    colors: bool
    raw: bool
    capture: bool
    patchers: list[Callable[[dict[str, Any]], Any]]
    extra: dict[str, Any]

    @classmethod
    def plain(cls) -> Options:
        """The options of a logger for which nothing was set."""
        return cls(None, 0, False, False, False, False, True, [], {})

    def is_plain(self) -> bool:
        """Whether nothing but extra is other than usual."""
        return (
            self.exception is None
            and self.depth == 0
            and not (self.record or self.lazy or self.colors or self.raw or self.patchers)
        )


@lru_cache(maxsize=1024)
def _names(path: str) -> tuple[str, str]:
    """The name of a source file and that of its module."""
    name = basename(path)
    return name, splitext(name)[0]


def about(level: int, level_name: str, name: str, frame: Any) -> tuple[Any, ...]:
    """What the writer is to know of the call that a frame makes, as `_native.About`."""
    code = frame.f_code
    path = code.co_filename
    return level, level_name, name, _names(path)[1], code.co_name, path, frame.f_lineno or 0


def record_of(
    extra: dict[str, Any], options: Options, frame: Any, name: str | None, level: RecordLevel
) -> dict[str, Any]:
    """The record of the call that a frame (``None``: unknown) has made, without its message."""
    now = aware_now()
    if frame is None:
        path, function, line = "<unknown>", "<unknown>", 0
    else:
        code = frame.f_code
        path, function, line = code.co_filename, code.co_name, frame.f_lineno
    file, module = _names(path)
    thread, process = current_thread(), current_process()
    return {
        "elapsed": now - start_time,
        "exception": _exception_of(options.exception),
        "extra": extra,
        "file": RecordFile(file, path),
        "function": function,
        "level": level,
        "line": line,
        "message": "",
        "module": module,
        "name": name,
        "process": RecordProcess(process.ident, process.name),
        "thread": RecordThread(thread.ident, thread.name),
        "time": now,
    }


def _exception_of(given: Any) -> RecordException | None:
    if not given and not isinstance(given, BaseException):
        return None
    if isinstance(given, BaseException):
        return RecordException(type(given), given, given.__traceback__)
    if isinstance(given, tuple):
        type_, value, traceback = given
        return RecordException(type_, value, traceback)
    return RecordException(*sys.exc_info())


def set_message(
    record: dict[str, Any], options: Options, message: Any, args: tuple, kwargs: dict[str, Any]
) -> _markup.Markup | None:
    """Sets a record's message and extra; returns the message's markup, if it has some."""
    if options.lazy:
        args = tuple([arg() for arg in args])
        kwargs = {key: value() for key, value in kwargs.items()}
    if options.capture and kwargs:
        record["extra"].update(kwargs)
    if options.record:
        if "record" in kwargs:
            raise TypeError(
                "The message can't be formatted: 'record' shall not be used as a keyword "
                "argument while logger has been configured with '.opt(record=True)'"
            )
        kwargs = {**kwargs, "record": record}
    colored = None
    if TemplateString is not None and isinstance(message, TemplateString):
        colored = _markup.parse_template_string(message, has_tags=options.colors)
    elif options.colors:
        colored = _markup.parse_message(message, args, kwargs)
    elif args or kwargs:
        record["message"] = message.format(*args, **kwargs)
    else:
        record["message"] = str(message)
    if colored is not None:
        record["message"] = colored.strip()
    return colored if options.colors else None
