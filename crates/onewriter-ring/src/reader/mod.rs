//! The writer's side: all segments of a queue, read in exact order.
//!
//! A pass reads the time `T0`, runs a barrier on every producer's processor, and only then reads
//! the tails. A put that had returned before another one began has its tail in view whenever the
//! other's stamp is at or below `T0`: so what is merged by stamp up to `T0` is in real-time order,
//! and a put needs no fence.

mod damage;
mod given_up;
mod house;
mod reading;
mod segment;
mod side;

pub use damage::Damage;

use crate::clock;
use crate::os;
use crate::queue::{Queue, bell};
use crate::segment::segment_path;
use crate::spsc::{Corrupt, Losses};
use crate::words::Words;
use damage::DamageLog;
use given_up::GivenUpLog;
use segment::{Opened, Rules, SegmentReader};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

/// How often segments are looked for without being told, and the dead among them.
const SCAN_EVERY: Duration = Duration::from_secs(1);
/// How often what killed processes left in the making is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Segments that are open at once.
const MAX_SEGMENTS: usize = 4096;

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

/// All segments of a queue.
#[derive(Debug)]
pub struct Reader {
    queue: &'static Queue,
    rules: Rules,
    segments: Vec<Option<SegmentReader>>,
    /// The names of those that are open.
    names: HashSet<OsString>,
    most: usize,
    is_crowded: bool,
    sees_all: bool,
    joins_seen: u64,
    scanned: Option<Instant>,
    swept: Option<Instant>,
    active: Vec<RingId>,
    dirty: Vec<RingId>,
    log: DamageLog,
    given_up: GivenUpLog,
    bell_is_cut: bool,
    barrier_works: bool,
}

impl Reader {
    /// A reader of the queue. There must be only one at a time.
    #[must_use]
    pub fn new(queue: &'static Queue) -> Reader {
        clock::follow(queue.bell.clock);
        Reader {
            queue,
            rules: Rules {
                uid: fs::metadata(queue.dir()).map_or_else(|_| os::user_id(), |meta| meta.uid()),
                in_memory: File::open(queue.dir())
                    .is_ok_and(|dir| os::file_system(&dir).is_ok_and(|it| it.is_memory)),
            },
            segments: Vec::new(),
            names: HashSet::new(),
            most: MAX_SEGMENTS,
            is_crowded: false,
            sees_all: true,
            joins_seen: u64::MAX,
            scanned: None,
            swept: None,
            active: Vec::new(),
            dirty: Vec::new(),
            log: DamageLog::default(),
            given_up: GivenUpLog::default(),
            bell_is_cut: false,
            barrier_works: os::register_barrier() && os::barrier(),
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
        self.given_up.begin(t0);
        let all_registered = !self.segments.iter().flatten().any(|segment| segment.no_barrier);
        self.barrier_works = os::barrier() && all_registered;
        // Without a barrier a tail may still be on its way: leave out the last moments.
        if self.barrier_works { t0 } else { t0.saturating_sub(8_000) }
    }

    /// Segments, rings and tails are looked at after the time was taken: whoever put before it is
    /// seen, also if it has just joined.
    fn look(&mut self, t0: u64) {
        self.scan();
        self.look_at_bell();
        let Reader { segments, active, log, .. } = self;
        active.clear();
        for (number, segment) in segments.iter_mut().enumerate() {
            if let Some(segment) = segment {
                let id = |ring| RingId { segment: number as u32, ring };
                segment.open_new_rings(log);
                segment.observe(t0, log, |ring| active.push(id(ring)));
            }
        }
    }

    fn look_at_bell(&mut self) {
        if !self.bell_is_cut && self.queue.bell.is_cut() {
            self.bell_is_cut = true;
            self.log.add(Damage::of_file(&self.queue.dir().join(bell::FILE), Corrupt::Truncated));
        }
    }

    /// The rings that have something to read in this pass.
    #[must_use]
    pub fn active(&self) -> &[RingId] {
        &self.active
    }

    /// Whether the last pass had all segments in view. This process may have no descriptor or memory
    /// left to open one, or there are too many: then nothing can be said about what they hold. Nor can it
    /// of what is missing in a segment that was given up, before all that is there has been read.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.sees_all
    }

