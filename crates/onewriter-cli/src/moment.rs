//! Moments as people type them, and times as logs write them.

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp, Zoned};

/// What can be given for `--since` and `--until`, for messages.
const FORMS: &str = "use a time such as 2026-11-21T08:00:00Z, \"2026-11-21 08:00\", 08:00, an age such as \
     10m or 1h30m, or now, today, yesterday, tomorrow";

/// A moment as it is typed, seen from `now`; local where no zone is given.
///
/// ```
/// use onewriter_cli::moment;
/// let now: jiff::Zoned = "2026-11-21T10:00:00[UTC]".parse().unwrap();
/// let moment = |text| moment::parse(text, &now).unwrap().to_string();
/// assert_eq!(moment("10m"), "2026-11-21T09:50:00Z");
/// assert_eq!(moment("yesterday"), "2026-11-20T00:00:00Z");
/// assert_eq!(moment("08:30"), "2026-11-21T08:30:00Z");
/// ```
///
/// # Errors
/// A sentence that names the text and the forms that would be right.
pub fn parse(text: &str, now: &Zoned) -> Result<Timestamp, String> {
    let start_of_day = |days: i64| {
        let day = now.start_of_day().ok()?;
        day.checked_add(jiff::Span::new().try_days(days).ok()?).ok().map(|day| day.timestamp())
    };
    let found = match text {
        "now" => Some(now.timestamp()),
        "today" => start_of_day(0),
        "yesterday" => start_of_day(-1),
        "tomorrow" => start_of_day(1),
        _ => absolute(text, now).or_else(|| age(text, now)),
    };
    found.ok_or_else(|| format!("{text:?} is not a time: {FORMS}"))
}

fn absolute(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    // Before the date: "08:30" must not be taken for anything longer.
    if text.len() <= 8
        && let Ok(time) = text.parse::<Time>()
    {
        return local(now.date().to_datetime(time), now);
    }
    let date_time = text.parse::<DateTime>().ok()?;
    local(date_time, now)
}

fn local(civil: DateTime, now: &Zoned) -> Option<Timestamp> {
    civil.to_zoned(now.time_zone().clone()).ok().map(|zoned| zoned.timestamp())
}

fn age(text: &str, now: &Zoned) -> Option<Timestamp> {
    let text = text.strip_suffix(" ago").unwrap_or(text);
    let age = duration(text)?;
    now.timestamp().checked_sub(age).ok()
}

/// A span of time as it is typed: `10m`, `1h30m`, `250ms`, `2 days`. Never negative.
#[must_use]
pub fn duration(text: &str) -> Option<SignedDuration> {
    let span = text.parse::<SignedDuration>().ok().or_else(|| days(text))?;
    (!span.is_negative()).then_some(span)
}

/// Days and weeks, here always of 24 hours.
fn days(text: &str) -> Option<SignedDuration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let hours = match unit.trim() {
        "d" | "day" | "days" => 24,
        "w" | "week" | "weeks" => 7 * 24,
        _ => return None,
    };
    let hours = number.parse::<i64>().ok()?.checked_mul(hours)?;
    SignedDuration::try_from_hours(hours)
}

/// The time that stands in a log line: RFC 3339, or local time without a zone, or without a date
/// (then today's).
#[must_use]
pub fn of_line(text: &str, now: &Zoned) -> Option<Timestamp> {
    absolute(text, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> String {
        let now: Zoned = "2026-11-21T10:00:00+01:00[Europe/Berlin]".parse().unwrap();
        match parse(text, &now) {
            Ok(moment) => moment.to_string(),
            Err(message) => message,
        }
    }

    #[test]
    fn absolute_times_are_local_unless_they_say_otherwise() {
        assert_eq!(at("2026-11-21T08:00:00Z"), "2026-11-21T08:00:00Z");
        assert_eq!(at("2026-11-21T08:00:00+02:00"), "2026-11-21T06:00:00Z");
        assert_eq!(at("2026-11-21 08:00"), "2026-11-21T07:00:00Z");
        assert_eq!(at("2026-11-20"), "2026-11-19T23:00:00Z");
        assert_eq!(at("08:30:15"), "2026-11-21T07:30:15Z");
    }

    #[test]
    fn ages_and_days_count_from_now() {
        assert_eq!(at("90s"), "2026-11-21T08:58:30Z");
        assert_eq!(at("1h30m ago"), "2026-11-21T07:30:00Z");
        assert_eq!(at("2d"), "2026-11-19T09:00:00Z");
        assert_eq!(at("1 week"), "2026-11-14T09:00:00Z");
        assert_eq!(at("today"), "2026-11-20T23:00:00Z");
        assert_eq!(at("tomorrow"), "2026-11-21T23:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_named_with_what_would_be_right() {
        for text in ["", "soon", "-5m", "25:00", "2026-13-01", "99999999999999999999d"] {
            let message = at(text);
            assert!(message.starts_with(&format!("{text:?} is not a time: use ")), "{message}");
        }
    }
}
