"""What all loggers that stem from one have in common: handlers, levels, extra, activation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import _call, _datetime
from ._call import context
from ._handler import Handler
from ._levels import Levels
from ._locks import changes
from ._native import Calls, FileQueue

# The levels that have a method of their own, as the base of the logger numbers them.
_METHODS = ("TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL")


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
        self._make_calls()

    def _make_calls(self) -> None:
        numbers = [self.levels.known[name].no for name in _METHODS]
        self.calls = Calls(
            self._resolve, numbers, _datetime.__dict__, context, _call.start_nanos
        )
        self.renew_calls()

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        del state["calls"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_calls()

    def renew_calls(self) -> None:
        """Has each call site ask again what becomes of its records."""
        slow = (handler.level for handler in self.handlers.values() if handler.quick_queue is None)
        slow_from = min(slow, default=float("inf"))
        if self.patcher is not None:
            slow_from = float("-inf")
        self.calls.reset(self.min_level, slow_from, self.extra)

    def _resolve(self, frame: Any, level: str) -> tuple[FileQueue, tuple[Any, ...]] | bool | None:
        """What becomes of the records of a call: ``None`` if nobody takes them, false if they need a
        record of Python's, else the queue that takes them and what the writer is to know of the call.
        """
        name = frame.f_globals.get("__name__")
        if not self.is_enabled(name):
            return None
        known, _ = self.levels.of_record(level)
        takers = [it for it in self.handlers.values() if it.takes(name, known)]
        if not takers:
            return None
        queue = takers[0].quick_queue
        # The writer's levels end at 254.
        if len(takers) > 1 or queue is None or not isinstance(name, str) or not 1 <= known.no <= 254:
            return False
        return queue, _call.about(known.no, known.name, name, frame)

    def set_extra(self, extra: dict[str, Any]) -> None:
        """Exchanges the extra of all records."""
        self.extra = dict(extra)
        self.renew_calls()

    def set_patcher(self, patcher: Callable[[dict[str, Any]], Any] | None) -> None:
        """Exchanges the function that changes every record."""
        self.patcher = patcher
        self.renew_calls()

    def set_handlers(self, handlers: dict[int, Handler]) -> None:
        """Exchanges the handlers; to be called with `changes` held."""
        self.handlers = handlers
        self.min_level = min((handler.level for handler in handlers.values()), default=float("inf"))
        self.renew_calls()

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
            self.renew_calls()
