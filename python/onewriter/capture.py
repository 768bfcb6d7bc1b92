"""What a program says outside of its logger, as records: `onewriter.capture.install()`."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import warnings as _warnings
from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import Any, TextIO

import onewriter

from ._locks import _inside
from ._record import Message, RecordFile


class Capture:
    """What `install` has put in place; `undo` takes it away. It works as a context manager, too."""

    def __init__(self) -> None:
        self._undo = contextlib.ExitStack()

    def undo(self) -> None:
        """Puts back what was there before, where nobody has put something else since."""
        self._undo.close()

    def __enter__(self) -> Capture:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()

    def _set(self, owner: Any, name: str, value: Any) -> None:
        before = getattr(owner, name)
        setattr(owner, name, value)

        def put_back() -> None:
            # Compared as equal: a bound method is a new object each time.
            if getattr(owner, name) == value:
                setattr(owner, name, before)

        self._undo.callback(put_back)


def install(
    *,
    warnings: bool = True,
    exceptions: bool = True,
    stdout: bool = False,
    stderr: bool = False,
) -> Capture:
    """Makes records of `onewriter.logger` of what is shown or printed otherwise.

    Args:
        warnings: What `warnings.warn` shows, with level WARNING, named after the place it warns of.
        exceptions: Exceptions that nobody catches, with their traceback: in the main thread with
            level CRITICAL; in other threads, in tasks and callbacks of asyncio and where Python
            ignores them (`sys.unraisablehook`), with ERROR. A hook of somebody else that was there
            is called afterwards; `KeyboardInterrupt` is left to it.
        stdout: Each line written to `sys.stdout` (by `print`, say), with level INFO.
        stderr: Each line written to `sys.stderr`, with level WARNING.

    What sinks write to the captured streams is shown there, and becomes no record. What does not
    go through `sys.stdout` and `sys.stderr`, as the output of C code and of child programs, is not
    captured: for that there is the command `onewriter run`.
    """
    capture = Capture()
    if warnings:
        capture._set(_warnings, "showwarning", _Warnings(_warnings.showwarning))
    if exceptions:
        capture._set(sys, "excepthook", _Uncaught(sys.excepthook))
        capture._set(threading, "excepthook", _InThread(threading.excepthook))
        capture._set(sys, "unraisablehook", _Unraisable(sys.unraisablehook))
        _capture_asyncio(capture)
    for name, level, is_asked in (("stdout", "INFO", stdout), ("stderr", "WARNING", stderr)):
        if is_asked:
            lines = _Lines(getattr(sys, name), level)
            atexit.register(lines.end)
            capture._undo.callback(atexit.unregister, lines.end)
            capture._undo.callback(lines.end)
            capture._set(sys, name, lines)
    return capture


def _is_heard() -> bool:
    """Whether there is a handler; else a record would be the end of what it tells."""
    return bool(onewriter.logger._core.handlers)


class _Warnings:
    def __init__(self, before: Callable[..., Any]) -> None:
        self._before = before

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if file is not None or not _is_heard():
            self._before(message, category, filename, lineno, file, line)
            return
        placed = _placed("py.warnings", "<unknown>", filename, lineno)
        placed.warning("{}: {}", category.__name__, message)


def _placed(name: str, function: str, path: str, line: int) -> Any:
    """The logger, with records that name another place than that of the call."""
    file = os.path.basename(path)
    place: Any = {
        "name": name,
        "function": function,
        "module": file.removesuffix(".py"),
        "file": RecordFile(file, path),
        "line": line,
    }
    return onewriter.logger.patch(lambda record: record.update(place))


def _at_end(trace: TracebackType | None) -> tuple[str, str, str, int]:
    """Module, function, path and line in which an exception was raised."""
    if trace is None:
        return "<unknown>", "<unknown>", "<unknown>", 0
    while trace.tb_next is not None:
        trace = trace.tb_next
    return _place(trace.tb_frame, trace.tb_lineno)


def _place(frame: FrameType, line: int) -> tuple[str, str, str, int]:
    name = frame.f_globals.get("__name__", "<unknown>")
    return name, frame.f_code.co_name, frame.f_code.co_filename, line


def _log(level: str, what: str, error: BaseException) -> None:
    placed = _placed(*_at_end(error.__traceback__)).opt(exception=error)
    # `what` is not a format: it may name an object with braces in its text.
    placed.log(level, "{}", what)


class _Hook:
    """In place of one of the interpreter's hooks, which `before` has."""

    def __init__(self, before: Callable[..., Any]) -> None:
        # Installed twice, it logs once.
        self._before = before._before if isinstance(before, _Hook) else before

    def _pass_on(self, *args: Any) -> None:
        # The interpreter's own would print what is in the log already.
        if not _is_heard() or self._before not in _INTERPRETERS_OWN:
            self._before(*args)


