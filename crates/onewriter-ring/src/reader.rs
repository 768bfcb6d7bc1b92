//! The writer's side: all segments of a queue, read in exact order.
//!
//! A pass reads the time `T0`, runs a barrier on every producer's processor, and only then reads
//! the tails. A put that had returned before another one began has its tail in view whenever the
//! other's stamp is at or below `T0`: so what is merged by stamp up to `T0` is in real-time order,
//! and a put needs no fence.

use crate::clock;
use crate::lock::LifetimeLock;
use crate::os::{self, Map, PAGE};
use crate::queue::{Queue, bell};
use crate::segment::{
    BUDGET_MAX, CONTROL_START, DATA_START, MAGIC, MAX_RINGS, RING_SIZES, TABLE_MAX, TABLE_START,
    VERSION, header, side_path, side_prefix,
};
use crate::spsc::{
    CONTROL_WORDS, Consumer, Corrupt, DATA_AT, DATA_LEN, FrameHead, HEAD, Losses, Ring, parse,
};
use crate::words::{MapWords, Words};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How much of a ring is copied at a time.
const READ_MAX: usize = 64 << 10;
/// Stamps beyond `T0` by more than this are not believed: about a second, in ticks or nanoseconds.
const FUTURE_SLACK: u64 = 4_000_000_000;
/// How often segments are looked for without being told, and the dead among them.
const SCAN_EVERY: Duration = Duration::from_secs(1);

/// A ring of the reader: an index that stays the same while the ring exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RingId {
    /// The segment: counted from 0, never reused.
    pub segment: u32,
    /// The ring in it.
    pub ring: u32,
}

/// A frame, borrowed from the reader's private copy.
#[derive(Debug)]
pub struct FrameRef<'a> {
    /// The tag that the producer gave.
    pub tag: u32,
    /// When it was put.
    pub stamp: u64,
    /// The bytes that the producer wrote, padded to a multiple of eight.
    pub body: &'a [u8],
}

/// How far a ring has been read: what a takeover needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The segment's 128 random bits.
    pub segment: u128,
    /// The ring in it.
    pub ring: u32,
    /// Bytes since the ring began.
    pub pos: u64,
}

/// Something in shared memory was not what a living producer writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The process, by its own account.
    pub process: u32,
    /// What was wrong.
    pub what: Corrupt,
    /// Bytes of records given up.
    pub bytes: u64,
}

/// All segments of a queue.
#[derive(Debug)]
pub struct Reader {
    queue: &'static Queue,
    segments: Vec<Option<SegmentReader>>,
    joins_seen: u64,
    scanned: Option<Instant>,
    active: Vec<RingId>,
    dirty: Vec<RingId>,
    damage: Vec<Damage>,
    barrier_works: bool,
    /// Where reading begins in rings that an earlier writer has read further than they say.
    starts: HashMap<(u128, u32), u64>,
}

impl Reader {
    /// A reader of the queue. There must be only one at a time.
    #[must_use]
    pub fn new(queue: &'static Queue) -> Reader {
        clock::follow(queue.bell.clock);
        Reader {
            queue,
            segments: Vec::new(),
            joins_seen: u64::MAX,
            scanned: None,
            active: Vec::new(),
            dirty: Vec::new(),
            damage: Vec::new(),
            barrier_works: os::register_barrier() && os::barrier(),
            starts: HashMap::new(),
        }
    }

    /// Begins behind these cursors, which a journal has kept: what stands before them was written.
    pub fn start_behind(&mut self, cursors: impl IntoIterator<Item = Cursor>) {
        for cursor in cursors {
            self.starts.insert((cursor.segment, cursor.ring), cursor.pos);
        }
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &'static Queue {
        self.queue
    }

    /// Whether order is exact: false where the kernel has no barriers for other processors, or a
    /// process of the queue could not register for them; then puts closer than 2 us on different
    /// threads may be swapped.
    #[must_use]
    pub fn order_is_exact(&self) -> bool {
        self.barrier_works
    }

    /// Begins a pass: finds new segments and rings, and takes all tails in view. Everything with a
    /// stamp at or below the one returned can now be merged.
    pub fn begin(&mut self) -> u64 {
        let t0 = self.take_time();
        self.look(t0);
        t0
    }

