"""Times of records and their text."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from freezegun import freeze_time

from onewriter._datetime import Moment, aware_now


def moment(*parts, zone=timezone.utc):
    return Moment(*parts, zone)


EARLY = moment(2005, 4, 7, 9, 3, 8, 2320, zone=timezone(timedelta(hours=1), "A"))
LATE = moment(2018, 12, 31, 23, 59, 59, 987654, zone=timezone(timedelta(seconds=-5400), "B"))


@pytest.mark.parametrize(
    ("spec", "early", "late"),
    [
        ("", "2005-04-07T09:03:08.002320+0100", "2018-12-31T23:59:59.987654-0130"),
        ("YYYY-MM-DD HH:mm:ss.SSS", "2005-04-07 09:03:08.002", "2018-12-31 23:59:59.987"),
        ("YY/M/D H-m-s", "05/4/7 9-3-8", "18/12/31 23-59-59"),
        ("Q DDDD DDD d E", "2 097 97 3 4", "4 365 365 0 1"),
        ("MMMM MMM dddd ddd", "April Apr Thursday Thu", "December Dec Monday Mon"),
        ("hh h A", "09 9 AM", "11 11 PM"),
        ("S SS SSS SSSS SSSSS SSSSSS", "0 00 002 0023 00232 002320", "9 98 987 9876 98765 987654"),
        ("Z ZZ zz", "+01:00 +0100 A", "-01:30 -0130 B"),
        ("X x", "1112860988 1112860988002320", "1546306199 1546306199987654"),
        ("[YYYY] [MM DD] [] [[] [[DD]]", "YYYY [04 07]  [ [DD]", "YYYY [12 31]  [ [DD]"),
        ("HH[!UTC]", "09!UTC", "23!UTC"),
        ("HH zz!UTC", "08 UTC", "01 UTC"),
        ("%H:%M %Z %%", "09:03 A %", "23:59 B %"),
        ("%H!UTC", "08", "01"),
        ("a-100: é", "a-100: é", "a-100: é"),
    ],
)
def test_tokens_become_their_parts_of_the_time(spec, early, late):
    assert (format(EARLY, spec), format(LATE, spec)) == (early, late)


@pytest.mark.parametrize(("hour", "text"), [(0, "12 AM"), (1, "1 AM"), (12, "12 PM"), (13, "1 PM")])
def test_twelve_hours_begin_at_twelve(hour, text):
    assert format(moment(2020, 1, 1, hour, 0, 0, 0), "h A") == text


def test_offsets_of_seconds_are_shown():
    for seconds, text in (
        (-12345, "-03:25:45 -032545"),
        (-12345.067, "-03:25:45.067000 -032545.067000"),
        (7230.099, "+02:00:30.099000 +020030.099000"),
    ):
        zone = timezone(timedelta(seconds=seconds))
        assert format(moment(2020, 1, 1, 0, 0, 0, 0, zone=zone), "Z ZZ") == text


@pytest.mark.parametrize("spec", ["SSSSSSS", "ss.SSSSSSSSS"])
def test_more_than_six_digits_of_a_second_are_refused(spec):
    with pytest.raises(ValueError, match="^Invalid time format: .* more than six successive 'S'"):
        format(EARLY, spec)


def test_now_is_this_moment_with_the_zone_of_this_machine():
    before = datetime.now(timezone.utc)
    now = aware_now()
    assert before <= now <= datetime.now(timezone.utc)
    assert now.tzname() == time.localtime().tm_zone
    assert now.utcoffset() == timedelta(seconds=time.localtime().tm_gmtoff)


def test_now_is_what_a_test_has_frozen():
    with freeze_time("2000-01-02 03:04:05.678"):
        assert format(aware_now(), "YYYY-MM-DD HH:mm:ss.SSS") == "2000-01-02 03:04:05.678"


def test_a_moment_stays_one_in_another_zone():
    there = EARLY.astimezone(timezone.utc)
    assert (type(there), format(there, "HH ZZ")) == (Moment, "08 +0000")


def test_a_moment_shows_itself_as_a_datetime():
    zone = "datetime.timezone(datetime.timedelta(seconds=3600), 'A')"
    assert repr(EARLY) == f"datetime(2005, 4, 7, 9, 3, 8, 2320, tzinfo={zone})"
