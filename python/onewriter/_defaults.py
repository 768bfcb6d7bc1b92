"""What the environment (``LOGURU_...``) says about the parameters of ``logger.add``."""

from __future__ import annotations

import os
from typing import Any

_TRUE = ("1", "true", "yes", "y", "ok", "on")
_FALSE = ("0", "false", "no", "n", "nok", "off")


def env(key: str, kind: type, default: Any = None) -> Any:
    """The value of an environment variable as a `str`, `int` or `bool`, or ``default``.

    Raises `ValueError` for a text that is no such value, and for another ``kind``.
    """
    text = os.environ.get(key)
    if text is None:
        return default
    if kind is str:
        return text
    if kind is bool:
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError(f"Invalid environment variable '{key}' (expected a boolean): '{text}'")
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(
                f"Invalid environment variable '{key}' (expected an integer): '{text}'"
            ) from None
    raise ValueError(f"The requested type '{kind.__name__}' is not supported")


AUTOINIT: bool = env("LOGURU_AUTOINIT", bool, True)
FORMAT: str = env(
    "LOGURU_FORMAT",
    str,
    "<green>{time:YYYY-MM-DD HH:mm:ss.SSS}</green> | <level>{level: <8}</level> | "
    "<cyan>{name}</cyan>:<cyan>{function}</cyan>:<cyan>{line}</cyan> - <level>{message}</level>",
)
FILTER: str | None = env("LOGURU_FILTER", str)
LEVEL: str = env("LOGURU_LEVEL", str, "DEBUG")
COLORIZE: bool | None = env("LOGURU_COLORIZE", bool)
SERIALIZE: bool = env("LOGURU_SERIALIZE", bool, False)
BACKTRACE: bool = env("LOGURU_BACKTRACE", bool, True)
DIAGNOSE: bool = env("LOGURU_DIAGNOSE", bool, True)
ENQUEUE: bool = env("LOGURU_ENQUEUE", bool, False)
CONTEXT: str | None = env("LOGURU_CONTEXT", str)
CATCH: bool = env("LOGURU_CATCH", bool, True)
