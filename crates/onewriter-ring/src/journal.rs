//! A sink's journal: what it is about to write, in memory that survives the process.
//!
//! The bytes and their place are staged, then one word says "pending"; after the write it says
//! "idle". Whoever takes over and finds "pending" repeats the same write at the same place.
//!
//! The place and the cursors are kept twice: those of the last write hold until the same one word
//! says that those of the next are whole. A writer that is killed while it stages has staged nothing.
//!
//! If somebody else has written into the middle of a write, its rest goes to another place: the bytes
//! stay where they are staged, and the other slot says from which of them on, and where to.

use crate::os::{self, Map, PAGE};
use crate::place::DIR_VARIABLE;
use crate::queue::{Error, Queue};
use crate::reader::Cursor;
use crate::steady::Steady;
use crate::words::Words;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

/// Journals are called `j-` and the sink's key.
pub(crate) const PREFIX: &str = "j-";

pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"ONEWJRNL");
pub(crate) const VERSION: u64 = 1;
const MAGIC_AT: usize = 0;
const VERSION_AT: usize = 1;
/// The number of the write, shifted by one, and [`PENDING`] until it is done.
pub(crate) const STATE: usize = 8;
pub(crate) const PENDING: u64 = 1;

/// What is kept of a write; writes with even and with odd numbers take turns.
pub(crate) const SLOTS: [usize; 2] = [16, 24];
const DEV: usize = 0;
const INO: usize = 1;
const BASE: usize = 2;
const LEN: usize = 3;
const N_CURSORS: usize = 4;
/// Where the write begins in the staging memory, in bytes.
const FROM: usize = 5;

pub(crate) const CURSORS_START: [usize; 2] = [PAGE, PAGE + CURSORS_MAX];
pub(crate) const CURSOR_WORDS: usize = 4;
/// As many cursors as rings are possible, and a few.
const CURSORS_MAX: usize = 2 << 20;
pub(crate) const STAGE_START: usize = PAGE + 2 * CURSORS_MAX;
pub(crate) const STAGE_MAX: usize = 1 << 30;
/// The bytes begin behind a word whose last byte is a newline, so that what is left of a write can
/// begin with one wherever it is parted.
const LEAD_IN: usize = 8;
/// One write at most.
const WRITE_MAX: usize = STAGE_MAX - LEAD_IN;
const STEP: usize = 64 << 10;
/// How often a write is staged anew because the file was cut meanwhile.
const MAX_TRIES: usize = 3;

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
}

/// The journal of one sink.
#[derive(Debug)]
pub struct JournalFile {
    map: Map,
    file: Steady,
    path: PathBuf,
    cursors_allocated: [usize; 2],
    stage_allocated: usize,
}

/// Which of the two a write uses.
fn slot(state: u64) -> usize {
    (state >> 1 & 1) as usize
}

impl JournalFile {
    /// Opens the journal of this key in the queue's folder, making it if it is not there.
    pub fn open(queue: &Queue, key: u64) -> Result<JournalFile, Error> {
        let path = queue.dir().join(format!("{PREFIX}{key:016x}"));
        let fail = |err| Error::io("cannot open the journal", &path, err);
        let file = os::open_page(&path).map_err(fail)?;
        let map = Map::shared(&file, STAGE_START + STAGE_MAX).map_err(fail)?;
        let words = map.words();
        if words.load(MAGIC_AT, Ordering::Relaxed) != MAGIC {
            begin(&words);
        } else if words.load(VERSION_AT, Ordering::Relaxed) != VERSION {
            return Err(Error::new(format!(
                "{} was made by another version of onewriter: remove it once its records are safe",
                path.display()
            )));
        }
        let file = Steady::new(file, path.clone()).map_err(fail)?;
        Ok(JournalFile { map, file, path, cursors_allocated: [0; 2], stage_allocated: 0 })
    }

    /// The write that was announced and not confirmed, if there is one.
    #[must_use]
    pub fn pending(&self) -> Option<Pending> {
        let in_file = self.file.len().ok()? as usize;
        // Cut between the two lines: zeros are not what was to be written.
        pending(&self.map.words(), in_file).filter(|_| self.map.cut().is_none())
    }

    /// How far rings were read when the last write that was announced is done: records before that
    /// are in the file, whatever the rings themselves say.
    #[must_use]
    pub fn cursors(&self) -> Vec<Cursor> {
        let in_file = self.file.len().map_or(0, |len| len as usize);
        let found = cursors(&self.map.words(), in_file);
        if self.map.cut().is_some() { Vec::new() } else { found }
    }

