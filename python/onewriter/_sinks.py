"""What ``logger.add`` takes as a sink."""

from __future__ import annotations

import builtins
import logging
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from inspect import iscoroutinefunction
from typing import Any, NamedTuple


class StreamSink:
    """An object with ``write``, perhaps ``flush``, ``stop`` and a coroutine ``complete``."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._is_flushable = callable(getattr(stream, "flush", None))
        self._is_stoppable = callable(getattr(stream, "stop", None))
        self._is_completable = iscoroutinefunction(getattr(stream, "complete", None))

    def write(self, message: str) -> None:
        """Writes and flushes."""
        self._stream.write(message)
        if self._is_flushable:
            self._stream.flush()

    def stop(self) -> None:
        """Stops the stream if it knows how."""
        if self._is_stoppable:
            self._stream.stop()

    def tasks_to_complete(self) -> list[Any]:
        """The stream's own ``complete``."""
        return [self._stream.complete()] if self._is_completable else []


class CallableSink:
    """A function of the message."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def write(self, message: str) -> None:
        """Calls the function."""
        self._function(message)

    def stop(self) -> None:
        """Nothing: a function has no end."""

    def tasks_to_complete(self) -> list[Any]:
        """Nothing to await."""
        return []


class StandardSink:
    """A `logging.Handler`, which gets a `logging.LogRecord` with the formatted message."""

    def __init__(self, handler: logging.Handler) -> None:
        self._handler = handler

    def write(self, message: Any) -> None:
        """Gives the record to the handler if its own level admits it."""
        record = message.record
        level, exception = record["level"], record["exception"]
        made = logging.getLogger().makeRecord(
            record["name"],
            level.no,
            record["file"].path,
            record["line"],
            str(message),
            (),
            tuple(exception) if exception else None,
            record["function"],
            {"extra": record["extra"]},
        )
        if exception:
            # The message has the traceback already; with this, a formatter does not add it again.
            made.exc_text = "\n"
        made.levelname = level.name
        if level.no >= self._handler.level:
            self._handler.handle(made)

    def stop(self) -> None:
        """Closes the handler."""
        self._handler.close()

    def tasks_to_complete(self) -> list[Any]:
        """Nothing to await."""
        return []


# Whether this is inside of a coroutine function that is a sink: two of them must not wait for each
# other.
_is_inside: ContextVar[bool] = ContextVar("onewriter_is_inside", default=False)


class AsyncSink:
    """A coroutine function of the message, run as a task of an event loop."""

    def __init__(
        self, function: Callable[[Any], Any], loop: Any, failed: Callable[..., None] | None
    ) -> None:
        """``loop`` ``None`` is the one that runs where the record is logged.

        ``failed`` is told the record and exception of a task that raised; ``None`` leaves them to
        the loop's handler.
        """
        self._function, self._loop, self._failed = function, loop, failed
        self._tasks: dict[Any, Any] = {}  # Each with its loop.

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tasks": {}}

    def write(self, message: Any) -> None:
        """Starts a task; without any loop the message is discarded."""
        import asyncio  # Slow to import, and needed by few.

        running = _running_loop()
        loop = self._loop or running
        if loop is None:
            return
        coroutine = self._run(message)
        try:
            if loop is running:
                task = loop.create_task(coroutine)
            else:
                task = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except BaseException:
            coroutine.close()
            raise
        self._tasks[task] = loop
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _run(self, message: Any) -> None:
        _is_inside.set(True)
        try:
            await self._function(message)
        except Exception as err:
            if self._failed is not None:
                self._failed(message.record, exception=err)
                return
            import asyncio

            asyncio.get_running_loop().call_exception_handler(
                {"message": "A coroutine sink raised an exception", "exception": err}
            )

    def stop(self) -> None:
        """Cancels what is not done."""
        running = _running_loop()
        for task, loop in self._tasks.copy().items():
            if loop is running:
                task.cancel()
            elif not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)

    def tasks_to_complete(self) -> list[Any]:
        """What is to be awaited for the running loop's tasks; nothing inside of such a task."""
        if _is_inside.get():
            return []
        return [_finished(task, loop) for task, loop in self._tasks.copy().items()]


