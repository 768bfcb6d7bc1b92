use super::*;

fn zone(posix: &str) -> TimeZone {
    TimeZone::posix(posix).unwrap()
}

/// America/New_York: 2026-03-08 02:00 -> 03:00, 2026-11-01 02:00 -> 01:00.
fn new_york() -> TimeZone {
    zone("EST5EDT,M3.2.0,M11.1.0")
}

/// Europe/Berlin: 2026-03-29 02:00 -> 03:00, 2026-10-25 03:00 -> 02:00.
fn berlin() -> TimeZone {
    zone("CET-1CEST,M3.5.0,M10.5.0/3")
}

/// Australia/Lord_Howe: half an hour; 2026-04-05 02:00 -> 01:30, 2026-10-04 02:00 -> 02:30.
fn lord_howe() -> TimeZone {
    zone("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0")
}

/// A zone that changes at midnight: 2026-10-18 00:00 -> 01:00, 2026-02-15 00:00 -> 23:00.
fn midnight() -> TimeZone {
    zone("<-03>3<-02>,M10.3.0/0,M2.3.0/0")
}

fn nanos(text: &str) -> u64 {
    u64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
}

/// The instants at which `rotation` is due between two instants, in local time with the offset.
fn due(rotation: &str, zone: &TimeZone, from: &str, to: &str) -> Vec<String> {
    let rotation: Rotation = rotation.parse().unwrap();
    let (mut at, to) = (nanos(from), nanos(to));
    let mut found = Vec::new();
    loop {
        let next = rotation.next(at, zone);
        assert!(next > at, "{rotation:?} goes back at {}", instant(at));
        if next > to {
            return found;
        }
        at = next;
        found.push(instant(at).to_zoned(zone.clone()).strftime("%d %H:%M%z").to_string());
    }
}

#[test]
fn intervals_are_aligned_to_the_clock() {
    let utc = TimeZone::UTC;
    let table = [
        ("15 min", "12:15"),
        ("1 min", "12:08"),
        ("hourly", "13:00"),
        ("6 h", "18:00"),
        ("90 min", "13:30"),
        ("12:07:31", "12:07"),
        ("05:30:00", "05:30"),
        ("23:00", "23:00"),
    ];
    for (text, expected) in table {
        let rotation: Rotation = text.parse().unwrap();
        let next = instant(rotation.next(nanos("2026-06-17T12:07:30Z"), &utc));
        assert_eq!(utc.to_datetime(next).strftime("%H:%M").to_string(), expected, "{text}");
    }
}

#[test]
fn days_weeks_and_months_begin_at_local_midnight() {
    // 2026-06-17 is a Wednesday.
    let from = "2026-06-17T12:00:00Z";
    let table = [
        ("daily", "2026-06-18 00:00 Thu"),
        ("1 day", "2026-06-18 00:00 Thu"),
        ("weekly", "2026-06-22 00:00 Mon"),
        ("1 week", "2026-06-22 00:00 Mon"),
        ("monthly", "2026-07-01 00:00 Wed"),
        ("wednesday", "2026-06-24 00:00 Wed"),
        ("wednesday at 20:00", "2026-06-17 20:00 Wed"),
        ("tue at 6:30", "2026-06-23 06:30 Tue"),
        ("08:00", "2026-06-18 08:00 Thu"),
        ("sunday at 03:00:00", "2026-06-21 03:00 Sun"),
        ("2 days", "2026-06-18 00:00 Thu"),
        ("daily or 23:00", "2026-06-17 23:00 Wed"),
    ];
    for (text, expected) in table {
        let rotation: Rotation = text.parse().unwrap();
        let next = instant(rotation.next(nanos(from), &berlin())).to_zoned(berlin());
        assert_eq!(next.strftime("%Y-%m-%d %H:%M %a").to_string(), expected, "{text}");
    }
}

