"""Queues of the engine: the native part of the package.

Puts are safe from every thread and in forked children, and what they have accepted survives the process
that put it, however it ends. Waiting is done without the interpreter's lock, and is ended by what a
signal handler raises.
"""

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias, final

__version__: str

# Of a call: the number of its level, the names of level, logger, module and function, the path and the line
# of its source.
About: TypeAlias = tuple[int, str, str, str, str, str, int]

@final
class FileQueue:
    """The queue of one file. Every process that logs to the file shares it: one of them writes, the
    others put; when the writer dies, another one takes over. Each record stands in the file once.

    A process can have 32 queues open at a time. One that nobody has any more is closed in the background;
    who wants to know when it is written closes it.

    :param path: the file; it is made, with its folders, if it is missing
    :param rotate_size: rotate before the file would be larger, in bytes
    :param rotate_every: rotate at multiples of so many seconds
    :param rotate_at: rotate at a time, such as ``"12:00"``, ``"monday"`` or ``"monday at 06:30"``
    :param names: of rotated files: ``"index"`` for ``shop.1.log``, ``shop.2.log`` (the highest is the
        newest), ``"shifted"`` for ``shop.log.1`` (the newest), ``shop.log.2``; a template of ``strftime``
        for ``shop.TIME.log``, or ``"appended %Y-%m-%d"`` for ``shop.log.TIME``
    :param utc: whether rotation and names go by UTC and not by local time
    :param keep: how many rotated files are kept
    :param keep_for: for how many seconds rotated files are kept
    :param compression: ``"gz"`` or ``"zst"``, in the background
    :param mode: the mode of files that are made, such as ``0o640``
    :param owner: their user and group number
    :param memory: bytes of shared memory for this process's records, 64 KiB to 1 GiB
    :param format: Loguru's format string for the records of :class:`LoggerBase`, one for which
        :func:`can_format` holds; what :meth:`put` is given stands as it is
    :param icons: the names and icons of the levels, if these records are to be JSON as of Loguru's
        ``serialize``
    :param wait: for how many seconds a put waits for room, unless it says otherwise
    :param drop_below: a record of a level below this one does not wait: without room it is dropped, counts
        as lost, and the log says so
    :param name: of the queue; by default it is known by the file
    :raises ValueError: a setting that cannot be; the message names it and says what would be right
    :raises OSError: what the operating system refused
    :raises RuntimeError: 32 queues are open
    """

    def __new__(
        cls,
        path: str,
        *,
        rotate_size: int | None = None,
        rotate_every: float | None = None,
        rotate_at: str | None = None,
        names: str = "index",
        utc: bool = False,
        keep: int | None = None,
        keep_for: float | None = None,
        compression: str | None = None,
        mode: int | None = None,
        owner: tuple[int, int] | None = None,
        memory: int = 16777216,
        format: str | None = None,
        icons: list[tuple[str, str]] | None = None,
        wait: float = 30.0,
        drop_below: int = 0,
        name: str | None = None,
    ) -> FileQueue: ...
    @property
    def path(self) -> Path:
        """The file, absolute and behind all links."""

    @property
    def rotations(self) -> int:
        """How often its present writer, whichever process that is, has rotated the file; after
        :meth:`complete` with everything that was put before.
        """

    def put(self, data: str | bytes, level: int = 20, wait: float | None = None) -> None:
        """Hands over one or more whole lines, with their newline.

        :param level: from 40 on a record may use the room that is kept for errors
        :param wait: for how many seconds it waits for room; by default those of the queue
        :raises queue.Full: there was no room; the record counts as lost, and the log says so
        :raises ValueError: it has more than 64 MiB
        :raises RuntimeError: the queue is closed
        """

    def complete(self, timeout: float) -> None:
        """Waits until everything that was put before, by any process, is in the file.

        :raises TimeoutError: after so many seconds; it says what is missing. Nothing is lost by that
        :raises RuntimeError: the queue is closed, or a sink calls it
        """

    def rotate(self) -> None:
        """Rotates between what was put before and what is put after."""

    def reopen(self) -> None:
        """Opens the file anew, as after ``logrotate``."""

    def close(self, timeout: float) -> None:
        """Completes and leaves the queue. A second call does nothing.

        :raises TimeoutError: as :meth:`complete`; the queue is left nevertheless
        """

@final
class ObjectQueue:
    """Bytes from every process of a name to one receiver.

    :param name: letters, digits, ``.``, ``_`` and ``-``; a new one that nobody has if it is ``None``: such a
        queue leaves nothing behind
    :param receive: called with the bytes of each record, in the order of the puts, on a thread of the
        engine. What it raises goes to ``sys.unraisablehook``. Without it this process only puts. A
        forked child receives when the process that received has died: a record that was being received
        may then be received again.
    :param notice: called likewise with what the writer has to say, as a text: how many records were lost
    :param memory: bytes of shared memory for this process's records, 64 KiB to 1 GiB
    :raises ValueError: a name that cannot be
    :raises OSError: what the operating system refused
    :raises RuntimeError: 32 queues are open in this process
    """

    def __new__(
        cls,
        name: str | None = None,
        receive: Callable[[bytes], object] | None = None,
        *,
        notice: Callable[[str], object] | None = None,
        memory: int = 16777216,
    ) -> ObjectQueue: ...
    @property
    def name(self) -> str:
        """The name, under which other processes of this user find the queue."""

    def put(self, data: bytes, level: int = 20, wait: float = 30.0) -> None:
        """Hands over a record: see :meth:`FileQueue.put`."""

    def complete(self, timeout: float) -> None:
        """Waits until everything that was put before, by any process, was received: see
        :meth:`FileQueue.complete`."""

    def close(self, timeout: float) -> None:
        """Completes and leaves the queue: see :meth:`FileQueue.close`."""

