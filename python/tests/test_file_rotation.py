"""When a file is changed for a new one."""

from __future__ import annotations

import datetime
import io
from datetime import timedelta, timezone
from decimal import Decimal

import pytest
from onewriter._file_rotation import make_rotation

UTC = timezone.utc
SUNDAY_NOON = datetime.datetime(2017, 6, 18, 12, tzinfo=UTC)


class Message(str):
    """As a handler gives it to a sink."""

    def __new__(cls, text: str, time: datetime.datetime) -> Message:
        made = super().__new__(cls, text)
        made.record = {"time": time}
        return made


class File(io.StringIO):
    name = "some.log"


def turns(rotation, hours, *, start=SUNDAY_NOON):
    """Whether there is a new file for messages that come so many hours after each other."""
    created = start.timestamp()
    condition = make_rotation(rotation, lambda path: created)
    found = []
    for wait in hours:
        start += timedelta(hours=wait)
        found.append(condition(Message("a\n", start), File()))
    return found


@pytest.mark.parametrize("limit", [8, 8.5, Decimal(8), "8 B", "64b", "0.008 KB"])
def test_a_size_is_never_exceeded_by_the_next_message(limit):
    condition = make_rotation(limit, lambda path: 0.0)
    file = File("123456")
    assert not condition(Message("78", SUNDAY_NOON), file)
    assert condition(Message("789", SUNDAY_NOON), file)


def test_a_size_of_zero_turns_even_an_empty_file():
    assert turns(0, [0]) == [True]


@pytest.mark.parametrize(
    ("when", "hours"),
    [
        ("13", [0, 1, 20, 4, 24]),
        ("13:00:00.123456", [0.9, 2, 10, 15, 256]),
        ("11:00", [22.9, 0.2, 23, 1, 24]),
        ("w0", [11, 1, 24 * 7 - 1, 1, 24 * 7]),
        (" W6 at 13 ", [0.5, 1, 24 * 6, 24 * 6, 365 * 24]),
        ("sunday", [0.1, 24 * 7 - 10, 24, 24 * 6, 24 * 7]),
        ("sunDAY at 1:0:0.0 pm", [0.9, 0.2, 24 * 7 - 2, 3, 24 * 8]),
        (datetime.time(15), [2, 3, 19, 5, 24]),
        ("2 h", [1, 2, 0.9, 0.5, 10]),
        ("1h 30 minutes", [1.4, 0.2, 1, 2, 10]),
        (timedelta(minutes=30), [0.48, 0.04, 0.07, 0.44, 0.5]),
        ("hourly", [0.9, 0.2, 0.8, 3, 1]),
        ("daily", [11, 1, 23, 1, 24]),
        ("WEEKLY", [11, 2, 24 * 6, 24, 24 * 7]),
        ("monthly", [10 * 24, 30 * 24 * 6, 24, 24 * 7, 24 * 31]),
        ("Yearly ", [100, 24 * 7 * 30, 24 * 300, 24 * 100, 24 * 400]),
    ],
)
def test_a_period_ends_once_and_with_the_first_message_after_it(when, hours):
    assert turns(when, hours) == [False, True, False, True, True]


def test_a_day_of_the_wall_clock_may_have_23_hours():
    winter, summer = timezone(timedelta(hours=1)), timezone(timedelta(hours=2))
    created = datetime.datetime(2018, 3, 24, 5, tzinfo=winter)
    condition = make_rotation("1 day", lambda path: created.timestamp())
    assert not condition(Message("a", created + timedelta(hours=22)), File())
    # 24.5 hours later by the wall clock, 23.5 by any other.
    assert condition(Message("b", datetime.datetime(2018, 3, 25, 5, 30, tzinfo=summer)), File())


@pytest.mark.parametrize(
    ("zone_hours", "expected"), [(0, [False, True]), (2, [False, False]), (-1, [False, False])]
)
def test_a_time_with_a_zone_is_a_time_there(zone_hours, expected):
    time = datetime.time(13, tzinfo=timezone(timedelta(hours=zone_hours)))
    assert turns(time, [0.5, 1]) == expected


def test_of_a_list_any_condition_suffices_and_all_are_asked():
    asked = []

    def never(message, file):
        asked.append(str(message))
        return False

    condition = make_rotation([2, never], lambda path: 0.0)
    assert condition(Message("long", SUNDAY_NOON), File())
    assert not condition(Message("a", SUNDAY_NOON), File())
    assert asked == ["long", "a"]


def test_a_function_is_given_the_message_and_the_file():
    given = []
    condition = make_rotation(lambda *args: given.append(args), lambda path: 0.0)
    message, file = Message("a", SUNDAY_NOON), File()
    condition(message, file)
    assert given == [(message, file)]


def test_no_rotation_is_no_condition():
    assert make_rotation(None, lambda path: 0.0) is None


@pytest.mark.parametrize(
    ("rotation", "name"),
    [
        (object(), "object"),
        (datetime.date(2017, 11, 11), "date"),
        (1j, "complex"),
        (b"1 MB", "bytes"),
        ([None], "NoneType"),
        ([["1 MB"]], "list"),
    ],
)
def test_a_type_that_is_no_rotation_is_named(rotation, name):
    with pytest.raises(TypeError, match=f"^Cannot infer rotation for objects of type: '{name}'$"):
        make_rotation(rotation, lambda path: 0.0)


@pytest.mark.parametrize(
    ("rotation", "message"),
    [
        ("w-1", "Cannot parse rotation from: 'w-1'"),
        ("foobar MB", "Cannot parse rotation from: 'foobar MB'"),
        ("01:00:00!UTC", "Cannot parse rotation from: '01:00:00!UTC'"),
        ("w7", "Invalid day while parsing daytime: 'w7'"),
        ("3 Ki", "Invalid unit value while parsing duration: 'Ki'"),
        ([], "Must provide at least one rotation condition"),
        ("0 s", "Invalid rotation interval: '0:00:00' (it must be longer than zero)"),
        ("-1 h", "Invalid rotation interval: '-1 day, 23:00:00' (it must be longer than zero)"),
    ],
)
def test_what_cannot_be_understood_is_quoted(rotation, message):
    with pytest.raises(ValueError) as caught:
        make_rotation(rotation, lambda path: 0.0)
    assert str(caught.value) == message
