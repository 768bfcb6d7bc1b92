//! Templates: the format strings of the standard library's macros, taken apart.
//!
//! The macros parse a format string at compile time and number its arguments; the writer parses
//! the numbered form once for each call site.

use crate::python::{Conversion, PySpec, write_placeholder};
use std::fmt;

/// Which argument a placeholder means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgRef {
    /// `{}`: the next one.
    Next,
    /// `{0}`: the one at this place.
    Index(usize),
    /// `{name}`: the one of this name, or the variable of this name.
    Name(String),
}

/// A width or a precision.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Count {
    /// Not given.
    #[default]
    None,
    /// A number.
    Literal(usize),
    /// `1$` or `name$`: the value of an argument.
    Arg(ArgRef),
    /// `.*`: the next argument is the precision.
    Star,
}

/// On which side the padding goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Align {
    Left,
    Center,
    Right,
}

/// Which trait formats the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the names are those of `std::fmt`")]
pub enum Trait {
    #[default]
    Display,
    Debug,
    /// `{:x?}`
    DebugLowerHex,
    /// `{:X?}`
    DebugUpperHex,
    LowerHex,
    UpperHex,
    Octal,
    Binary,
    LowerExp,
    UpperExp,
    Pointer,
}

const TRAITS: [(Trait, &str); 11] = [
    (Trait::Display, ""),
    (Trait::Debug, "?"),
    (Trait::DebugLowerHex, "x?"),
    (Trait::DebugUpperHex, "X?"),
    (Trait::LowerHex, "x"),
    (Trait::UpperHex, "X"),
    (Trait::Octal, "o"),
    (Trait::Binary, "b"),
    (Trait::LowerExp, "e"),
    (Trait::UpperExp, "E"),
    (Trait::Pointer, "p"),
];

/// What stands after the colon of a placeholder.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Spec {
    /// The padding character; a space if not given.
    pub fill: Option<char>,
    /// The side, if given.
    pub align: Option<Align>,
    /// `+`: a sign before positive numbers too.
    pub plus: bool,
    /// `-`: accepted and without effect, as in the standard library.
    pub minus: bool,
    /// `#`: the alternate form.
    pub alternate: bool,
    /// `0`: zeros between sign and digits.
    pub zero: bool,
    /// The least number of characters.
    pub width: Count,
    /// Digits after the point, or the most characters of a string.
    pub precision: Count,
    /// The trait.
    pub kind: Trait,
}

impl Spec {
    /// Whether this is `{}`: plain `Display`.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Spec::default()
    }
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that stands as it is.
    Literal(String),
    /// A placeholder.
    Arg(ArgRef, Spec),
    /// A placeholder in Python's notation: the number of the argument.
    Python(usize, Conversion, PySpec),
}

/// A format string, taken apart.
///
/// ```
/// use onewriter_record::{Piece, Template};
/// let template: Template = "{0:>5} items".parse().unwrap();
/// assert_eq!(template.pieces[1], Piece::Literal(" items".into()));
/// assert_eq!(template.to_string(), "{0:>5} items");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Template {
    /// The parts in their order.
    pub pieces: Vec<Piece>,
}

impl Template {
    /// Whether each argument is used exactly once, in the order in which it was given, and none as
    /// a width or precision: then the values can be formatted as they are decoded.
    #[must_use]
    pub fn is_in_order(&self, n_args: usize) -> bool {
        let mut next = 0;
        for piece in &self.pieces {
            let Some(arg) = piece.arg() else { continue };
            let is_counted = |spec: &Spec| {
                matches!(spec.width, Count::Arg(_) | Count::Star)
                    || matches!(spec.precision, Count::Arg(_) | Count::Star)
            };
            let counts = matches!(piece, Piece::Arg(_, spec) if is_counted(spec));
            if counts || arg != ArgRef::Index(next) {
                return false;
            }
            next += 1;
        }
        next == n_args
    }
}