    /// Gives the staging memory back: everything announced was confirmed, and the writer leaves.
    pub fn trim(&mut self) {
        let words = self.map.words();
        if words.load(STATE, Ordering::Relaxed) & PENDING != 0 {
            return;
        }
        for header in SLOTS {
            words.store(header + N_CURSORS, 0, Ordering::Relaxed);
        }
        if self.file.with(|file| file.set_len(PAGE as u64)).is_ok() {
            (self.cursors_allocated, self.stage_allocated) = ([0; 2], 0);
        }
    }

    /// Takes the memory for writes of this size now: later the rings of the very processes that wait
    /// for these writes may have filled the file system.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Error> {
        self.stage_allocated = self.grow(STAGE_START, self.stage_allocated, LEAD_IN + bytes)?;
        for (slot, start) in CURSORS_START.into_iter().enumerate() {
            let allocated = self.cursors_allocated[slot];
            self.cursors_allocated[slot] = self.grow(start, allocated, STEP)?;
        }
        Ok(())
    }

    /// Announces a write. One before it that was not confirmed is given up.
    ///
    /// A journal that somebody has cut is made anew: the rings still hold what no write has confirmed,
    /// and `cursors` are all that a successor needs.
    pub fn intend(
        &mut self,
        place: Place,
        bytes: &[u8],
        cursors: impl Iterator<Item = Cursor> + Clone,
    ) -> Result<(), Error> {
        if bytes.len() > WRITE_MAX {
            return Err(Error::new(format!(
                "a write of {} bytes at once: at most {WRITE_MAX} can be staged",
                bytes.len()
            )));
        }
        for _ in 0..MAX_TRIES {
            if self.map.cut().is_some() {
                self.make_anew()?;
            }
            self.try_intend(place, bytes, cursors.clone())?;
            if self.map.cut().is_none() {
                return Ok(());
            }
        }
        Err(Error::new(format!(
            "{} is cut again and again while a write is staged in it: find out by whom",
            self.path.display()
        )))
    }

    fn make_anew(&mut self) -> Result<(), Error> {
        let fail = |err| Error::io("cannot make anew the journal that was cut,", &self.path, err);
        self.file.with(|file| os::allocate(file, 0, PAGE)).map_err(fail)?;
        let len = STAGE_START + STAGE_MAX;
        self.map = self.file.with(|file| Map::shared(file, len)).map_err(fail)?;
        begin(&self.map.words());
        (self.cursors_allocated, self.stage_allocated) = ([0; 2], 0);
        Ok(())
    }

    fn try_intend(
        &mut self,
        place: Place,
        bytes: &[u8],
        cursors: impl Iterator<Item = Cursor>,
    ) -> Result<(), Error> {
        abandon(&self.map.words());
        self.stage_allocated =
            self.grow(STAGE_START, self.stage_allocated, LEAD_IN + bytes.len())?;
        stage(&self.map.words(), bytes);
        let slot = next_slot(&self.map.words());
        let mut n_cursors = 0;
        for cursor in cursors {
            let end = 8 * CURSOR_WORDS * (n_cursors + 1);
            if end > CURSORS_MAX {
                return Err(Error::new("more rings than a journal has room for"));
            }
            self.make_room_for_cursors(slot, end)?;
            stage_cursor(&self.map.words(), n_cursors, cursor);
            n_cursors += 1;
        }
        announce(&self.map.words(), place, (LEAD_IN, bytes.len()), n_cursors);
        Ok(())
    }

    /// The first `done` bytes of the write that was announced are done; the others go to `rest`,
    /// behind a newline if `newline`. The cursors stay those of the whole write.
    ///
    /// A writer that is killed here leaves the write as it was or as it is now.
    pub fn part(&mut self, rest: Place, done: usize, newline: bool) -> Result<(), Error> {
        let in_file = self.file.len().map_or(0, |len| len as usize);
        let words = self.map.words();
        let n_cursors = cursors(&words, in_file).len();
        let next = next_slot(&words);
        self.make_room_for_cursors(next, 8 * CURSOR_WORDS * n_cursors)?;
        part(&self.map.words(), rest, (done, newline), in_file)
            .filter(|()| self.map.cut().is_none())
            .ok_or_else(|| Error::new(format!("no write of {done} bytes or more is announced")))
    }

    fn make_room_for_cursors(&mut self, slot: usize, bytes: usize) -> Result<(), Error> {
        let allocated = self.cursors_allocated[slot];
        self.cursors_allocated[slot] = self.grow(CURSORS_START[slot], allocated, bytes)?;
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
        self.file.with(|file| os::allocate(file, start, len)).map_err(|err| {
            let cure = match os::limit_behind(&err) {
                Some(limit) => format!(": {limit}"),
                None => format!(
                    "; make room on that file system, or set {DIR_VARIABLE} to a folder with some MiB \
                     more"
                ),
            };
            let path = self.path.display();
            Error::new(format!("no memory to stage a write in {path}: {err}{cure}"))
        })?;
        self.map.populate(start, len);
        Ok(len)
    }
}

