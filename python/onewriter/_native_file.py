"""Which files with ``enqueue=True`` the engine writes itself: those whose settings it can carry out
exactly as they are meant. Others are written by Python's sink, behind a queue.
"""

from __future__ import annotations

import datetime
import os
from decimal import Decimal
from typing import Any

from . import _datetime, _duration, _markup
from ._native import can_format
from ._transport import FileTransport, QueueOptions

# What Loguru calls a rotated file, behind the name of the file.
_NAMES = "%Y-%m-%d_%H-%M-%S_%6f"
# Settings that mean the same to the engine whatever they are: it writes whole batches, and follows a
# file that is moved away.
_WITHOUT_MEANING = {"buffering", "watch"}
# For a size or a number of files: Python's sink never gets there.
_TOO_LARGE = 2**63


def transport(
    sink: Any,
    kwargs: dict[str, Any],
    format: Any,
    icons: list[tuple[str, str]] | None,
    options: QueueOptions,
) -> FileTransport | None:
    """The transport to the engine, or ``None`` if Python has to write the file.

    ``format`` is the handler's format; if it is a string that the writer can carry out, that makes the
    text of plain records. ``icons`` are those of the levels, for records that are serialized.
    """
    given = os.fspath(sink)
    # A clock that a test has stopped is not the writer's.
    is_stopped = _datetime.datetime.__module__ != "datetime"
    if not isinstance(given, str) or "{" in given or is_stopped:
        return None
    path = os.path.abspath(given)
    if not _is_for_engine(path):
        return None
    settings = _settings(kwargs)
    if settings is None:
        return None
    if isinstance(format, str):
        try:
            plain = _markup.Template(format + "\n{exception}").plain
        except ValueError:
            return None
        if can_format(plain):
            settings["format"] = plain
            if icons is not None:
                settings["icons"] = icons
    return FileTransport(path, options, settings)


def _is_for_engine(path: str) -> bool:
    """Whether the path is a regular file's, or nobody's yet, in UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in path and (os.path.isfile(path) or not os.path.exists(path))


def _settings(kwargs: dict[str, Any]) -> dict[str, Any] | None:
    rest = {key: value for key, value in kwargs.items() if key not in _WITHOUT_MEANING}
    rotation = rest.pop("rotation", None)
    retention = rest.pop("retention", None)
    compression = rest.pop("compression", None)
    if rest.pop("mode", "a") != "a" or rest.pop("delay", False):
        return None
    if rest.pop("encoding", "utf8") not in ("utf8", "utf-8") or rest:
        return None
    if rotation is None:
        # Retention and compression then take place when the handler is removed.
        return {} if retention is None and compression is None else None
    settings = _rotation(rotation)
    if settings is None or compression not in (None, "gz"):
        return None
    settings["names"] = _NAMES
    if compression is not None:
        settings["compression"] = compression
    return _with_retention(settings, retention)


def _rotation(rotation: Any) -> dict[str, Any] | None:
    if isinstance(rotation, str):
        size = _duration.parse_size(rotation)
        return _size(size) if size is not None else _at(rotation)
    if isinstance(rotation, (int, float, Decimal)) and not isinstance(rotation, bool):
        return _size(rotation)
    if isinstance(rotation, datetime.time) and rotation.tzinfo is None and not rotation.microsecond:
        return {"rotate_at": rotation.strftime("%H:%M:%S")}
    return None


def _size(size: Any) -> dict[str, Any] | None:
    return {"rotate_size": int(size)} if 1 <= size < _TOO_LARGE else None


def _at(text: str) -> dict[str, Any] | None:
    return {"rotate_at": "00:00"} if text.strip().lower() == "daily" else None


def _with_retention(settings: dict[str, Any], retention: Any) -> dict[str, Any] | None:
    if isinstance(retention, str):
        retention = _duration.parse_duration(retention)
        if retention is None:
            return None
    if isinstance(retention, datetime.timedelta):
        seconds = retention.total_seconds()
        return {**settings, "keep_for": seconds} if seconds >= 1 else None
    if (
        isinstance(retention, int)
        and not isinstance(retention, bool)
        and 1 <= retention < _TOO_LARGE
    ):
        return {**settings, "keep": retention}
    return settings if retention is None else None
