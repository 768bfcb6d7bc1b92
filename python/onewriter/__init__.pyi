"""The types of the package, for type checkers and editors.

At run time the package has what its ``__all__`` says. The other names here are those of Loguru's
types, and as there they exist for type checkers only::

    if TYPE_CHECKING:
        from onewriter import Logger, Message, Record

What the methods of `Logger` do stands where they are implemented, and `help` shows it.
"""

from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Generator, Sequence
from datetime import datetime, time, timedelta
from logging import Handler
from multiprocessing.context import BaseContext
from os import PathLike
from re import Pattern
from types import TracebackType
from typing import (
    Any,
    BinaryIO,
    NamedTuple,
    Protocol,
    TextIO,
    TypeAlias,
    TypedDict,
    TypeVar,
    overload,
)

from . import capture as capture
from ._check import check as check
from ._core import Core as _Core
from ._install import install as install
from ._install import uninstall as uninstall
from ._queue import Queue as Queue

__all__ = ["Queue", "capture", "check", "install", "logger", "uninstall"]
__version__: str

_F = TypeVar("_F", bound=Callable[..., Any])

ExcInfo: TypeAlias = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]
_Exceptions: TypeAlias = type[BaseException] | tuple[type[BaseException], ...]

# Of `__exit__`, "bool" would mean that any block under it may be left early, and have checkers ask
# for a `return` after each.
class Catcher:
    """What ``logger.catch(...)`` returns."""

    def __call__(self, function: _F, /) -> _F: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        type_: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self,
        type_: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None: ...

class Contextualizer:
    """What ``logger.contextualize(...)`` returns."""

    def __call__(self, function: _F, /) -> _F: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        type_: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> bool | None: ...

AwaitableCompleter: TypeAlias = Awaitable[None]

class Level(NamedTuple):
    """What ``logger.level(...)`` returns."""

    name: str
    no: int
    color: str
    icon: str

class RecordFile:
    """``record["file"]``."""

    name: str
    path: str
    def __format__(self, spec: str) -> str: ...

class RecordLevel:
    """``record["level"]``."""

    name: str
    no: int
    icon: str
    def __format__(self, spec: str) -> str: ...

class RecordThread:
    """``record["thread"]``."""

    id: int
    name: str
    def __format__(self, spec: str) -> str: ...

class RecordProcess:
    """``record["process"]``."""

    id: int
    name: str
    def __format__(self, spec: str) -> str: ...

class RecordException(NamedTuple):
    """``record["exception"]``."""

    type: type[BaseException] | None
    value: BaseException | None
    traceback: TracebackType | None

class Record(TypedDict):
    """What formats, filters, patchers and sinks get to see of a call."""

    elapsed: timedelta
    exception: RecordException | None
    extra: dict[Any, Any]
    file: RecordFile
    function: str
    level: RecordLevel
    line: int
    message: str
    module: str
    name: str | None
    process: RecordProcess
    thread: RecordThread
    time: datetime

class Message(str):
    """What a sink gets: the formatted text, with its record."""

    record: Record

class Writable(Protocol):
    """An object that can be a sink."""

    def write(self, message: Message) -> None: ...

FilterDict: TypeAlias = dict[str | None, str | int | bool]
FilterFunction: TypeAlias = Callable[[Record], bool]
FormatFunction: TypeAlias = Callable[[Record], str]
PatcherFunction: TypeAlias = Callable[[Record], None]
RotationFunction: TypeAlias = Callable[[Message, TextIO], bool]
RetentionFunction: TypeAlias = Callable[[list[str]], None]
CompressionFunction: TypeAlias = Callable[[str], None]
StandardOpener: TypeAlias = Callable[[str, int], int]

class _HandlerConfig(TypedDict, total=False):
    level: str | int
    format: str | FormatFunction
    filter: str | FilterFunction | FilterDict | None
    colorize: bool | None
    serialize: bool
    backtrace: bool
    diagnose: bool
    enqueue: bool
    context: str | BaseContext | None
    catch: bool
    overflow: str | tuple[str, int | float | str] | None
    queue_size: int | str | None
    queue_name: str | None

class BasicHandlerConfig(_HandlerConfig, total=False):
    """The arguments of ``logger.add`` for streams, functions and `logging.Handler`."""

    sink: TextIO | Writable | Callable[[Message], None] | Handler

class FileHandlerConfig(_HandlerConfig, total=False):
    """The arguments of ``logger.add`` for files."""

    sink: str | PathLike[str]
    rotation: str | int | time | timedelta | RotationFunction | None
    retention: str | int | timedelta | RetentionFunction | None
    compression: str | CompressionFunction | None
    delay: bool
    watch: bool
    mode: str
    buffering: int
    encoding: str
    errors: str | None
    newline: str | None
    closefd: bool
    opener: StandardOpener | None

class AsyncHandlerConfig(_HandlerConfig, total=False):
    """The arguments of ``logger.add`` for coroutine functions."""

    sink: Callable[[Message], Awaitable[None]]
    loop: AbstractEventLoop | None

HandlerConfig: TypeAlias = BasicHandlerConfig | FileHandlerConfig | AsyncHandlerConfig

class LevelConfig(TypedDict, total=False):
    """The arguments of ``logger.level``."""

    name: str
    no: int
    color: str
    icon: str

ActivationConfig: TypeAlias = tuple[str | None, bool]

