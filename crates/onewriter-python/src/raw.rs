//! Records that are bytes from the Python side, and the formatter that writes them as they are.

use onewriter::{Format, TextFormat};
use onewriter_record::{Bytes, Encode, Level, Out, Record, SiteDef, Tag, Value, padded};
use onewriter_ring::{PutError, RingFrame, ask_put, register, try_put};
use std::sync::atomic::{AtomicU32, Ordering};

/// The name of the one argument of such a record.
const RAW: &str = "raw";

/// By level: the number of its call site in the ring's table, 0 until it is there.
static SITES: [AtomicU32; 256] = [const { AtomicU32::new(0) }; 256];

/// Bytes for a queue; text where it is valid, so that other formatters show it as text.
#[derive(Clone, Copy)]
pub(crate) enum Data<'a> {
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl Data<'_> {
    fn tag(self) -> Tag {
        match self {
            Data::Text(text) => text.tag(),
            Data::Bytes(bytes) => Bytes(bytes).tag(),
        }
    }

    fn size(self) -> usize {
        match self {
            Data::Text(text) => text.size(),
            Data::Bytes(bytes) => Bytes(bytes).size(),
        }
    }

    fn write(self, out: &mut impl Out) {
        match self {
            Data::Text(text) => text.write(out),
            Data::Bytes(bytes) => Bytes(bytes).write(out),
        }
    }
}

/// What is done with a record for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Otherwise {
    /// The caller tries again.
    Ask,
    /// It counts as lost.
    Count,
}

impl Otherwise {
    /// Puts a frame of a call site without waiting longer than the queue's policy says.
    pub(crate) fn put(
        self,
        slot: usize,
        (level, site): (Level, u32),
        len: usize,
        fill: impl Fn(&mut RingFrame<'_>),
    ) -> Result<(), PutError> {
        match self {
            Otherwise::Ask => ask_put(slot, level.number(), site, len, fill),
            Otherwise::Count => try_put(slot, level.number(), site, len, fill),
        }
    }
}

pub(crate) struct FrameOut<'a, 'f>(pub(crate) &'a mut RingFrame<'f>);

impl Out for FrameOut<'_, '_> {
    fn word(&mut self, word: u64) {
        self.0.word(word);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }
}

/// Puts bytes into the queue of a slot.
pub(crate) fn put(
    slot: usize,
    level: Level,
    data: Data<'_>,
    otherwise: Otherwise,
) -> Result<(), PutError> {
    let tag = site_of(level)?;
    let len = padded(1) + data.size();
    let fill = move |frame: &mut RingFrame<'_>| {
        let mut out = FrameOut(frame);
        out.word(data.tag() as u64);
        data.write(&mut out);
    };
    otherwise.put(slot, (level, tag), len, fill)
}

fn site_of(level: Level) -> Result<u32, PutError> {
    let known = &SITES[usize::from(level.number())];
    match known.load(Ordering::Relaxed) {
        0 => {
            let mut bytes = Vec::new();
            let def = SiteDef { level: Some(level), args: &[RAW], ..SiteDef::default() };
            def.encode(&mut bytes);
            // Two threads that come here together enter it twice; either number is good.
            let number = register(&bytes).ok_or(PutError::NoMemory)?;
            known.store(number, Ordering::Relaxed);
            Ok(number)
        }
        number => Ok(number),
    }
}

/// The bytes of such a record.
pub(crate) fn bytes_of<'a>(record: &Record<'a>) -> Option<&'a [u8]> {
    if record.site.args.len() != 1 || &*record.site.args[0] != RAW {
        return None;
    }
    match record.args().next()? {
        Value::Str(text) => Some(text.as_bytes()),
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// Writes such records as they are, and what others put into the same queue, the writer's own lines
/// among them, as text.
pub(crate) struct RawFormat {
    others: TextFormat,
}

impl RawFormat {
    pub(crate) fn new() -> RawFormat {
        RawFormat { others: TextFormat::full() }
    }
}

impl Format for RawFormat {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        match bytes_of(record) {
            Some(bytes) => out.extend_from_slice(bytes),
            None => self.others.format(record, out),
        }
    }

    fn twin(&self) -> Option<Box<dyn Format>> {
        Some(Box::new(RawFormat::new()))
    }
}
