//! Lines that wait to be written.

use super::BATCH;
use crate::format::Format;
use onewriter_record::Record;

#[derive(Default)]
pub(super) struct Buffer {
    pub(super) bytes: Vec<u8>,
    pub(super) n_records: u64,
    /// The time of its newest record.
    pub(super) newest: u64,
    /// One of its records wants a sync.
    pub(super) wants_sync: bool,
}

/// Takes back half a line if the formatter panics.
struct Undo<'a> {
    bytes: &'a mut Vec<u8>,
    len: usize,
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        self.bytes.truncate(self.len);
    }
}

impl Buffer {
    #[inline]
    pub(super) fn append_line(&mut self, format: &mut dyn Format, record: &Record<'_>) {
        let mut line = Undo { len: self.bytes.len(), bytes: &mut self.bytes };
        format.format(record, line.bytes);
        line.len = line.bytes.len();
    }

    pub(super) fn count(&mut self, time: u64, wants_sync: bool) {
        self.n_records += 1;
        self.newest = self.newest.max(time);
        self.wants_sync |= wants_sync;
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        // One huge record must not hold its memory for ever.
        self.bytes.shrink_to(4 * BATCH);
        (self.n_records, self.newest, self.wants_sync) = (0, 0, false);
    }

    pub(super) fn append(&mut self, other: &mut Buffer) {
        self.bytes.append(&mut other.bytes);
        self.n_records += other.n_records;
        self.newest = self.newest.max(other.newest);
        self.wants_sync |= other.wants_sync;
        other.clear();
    }
}
