//! When a file is rotated: what the user says, and the instants that follow from it.

use super::size::{self, ByteSize};
use crate::error::Error;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const DAY: i64 = 86_400;
const NANOS: u64 = 1_000_000_000;
const LONGEST: i64 = 100 * 366 * DAY;

/// When a file is rotated: by size, by interval, at a time of day, on a weekday, at start, or
/// whichever of several comes first.
///
/// As text: `"100 MB"`, `"15 min"`, `"1 day"`, `"12:00"`, `"monday at 00:00"`, `hourly`, `daily`,
/// `weekly`, `monthly`, `start`, `never`, and several of them joined by `or`. A wrong text or
/// number is reported when the sink is built.
///
/// Intervals are aligned to the clock of the sink's time zone: `"15 min"` rotates at :00, :15, :30
/// and :45, `"6 h"` at 00:00, 06:00, 12:00 and 18:00, `"1 day"` at midnight, `"1 week"` on Monday.
/// A record's own time and length decide, before it is written; an empty file is never rotated.
///
/// ```
/// use onewriter_engine::sinks::file::Rotation;
/// let rotation = Rotation::size("100 MB").or(Rotation::daily());
/// assert_eq!(rotation, "100 MB or daily".parse()?);
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    size: Option<u64>,
    at_start: bool,
    moments: Vec<Moment>,
    wrong: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Moment {
    /// Every so many seconds of the local clock.
    Every(i64),
    /// At a time of day; on one weekday, if there is one.
    At(Option<Weekday>, Time),
    /// On the first day of a month at midnight.
    Month,
}

impl Rotation {
    /// The same without a rotation at the start.
    pub(super) fn without_start(self) -> Rotation {
        Rotation { at_start: false, ..self }
    }

    /// Never: the default.
    #[must_use]
    pub fn never() -> Rotation {
        Rotation::default()
    }

    /// Before the record that would make the file larger than this. A record that is larger than
    /// that alone gets a file of its own.
    #[must_use]
    pub fn size(size: impl Into<ByteSize>) -> Rotation {
        match size.into().checked("rotation size") {
            Ok(size) => Rotation { size: Some(size), ..Rotation::default() },
            Err(wrong) => Rotation::wrong(wrong),
        }
    }

    /// Every so often, aligned to the clock. Whole seconds, from one second to 100 years.
    #[must_use]
    pub fn every(interval: Duration) -> Rotation {
        let secs = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
        if interval.subsec_nanos() == 0 && (1..=LONGEST).contains(&secs) {
            return Rotation::moment(Moment::Every(secs));
        }
        Rotation::wrong(format!(
            "rotation interval {interval:?}: give whole seconds, from 1 second to 100 years"
        ))
    }

    /// At each full hour.
    #[must_use]
    pub fn hourly() -> Rotation {
        Rotation::moment(Moment::Every(3_600))
    }

    /// At midnight.
    #[must_use]
    pub fn daily() -> Rotation {
        Rotation::moment(Moment::Every(DAY))
    }

    /// On Monday at midnight.
    #[must_use]
    pub fn weekly() -> Rotation {
        Rotation::moment(Moment::Every(7 * DAY))
    }

    /// On the first day of a month at midnight.
    #[must_use]
    pub fn monthly() -> Rotation {
        Rotation::moment(Moment::Month)
    }

    /// At a time of day or on a weekday: `"12:00"`, `"12:00:30"`, `"monday"`, `"monday at 06:30"`,
    /// `"sunday at 03:00:00"`. Without a time, at midnight.
    #[must_use]
    pub fn at(text: &str) -> Rotation {
        parse_at(text).map_or_else(
            || {
                Rotation::wrong(format!(
                    "rotation at \"{text}\" is no time: give \"12:00\", \"12:00:30\", \"monday\" or \
                     \"monday at 06:30\""
                ))
            },
            Rotation::moment,
        )
    }

    /// Before the first record of this run, unless the file is empty.
    #[must_use]
    pub fn start() -> Rotation {
        Rotation { at_start: true, ..Rotation::default() }
    }

    /// Also when `other` says so. Of two sizes the smaller one holds.
    #[must_use]
    pub fn or(mut self, other: Rotation) -> Rotation {
        self.size = match (self.size, other.size) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.at_start |= other.at_start;
        self.moments.extend(other.moments);
        self.wrong = self.wrong.or(other.wrong);
        self
    }