#[test]
fn when_the_clocks_are_set_back_the_repeated_hour_ends_twice_and_the_day_once() {
    let (from, to) = ("2026-11-01T00:00:00-04:00", "2026-11-01T04:00:00-05:00");
    assert_eq!(
        due("hourly", &new_york(), from, to),
        ["01 01:00-0400", "01 01:00-0500", "01 02:00-0500", "01 03:00-0500", "01 04:00-0500"]
    );
    assert_eq!(due("01:30", &new_york(), from, to), ["01 01:30-0400"]);
    assert_eq!(
        due("6 h", &new_york(), from, "2026-11-01T12:00:00-05:00"),
        ["01 06:00-0500", "01 12:00-0500"]
    );
    let (from, to) = ("2026-10-24T12:00:00+02:00", "2026-10-27T12:00:00+01:00");
    assert_eq!(
        due("daily", &berlin(), from, to),
        ["25 00:00+0200", "26 00:00+0100", "27 00:00+0100"]
    );
    assert_eq!(
        due("02:30", &berlin(), from, to),
        ["25 02:30+0200", "26 02:30+0100", "27 02:30+0100"]
    );
}

#[test]
fn when_the_clocks_are_set_forward_no_rotation_is_missed() {
    let (from, to) = ("2026-03-08T00:00:00-05:00", "2026-03-08T05:00:00-04:00");
    assert_eq!(
        due("hourly", &new_york(), from, to),
        ["08 01:00-0500", "08 03:00-0400", "08 04:00-0400", "08 05:00-0400"]
    );
    assert_eq!(due("02:30", &new_york(), from, to), ["08 03:30-0400"]);
    assert_eq!(due("6 h", &new_york(), from, "2026-03-08T07:00:00-04:00"), ["08 06:00-0400"]);
    let (from, to) = ("2026-03-28T12:00:00+01:00", "2026-03-31T12:00:00+02:00");
    assert_eq!(
        due("daily", &berlin(), from, to),
        ["29 00:00+0100", "30 00:00+0200", "31 00:00+0200"]
    );
}

#[test]
fn half_an_hour_of_change_and_a_change_at_midnight_are_followed() {
    assert_eq!(
        due("hourly", &lord_howe(), "2026-04-05T00:30:00+11:00", "2026-04-05T03:10:00+10:30"),
        ["05 01:00+1100", "05 02:00+1030", "05 03:00+1030"]
    );
    assert_eq!(
        due("hourly", &lord_howe(), "2026-10-04T00:30:00+10:30", "2026-10-04T04:10:00+11:00"),
        ["04 01:00+1030", "04 02:30+1100", "04 03:00+1100", "04 04:00+1100"]
    );
    assert_eq!(
        due("daily", &midnight(), "2026-10-16T12:00:00-03:00", "2026-10-19T12:00:00-02:00"),
        ["17 00:00-0300", "18 01:00-0200", "19 00:00-0200"]
    );
    assert_eq!(
        due("daily", &midnight(), "2026-02-13T12:00:00-02:00", "2026-02-16T12:00:00-03:00"),
        ["14 00:00-0200", "15 00:00-0300", "16 00:00-0300"]
    );
}

#[test]
fn over_a_year_of_any_zone_each_local_day_ends_exactly_once() {
    for zone in [new_york(), berlin(), lord_howe(), midnight(), TimeZone::UTC] {
        let from = instant(nanos("2026-01-01T12:00:00Z"));
        let mut day = zone.to_datetime(from).date();
        let mut at = nanos("2026-01-01T12:00:00Z");
        for _ in 0..365 {
            at = Rotation::daily().next(at, &zone);
            let next = zone.to_datetime(instant(at)).date();
            assert_eq!(next, day.tomorrow().unwrap(), "{zone:?}");
            day = next;
        }
    }
}

#[test]
fn what_is_said_in_words_is_what_is_said_in_code() {
    let table = [
        ("100 MB", Rotation::size(100_000_000)),
        ("hourly", Rotation::hourly()),
        ("1 hour", Rotation::hourly()),
        ("24 h", Rotation::daily()),
        ("7 days", Rotation::weekly()),
        ("90 s", Rotation::every(Duration::from_secs(90))),
        ("at start or Daily", Rotation::start().or(Rotation::daily())),
        ("12:00", Rotation::at("12:00")),
        ("Monday at 06:30", Rotation::at("mon 6:30")),
        ("05:30:00", Rotation::at("5:30")),
        ("05:30:01", Rotation::at("05:30:01")),
        ("sunday at 03:00:59", Rotation::at("sunday at 03:00:59")),
        ("never", Rotation::never()),
        ("10 MB or 1 MB", Rotation::size("1 MB")),
    ];
    for (text, rotation) in table {
        assert_eq!(text.parse::<Rotation>().unwrap(), rotation, "{text}");
    }
}

