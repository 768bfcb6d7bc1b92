//! What rotated files are called, and which files of a folder are ours.

use super::compress::Compression;
use super::rotation::instant;
use crate::error::Error;
use jiff::tz::{AmbiguousOffset, TimeZone};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// What rotated files are called. The live file always keeps its own name.
///
/// | names | rotated files, the newest first |
/// | --- | --- |
/// | [`Names::index`], the default | `shop.3.log`, `shop.2.log`, `shop.1.log` |
/// | [`Names::time`] | `shop.2026-11-21.1.log`, `shop.2026-11-21.log`, `shop.2026-11-20.log` |
/// | [`Names::shifted`], as `logrotate` and Python's `RotatingFileHandler` | `shop.log.1`, `shop.log.2`, `shop.log.3` |
/// | [`Names::appended`], as Python's `TimedRotatingFileHandler` | `shop.log.2026-11-21.1`, `shop.log.2026-11-21`, `shop.log.2026-11-20` |
///
/// A name, once given, does not change, but for those of `shifted`. What stands behind a compressed
/// file's name is the compression: `shop.1.log.gz`, `shop.log.1.gz`.
///
/// A time is that of the newest record in the file; Python's is the start of the period that the
/// file stands for. In names of days, for files of a day, and in names of hours, for files of an hour,
/// they are the same. A file that ended at 12:00 after six hours is `2026-11-21_11` here, and
/// `2026-11-21_06` there; one of a week has the date of its last day with records here, and of its first there.
///
/// In the hour that is repeated when the clocks are set back, the offset stands behind a time that
/// shows the hour: `shop.2026-11-01_01-30-00-0400.log`.
///
/// As text: `index`, `shifted`, a template of times such as `%Y-%m-%d`, or `appended %Y-%m-%d`.
///
/// ```
/// use onewriter_engine::sinks::file::{self, Names, Rotation};
/// let sink = file::file("shop.log").rotation(Rotation::daily()).names(Names::time("%Y-%m-%d"));
/// # let _ = sink;
/// assert_eq!("appended %Y-%m-%d".parse::<Names>()?, Names::appended("%Y-%m-%d"));
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(Kind);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Index,
    Time(String),
    Shifted,
    Appended(String),
}

impl Names {
    /// `shop.1.log`, `shop.2.log`, and so on: the highest is the newest.
    #[must_use]
    pub fn index() -> Names {
        Names(Kind::Index)
    }

    /// `shop.TIME.log`, where TIME is made of `%Y %m %d %H %M %S %y %j %F %z %3f %6f %9f %%`
    /// with their meaning in `strftime`, and of other characters except `/`. If there is such a file
    /// already, the next one is `shop.TIME.1.log`.
    ///
    /// It must hold at least one of them; a wrong one is reported when the sink is built.
    #[must_use]
    pub fn time(template: impl Into<String>) -> Names {
        Names(Kind::Time(template.into()))
    }

    /// `shop.log.1`, `shop.log.2`, and so on: the first is the newest, and at each rotation every
    /// file moves up by one. Without [`keep`](super::FileBuilder::keep) there is no end to them,
    /// and each rotation takes as many renames as there are files.
    ///
    /// A kill in the middle of a rotation leaves a gap in the numbers, which the next one closes.
    #[must_use]
    pub fn shifted() -> Names {
        Names(Kind::Shifted)
    }

    /// `shop.log.TIME`, with TIME as in [`Names::time`]. If there is such a file already, the next
    /// one is `shop.log.TIME.1`.
    #[must_use]
    pub fn appended(template: impl Into<String>) -> Names {
        Names(Kind::Appended(template.into()))
    }

    fn template(&self) -> Option<&str> {
        match &self.0 {
            Kind::Time(template) | Kind::Appended(template) => Some(template),
            Kind::Index | Kind::Shifted => None,
        }
    }
}

impl fmt::Display for Names {
    /// The text that is read as these names again, unless it is a template that begins with another
    /// one's word.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Index => f.write_str("index"),
            Kind::Time(template) => f.write_str(template),
            Kind::Shifted => f.write_str("shifted"),
            Kind::Appended(template) => write!(f, "appended {template}"),
        }
    }
}

impl FromStr for Names {
    type Err = Error;

    /// An error names the text and what would be right
    /// ([`ErrorKind::Config`](crate::ErrorKind::Config)).
    fn from_str(text: &str) -> Result<Names, Error> {
        let names = match (text, text.strip_prefix("appended ")) {
            ("index", _) => Names::index(),
            ("shifted", _) => Names::shifted(),
            (_, Some(template)) => Names::appended(template),
            _ if text.contains('%') => Names::time(text),
            _ => return Err(unknown(text)),
        };
        names.template().map(Template::new).transpose()?;
        Ok(names)
    }
}