    fn moment(moment: Moment) -> Rotation {
        Rotation { moments: vec![moment], ..Rotation::default() }
    }

    fn wrong(wrong: String) -> Rotation {
        Rotation { wrong: Some(wrong), ..Rotation::default() }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.wrong.as_ref().map_or(Ok(()), |wrong| Err(Error::config(wrong)))
    }

    pub(super) fn max_size(&self) -> Option<u64> {
        self.size
    }

    pub(super) fn is_at_start(&self) -> bool {
        self.at_start
    }

    /// The first instant after `after` at which this rotation is due, in nanoseconds since 1970;
    /// `u64::MAX` if there is none.
    pub(super) fn next(&self, after: u64, zone: &TimeZone) -> u64 {
        let after = instant(after);
        let first = self.moments.iter().filter_map(|moment| moment.next(after, zone)).min();
        first.and_then(|at| u64::try_from(at.as_nanosecond()).ok()).unwrap_or(u64::MAX)
    }
}

pub(super) fn instant(nanos: u64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::MAX)
}

impl Moment {
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Moment::Every(secs) => next_interval(*secs, after, zone),
            Moment::At(weekday, time) => {
                let is_day = |day: Weekday| weekday.is_none_or(|wanted| wanted == day);
                let today = zone.to_datetime(after).date();
                // A week and a day: today's time may have passed, and a change of the clocks may
                // have moved it.
                (0..=8).find_map(|days| {
                    let date = today.checked_add(days.days()).ok()?;
                    let at = zone.to_timestamp(date.to_datetime(*time)).ok()?;
                    (is_day(date.weekday()) && at > after).then_some(at)
                })
            }
            Moment::Month => {
                let first = zone.to_datetime(after).date().first_of_month();
                let next = first.checked_add(1.month()).ok()?;
                zone.to_timestamp(next.to_datetime(Time::midnight())).ok()
            }
        }
    }
}

/// The next multiple of `secs` on the local clock.
///
/// Where the clocks change on the way, the plain sum is right if it falls on a multiple again: a
/// repeated hour is an hour. Otherwise the wall clock decides: a day ends at midnight even if it
/// has 25 hours.
fn next_interval(secs: i64, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    // 1970-01-01 was a Thursday; weeks begin on Monday.
    let anchor = if secs % (7 * DAY) == 0 { -3 * DAY } else { 0 };
    let offset_at = |at: Timestamp| i64::from(zone.to_offset(at).seconds()) - anchor;
    let offset = offset_at(after);
    let local = after.as_second() + offset;
    let next = (local.div_euclid(secs) + 1) * secs;
    let sum = Timestamp::from_second(next - offset).ok()?;
    if (sum.as_second() + offset_at(sum)) % secs == 0 {
        return Some(sum);
    }
    let wall = Timestamp::from_second(next + anchor).ok()?;
    let at = zone.to_timestamp(TimeZone::UTC.to_datetime(wall)).ok()?;
    Some(if at > after { at } else { sum })
}

impl fmt::Display for Rotation {
    /// The text that is read as this rotation again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut terms: Vec<String> = self.moments.iter().map(Moment::to_string).collect();
        terms.splice(..0, self.size.map(size::text));
        terms.extend(self.at_start.then(|| "start".to_owned()));
        f.write_str(&if terms.is_empty() { "never".to_owned() } else { terms.join(" or ") })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Every(3_600) => f.write_str("hourly"),
            Moment::Every(DAY) => f.write_str("daily"),
            Moment::Every(secs) if *secs == 7 * DAY => f.write_str("weekly"),
            Moment::Every(secs) => f.write_str(&interval_text(secs.unsigned_abs())),
            Moment::At(None, time) => write!(f, "{time}"),
            Moment::At(Some(day), time) if *time == Time::midnight() => {
                f.write_str(weekday_name(*day))
            }
            Moment::At(Some(day), time) => write!(f, "{} at {time}", weekday_name(*day)),
            Moment::Month => f.write_str("monthly"),
        }
    }
}

