"""Levels: their names, numbers, colours and icons."""

from __future__ import annotations

from typing import NamedTuple

from . import _markup
from ._defaults import env
from ._record import RecordLevel


class Level(NamedTuple):
    """A level, as ``logger.level`` returns it; ``color`` is markup such as ``"<red><bold>"``."""

    name: str
    no: int
    color: str
    icon: str


_STANDARD = (
    ("TRACE", 5, "<cyan><bold>", "\u270f\ufe0f"),
    ("DEBUG", 10, "<blue><bold>", "\U0001f41e"),
    ("INFO", 20, "<bold>", "\u2139\ufe0f"),
    ("SUCCESS", 25, "<green><bold>", "\u2705"),
    ("WARNING", 30, "<yellow><bold>", "\u26a0\ufe0f"),
    ("ERROR", 40, "<red><bold>", "\u274c"),
    ("CRITICAL", 50, "<RED><bold>", "\u2620\ufe0f"),
)


def standard() -> dict[str, Level]:
    """The levels of a new logger, as the environment changes them."""
    return {
        name: Level(
            name,
            env(f"LOGURU_{name}_NO", int, no),
            env(f"LOGURU_{name}_COLOR", str, color),
            env(f"LOGURU_{name}_ICON", str, icon),
        )
        for name, no, color, icon in _STANDARD
    }


class Levels:
    """The levels of a logger, and the escape sequences of their colours."""

    def __init__(self) -> None:
        self.known = standard()
        self.escapes = {name: _markup.escape_of(level.color) for name, level in self.known.items()}

    def get(self, name: str) -> Level:
        """The level of this name; raises `ValueError` or `TypeError` if it names none."""
        if not isinstance(name, str):
            raise TypeError(
                f"Invalid level name, it should be a string, not: '{type(name).__name__}'"
            )
        level = self.known.get(name)
        if level is None:
            raise ValueError(f"Level '{name}' does not exist")
        return level

    def icons(self) -> list[tuple[str, str]]:
        """The names and icons of all levels."""
        return [(level.name, level.icon) for level in self.known.values()]

    def number(self, level: str | int) -> int:
        """The number of a level given by its name or as a number."""
        if isinstance(level, str):
            return self.get(level).no
        return self.checked(level)

    @staticmethod
    def checked(number: int) -> int:
        """The number of an unnamed level; raises `TypeError` or `ValueError` if it is none."""
        if not isinstance(number, int):
            raise TypeError(
                "Invalid level, it should be an integer or a string, not: "
                f"'{type(number).__name__}'"
            )
        if number < 0:
            raise ValueError(f"Invalid level value, it should be a positive integer, not: {number}")
        return int(number)

    def of_record(self, level: str | int) -> tuple[RecordLevel, str]:
        """The level of a record logged with this name or number, and its colour's escapes."""
        if isinstance(level, str):
            known = self.get(level)
            return RecordLevel(known.name, known.no, known.icon), self.escapes[level]
        number = self.checked(level)
        return RecordLevel(f"Level {number}", number, " "), ""

    def change(self, name: str, no: int | None, color: str | None, icon: str | None) -> Level:
        """Makes a level, or gives one that exists another colour or icon."""
        if not isinstance(name, str):
            raise TypeError(
                f"Invalid level name, it should be a string, not: '{type(name).__name__}'"
            )
        old = self.known.get(name)
        if old is None and no is None:
            raise ValueError(
                f"Level '{name}' does not exist, you have to create it by specifying a level no"
            )
        if old is not None and no is not None:
            raise ValueError(f"Level '{name}' already exists, you can't update its severity no")
        if old is None:
            if not isinstance(no, int):
                raise TypeError(
                    f"Invalid level no, it should be an integer, not: '{type(no).__name__}'"
                )
            if no < 0:
                raise ValueError(f"Invalid level no, it should be a positive integer, not: {no}")
            old = Level(name, no, "", " ")
        new = old._replace(
            color=old.color if color is None else color, icon=old.icon if icon is None else icon
        )
        self.escapes[name] = _markup.escape_of(new.color)
        self.known[name] = new
        return new