/// The parts of a time template, as they look in a file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Literal(char),
    Digits(usize),
    Offset,
}

/// The names of one sink: how they are made and how they are recognized.
pub(super) struct Scheme {
    /// `shop.`, or `shop.log.`
    head: String,
    /// `.log`, or nothing.
    tail: String,
    time: Option<Template>,
    /// 1 is the newest, and files move up.
    is_shifted: bool,
    zone: TimeZone,
}

struct Template {
    text: String,
    parts: Vec<Part>,
    shows_hour: bool,
    shows_offset: bool,
}

/// A name that is ours, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    /// The name without the suffix of a compression.
    pub(super) base: String,
    /// The time part; empty for names by index.
    pub(super) time: String,
    /// The index, or the number behind the time; 0 if there is none.
    pub(super) number: u64,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Plain,
    Compressed,
    /// What a compression had written when it was cut off.
    Partial,
}

impl Scheme {
    pub(super) fn new(path: &Path, names: &Names, zone: TimeZone) -> Result<Scheme, Error> {
        let file_name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Error::config(format!(
                "log file {path:?} has no name in UTF-8, after which rotated files are named: give \
                 another name"
            ))
        })?;
        let (stem, tail) = match (&names.0, file_name.rfind('.')) {
            (Kind::Index | Kind::Time(_), Some(dot)) if dot > 0 => file_name.split_at(dot),
            _ => (file_name, ""),
        };
        let time = names.template().map(Template::new).transpose()?;
        let is_shifted = names.0 == Kind::Shifted;
        Ok(Scheme { head: format!("{stem}."), tail: tail.to_owned(), time, is_shifted, zone })
    }

    /// Whether files change their names; then [`Scheme::shifted`] gives them.
    pub(super) fn is_shifted(&self) -> bool {
        self.is_shifted
    }

    /// The name of this number, from 1 up.
    pub(super) fn shifted(&self, number: u64) -> Parsed {
        self.numbered(String::new(), number)
    }

    /// The name for a file whose newest record is of `time`, beside `taken`, all our names there.
    pub(super) fn next<'a>(&self, time: u64, taken: impl Iterator<Item = &'a Parsed>) -> Parsed {
        let text = self.time.as_ref().map_or_else(String::new, |t| t.render(time, &self.zone));
        let last = taken.filter(|p| p.time == text).map(|p| p.number).max();
        let number = match (last, &self.time) {
            (None, Some(_)) => 0,
            (last, _) => last.unwrap_or(0).saturating_add(1),
        };
        self.numbered(text, number)
    }

    /// The same name with the next number.
    pub(super) fn after(&self, taken: &Parsed) -> Parsed {
        self.numbered(taken.time.clone(), taken.number.saturating_add(1))
    }

    fn numbered(&self, time: String, number: u64) -> Parsed {
        let Scheme { head, tail, .. } = self;
        let base = match (time.is_empty(), number) {
            (true, _) => format!("{head}{number}{tail}"),
            (false, 0) => format!("{head}{time}{tail}"),
            (false, _) => format!("{head}{time}.{number}{tail}"),
        };
        Parsed { base, time, number, state: State::Plain }
    }

    /// Takes a name apart; `None` if it is not exactly one that this sink would have given.
    pub(super) fn parse(&self, name: &str) -> Option<Parsed> {
        if let Some(parsed) = self.parse_base(name, State::Plain) {
            return Some(parsed);
        }
        let (name, state) = match name.strip_suffix(".tmp") {
            Some(name) => (name, State::Partial),
            None => (name, State::Compressed),
        };
        let base = Compression::ALL.iter().find_map(|kind| name.strip_suffix(kind.suffix()))?;
        self.parse_base(base, state)
    }

    fn parse_base(&self, base: &str, state: State) -> Option<Parsed> {
        let middle = base.strip_prefix(&self.head)?.strip_suffix(&self.tail)?;
        let (time, number) = match &self.time {
            None => ("", index(middle)?),
            Some(template) => {
                let time = &middle[..template.matches(middle)?];
                match middle[time.len()..].strip_prefix('.') {
                    Some(number) => (time, index(number)?),
                    None if time.len() == middle.len() => (time, 0),
                    None => return None,
                }
            }
        };
        Some(Parsed { base: base.to_owned(), time: time.to_owned(), number, state })
    }
}