/// Seconds in the largest unit that holds them exactly: `15 min`.
pub(super) fn interval_text(secs: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let unit = units.into_iter().find(|(unit, _)| secs.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "s"));
    format!("{} {name}", secs / unit)
}

fn weekday_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

impl From<&str> for Rotation {
    fn from(text: &str) -> Rotation {
        let mut whole = Rotation::never();
        for term in text.split(" or ") {
            whole = whole.or(parse_term(term.trim()).unwrap_or_else(|| {
                Rotation::wrong(format!(
                    "rotation \"{term}\" is not known: give a size (\"100 MB\"), an interval \
                     (\"1 day\"), a time (\"12:00\", \"monday at 00:00\"), or one of hourly, \
                     daily, weekly, monthly, start, never"
                ))
            }));
        }
        whole
    }
}

impl FromStr for Rotation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Rotation, Error> {
        let rotation = Rotation::from(text);
        rotation.check()?;
        Ok(rotation)
    }
}

fn parse_term(term: &str) -> Option<Rotation> {
    let rotation = match term.to_ascii_lowercase().as_str() {
        "hourly" => Rotation::hourly(),
        "daily" => Rotation::daily(),
        "weekly" => Rotation::weekly(),
        "monthly" | "1 month" => Rotation::monthly(),
        "start" | "at start" => Rotation::start(),
        "never" => Rotation::never(),
        lower => {
            if let Some(moment) = parse_at(lower) {
                Rotation::moment(moment)
            } else if let Some(secs) = parse_interval(lower) {
                Rotation::every(Duration::from_secs(secs))
            } else {
                size::parse(term)?;
                Rotation::size(term)
            }
        }
    };
    Some(rotation)
}

/// `"12:00"`, `"12:00:30"`, `"monday"`, `"monday at 06:30"`.
fn parse_at(text: &str) -> Option<Moment> {
    let lower = text.to_ascii_lowercase();
    let (first, rest) = lower.trim().split_once(' ').unwrap_or((lower.trim(), ""));
    let Some(weekday) = parse_weekday(first) else {
        return Some(Moment::At(None, parse_time(lower.trim())?));
    };
    let rest = rest.trim();
    let rest = rest.strip_prefix("at ").unwrap_or(rest);
    let time = if rest.is_empty() { Time::midnight() } else { parse_time(rest)? };
    Some(Moment::At(Some(weekday), time))
}

fn parse_weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

fn parse_time(text: &str) -> Option<Time> {
    let mut parts = text.split(':').map(|part| {
        (matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<i8>().ok())
            .flatten()
    });
    let hour = parts.next()??;
    let minute = parts.next()??;
    let second = parts.next().map_or(Some(0), |second| second)?;
    if parts.next().is_some() {
        return None;
    }
    Time::new(hour, minute, second, 0).ok()
}

/// `"15 min"` in seconds.
pub(super) fn parse_interval(text: &str) -> Option<u64> {
    let (number, unit) = size::split_number(text)?;
    let factor: u64 = match unit {
        "s" | "sec" | "second" | "seconds" => 1,
        "min" | "minute" | "minutes" => 60,
        "h" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 7 * 86_400,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The rotation of one sink: its zone, when it was last due and when it is due next.
pub(super) struct Schedule {
    pub(super) rotation: Rotation,
    pub(super) zone: TimeZone,
    /// The time from which `due` was worked out.
    pub(super) since: u64,
    /// The next instant at which a record rotates the file.
    pub(super) due: u64,
}

impl Schedule {
    pub(super) fn new(rotation: Rotation, zone: TimeZone) -> Schedule {
        Schedule { rotation, zone, since: 0, due: u64::MAX }
    }

    /// Works out the next instant after `time`.
    pub(super) fn restart(&mut self, time: u64) {
        self.since = time;
        self.due = self.rotation.next(time, &self.zone);
    }

    /// Follows a clock that was set back: without this, a jump to 2040 and back would end rotation
    /// until 2040. Small steps change nothing, so that no boundary is passed twice.
    pub(super) fn follow(&mut self, now: u64) -> bool {
        let back = now.saturating_add(3_600 * NANOS) < self.since;
        if back {
            self.restart(now);
        }
        back
    }
}

#[cfg(test)]
#[path = "tests/rotation.rs"]
mod tests;
