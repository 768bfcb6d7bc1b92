"""The loggers that take part, each set up as its users do, behind one shape."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import logging.handlers
import multiprocessing
import queue
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERCENT = "[%d:%d] processed item in %.3f ms for %s"
BRACES = "[{}:{}] processed item in {:.3f} ms for {}"

# Loguru's default line, which the others are told to write, too.
LINE = "%(asctime)s | %(levelname)-8s | %(name)s:%(funcName)s:%(lineno)d - %(message)s"
LOGURU_LINE = (
    "{time:YYYY-MM-DD HH:mm:ss.SSS} | {level: <8} | {name}:{function}:{line} - {message}"
)
SMALL = 100_000
"""Bytes of a file that rotates."""
SECONDS = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True)
class Log:
    """A logger that is open.

    `info` and `debug` are the methods that are timed, called with `message` and its four arguments;
    `close` returns when all is in the file.
    """

    info: Callable[..., Any]
    debug: Callable[..., Any]
    close: Callable[[], Any]
    message: str = PERCENT


@dataclass(frozen=True)
class Setup:
    """How a logger is opened.

    `needs` is the distribution that it comes from, `open` gets the file's path, `shown` is for
    tables.
    """

    needs: str
    open: Callable[[str], Log]
    shown: str


def _formatted(handler: logging.Handler) -> logging.Handler:
    formatter = logging.Formatter(LINE)
    formatter.default_msec_format = "%s.%03d"
    handler.setFormatter(formatter)
    return handler


def _file(path: str) -> logging.Handler:
    return _formatted(logging.FileHandler(path))


def _standard(handler: logging.Handler, close: Callable[[], Any]) -> Log:
    logger = logging.getLogger("bench")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    return Log(logger.info, logger.debug, close)


def logging_file(path: str) -> Log:
    """`logging.FileHandler`, which writes in the call."""
    handler = _file(path)
    return _standard(handler, handler.close)


def _queued(
    make: Callable[[], Any], end: Callable[[Any], Any] = lambda made: None
) -> Callable[[str], Log]:
    """`QueueHandler` and `QueueListener` on the queue that `make` makes."""

    def opened(path: str) -> Log:
        made = make()
        file = _file(path)
        listener = logging.handlers.QueueListener(made, file)
        listener.start()

        def close() -> None:
            listener.stop()
            end(made)
            file.close()

        return _standard(logging.handlers.QueueHandler(made), close)

    return opened


def _end_of_multiprocessing(made: Any) -> None:
    made.close()
    made.join_thread()


def loguru(path: str, **settings: Any) -> Log:
    """Loguru with `enqueue=True`."""
    from loguru import logger

    return _of_loguru(logger, path, settings)


def onewriter(path: str, **settings: Any) -> Log:
    """Ours, with Loguru's interface and `enqueue=True`."""
    from onewriter import logger

    return _of_loguru(logger, path, settings)


def _of_loguru(logger: Any, path: str, settings: dict[str, Any]) -> Log:
    logger.remove()
    logger.add(path, **{"level": "INFO", "format": LOGURU_LINE, "enqueue": True, **settings})
    return Log(logger.info, logger.debug, logger.remove, BRACES)


def onewriter_handlers(path: str) -> Log:
    """Ours, with `logging`: the standard library's file handler behind our queue."""
    from onewriter.handlers import Queue, QueueHandler, QueueListener

    made = Queue()
    file = _file(path)
    listener = QueueListener(made, file)
    listener.start()

    def close() -> None:
        listener.stop()
        file.close()

    return _standard(QueueHandler(made), close)


def onewriter_file(path: str) -> Log:
    """Ours, with `logging`: a file handler that puts lines into the queue of the file."""
    from onewriter.handlers import FileHandler

    handler = _formatted(FileHandler(path))
    return _standard(handler, handler.close)


def onewriter_installed(path: str) -> Log:
    """Ours, with plain `logging`, as `onewriter.install` and `dictConfig` set it up."""
    from onewriter.handlers import installed

    handler = _formatted(installed(path))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logger = logging.getLogger("bench")
    return Log(logger.info, logger.debug, handler.close)


def concurrent(path: str) -> Log:
    """concurrent-log-handler, which never rotates here, as nobody does."""
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    handler = _formatted(ConcurrentRotatingFileHandler(path))
    return _standard(handler, handler.close)


def concurrent_rotating(path: str) -> Log:
    """concurrent-log-handler as it is meant to be used."""
    from concurrent_log_handler import ConcurrentRotatingFileHandler

    handler = _formatted(ConcurrentRotatingFileHandler(path, "a", SMALL, 1_000))
    return _standard(handler, handler.close)


def onewriter_rotating(path: str) -> Log:
    """Ours, in place of concurrent-log-handler."""
    from onewriter.handlers import ConcurrentRotatingFileHandler

    handler = _formatted(ConcurrentRotatingFileHandler(path, "a", SMALL, 1_000))
    return _standard(handler, handler.close)


def logging_rotating(path: str) -> Log:
    """The standard library's, which is not meant for several processes."""
    handler = _formatted(logging.handlers.RotatingFileHandler(path, "a", SMALL, 1_000))
    return _standard(handler, handler.close)


