//! Times in Loguru's tokens, such as `YYYY-MM-DD HH:mm:ss.SSS`.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use std::fmt::Write;

/// The longest first.
const TOKENS: [&str; 19] = [
    "YYYY", "YY", "MM", "M", "DDDD", "DDD", "DD", "D", "HH", "H", "hh", "h", "mm", "m", "ss", "s",
    "A", "ZZ", "Z",
];
/// Tokens that go by the locale or that nobody needs in every line: Python renders them.
const OTHERS: [&str; 9] = ["MMMM", "MMM", "dddd", "ddd", "d", "E", "Q", "X", "x"];
/// What a time without specification looks like.
const ISO: &str = "YYYY-MM-DDTHH:mm:ss.SSSSSSZZ";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Token(&'static str),
    /// So many digits of the fraction of a second.
    Fraction(usize),
}

/// A specification, and what it made of the last second.
#[derive(Clone)]
pub(crate) struct TimeFormat {
    parts: Vec<Part>,
    zone: TimeZone,
    second: i64,
    /// What stands for that second: text and, after it, so many digits of the fraction.
    made: Vec<(String, usize)>,
}

impl TimeFormat {
    /// Reads a specification; `None` if Python alone can carry it out.
    pub(crate) fn new(spec: &str) -> Option<TimeFormat> {
        let (spec, is_utc) = match spec.strip_suffix("!UTC") {
            Some(spec) => (spec, true),
            None => (spec, false),
        };
        let zone = if is_utc { TimeZone::UTC } else { TimeZone::system() };
        let parts = parts(if spec.is_empty() { ISO } else { spec })?;
        Some(TimeFormat { parts, zone, second: i64::MIN, made: Vec::new() })
    }

    /// Appends a time in nanoseconds since 1970.
    pub(crate) fn put(&mut self, nanos: u64, out: &mut Vec<u8>) {
        let second = (nanos / 1_000_000_000) as i64;
        if second != self.second {
            self.make(second);
        }
        let micros = (nanos % 1_000_000_000 / 1_000) as u32;
        for (text, n_digits) in &self.made {
            out.extend_from_slice(text.as_bytes());
            out.extend(
                (0..*n_digits).map(|at| b'0' + (micros / 10_u32.pow(5 - at as u32) % 10) as u8),
            );
        }
    }

    fn make(&mut self, second: i64) {
        self.second = second;
        self.made.clear();
        let Ok(moment) = Timestamp::from_second(second) else { return };
        let moment = moment.to_zoned(self.zone.clone());
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(literal) => text.push_str(literal),
                Part::Token(token) => token_text(token, &moment, &mut text),
                Part::Fraction(digits) => self.made.push((std::mem::take(&mut text), *digits)),
            }
        }
        self.made.push((text, 0));
    }
}

fn parts(spec: &str) -> Option<Vec<Part>> {
    // A specification of `strftime`, and escaped tokens, are Python's.
    if spec.contains(['%', '[']) {
        return None;
    }
    let mut parts = Vec::new();
    let mut rest = spec;
    while let Some(first) = rest.chars().next() {
        let n_digits = rest.bytes().take_while(|byte| *byte == b'S').count();
        if n_digits > 0 {
            parts.push(Part::Fraction(Some(n_digits).filter(|count| *count <= 6)?));
            rest = &rest[n_digits..];
        } else if OTHERS.iter().any(|token| rest.starts_with(token)) || rest.starts_with("zz") {
            return None;
        } else if let Some(token) = TOKENS.iter().find(|token| rest.starts_with(**token)) {
            parts.push(Part::Token(token));
            rest = &rest[token.len()..];
        } else {
            match parts.last_mut() {
                Some(Part::Text(text)) => text.push(first),
                _ => parts.push(Part::Text(first.into())),
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    Some(parts)
}

fn token_text(token: &str, moment: &Zoned, out: &mut String) {
    let hour_of_12 = (moment.hour() + 11) % 12 + 1;
    // Writing into a string cannot fail.
    let _ = match token {
        "YYYY" => write!(out, "{:04}", moment.year()),
        "YY" => write!(out, "{:02}", moment.year() % 100),
        "MM" => write!(out, "{:02}", moment.month()),
        "M" => write!(out, "{}", moment.month()),
        "DDDD" => write!(out, "{:03}", moment.day_of_year()),
        "DDD" => write!(out, "{}", moment.day_of_year()),
        "DD" => write!(out, "{:02}", moment.day()),
        "D" => write!(out, "{}", moment.day()),
        "HH" => write!(out, "{:02}", moment.hour()),
        "H" => write!(out, "{}", moment.hour()),
        "hh" => write!(out, "{hour_of_12:02}"),
        "h" => write!(out, "{hour_of_12}"),
        "mm" => write!(out, "{:02}", moment.minute()),
        "m" => write!(out, "{}", moment.minute()),
        "ss" => write!(out, "{:02}", moment.second()),
        "s" => write!(out, "{}", moment.second()),
        "A" => out.write_str(if moment.hour() < 12 { "AM" } else { "PM" }),
        "Z" => offset(moment, ":", out),
        _ => offset(moment, "", out),
    };
}

fn offset(moment: &Zoned, separator: &str, out: &mut String) -> std::fmt::Result {
    let seconds = moment.offset().seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    write!(out, "{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60)?;
    match seconds % 60 {
        0 => Ok(()),
        rest => write!(out, "{separator}{rest:02}"),
    }
}
