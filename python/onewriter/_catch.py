"""``logger.catch``: a decorator and context manager that logs exceptions."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from inspect import (
    isasyncgenfunction,
    isclass,
    iscoroutinefunction,
    isgeneratorfunction,
)
from types import TracebackType
from typing import Any, NamedTuple

# Whether this thread is logging a caught exception: the traceback shows values, whose `__repr__`
# may be caught, too.
_here = threading.local()

MESSAGE = (
    "An error has been caught in function '{record[function]}', "
    "process '{record[process].name}' ({record[process].id}), "
    "thread '{record[thread].name}' ({record[thread].id}):"
)


class Catching(NamedTuple):
    """What ``logger.catch`` was given."""

    exception: Any
    level: str | int
    reraise: bool
    onerror: Callable[[BaseException], Any] | None
    exclude: Any
    default: Any
    message: str


class Catcher:
    """What ``logger.catch`` returns: a context manager (also ``async with``) and decorator."""

    def __init__(self, logger: Any, catching: Catching, *, is_decorator: bool = False) -> None:
        self._logger, self._catching, self._is_decorator = logger, catching, is_decorator

    def __enter__(self) -> None:
        """Nothing to do."""

    async def __aenter__(self) -> None:
        """Nothing to do."""

    def __exit__(
        self,
        type_: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        return self._leave(type_, value, tb)

    async def __aexit__(
        self,
        type_: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> bool:
        return self._leave(type_, value, tb)

    def _leave(self, type_: Any, value: Any, tb: TracebackType | None) -> bool:
        """Logs the exception if it is one of those; returns whether it ends here."""
        given = self._catching
        if type_ is None or getattr(_here, "is_logging", False):
            return False
        if not issubclass(type_, given.exception):
            return False
        if given.exclude is not None and issubclass(type_, given.exclude):
            return False
        options = self._logger._options
        # The frame to name is that of the `with`, or of the caller of the decorated function: above
        # this one and above `__exit__`, and above the wrapper.
        options = options._replace(
            exception=(type_, value, tb), depth=options.depth + 1 + self._is_decorator, record=True
        )
        _here.is_logging = True
        try:
            self._logger._log(given.level, self._is_decorator, options, given.message, (), {})
        finally:
            _here.is_logging = False
        if given.onerror is not None:
            given.onerror(value)
        return not given.reraise

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with its exceptions logged."""
        if isclass(function):
            raise TypeError(
                "Invalid object decorated with 'catch()', it must be a function, not a class "
                f"(tried to wrap '{function.__name__}')"
            )
        catcher = Catcher(self._logger, self._catching, is_decorator=True)
        return functools.update_wrapper(
            _wrapped(function, catcher, self._catching.default), function
        )


def _wrapped(function: Callable[..., Any], catcher: Catcher, default: Any) -> Callable[..., Any]:
    """What stands in for a function of its kind."""
    if iscoroutinefunction(function):
        return _wrapped_coroutine_function(function, catcher, default)
    if isasyncgenfunction(function):
        return _wrapped_async_generator(function, catcher)
    if isgeneratorfunction(function):
        return _wrapped_generator(function, catcher, default)

    def catch_wrapper(*args: Any, **kwargs: Any) -> Any:
        with catcher:
            return function(*args, **kwargs)
        return default

    return catch_wrapper


def _wrapped_coroutine_function(
    function: Callable[..., Any], catcher: Catcher, default: Any
) -> Callable[..., Any]:
    async def catch_wrapper(*args: Any, **kwargs: Any) -> Any:
        with catcher:
            return await function(*args, **kwargs)
        return default

    return catch_wrapper


def _wrapped_generator(
    function: Callable[..., Any], catcher: Catcher, default: Any
) -> Callable[..., Any]:
    def catch_wrapper(*args: Any, **kwargs: Any) -> Any:
        with catcher:
            return (yield from function(*args, **kwargs))
        return default

    return catch_wrapper


def _wrapped_async_generator(function: Callable[..., Any], catcher: Catcher) -> Callable[..., Any]:
    # There is no `yield from` for these: what is sent and thrown is passed on by hand.
    async def catch_wrapper(*args: Any, **kwargs: Any) -> Any:
        with catcher:
            source = function(*args, **kwargs)
            step = source.__anext__()
            try:
                while True:
                    value = await step
                    try:
                        step = source.asend((yield value))
                    except GeneratorExit:
                        raise
                    except BaseException as thrown:
                        step = source.athrow(thrown)
            except StopAsyncIteration:
                pass
            finally:
                await source.aclose()

    return catch_wrapper
