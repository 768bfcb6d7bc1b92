//! Levels: five named ones and every number between them.

use std::fmt;
use std::str::FromStr;

/// How important a record is: a number from 1 to 254, larger is more severe.
///
/// The five standard levels use the numbers of Python's `logging` (and Loguru's `TRACE`), so that
/// both doors agree; [`Level::new`] makes a level between them.
///
/// ```
/// use onewriter_record::Level;
/// let notice = Level::new(25);
/// assert!(Level::Info < notice && notice < Level::Warn);
/// assert_eq!(notice.name(), "INFO");
/// assert_eq!("warning".parse(), Ok(Level::Warn));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u8);

#[expect(non_upper_case_globals, reason = "they are used like the variants of an enum")]
impl Level {
    /// Number 5: the finest detail.
    pub const Trace: Level = Level(5);
    /// Number 10: for the developer.
    pub const Debug: Level = Level(10);
    /// Number 20: the normal course of events.
    pub const Info: Level = Level(20);
    /// Number 30: something to look at.
    pub const Warn: Level = Level(30);
    /// Number 40: something failed. From here up a part of each ring is kept in reserve.
    pub const Error: Level = Level(40);
}

impl Level {
    /// The five standard levels, least severe first.
    pub const STANDARD: [Level; 5] =
        [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];

    /// A level with this number; 0 and 255 are not levels and become 1 and 254.
    #[must_use]
    pub const fn new(number: u8) -> Level {
        match number {
            0 => Level(1),
            255 => Level(254),
            n => Level(n),
        }
    }

    /// The number, from 1 to 254.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The name of the nearest standard level at or below this one (`TRACE` below `Trace`).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0..=9 => "TRACE",
            10..=19 => "DEBUG",
            20..=29 => "INFO",
            30..=39 => "WARN",
            _ => "ERROR",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name(), self.0)
    }
}

/// The text is not a level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseLevelError(String);

impl fmt::Display for ParseLevelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "unknown level {:?}: use trace, debug, info, warn, error or a number from 1 to 254",
            self.0
        )
    }
}

impl std::error::Error for ParseLevelError {}

impl FromStr for Level {
    type Err = ParseLevelError;

    /// Accepts the standard names in any case, `warning`, `critical`, `fatal`, and numbers.
    fn from_str(text: &str) -> Result<Level, ParseLevelError> {
        match text.to_ascii_lowercase().as_str() {
            "trace" => Ok(Level::Trace),
            "debug" => Ok(Level::Debug),
            "info" => Ok(Level::Info),
            "warn" | "warning" => Ok(Level::Warn),
            "error" => Ok(Level::Error),
            "critical" | "fatal" => Ok(Level::new(50)),
            other => match other.parse() {
                Ok(n @ 1..=254) => Ok(Level(n)),
                _ => Err(ParseLevelError(text.to_owned())),
            },
        }
    }
}

/// The least severe level that passes, or nothing at all.
///
/// ```
/// use onewriter_record::{Level, LevelFilter};
/// let filter: LevelFilter = "warn".parse().unwrap();
/// assert!(filter.admits(Level::Error) && !filter.admits(Level::Info));
/// assert!(!LevelFilter::OFF.admits(Level::Error));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LevelFilter(u8);

impl LevelFilter {
    /// Everything passes.
    pub const ALL: LevelFilter = LevelFilter(0);
    /// Nothing passes.
    pub const OFF: LevelFilter = LevelFilter(255);

    /// Whether a record of this level passes.
    #[must_use]
    pub const fn admits(self, level: Level) -> bool {
        level.0 >= self.0
    }

    /// The number a level must reach: 0 for all, 255 for none.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl From<Level> for LevelFilter {
    fn from(level: Level) -> LevelFilter {
        LevelFilter(level.0)
    }
}

impl fmt::Display for LevelFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.pad("ALL"),
            255 => f.pad("OFF"),
            n => Level(n).fmt(f),
        }
    }
}

impl fmt::Debug for LevelFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}({})", self.0)
    }
}

impl FromStr for LevelFilter {
    type Err = ParseLevelError;

    /// Accepts what [`Level`] accepts, `off`/`none` and `all`.
    fn from_str(text: &str) -> Result<LevelFilter, ParseLevelError> {
        match text.to_ascii_lowercase().as_str() {
            "off" | "none" => Ok(LevelFilter::OFF),
            "all" => Ok(LevelFilter::ALL),
            _ => text.parse::<Level>().map(LevelFilter::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn custom_levels_sort_between_the_standard_ones() {
        let mut levels = [Level::Error, Level::new(25), Level::Info, Level::Warn, Level::new(1)];
        levels.sort();
        assert_eq!(levels.map(Level::number), [1, 20, 25, 30, 40]);
    }

    #[test]
    fn an_unknown_level_says_what_would_be_right() {
        let err = "loud".parse::<Level>().unwrap_err().to_string();
        assert_eq!(
            err,
            "unknown level \"loud\": use trace, debug, info, warn, error or a number from 1 to 254"
        );
        assert!("0".parse::<Level>().is_err());
        assert!("255".parse::<Level>().is_err());
        assert_eq!("off".parse(), Ok(LevelFilter::OFF));
    }
}