    /// Whether any ring has something that the last pass did not see, or the first pass has found
    /// segments that may be dead. A cheap look.
    #[must_use]
    pub fn has_news(&self) -> bool {
        let joins = self.queue.bell.words().load(bell::JOINS, Ordering::Relaxed);
        joins != self.joins_seen
            || self.scanned.is_none()
            || self.segments.iter().flatten().any(SegmentReader::has_news)
    }

    /// The stamp of the next frame of a ring, if there is one in this pass.
    #[inline]
    pub fn peek(&mut self, id: RingId) -> Option<u64> {
        let segment = self.segments.get_mut(id.segment as usize)?.as_mut()?;
        if let Some(stamp) = segment.rings.get(id.ring as usize)?.as_ref()?.stamp() {
            return Some(stamp);
        }
        let stamp = segment.advance(id.ring, &mut self.log);
        // Padding and damage move on without a frame; they too are to be released.
        let ring = segment.rings.get_mut(id.ring as usize)?.as_mut()?;
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

    /// Nothing can be made of the frame that was peeked at. If its segment is given up, it counts among
    /// what was lost with that.
    pub fn note_unreadable(&mut self, id: RingId) {
        let segment = self.segments.get_mut(id.segment as usize).and_then(Option::as_mut);
        if let Some(ring) = segment.and_then(|it| it.rings.get_mut(id.ring as usize)?.as_mut()) {
            ring.note_unreadable();
        }
    }

    /// The segment's random bits and where the frame that was peeked at begins.
    #[must_use]
    pub fn position(&self, id: RingId) -> Option<Cursor> {
        let segment = self.segments.get(id.segment as usize)?.as_ref()?;
        let ring = segment.rings.get(id.ring as usize)?.as_ref()?;
        Some(Cursor { segment: segment.about.id, ring: id.ring, pos: ring.taken() })
    }

    /// Whether something that stands before this cursor may still be read: its ring was taken less
    /// far, or its segment is there and could not be opened yet.
    #[must_use]
    pub fn may_come(&self, cursor: &Cursor) -> bool {
        let mut segments = self.segments.iter().flatten();
        let Some(segment) = segments.find(|segment| segment.about.id == cursor.segment) else {
            return segment_path(self.queue, cursor.segment).exists();
        };
        match segment.rings.get(cursor.ring as usize) {
            Some(ring) => ring.as_ref().is_some_and(|ring| ring.taken() < cursor.pos),
            None => true,
        }
    }

    /// How far each ring has been taken, of those that were taken from since the last release.
    pub fn cursors(&self) -> impl Iterator<Item = Cursor> + Clone + '_ {
        self.dirty.iter().filter_map(|id| {
            let segment = self.segments.get(id.segment as usize)?.as_ref()?;
            let ring = segment.rings.get(id.ring as usize)?.as_ref()?;
            Some(Cursor { segment: segment.about.id, ring: id.ring, pos: ring.taken() })
        })
    }

    /// Gives the space of everything taken back to the producers, and wakes those that wait.
    pub fn release(&mut self) {
        for id in self.dirty.drain(..) {
            let segment = self.segments.get_mut(id.segment as usize).and_then(Option::as_mut);
            if let Some(segment) = segment
                && let Some(Some(ring)) = segment.rings.get_mut(id.ring as usize)
            {
                ring.release(&segment.about);
            }
        }
    }

