"""Which files of a sink are removed: all but the newest, old ones, or as a function says."""

from __future__ import annotations

import datetime
import glob
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from string import Formatter
from typing import Any

from . import _duration

Retention = Callable[[list[str]], Any]
"""Called with the paths of all files of the sink."""


def make_retention(retention: Any) -> Retention | None:
    """What a ``retention`` argument stands for: a number of files, an age, or a function.

    Raises:
        TypeError: no retention can be made of this type.
        ValueError: the text is no duration.
    """
    if retention is None or callable(retention):
        return retention
    if isinstance(retention, str):
        age = _duration.parse_duration(retention)
        if age is None:
            raise ValueError(f"Cannot parse retention from: '{retention}'")
        return partial(_keep_younger, age)
    if isinstance(retention, datetime.timedelta):
        return partial(_keep_younger, retention)
    if isinstance(retention, int):
        return partial(_keep_newest, retention)
    raise TypeError(f"Cannot infer retention for objects of type: '{type(retention).__name__}'")


def files_of(directory: str, pattern: str) -> list[str]:
    """The files that a sink has written or turned into archives, in the order of their names.

    Args:
        directory: where the path begins, if it is not absolute.
        pattern: the sink's path; its placeholders stand for any text.
    """
    parts = []
    for literal, placeholder, _, _ in Formatter().parse(pattern):
        parts.append(glob.escape(literal))
        if placeholder is not None:
            parts.append("*")
    path = os.path.abspath(os.path.join(glob.escape(directory), "".join(parts)))
    root, extension = os.path.splitext(path)
    candidates = {path, f"{path}.*"}
    if extension:
        candidates |= {f"{root}.*{extension}", f"{root}.*{extension}.*"}
    found = {name for candidate in candidates for name in glob.glob(candidate)}
    return sorted(name for name in found if os.path.isfile(name))


def _keep_newest(number: int, paths: list[str]) -> None:
    newest_first = sorted(paths, key=lambda path: (-_changed(path), path))
    _remove(newest_first[max(number, 0) :])


def _keep_younger(age: datetime.timedelta, paths: list[str]) -> None:
    oldest = time.time() - age.total_seconds()
    _remove(path for path in paths if _changed(path) <= oldest)


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except FileNotFoundError:
        return 0.0  # Somebody has removed it since it was found.


def _remove(paths: Iterable[str]) -> None:
    """Removes what it can, then raises the first error; a file in use is left to the next time."""
    failures = []
    for path in paths:
        try:
            os.remove(path)
        except (FileNotFoundError, PermissionError):
            pass
        except OSError as err:
            failures.append(err)
    if failures:
        raise failures[0]