    fn take_time(&mut self) -> u64 {
        let t0 = clock::now();
        let all_registered = !self.segments.iter().flatten().any(|segment| segment.no_barrier);
        self.barrier_works = os::barrier() && all_registered;
        // Without a barrier a tail may still be on its way: leave out the last moments.
        if self.barrier_works { t0 } else { t0.saturating_sub(8_000) }
    }

    /// Segments, rings and tails are looked at after the time was taken: whoever put before it is
    /// seen, also if it has just joined.
    fn look(&mut self, t0: u64) {
        self.scan();
        self.active.clear();
        for (number, segment) in self.segments.iter_mut().enumerate() {
            if let Some(segment) = segment {
                let number = number as u32;
                let fresh = segment.open_new_rings(&self.starts, &mut self.damage);
                self.dirty.extend(fresh.map(|ring| RingId { segment: number, ring }));
                segment.observe(number, t0, &mut self.active, &mut self.damage);
            }
        }
    }

    /// The rings that have something to read in this pass.
    #[must_use]
    pub fn active(&self) -> &[RingId] {
        &self.active
    }

    /// Whether any ring has something that the last pass did not see. A cheap look.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let joins = self.queue.bell.words().load(bell::JOINS, Ordering::Relaxed);
        joins != self.joins_seen || self.segments.iter().flatten().any(SegmentReader::has_news)
    }

    /// The stamp of the next frame of a ring, if there is one in this pass.
    #[inline]
    pub fn peek(&mut self, id: RingId) -> Option<u64> {
        let segment = self.segments.get_mut(id.segment as usize)?.as_mut()?;
        let ring = segment.rings.get_mut(id.ring as usize)?.as_mut()?;
        if let Some(frame) = ring.next {
            return Some(frame.stamp);
        }
        let stamp = ring.advance(&segment.path, segment.process, &mut self.damage);
        // Padding and damage move on without a frame; they too are to be released.
        if !ring.is_dirty && ring.taken() != ring.consumer.released() {
            ring.is_dirty = true;
            self.dirty.push(id);
        }
        stamp
    }

    /// The frame that was peeked at.
    #[inline]
    #[must_use]
    pub fn frame(&self, id: RingId) -> Option<FrameRef<'_>> {
        let segment = self.segments.get(id.segment as usize)?.as_ref()?;
        segment.rings.get(id.ring as usize)?.as_ref()?.frame()
    }

    /// Moves on behind the frame that was peeked at.
    #[inline]
    pub fn next(&mut self, id: RingId) {
        let segment = self.segments.get_mut(id.segment as usize).and_then(Option::as_mut);
        let Some(ring) = segment.and_then(|it| it.rings.get_mut(id.ring as usize)?.as_mut()) else {
            return;
        };
        ring.next();
        if !ring.is_dirty {
            ring.is_dirty = true;
            self.dirty.push(id);
        }
    }

    /// The segment's random bits and where the frame that was peeked at begins.
    #[must_use]
    pub fn position(&self, id: RingId) -> Option<Cursor> {
        let segment = self.segments.get(id.segment as usize)?.as_ref()?;
        let ring = segment.rings.get(id.ring as usize)?.as_ref()?;
        Some(Cursor { segment: segment.id, ring: id.ring, pos: ring.taken() })
    }

    /// How far each ring has been taken, of those that were taken from since the last release.
    pub fn cursors(&self) -> impl Iterator<Item = Cursor> + '_ {
        self.dirty.iter().filter_map(|id| {
            let segment = self.segments.get(id.segment as usize)?.as_ref()?;
            let ring = segment.rings.get(id.ring as usize)?.as_ref()?;
            Some(Cursor { segment: segment.id, ring: id.ring, pos: ring.taken() })
        })
    }

    /// Gives the space of everything taken back to the producers, and wakes those that wait.
    pub fn release(&mut self) {
        for id in self.dirty.drain(..) {
            let segment = self.segments.get_mut(id.segment as usize).and_then(Option::as_mut);
            if let Some(segment) = segment
                && let Some(Some(ring)) = segment.rings.get_mut(id.ring as usize)
            {
                ring.release(&segment.path);
            }
        }
    }

    /// Bytes that are committed and not released, in all rings.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let rings = self.segments.iter().flatten().flat_map(|segment| &segment.rings).flatten();
        rings.map(Reading::waiting).sum()
    }

    /// Records that were not accepted since the last call, by ring.
    pub fn losses(&mut self, mut each: impl FnMut(RingId, Losses)) {
        for (number, segment) in self.segments.iter_mut().enumerate() {
            for (ring, reading) in segment.iter_mut().flat_map(|it| it.rings.iter_mut().enumerate())
            {
                if let Some(losses) = reading.as_mut().and_then(|it| it.consumer.losses()) {
                    each(RingId { segment: number as u32, ring: ring as u32 }, losses);
                }
            }
        }
    }

    /// What was found broken since the last call.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damage)
    }

    /// Calls `each` with every call site that a segment has published since the last call, in the
    /// order of their numbers, which begin at 1.
    pub fn new_sites(&mut self, segment: u32, each: impl FnMut(&[u8])) {
        if let Some(Some(segment)) = self.segments.get_mut(segment as usize) {
            segment.new_sites(each);
        }
    }

    /// The id and the name of the process that made a segment, by its own account.
    #[must_use]
    pub fn process(&self, segment: u32) -> Option<(u32, String)> {
        let segment = self.segments.get(segment as usize)?.as_ref()?;
        Some((segment.process, segment.process_name()))
    }

    /// How many segments and rings are mapped.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let rings = self.segments.iter().flatten().map(|segment| segment.rings.len()).sum();
        (self.segments.iter().flatten().count(), rings)
    }

    /// Looks for segments that are new, and at times for those whose process is dead: once they are
    /// drained they are removed.
    fn scan(&mut self) {
        let joins = self.queue.bell.words().load(bell::JOINS, Ordering::SeqCst);
        let due = self.scanned.is_none_or(|at| at.elapsed() >= SCAN_EVERY);
        if joins == self.joins_seen && !due {
            return;
        }
        self.joins_seen = joins;
        self.scanned = Some(Instant::now());
        self.open_new_segments();
        if due {
            self.remove_dead(|segment| !LifetimeLock::is_held(&segment.path).unwrap_or(true));
        }
    }

    /// Removes the drained segments of this process and of dead ones: the last step of a writer that
    /// leaves after the process has left the queue.
    pub fn remove_drained_segments(&mut self) {
        // Not by the number of the process: in containers that share a folder all may be number 1.
        self.remove_dead(|segment| {
            crate::put::is_own_segment(segment.id)
                || !LifetimeLock::is_held(&segment.path).unwrap_or(true)
        });
    }

    fn remove_dead(&mut self, is_dead: impl Fn(&SegmentReader) -> bool) {
        for slot in &mut self.segments {
            // First dead, then drained: after its death nothing is added.
            let done = slot.take_if(|segment| is_dead(segment) && segment.is_drained());
            if let Some(segment) = done {
                segment.remove();
            }
        }
    }

    fn open_new_segments(&mut self) {
        let Ok(entries) = fs::read_dir(self.queue.dir()) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_segment = name.to_str().is_some_and(|name| name.starts_with("s-"));
            let path = entry.path();
            let known = self.segments.iter().flatten().any(|segment| segment.path == path);
            if is_segment && !known {
                match SegmentReader::open(&path) {
                    Opened::Segment(segment) => self.segments.push(Some(segment)),
                    Opened::Foreign => {
                        set_aside(&path);
                        self.damage.push(Damage { process: 0, what: Corrupt::Segment, bytes: 0 });
                    }
                    Opened::NotNow => {}
                }
            }
        }
    }
}

