//! Templates in Python's notation: `str.format` with its specification mini-language.
//!
//! The Python door hands on only what can be rendered from the bytes of a record exactly as Python
//! would: integers, floats, strings, booleans and `None`, by position, with the specifications that
//! [`PySpec::suits`] names. Everything else it renders itself.

use crate::template::{ArgRef, Piece, Template};
use crate::value::Value;
use std::fmt;

/// What is done to a value before it is formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Conversion {
    /// Nothing: the type of the value decides what the specification means.
    #[default]
    None,
    /// `!s`: it is made a string.
    Str,
}

/// On which side the padding goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PyAlign {
    /// `<`
    Left,
    /// `^`
    Center,
    /// `>`
    Right,
    /// `=`: between the sign and the digits.
    AfterSign,
}

/// How a sign is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PySign {
    /// `-`: before negative numbers alone.
    #[default]
    Minus,
    /// `+`: before all.
    Plus,
    /// A space before those that are not negative.
    Space,
}

/// A specification: `[[fill]align][sign][#][0][width][grouping][.precision][type]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PySpec {
    /// The padding character; a space if not given.
    pub fill: Option<char>,
    /// The side, if given.
    pub align: Option<PyAlign>,
    /// The sign, if given.
    pub sign: Option<PySign>,
    /// `#`: the alternate form.
    pub alternate: bool,
    /// `0` before the width.
    pub zero: bool,
    /// The least number of characters; 0 for none.
    pub width: usize,
    /// `,` or `_` between groups of digits.
    pub grouping: Option<char>,
    /// Digits, or the most characters of a string.
    pub precision: Option<usize>,
    /// The type: one of `bcdeEfFgGosxX%`.
    pub kind: Option<char>,
}

/// The largest width or precision that is handed on.
const MAX_COUNT: usize = 4096;

impl PySpec {
    /// Reads a specification; `None` if it is not one, or one that Python alone can carry out (nested
    /// fields, `n`, `z`).
    #[must_use]
    pub fn parse(text: &str) -> Option<PySpec> {
        let mut spec = PySpec::default();
        let mut rest = fill_and_align(&mut spec, text);
        spec.sign =
            take_one(&mut rest, &[('+', PySign::Plus), ('-', PySign::Minus), (' ', PySign::Space)]);
        spec.alternate = take_one(&mut rest, &[('#', ())]).is_some();
        spec.zero = take_one(&mut rest, &[('0', ())]).is_some();
        spec.width = count(&mut rest)?.unwrap_or(0);
        spec.grouping = take_one(&mut rest, &[(',', ','), ('_', '_')]);
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            spec.precision = Some(count(&mut rest)??);
        }
        let mut kinds = rest.chars();
        spec.kind = kinds.next();
        let is_known = spec.kind.is_none_or(|kind| "bcdeEfFgGosxX%".contains(kind));
        (is_known && kinds.next().is_none()).then_some(spec)
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == PySpec::default()
    }

    /// Whether Python would take this specification for such a value, and it can be carried out here.
    #[must_use]
    pub fn suits(&self, value: &Value<'_>, conversion: Conversion) -> bool {
        let is_plain = self.is_plain();
        match value {
            _ if conversion == Conversion::Str => self.suits_text(),
            Value::Null => is_plain,
            Value::Bool(_) => is_plain || self.suits_integer(),
            Value::I64(_) | Value::U64(_) | Value::I128(_) | Value::U128(_) => self.suits_integer(),
            Value::F64(_) => self.suits_float(),
            Value::Str(_) => self.suits_text(),
            _ => false,
        }
    }

    fn suits_text(&self) -> bool {
        let is_text = matches!(self.kind, None | Some('s'));
        is_text
            && self.sign.is_none()
            && !self.alternate
            && self.grouping.is_none()
            && !self.zero
            && self.align != Some(PyAlign::AfterSign)
    }

    fn suits_integer(&self) -> bool {
        let is_float = self.kind.is_some_and(|kind| "eEfFgG%".contains(kind));
        match self.kind {
            // Python rounds an integer of more than 53 bits before it is formatted so.
            _ if is_float => false,
            Some('c' | 's') => false,
            None | Some('d') => self.precision.is_none(),
            Some(_) => self.precision.is_none() && self.grouping != Some(','),
        }
    }

    fn suits_float(&self) -> bool {
        self.kind.is_none_or(|kind| "eEfFgG%".contains(kind))
    }
}

