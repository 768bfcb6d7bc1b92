//! Records: the bytes of one event beside its call site.

use crate::decode::{DecodeError, Decoder, Entries};
use crate::encode::{Encode, Out, entry_size, padded, write_entry};
use crate::level::Level;
use crate::site::{Site, shown_name};
use crate::value::Value;
use std::sync::Arc;

/// The thread that put a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// The kernel's number of the thread.
    pub id: u64,
    /// Its name; empty if it has none.
    pub name: Box<str>,
}

/// The process that put a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Process {
    /// The process id, as the process itself sees it.
    pub id: u32,
    /// The name of the program.
    pub name: Box<str>,
}

/// One event, as sinks and formatters see it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Wall time in nanoseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// The call site. Shared, so that a sink which keeps records keeps it without a copy.
    pub site: &'a Arc<Site>,
    /// The thread.
    pub thread: &'a Arc<Thread>,
    /// The process.
    pub process: &'a Arc<Process>,
    /// The values and sections.
    pub body: Body<'a>,
}

impl<'a> Record<'a> {
    /// The level of its call site.
    #[must_use]
    pub fn level(&self) -> Level {
        self.site.level
    }

    /// Who logs.
    #[must_use]
    pub fn target(&self) -> &'a str {
        &self.site.target
    }

    /// The message's arguments, in the order in which the template numbers them.
    #[inline]
    pub fn args(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.body.values(self.site.n_values()).take(self.site.args.len())
    }

    /// The fields given at the call, in their order: those of the call site, then those that only
    /// the call knew.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let names = self.site.fields.iter().map(|name| &**name);
        let values = self.body.values(self.site.n_values()).skip(self.site.args.len());
        let dynamic = self.sections_of(SectionKind::Fields);
        names.zip(values).chain(dynamic.flat_map(|section| section.entries))
    }

    /// The context: key-values of the thread or task, outermost first.
    pub fn context(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.sections_of(SectionKind::Context).flat_map(|section| section.entries)
    }

    /// The spans that the record stands in, outermost first.
    pub fn spans(&self) -> impl Iterator<Item = Section<'a>> + use<'a> {
        self.sections_of(SectionKind::Span)
    }

    /// The text of a backtrace, if one was taken.
    #[must_use]
    pub fn backtrace(&self) -> Option<&'a str> {
        self.sections_of(SectionKind::Backtrace).map(|section| section.name).next()
    }

    /// The record with its bytes, for a sink that keeps it beyond the call.
    #[must_use]
    pub fn to_owned(&self) -> OwnedRecord {
        OwnedRecord {
            time: self.time,
            site: Arc::clone(self.site),
            thread: Arc::clone(self.thread),
            process: Arc::clone(self.process),
            body: self.body.bytes().into(),
            has_sections: self.body.has_sections(),
        }
    }

    fn sections_of(&self, kind: SectionKind) -> impl Iterator<Item = Section<'a>> + use<'a> {
        self.body.sections(self.site.n_values()).filter(move |section| section.kind == kind)
    }
}

/// A record that is kept: see [`Record::to_owned`].
#[derive(Clone, Debug)]
pub struct OwnedRecord {
    /// Wall time in nanoseconds since 1970-01-01T00:00:00Z.
    pub time: u64,
    /// The call site.
    pub site: Arc<Site>,
    /// The thread.
    pub thread: Arc<Thread>,
    /// The process.
    pub process: Arc<Process>,
    /// The bytes of the values and sections.
    pub body: Box<[u8]>,
    /// Whether sections follow the values.
    pub has_sections: bool,
}

impl OwnedRecord {
    /// The record as sinks and formatters take it.
    #[must_use]
    pub fn as_record(&self) -> Record<'_> {
        Record {
            time: self.time,
            site: &self.site,
            thread: &self.thread,
            process: &self.process,
            body: Body::new(&self.body, self.has_sections),
        }
    }
}

/// The bytes after a record's timestamp.
///
/// First a block of tags, one byte for each value, padded to eight; then the values; then, if the
/// frame says so, sections up to the end.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    bytes: &'a [u8],
    has_sections: bool,
}

impl<'a> Body<'a> {
    /// The body in `bytes`; `has_sections` is [`EXTRA_FLAG`](crate::EXTRA_FLAG) of the frame's tag.
    #[must_use]
    pub const fn new(bytes: &'a [u8], has_sections: bool) -> Body<'a> {
        Body { bytes, has_sections }
    }

    /// The bytes themselves.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether sections follow the values.
    #[must_use]
    pub const fn has_sections(&self) -> bool {
        self.has_sections
    }

    /// The values; `n_values` is the number that the call site says.
    #[inline]
    #[must_use]
    pub fn values(&self, n_values: usize) -> Values<'a> {
        let mut rest = Decoder::new(self.bytes);
        let tags = rest.bytes(n_values as u64).unwrap_or(&[]);
        Values { tags, rest }
    }

