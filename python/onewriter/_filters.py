"""Which records a handler takes: the ``filter`` of ``logger.add``."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

from ._levels import Level


def _has_name(record: dict[str, Any]) -> bool:
    return record["name"] is not None


class _ByName:
    """Records of a module and those below it."""

    def __init__(self, name: str) -> None:
        self._name, self._below = name, name + "."

    def __call__(self, record: dict[str, Any]) -> bool:
        name = record["name"]
        return name is not None and (name == self._name or name.startswith(self._below))


class _ByLevel:
    """The least level of each module; the nearest one above a module decides."""

    def __init__(self, levels: dict[str | None, int | bool]) -> None:
        self._levels = levels

    def __call__(self, record: dict[str, Any]) -> bool:
        name = record["name"]
        while True:
            level = self._levels.get(name)
            if level is False:
                return False
            if level is not None:
                return record["level"].no >= level
            if not name:
                return True
            at = name.rfind(".")
            name = name[:at] if at != -1 else ""


def is_static(asked: Any) -> bool:
    """Whether a filter that `make` returned looks at nothing but a record's name and level."""
    return asked is None or asked is _has_name or isinstance(asked, (_ByName, _ByLevel))


def _least(module: str | None, level: Any, levels: dict[str, Level]) -> int | bool:
    if isinstance(level, bool):
        return False if level is False else 0
    if isinstance(level, str):
        if level not in levels:
            raise ValueError(
                f"The filter dict contains a module '{module}' associated to a level name which "
                f"does not exist: '{level}'"
            )
        return levels[level].no
    if isinstance(level, int):
        if level < 0:
            raise ValueError(
                f"The filter dict contains a module '{module}' associated to an invalid level, "
                f"it should be a positive integer, not: '{level}'"
            )
        return level
    raise TypeError(
        f"The filter dict contains a module '{module}' associated to an invalid level, it should "
        f"be an integer, a string or a boolean, not: '{type(level).__name__}'"
    )


def make(given: object, levels: dict[str, Level]) -> Callable[[dict[str, Any]], Any] | None:
    """The function that a handler asks, or ``None`` if it takes everything.

    ``given`` is a module's name, a dict of modules and their least levels, or a function. Raises
    `TypeError` or `ValueError` for what is neither, and for levels that do not exist.
    """
    if given is None:
        return None
    if isinstance(given, str):
        return _ByName(given) if given else _has_name
    if isinstance(given, dict):
        least = {}
        for module, level in given.items():
            if module is not None and not isinstance(module, str):
                raise TypeError(
                    "The filter dict contains an invalid module, it should be a string (or "
                    f"None), not: '{type(module).__name__}'"
                )
            least[module] = _least(module, level, levels)
        return _ByLevel(least)
    if given is builtins.filter:
        raise ValueError(
            "The built-in 'filter()' function cannot be used as a 'filter' parameter, this is "
            "most likely a mistake (please double-check the arguments passed to 'logger.add()')."
        )
    if callable(given):
        return given
    raise TypeError(
        "Invalid filter, it should be a function, a string or a dict, not: "
        f"'{type(given).__name__}'"
    )
