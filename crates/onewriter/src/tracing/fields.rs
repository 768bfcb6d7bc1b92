//! The values of events and spans, typed.

use super::Known;
use crate::capture::{Messages, Scratch};
use crate::put::{FrameOut, Values, put, put_sections, put_with};
use onewriter_record::{Bytes, Encode, Out, SectionKind, Tag, padded, write_section};
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

/// The encoded values of an event, as they will stand in the record.
pub(super) struct EventValues {
    known: &'static Known,
    /// One tag for each value, `Null` for the fields that have none; then the values.
    body: Scratch,
    /// Values that did not come in the order of the call site's fields.
    sections: Vec<u8>,
    n_taken: usize,
}

impl EventValues {
    pub(super) fn of(known: &'static Known) -> EventValues {
        let mut body = Scratch::empty();
        body.buffer().resize(padded(known.n_values), Tag::Null as u8);
        EventValues { known, body, sections: Vec::new(), n_taken: 0 }
    }

    /// Puts the event, in these sections or in what is in force in this thread.
    pub(super) fn put(self, context: Option<&[u8]>) {
        let body = self.body.as_bytes();
        let (site, own) = (&self.known.site, self.sections.as_slice());
        let write = |out: &mut FrameOut<'_, '_>| out.bytes(body);
        // The tags are in the body already.
        match context {
            None if own.is_empty() => put(site, [], body.len(), write),
            None => put_with(site, &[], body.len(), write, own),
            Some(context) => {
                put_sections(site, Values { tags: &[], size: body.len(), write }, [own, context]);
            }
        }
    }

    /// The message comes before the fields, wherever `tracing` has it.
    fn take_message(&mut self, value: &(impl Encode + ?Sized)) {
        let values_at = padded(self.known.n_values);
        let body = self.body.buffer();
        let before = body.len();
        value.write(body);
        let size = body.len() - before;
        body[values_at..].rotate_right(size);
        body[0] = value.tag() as u8;
    }
}

impl Take for EventValues {
    #[inline]
    fn take(&mut self, field: &Field, value: &(impl Encode + ?Sized)) {
        let index = field.index();
        let (mut at, mut tag_at) = (index, index);
        if let Some(message) = self.known.message {
            if message == index {
                return self.take_message(value);
            }
            at -= usize::from(message < index);
            tag_at = at + 1;
        }
        if at < self.n_taken {
            let entry = [(field.name(), Raw::of(value))];
            write_section(SectionKind::Fields, "", &entry, &mut self.sections);
            return;
        }
        self.n_taken = at + 1;
        let body = self.body.buffer();
        value.write(body);
        body[tag_at] = value.tag() as u8;
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
