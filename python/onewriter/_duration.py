"""The words in which users give sizes, durations, frequencies, days and times."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable

_SIZE = re.compile(r"([e+\-.\d]+)\s*([kmgtpezy])?(i)?(b)", re.IGNORECASE)
_DURATION = re.compile(r"(?:[e+\-.\d]+\s*[a-z]+[\s,]*)+", re.IGNORECASE)
_DURATION_PART = re.compile(r"([e+\-.\d]+)\s*([a-z]+)", re.IGNORECASE)
_DAYTIME = re.compile(r"(.+?)\s+at\s+(.+)", re.IGNORECASE)
_WEEKDAY = re.compile(r"w(\d+)", re.IGNORECASE)
_TIME = re.compile(r"[\d.:]+\s*(?:[ap]m)?", re.IGNORECASE)

# A month is the twelfth part of a year of 365 days.
_UNITS = (
    (r"y|years?", 31_536_000.0),
    (r"months?", 2_628_000.0),
    (r"w|weeks?", 604_800.0),
    (r"d|days?", 86_400.0),
    (r"h|hours?", 3_600.0),
    (r"min(?:ute)?s?", 60.0),
    (r"s|sec(?:ond)?s?", 1.0),
    (r"ms|milliseconds?", 0.001),
    (r"us|microseconds?", 0.000_001),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME_FORMATS = (
    "%H", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f",
    "%I %p", "%I:%M %p", "%I:%M:%S %p", "%I:%M:%S.%f %p",
)  # fmt: skip


def _number(text: str, of: str) -> float:
    try:
        return float(text)
    except ValueError as err:
        raise ValueError(f"Invalid float value while parsing {of}: '{text}'") from err


def parse_size(text: str) -> float | None:
    """The bytes of a size such as ``"100 MB"``, ``"0.5 GiB"`` or ``"64 kb"`` (bits).

    ``None`` if the text is no size.

    Raises:
        ValueError: its number is none.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        return None
    number, prefix, binary, unit = found.groups()
    power = "kmgtpezy".index(prefix.lower()) + 1 if prefix else 0
    scale: int = (1024 if binary else 1000) ** power
    size = _number(number, "size") * scale
    return size / 8 if unit == "b" else size


def parse_duration(text: str) -> datetime.timedelta | None:
    """The duration that a text such as ``"1h 30 minutes"`` or ``"1.5y, 2months"`` says.

    ``None`` if the text is no duration.

    Raises:
        ValueError: one of its numbers or units is none, or it is longer than Python can say.
    """
    text = text.strip()
    if not _DURATION.fullmatch(text):
        return None
    seconds = 0.0
    for number, unit in _DURATION_PART.findall(text):
        value = _number(number, "duration")
        for names, length in _UNITS:
            if re.fullmatch(names, unit, re.IGNORECASE):
                seconds += value * length
                break
        else:
            raise ValueError(f"Invalid unit value while parsing duration: '{unit}'")
    try:
        return datetime.timedelta(seconds=seconds)
    except OverflowError as err:
        raise ValueError(f"Duration too long: '{text}' (at most 999999999 days)") from err


def _next_hour(t: datetime.datetime) -> datetime.datetime:
    return t.replace(minute=0, second=0, microsecond=0) + datetime.timedelta(hours=1)


def _next_day(t: datetime.datetime) -> datetime.datetime:
    return t.replace(hour=0, minute=0, second=0, microsecond=0) + datetime.timedelta(days=1)


def _next_week(t: datetime.datetime) -> datetime.datetime:
    return _next_day(t) + datetime.timedelta(days=6 - t.weekday())


def _next_month(t: datetime.datetime) -> datetime.datetime:
    return _next_day(t.replace(day=1) + datetime.timedelta(days=31)).replace(day=1)


def _next_year(t: datetime.datetime) -> datetime.datetime:
    return _next_day(t).replace(year=t.year + 1, month=1, day=1)


_FREQUENCIES = {
    "hourly": _next_hour,
    "daily": _next_day,
    "weekly": _next_week,
    "monthly": _next_month,
    "yearly": _next_year,
}


def parse_frequency(text: str) -> Callable[[datetime.datetime], datetime.datetime] | None:
    """The function from a time to the next start of an hour, day, week (Monday), month or year.

    ``None`` if the text is none of ``hourly``, ``daily``, ``weekly``, ``monthly``, ``yearly``.
    """
    return _FREQUENCIES.get(text.strip().lower())


def parse_day(text: str) -> int | None:
    """The day of the week, Monday 0, of a name or of ``"w0"`` to ``"w6"``; ``None`` if it is none.

    Raises:
        ValueError: the number after the ``w`` is above 6.
    """
    text = text.strip().lower()
    if text in _DAYS:
        return _DAYS.index(text)
    found = _WEEKDAY.fullmatch(text)
    if not found:
        return None
    if int(found[1]) > 6:
        raise ValueError(f"Invalid weekday value while parsing day (expected [0-6]): '{found[1]}'")
    return int(found[1])


def parse_time(text: str) -> datetime.time | None:
    """The time of day of a text such as ``"18"``, ``"18:30:05.25"`` or ``"6:30 PM"``.

    ``None`` if the text is no time.

    Raises:
        ValueError: it looks like a time but there is no such one.
    """
    text = text.strip()
    if not _TIME.fullmatch(text):
        return None
    spaced = re.sub(r"\s*([ap]m)$", r" \1", text, flags=re.IGNORECASE)
    for known in _TIME_FORMATS:
        try:
            return datetime.datetime.strptime(spaced, known).time()
        except ValueError:
            continue
    raise ValueError(f"Unrecognized format while parsing time: '{text}'")


def parse_daytime(text: str) -> tuple[int | None, datetime.time | None] | None:
    """The day and the time of a text such as ``"monday at 12:00"``, ``"w6"`` or ``"18:00"``.

    Either can be ``None``; one ``None`` for both if the text has neither.

    Raises:
        ValueError: there is no such day or no such time.
    """
    text = text.strip()
    found = _DAYTIME.fullmatch(text)
    day_text, time_text = found.groups() if found else (text, text)
    try:
        day = parse_day(day_text)
        if found and day is None:
            raise ValueError(f"Unrecognized day: '{day_text}'")
    except ValueError as err:
        raise ValueError(f"Invalid day while parsing daytime: '{day_text}'") from err
    try:
        time = parse_time(time_text)
        if found and time is None:
            raise ValueError(f"Unrecognized time: '{time_text}'")
    except ValueError as err:
        raise ValueError(f"Invalid time while parsing daytime: '{time_text}'") from err
    return None if day is None and time is None else (day, time)