/// A format string that the standard library would not accept either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// What is wrong.
    pub reason: &'static str,
    /// The byte at which it is wrong.
    pub at: usize,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {} of the format string", self.reason, self.at)
    }
}

impl std::error::Error for TemplateError {}

impl std::str::FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Template, TemplateError> {
        let mut parser = Parser { text, at: 0 };
        let mut pieces = Vec::new();
        let mut literal = String::new();
        while let Some(c) = parser.bump() {
            match c {
                '{' if parser.eat('{') => literal.push('{'),
                '}' if parser.eat('}') => literal.push('}'),
                '}' => return Err(parser.error("unmatched '}': write '}}' for a brace")),
                '{' => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(parser.placeholder()?);
                }
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Template { pieces })
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn error(&self, reason: &'static str) -> TemplateError {
        TemplateError { reason, at: self.at }
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.bump();
        }
    }

    fn placeholder(&mut self) -> Result<Piece, TemplateError> {
        self.skip_space();
        let arg = self.arg()?.unwrap_or(ArgRef::Next);
        self.skip_space();
        let spec = if self.eat(':') { self.spec()? } else { Spec::default() };
        self.skip_space();
        if self.eat('}') {
            Ok(Piece::Arg(arg, spec))
        } else {
            Err(self.error("expected '}' to close the placeholder"))
        }
    }

    fn number(&mut self) -> Result<Option<usize>, TemplateError> {
        let digits: &str = {
            let rest = self.rest();
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            &rest[..end]
        };
        if digits.is_empty() {
            return Ok(None);
        }
        let number = digits.parse::<u16>().map_err(|_| self.error("a number above 65535"))?;
        self.at += digits.len();
        Ok(Some(usize::from(number)))
    }

    fn ident(&mut self) -> Option<String> {
        let rest = self.rest();
        let start = rest.chars().next()?;
        if !(start.is_alphabetic() || start == '_') {
            return None;
        }
        let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        Some(rest[..end].to_owned())
    }

    fn arg(&mut self) -> Result<Option<ArgRef>, TemplateError> {
        if let Some(index) = self.number()? {
            return Ok(Some(ArgRef::Index(index)));
        }
        Ok(self.ident().map(ArgRef::Name))
    }

    fn spec(&mut self) -> Result<Spec, TemplateError> {
        let mut spec = Spec::default();
        self.fill_and_align(&mut spec);
        spec.plus = self.eat('+');
        spec.minus = !spec.plus && self.eat('-');
        spec.alternate = self.eat('#');
        // `0$` is the width of argument 0; a lone `0` is the zero flag.
        if self.peek() == Some('0') && !self.rest().starts_with("0$") {
            spec.zero = true;
            self.at += 1;
        }
        spec.width = self.count()?;
        if self.eat('.') {
            spec.precision = if self.eat('*') { Count::Star } else { self.count()? };
            if spec.precision == Count::None {
                return Err(self.error("expected a precision after '.'"));
            }
        }
        spec.kind = self.kind()?;
        Ok(spec)
    }

    fn fill_and_align(&mut self, spec: &mut Spec) {
        let align = |c| match c {
            '<' => Some(Align::Left),
            '^' => Some(Align::Center),
            '>' => Some(Align::Right),
            _ => None,
        };
        let mut chars = self.rest().chars();
        let (first, second) = (chars.next(), chars.next());
        if let (Some(fill), Some(side)) = (first, second.and_then(align)) {
            spec.fill = Some(fill);
            spec.align = Some(side);
            self.at += fill.len_utf8() + 1;
        } else if let Some(side) = first.and_then(align) {
            spec.align = Some(side);
            self.at += 1;
        }
    }

    /// A number, or an argument followed by `$`.
    fn count(&mut self) -> Result<Count, TemplateError> {
        let start = self.at;
        match self.arg()? {
            Some(arg) if self.eat('$') => Ok(Count::Arg(arg)),
            Some(ArgRef::Index(number)) => Ok(Count::Literal(number)),
            _ => {
                self.at = start;
                Ok(Count::None)
            }
        }
    }

    fn kind(&mut self) -> Result<Trait, TemplateError> {
        let rest = self.rest();
        let end = rest.find(|c: char| c == '}' || c.is_whitespace()).unwrap_or(rest.len());
        let word = &rest[..end];
        let found = TRAITS.iter().find(|(_, name)| *name == word);
        let (kind, _) = found.ok_or_else(|| self.error("unknown format trait"))?;
        self.at += end;
        Ok(*kind)
    }
}

