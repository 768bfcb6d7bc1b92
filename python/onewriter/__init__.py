"""Everyone logs, one writes: ``from onewriter import logger``, with Loguru's interface."""

from __future__ import annotations

import atexit
import sys

from . import _defaults, capture
from ._check import check
from ._logger import Core, Logger

__all__ = ["capture", "check", "logger"]
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