enum Opened {
    Segment(SegmentReader),
    /// It never will be a segment.
    Foreign,
    /// This process has no descriptor or memory left: the next scan tries again.
    NotNow,
}

/// A file that is no segment gets another name, so that it is met once.
fn set_aside(path: &Path) {
    if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
        let _ = fs::rename(path, path.with_file_name(format!("bad-{name}")));
    }
}

#[derive(Debug)]
struct SegmentReader {
    path: PathBuf,
    file: File,
    map: Map,
    id: u128,
    process: u32,
    no_barrier: bool,
    rings: Vec<Option<Reading>>,
    table_read: usize,
}

impl SegmentReader {
    fn open(path: &Path) -> Opened {
        match SegmentReader::try_open(path) {
            Ok(Some(segment)) => Opened::Segment(segment),
            Ok(None) => Opened::Foreign,
            Err(err) => match err.raw_os_error() {
                Some(libc::ELOOP | libc::EISDIR | libc::ENXIO) => Opened::Foreign,
                _ => Opened::NotNow,
            },
        }
    }

    fn try_open(path: &Path) -> io::Result<Option<SegmentReader>> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        let meta = file.metadata()?;
        if os::check_own(&file).is_err() || meta.len() < PAGE as u64 {
            return Ok(None);
        }
        let first = Map::shared(&file, PAGE)?;
        let word = |at| first.words().load(at, Ordering::Relaxed);
        let budget = word(header::BUDGET) as usize;
        let is_segment = word(header::MAGIC_AT) == MAGIC && word(header::VERSION_AT) == VERSION;
        if !is_segment || budget > BUDGET_MAX {
            return Ok(None);
        }
        Ok(Some(SegmentReader {
            path: path.to_owned(),
            map: Map::shared(&file, DATA_START + budget)?,
            id: u128::from(word(header::ID)) | u128::from(word(header::ID + 1)) << 64,
            process: word(header::PROCESS_ID) as u32,
            no_barrier: word(header::NO_BARRIER) != 0,
            file,
            rings: Vec::new(),
            table_read: 0,
        }))
    }

    /// Removes the segment and the side files that nothing refers to, since their maker died first.
    fn remove(&self) {
        let prefix = side_prefix(&self.path);
        let entries = self.path.parent().and_then(|dir| fs::read_dir(dir).ok());
        for entry in entries.into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)) {
                let _ = fs::remove_file(entry.path());
            }
        }
        let _ = fs::remove_file(&self.path);
    }

    fn process_name(&self) -> String {
        let words = self.map.words();
        let len = words.load(header::NAME_LEN, Ordering::Relaxed) as usize;
        let bytes: Vec<u8> = (0..header::NAME_WORDS)
            .flat_map(|at| words.load(header::NAME + at, Ordering::Relaxed).to_le_bytes())
            .take(len)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn observe(
        &mut self,
        number: u32,
        t0: u64,
        active: &mut Vec<RingId>,
        damage: &mut Vec<Damage>,
    ) {
        for (ring, slot) in self.rings.iter_mut().enumerate() {
            let Some(reading) = slot else { continue };
            reading.t0 = t0;
            match reading.consumer.observe() {
                Ok(false) if reading.next.is_none() && reading.at == reading.words.len() => {}
                Ok(_) => active.push(RingId { segment: number, ring: ring as u32 }),
                Err(what) => {
                    damage.push(Damage { process: self.process, what, bytes: 0 });
                    *slot = None;
                }
            }
        }
    }

    /// Opens the rings that were published since the last call; gives the numbers of those that are
    /// read further than they say.
    fn open_new_rings(
        &mut self,
        starts: &HashMap<(u128, u32), u64>,
        damage: &mut Vec<Damage>,
    ) -> impl Iterator<Item = u32> {
        let known = self.rings.len();
        // SYNC POINT rings: with the release store in `Segment::make_ring`.
        let count = self.map.words().load(header::N_RINGS, Ordering::Acquire) as usize;
        for number in self.rings.len()..count.min(MAX_RINGS) {
            let start = starts.get(&(self.id, number as u32)).copied();
            let mut ring = self.open_ring(number, start.unwrap_or(0));
            match &mut ring {
                // Until the ring itself says so, every write that is announced has to.
                Some(reading) => reading.is_dirty = reading.is_ahead(),
                None => {
                    let process = self.process;
                    damage.push(Damage { process, what: Corrupt::Ring, bytes: 0 });
                }
            }
            self.rings.push(ring);
        }
        let fresh = self.rings.iter().enumerate().skip(known);
        let ahead = fresh.filter(|(_, ring)| ring.as_ref().is_some_and(|it| it.is_dirty));
        ahead.map(|(number, _)| number as u32)
    }

    /// The ring, if what its control block says is possible and lies within the file.
    fn open_ring(&self, number: usize, start: u64) -> Option<Reading> {
        let len = self.file.metadata().ok()?.len();
        let control_at = CONTROL_START + number * CONTROL_WORDS * 8;
        if control_at + CONTROL_WORDS * 8 > len as usize {
            return None;
        }
        // SAFETY: the map lives as long as this `SegmentReader`, and readings lie within it.
        let words = unsafe { self.map.words_forever() };
        let control = words.part(control_at / 8, CONTROL_WORDS);
        let at = control.load(DATA_AT, Ordering::Relaxed) as usize;
        let size = control.load(DATA_LEN, Ordering::Relaxed) as usize;
        let possible = RING_SIZES.contains(&size)
            && at.is_multiple_of(PAGE)
            && at >= DATA_START
            && at
                .checked_add(size)
                .is_some_and(|end| end <= len as usize && end <= 8 * words.len());
        if !possible {
            return None;
        }
        let ring = Ring { control, data: words.part(at / 8, size / 8), capacity: size as u64 };
        let head = control.load(HEAD, Ordering::Acquire);
        let is_ahead = start > head && start - head <= size as u64 && start.is_multiple_of(8);
        let head = if is_ahead { start } else { head };
        head.is_multiple_of(8).then(|| Reading::new(Consumer::new(ring, head)))
    }

    fn has_news(&self) -> bool {
        let rings = self.map.words().load(header::N_RINGS, Ordering::Relaxed) as usize;
        rings.min(MAX_RINGS) > self.rings.len()
            || self.rings.iter().flatten().any(Reading::has_news)
    }

    fn is_drained(&self) -> bool {
        !self.has_news() && self.rings.iter().flatten().all(|ring| ring.waiting() == 0)
    }

    fn new_sites(&mut self, mut each: impl FnMut(&[u8])) {
        // SYNC POINT table: with the release store in `Segment::register_site`.
        let words = self.map.words();
        let end = (words.load(header::TABLE_LEN, Ordering::Acquire) as usize).min(TABLE_MAX);
        let in_file = self.file.metadata().map_or(0, |meta| meta.len() as usize);
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
            each(&bytes);
        }
    }
}