/// The header of a journal in which nothing was announced yet.
fn begin(words: &impl Words) {
    words.store(STATE, 0, Ordering::Relaxed);
    words.store(VERSION_AT, VERSION, Ordering::Relaxed);
    words.store(MAGIC_AT, MAGIC, Ordering::Release);
}

/// What is pending in a journal of `in_file` bytes.
fn pending(words: &impl Words, in_file: usize) -> Option<Pending> {
    let word = |at| words.load(at, Ordering::Relaxed);
    let state = words.load(STATE, Ordering::Acquire);
    if state & PENDING == 0 {
        return None;
    }
    let header = SLOTS[slot(state)];
    let (from, len) = staged(words, header, in_file)?;
    let place =
        Place { dev: word(header + DEV), ino: word(header + INO), base: word(header + BASE) };
    let whole = (from / 8)..(from + len).div_ceil(8);
    let mut bytes: Vec<u8> =
        whole.flat_map(|at| word(STAGE_START / 8 + at).to_le_bytes()).collect();
    bytes.drain(..from % 8);
    bytes.truncate(len);
    Some(Pending { place, bytes })
}

/// Where in the staging memory the bytes of a slot begin and how many they are, if that is possible
/// in a journal of `in_file` bytes.
fn staged(words: &impl Words, header: usize, in_file: usize) -> Option<(usize, usize)> {
    let word = |at| usize::try_from(words.load(header + at, Ordering::Relaxed)).ok();
    let (from, len) = (word(FROM)?, word(LEN)?);
    let end = from.checked_add(len).filter(|end| *end <= STAGE_MAX)?;
    (len == 0 || STAGE_START + end <= in_file).then_some((from, len))
}

fn cursors(words: &impl Words, in_file: usize) -> Vec<Cursor> {
    let word = |at| words.load(at, Ordering::Relaxed);
    let slot = slot(words.load(STATE, Ordering::Acquire));
    let start = CURSORS_START[slot];
    let room = in_file.saturating_sub(start).min(CURSORS_MAX) / (8 * CURSOR_WORDS);
    let cursor = |number| {
        let at = start / 8 + CURSOR_WORDS * number;
        Cursor {
            segment: u128::from(word(at)) | u128::from(word(at + 1)) << 64,
            ring: word(at + 2) as u32,
            pos: word(at + 3),
        }
    };
    (0..(word(SLOTS[slot] + N_CURSORS) as usize).min(room)).map(cursor).collect()
}