impl fmt::Display for ArgRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ArgRef::Next => Ok(()),
            ArgRef::Index(index) => write!(f, "{index}"),
            ArgRef::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::None => Ok(()),
            Count::Literal(number) => write!(f, "{number}"),
            Count::Arg(arg) => write!(f, "{arg}$"),
            Count::Star => f.write_str("*"),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fill) = self.fill {
            write!(f, "{fill}")?;
        }
        f.write_str(match self.align {
            None => "",
            Some(Align::Left) => "<",
            Some(Align::Center) => "^",
            Some(Align::Right) => ">",
        })?;
        for (flag, text) in
            [(self.plus, "+"), (self.minus, "-"), (self.alternate, "#"), (self.zero, "0")]
        {
            f.write_str(if flag { text } else { "" })?;
        }
        write!(f, "{}", self.width)?;
        if self.precision != Count::None {
            write!(f, ".{}", self.precision)?;
        }
        let name = TRAITS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => {
                    f.write_str(&text.replace('{', "{{").replace('}', "}}"))?;
                }
                Piece::Python(index, conversion, spec) => {
                    write_placeholder(f, *index, *conversion, spec)?;
                }
                Piece::Arg(arg, spec) if spec.is_plain() => write!(f, "{{{arg}}}")?,
                Piece::Arg(arg, spec) => write!(f, "{{{arg}:{spec}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trips(text: &str) {
        let template: Template = text.parse().expect(text);
        assert_eq!(template.to_string(), text);
    }

    #[test]
    fn every_form_of_the_standard_library_is_read_and_written_back() {
        for text in [
            "",
            "plain",
            "{}",
            "{{}}",
            "a{}b{}c",
            "{0} {1} {0}",
            "{name}",
            "{:5}",
            "{:<5}",
            "{:-^5}",
            "{:>>5}",
            "{:+}",
            "{:#x}",
            "{:#010b}",
            "{:.3}",
            "{:8.3}",
            "{:1$}",
            "{:width$}",
            "{:.*}",
            "{:.prec$}",
            "{:>w$.p$}",
            "{:?}",
            "{:#?}",
            "{:x?}",
            "{:X?}",
            "{:e}",
            "{:E}",
            "{:o}",
            "{:p}",
            "{:0$}",
            "{:00$}",
            "{0:0>5}",
            "{ä:é^7}",
            "{:-}",
        ] {
            round_trips(text);
        }
    }

    #[test]
    fn what_the_standard_library_refuses_is_refused() {
        for (text, reason) in [
            ("{", "expected '}' to close the placeholder at byte 1 of the format string"),
            ("}", "unmatched '}': write '}}' for a brace at byte 1 of the format string"),
            ("a{:y}", "unknown format trait at byte 3 of the format string"),
            ("{:.}", "expected a precision after '.' at byte 3 of the format string"),
            ("{99999}", "a number above 65535 at byte 1 of the format string"),
        ] {
            assert_eq!(text.parse::<Template>().unwrap_err().to_string(), reason);
        }
    }

    #[test]
    fn order_is_recognised() {
        let in_order = |text: &str, n| text.parse::<Template>().unwrap().is_in_order(n);
        assert!(in_order("{0} {1:>5}", 2));
        assert!(!in_order("{1} {0}", 2));
        assert!(!in_order("{0} {0}", 1));
        assert!(!in_order("{0:1$}", 2));
        assert!(!in_order("{0}", 2));
    }
}
