//! Records that outlive the call: of a lane, until it writes them, and of a flight recorder.

use onewriter_record::{Body, Process, Record, Site, Thread};
use std::collections::VecDeque;
use std::sync::Arc;

/// Records in their order, in one piece of memory that is used again: keeping a record allocates
/// nothing once the piece has grown to its size.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    entries: VecDeque<Entry>,
    bytes: Vec<u8>,
    /// What has been taken away from the front of `bytes`, in all.
    base: usize,
}

#[derive(Debug)]
struct Entry {
    time: u64,
    site: Arc<Site>,
    thread: Arc<Thread>,
    process: Arc<Process>,
    /// Where the body begins, counted from the first byte that was ever kept.
    start: usize,
    len: usize,
    has_sections: bool,
}

impl Kept {
    /// The memory that a record takes here.
    pub(crate) fn size_of(record: &Record<'_>) -> usize {
        size_of::<Entry>() + record.body.bytes().len()
    }

    /// The memory that all records take; what was allocated may be more.
    pub(crate) fn size(&self) -> usize {
        let first = self.entries.front().map_or(self.base + self.bytes.len(), |entry| entry.start);
        self.entries.len() * size_of::<Entry>() + self.base + self.bytes.len() - first
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, record: &Record<'_>) {
        let body = record.body.bytes();
        self.entries.push_back(Entry {
            time: record.time,
            site: Arc::clone(record.site),
            thread: Arc::clone(record.thread),
            process: Arc::clone(record.process),
            start: self.base + self.bytes.len(),
            len: body.len(),
            has_sections: record.body.has_sections(),
        });
        self.bytes.extend_from_slice(body);
    }

    /// Forgets the oldest record.
    pub(crate) fn pop_front(&mut self) {
        self.entries.pop_front();
        let first = self.entries.front().map_or(self.base + self.bytes.len(), |entry| entry.start);
        // Moving only when half is unused makes it one copied byte for each byte kept.
        if first - self.base > self.bytes.len() / 2 {
            self.bytes.drain(..first - self.base);
            self.base = first;
            self.shrink();
        }
    }

    /// Takes over all records of `other`, behind its own.
    pub(crate) fn append(&mut self, other: &mut Kept) {
        let start = self.base + self.bytes.len();
        for mut entry in other.entries.drain(..) {
            entry.start = entry.start - other.base + start;
            self.entries.push_back(entry);
        }
        self.bytes.append(&mut other.bytes);
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        // What it just held is what it may hold again.
        self.shrink();
        self.bytes.clear();
    }

    /// One record of 64 MiB does not hold its memory for ever.
    fn shrink(&mut self) {
        let enough = (4 * self.bytes.len()).max(1 << 16);
        if self.bytes.capacity() > enough {
            self.bytes.shrink_to(enough / 2);
        }
    }

    /// The records, oldest first.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        self.entries.iter().map(|entry| {
            let start = entry.start - self.base;
            Record {
                time: entry.time,
                site: &entry.site,
                thread: &entry.thread,
                process: &entry.process,
                body: Body::new(&self.bytes[start..start + entry.len], entry.has_sections),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sample;
    use onewriter_record::Value;

    #[test]
    fn what_is_forgotten_at_the_front_leaves_the_rest_as_it_was() {
        let mut kept = Kept::default();
        for n in 0..1000_u64 {
            kept.push(&Sample::new("{}").arg("x".repeat(n as usize % 7)).field("n", n).record());
            if kept.len() > 10 {
                kept.pop_front();
            }
        }
        let numbers: Vec<_> =
            kept.records().filter_map(|record| record.fields().next().map(|f| f.1)).collect();
        assert_eq!(numbers, (990..1000).map(Value::U64).collect::<Vec<_>>());
        assert!(kept.bytes.len() < 2 * kept.size());
        let sizes: usize = kept.records().map(|record| Kept::size_of(&record)).sum();
        assert_eq!(kept.size(), sizes);
        let mut all = Kept::default();
        all.push(&Sample::new("first").record());
        all.append(&mut kept);
        assert_eq!((kept.size(), kept.len()), (0, 0));
        kept.push(&Sample::new("last").field("n", 1000_u64).record());
        all.append(&mut kept);
        let numbers: Vec<_> =
            all.records().filter_map(|record| record.fields().next().map(|f| f.1)).collect();
        assert_eq!(numbers, (990..=1000).map(Value::U64).collect::<Vec<_>>());
        all.clear();
        assert_eq!((all.size(), all.len()), (0, 0));
    }
}
