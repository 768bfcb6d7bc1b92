"""What all loggers that stem from one have in common: handlers, levels, extra, activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._handler import Handler
from ._levels import Levels
from ._locks import changes


class Core:
    """What all loggers that stem from one have in common.

    Who logs takes no lock: what changes is exchanged as a whole, by who holds `changes`.
    """

    def __init__(self) -> None:
        self.levels = Levels()
        self.next_id = 0
        self.min_level: float = float("inf")
        self.handlers: dict[int, Handler] = {}
        self.extra: dict[str, Any] = {}
        self.patcher: Callable[[dict[str, Any]], Any] | None = None
        self.activation_list: list[tuple[str, bool]] = []
        self.activation_none = True
        self._enabled: dict[str | None, bool] = {}

    def set_handlers(self, handlers: dict[int, Handler]) -> None:
        """Exchanges the handlers; to be called with `changes` held."""
        self.handlers = handlers
        self.min_level = min((handler.level for handler in handlers.values()), default=float("inf"))

    def is_enabled(self, name: str | None) -> bool:
        """Whether records of the module of this name are taken."""
        # First the memory, then what it remembers: one that was exchanged meanwhile keeps nothing
        # outdated.
        enabled = self._enabled
        is_on = enabled.get(name)
        if is_on is None:
            is_on = enabled[name] = self._is_active(name)
        return is_on

    def _is_active(self, name: str | None) -> bool:
        if name is None:
            return self.activation_none
        below = name + "."
        return next(
            (is_on for prefix, is_on in self.activation_list if below.startswith(prefix)), True
        )

    def activate(self, name: str | None, is_on: bool) -> None:
        """Turns the records of a module and those below it on or off."""
        if name is not None and not isinstance(name, str):
            raise TypeError(
                f"Invalid name, it should be a string (or None), not: '{type(name).__name__}'"
            )
        with changes:
            if name is None:
                self.activation_none = is_on
            else:
                prefix = name + "." if name != "" else ""
                kept = [entry for entry in self.activation_list if not entry[0].startswith(prefix)]
                above = next((was_on for known, was_on in kept if prefix.startswith(known)), True)
                if above is not is_on:
                    kept.append((prefix, is_on))
                # The longest prefix decides.
                kept.sort(key=lambda entry: entry[0].count("."), reverse=True)
                self.activation_list = kept
            self._enabled = {}
