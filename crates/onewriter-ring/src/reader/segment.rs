//! One segment as the reader sees it: what its file says is checked before it is used.

use super::damage::{Damage, DamageLog, file_name};
use super::reading::Reading;
use crate::os::{self, Map, PAGE};
use crate::segment::{
    BUDGET_MAX, CONTROL_START, DATA_START, MAGIC, MAX_RINGS, RING_SIZES, TABLE_MAX, TABLE_START,
    VERSION, done_prefix, header, segment_name, side_prefix,
};
use crate::spsc::{
    CONTROL_WORDS, Consumer, Corrupt, DATA_AT, DATA_LEN, HEAD, LOST_SEEN, Ring, TAKEN,
};
use crate::steady::Steady;
use crate::words::Words;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

/// A segment that was found broken so often is read no more: each time costs a line in the log.
const MAX_FAULTS: u32 = 64;

/// What is true of every file in the queue's folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// To whom the folder, and so each file in it, belongs.
    pub(super) uid: u32,
    /// Whether the folder lies in memory.
    pub(super) in_memory: bool,
}

/// What the reader knows of a segment beside its rings.
#[derive(Debug)]
pub(super) struct About {
    pub(super) path: PathBuf,
    pub(super) map: Map,
    pub(super) id: u128,
    pub(super) process: u32,
    pub(super) rules: Rules,
    file: Steady,
}

impl About {
    pub(super) fn damage(&self, what: Corrupt, bytes: u64) -> Damage {
        Damage { process: self.process, bytes, ..Damage::of_file(&self.path, what) }
    }

    /// Whether the process that made the segment has ended. If that cannot be told it has not.
    pub(super) fn is_dead(&self) -> bool {
        // By the open file, which costs two system calls where a name costs five.
        self.file.with(|file| Ok(os::try_share_lock(file))).unwrap_or(false)
    }

    fn is_cut_below(&self, end: usize) -> bool {
        self.map.cut().is_some_and(|from| from < end)
    }
}

pub(super) enum Opened {
    Segment(SegmentReader),
    /// It never will be a segment.
    Foreign(Corrupt),
    /// This process has no descriptor or memory left: the next scan tries again.
    NotNow,
}

#[derive(Debug)]
pub(super) struct SegmentReader {
    pub(super) about: About,
    pub(super) rings: Vec<Option<Reading>>,
    pub(super) no_barrier: bool,
    table_read: usize,
    /// How often something was broken. Side files that are missing do not count.
    n_faults: u32,
    /// Nothing that it holds was given up.
    is_intact: bool,
    is_cut: bool,
    /// Of rings that are read no more: what was taken from them, and their losses that were told.
    n_done: u64,
    /// Its process has given it up, with so many records put into it or refused.
    pub(super) given_up: Option<u64>,
}

/// What a process says of a segment that it has given up.
#[derive(Clone, Copy, Debug)]
pub(super) struct GivenUp {
    /// Where it stands.
    at: usize,
    pub(super) id: u128,
    /// When it was made.
    pub(super) made: u64,
    /// Records put into it or refused.
    pub(super) count: u64,
    /// How many of these the process has seen read or told.
    pub(super) done: Option<u64>,
    /// How many of these a reader knows to be read or told.
    pub(super) settled: u64,
}

impl SegmentReader {
    pub(super) fn open(path: &Path, rules: Rules) -> Opened {
        SegmentReader::try_open(path, rules).unwrap_or_else(|err| match err.raw_os_error() {
            Some(libc::ELOOP | libc::EISDIR | libc::ENXIO) => Opened::Foreign(Corrupt::Segment),
            _ => Opened::NotNow,
        })
    }

