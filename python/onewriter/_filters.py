"""Which records a handler takes: the ``filter`` of ``logger.add``."""

from __future__ import annotations

import builtins


def _none(record) -> bool:
    return record["name"] is not None


class _ByName:
    """Records of a module and those below it."""

    def __init__(self, name: str) -> None:
        self._name, self._below = name, name + "."

    def __call__(self, record) -> bool:
        name = record["name"]
        return name is not None and (name == self._name or name.startswith(self._below))


class _ByLevel:
    """The least level of each module; the nearest one above a module decides."""

    def __init__(self, levels: dict) -> None:
        self._levels = levels

    def __call__(self, record) -> bool:
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


def _level_of(module, level, levels):
    if isinstance(level, bool):
        return False if level is False else 0
    if isinstance(level, str):
        if level not in levels:
            raise ValueError(
                f"The filter dict contains a module '{module}' associated to a level name which does not "
                f"exist: '{level}'"
            )
        return levels[level].no
    if isinstance(level, int):
        if level < 0:
            raise ValueError(
                f"The filter dict contains a module '{module}' associated to an invalid level, it should "
                f"be a positive integer, not: '{level}'"
            )
        return level
    raise TypeError(
        f"The filter dict contains a module '{module}' associated to an invalid level, it should be an "
        f"integer, a string or a boolean, not: '{type(level).__name__}'"
    )


def make(given, levels):
    """The function that a handler asks, or ``None`` if it takes everything."""
    if given is None:
        return None
    if isinstance(given, str):
        return _ByName(given) if given else _none
    if isinstance(given, dict):
        least = {}
        for module, level in given.items():
            if module is not None and not isinstance(module, str):
                raise TypeError(
                    "The filter dict contains an invalid module, it should be a string (or None), not: "
                    f"'{type(module).__name__}'"
                )
            least[module] = _level_of(module, level, levels)
        return _ByLevel(least)
    if given is builtins.filter:
        raise ValueError(
            "The built-in 'filter()' function cannot be used as a 'filter' parameter, this is most likely "
            "a mistake (please double-check the arguments passed to 'logger.add()')."
        )
    if callable(given):
        return given
    raise TypeError(
        "Invalid filter, it should be a function, a string or a dict, not: "
        f"'{type(given).__name__}'"
    )
