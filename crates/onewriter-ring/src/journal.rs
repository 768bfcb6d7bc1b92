//! A sink's journal: what it is about to write, in memory that survives the process.
//!
//! The bytes and their place are staged, then one word says "pending"; after the write it says
//! "idle". Whoever takes over and finds "pending" repeats the same write at the same place.

use crate::os::{self, Map, PAGE};
use crate::queue::{Error, Queue};
use crate::reader::Cursor;
use crate::words::Words;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Journals are called `j-` and the sink's key.
pub(crate) const PREFIX: &str = "j-";

const MAGIC: u64 = u64::from_le_bytes(*b"ONEWJRNL");
const VERSION: u64 = 1;
const MAGIC_AT: usize = 0;
const VERSION_AT: usize = 1;
const STATE: usize = 8;
const DEV: usize = 9;
const INO: usize = 10;
const BASE: usize = 11;
const LEN: usize = 12;
const N_CURSORS: usize = 13;
const SEQUENCE: usize = 14;
const PENDING: u64 = 1;
const IDLE: u64 = 0;

const CURSORS_START: usize = PAGE;
const CURSOR_WORDS: usize = 4;
/// As many cursors as rings are possible, and a few.
const CURSORS_MAX: usize = 2 << 20;
const STAGE_START: usize = CURSORS_START + CURSORS_MAX;
/// One write at most.
const STAGE_MAX: usize = 1 << 30;
const STEP: usize = 64 << 10;

/// Where a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file's device.
    pub dev: u64,
    /// The file's inode.
    pub ino: u64,
    /// The offset of the first byte.
    pub base: u64,
}

/// A write that was announced and not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// Where it goes.
    pub place: Place,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// How far each ring is read once it is done.
    pub cursors: Vec<Cursor>,
}

/// The journal of one sink.
#[derive(Debug)]
pub struct JournalFile {
    map: Map,
    file: File,
    path: PathBuf,
    cursors_allocated: usize,
    stage_allocated: usize,
}

impl JournalFile {
    /// Opens the journal of this key in the queue's folder, making it if it is not there.
    pub fn open(queue: &Queue, key: u64) -> Result<JournalFile, Error> {
        let path = queue.dir().join(format!("{PREFIX}{key:016x}"));
        let fail = |err| Error::io("cannot open the journal", &path, err);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(fail)?;
        os::allocate(&file, 0, PAGE).map_err(fail)?;
        let map = Map::shared(&file, STAGE_START + STAGE_MAX).map_err(fail)?;
        let words = map.words();
        if words.load(MAGIC_AT, Ordering::Relaxed) != MAGIC {
            words.store(STATE, IDLE, Ordering::Relaxed);
            words.store(VERSION_AT, VERSION, Ordering::Relaxed);
            words.store(MAGIC_AT, MAGIC, Ordering::Release);
        } else if words.load(VERSION_AT, Ordering::Relaxed) != VERSION {
            return Err(Error::new(format!(
                "{} was made by another version of onewriter: remove it once its records are safe",
                path.display()
            )));
        }
        Ok(JournalFile { map, file, path, cursors_allocated: 0, stage_allocated: 0 })
    }

    /// The write that was announced and not confirmed, if there is one.
    #[must_use]
    pub fn pending(&self) -> Option<Pending> {
        let in_file = self.file.metadata().ok()?.len() as usize;
        pending(&self.map.words(), in_file)
    }

    /// Announces a write. The one before must have been confirmed.
    pub fn intend(
        &mut self,
        place: Place,
        bytes: &[u8],
        cursors: impl Iterator<Item = Cursor>,
    ) -> Result<(), Error> {
        if bytes.len() > STAGE_MAX {
            return Err(Error::new(format!(
                "a write of {} bytes at once: at most {STAGE_MAX} can be staged",
                bytes.len()
            )));
        }
        self.stage_allocated = self.grow(STAGE_START, self.stage_allocated, bytes.len())?;
        stage(&self.map.words(), bytes);
        let mut n_cursors = 0;
        for cursor in cursors {
            let end = 8 * CURSOR_WORDS * (n_cursors + 1);
            if end > CURSORS_MAX {
                return Err(Error::new("more rings than a journal has room for"));
            }
            self.cursors_allocated = self.grow(CURSORS_START, self.cursors_allocated, end)?;
            stage_cursor(&self.map.words(), n_cursors, cursor);
            n_cursors += 1;
        }
        announce(&self.map.words(), place, bytes.len(), n_cursors);
        Ok(())
    }