    fn try_open(path: &Path, rules: Rules) -> io::Result<Opened> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if meta.uid() != rules.uid {
            let what = Corrupt::Owner { uid: meta.uid(), expected: rules.uid };
            return Ok(Opened::Foreign(what));
        }
        if meta.nlink() > 1 {
            return Ok(Opened::Foreign(Corrupt::Links { count: meta.nlink() }));
        }
        if !meta.is_file() || meta.len() < PAGE as u64 {
            return Ok(Opened::Foreign(Corrupt::Segment));
        }
        let first = Map::shared(&file, PAGE)?;
        let word = |at| first.words().load(at, Ordering::Relaxed);
        let budget = word(header::BUDGET) as usize;
        let id = u128::from(word(header::ID)) | u128::from(word(header::ID + 1)) << 64;
        let (process, no_barrier) = (word(header::PROCESS_ID) as u32, word(header::NO_BARRIER));
        // Cursors are kept by this number: one that another segment has would move its rings.
        let is_own_name = file_name(path) == format!("s-{id:032x}");
        let is_segment = word(header::MAGIC_AT) == MAGIC && word(header::VERSION_AT) == VERSION;
        if !is_segment || !is_own_name || budget > BUDGET_MAX {
            return Ok(Opened::Foreign(Corrupt::Segment));
        }
        let map = Map::shared(&file, DATA_START + budget)?;
        let file = Steady::new(file, path.to_owned())?;
        Ok(Opened::Segment(SegmentReader {
            about: About { path: path.to_owned(), map, id, process, rules, file },
            rings: Vec::new(),
            no_barrier: no_barrier != 0,
            table_read: 0,
            n_faults: 0,
            is_intact: true,
            is_cut: false,
            n_done: 0,
            given_up: None,
        }))
    }

    /// Removes the segment and the side files that nothing refers to. If its process died, these
    /// are records that were never finished.
    pub(super) fn remove(&self, died: bool, log: &mut DamageLog) {
        let path = &self.about.path;
        let (unfinished, done) = (side_prefix(path), done_prefix(path));
        let entries = path.parent().and_then(|dir| fs::read_dir(dir).ok());
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            if name.starts_with(&unfinished) {
                let bytes = entry.metadata().map_or(0, |meta| meta.len());
                if died && self.is_intact {
                    log.add(self.about.damage(Corrupt::Unfinished, bytes));
                }
            } else if !name.starts_with(&done) {
                continue;
            }
            let _ = fs::remove_file(entry.path());
        }
        let _ = fs::remove_file(path);
        if self.given_up.is_some() {
            // Its process lives, and so does the file as long as that.
            let _ = self.about.file.with(|file| file.set_len(0));
        }
    }

    pub(super) fn process_name(&self) -> String {
        let words = self.about.map.words();
        let len = words.load(header::NAME_LEN, Ordering::Relaxed) as usize;
        let bytes: Vec<u8> = (0..header::NAME_WORDS)
            .flat_map(|at| words.load(header::NAME + at, Ordering::Relaxed).to_le_bytes())
            .take(len)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Looks at all tails; calls `each` with the rings that have something to read.
    pub(super) fn observe(&mut self, t0: u64, log: &mut DamageLog, mut each: impl FnMut(u32)) {
        for number in 0..self.rings.len() {
            let Some(reading) = &mut self.rings[number] else { continue };
            match reading.observe(&self.about, t0) {
                Ok(true) => each(number as u32),
                Ok(false) => {}
                Err(what) => self.drop_ring(number, what, log),
            }
        }
    }

    /// The ring is read no more.
    fn drop_ring(&mut self, number: usize, what: Corrupt, log: &mut DamageLog) {
        let bytes = self.turn_away(number);
        self.is_intact = false;
        if what == Corrupt::Truncated {
            // Each of its rings notices by itself, and some have lost nothing.
            if !self.is_cut || bytes > 0 {
                log.add(self.about.damage(what, bytes));
            }
            self.is_cut = true;
        } else {
            log.add(self.about.damage(what, bytes));
            self.fault(log);
        }
    }

    /// Reads a ring no more; how many bytes of it were not. Its producer is told, by a head where no head
    /// can be: it then goes on in another segment.
    fn turn_away(&mut self, number: usize) -> u64 {
        let ring = self.rings.get_mut(number).and_then(Option::take);
        self.n_done = self.n_done.saturating_add(ring.as_ref().map_or(0, Reading::n_done));
        let words = self.about.map.words();
        words.store(CONTROL_START / 8 + number * CONTROL_WORDS + HEAD, u64::MAX, Ordering::Release);
        ring.as_ref().map_or(0, Reading::unread)
    }

    /// Records that were put into it or refused, and neither read nor told.
    pub(super) fn n_missing(&self) -> u64 {
        self.given_up.unwrap_or(0).saturating_sub(self.n_done())
    }

    /// Records that were read or told, in all its rings.
    pub(super) fn n_done(&self) -> u64 {
        let rings = self.rings.iter().flatten().map(Reading::n_done);
        rings.fold(self.n_done, u64::saturating_add)
    }

    /// Whether a segment with this id is beside it.
    pub(super) fn has_neighbour(&self, id: u128) -> bool {
        fs::symlink_metadata(self.about.path.with_file_name(segment_name(id))).is_ok()
    }

    /// What the process says of segments that it has given up for this one.
    pub(super) fn given_up_before(&self) -> impl Iterator<Item = GivenUp> {
        let word = |at| self.about.map.words().load(at, Ordering::Relaxed);
        let count = (word(header::N_GIVEN_UP) as usize).min(header::MAX_GIVEN_UP);
        let places = (0..count).map(|entry| header::GIVEN_UP + entry * header::GIVEN_UP_WORDS);
        places.map(move |at| GivenUp {
            at,
            id: u128::from(word(at)) | u128::from(word(at + 1)) << 64,
            made: word(at + 2),
            count: word(at + 3),
            done: Some(word(at + 4)).filter(|done| *done != header::UNKNOWN),
            settled: word(at + header::SETTLED),
        })
    }

    /// Tells the reader behind this one that all of these are read or told.
    pub(super) fn settle(&self, entry: &GivenUp) {
        let at = entry.at + header::SETTLED;
        self.about.map.words().store(at, entry.count, Ordering::Relaxed);
    }

    /// Counts one more fault; after too many the whole segment is read no more.
    fn fault(&mut self, log: &mut DamageLog) {
        self.is_intact = false;
        self.n_faults += 1;
        if self.n_faults == MAX_FAULTS {
            let bytes = (0..self.rings.len()).map(|number| self.turn_away(number)).sum();
            log.add(self.about.damage(Corrupt::Quarantined, bytes));
        }
    }

    fn is_quarantined(&self) -> bool {
        self.n_faults >= MAX_FAULTS
    }

    /// The stamp of the next frame of a ring; see [`Reader::peek`](super::Reader::peek).
    pub(super) fn advance(&mut self, ring: u32, log: &mut DamageLog) -> Option<u64> {
        let reading = self.rings.get_mut(ring as usize)?.as_mut()?;
        let mut found = DamageLog::default();
        let stamp = reading.advance(&self.about, &mut found);
        if !found.is_empty() {
            self.note(found, log);
        }
        stamp
    }

    #[cold]
    fn note(&mut self, mut found: DamageLog, log: &mut DamageLog) {
        for damage in found.take() {
            match damage.what {
                Corrupt::SideFile => self.is_intact = false,
                Corrupt::Truncated => (self.is_cut, self.is_intact) = (true, false),
                _ => self.fault(log),
            }
            log.add(damage);
        }
    }

    /// Opens the rings that were published since the last call; later, if there is no descriptor left to
    /// look at the file.
    pub(super) fn open_new_rings(&mut self, log: &mut DamageLog) {
        for number in self.rings.len()..self.n_rings() {
            let len = match self.about.file.len() {
                Err(err) if err.kind() != io::ErrorKind::NotFound => return,
                len => len.unwrap_or(0),
            };
            if let Some(done) = self.done_in_turned_away(number, len as usize) {
                self.n_done = self.n_done.saturating_add(done);
                self.is_intact = false;
                self.rings.push(None);
                continue;
            }
            let ring = self.open_ring(number, len as usize);
            let is_missing = ring.is_none();
            self.rings.push(ring);
            if is_missing {
                let is_cut = self.about.map.cut().is_some();
                let what = if is_cut { Corrupt::Truncated } else { Corrupt::Ring };
                self.drop_ring(number, what, log);
            }
        }
    }

    /// Of a ring that a reader before this one has turned away: how many records were read or told.
    fn done_in_turned_away(&self, number: usize, len: usize) -> Option<u64> {
        let control_at = CONTROL_START + number * CONTROL_WORDS * 8;
        let word = |at| self.about.map.words().load(control_at / 8 + at, Ordering::Relaxed);
        let is_it = control_at + CONTROL_WORDS * 8 <= len && word(HEAD) == u64::MAX;
        is_it.then(|| word(TAKEN).saturating_add(word(LOST_SEEN)))
    }

    /// How many rings are published and to be read.
    fn n_rings(&self) -> usize {
        if self.is_quarantined() {
            return self.rings.len();
        }
        // SYNC POINT rings: with the release store in `Segment::make_ring`.
        let count = self.about.map.words().load(header::N_RINGS, Ordering::Acquire) as usize;
        count.min(MAX_RINGS)
    }

    /// The ring, if what its control block says is possible and lies within the file.
    fn open_ring(&self, number: usize, len: usize) -> Option<Reading> {
        let control_at = CONTROL_START + number * CONTROL_WORDS * 8;
        if control_at + CONTROL_WORDS * 8 > len {
            return None;
        }
        // SAFETY: the map lives as long as this `SegmentReader`, and readings lie within it.
        let words = unsafe { self.about.map.words_forever() };
        let control = words.part(control_at / 8, CONTROL_WORDS);
        let at = control.load(DATA_AT, Ordering::Relaxed) as usize;
        let size = control.load(DATA_LEN, Ordering::Relaxed) as usize;
        let end = at.checked_add(size)?;
        let possible = RING_SIZES.contains(&size)
            && at.is_multiple_of(PAGE)
            && at >= DATA_START
            && end <= len
            && end <= 8 * words.len();
        if !possible {
            return None;
        }
        let ring = Ring { control, data: words.part(at / 8, size / 8), capacity: size as u64 };
        let head = control.load(HEAD, Ordering::Acquire);
        head.is_multiple_of(8).then(|| Reading::new(Consumer::new(ring, head), end))
    }

    pub(super) fn has_news(&self) -> bool {
        self.n_rings() > self.rings.len() || self.rings.iter().flatten().any(Reading::has_news)
    }

    /// Whether everything that it holds was read and released, and all losses that it has counted
    /// were told.
    pub(super) fn is_drained(&self) -> bool {
        let mut rings = self.rings.iter().flatten();
        !self.has_news() && rings.all(|ring| ring.waiting() == 0 && !ring.consumer.has_losses())
    }

    pub(super) fn new_sites(&mut self, mut each: impl FnMut(&[u8])) {
        // SYNC POINT table: with the release store in `Segment::register_site`.
        let words = self.about.map.words();
        let end = (words.load(header::TABLE_LEN, Ordering::Acquire) as usize).min(TABLE_MAX);
        let in_file = self.about.file.len().map_or(0, |len| len as usize);
        let end = end.min(in_file.saturating_sub(TABLE_START));
        while self.table_read + 8 <= end {
            let at = (TABLE_START + self.table_read) / 8;
            let len = words.load(at, Ordering::Relaxed) as usize;
            let n_words = len.div_ceil(8);
            if len > TABLE_MAX || self.table_read + 8 + n_words * 8 > end {
                self.table_read = end;
                break;
            }
            let mut bytes: Vec<u8> = (0..n_words)
                .flat_map(|word| words.load(at + 1 + word, Ordering::Relaxed).to_le_bytes())
                .collect();
            bytes.truncate(len);
            self.table_read += 8 + n_words * 8;
            if self.about.is_cut_below(TABLE_START + self.table_read) {
                break;
            }
            each(&bytes);
        }
    }
}