/// One ring being read, with the private copy of what is being parsed.
#[derive(Debug)]
struct Reading {
    consumer: Consumer<MapWords<'static>>,
    /// The copy.
    words: Vec<u64>,
    /// What of it has been taken.
    at: usize,
    /// The frame at `at`, checked.
    next: Option<FrameHead>,
    last_stamp: u64,
    t0: u64,
    side: Vec<u8>,
    side_files: Vec<u64>,
    is_dirty: bool,
}

impl Reading {
    fn new(consumer: Consumer<MapWords<'static>>) -> Reading {
        Reading {
            consumer,
            words: Vec::new(),
            at: 0,
            next: None,
            last_stamp: 0,
            t0: 0,
            side: Vec::new(),
            side_files: Vec::new(),
            is_dirty: false,
        }
    }

    /// How far frames were taken.
    fn taken(&self) -> u64 {
        self.consumer.pos() - 8 * (self.words.len() - self.at) as u64
    }

    /// Whether it was read further than it says itself.
    fn is_ahead(&self) -> bool {
        self.consumer.ring().control.load(HEAD, Ordering::Relaxed) < self.consumer.pos()
    }

    fn waiting(&self) -> u64 {
        self.consumer.tail() - self.consumer.released()
    }

    fn has_news(&self) -> bool {
        self.has_rest() || self.consumer.has_news()
    }