    /// Bytes that are committed and not released, in all rings.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let rings = self.segments.iter().flatten().flat_map(|segment| &segment.rings).flatten();
        rings.map(reading::Reading::waiting).sum()
    }

    /// What [`losses`](Reader::losses) has given is told: another reader would not give it again.
    pub fn tell_losses(&mut self) {
        let rings = self.segments.iter_mut().flatten().flat_map(|segment| &mut segment.rings);
        rings.flatten().for_each(|reading| reading.consumer.tell_losses());
        self.given_up.tell();
    }

    /// Records that were not accepted since the last call, by ring.
    pub fn losses(&mut self, mut each: impl FnMut(RingId, Losses)) {
        for (number, segment) in self.segments.iter_mut().enumerate() {
            let Some(SegmentReader { about, rings, .. }) = segment else { continue };
            for (ring, slot) in rings.iter_mut().enumerate() {
                let Some(reading) = slot else { continue };
                let losses = reading.consumer.losses();
                if let Some(losses) = losses.filter(|_| !reading.is_cut(about)) {
                    each(RingId { segment: number as u32, ring: ring as u32 }, losses);
                }
            }
        }
    }

    /// Records that processes have lost since the last call with segments that somebody has cut, removed
    /// or written over: how many, and the process.
    pub fn take_lost_segments(&mut self) -> Vec<(u32, u64)> {
        self.given_up.take()
    }

    /// What was found broken since the last call.
    pub fn take_damage(&mut self) -> Vec<Damage> {
        self.log.take()
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
        Some((segment.about.process, segment.process_name()))
    }

    /// Whether this segment is still there. One that is gone never comes back.
    #[must_use]
    pub fn has_segment(&self, segment: u32) -> bool {
        self.segments.get(segment as usize).is_some_and(Option::is_some)
    }

    /// Whether this process itself puts into this ring.
    #[must_use]
    pub fn is_own(&self, id: RingId) -> bool {
        let segment = self.segments.get(id.segment as usize).and_then(Option::as_ref);
        segment.is_some_and(|segment| crate::join::is_own_segment(segment.about.id))
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
        // What was given up goes as soon as it is drained: then it is known what is missing.
        let waits = self.has_given_up();
        if joins == self.joins_seen && !due && !waits {
            return;
        }
        self.joins_seen = joins;
        if due || waits {
            self.remove_dead_segments();
        }
        self.open_new_segments();
        // What a writer that has just taken over finds may be dead: the next scan, and not the one in a
        // second, removes it. Else each of several take-overs would open it again.
        let is_first = self.swept.is_none();
        self.scanned = (!is_first).then(Instant::now);
        self.given_up.look(&mut self.segments);
        // Until then nobody can say that all is written or told.
        self.sees_all &= !self.has_given_up();
        if self.swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
            self.swept = Some(Instant::now());
            self.sweep(SystemTime::now());
        }
    }

    /// Whether a segment is still open that its process has given up.
    fn has_given_up(&self) -> bool {
        self.segments.iter().flatten().any(|segment| segment.given_up.is_some())
    }

    /// Removes what processes that were killed in the middle of it have left in the making, if it is
    /// older than a minute at `now`, and beside this queue the private ones whose processes are all
    /// gone: nobody else knows them. A pass does this once a minute.
    pub fn sweep(&self, now: SystemTime) {
        house::sweep(self.queue.dir(), now);
        house::sweep_private(self.queue.dir(), now);
    }

    /// Removes the drained segments of dead processes. A pass does this once a second. What they never
    /// finished is then among the damage.
    pub fn remove_dead_segments(&mut self) {
        self.remove_drained(|_| false);
    }

    /// Removes the drained segments of this process and of dead ones: the last step of a writer that
    /// leaves after the process has left the queue.
    pub fn remove_drained_segments(&mut self) {
        // Not by the number of the process: in containers that share a folder all may be number 1.
        self.remove_drained(|segment| crate::join::is_left_segment(segment.about.id));
    }

    fn remove_drained(&mut self, is_own: impl Fn(&SegmentReader) -> bool) {
        let mut removed = Vec::new();
        for slot in &mut self.segments {
            // First dead, then drained: after its death nothing is added.
            let is_over =
                |it: &SegmentReader| it.given_up.is_some() || is_own(it) || it.about.is_dead();
            let done = slot.take_if(|segment| is_over(segment) && segment.is_drained());
            if let Some(segment) = done {
                let died = !is_own(&segment) && segment.given_up.is_none();
                self.names.remove(segment.about.path.file_name().unwrap_or_default());
                removed.push((segment, died));
            }
        }
        for (segment, died) in removed {
            // What it says of others is the last that its process says.
            self.given_up.hear(&segment, &mut self.segments);
            segment.remove(died, &mut self.log);
            self.given_up.note_removed(&segment);
        }
    }

    fn open_new_segments(&mut self) {
        if self.queue.is_others() {
            // What stands there is read by whoever has made the queue anew.
            self.sees_all = true;
            return;
        }
        let entries = match fs::read_dir(self.queue.dir()) {
            Ok(entries) => entries,
            Err(err) => {
                // Without a folder there is no segment either.
                self.sees_all = err.kind() == io::ErrorKind::NotFound;
                return;
            }
        };
        self.sees_all = true;
        let was_crowded = std::mem::take(&mut self.is_crowded);
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_segment = name.to_str().is_some_and(|name| name.starts_with("s-"));
            if !is_segment || self.names.contains(&name) {
                continue;
            }
            if self.names.len() >= self.most {
                (self.is_crowded, self.sees_all) = (true, false);
                break;
            }
            self.open_segment(name);
        }
        if self.is_crowded && !was_crowded {
            let what = Corrupt::TooMany { most: self.most };
            self.log.add(Damage::of_file(self.queue.dir(), what));
        }
    }

    fn open_segment(&mut self, name: OsString) {
        let path = self.queue.dir().join(&name);
        match SegmentReader::open(&path, self.rules) {
            Opened::Segment(segment) => {
                self.segments.push(Some(segment));
                self.names.insert(name);
            }
            Opened::Foreign(what) => {
                house::set_aside(&path);
                self.log.add(Damage::of_file(&path, what));
            }
            Opened::NotNow => self.sees_all = false,
        }
    }

    /// Opens at most so many segments at once.
    #[cfg(test)]
    fn limit(&mut self, most: usize) {
        self.most = most;
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::join::{JoinOptions, join, leave};
    use crate::put::put;
    use crate::tests::one_at_a_time;

    #[test]
    fn who_joins_and_puts_while_a_pass_takes_its_time_is_seen_by_that_pass() {
        let _turn = one_at_a_time();
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

    #[test]
    fn what_is_beyond_the_limit_of_segments_waits_and_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open_in(&dir.path().join("queue")).unwrap();
        let queue: &'static Queue = Box::leak(Box::new(queue));
        let made = || crate::segment::Segment::create(queue, 64 << 10, 1, None).unwrap();
        let mut segments = [made(), made(), made()].map(|segment| segment.id).to_vec();
        let mut reader = Reader::new(queue);
        reader.limit(2);
        for _ in 0..3 {
            reader.begin();
            reader.scanned = None;
        }
        assert_eq!((reader.counts().0, reader.sees_all()), (2, false));
        let told: Vec<_> = reader.take_damage().iter().map(|it| it.what).collect();
        assert_eq!(told, [Corrupt::TooMany { most: 2 }]);
        // One of the two goes: the third has its turn.
        let gone = reader.segments[0].take().unwrap();
        gone.remove(false, &mut reader.log);
        reader.names.remove(gone.about.path.file_name().unwrap());
        segments.retain(|id| *id != gone.about.id);
        reader.begin();
        let mut open: Vec<_> = reader.segments.iter().flatten().map(|it| it.about.id).collect();
        open.sort_unstable();
        segments.sort_unstable();
        assert_eq!((open, reader.sees_all()), (segments, true));
        assert_eq!(reader.take_damage(), []);
    }
}
