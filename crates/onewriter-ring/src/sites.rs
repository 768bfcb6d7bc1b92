//! The call sites of this process, in memory of its own: whatever becomes of a segment, the next one
//! has them under the same numbers, and so has that of a child.
//!
//! A child that is forked has its copy as of that moment. What a thread of its parent was adding then
//! is not published there, and is written over by the next that the child adds: so there is no lock
//! here that a child could find taken. Those who add hold the lock of the process, which `fork` opens.

use crate::segment::TABLE_MAX;
use crate::words::{MapWords, Words};
use std::sync::atomic::{AtomicU64, Ordering};

/// The entries, as they stand in a segment. Only pages that are written to take memory.
static TABLE: [AtomicU64; TABLE_MAX / 8] = [const { AtomicU64::new(0) }; TABLE_MAX / 8];

/// How many bytes are published, and above 32 bits how many call sites: in one word, so that a child
/// has both of the same moment.
static PUBLISHED: AtomicU64 = AtomicU64::new(0);

fn table() -> MapWords<'static> {
    // SAFETY: a static of that many atomic words, which all access atomically.
    unsafe { MapWords::new(TABLE.as_ptr().cast(), TABLE.len()) }
}

/// Bytes of an entry in a table.
pub(crate) fn entry_len(bytes: &[u8]) -> usize {
    8 + bytes.len().next_multiple_of(8)
}

/// Writes an entry: its length, then its bytes.
pub(crate) fn write_entry(words: &MapWords<'_>, bytes: &[u8]) {
    words.store(0, bytes.len() as u64, Ordering::Relaxed);
    for (at, chunk) in bytes.chunks(8).enumerate() {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        words.store(1 + at, u64::from_le_bytes(word), Ordering::Relaxed);
    }
}

/// What is published, as words.
pub(crate) fn published() -> MapWords<'static> {
    let len = PUBLISHED.load(Ordering::Acquire) as u32 as usize;
    table().part(0, len / 8)
}

/// Adds a call site; its number, from 1 up, or `None` if there is no room. The caller holds the lock of
/// the process.
pub(crate) fn add(bytes: &[u8]) -> Option<u32> {
    let before = PUBLISHED.load(Ordering::Relaxed);
    let (count, used) = ((before >> 32) as u32 + 1, before as u32 as usize);
    let end = used + entry_len(bytes);
    if end > TABLE_MAX {
        return None;
    }
    write_entry(&table().part(used / 8, entry_len(bytes) / 8), bytes);
    PUBLISHED.store(u64::from(count) << 32 | end as u64, Ordering::Release);
    Some(count)
}