    /// Whether something that was seen has not been taken: it was put after the pass began.
    fn has_rest(&self) -> bool {
        self.next.is_some()
            || self.at != self.words.len()
            || self.consumer.pos() != self.consumer.tail()
    }

    /// Finds the next frame: in the copy, else by copying more.
    fn advance(&mut self, segment: &Path, process: u32, damage: &mut Vec<Damage>) -> Option<u64> {
        loop {
            if self.at == self.words.len() {
                if self.consumer.pos() == self.consumer.tail() {
                    return None;
                }
                self.at = 0;
                if let Err(what) = self.consumer.read(READ_MAX, &mut self.words) {
                    self.give_up(process, what, damage);
                    return None;
                }
            }
            match parse(&self.words[self.at..]) {
                Ok((Some(mut frame), _)) => {
                    frame.stamp = self.plausible(frame.stamp);
                    self.next = Some(frame);
                    if frame.flags != 0 && !self.read_side(segment) {
                        damage.push(Damage { process, what: Corrupt::SideFile, bytes: 0 });
                    }
                    return Some(frame.stamp);
                }
                Ok((None, n_words)) => self.at += n_words,
                Err(what) => {
                    self.give_up(process, what, damage);
                    return None;
                }
            }
        }
    }

    /// Stamps of one ring never fall, and none lies in the future.
    fn plausible(&mut self, stamp: u64) -> u64 {
        let latest = self.t0.saturating_add(FUTURE_SLACK);
        let stamp = if stamp > latest { self.t0 } else { stamp };
        self.last_stamp = self.last_stamp.max(stamp);
        self.last_stamp
    }

