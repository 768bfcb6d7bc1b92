"""The logger: Loguru's interface."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import sys
import time
import warnings
from collections.abc import Awaitable, Callable, Generator, Iterator
from functools import partial
from inspect import isclass
from multiprocessing import get_context
from multiprocessing.context import BaseContext
from typing import Any

from . import _defaults, _filters, _native_file, _parse, _sinks
from ._call import Options, context, record_of, set_message
from ._catch import MESSAGE, Catcher, Catching
from ._core import Core
from ._format import Format
from ._get_frame import load_get_frame_function
from ._handler import Handler, HandlerOptions, report
from ._levels import Level
from ._locks import changes
from ._native import LoggerBase
from ._trace import ExceptionFormatter
from ._transport import Overflow, queue_options

get_frame = load_get_frame_function()


class _Completion:
    """What ``complete`` returns: awaited, it waits for the tasks of the current event loop, too.

    Made on an event loop, it does not wait before it is awaited, and then on another thread. One that
    nobody awaits waits when it is let go: at the end of the statement that has called ``complete``.
    """

    def __init__(self, core: Core, timeout: float | None) -> None:
        self._core = core
        self._until = None if timeout is None else time.monotonic() + timeout
        # Those with something in their queue.
        self._open = [handler for handler in core.handlers.values() if handler.has_queue()]
        if self._open and asyncio._get_running_loop() is None:
            self._wait()

    def _wait(self) -> None:
        handlers, self._open = self._open, []
        for handler in handlers:
            left = math.inf if self._until is None else self._until - time.monotonic()
            handler.complete(max(left, 0.0))

    def __await__(self) -> Generator[Any, None, None]:
        if self._open:
            yield from asyncio.get_running_loop().run_in_executor(None, self._wait).__await__()
        for handler in self._core.handlers.values():
            for task in handler.tasks():
                yield from task.__await__()

    def __del__(self) -> None:
        self._wait()


class Logger(LoggerBase):
    """Logs to all handlers. One is made at import; its methods return others.

    All methods may be called from any thread, and from inside a sink.
    """

    def __init__(
        self,
        core: Core,
        exception: Any,
        depth: int,
        record: bool,
        lazy: bool,
        colors: bool,
        raw: bool,
        capture: bool,
        patchers: list[Callable[[dict[str, Any]], Any]],
        extra: dict[str, Any],
    ) -> None:
        self._core = core
        self._options = Options(
            exception, depth, record, lazy, colors, raw, capture, patchers, extra
        )
        self._bind()

    def _bind(self) -> None:
        options = self._options
        self._bind_calls(self._core.calls, options.is_plain(), options.extra)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()

    def __repr__(self) -> str:
        return f"<onewriter.logger handlers={list(self._core.handlers.values())!r}>"

    def add(
        self,
        sink: Any,
        *,
        level: str | int = _defaults.LEVEL,
        format: str | Callable[[dict[str, Any]], str] = _defaults.FORMAT,
        filter: str
        | dict[str | None, Any]
        | Callable[[dict[str, Any]], bool]
        | None = _defaults.FILTER,
        colorize: bool | None = _defaults.COLORIZE,
        serialize: bool = _defaults.SERIALIZE,
        backtrace: bool = _defaults.BACKTRACE,
        diagnose: bool = _defaults.DIAGNOSE,
        enqueue: bool = _defaults.ENQUEUE,
        context: str | BaseContext | None = _defaults.CONTEXT,
        catch: bool = _defaults.CATCH,
        overflow: Overflow | None = None,
        queue_size: int | str | None = None,
        queue_name: str | None = None,
        **kwargs: Any,
    ) -> int:
        """Adds a handler and returns its id, for `remove`.

        ``sink`` is a path, an object with ``write``, a `logging.Handler`, a coroutine function or a
        function. It gets a `str` with the attribute ``record``. ``level`` is the least that it
        takes; ``filter`` a module's name, a dict of modules and their least levels, or a function
        of the record. ``format`` is a format string with colour markup, or a function that makes
        one of the record. ``colorize`` ``None`` is for the sink to decide; ``serialize`` makes each
        record one line of JSON. ``backtrace`` extends tracebacks beyond the catching point,
        ``diagnose`` shows the values in them. With ``enqueue`` the caller only puts the message
        into a queue, which this process writes, for its children, too; ``context`` is their start
        method. With ``catch`` an error of the sink is printed on stderr, else it goes to the
        caller.

        What Loguru lacks, for ``enqueue``: ``overflow`` is what happens to a message without room in the
        queue: ``"block"`` waits a minute, ``("block", seconds)`` so long, ``"raise"`` not at all, and
        then `queue.Full` is an error of the sink; ``("drop", level)`` drops those below a level and
        waits with the others. What is lost is counted, and the log says so. ``queue_size`` is the
        shared memory of each process that puts: bytes, or a text such as ``"16 MiB"``, which is the
        default; 64 KiB to 1 GiB. ``queue_name`` is what the queue is called: other programs that add a
        handler with this name share it, and one of them writes. By default a file's queue is
        known by the file, and another one by nobody.

        ``kwargs`` are for files (``rotation``, ``retention``, ``compression``, ``delay``,
        ``watch``, ``mode``, ``buffering``, ``encoding`` and those of `open`) and, ``loop``, for
        coroutine functions.

        Raises `TypeError` or `ValueError` for an argument that cannot be used.
        """
        core = self._core
        with changes:
            number = core.next_id
            core.next_id += 1
        # What can be refused comes before the sink, which may open a file.
        _check_context(context)
        least = core.levels.number(level)
        switches = {"overflow": overflow, "queue_size": queue_size, "queue_name": queue_name}
        queue = None
        if enqueue:
            queue = queue_options(overflow or "block", queue_size, queue_name, core.levels.number)
        else:
            _refuse_switches(switches)
        asked = _filters.make(filter, core.levels.known)
        failed = partial(report, number) if catch else None
        colorize = False if serialize else colorize
        transport = None
        if queue is not None and not colorize and isinstance(sink, (str, os.PathLike)):
            icons = core.levels.icons() if serialize else None
            transport = _native_file.transport(sink, kwargs, format, icons, queue)
        if transport is None:
            made = _sinks.make(sink, kwargs, colorize=colorize, enqueue=enqueue, failed=failed)
        else:
            made = _sinks.Made(None, f"'{os.fspath(sink)}'", False, "utf8")
        options = HandlerOptions(
            number=number,
            name=made.name,
            level=least,
            filter=asked,
            format=Format(format, is_colored=made.is_colored, tail=made.tail),
            formatter=ExceptionFormatter(
                colorize=made.is_colored,
                encoding=made.encoding,
                diagnose=diagnose,
                backtrace=backtrace,
                prefix=made.exception_prefix,
            ),
            serialize=serialize,
            catch=catch,
            queue=queue,
        )
        handler = Handler(made.sink, options, transport)
        with changes:
            core.set_handlers({**core.handlers, number: handler})
        return number

    def remove(self, handler_id: int | None = None) -> None:
        """Removes a handler, or all; what it was given is written before this returns.

        Called inside of the handler's own sink, it is stopped as soon as the sink is left. Raises
        `ValueError` if there is no such handler, `TypeError` if ``handler_id`` is no id, and what
        stopping the sink raises.
        """
        if not (handler_id is None or isinstance(handler_id, int)):
            raise TypeError(
                "Invalid handler id, it should be an integer as returned by the 'add()' method "
                f"(or None), not: '{type(handler_id).__name__}'"
            )
        with changes:
            if handler_id is not None and handler_id not in self._core.handlers:
                raise ValueError(f"There is no existing handler with id {handler_id:d}")
            numbers = list(self._core.handlers) if handler_id is None else [handler_id]
        for number in numbers:
            with changes:
                handlers = self._core.handlers.copy()
                handler = handlers.pop(number, None)
                self._core.set_handlers(handlers)
            # Without the lock: the sink may need it to come to an end.
            if handler is not None:
                handler.stop()

    def complete(self, timeout: float | None = None) -> Awaitable[None]:
        """Waits until all that was put into queues before is written.

        On an event loop, await the result: the loop goes on meanwhile, and the tasks of coroutine sinks
        that belong to it are done, too. Raises `TimeoutError`, which says what is missing, if the queues
        take more than ``timeout`` seconds; by default it waits without end. Nothing is lost by that.
        """
        return _Completion(self._core, timeout)

    def catch(
        self,
        exception: Any = Exception,
        *,
        level: str | int = "ERROR",
        reraise: bool = False,
        onerror: Callable[[BaseException], Any] | None = None,
        exclude: Any = None,
        default: Any = None,
        message: str = MESSAGE,
    ) -> Any:
        """A decorator (with or without arguments) or context manager that logs exceptions.

        ``exception`` and ``exclude`` are types or tuples of types; ``default`` is what the
        decorated function returns after an exception, ``onerror`` is called with it, ``reraise``
        lets it go on. Raises `TypeError` for a class.
        """
        if callable(exception) and not (
            isclass(exception) and issubclass(exception, BaseException)
        ):
            return self.catch()(exception)
        catching = Catching(exception, level, reraise, onerror, exclude, default, message)
        return Catcher(self, catching)

    def opt(
        self,
        *,
        exception: Any = None,
        record: bool = False,
        lazy: bool = False,
        colors: bool = False,
        raw: bool = False,
        capture: bool = True,
        depth: int = 0,
        ansi: bool = False,
    ) -> Logger:
        """A logger with other options, for the next call.

        ``exception``: one to add to the record, a tuple as of `sys.exc_info`, or true for the
        current one. ``record`` gives it to the message as ``{record}``. ``lazy``: arguments are
        functions, called if the level is taken. ``colors``: the message has markup. ``raw``: the
        message as it is. ``capture``: keyword arguments become extra. ``depth``: how many calls
        above is the one to name. ``ansi``: the former name of ``colors``.
        """
        if ansi:
            colors = True
            warnings.warn(
                "The 'ansi' parameter is deprecated, please use 'colors' instead",
                DeprecationWarning,
                stacklevel=2,
            )
        _, _, _, _, _, _, _, patchers, extra = self._options
        return Logger(
            self._core, exception, depth, record, lazy, colors, raw, capture, patchers, extra
        )

    def bind(self, /, **kwargs: Any) -> Logger:
        """A logger whose records have these in their extra."""
        options = self._options
        return Logger(self._core, *options._replace(extra={**options.extra, **kwargs}))

    @contextlib.contextmanager
    def contextualize(self, /, **kwargs: Any) -> Iterator[None]:
        """A context manager and decorator: records of this thread or task have these in extra."""
        token = context.set({**context.get(), **kwargs})
        try:
            yield
        finally:
            context.reset(token)

    def patch(self, patcher: Callable[[dict[str, Any]], Any]) -> Logger:
        """A logger that lets a function change each record before the handlers get it."""
        options = self._options
        return Logger(self._core, *options._replace(patchers=[*options.patchers, patcher]))

    def level(
        self, name: str, no: int | None = None, color: str | None = None, icon: str | None = None
    ) -> Level:
        """The level of this name; made with ``no``, changed with ``color`` (markup) and ``icon``.

        Raises `ValueError` or `TypeError` for a level that is unknown, or whose number would
        change.
        """
        levels = self._core.levels
        if no is color is icon is None:
            return levels.get(name)
        with changes:
            changed = levels.change(name, no, color, icon)
            self._core.renew_calls()
            return changed

    def disable(self, name: str | None) -> None:
        """Takes no records from a module and those below it.

        ``""`` is all modules, ``None`` those without a name.
        """
        self._core.activate(name, False)

    def enable(self, name: str | None) -> None:
        """Takes records from a module and those below it again; see `disable`."""
        self._core.activate(name, True)

    def configure(
        self,
        *,
        handlers: list[dict[str, Any]] | None = None,
        levels: list[dict[str, Any]] | None = None,
        extra: dict[str, Any] | None = None,
        patcher: Callable[[dict[str, Any]], Any] | None = None,
        activation: list[tuple[str | None, bool]] | None = None,
    ) -> list[int]:
        """Exchanges handlers, extra and patcher, adds levels, enables and disables modules.

        ``handlers`` and ``levels`` are keyword arguments of `add` and `level`. Returns the ids of
        the handlers.
        """
        if handlers is not None:
            self.remove()
        for arguments in levels or ():
            self.level(**arguments)
        if patcher is not None:
            self._core.set_patcher(patcher)
        if extra is not None:
            self._core.set_extra(extra)
        for name, is_on in activation or ():
            self._core.activate(name, bool(is_on))
        return [self.add(**arguments) for arguments in handlers or ()]

    def reinstall(self) -> None:
        """Makes this logger, sent from another process, that of the package in this one."""
        module = sys.modules[__package__].logger
        module.__setstate__({"_core": self._core, "_options": module._options})

    @staticmethod
    def parse(
        file: Any,
        pattern: Any,
        *,
        cast: Any = {},
        chunk: int = 2**16,
    ) -> Iterator[dict[str, Any]]:
        """Yields the groups of each match of a pattern in a file (path or file object).

        ``cast`` converts them: a dict of functions, or a function that changes the dict. ``chunk``
        characters are read at a time, -1 for all. Raises `TypeError` for arguments of other types.
        """
        return _parse.parse(file, pattern, cast, chunk)

    def _log_call(
        self,
        level: str,
        message: Any,
        args: tuple,
        kwargs: dict[str, Any],
        refused: Exception | None,
    ) -> None:
        """What `trace` to `critical` of the base do when they need a record: on the slow way, or to tell
        why a queue has not taken it.
        """
        self._log(level, False, self._options, message, args, kwargs, refused)

    def exception(self, message: Any, /, *args: Any, **kwargs: Any) -> None:
        """Logs with the level ERROR and the current exception."""
        options = self._options._replace(exception=True)
        self._log("ERROR", False, options, message, args, kwargs)

    def log(self, level: str | int, message: Any, /, *args: Any, **kwargs: Any) -> None:
        """Logs with a level given by its name or number."""
        self._log(level, False, self._options, message, args, kwargs)

    def start(self, *args: Any, **kwargs: Any) -> int:
        """The former name of `add`."""
        warnings.warn(
            "The 'start()' method is deprecated, please use 'add()' instead",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.add(*args, **kwargs)

    def stop(self, *args: Any, **kwargs: Any) -> None:
        """The former name of `remove`."""
        warnings.warn(
            "The 'stop()' method is deprecated, please use 'remove()' instead",
            DeprecationWarning,
            stacklevel=2,
        )
        return self.remove(*args, **kwargs)

    def _log(
        self,
        level: str | int,
        from_decorator: bool,
        options: Options,
        message: Any,
        args: tuple,
        kwargs: dict[str, Any],
        refused: Exception | None = None,
    ) -> None:
        """Logs the call ``options.depth + 2`` frames above."""
        core = self._core
        if not core.handlers:
            return
        try:
            frame = get_frame(options.depth + 2)
        except ValueError:
            frame = None
        name = None if frame is None else frame.f_globals.get("__name__")
        if not core.is_enabled(name):
            return
        record_level, escape = core.levels.of_record(level)
        number = record_level.no
        if core.min_level > number:
            return
        extra = {**core.extra, **context.get(), **options.extra}
        record = record_of(extra, options, frame, name, record_level)
        colored = set_message(record, options, message, args, kwargs)
        if core.patcher is not None or options.patchers:
            for patcher in (core.patcher, *options.patchers):
                if patcher is not None:
                    patcher(record)
            number = record["level"].no
        for handler in core.handlers.values():
            if handler.level <= number:
                handler.emit(record, escape, from_decorator, options.raw, colored, refused)


def _refuse_switches(switches: dict[str, Any]) -> None:
    given = [name for name, value in switches.items() if value is not None]
    if given:
        raise ValueError(f"Invalid '{given[0]}', it is for handlers with 'enqueue=True'")


def _check_context(given: Any) -> None:
    if given is None or isinstance(given, BaseContext):
        return
    if isinstance(given, str):
        get_context(given)
        return
    raise TypeError(
        "Invalid context, it should be a string or a multiprocessing context, "
        f"not: '{type(given).__name__}'"
    )
