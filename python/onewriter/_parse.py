"""Reading a log file back: ``logger.parse``."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any


def parse(file: Any, pattern: Any, cast: Any, chunk: int) -> Iterator[dict[str, Any]]:
    """See `onewriter._logger.Logger.parse`."""
    if isinstance(file, (str, os.PathLike)):
        with open(str(file)) as opened:
            yield from parse(opened, pattern, cast, chunk)
        return
    if not callable(getattr(file, "read", None)):
        raise TypeError(
            "Invalid file, it should be a string path or a file object, not: "
            f"'{type(file).__name__}'"
        )
    change = _changer(cast)
    try:
        regex = re.compile(pattern)
    except TypeError:
        raise TypeError(
            "Invalid pattern, it should be a string or a compiled regex, not: "
            f"'{type(pattern).__name__}'"
        ) from None
    for match in _matches(file, regex, chunk):
        groups = match.groupdict()
        change(groups)
        yield groups


def _changer(cast: object) -> Callable[[dict[str, Any]], Any]:
    if isinstance(cast, dict):

        def change(groups: dict[str, Any]) -> None:
            for key, converter in cast.items():
                if key in groups:
                    groups[key] = converter(groups[key])

        return change
    if callable(cast):
        return cast
    raise TypeError(
        f"Invalid cast, it should be a function or a dict, not: '{type(cast).__name__}'"
    )


def _matches(file: Any, regex: re.Pattern[Any], chunk: int) -> Iterator[re.Match[Any]]:
    text = file.read(0)
    start = 0
    while True:
        read = file.read(chunk)
        text += read
        found = list(regex.finditer(text, start))
        if not read:
            yield from found
            return
        # The last match may go on in the next chunk. What precedes it stays, too: a lookbehind may
        # ask for it.
        if len(found) > 1:
            yield from found[:-1]
            kept = found[-2]
            text, start = text[kept.start() :], kept.end() - kept.start()