/// Whether this is a name that [`Names::shifted`] gives to a rotated file.
pub(super) fn is_shifted_name(live: &Path, path: &Path) -> bool {
    let [live, name] = [live, path].map(|it| it.file_name().and_then(|name| name.to_str()));
    let number = live.zip(name).and_then(|(live, name)| name.strip_prefix(live)?.strip_prefix('.'));
    number.and_then(index).is_some()
}

/// A number from 1 up, as we write it.
fn index(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number > 0 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0'))
        .then_some(number)
}

impl Template {
    fn new(text: &str) -> Result<Template, Error> {
        let mut parts = Vec::new();
        let mut directives = String::new();
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            let mut directive = match char {
                '%' => chars.next().unwrap_or('\0'),
                '/' | '\0' => return Err(bad_char(text)),
                literal => {
                    parts.push(Part::Literal(literal));
                    continue;
                }
            };
            let mut width = 2;
            if matches!(directive, '3' | '6' | '9') {
                width = directive as usize - '0' as usize;
                directive = chars.next().filter(|c| *c == 'f').unwrap_or('\0');
            }
            let add: &[Part] = match directive {
                'Y' => &[Part::Digits(4)],
                'j' => &[Part::Digits(3)],
                'm' | 'd' | 'H' | 'M' | 'S' | 'y' => &[Part::Digits(2)],
                'f' if width > 2 => &[Part::Digits(width)],
                'z' => &[Part::Offset],
                '%' => &[Part::Literal('%')],
                'F' => {
                    const DASH: Part = Part::Literal('-');
                    &[Part::Digits(4), DASH, Part::Digits(2), DASH, Part::Digits(2)]
                }
                _ => return Err(bad_directive(text)),
            };
            parts.extend_from_slice(add);
            directives.push(directive);
        }
        if directives.chars().all(|directive| matches!(directive, '%' | 'z')) {
            return Err(Error::config(format!(
                "name template \"{text}\" holds no time, so all rotated files would have one \
                 name: use for example \"%Y-%m-%d_%H-%M-%S\""
            )));
        }
        let shows_hour = directives.contains('H');
        let shows_offset = directives.contains('z');
        Ok(Template { text: text.to_owned(), parts, shows_hour, shows_offset })
    }

    fn may_add_offset(&self) -> bool {
        self.shows_hour && !self.shows_offset
    }

    fn render(&self, time: u64, zone: &TimeZone) -> String {
        let zoned = instant(time).to_zoned(zone.clone());
        let mut text = zoned.strftime(&self.text).to_string();
        let local = zone.to_ambiguous_timestamp(zoned.datetime());
        if self.may_add_offset() && matches!(local.offset(), AmbiguousOffset::Fold { .. }) {
            text.push_str(&zoned.strftime("%z").to_string());
        }
        text
    }

    /// The length of the time at the front of `text`.
    fn matches(&self, text: &str) -> Option<usize> {
        let mut rest = text;
        for part in &self.parts {
            rest = match part {
                Part::Literal(char) => rest.strip_prefix(*char)?,
                Part::Digits(count) => strip_digits(rest, *count)?,
                Part::Offset => strip_offset(rest)?,
            };
        }
        if self.may_add_offset() {
            rest = strip_offset(rest).unwrap_or(rest);
        }
        Some(text.len() - rest.len())
    }
}

fn strip_digits(text: &str, count: usize) -> Option<&str> {
    let (digits, rest) = text.split_at_checked(count)?;
    digits.bytes().all(|b| b.is_ascii_digit()).then_some(rest)
}

fn strip_offset(text: &str) -> Option<&str> {
    strip_digits(text.strip_prefix(['+', '-'])?, 4)
}

#[cold]
fn unknown(text: &str) -> Error {
    Error::config(format!(
        "names \"{text}\" are not known: give \"index\", \"shifted\", a time such as \"%Y-%m-%d\", \
         or \"appended %Y-%m-%d\""
    ))
}

#[cold]
fn bad_char(text: &str) -> Error {
    Error::config(format!(
        "name template \"{text}\" holds a '/' or a zero byte: rotated files stay in the folder of \
         the log file"
    ))
}

#[cold]
fn bad_directive(text: &str) -> Error {
    Error::config(format!(
        "name template \"{text}\" holds a directive that is not known: give some of %Y %m %d %H \
         %M %S %y %j %F %z %3f %6f %9f %%"
    ))
}

#[cfg(test)]
#[path = "tests/names.rs"]
mod tests;