def can_format(text: str) -> bool:
    """Whether the writer can carry out a format string of Loguru's: one without colours, of the fields
    ``time``, ``elapsed``, ``level``, ``name``, ``module``, ``function``, ``line``, ``file``, ``process``,
    ``thread``, ``message``, ``extra``, ``extra[key]`` and ``exception``, with specifications that do not go by the locale.
    """

def leave() -> None:
    """Writes what this process has to write, as at its end, and takes no more records. For a process that
    ends without its interpreter's exit.
    """

def command(args: Sequence[str]) -> int:
    """Runs a shell command with these arguments, the name of the program first, and returns its exit code.

    What it prints goes to the standard output and error of the process, past ``sys.stdout``.
    """

@final
class Calls:
    """What the loggers of one core have in common: what is known of each call site.

    :param resolve: asked once for each call site, with its frame and the name of the level: ``None`` if
        nobody takes its records, ``False`` if they need a record of Python's, else the queue that takes
        them, and what the writer is to know of the call
    :param numbers: those of the seven standard levels, from TRACE to CRITICAL
    :param clock: a namespace with ``datetime``; while another one stands there, as tests put it, every
        record needs Python's
    :param context: the context variable with the extra of a thread or task
    :param start: when the program began to log, in nanoseconds since 1970
    """

    def __new__(
        cls,
        resolve: Callable[[FrameType, str], tuple[FileQueue, About] | bool | None],
        numbers: Sequence[int],
        clock: dict[str, Any],
        context: ContextVar[dict[str, Any]],
        start: int,
    ) -> Calls: ...
    def reset(self, least: float, slow_from: float, extra: dict[str, Any]) -> None:
        """Forgets all call sites. Records of levels below ``least`` are nobody's; those from
        ``slow_from`` on need a record of Python's. ``extra`` is that of all records.
        """

@final
class LoggingCalls:
    """What is known of the call sites whose records one `logging.Handler` takes.

    :param handler: the handler
    :param resolve: asked once for each call site, with its frame, the logger and the level: as that of
        :class:`Calls`
    :param refused: told what the queue has not taken: logger, level, message, arguments, the exception
    :param start: when the program began to log, in nanoseconds since 1970
    """

    def __new__(
        cls,
        handler: logging.Handler,
        resolve: Callable[
            [FrameType, logging.Logger, int], tuple[FileQueue, About] | bool | None
        ],
        refused: Callable[[logging.Logger, int, str, tuple[object, ...], Exception], object],
        start: int,
    ) -> LoggingCalls: ...
    def quick(
        self, logger: logging.Logger, level: int, message: object, args: tuple[object, ...]
    ) -> bool:
        """Whether the call needs nothing more: the logger does not take the level, or the record is in the
        queue. Called by a method of the logger, whose caller is the one to name.
        """

@final
class RecordCalls:
    """What is known of the records that come to one `logging.Handler`.

    :param resolve: asked once for each call site, with a record: the queue that takes it and what the
        writer is to know of the call, or ``False`` if the handler has to format it
    :param refused: told what the queue has not taken: the record and the exception
    :param start: when the program began to log, in nanoseconds since 1970
    """

    def __new__(
        cls,
        resolve: Callable[[logging.LogRecord], tuple[FileQueue, About] | bool],
        refused: Callable[[logging.LogRecord, Exception], object],
        start: int,
    ) -> RecordCalls: ...
    def put(self, record: logging.LogRecord) -> bool:
        """Whether the record needs nothing more. It does if it has an exception, a stack, or arguments that
        only Python can format, if it was made by another thread or a moment ago, or if it is of another
        class than `logging.LogRecord`.
        """

class LoggerBase:
    """The base of the logger: its methods for the standard levels.

    A call whose records go to one file that the engine formats hands over its arguments as they are if
    they are texts, numbers, booleans or ``None``, and else its message; every other call is one of
    ``_log_call(level, message, args, kwargs)``.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> LoggerBase: ...
    def _bind_calls(self, calls: Calls, is_plain: bool, extra: dict[str, Any]) -> None: ...
    def trace(self, message: Any, /, *args: Any, **kwargs: Any) -> None: ...
    def debug(self, message: Any, /, *args: Any, **kwargs: Any) -> None: ...
    def info(self, message: Any, /, *args: Any, **kwargs: Any) -> None: ...
    def success(self, message: Any, /, *args: Any, **kwargs: Any) -> None: ...
    def warning(self, message: Any, /, *args: Any, **kwargs: Any) -> None: ...
    def error(self, message: Any, /, *args: Any, **kwargs: Any) -> None: ...
    def critical(self, message: Any, /, *args: Any, **kwargs: Any) -> None: ...