fn fill_and_align<'a>(spec: &mut PySpec, text: &'a str) -> &'a str {
    let align = |c| match c {
        '<' => Some(PyAlign::Left),
        '^' => Some(PyAlign::Center),
        '>' => Some(PyAlign::Right),
        '=' => Some(PyAlign::AfterSign),
        _ => None,
    };
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    if let (Some(fill), Some(side)) = (first, second.and_then(align)) {
        (spec.fill, spec.align) = (Some(fill), Some(side));
        &text[fill.len_utf8() + 1..]
    } else if let Some(side) = first.and_then(align) {
        spec.align = Some(side);
        &text[1..]
    } else {
        text
    }
}

fn take_one<T: Copy>(rest: &mut &str, known: &[(char, T)]) -> Option<T> {
    let (c, meaning) = known.iter().find(|(c, _)| rest.starts_with(*c))?;
    *rest = &rest[c.len_utf8()..];
    Some(*meaning)
}

/// `Some(None)` if there is no number, `None` if it is too large.
fn count(rest: &mut &str) -> Option<Option<usize>> {
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    if end == 0 {
        return Some(None);
    }
    let number = rest[..end].parse().ok().filter(|number| *number <= MAX_COUNT)?;
    *rest = &rest[end..];
    Some(Some(number))
}

impl Template {
    /// Reads a template in Python's notation: `None` if Python alone can carry it out, or refuses it.
    ///
    /// ```
    /// use onewriter_record::Template;
    /// assert!(Template::python("{} of {:.2f}").is_some());
    /// assert!(Template::python("{user.name}").is_none());
    /// ```
    #[must_use]
    pub fn python(text: &str) -> Option<Template> {
        let mut pieces = Vec::new();
        let mut numbering = Numbering::Unknown;
        for (literal, field) in format_parts(text)? {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(literal));
            }
            if let Some(field) = field {
                pieces.push(placeholder(field, &mut numbering)?);
            }
        }
        Some(Template { pieces })
    }
}

/// A format string of `str.format`: literals, without the second of doubled braces, each with the field
/// behind it; the last one has none. `None` if its braces do not match, or there are some in a field.
///
/// ```
/// use onewriter_record::format_parts;
/// let parts = format_parts("{{{level:<8}}}: {message}").unwrap();
/// let expected = [("{", Some("level:<8")), ("}: ", Some("message")), ("", None)];
/// assert_eq!(parts, expected.map(|(literal, field)| (literal.to_owned(), field)));
/// assert_eq!(format_parts("{"), None);
/// ```
#[must_use]
pub fn format_parts(text: &str) -> Option<Vec<(String, Option<&str>)>> {
    let mut parts = Vec::new();
    let (mut literal, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(doubled) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = doubled;
            continue;
        }
        let field = after.find('}').filter(|_| brace == "{").map(|end| &after[..end])?;
        parts.push((std::mem::take(&mut literal), Some(field)));
        rest = &after[field.len() + 1..];
    }
    literal.push_str(rest);
    parts.push((literal, None));
    Some(parts)
}

/// A template numbers all its fields, or none.
enum Numbering {
    Unknown,
    Automatic(usize),
    Manual,
}

fn placeholder(field: &str, numbering: &mut Numbering) -> Option<Piece> {
    let (head, spec) = field.split_once(':').unwrap_or((field, ""));
    let (name, conversion) = match head.split_once('!') {
        None => (head, Conversion::None),
        Some((name, "s")) => (name, Conversion::Str),
        Some(_) => return None,
    };
    let index = match (name, &mut *numbering) {
        ("", Numbering::Unknown) => {
            *numbering = Numbering::Automatic(1);
            0
        }
        ("", Numbering::Automatic(next)) => {
            *next += 1;
            *next - 1
        }
        ("", Numbering::Manual) => return None,
        (_, Numbering::Automatic(_)) => return None,
        (digits, _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            *numbering = Numbering::Manual;
            digits.parse().ok().filter(|index| *index <= MAX_COUNT)?
        }
        _ => return None,
    };
    if spec.contains('{') {
        return None;
    }
    Some(Piece::Python(index, conversion, PySpec::parse(spec)?))
}

