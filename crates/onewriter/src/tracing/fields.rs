//! The values of events and spans, typed.

use super::Known;
use crate::capture::{Messages, Scratch};
use crate::put::{FrameOut, Values, put_sections, put_with};
use onewriter_record::{Bytes, Encode, Out, SectionKind, Tag, write_section};
use std::error::Error;
use std::fmt;
use tracing_core::field::{Field, Visit};

/// Takes the values of fields, typed.
pub(super) trait Take {
    fn take(&mut self, field: &Field, value: &(impl Encode + ?Sized));
}

/// Hands the values of `tracing` on, typed.
pub(super) struct Visitor<'a, T>(pub(super) &'a mut T);

impl<T: Take> Visit for Visitor<'_, T> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.take(field, &Scratch::render(format_args!("{value:?}")));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.take(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.take(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.take(field, &value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.0.take(field, &value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.0.take(field, &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.take(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.take(field, value);
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.0.take(field, &Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.0.take(field, &Messages::of(value));
    }
}

/// The encoded values of an event.
pub(super) struct EventValues {
    known: &'static Known,
    /// One tag for each value, `Null` for the fields that have none.
    tags: Scratch,
    message: Scratch,
    fields: Scratch,
    /// Values that did not come in the order of the call site's fields.
    sections: Scratch,
    n_taken: usize,
}

impl EventValues {
    pub(super) fn of(known: &'static Known) -> EventValues {
        let mut tags = Scratch::empty();
        let n_values = known.n_fields + usize::from(known.message.is_some());
        tags.buffer().resize(n_values, Tag::Null as u8);
        EventValues {
            known,
            tags,
            message: Scratch::empty(),
            fields: Scratch::empty(),
            sections: Scratch::empty(),
            n_taken: 0,
        }
    }

    /// Puts the event, in these sections or in what is in force in this thread.
    pub(super) fn put(self, context: Option<&[u8]>) {
        let (tags, own) = (self.tags.as_bytes(), self.sections.as_bytes());
        let (message, fields) = (self.message.as_bytes(), self.fields.as_bytes());
        let write = |out: &mut FrameOut<'_, '_>| {
            out.bytes(message);
            out.bytes(fields);
        };
        let size = message.len() + fields.len();
        // What was not accepted is counted; `tracing` has no way to tell its caller.
        match context {
            None => put_with(&self.known.site, tags, size, write, own),
            Some(context) => {
                put_sections(&self.known.site, Values { tags, size, write }, [own, context])
            }
        };
    }
}

impl Take for EventValues {
    fn take(&mut self, field: &Field, value: &(impl Encode + ?Sized)) {
        let index = field.index();
        if self.known.message == Some(index) {
            let message = self.message.buffer();
            message.clear();
            value.write(message);
            self.tags.buffer()[0] = value.tag() as u8;
            return;
        }
        let after_message = self.known.message.is_some_and(|message| message < index);
        let at = index - usize::from(after_message);
        if at < self.n_taken {
            let entry = [(field.name(), Raw::of(value))];
            write_section(SectionKind::Fields, "", &entry, self.sections.buffer());
            return;
        }
        self.n_taken = at + 1;
        value.write(self.fields.buffer());
        self.tags.buffer()[usize::from(self.known.message.is_some()) + at] = value.tag() as u8;
    }
}

/// An encoded value.
struct Raw {
    tag: Tag,
    bytes: Vec<u8>,
}

impl Raw {
    fn of(value: &(impl Encode + ?Sized)) -> Raw {
        let mut bytes = Vec::with_capacity(value.size());
        value.write(&mut bytes);
        Raw { tag: value.tag(), bytes }
    }
}

impl Encode for Raw {
    fn tag(&self) -> Tag {
        self.tag
    }

    fn size(&self) -> usize {
        self.bytes.len()
    }

    fn write(&self, out: &mut impl Out) {
        out.bytes(&self.bytes);
    }
}

/// The encoded fields of a span.
#[derive(Default)]
pub(super) struct SpanFields(Vec<(&'static str, Raw)>);

impl SpanFields {
    /// Puts later values in the place of earlier ones.
    pub(super) fn replace(&mut self, late: SpanFields) {
        for (name, value) in late.0 {
            match self.0.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => *known = value,
                None => self.0.push((name, value)),
            }
        }
    }

    pub(super) fn section(&self, name: &str) -> Vec<u8> {
        let mut section = Vec::new();
        let entries: Vec<(&str, &Raw)> = self.0.iter().map(|(key, raw)| (*key, raw)).collect();
        write_section(SectionKind::Span, name, &entries, &mut section);
        section
    }
}

impl Take for SpanFields {
    fn take(&mut self, field: &Field, value: &(impl Encode + ?Sized)) {
        self.0.push((field.name(), Raw::of(value)));
    }
}