fn stage(words: &impl Words, bytes: &[u8]) {
    let (chunks, rest) = bytes.as_chunks::<8>();
    words.store(STAGE_START / 8, u64::from(b'\n') << 56, Ordering::Relaxed);
    let start = (STAGE_START + LEAD_IN) / 8;
    for (at, chunk) in chunks.iter().enumerate() {
        words.store(start + at, u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        words.store(start + chunks.len(), u64::from_le_bytes(last), Ordering::Relaxed);
    }
}

/// The state that the next write announces itself with.
fn next_state(words: &impl Words) -> u64 {
    words.load(STATE, Ordering::Relaxed).wrapping_add(2) | PENDING
}

fn next_slot(words: &impl Words) -> usize {
    slot(next_state(words))
}

fn stage_cursor(words: &impl Words, number: usize, cursor: Cursor) {
    let at = CURSORS_START[next_slot(words)] / 8 + CURSOR_WORDS * number;
    let Cursor { segment, ring, pos } = cursor;
    let parts = [segment as u64, (segment >> 64) as u64, u64::from(ring), pos];
    for (part, word) in parts.into_iter().enumerate() {
        words.store(at + part, word, Ordering::Relaxed);
    }
}

/// Announces the write of so many bytes from there in the staging memory on.
fn announce(words: &impl Words, place: Place, (from, len): (usize, usize), n_cursors: usize) {
    let state = next_state(words);
    for (at, word) in [
        (DEV, place.dev),
        (INO, place.ino),
        (BASE, place.base),
        (FROM, from as u64),
        (LEN, len as u64),
        (N_CURSORS, n_cursors as u64),
    ] {
        words.store(SLOTS[slot(state)] + at, word, Ordering::Relaxed);
    }
    // Everything before this store is staged when a successor finds it.
    words.store(STATE, state, Ordering::Release);
}

/// Announces what is left of the pending write; `None` if there is none so long.
fn part(
    words: &impl Words,
    rest: Place,
    (done, newline): (usize, bool),
    in_file: usize,
) -> Option<()> {
    let state = words.load(STATE, Ordering::Relaxed);
    let (from, len) = staged(words, SLOTS[slot(state)], in_file)?;
    let newline = usize::from(newline);
    let left = len.checked_sub(done).filter(|_| state & PENDING != 0)?;
    let from = (from + done).checked_sub(newline)?;
    let cursors = cursors(words, in_file);
    for (number, cursor) in cursors.iter().enumerate() {
        stage_cursor(words, number, *cursor);
    }
    announce(words, rest, (from, left + newline), cursors.len());
    Some(())
}

/// A write that was announced and then given up, because its file is gone, counts as never
/// announced: the cursors of the one before hold again.
fn abandon(words: &impl Words) {
    let state = words.load(STATE, Ordering::Relaxed);
    if state & PENDING != 0 {
        words.store(STATE, (state & !PENDING).wrapping_sub(2), Ordering::Release);
    }
}

fn confirm(words: &impl Words) {
    let state = words.load(STATE, Ordering::Relaxed);
    words.store(STATE, state & !PENDING, Ordering::Release);
}

/// The same protocol on any words, for tests that stop it at every step.
#[cfg(test)]
pub(crate) mod steps {
    use super::{Cursor, Pending, Place, Words};

    /// Words of a journal that stages `len` bytes at most.
    pub(crate) const fn words(len: usize) -> usize {
        (super::STAGE_START + super::LEAD_IN + len).div_ceil(8)
    }

    pub(crate) fn intend(words: &impl Words, place: Place, bytes: &[u8], cursors: &[Cursor]) {
        super::abandon(words);
        super::stage(words, bytes);
        for (number, cursor) in cursors.iter().enumerate() {
            super::stage_cursor(words, number, *cursor);
        }
        super::announce(words, place, (super::LEAD_IN, bytes.len()), cursors.len());
    }

    pub(crate) fn part(words: &impl Words, rest: Place, done: usize, newline: bool) {
        super::part(words, rest, (done, newline), usize::MAX).expect("a write is announced");
    }

    pub(crate) fn confirm(words: &impl Words) {
        super::confirm(words);
    }

    pub(crate) fn pending(words: &impl Words) -> Option<Pending> {
        super::pending(words, usize::MAX)
    }

    pub(crate) fn cursors(words: &impl Words) -> Vec<Cursor> {
        super::cursors(words, usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(pos: u64) -> Cursor {
        Cursor { segment: 7, ring: 0, pos }
    }

    const PLACE: Place = Place { dev: 1, ino: 2, base: 3 };

    #[test]
    fn a_writer_killed_while_it_stages_leaves_the_cursors_of_the_write_before() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open_in(&dir.path().join("queue")).unwrap();
        let mut journal = JournalFile::open(&queue, 1).unwrap();
        journal.intend(PLACE, b"first\n", [cursor(8)].into_iter()).unwrap();
        journal.confirm();
        // What a successor would find after each step of the staging.
        let killed_at = |n_cursors: u64| {
            let successor = JournalFile::open(&queue, 1).unwrap();
            assert_eq!(successor.pending(), None, "before cursor {n_cursors}");
            assert_eq!(successor.cursors(), [cursor(8)], "before cursor {n_cursors}");
        };
        let cursors = (0..3).map(|n| {
            killed_at(n);
            cursor(100 + n)
        });
        journal
            .intend(
                PLACE,
                b"second\n",
                cursors.chain(std::iter::from_fn(|| {
                    killed_at(3);
                    None
                })),
            )
            .unwrap();
        assert_eq!(journal.cursors(), [cursor(100), cursor(101), cursor(102)]);
        assert_eq!(journal.pending(), Some(Pending { place: PLACE, bytes: b"second\n".to_vec() }));
        journal.confirm();
        assert_eq!(journal.cursors(), [cursor(100), cursor(101), cursor(102)]);
    }

    #[test]
    fn a_write_that_is_given_up_for_another_counts_as_never_announced() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open_in(&dir.path().join("queue")).unwrap();
        let mut journal = JournalFile::open(&queue, 1).unwrap();
        journal.intend(PLACE, b"first\n", [cursor(8)].into_iter()).unwrap();
        journal.confirm();
        journal.intend(PLACE, b"given up\n", [cursor(50)].into_iter()).unwrap();
        let killed = std::iter::from_fn(|| {
            let successor = JournalFile::open(&queue, 1).unwrap();
            assert_eq!((successor.pending(), successor.cursors()), (None, vec![cursor(8)]));
            None
        });
        let place = Place { ino: 9, ..PLACE };
        journal.intend(place, b"anew\n", [cursor(60)].into_iter().chain(killed)).unwrap();
        assert_eq!(journal.pending(), Some(Pending { place, bytes: b"anew\n".to_vec() }));
        assert_eq!(journal.cursors(), [cursor(60)]);
    }
}