impl fmt::Display for PySpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(fill) = self.fill {
            write!(f, "{fill}")?;
        }
        f.write_str(match self.align {
            None => "",
            Some(PyAlign::Left) => "<",
            Some(PyAlign::Center) => "^",
            Some(PyAlign::Right) => ">",
            Some(PyAlign::AfterSign) => "=",
        })?;
        f.write_str(match self.sign {
            None => "",
            Some(PySign::Minus) => "-",
            Some(PySign::Plus) => "+",
            Some(PySign::Space) => " ",
        })?;
        f.write_str(if self.alternate { "#" } else { "" })?;
        f.write_str(if self.zero { "0" } else { "" })?;
        if self.width > 0 {
            write!(f, "{}", self.width)?;
        }
        if let Some(grouping) = self.grouping {
            write!(f, "{grouping}")?;
        }
        if let Some(precision) = self.precision {
            write!(f, ".{precision}")?;
        }
        self.kind.map_or(Ok(()), |kind| write!(f, "{kind}"))
    }
}

/// Writes a placeholder as [`Template::python`] reads it.
pub(crate) fn write_placeholder(
    f: &mut fmt::Formatter<'_>,
    index: usize,
    conversion: Conversion,
    spec: &PySpec,
) -> fmt::Result {
    let conversion = if conversion == Conversion::Str { "!s" } else { "" };
    match spec.is_plain() {
        true => write!(f, "{{{index}{conversion}}}"),
        false => write!(f, "{{{index}{conversion}:{spec}}}"),
    }
}

/// A template of `%` formatting, in the notation of `str.format`: `None` if Python alone can carry it
/// out. Returns also how many arguments it takes.
///
/// ```
/// use onewriter_record::percent_template;
/// let (template, n_args) = percent_template("%d in %.3f ms for %-8s (100 %%)").unwrap();
/// assert_eq!(template.to_string(), "{0:d} in {1:.3f} ms for {2!s:<8} (100 %)");
/// assert_eq!(n_args, 3);
/// ```
#[must_use]
pub fn percent_template(text: &str) -> Option<(Template, usize)> {
    let mut pieces = Vec::new();
    let (mut literal, mut rest, mut n_args) = (String::new(), text, 0);
    while let Some(at) = rest.find('%') {
        literal.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            literal.push('%');
            rest = after;
            continue;
        }
        let (conversion, spec) = percent_spec(&mut rest)?;
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Python(n_args, conversion, spec));
        n_args += 1;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Some((Template { pieces }, n_args))
}

/// `[flags][width][.precision]type`, behind the `%`.
fn percent_spec(rest: &mut &str) -> Option<(Conversion, PySpec)> {
    let (mut left, mut sign, mut alternate, mut zero) = (false, None, false, false);
    while let Some(flag) =
        take_one(rest, &[('-', '-'), ('+', '+'), (' ', ' '), ('#', '#'), ('0', '0')])
    {
        match flag {
            '-' => left = true,
            '+' => sign = Some(PySign::Plus),
            ' ' if sign.is_none() => sign = Some(PySign::Space),
            '#' => alternate = true,
            '0' => zero = true,
            _ => {}
        }
    }
    let width = count(rest)?.unwrap_or(0);
    let mut precision = None;
    if let Some(after) = rest.strip_prefix('.') {
        *rest = after;
        precision = Some(count(rest)?.unwrap_or(0));
    }
    let kind = rest.chars().next()?;
    *rest = &rest[kind.len_utf8()..];
    let align = match (left, width > 0) {
        (true, true) => Some(PyAlign::Left),
        (false, true) if !zero || kind == 's' => Some(PyAlign::Right),
        _ => None,
    };
    let spec = PySpec { align, width, precision, ..PySpec::default() };
    let number = PySpec { sign, alternate, zero: zero && !left && width > 0, ..spec };
    match kind {
        's' => Some((Conversion::Str, spec)),
        // A precision is the least number of digits there, which `str.format` does not have.
        'd' | 'i' | 'u' if precision.is_none() && !alternate => {
            Some((Conversion::None, PySpec { kind: Some('d'), ..number }))
        }
        'x' | 'X' | 'o' if precision.is_none() => {
            Some((Conversion::None, PySpec { kind: Some(kind), ..number }))
        }
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
            Some((Conversion::None, PySpec { kind: Some(kind), ..number }))
        }
        _ => None,
    }
}

