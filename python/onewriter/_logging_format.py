"""Formats of `logging.Formatter` as format strings that the writer can carry out."""

from __future__ import annotations

import logging
import re
import time

from ._native import can_format

_FIELD = re.compile(r"%(?:\((\w+)\)([-#0 +]*)(\d*)(?:\.\d+)?([a-zA-Z])|(%))")

# The attributes of a record, as the writer calls them, and whether they are numbers.
_NAMES = {
    "name": ("name", False),
    "levelname": ("level", False),
    "levelno": ("level.no", True),
    "message": ("message", False),
    "module": ("module", False),
    "funcName": ("function", False),
    "lineno": ("line", True),
    "filename": ("file", False),
    "pathname": ("file.path", False),
    "process": ("process", True),
    "processName": ("process.name", False),
    "thread": ("thread", True),
    "threadName": ("thread.name", False),
}

_FRACTIONS = {"%s,%03d": ",SSS", "%s.%03d": ".SSS", None: "", "": ""}

_DIRECTIVES = {
    "Y": "YYYY", "y": "YY", "m": "MM", "d": "DD", "H": "HH", "I": "hh", "M": "mm", "S": "ss",
    "j": "DDDD", "z": "ZZ", "F": "YYYY-MM-DD", "T": "HH:mm:ss",
}  # fmt: skip


def translated(formatter: logging.Formatter | None) -> str | None:
    """The format string of a formatter, with the newline behind it; ``None`` if only Python can carry
    it out.
    """
    if formatter is None:
        formatter = logging._defaultFormatter  # type: ignore[attr-defined]
    if type(formatter) is not logging.Formatter:
        return None
    if type(formatter._style) is not logging.PercentStyle:
        return None
    if getattr(formatter._style, "_defaults", None):
        return None
    moment = _time(formatter)
    text, end = "", 0
    template = formatter._fmt or ""
    for found in _FIELD.finditer(template):
        literal = template[end : found.start()]
        field = _field(found, moment)
        if "%" in literal or field is None:
            return None
        text += _escaped(literal) + field
        end = found.end()
    if "%" in template[end:]:
        return None
    text += _escaped(template[end:]) + "\n"
    return text if can_format(text) else None


def _escaped(literal: str) -> str:
    return literal.replace("{", "{{").replace("}", "}}")


def _field(found: re.Match[str], moment: str | None) -> str | None:
    name, flags, width, kind, percent = found.groups()
    if percent:
        return "%"
    if ("." in found.group()) or kind not in "sd":
        return None
    if name == "asctime":
        return moment if kind == "s" and not flags and not width else None
    if name not in _NAMES:
        return None
    ours, is_number = _NAMES[name]
    if (kind == "d" and not is_number) or flags not in ("", "-", "0") or (name == "message" and width):
        return None
    if not width:
        return f"{{{ours}}}"
    if flags == "0":
        return f"{{{ours}:0{width}}}" if kind == "d" else None
    return f"{{{ours}:{'<' if flags == '-' else '>'}{width}}}"


def _time(formatter: logging.Formatter) -> str | None:
    if formatter.converter is time.localtime:
        zone = ""
    elif formatter.converter is time.gmtime:
        zone = "!UTC"
    else:
        return None
    if formatter.datefmt is None:
        fraction = _FRACTIONS.get(formatter.default_msec_format)
        if formatter.default_time_format != "%Y-%m-%d %H:%M:%S" or fraction is None:
            return None
        return f"{{time:YYYY-MM-DD HH:mm:ss{fraction}{zone}}}"
    # Letters between directives would be taken for tokens.
    parts = re.split(r"%(.)", formatter.datefmt, flags=re.DOTALL)
    if any(re.search(r"[A-Za-z\[\]{}!]", literal) for literal in parts[::2]):
        return None
    if any(directive not in _DIRECTIVES for directive in parts[1::2]):
        return None
    parts[1::2] = [_DIRECTIVES[directive] for directive in parts[1::2]]
    return f"{{time:{''.join(parts)}{zone}}}"
