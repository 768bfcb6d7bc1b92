"""From a record to its text: the ``format`` and ``serialize`` of a handler."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterator
from typing import Any

from . import _markup
from ._markup import Markup


class Format:
    """The ``format`` of a handler: how a record becomes text."""

    def __init__(self, given: Any, *, is_colored: bool, tail: str) -> None:
        """``given``: a format string, to which ``tail`` is added, or a function that makes one."""
        self.is_colored = is_colored
        self._dynamic = None
        if isinstance(given, str):
            try:
                self._template = _markup.Template(given + tail)
            except ValueError as err:
                raise ValueError(
                    "Invalid format, color markups could not be parsed correctly"
                ) from err
        elif given is builtins.format:
            raise ValueError(
                "The built-in 'format()' function cannot be used as a 'format' parameter, this "
                "is most likely a mistake (please double-check the arguments passed to "
                "'logger.add()')."
            )
        elif callable(given):
            self._dynamic = given
        else:
            raise TypeError(
                "Invalid format, it should be a string or a function, not: "
                f"'{type(given).__name__}'"
            )

    def text(
        self, record: dict[str, Any], exception: str, escape: str, colored: Markup | None
    ) -> str:
        """The formatted record.

        ``exception`` is its formatted traceback, ``escape`` the escape sequence of its level,
        ``colored`` its message if that has tags.
        """
        template = (
            self._template if self._dynamic is None else _markup.template(self._dynamic(record))
        )
        shown = {**record, "exception": exception}
        if not self.is_colored:
            return template.plain.format_map(shown)
        tagged = self._tagged(record, colored)
        if tagged is not None:
            shown["message"] = _Woven(tagged, escape, template.around_messages(escape))
        return template.colored(escape).format_map(shown)

    def raw(self, record: dict[str, Any], escape: str, colored: Markup | None) -> str:
        """The record's message alone."""
        tagged = self._tagged(record, colored)
        message: str = record["message"]
        return message if tagged is None else tagged.color(escape)

    def _tagged(self, record: dict[str, Any], colored: Markup | None) -> Markup | None:
        """The message's tags, if they are shown: not if somebody has changed the message since."""
        if not self.is_colored or colored is None or colored.strip() != record["message"]:
            return None
        return colored


class _Woven(str):
    """A message with tags; after each closed one, the colours of the format around it go on."""

    _colored: Markup
    _escape: str
    _around: Iterator[str]

    def __new__(cls, colored: Markup, escape: str, around: Iterator[str]) -> _Woven:
        made = super().__new__(cls, colored.strip())
        made._colored, made._escape, made._around = colored, escape, around
        return made

    def __format__(self, spec: str) -> str:
        return format(self._colored.color(self._escape, around=next(self._around, "")), spec)


def serialized(text: str, record: dict[str, Any]) -> str:
    """A record as one line of JSON, in Loguru's shape."""
    exception = record["exception"]
    if exception is not None:
        exception = {
            "type": None if exception.type is None else exception.type.__name__,
            "value": exception.value,
            "traceback": bool(exception.traceback),
        }
    level, file, process, thread = (record[key] for key in ("level", "file", "process", "thread"))
    shown = {
        "text": text,
        "record": {
            "elapsed": {"repr": record["elapsed"], "seconds": record["elapsed"].total_seconds()},
            "exception": exception,
            "extra": record["extra"],
            "file": {"name": file.name, "path": file.path},
            "function": record["function"],
            "level": {"icon": level.icon, "name": level.name, "no": level.no},
            "line": record["line"],
            "message": record["message"],
            "module": record["module"],
            "name": record["name"],
            "process": {"id": process.id, "name": process.name},
            "thread": {"id": thread.id, "name": thread.name},
            "time": {"repr": record["time"], "timestamp": record["time"].timestamp()},
        },
    }
    return json.dumps(shown, default=str, ensure_ascii=False) + "\n"