    /// The write that was announced is done.
    pub fn confirm(&mut self) {
        confirm(&self.map.words());
    }

    fn grow(&self, start: usize, allocated: usize, needed: usize) -> Result<usize, Error> {
        if needed <= allocated {
            return Ok(allocated);
        }
        let len = needed.next_multiple_of(STEP);
        os::allocate(&self.file, start, len)
            .map_err(|err| Error::io("no memory to stage a write in", &self.path, err))?;
        self.map.populate(start, len);
        Ok(len)
    }
}

/// What is pending in a journal of `in_file` bytes.
fn pending(words: &impl Words, in_file: usize) -> Option<Pending> {
    let word = |at| words.load(at, Ordering::Relaxed);
    if words.load(STATE, Ordering::Acquire) != PENDING {
        return None;
    }
    let (len, n_cursors) = (word(LEN) as usize, word(N_CURSORS) as usize);
    let possible = len <= STAGE_MAX
        && (len == 0 || STAGE_START + len <= in_file)
        && n_cursors <= CURSORS_MAX / (8 * CURSOR_WORDS)
        && CURSORS_START + 8 * CURSOR_WORDS * n_cursors <= in_file;
    if !possible {
        return None;
    }
    let place = Place { dev: word(DEV), ino: word(INO), base: word(BASE) };
    let mut bytes: Vec<u8> =
        (0..len.div_ceil(8)).flat_map(|at| word(STAGE_START / 8 + at).to_le_bytes()).collect();
    bytes.truncate(len);
    let cursors = (0..n_cursors).map(|number| {
        let at = CURSORS_START / 8 + CURSOR_WORDS * number;
        Cursor {
            segment: u128::from(word(at)) | u128::from(word(at + 1)) << 64,
            ring: word(at + 2) as u32,
            pos: word(at + 3),
        }
    });
    Some(Pending { place, bytes, cursors: cursors.collect() })
}

fn stage(words: &impl Words, bytes: &[u8]) {
    let (chunks, rest) = bytes.as_chunks::<8>();
    let start = STAGE_START / 8;
    for (at, chunk) in chunks.iter().enumerate() {
        words.store(start + at, u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words.store(start + chunks.len(), u64::from_le_bytes(last), Ordering::Relaxed);
    }
}

fn stage_cursor(words: &impl Words, number: usize, cursor: Cursor) {
    let at = CURSORS_START / 8 + CURSOR_WORDS * number;
    let Cursor { segment, ring, pos } = cursor;
    let parts = [segment as u64, (segment >> 64) as u64, u64::from(ring), pos];
    for (part, word) in parts.into_iter().enumerate() {
        words.store(at + part, word, Ordering::Relaxed);
    }
}

fn announce(words: &impl Words, place: Place, len: usize, n_cursors: usize) {
    let sequence = words.load(SEQUENCE, Ordering::Relaxed);
    for (at, word) in [
        (DEV, place.dev),
        (INO, place.ino),
        (BASE, place.base),
        (LEN, len as u64),
        (N_CURSORS, n_cursors as u64),
        (SEQUENCE, sequence.wrapping_add(1)),
    ] {
        words.store(at, word, Ordering::Relaxed);
    }
    // Everything before this store is staged when a successor finds it.
    words.store(STATE, PENDING, Ordering::Release);
}

fn confirm(words: &impl Words) {
    words.store(STATE, IDLE, Ordering::Release);
}

/// The same protocol on any words, for tests that stop it at every step.
#[cfg(test)]
pub(crate) mod steps {
    use super::{Cursor, Pending, Place, Words};

    /// Words of a journal that stages `len` bytes at most.
    pub(crate) const fn words(len: usize) -> usize {
        (super::STAGE_START + len).div_ceil(8)
    }

    pub(crate) fn intend(words: &impl Words, place: Place, bytes: &[u8], cursors: &[Cursor]) {
        super::stage(words, bytes);
        for (number, cursor) in cursors.iter().enumerate() {
            super::stage_cursor(words, number, *cursor);
        }
        super::announce(words, place, bytes.len(), cursors.len());
    }

    pub(crate) fn confirm(words: &impl Words) {
        super::confirm(words);
    }

    pub(crate) fn pending(words: &impl Words) -> Option<Pending> {
        super::pending(words, usize::MAX)
    }
}
