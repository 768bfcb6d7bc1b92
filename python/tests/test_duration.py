"""The words for sizes, durations, frequencies, days and times."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest
from onewriter._duration import (
    parse_day,
    parse_daytime,
    parse_duration,
    parse_frequency,
    parse_size,
    parse_time,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8 B", 8),
        ("64b", 8),
        ("8e-6MB", 8),
        (" 1  KB ", 1_000),
        ("1 kb", 125),
        ("1 Kib", 128),
        ("0.5 GiB", 536_870_912),
        ("1 YB", 1e24),
        ("+1b", 0.125),
    ],
)
def test_a_size_is_in_bytes_or_bits_with_decimal_or_binary_prefixes(text, expected):
    assert parse_size(text) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("text", ["", "10", "1 k", "1 Bytes", "1,000 B", "foobar MB", "1 MB 2 KB"])
def test_what_is_no_size_is_none(text):
    assert parse_size(text) is None


@pytest.mark.parametrize(("text", "number"), [("e KB", "e"), ("111.111.111 kb", "111.111.111")])
def test_a_size_without_a_number_names_what_stands_there(text, number):
    with pytest.raises(ValueError, match=f"^Invalid float value while parsing size: '{number}'$"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1h", timedelta(hours=1)),
        ("1h 30 minutes", timedelta(minutes=90)),
        ("1h30min", timedelta(minutes=90)),
        ("1 w, 2D", timedelta(days=9)),
        ("1.5y 2months", timedelta(days=1.5 * 365, seconds=2 * 2_628_000)),
        ("1 month", timedelta(days=30, hours=10)),
        ("3 secs, 4 ms 5 us", timedelta(seconds=3, milliseconds=4, microseconds=5)),
        ("-1e1 days", timedelta(days=-10)),
    ],
)
def test_a_duration_is_the_sum_of_its_parts(text, expected):
    assert parse_duration(text) == expected


@pytest.mark.parametrize("text", ["", "h", "1h 30", "1 h ; 2 h", "an hour", "inf days"])
def test_what_is_no_duration_is_none(text):
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 days 8 foobar", "Invalid unit value while parsing duration: 'foobar'"),
        ("1 m", "Invalid unit value while parsing duration: 'm'"),
        ("5 MB", "Invalid unit value while parsing duration: 'MB'"),
        ("e days", "Invalid float value while parsing duration: 'e'"),
        ("1.2.3 days", "Invalid float value while parsing duration: '1.2.3'"),
        ("1e20 days", "Duration too long: '1e20 days' (at most 999999999 days)"),
    ],
)
def test_a_wrong_part_of_a_duration_is_named(text, message):
    with pytest.raises(ValueError) as caught:
        parse_duration(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hourly", datetime(2020, 2, 29, 13)),
        ("Daily", datetime(2020, 3, 1)),
        (" WEEKLY ", datetime(2020, 3, 2)),
        ("monthly", datetime(2020, 3, 1)),
        ("yearly", datetime(2021, 1, 1)),
    ],
)
def test_a_frequency_leads_to_the_next_start_of_its_period(text, expected):
    assert parse_frequency(text)(datetime(2020, 2, 29, 12, 30, 15, 7)) == expected


@pytest.mark.parametrize("text", ["hourly", "daily", "weekly", "monthly", "yearly"])
def test_a_frequency_at_a_start_of_its_period_leads_to_the_next_one(text):
    start = datetime(2018, 1, 1)  # A Monday.
    assert parse_frequency(text)(start) > start


def test_what_is_no_frequency_is_none():
    assert parse_frequency("fortnightly") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("monday", 0), ("SUNDAY", 6), ("w0", 0), (" W6 ", 6), ("mon", None), ("w", None)],
)
def test_a_day_has_a_name_or_a_number(text, expected):
    assert parse_day(text) == expected


def test_a_week_has_no_eighth_day():
    with pytest.raises(ValueError, match=r"^Invalid weekday value .*\(expected \[0-6\]\): '7'$"):
        parse_day("w7")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("13", time(13)),
        ("1:2:3", time(1, 2, 3)),
        ("11:30:15.5 am", time(11, 30, 15, 500_000)),
        ("6 PM", time(18)),
        ("6PM", time(18)),
        ("11:30 pm", time(23, 30)),
        ("12 AM", time(0)),
        ("am", None),
        ("noon", None),
    ],
)
def test_a_time_has_24_hours_or_twice_12(text, expected):
    assert parse_time(text) == expected


@pytest.mark.parametrize("text", ["25", "13 PM", "0 am", "11:99", "2017.11.12"])
def test_there_is_no_such_time(text):
    with pytest.raises(ValueError, match=f"^Unrecognized format while parsing time: '{text}'$"):
        parse_time(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("monday", (0, None)),
        ("18:00", (None, time(18))),
        ("w2  at  11:00:00 AM", (2, time(11))),
        ("Sunday AT 6 pm", (6, time(18))),
        ("w1at13", None),
        ("at 3", None),
    ],
)
def test_a_daytime_is_a_day_or_a_time_or_both(text, expected):
    assert parse_daytime(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("w10", "Invalid day while parsing daytime: 'w10'"),
        ("13 at w2", "Invalid day while parsing daytime: '13'"),
        ("monday at 2017", "Invalid time while parsing daytime: '2017'"),
        ("w5 at noon", "Invalid time while parsing daytime: 'noon'"),
        ("11:99", "Invalid time while parsing daytime: '11:99'"),
    ],
)
def test_the_wrong_half_of_a_daytime_is_named(text, message):
    with pytest.raises(ValueError) as caught:
        parse_daytime(text)
    assert str(caught.value) == message