    /// The sections after `n_values` values.
    #[must_use]
    pub fn sections(&self, n_values: usize) -> Sections<'a> {
        let mut rest = Decoder::new(&[]);
        if self.has_sections {
            let mut values = self.values(n_values);
            if values.by_ref().count() == n_values {
                rest = values.rest;
            }
        }
        Sections { rest }
    }
}

/// Decoded values in their order; ends at the first one that is broken.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    tags: &'a [u8],
    rest: Decoder<'a>,
}

impl Values<'_> {
    /// How many bytes the values that are left take, with everything behind them.
    #[inline(always)]
    #[must_use]
    pub fn len_in_bytes(&self) -> usize {
        self.rest.rest().len()
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Value<'a>> {
        let (tag, tags) = self.tags.split_first()?;
        self.tags = tags;
        if let Ok(value) = self.rest.value(*tag) {
            return Some(value);
        }
        self.tags = &[];
        None
    }
}

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionKind {
    /// Fields whose names the call site does not know.
    Fields,
    /// Key-values of the thread or task.
    Context,
    /// A span: its name and its fields.
    Span,
    /// A backtrace: the name is its text.
    Backtrace,
}

/// Named values beside those of the call site.
#[derive(Clone, Copy, Debug)]
pub struct Section<'a> {
    /// What it holds.
    pub kind: SectionKind,
    /// The name of a span, the text of a backtrace, otherwise empty.
    pub name: &'a str,
    /// The named values.
    pub entries: Entries<'a>,
}

/// The sections of a record; ends at the first one that is broken, and skips kinds it does not know.
#[derive(Clone, Copy, Debug)]
pub struct Sections<'a> {
    rest: Decoder<'a>,
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    fn next(&mut self) -> Option<Section<'a>> {
        loop {
            let head = self.rest.word().ok()?;
            let mut inner = Decoder::new(self.rest.bytes(head >> 32).ok()?);
            let kind = match head as u8 {
                1 => SectionKind::Fields,
                2 => SectionKind::Context,
                3 => SectionKind::Span,
                4 => SectionKind::Backtrace,
                _ => continue,
            };
            let name = std::str::from_utf8(inner.blob().ok()?).ok()?;
            let left = (head >> 8) & 0xff_ffff;
            return Some(Section { kind, name, entries: Entries { inner, left } });
        }
    }
}

/// Appends a section. `entries` are names and values; at most 2^24 - 1 of them are kept.
pub fn write_section<V: Encode>(
    kind: SectionKind,
    name: &str,
    entries: &[(&str, V)],
    out: &mut impl Out,
) {
    let entries = &entries[..entries.len().min(0xff_ffff)];
    let code = match kind {
        SectionKind::Fields => 1,
        SectionKind::Context => 2,
        SectionKind::Span => 3,
        SectionKind::Backtrace => 4,
    };
    let len = 8
        + padded(name.len())
        + entries.iter().map(|(key, value)| entry_size(key, value)).sum::<usize>();
    out.word(code | (entries.len() as u64) << 8 | (len as u64) << 32);
    out.word(name.len() as u64);
    out.bytes(name.as_bytes());
    for (key, value) in entries {
        write_entry(key, value, out);
    }
}

/// A record about the ring itself, with the tag [`CONTROL_SITE`](crate::CONTROL_SITE).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlRecord {
    /// From here on this thread puts into the ring.
    Thread(Thread),
}

impl ControlRecord {
    /// Writes the record's body.
    pub fn encode(&self, out: &mut impl Out) {
        let ControlRecord::Thread(thread) = self;
        out.word(1);
        out.word(thread.id);
        out.word(thread.name.len() as u64);
        out.bytes(thread.name.as_bytes());
    }

    /// Reads the record's body.
    pub fn decode(bytes: &[u8]) -> Result<ControlRecord, DecodeError> {
        let mut from = Decoder::new(bytes);
        match from.word()? {
            1 => {
                let id = from.word()?;
                let name = String::from_utf8_lossy(from.blob()?);
                let name = shown_name(&name).into();
                Ok(ControlRecord::Thread(Thread { id, name }))
            }
            _ => Err(DecodeError::OutOfRange),
        }
    }
}