_INTERPRETERS_OWN = (sys.__excepthook__, threading.__excepthook__, sys.__unraisablehook__)


class _Uncaught(_Hook):
    def __call__(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self._before(kind, error, trace)
            return
        _log("CRITICAL", "Uncaught exception", error)
        self._pass_on(kind, error, trace)


class _InThread(_Hook):
    def __call__(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is None or issubclass(args.exc_type, SystemExit):
            self._before(args)
            return
        name = args.thread.name if args.thread is not None else "<unknown>"
        _log("ERROR", f"Uncaught exception in thread {name}", args.exc_value)
        self._pass_on(args)


class _Unraisable(_Hook):
    def __call__(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is None:
            self._before(args)
            return
        message = args.err_msg or "Exception ignored in"
        # Python 3.14 names the object in the message itself.
        if args.object is not None:
            message += f": {_shown(args)}"
        _log("ERROR", message, args.exc_value)
        self._pass_on(args)


def _shown(args: sys.UnraisableHookArgs) -> str:
    try:
        return repr(args.object)
    except Exception:  # it may be half destroyed
        return f"<{type(args.object).__name__}>"


def _capture_asyncio(capture: Capture) -> None:
    """Any event loop reports to this logger, also one that is not asyncio's own."""
    source = logging.getLogger("asyncio")
    if any(isinstance(handler, _FromAsyncio) for handler in source.handlers):
        return
    handler = _FromAsyncio(logging.ERROR)
    source.addHandler(handler)
    capture._undo.callback(source.removeHandler, handler)


class _FromAsyncio(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        # A sink of the logger may hand records to `logging`, which brings them here again.
        if _inside() is not None or not record.exc_info or record.exc_info[1] is None:
            return
        _log("ERROR", record.getMessage(), record.exc_info[1])


class _Lines:
    """In place of a stream, which still does all but the writing: each line becomes a record."""

    def __init__(self, stream: TextIO, level: str) -> None:
        self._stream, self._level = stream, level
        self._here = threading.local()  # two threads' prints are two lines

    def write(self, text: str) -> int:
        """Logs the lines that are whole; a sink's own writing goes on to the stream."""
        self._take(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes each."""
        self._take("".join(lines))

    def end(self) -> None:
        """Logs the line that this thread has begun, named after the call that has written last."""
        rest, self._here.rest = getattr(self._here, "rest", ""), ""
        if rest and _is_heard():
            _placed(*self._here.place).log(self._level, "{}", rest)
        else:
            self._stream.write(rest)

    def _take(self, text: str) -> None:
        if isinstance(text, Message) or _inside() is not None or not _is_heard():
            self._stream.write(text)
            return
        *lines, self._here.rest = (getattr(self._here, "rest", "") + text).split("\n")
        for line in lines:
            # The call to name is that of `print`, above `write`.
            onewriter.logger.opt(depth=2).log(self._level, "{}", line)
        if self._here.rest:
            frame = sys._getframe(2)
            self._here.place = _place(frame, frame.f_lineno)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