impl Piece {
    /// Which argument it shows, if any.
    pub(crate) fn arg(&self) -> Option<ArgRef> {
        match self {
            Piece::Literal(_) => None,
            Piece::Arg(arg, _) => Some(arg.clone()),
            Piece::Python(index, ..) => Some(ArgRef::Index(*index)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_writes_by_position_is_read_and_written_back_with_numbers() {
        for (text, numbered) in [
            ("", ""),
            ("plain {{}}", "plain {{}}"),
            ("{} {}", "{0} {1}"),
            ("{1} {0} {1}", "{1} {0} {1}"),
            ("{!s:>5}", "{0!s:>5}"),
            ("{:*^+#010,.3f}|", "{0:*^+#010,.3f}|"),
            ("{: d}{:_x}{:=8}", "{0: d}{1:_x}{2:=8}"),
            ("{:}}}", "{0}}}"),
            ("{:<<5}{:%}", "{0:<<5}{1:%}"),
        ] {
            let template = Template::python(text).expect(text);
            assert_eq!(template.to_string(), numbered);
            assert_eq!(Template::python(numbered), Some(template));
        }
    }

    #[test]
    fn what_python_alone_can_carry_out_is_left_to_it() {
        for text in [
            "{", "}", "{0", "{name}", "{0.real}", "{0[1]}", "{!r}", "{!a}", "{:{}}", "{:n}",
            "{:z.1f}", "{} {0}", "{0} {}", "{:5000}", "{:.}", "{:d5}", "{:%Y}", "a } b", "{:,_}",
            "{:5,5}",
        ] {
            assert_eq!(Template::python(text), None, "{text}");
        }
    }

    #[test]
    fn percent_templates_become_those_of_format() {
        for (text, expected) in [
            ("%s", Some("{0!s}")),
            ("%5s|%-5s|%.2s", Some("{0!s:>5}|{1!s:<5}|{2!s:.2}")),
            ("%d%%", Some("{0:d}%")),
            ("%+d % d %5d %-5d %05d", Some("{0:+d} {1: d} {2:>5d} {3:<5d} {4:05d}")),
            ("%#x %X %#o", Some("{0:#x} {1:X} {2:#o}")),
            ("%.3f %08.2e %g %.G", Some("{0:.3f} {1:08.2e} {2:g} {3:.0G}")),
            ("%f %i", Some("{0:f} {1:d}")),
            ("%05s", Some("{0!s:>5}")),
            ("%", None),
            ("%r", None),
            ("%(name)s", None),
            ("%*d", None),
            ("%.3d", None),
            ("%c", None),
            ("%ld", None),
            ("50% of", Some("50{0: o}f")),
        ] {
            let found = percent_template(text).map(|(template, _)| template.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_specification_suits_the_types_for_which_python_takes_it() {
        let suits = |text: &str, value: Value<'_>| {
            PySpec::parse(text).unwrap().suits(&value, Conversion::None)
        };
        assert!(suits("", Value::Null) && !suits(">5", Value::Null));
        assert!(suits(">5", Value::Bool(true)) && suits("", Value::Bool(true)));
        assert!(suits("05d", Value::I64(1)) && !suits(".1", Value::I64(1)));
        assert!(suits("#_x", Value::I64(1)) && !suits(",x", Value::I64(1)));
        assert!(!suits(".1f", Value::I64(1)) && suits(".1f", Value::F64(1.0)));
        assert!(!suits("d", Value::F64(1.0)) && suits("+010,.2%", Value::F64(1.0)));
        assert!(suits("*^10.3s", Value::Str("")) && !suits("05", Value::Str("")));
        assert!(!suits("=5", Value::Str("")) && !suits("d", Value::Str("")));
        assert!(!suits("", Value::Bytes(b"")));
    }
}