def _picologging(make: Callable[[], Any] | None) -> Callable[[str], Log]:
    def opened(path: str) -> Log:
        import picologging
        from picologging import handlers

        file = picologging.FileHandler(path)
        # Without milliseconds, for which it shows memory that nobody has written, and without a
        # width, which it does not know.
        line = LINE.replace("-8s", "s    ")
        file.setFormatter(picologging.Formatter(line, datefmt=SECONDS))
        logger = picologging.Logger("bench", picologging.INFO)
        if make is None:
            logger.addHandler(file)
            return Log(logger.info, logger.debug, file.close)
        made = make()
        listener = handlers.QueueListener(made, file)
        listener.start()
        logger.addHandler(handlers.QueueHandler(made))

        def close() -> None:
            listener.stop()
            file.close()

        return Log(logger.info, logger.debug, close)

    return opened


def structlog(path: str) -> Log:
    """structlog as its page on performance advises: JSON as bytes, written in the call."""
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(
                serializer=lambda event, **kwargs: json.dumps(event, **kwargs).encode()
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(file=open(path, "ab")),
        cache_logger_on_first_use=True,
    )
    logger = structlog.get_logger().bind()
    return Log(logger.info, logger.debug, lambda: None)


def nothing(path: str) -> Log:
    """An empty method: what measuring costs."""

    class Nothing:
        def info(self, message: str, *args: Any) -> None:
            """Does nothing."""

    return Log(Nothing().info, Nothing().info, lambda: None)


def _multiprocessing_queue() -> Any:
    return multiprocessing.get_context("fork").Queue()


SETUPS: dict[str, Setup] = {
    "onewriter": Setup("onewriter", onewriter, "`logger.add(path, enqueue=True)`"),
    "onewriter/json": Setup(
        "onewriter", lambda path: onewriter(path, serialize=True), "the same with `serialize=True`"
    ),
    "onewriter/queue": Setup(
        "onewriter", onewriter_handlers, "`logging`, our `QueueHandler` on our `Queue`"
    ),
    "onewriter/install": Setup(
        "onewriter", onewriter_installed, "plain `logging`, after `onewriter.install`"
    ),
    "onewriter/file": Setup("onewriter", onewriter_file, "`logging`, our `FileHandler`"),
    "logging": Setup("", logging_file, "`FileHandler`, writes in the call"),
    "logging/queue": Setup("", _queued(queue.Queue), "`QueueHandler` on `queue.Queue`"),
    "logging/simplequeue": Setup(
        "", _queued(queue.SimpleQueue), "`QueueHandler` on `queue.SimpleQueue`"
    ),
    "logging/mpqueue": Setup(
        "",
        _queued(_multiprocessing_queue, _end_of_multiprocessing),
        "`QueueHandler` on `multiprocessing.Queue`",
    ),
    "loguru": Setup("loguru", loguru, "`logger.add(path, enqueue=True)`"),
    "loguru/sync": Setup(
        "loguru", lambda path: loguru(path, enqueue=False), "`logger.add(path)`, writes in the call"
    ),
    "loguru/json": Setup(
        "loguru", lambda path: loguru(path, serialize=True), "`enqueue=True, serialize=True`"
    ),
    "concurrent-log-handler": Setup(
        "concurrent-log-handler", concurrent, "never rotates, locks and writes in the call"
    ),
    "picologging": Setup("picologging", _picologging(None), "`FileHandler`, writes in the call"),
    "picologging/queue": Setup(
        "picologging", _picologging(queue.Queue), "`QueueHandler` on `queue.Queue`"
    ),
    "picologging/simplequeue": Setup(
        "picologging", _picologging(queue.SimpleQueue), "`QueueHandler` on `queue.SimpleQueue`"
    ),
    "structlog": Setup("structlog", structlog, "JSON as bytes, writes in the call"),
    "onewriter/rotation": Setup(
        "onewriter", lambda path: onewriter(path, rotation=SMALL), "`rotation=100_000`"
    ),
    "onewriter/rotating": Setup(
        "onewriter", onewriter_rotating, "our `ConcurrentRotatingFileHandler`"
    ),
    "loguru/rotation": Setup(
        "loguru", lambda path: loguru(path, rotation=SMALL), "`rotation=100_000`"
    ),
    "logging/rotating": Setup("", logging_rotating, "`RotatingFileHandler`"),
    "concurrent-log-handler/rotating": Setup(
        "concurrent-log-handler", concurrent_rotating, "`ConcurrentRotatingFileHandler`"
    ),
    "nothing": Setup("", nothing, "an empty method: what measuring costs"),
}


def version(distribution: str) -> str | None:
    """The version of what is installed; `None` if it is not.

    What lies on the path without having been installed is asked itself.
    """
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        pass
    try:
        return importlib.import_module(distribution.replace("-", "_")).__version__
    except ImportError:
        return None


def written(folder: Path) -> list[Path]:
    """The logs in a folder, without lock files."""
    return [path for path in sorted(folder.iterdir()) if not path.name.endswith(".lock")]
