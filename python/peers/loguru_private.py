"""A pytest plugin: what Loguru's tests take from its private modules, made of our own parts.

With it these tests look at our code, and no part of Loguru is needed to run them.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from types import ModuleType, SimpleNamespace
from typing import cast

import onewriter
from onewriter import _ctime, _record, _sinks
from onewriter._markup import Markup


class AnsiParser:
    """Takes a text with tags apart."""

    def __init__(self) -> None:
        self._markup = Markup()

    def feed(self, text: str) -> None:
        """Reads more text."""
        self._markup.feed(text)

    def done(self, *, strict: bool = True) -> Markup:
        """What was read; with ``strict`` its tags must be closed."""
        return self._markup.done() if strict else self._markup

    @staticmethod
    def strip(markup: Markup) -> str:
        """The text without its tags."""
        return markup.strip()

    @staticmethod
    def colorize(markup: Markup, level: str) -> str:
        """The text with escape sequences, of which ``level`` is that of the level."""
        return markup.color(level)


_PARTS = {
    "_colorizer": SimpleNamespace(AnsiParser=AnsiParser),
    "_colorama": SimpleNamespace(
        should_colorize=_sinks.should_colorize,
        should_wrap=lambda stream: False,  # As Windows needs it.
    ),
    "_contextvars": SimpleNamespace(load_contextvar_class=lambda: ContextVar),
    "_ctime_functions": SimpleNamespace(
        load_ctime_functions=lambda: (_ctime.get_ctime, _ctime.set_ctime)
    ),
    "_recattrs": _record,
}
for _name, _part in _PARTS.items():
    setattr(onewriter, _name, _part)
    sys.modules[f"onewriter.{_name}"] = cast(ModuleType, _part)