    /// Skips what was observed. Tails stand between frames, so reading can go on behind it.
    fn give_up(&mut self, process: u32, what: Corrupt, damage: &mut Vec<Damage>) {
        let unread = 8 * (self.words.len() - self.at) as u64;
        let bytes = unread + self.consumer.skip_to_tail();
        self.words.clear();
        self.at = 0;
        self.next = None;
        damage.push(Damage { process, what, bytes });
    }

    #[inline]
    fn frame(&self) -> Option<FrameRef<'_>> {
        let frame = self.next?;
        let start = self.at + 2;
        let body = match frame.flags {
            0 => bytes_of(&self.words[start..start + frame.len / 8]),
            _ => &self.side,
        };
        Some(FrameRef { tag: frame.tag, stamp: frame.stamp, body })
    }

    #[inline]
    fn next(&mut self) {
        if let Some(frame) = self.next.take() {
            self.at += 2 + frame.len / 8;
        }
    }

    /// Reads the body of the frame at hand from its side file; false if it cannot be read, and then
    /// the body is empty.
    #[cold]
    fn read_side(&mut self, segment: &Path) -> bool {
        self.side.clear();
        match (self.next, &self.words[self.at + 2..]) {
            (Some(FrameHead { len: 16, .. }), &[number, len, ..]) => {
                self.side_files.push(number);
                read_side(segment, number, len, &mut self.side).is_some()
            }
            _ => false,
        }
    }

    fn release(&mut self, segment: &Path) {
        self.is_dirty = false;
        // The last one may belong to a frame that was looked at and not taken: it is still to come,
        // and a writer that takes over will have to read it again.
        let n_ahead = usize::from(self.next.is_some_and(|frame| frame.flags != 0));
        let n_taken = self.side_files.len() - n_ahead;
        for number in self.side_files.drain(..n_taken) {
            let _ = fs::remove_file(side_path(segment, number));
        }
        let pos = self.taken();
        if self.consumer.release(pos) {
            os::futex_wake(self.consumer.ring().control.low_half(HEAD), 1);
        }
    }
}

/// The bytes of words that were copied from little-endian frames.
fn bytes_of(words: &[u64]) -> &[u8] {
    const { assert!(cfg!(target_endian = "little"), "frames are little-endian") };
    // SAFETY: every byte of an initialised u64 is an initialised u8, the length is that of the
    // words, and u8 has no alignment. The words are a private copy, not shared memory.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 8 * words.len()) }
}

/// Reads the body of a side file into `out`, which is empty.
fn read_side(segment: &Path, number: u64, len: u64, out: &mut Vec<u8>) -> Option<()> {
    let len = usize::try_from(len).ok().filter(|len| *len <= crate::MAX_RECORD)?;
    let path = side_path(segment, number);
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    if file.metadata().ok()?.len() < len as u64 {
        return None;
    }
    out.resize(len, 0);
    file.read_exact_at(out, 0).inspect_err(|_| out.clear()).ok()
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::put::{JoinOptions, join, leave, put};

    #[test]
    fn who_joins_and_puts_while_a_pass_takes_its_time_is_seen_by_that_pass() {
        let dir = tempfile::tempdir().unwrap();
        let open = || Queue::open_in(&dir.path().join("queue")).unwrap();
        let mut reader = Reader::new(Box::leak(Box::new(open())));
        reader.begin();
        // Between the two halves of the next pass a process puts its first record. Another put
        // that begins after it would be in view, and must not be merged without it.
        let t0 = reader.take_time();
        join(0, open(), JoinOptions::default()).unwrap();
        put(0, 20, 1, 8, |frame| frame.word(7)).unwrap();
        reader.look(t0);
        leave();
        assert_eq!(reader.active(), [RingId { segment: 0, ring: 0 }]);
    }
}
