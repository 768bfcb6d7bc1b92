//! Wall time as text, fast: the second is cached, only its digits change.

use super::line::Line;
use crate::error::Error;
use jiff::{Timestamp, tz::TimeZone};

/// How many digits follow the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// None: `08:05:09`.
    Seconds,
    /// Three: `08:05:09.123`.
    Millis,
    /// Six: `08:05:09.123456`.
    Micros,
    /// Nine: `08:05:09.123456789`. The default, so that a log can be sorted again.
    #[default]
    Nanos,
}

/// The time zone in which times are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Zone {
    /// UTC, written `Z`. The default: no hour occurs twice.
    #[default]
    Utc,
    /// The zone of the machine: `TZ`, else `/etc/localtime`, else UTC. It is looked up when the
    /// formatter is made; daylight-saving changes are followed to the second.
    Local,
    /// A zone by its name; see [`Zone::named`].
    Named(NamedZone),
}

/// A zone of the IANA database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedZone(TimeZone);

impl Zone {
    /// The zone of this name in the IANA database of the machine.
    ///
    /// ```
    /// use onewriter_engine::format::Zone;
    /// assert!(Zone::named("Europe/Berlin").is_ok());
    /// let err = Zone::named("Europe/Bärlin").unwrap_err();
    /// assert_eq!(
    ///     err.to_string(),
    ///     "unknown time zone \"Europe/Bärlin\": use a name like \"Europe/Berlin\" or \"UTC\""
    /// );
    /// ```
    pub fn named(name: &str) -> Result<Zone, Error> {
        match TimeZone::get(name) {
            Ok(zone) => Ok(Zone::Named(NamedZone(zone))),
            Err(_) => Err(Error::config(format!(
                "unknown time zone {name:?}: use a name like \"Europe/Berlin\" or \"UTC\""
            ))),
        }
    }

    fn time_zone(&self) -> TimeZone {
        match self {
            Zone::Utc => TimeZone::UTC,
            Zone::Local => TimeZone::system(),
            Zone::Named(NamedZone(zone)) => zone.clone(),
        }
    }
}

/// Writes times of one shape. Keeps the text of the last second.
///
/// ```
/// use onewriter_engine::format::{TimeText, Zone};
/// let mut time = TimeText::strftime("%H:%M:%S.%3f", &Zone::Utc).unwrap();
/// let mut out = Vec::new();
/// time.append(61_123_456_789, &mut out);
/// assert_eq!(out, b"00:01:01.123");
/// ```
#[derive(Clone, Debug)]
pub struct TimeText {
    pieces: Vec<Piece>,
    zone: TimeZone,
    second: Option<u64>,
    text: Vec<u8>,
    /// Where in `text` digits of the fraction stand, and how many.
    fractions: Vec<(usize, usize)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Strftime(String),
    Fraction(usize),
}

impl TimeText {
    /// RFC 3339: `2026-11-21T08:05:09.123456789Z`.
    pub(super) fn rfc3339(precision: Precision, zone: &Zone) -> TimeText {
        let mut pieces = vec![Piece::Strftime("%Y-%m-%dT%H:%M:%S".into())];
        let digits = match precision {
            Precision::Seconds => 0,
            Precision::Millis => 3,
            Precision::Micros => 6,
            Precision::Nanos => 9,
        };
        if digits > 0 {
            pieces.push(Piece::Strftime(".".into()));
            pieces.push(Piece::Fraction(digits));
        }
        pieces.push(Piece::Strftime(if *zone == Zone::Utc { "Z" } else { "%:z" }.into()));
        TimeText::new(pieces, zone)
    }

    /// A format of `strftime`.
    ///
    /// # Errors
    /// The reason why it is none, without its place.
    pub fn strftime(format: &str, zone: &Zone) -> Result<TimeText, String> {
        let time = TimeText::new(split(format), zone);
        for piece in &time.pieces {
            if let Piece::Strftime(format) = piece {
                let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
                jiff::fmt::strtime::format(format, &epoch).map_err(|err| err.to_string())?;
            }
        }
        Ok(time)
    }

    fn new(pieces: Vec<Piece>, zone: &Zone) -> TimeText {
        let zone = zone.time_zone();
        TimeText { pieces, zone, second: None, text: Vec::new(), fractions: Vec::new() }
    }

    /// Appends the time, given in nanoseconds since 1970.
    pub fn append(&mut self, nanos: u64, out: &mut Vec<u8>) {
        Line::append(out, |line| self.put(nanos, line));
    }

    #[inline(always)]
    pub(super) fn put(&mut self, nanos: u64, line: &mut Line<'_>) {
        let (second, fraction) = (nanos / 1_000_000_000, (nanos % 1_000_000_000) as u32);
        if self.second != Some(second) {
            self.render(second);
        }
        let start = line.at();
        line.put(&self.text);
        for (at, count) in &self.fractions {
            line.fraction_at(start + at, fraction, *count);
        }
    }

    #[cold]
    fn render(&mut self, second: u64) {
        self.second = Some(second);
        self.text.clear();
        self.fractions.clear();
        // A u64 of nanoseconds ends in 2554, well within the range.
        let time = Timestamp::from_second(second as i64).unwrap_or_default();
        let time = time.to_zoned(self.zone.clone());
        for piece in &self.pieces {
            match piece {
                Piece::Fraction(count) => {
                    self.fractions.push((self.text.len(), *count));
                    self.text.resize(self.text.len() + count, b'0');
                }
                Piece::Strftime(format) => {
                    let text = jiff::fmt::strtime::format(format, &time).unwrap_or_default();
                    self.text.extend_from_slice(text.as_bytes());
                }
            }
        }
    }
}

/// Takes the fraction of the second (`%f`, `%.3f`, `%6N`) out of a format.
fn split(format: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let after = &rest[1..];
        let (dot, digits) = after.strip_prefix('.').map_or((false, after), |after| (true, after));
        let width = digits.bytes().next().filter(|byte| (b'1'..=b'9').contains(byte));
        let name = if width.is_some() { &digits[1..] } else { digits };
        if name.starts_with(['f', 'N']) {
            if dot {
                text.push('.');
            }
            pieces.push(Piece::Strftime(std::mem::take(&mut text)));
            pieces.push(Piece::Fraction(width.map_or(9, |byte| usize::from(byte - b'0'))));
            rest = &name[1..];
        } else {
            // `%%` must not leave its second half behind as the begin of a directive.
            let len = 1 + after.chars().next().map_or(0, char::len_utf8);
            text.push_str(&rest[..len]);
            rest = &rest[len..];
        }
    }
    text.push_str(rest);
    pieces.push(Piece::Strftime(text));
    pieces
}