class Logger:
    """The type of `logger` and of what its methods return."""

    _core: _Core

    @overload
    def add(
        self,
        sink: TextIO | Writable | Callable[[Message], None] | Handler,
        *,
        level: str | int = ...,
        format: str | FormatFunction = ...,
        filter: str | FilterFunction | FilterDict | None = ...,
        colorize: bool | None = ...,
        serialize: bool = ...,
        backtrace: bool = ...,
        diagnose: bool = ...,
        enqueue: bool = ...,
        context: str | BaseContext | None = ...,
        catch: bool = ...,
        overflow: str | tuple[str, int | float | str] | None = ...,
        queue_size: int | str | None = ...,
        queue_name: str | None = ...,
    ) -> int: ...
    @overload
    def add(
        self,
        sink: Callable[[Message], Awaitable[None]],
        *,
        level: str | int = ...,
        format: str | FormatFunction = ...,
        filter: str | FilterFunction | FilterDict | None = ...,
        colorize: bool | None = ...,
        serialize: bool = ...,
        backtrace: bool = ...,
        diagnose: bool = ...,
        enqueue: bool = ...,
        catch: bool = ...,
        context: str | BaseContext | None = ...,
        overflow: str | tuple[str, int | float | str] | None = ...,
        queue_size: int | str | None = ...,
        queue_name: str | None = ...,
        loop: AbstractEventLoop | None = ...,
    ) -> int: ...
    @overload
    def add(
        self,
        sink: str | PathLike[str],
        *,
        level: str | int = ...,
        format: str | FormatFunction = ...,
        filter: str | FilterFunction | FilterDict | None = ...,
        colorize: bool | None = ...,
        serialize: bool = ...,
        backtrace: bool = ...,
        diagnose: bool = ...,
        enqueue: bool = ...,
        context: str | BaseContext | None = ...,
        catch: bool = ...,
        overflow: str | tuple[str, int | float | str] | None = ...,
        queue_size: int | str | None = ...,
        queue_name: str | None = ...,
        rotation: str | int | time | timedelta | RotationFunction | None = ...,
        retention: str | int | timedelta | RetentionFunction | None = ...,
        compression: str | CompressionFunction | None = ...,
        delay: bool = ...,
        watch: bool = ...,
        mode: str = ...,
        buffering: int = ...,
        encoding: str = ...,
        errors: str | None = ...,
        newline: str | None = ...,
        closefd: bool = ...,
        opener: StandardOpener | None = ...,
    ) -> int: ...
    def remove(self, handler_id: int | None = ...) -> None: ...
    def complete(self, timeout: float | None = ...) -> AwaitableCompleter: ...
    @overload
    def catch(
        self,
        exception: _Exceptions = ...,
        *,
        level: str | int = ...,
        reraise: bool = ...,
        onerror: Callable[[BaseException], Any] | None = ...,
        exclude: _Exceptions | None = ...,
        default: Any = ...,
        message: str = ...,
    ) -> Catcher: ...
    @overload
    def catch(self, exception: _F) -> _F: ...
    def opt(
        self,
        *,
        exception: bool | ExcInfo | BaseException | None = ...,
        record: bool = ...,
        lazy: bool = ...,
        colors: bool = ...,
        raw: bool = ...,
        capture: bool = ...,
        depth: int = ...,
        ansi: bool = ...,
    ) -> Logger: ...
    def bind(self, /, **kwargs: Any) -> Logger: ...
    def contextualize(self, /, **kwargs: Any) -> Contextualizer: ...
    def patch(self, patcher: PatcherFunction) -> Logger: ...
    @overload
    def level(self, name: str) -> Level: ...
    @overload
    def level(
        self, name: str, no: int | None = ..., color: str | None = ..., icon: str | None = ...
    ) -> Level: ...
    def disable(self, name: str | None) -> None: ...
    def enable(self, name: str | None) -> None: ...
    def configure(
        self,
        *,
        handlers: Sequence[HandlerConfig] | None = ...,
        levels: Sequence[LevelConfig] | None = ...,
        extra: dict[Any, Any] | None = ...,
        patcher: PatcherFunction | None = ...,
        activation: Sequence[ActivationConfig] | None = ...,
    ) -> list[int]: ...
    def reinstall(self) -> None: ...
    @staticmethod
    def parse(
        file: str | PathLike[str] | TextIO | BinaryIO,
        pattern: str | bytes | Pattern[str] | Pattern[bytes],
        *,
        cast: dict[str, Callable[[Any], Any]] | Callable[[dict[str, Any]], None] = ...,
        chunk: int = ...,
    ) -> Generator[dict[str, Any], None, None]: ...
    @overload
    def trace(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def trace(__self, message: Any, /) -> None: ...
    @overload
    def debug(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def debug(__self, message: Any, /) -> None: ...
    @overload
    def info(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def info(__self, message: Any, /) -> None: ...
    @overload
    def success(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def success(__self, message: Any, /) -> None: ...
    @overload
    def warning(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def warning(__self, message: Any, /) -> None: ...
    @overload
    def error(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def error(__self, message: Any, /) -> None: ...
    @overload
    def critical(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def critical(__self, message: Any, /) -> None: ...
    @overload
    def exception(__self, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def exception(__self, message: Any, /) -> None: ...
    @overload
    def log(__self, level: int | str, message: str, /, *args: Any, **kwargs: Any) -> None: ...
    @overload
    def log(__self, level: int | str, message: Any, /) -> None: ...
    def start(self, *args: Any, **kwargs: Any) -> int: ...
    def stop(self, *args: Any, **kwargs: Any) -> None: ...

logger: Logger
