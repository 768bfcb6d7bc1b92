"""In place of `logging.handlers` and of concurrent-log-handler.

Everything here has the name, the arguments and the base class of what it replaces: to change
over is to change the import. Importing this module publishes concurrent-log-handler's two names
in `logging.handlers`, where files for `logging.config.fileConfig` expect them, unless they are
taken; `publish` takes them.
"""

from __future__ import annotations

import logging.handlers

from onewriter._files import FileHandler, StreamHandler, WatchedFileHandler
from onewriter._install import installed
from onewriter._listener import QueueListener
from onewriter._queue import Queue
from onewriter._queue_handler import QueueHandler
from onewriter._rotating import (
    ConcurrentRotatingFileHandler,
    ConcurrentTimedRotatingFileHandler,
    RotatingFileHandler,
    TimedRotatingFileHandler,
)

__all__ = [
    "ConcurrentRotatingFileHandler",
    "ConcurrentTimedRotatingFileHandler",
    "FileHandler",
    "Queue",
    "QueueHandler",
    "QueueListener",
    "RotatingFileHandler",
    "StreamHandler",
    "TimedRotatingFileHandler",
    "WatchedFileHandler",
    "installed",
    "publish",
]

_PUBLISHED = (ConcurrentRotatingFileHandler, ConcurrentTimedRotatingFileHandler)


def publish() -> None:
    """Makes `ConcurrentRotatingFileHandler` and `ConcurrentTimedRotatingFileHandler` known as
    names of `logging.handlers`, whoever had them before."""
    for handler in _PUBLISHED:
        setattr(logging.handlers, handler.__name__, handler)


for _handler in _PUBLISHED:
    if not hasattr(logging.handlers, _handler.__name__):
        setattr(logging.handlers, _handler.__name__, _handler)
