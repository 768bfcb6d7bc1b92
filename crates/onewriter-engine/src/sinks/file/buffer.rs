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

    /// Takes away the lines before `kept`, which are written; what is left begins with a newline if
    /// `newline`.
    pub(super) fn part(&mut self, kept: usize, newline: bool) {
        let lines = self.bytes[..kept].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.n_records = self.n_records.saturating_sub(lines);
        self.bytes.drain(..kept);
        if newline {
            self.bytes.insert(0, b'\n');
        }
    }

    pub(super) fn append(&mut self, other: &mut Buffer) {
        self.bytes.append(&mut other.bytes);
        self.n_records += other.n_records;
        self.newest = self.newest.max(other.newest);
        self.wants_sync |= other.wants_sync;
        other.clear();
    }
}
