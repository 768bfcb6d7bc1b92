"""Times of records: the clock that tests exchange, and their text in Loguru's tokens."""

from __future__ import annotations

import re
import time as _time
from calendar import day_abbr, day_name, month_abbr, month_name
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import lru_cache

_ONE = r"YYYY|YY|Q|MMMM|MMM|MM|M|DDDD|DDD|DD|D|dddd|ddd|d|E|HH?|hh?|mm?|ss?|S+|ZZ?|zz|A|X|x"
# A single token between brackets stands for itself.
_TOKEN = re.compile(rf"\[(?:{_ONE}|!UTC|\[|)\]|{_ONE}")

_ISO = "%Y-%m-%dT%H:%M:%S.%f%z"


def _offset(moment: datetime, separator: str) -> str:
    offset = moment.utcoffset() or timedelta(0)
    sign = "-" if offset < timedelta(0) else "+"
    offset = abs(offset)
    minutes, seconds = divmod(offset.days * 86400 + offset.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{sign}{hours:02}{separator}{minutes:02}"
    if seconds or offset.microseconds:
        text += f"{separator}{seconds:02}"
    return f"{text}.{offset.microseconds:06}" if offset.microseconds else text


# Each token as a piece of a printf template and what goes there.
_TOKENS: dict[str, tuple[str, Callable[[datetime], object]]] = {
    "YYYY": ("%04d", lambda t: t.year),
    "YY": ("%02d", lambda t: t.year % 100),
    "Q": ("%d", lambda t: (t.month + 2) // 3),
    "MMMM": ("%s", lambda t: month_name[t.month]),
    "MMM": ("%s", lambda t: month_abbr[t.month]),
    "MM": ("%02d", lambda t: t.month),
    "M": ("%d", lambda t: t.month),
    "DDDD": ("%03d", lambda t: t.timetuple().tm_yday),
    "DDD": ("%d", lambda t: t.timetuple().tm_yday),
    "DD": ("%02d", lambda t: t.day),
    "D": ("%d", lambda t: t.day),
    "dddd": ("%s", lambda t: day_name[t.weekday()]),
    "ddd": ("%s", lambda t: day_abbr[t.weekday()]),
    "d": ("%d", lambda t: t.weekday()),
    "E": ("%d", lambda t: t.isoweekday()),
    "HH": ("%02d", lambda t: t.hour),
    "H": ("%d", lambda t: t.hour),
    "hh": ("%02d", lambda t: (t.hour - 1) % 12 + 1),
    "h": ("%d", lambda t: (t.hour - 1) % 12 + 1),
    "mm": ("%02d", lambda t: t.minute),
    "m": ("%d", lambda t: t.minute),
    "ss": ("%02d", lambda t: t.second),
    "s": ("%d", lambda t: t.second),
    "S": ("%d", lambda t: t.microsecond // 100_000),
    "SS": ("%02d", lambda t: t.microsecond // 10_000),
    "SSS": ("%03d", lambda t: t.microsecond // 1_000),
    "SSSS": ("%04d", lambda t: t.microsecond // 100),
    "SSSSS": ("%05d", lambda t: t.microsecond // 10),
    "SSSSSS": ("%06d", lambda t: t.microsecond),
    "A": ("%s", lambda t: "AM" if t.hour < 12 else "PM"),
    "Z": ("%s", lambda t: _offset(t, ":")),
    "ZZ": ("%s", lambda t: _offset(t, "")),
    "zz": ("%s", lambda t: t.tzname() or ""),
    "X": ("%d", lambda t: int(t.timestamp())),
    "x": ("%d", lambda t: int(t.replace(microsecond=0).timestamp()) * 1_000_000 + t.microsecond),
}


@lru_cache(maxsize=64)
def _compile(spec: str) -> Callable[[datetime], str]:
    """A function from a moment to its text."""
    if "%" in spec:
        return lambda moment: moment.strftime(spec)
    template, values, end = "", [], 0
    for found in _TOKEN.finditer(spec):
        template += spec[end : found.start()]
        end = found.end()
        token = found.group()
        if token.startswith("["):
            template += token[1:-1]
            continue
        if token not in _TOKENS:
            raise ValueError(
                "Invalid time format: the provided format string contains more than six "
                "successive 'S' characters. This may be due to an attempt to use nanosecond "
                "precision, which is not supported."
            )
        piece, value = _TOKENS[token]
        template += piece
        values.append(value)
    template += spec[end:]
    return lambda moment: template % tuple([value(moment) for value in values])


class Moment(datetime):
    """The ``time`` of a record: an aware datetime that is formatted with Loguru's tokens."""

    def __format__(self, spec: str) -> str:
        moment: datetime = self
        if spec.endswith("!UTC"):
            moment, spec = self.astimezone(timezone.utc), spec[:-4]
        return _compile(spec or _ISO)(moment)

    def __repr__(self) -> str:
        # As Loguru's is called, in reports of errors and where a message shows a record.
        return "datetime" + super().__repr__().removeprefix(type(self).__name__)


@lru_cache(maxsize=8)
def _zone(seconds: float, name: str) -> timezone:
    offset = timedelta(seconds=seconds)
    try:
        return timezone(offset, name)
    except (TypeError, ValueError):
        return timezone(offset)


def aware_now() -> Moment:
    """This moment in local time, with the zone's name."""
    # `datetime.now` and `time.localtime` are what tests exchange to freeze the clock.
    naive = datetime.now()
    stamp = naive.timestamp()
    local = _time.localtime(stamp)
    try:
        zone = _zone(local.tm_gmtoff, local.tm_zone)
    except AttributeError:
        offset = naive - datetime.fromtimestamp(stamp, timezone.utc).replace(tzinfo=None)
        zone = _zone(offset.total_seconds(), _time.strftime("%Z"))
    return Moment(
        naive.year,
        naive.month,
        naive.day,
        naive.hour,
        naive.minute,
        naive.second,
        naive.microsecond,
        zone,
        fold=naive.fold,
    )
