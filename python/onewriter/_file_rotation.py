"""When a file is to be changed for a new one: by size, by time, or as a function says."""

from __future__ import annotations

import datetime
import numbers
import operator
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, TextIO

from . import _duration

Condition = Callable[[Any, TextIO], bool]
"""Called before each write, with the message, which has the attribute ``record``, and the file."""

Step = Callable[[datetime.datetime], datetime.datetime]
"""From one limit of a period to the next."""


def make_rotation(rotation: Any, creation_time: Callable[[str], float]) -> Condition | None:
    """The condition that a ``rotation`` argument stands for; ``None`` stands for never.

    It can be pickled, if the functions given can: loggers are sent to other processes.

    Args:
        rotation: a size in bytes or as text, a `timedelta`, a `time`, a duration, frequency, day or
            time as text, a function, or a list, tuple or set of these, of which any one suffices.
        creation_time: from a file's path to the seconds since the epoch of its creation.

    Raises:
        TypeError: no condition can be made of this type.
        ValueError: the text, or the duration, cannot be one.
    """
    if rotation is None:
        return None
    if isinstance(rotation, (list, tuple, set)):
        if not rotation:
            raise ValueError("Must provide at least one rotation condition")
        return partial(_any, [_condition(one, creation_time) for one in rotation])
    return _condition(rotation, creation_time)


def _condition(rotation: Any, creation_time: Callable[[str], float]) -> Condition:
    if isinstance(rotation, str):
        return _from_text(rotation, creation_time)
    if isinstance(rotation, (numbers.Real, Decimal)):
        return RotationBySize(rotation)
    if isinstance(rotation, datetime.time):
        return RotationByTime(partial(_next_at, None, rotation), creation_time, rotation.tzinfo)
    if isinstance(rotation, datetime.timedelta):
        return RotationByTime(_every(rotation), creation_time)
    if callable(rotation):
        return rotation
    raise TypeError(f"Cannot infer rotation for objects of type: '{type(rotation).__name__}'")


def _from_text(text: str, creation_time: Callable[[str], float]) -> Condition:
    size = _duration.parse_size(text)
    if size is not None:
        return RotationBySize(size)
    interval = _duration.parse_duration(text)
    if interval is not None:
        return RotationByTime(_every(interval), creation_time)
    frequency = _duration.parse_frequency(text)
    if frequency is not None:
        return RotationByTime(frequency, creation_time)
    daytime = _duration.parse_daytime(text)
    if daytime is not None:
        day, time = daytime
        return RotationByTime(partial(_next_at, day, time or datetime.time(0)), creation_time)
    raise ValueError(f"Cannot parse rotation from: '{text}'")


def _every(interval: datetime.timedelta) -> Step:
    if interval <= datetime.timedelta(0):
        raise ValueError(f"Invalid rotation interval: '{interval}' (it must be longer than zero)")
    return partial(operator.add, interval)


def _next_at(day: int | None, time: datetime.time, moment: datetime.datetime) -> datetime.datetime:
    found = datetime.datetime.combine(moment.date(), time.replace(tzinfo=None))
    while found <= moment or day not in (None, found.weekday()):
        found += datetime.timedelta(days=1)
    return found


def _any(conditions: list[Condition], message: Any, file: TextIO) -> bool:
    # All are asked: those by time count the periods by it.
    return any([condition(message, file) for condition in conditions])


class RotationBySize:
    """A new file before the message that would make this one larger than the limit."""

    def __init__(self, limit: float | Decimal) -> None:
        self._limit = limit

    def __call__(self, message: str, file: TextIO) -> bool:
        file.seek(0, 2)
        # Characters, as in Loguru, and not bytes: the message is not encoded twice.
        return file.tell() + len(message) > self._limit


class RotationByTime:
    """A new file with the first message of each period.

    Periods follow each other from the creation of the first file. They are those of the wall clock:
    a day is from 12:00 to 12:00 also when the clocks change in between.
    """

    def __init__(
        self, step: Step, creation_time: Callable[[str], float], zone: datetime.tzinfo | None = None
    ) -> None:
        self._step, self._creation_time, self._zone = step, creation_time, zone
        self._limit: datetime.datetime | None = None

    def __call__(self, message: Any, file: TextIO) -> bool:
        moment = message.record["time"]
        if self._limit is None:
            created = self._creation_time(file.name)
            started = datetime.datetime.fromtimestamp(created, tz=moment.tzinfo)
            self._limit = self._step(self._wall_clock(started))
        now = self._wall_clock(moment)
        if now < self._limit:
            return False
        while self._limit <= now:
            self._limit = self._step(self._limit)
        return True

    def _wall_clock(self, moment: datetime.datetime) -> datetime.datetime:
        if self._zone is not None:
            moment = moment.astimezone(self._zone)
        return moment.replace(tzinfo=None)
