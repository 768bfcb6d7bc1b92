//! Call sites: the static part of a record, stored once.

use crate::decode::{DecodeError, Decoder};
use crate::encode::Out;
use crate::level::Level;
use crate::template::Template;

/// The version of the bytes in `docs/format.md`.
pub const FORMAT_VERSION: u8 = 1;
/// The frame tag of a control record, which is no call site.
pub const CONTROL_SITE: u32 = 0;
/// The bit of a frame's tag that says: sections follow the values.
pub const EXTRA_FLAG: u32 = 1 << 31;
/// The bits of a frame's tag that say from which sink's thread it came: the sink's number plus 1,
/// or 0 for everybody else.
pub const ORIGIN_SHIFT: u32 = 24;
/// The largest origin.
pub const ORIGIN_MAX: u32 = 63;
/// The bits of a frame's tag that are the number of the call site.
pub const SITE_MASK: u32 = (1 << 24) - 1;

/// Flags in the first word of a call site, from bit 16 on: the template is in Python's notation, and the
/// function is told.
const IS_PYTHON: u64 = 1;
const HAS_FUNCTION: u64 = 2;

/// A call site as a program writes it down: borrowed, and usable in a `static`.
#[derive(Clone, Copy, Debug, Default)]
pub struct SiteDef<'a> {
    /// The level; `None` is `Level::Info`.
    pub level: Option<Level>,
    /// The name of a custom level; empty for the standard name.
    pub level_name: &'a str,
    /// Who logs: by default the module path.
    pub target: &'a str,
    /// The module path.
    pub module: &'a str,
    /// The source file.
    pub file: &'a str,
    /// The line in it; 0 if unknown.
    pub line: u32,
    /// The function, where the language tells; else empty.
    pub function: &'a str,
    /// The format string with numbered arguments. Empty with one argument: the message is that
    /// argument, rendered by the caller.
    pub template: &'a str,
    /// Whether the format string is in Python's notation, as [`Template::python`] reads it.
    pub is_python: bool,
    /// The names of the message's arguments; empty for those without a name.
    pub args: &'a [&'a str],
    /// The names of the fields.
    pub fields: &'a [&'a str],
}

impl SiteDef<'_> {
    /// Appends the bytes of the call site.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let level = u64::from(self.level.unwrap_or(Level::Info).number());
        let has_function = !self.function.is_empty();
        let flags = u64::from(self.is_python) * IS_PYTHON + u64::from(has_function) * HAS_FUNCTION;
        let version = u64::from(FORMAT_VERSION);
        out.word(version | level << 8 | flags << 16 | u64::from(self.line) << 32);
        for text in [self.level_name, self.target, self.module, self.file, self.template] {
            put_text(text, out);
        }
        for names in [self.args, self.fields] {
            out.word(names.len() as u64);
            for name in names {
                put_text(name, out);
            }
        }
        if has_function {
            put_text(self.function, out);
        }
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    out.word(text.len() as u64);
    out.bytes(text.as_bytes());
}

/// A call site as the writer keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// The level.
    pub level: Level,
    /// The name of the level, as it is shown.
    pub level_name: Box<str>,
    /// Who logs.
    pub target: Box<str>,
    /// The module path.
    pub module: Box<str>,
    /// The source file.
    pub file: Box<str>,
    /// The line in it; 0 if unknown.
    pub line: u32,
    /// The function; empty if unknown.
    pub function: Box<str>,
    /// The message, taken apart.
    pub template: Template,
    /// Whether the message's arguments are used once each and in order.
    pub in_order: bool,
    /// The names of the message's arguments; empty for those without a name.
    pub args: Box<[Box<str>]>,
    /// The names of the fields.
    pub fields: Box<[Box<str>]>,
    /// A number that no other site of this writer has, from 0 up: an index for caches.
    pub number: usize,
}

impl Site {
    /// Reads the bytes that [`SiteDef::encode`] wrote. `number` is given by the writer.
    pub fn decode(bytes: &[u8], number: usize) -> Result<Site, DecodeError> {
        let mut from = Decoder::new(bytes);
        let head = from.word()?;
        if head as u8 != FORMAT_VERSION {
            return Err(DecodeError::Version(head as u8));
        }
        let level = Level::new((head >> 8) as u8);
        let level_name = text(&mut from)?;
        let target = text(&mut from)?;
        let module = text(&mut from)?;
        let file = text(&mut from)?;
        let len = from.word()?;
        let template_text = from.name(len)?;
        let args = names(&mut from)?;
        let fields = names(&mut from)?;
        let flags = head >> 16 & 0xffff;
        if flags & !(IS_PYTHON | HAS_FUNCTION) != 0 {
            return Err(DecodeError::OutOfRange);
        }
        let function = if flags & HAS_FUNCTION == 0 { Box::default() } else { text(&mut from)? };
        let template = match flags & IS_PYTHON {
            _ if template_text.is_empty() && args.len() == 1 => "{0}".parse().ok(),
            0 => template_text.parse().ok(),
            _ => Template::python(template_text),
        };
        let template: Template = template.ok_or(DecodeError::OutOfRange)?;
        let level_name = if level_name.is_empty() { level.name().into() } else { level_name };
        let in_order = template.is_in_order(args.len());
        let line = (head >> 32) as u32;
        Ok(Site {
            level,
            level_name,
            target,
            module,
            file,
            line,
            function,
            template,
            in_order,
            args,
            fields,
            number,
        })
    }

    /// How many values a record of this site has before its sections.
    #[must_use]
    pub fn n_values(&self) -> usize {
        self.args.len() + self.fields.len()
    }
}

/// Bytes of a name that are kept when it is read: a record of 16 bytes shows all names of its call
/// site, and must not become a line of megabytes.
pub const NAME_MAX: usize = 1024;

/// As much of a name as is kept.
pub(crate) fn shown_name(name: &str) -> &str {
    prefix(name, NAME_MAX)
}

/// At most `max` bytes of a text, without half a character at the end.
#[must_use]
pub fn prefix(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
    &text[..end.unwrap_or(0)]
}

fn text(from: &mut Decoder<'_>) -> Result<Box<str>, DecodeError> {
    let len = from.word()?;
    from.name(len).map(|name| shown_name(name).into())
}

fn names(from: &mut Decoder<'_>) -> Result<Box<[Box<str>]>, DecodeError> {
    let count = from.word()?;
    // Each name takes eight bytes at least: a count beyond that is a lie, not an allocation.
    if count > from.rest().len() as u64 / 8 {
        return Err(DecodeError::Truncated);
    }
    (0..count).map(|_| text(from)).collect()
}
