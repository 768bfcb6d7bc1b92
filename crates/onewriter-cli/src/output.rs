//! What a command writes to: handles that are passed in, never the process's own.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use onewriter_record::Level;

/// Standard output and standard error of a command.
pub struct Output<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Progress and remarks.
    pub err: &'a mut dyn Write,
    /// Whether results may be coloured.
    pub colour: bool,
    /// Whether standard error is a terminal: a line may be written over.
    pub live: bool,
}

/// Colours, as ANSI sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Not coloured.
    Plain,
    /// In the background.
    Dim,
    /// Good.
    Green,
    /// To be looked at.
    Yellow,
    /// Bad.
    Red,
}

impl Paint {
    /// The colour of a line of this level.
    #[must_use]
    pub fn of(level: Option<Level>) -> Paint {
        match level {
            Some(level) if level >= Level::Error => Paint::Red,
            Some(level) if level >= Level::Warn => Paint::Yellow,
            Some(level) if level < Level::Info => Paint::Dim,
            _ => Paint::Plain,
        }
    }

    /// The text between its sequences, if `colour` says so.
    #[must_use]
    pub fn text<'a>(self, text: &'a str, colour: bool) -> Cow<'a, str> {
        let code = match self {
            Paint::Plain => return text.into(),
            _ if !colour => return text.into(),
            Paint::Dim => "2",
            Paint::Green => "1;32",
            Paint::Yellow => "33",
            Paint::Red => "1;31",
        };
        format!("\x1b[{code}m{text}\x1b[0m").into()
    }
}

/// One line that changes while something runs; on a file or pipe, a line now and then.
pub struct Progress {
    since: Instant,
    is_shown: bool,
}

/// Where standard error is no terminal, this much time lies between two lines.
const SPARSE: Duration = Duration::from_secs(5);

impl Progress {
    /// Nothing told yet.
    #[must_use]
    pub fn new() -> Progress {
        Progress { since: Instant::now(), is_shown: false }
    }

    /// Tells how far it is.
    pub fn tell(&mut self, output: &mut Output<'_>, text: &str) -> io::Result<()> {
        if output.live {
            self.is_shown = true;
            write!(output.err, "\r\x1b[K{text}")?;
            return output.err.flush();
        }
        if self.since.elapsed() >= SPARSE {
            self.since = Instant::now();
            writeln!(output.err, "{text}")?;
        }
        Ok(())
    }

    /// Takes the line away.
    pub fn end(self, output: &mut Output<'_>) -> io::Result<()> {
        if self.is_shown {
            write!(output.err, "\r\x1b[K")?;
        }
        Ok(())
    }
}

/// Control characters as `\u{..}`, so that no line can play with the terminal or forge another.
#[must_use]
pub fn escaped(text: &str) -> Cow<'_, str> {
    let control = |c: char| c.is_control() && c != '\t';
    if !text.contains(control) {
        return text.into();
    }
    let escape = |c: char| if control(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(escaped("a\tö \x1b[31m\r\n"), "a\tö \\u{1b}[31m\\r\\n");
        assert!(matches!(escaped("plain"), Cow::Borrowed(_)));
    }
}
