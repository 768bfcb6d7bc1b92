"""Everyone logs, one writes.

``logger`` has Loguru's interface; `install` routes the standard library's `logging` through the engine; `Queue`
stands in for `queue.Queue` and `multiprocessing.Queue`; handlers are in `onewriter.handlers`.
"""

from __future__ import annotations

import atexit
import sys

from . import _defaults, capture
from ._check import check
from ._install import install, uninstall
from ._logger import Core, Logger
from ._queue import Queue

__all__ = ["Queue", "capture", "check", "install", "logger", "uninstall"]
__version__ = "0.1.0"

logger = Logger(
    core=Core(),
    exception=None,
    depth=0,
    record=False,
    lazy=False,
    colors=False,
    raw=False,
    capture=True,
    patchers=[],
    extra={},
)
"""The logger. At first it has one handler, for stderr."""

if _defaults.AUTOINIT and sys.stderr:
    logger.add(sys.stderr)

atexit.register(logger.remove)