#[test]
fn what_is_no_rotation_is_refused_with_what_would_be_one() {
    for text in ["", "fortnightly", "25:00", "12:60", "12", "10 m", "monday at noon", "+1:00"] {
        let err = text.parse::<Rotation>();
        assert_eq!(
            err.map_err(|err| err.to_string()),
            if text == "12" {
                // Twelve bytes: a number alone is a size.
                Ok(Rotation::size(12))
            } else {
                Err(format!(
                    "rotation \"{text}\" is not known: give a size (\"100 MB\"), an interval (\"1 \
                     day\"), a time (\"12:00\", \"monday at 00:00\"), or one of hourly, daily, \
                     weekly, monthly, start, never"
                ))
            }
        );
    }
}

#[test]
fn a_time_with_seconds_is_due_at_that_second() {
    let sunday = nanos("2026-06-21T03:00:59Z");
    for rotation in [Rotation::at("03:00:59"), Rotation::at("sunday at 03:00:59")] {
        assert_eq!(rotation.next(sunday - 1, &TimeZone::UTC), sunday);
    }
    for text in ["05:30:60", "05:30:", "05:30:00:00", "sunday at 03:00:-1"] {
        assert_eq!(
            Rotation::at(text).check().unwrap_err().to_string(),
            format!(
                "rotation at \"{text}\" is no time: give \"12:00\", \"12:00:30\", \"monday\" or \
                 \"monday at 06:30\""
            )
        );
    }
}

#[test]
fn impossible_rotations_say_what_is_wrong() {
    let table = [
        (Rotation::size(0), "rotation size 0 is zero: give at least 1 byte, such as \"100 MB\""),
        (
            Rotation::size("many"),
            "rotation size: \"many\" is no size: give a number and a unit, such as \"100 MB\" or \
             \"1.5 GiB\"",
        ),
        (
            Rotation::every(Duration::ZERO),
            "rotation interval 0ns: give whole seconds, from 1 second to 100 years",
        ),
        (
            Rotation::every(Duration::from_millis(1500)),
            "rotation interval 1.5s: give whole seconds, from 1 second to 100 years",
        ),
        (
            Rotation::from("5000 weeks or 6000 weeks"),
            "rotation interval 3628800000s: give whole seconds, from 1 second to 100 years",
        ),
        (
            Rotation::at("noon"),
            "rotation at \"noon\" is no time: give \"12:00\", \"12:00:30\", \"monday\" or \"monday at \
             06:30\"",
        ),
    ];
    for (rotation, message) in table {
        let err = rotation.or(Rotation::daily()).check().unwrap_err();
        assert_eq!(err.to_string(), message);
        assert!(err.is_config());
    }
}

#[test]
fn a_clock_that_jumped_ahead_and_back_does_not_end_rotation() {
    let mut schedule = Schedule::new(Rotation::daily(), TimeZone::UTC);
    schedule.restart(nanos("2040-01-01T12:00:00Z"));
    assert!(schedule.follow(nanos("2026-06-15T12:00:00Z")));
    assert_eq!(schedule.due, nanos("2026-06-16T00:00:00Z"));
    // A step of a second is no jump: the boundary that was passed is not passed again.
    schedule.restart(nanos("2026-06-16T00:00:00Z"));
    assert!(!schedule.follow(nanos("2026-06-15T23:59:59Z")));
    assert_eq!(schedule.due, nanos("2026-06-17T00:00:00Z"));
}

#[test]
fn a_rotation_is_written_as_it_is_read() {
    let table = [
        ("never", "never"),
        ("100 MB", "100 MB"),
        ("60 min or 24 h or 1 week or 14 days", "hourly or daily or weekly or 14 d"),
        ("daily or 1.5 KiB or start", "1536 B or daily or start"),
        ("90 min or 90 s", "90 min or 90 s"),
        ("12:00 or mon or sunday at 06:30", "12:00:00 or monday or sunday at 06:30:00"),
        ("1 month", "monthly"),
    ];
    for (text, expected) in table {
        let rotation: Rotation = text.parse().unwrap();
        assert_eq!(rotation.to_string(), expected);
        assert_eq!(expected.parse::<Rotation>().unwrap(), rotation);
    }
}