async def _finished(task: Any, loop: Any) -> None:
    import asyncio

    if asyncio.get_running_loop() is loop:
        await asyncio.wait([asyncio.wrap_future(task)])


class Made(NamedTuple):
    """A sink, and what its kind means for its handler."""

    sink: Any
    name: str
    is_colored: bool
    encoding: str | None
    tail: str = "\n{exception}"
    exception_prefix: str = ""


def make(
    given: Any,
    kwargs: dict[str, Any],
    *,
    colorize: bool | None,
    enqueue: bool,
    failed: Callable[..., None] | None,
) -> Made:
    """The sink of an object given to ``logger.add``; ``kwargs`` are what is for the sink.

    Raises `TypeError` for an object that is no sink and for arguments that it does not take.
    """
    if isinstance(given, (str, os.PathLike)):
        from ._file_sink import FileSink

        name = f"'{os.fspath(given)}'"
        return Made(FileSink(given, **kwargs), name, bool(colorize), kwargs.get("encoding", "utf8"))
    has_write = callable(getattr(given, "write", None))
    if not (has_write or isinstance(given, logging.Handler) or callable(given)):
        raise TypeError(f"Cannot log to objects of type '{type(given).__name__}'")
    loop = kwargs.pop("loop", None) if _is_coroutine_function(given) else None
    if kwargs:
        raise TypeError(f"add() got an unexpected keyword argument '{next(iter(kwargs))}'")
    if has_write:
        is_colored = should_colorize(given) if colorize is None else colorize
        name = getattr(given, "name", None) or repr(given)
        return Made(StreamSink(given), name, is_colored, getattr(given, "encoding", None))
    if isinstance(given, logging.Handler):
        encoding = getattr(given, "encoding", None)
        tail, prefix = "{exception}", "\n"
        return Made(StandardSink(given), repr(given), bool(colorize), encoding, tail, prefix)
    if _is_coroutine_function(given):
        if enqueue and loop is None:
            loop = _running_loop()
            if loop is None:
                raise ValueError(
                    "An event loop is required to add a coroutine sink with `enqueue=True`, but "
                    "none has been passed as argument and none is currently running."
                )
        sink: Any = AsyncSink(given, loop, failed)
    else:
        sink = CallableSink(given)
    return Made(sink, getattr(given, "__name__", None) or repr(given), bool(colorize), "utf8")


def _is_coroutine_function(given: Any) -> bool:
    return iscoroutinefunction(given) or iscoroutinefunction(getattr(given, "__call__", None))


def _running_loop() -> Any:
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def should_colorize(stream: Any) -> bool:
    """Whether a stream shows colours, as far as it and the environment tell."""
    if stream is None:
        return False
    if os.getenv("NO_COLOR"):
        return False
    if os.getenv("FORCE_COLOR"):
        return True
    if stream in (sys.stdout, sys.stderr) and _is_jupyter(stream):
        return True
    if stream is sys.__stdout__ or stream is sys.__stderr__:
        if "PYCHARM_HOSTED" in os.environ or (
            "CI" in os.environ and "GITHUB_ACTIONS" in os.environ
        ):
            return True
        if os.environ.get("TERM") == "dumb":
            return False
    try:
        return bool(stream.isatty())
    except Exception:
        return False


def _is_jupyter(stream: Any) -> bool:
    if not hasattr(builtins, "__IPYTHON__"):
        return False
    try:
        import ipykernel  # type: ignore[import-not-found]
        import IPython  # type: ignore[import-not-found]
    except ImportError:
        return False
    return isinstance(stream, ipykernel.iostream.OutStream) and isinstance(
        IPython.get_ipython(), ipykernel.zmqshell.ZMQInteractiveShell
    )
