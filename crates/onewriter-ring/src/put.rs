//! Putting: the fast path, and what happens when it is closed.

use crate::clock;
use crate::handle::thread_mark;
use crate::handle::{Handle, IN_SLOW, Slow, grow, handle_of, introduce, own_handle, shared_handle};
use crate::join::{
    Joined, OPEN, SILENCED, SILENT, count_lost_unseen, give_up, is_given_up, joined, look_at_times,
    process, take_lost_unseen,
};
use crate::os;
use crate::queue::{self, bell};
use crate::segment::RING_SIZES;
use crate::spin::SpinGuard;
use crate::spsc::{FRAME_HEADER, Frame, HEAD, Room, SIDE_FLAG};
use crate::words::{MapWords, Words};
use std::fmt;
use std::sync::atomic::{Ordering, compiler_fence};
use std::time::{Duration, Instant};

/// A frame in shared memory, being filled.
pub type RingFrame<'a> = Frame<'a, MapWords<'static>>;

/// The largest body of a record, in bytes.
pub const MAX_RECORD: usize = 64 << 20;

/// The tag of the frame that introduces a thread.
pub const INTRODUCTION_TAG: u32 = 0;

/// From this level number on a put may use the reserve of its ring.
pub const URGENT_LEVEL: u8 = 40;

/// Why a record was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutError {
    /// No queue was joined, or it was left.
    Closed,
    /// There was no room within the time that the overflow policy allows.
    Full,
    /// The record is larger than [`MAX_RECORD`] bytes.
    TooLarge {
        /// Its size.
        len: usize,
    },
    /// There is no shared memory left for a ring or a side file, or no file descriptor to make one.
    NoMemory,
    /// Somebody has cut, removed or written over the file that holds this process's rings, in the moment of
    /// the put. The log says how many records went with it; the next put goes into a new file.
    Cut,
}

impl fmt::Display for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutError::Closed => f.write_str("no logger is installed, or it was shut down"),
            PutError::Full => f.write_str("the queue is full"),
            PutError::TooLarge { len } => {
                write!(f, "the record has {len} bytes, at most {MAX_RECORD} are possible")
            }
            PutError::NoMemory => f.write_str(
                "no shared memory is left for the record, or no file descriptor for that",
            ),
            PutError::Cut => f.write_str(
                "the file with the record was cut, removed or written over by somebody: the next \
                 record goes into a new one",
            ),
        }
    }
}

impl std::error::Error for PutError {}

/// Puts a record: `len` bytes of body (a multiple of eight), written by `fill`, which calls no code
/// of the user.
///
/// The fast path takes no lock, makes no system call and allocates nothing. When there is no room,
/// the ring grows within the budget, then the overflow policy decides.
///
/// A signal handler may put. If it interrupts a put, its record goes through a ring that all
/// threads share; if it interrupts one that is allocating, its record is refused and counted.
///
/// A child that a signal handler forks in the middle of a put must not return from that handler: the
/// put that it would go on with is its parent's.
#[inline(always)]
pub fn put<F>(slot: usize, level: u8, tag: u32, len: usize, fill: F) -> Result<(), PutError>
where
    F: FnOnce(&mut RingFrame<'_>),
{
    put_or(slot, level, tag, len, fill, Manner { waits: true, counts: true })
}

/// Like [`put`], but never waits for room.
#[inline(always)]
pub fn try_put<F>(slot: usize, level: u8, tag: u32, len: usize, fill: F) -> Result<(), PutError>
where
    F: FnOnce(&mut RingFrame<'_>),
{
    put_or(slot, level, tag, len, fill, Manner { waits: false, counts: true })
}

/// Like [`put`], but a record that is refused with [`PutError::Full`], [`PutError::NoMemory`] or
/// [`PutError::TooLarge`] does not count as lost: the caller still has it, and may ask again. How long it
/// waits is up to the overflow policy too.
#[inline(always)]
pub fn ask_put<F>(slot: usize, level: u8, tag: u32, len: usize, fill: F) -> Result<(), PutError>
where
    F: FnOnce(&mut RingFrame<'_>),
{
    put_or(slot, level, tag, len, fill, Manner { waits: true, counts: false })
}

/// What a put does without room.
#[derive(Clone, Copy)]
struct Manner {
    /// Waits, as the overflow policy says.
    waits: bool,
    /// Counts a record that it refuses as lost.
    counts: bool,
}

#[inline(always)]
fn put_or<F>(
    slot: usize,
    level: u8,
    tag: u32,
    len: usize,
    fill: F,
    manner: Manner,
) -> Result<(), PutError>
where
    F: FnOnce(&mut RingFrame<'_>),
{
    debug_assert!(len.is_multiple_of(8));
    let stamp = clock::stamp();
    let handle = handle_of(slot);
    match handle.producer.try_put(tag, stamp, len, fill) {
        Ok(()) => after_commit(slot, handle),
        Err(fill) => {
            let mut fill = Some(fill);
            let request = Request { slot, level, tag, len, manner };
            request.put_slow(handle, stamp, &mut |frame| {
                if let Some(fill) = fill.take() {
                    fill(frame);
                }
            })
        }
    }
}

/// The end of every put: is the queue still open, does the writer sleep?
#[inline(always)]
fn after_commit(slot: usize, handle: &Handle) -> Result<(), PutError> {
    compiler_fence(Ordering::SeqCst);
    // SYNC POINT bell: no fence here; the writer's barrier stands in for it.
    let asleep = handle.bell.get().load(bell::STATE, Ordering::Relaxed) == bell::SLEEPING;
    let closed = OPEN[slot].load(Ordering::Relaxed) != handle.joined.load(Ordering::Relaxed);
    if asleep | closed { handle.after_commit_slow(slot, closed) } else { Ok(()) }
}

impl Handle {
    #[cold]
    #[inline(never)]
    fn after_commit_slow(&self, slot: usize, closed: bool) -> Result<(), PutError> {
        if closed {
            self.producer.expire();
            let is_cut = is_given_up(slot, self.joined.load(Ordering::Relaxed));
            // The handle has counted it among those of its segment: it is told with them.
            return Err(if is_cut { PutError::Cut } else { PutError::Closed });
        }
        queue::ring(self.bell.get());
        // Who puts so seldom that the writer sleeps does not come to the end of its ring.
        joined(slot).into_iter().for_each(|joined| look_at_times(joined, clock::stamp()));
        Ok(())
    }
}

/// Counts in the ring what was lost while this process had none: only there another process sees it.
fn count_earlier(slot: usize, handle: &Handle) {
    let count = take_lost_unseen(slot);
    if count > 0 {
        handle.producer.count_lost_earlier(count, clock::stamp());
    }
}

type Fill<'a> = &'a mut dyn FnMut(&mut RingFrame<'_>);

/// A put's wait for room.
#[derive(Clone, Copy)]
struct Wait {
    /// How long the overflow policy lets a put of this level wait.
    patience: Duration,
    end: Instant,
}

/// Why a put has written nothing.
enum NotPut {
    Refused(PutError),
    /// Its segment was given up; it may begin anew in the next.
    Broken,
}

/// How often a put begins anew in another segment because its own was found broken.
const MAX_SEGMENTS: usize = 4;

/// A put that left the fast path.
#[derive(Clone, Copy)]
struct Request {
    slot: usize,
    level: u8,
    tag: u32,
    len: usize,
    manner: Manner,
}

impl Request {
    #[cold]
    #[inline(never)]
    fn put_slow(self, handle: &Handle, stamp: u64, fill: Fill<'_>) -> Result<(), PutError> {
        let Some(joined) = joined(self.slot) else { return Err(PutError::Closed) };
        if !joined.is_open() {
            return Err(PutError::Closed);
        }
        let mark = thread_mark();
        if mark == SILENT {
            SILENCED.fetch_add(1, Ordering::Relaxed);
            return Err(PutError::Full);
        }
        if self.len > MAX_RECORD {
            return Err(self.unseen(PutError::TooLarge { len: self.len }));
        }
        if IN_SLOW.get() {
            return Err(self.unseen(PutError::Full));
        }
        look_at_times(joined, stamp);
        if mark == 0 && self.is_wrap(handle) {
            self.commit(handle, 0, stamp, self.len, fill);
            handle.producer.leave_slow();
            return after_commit(self.slot, handle);
        }
        let request = Request { tag: self.tag | mark, ..self };
        for _ in 0..MAX_SEGMENTS {
            match request.put_somewhere(joined, fill) {
                Err(NotPut::Broken) => {}
                Err(NotPut::Refused(reason)) => return Err(reason),
                Ok(handle) => return after_commit(self.slot, handle),
            }
        }
        // It counts as one of those that were lost with the last segment.
        if !handle_of(self.slot).producer.count_refused() {
            count_lost_unseen(self.slot);
        }
        Err(PutError::Cut)
    }

    fn put_somewhere(self, joined: &Joined, fill: Fill<'_>) -> Result<&'static Handle, NotPut> {
        let Some(handle) = own_handle(joined) else { return self.put_shared(joined, fill) };
        handle.producer.enter_slow();
        count_earlier(self.slot, handle);
        let result = self.put_own(joined, handle, fill);
        handle.producer.leave_slow();
        if thread_mark() != 0 || !handle.introduced.get() {
            handle.producer.expire();
        }
        result.map(|()| handle)
    }

    /// Whether there is room after all, as nearly always: the ring only begins a new lap, or the
    /// writer has moved on. If so the fast path is closed.
    fn is_wrap(self, handle: &Handle) -> bool {
        if !handle.is_attached(self.slot) || !handle.introduced.get() || handle.producer.is_busy() {
            return false;
        }
        handle.producer.enter_slow();
        let fits = self.len + FRAME_HEADER <= handle.size.get() / 4
            && handle.producer.make_room(self.len, false) == Room::Ready;
        if !fits {
            handle.producer.leave_slow();
        }
        fits
    }

    fn is_urgent(self) -> bool {
        self.level >= URGENT_LEVEL
    }

    /// Writes the frame, for which there is room, with these flags.
    fn commit(
        self,
        handle: &Handle,
        flags: u64,
        stamp: u64,
        len: usize,
        fill: impl FnOnce(&mut RingFrame<'_>),
    ) {
        handle.producer.put_ready(u64::from(self.tag) << 32 | flags, stamp, len, fill);
        handle.producer.count_one();
    }

    fn put_own(self, joined: &Joined, handle: &Handle, fill: Fill<'_>) -> Result<(), NotPut> {
        if !handle.introduced.get() && !self.introduce(joined, handle) {
            return Err(self.lost(handle, PutError::Full));
        }
        let too_big = |ring_size| self.len + FRAME_HEADER > ring_size / 4;
        let [.., largest] = RING_SIZES;
        while !too_big(largest) && too_big(handle.size.get()) && grow(joined, handle) {}
        if too_big(handle.size.get()) {
            return self.put_side(joined, handle, fill);
        }
        if !self.find_room(joined, handle, self.len) {
            return Err(self.lost(handle, PutError::Full));
        }
        self.commit(handle, 0, clock::stamp(), self.len, fill);
        Ok(())
    }

    /// Introduces the thread in a ring that was full when it was claimed.
    fn introduce(self, joined: &Joined, handle: &Handle) -> bool {
        let len = {
            let _slow = Slow::enter();
            (joined.options.introduction)(os::thread_id()).len()
        };
        if !self.find_room(joined, handle, len.next_multiple_of(8)) {
            return false;
        }
        // Growing has introduced it already.
        if !handle.introduced.get() {
            introduce(joined, handle);
        }
        handle.introduced.get()
    }

    /// The body goes into a file of its own, a reference into the ring.
    fn put_side(self, joined: &Joined, handle: &Handle, fill: Fill<'_>) -> Result<(), NotPut> {
        let mut wait = None;
        let (number, file) = loop {
            let head = handle.producer.announce_wait();
            if !self.find_room(joined, handle, 16) {
                return Err(self.lost(handle, PutError::Full));
            }
            let made = {
                let _slow = Slow::enter();
                let segment = handle.segment();
                segment.and_then(|it| it.side_file(self.len, self.is_urgent()).ok())
            };
            match made {
                Some(Some(made)) => break made,
                Some(None) if self.wait_for_reader(joined, handle, head, &mut wait) => {}
                Some(None) => return Err(self.lost(handle, PutError::Full)),
                None => return Err(self.lost(handle, PutError::NoMemory)),
            }
        };
        {
            // SAFETY: `file` lives until the end of this function, the frame only in this block.
            let words: MapWords<'static> = unsafe { std::mem::transmute(file.words()) };
            fill(&mut Frame::over(&words, 0, self.len / 8));
        }
        self.commit(handle, SIDE_FLAG, clock::stamp(), 16, |frame| {
            frame.word(number);
            frame.word(self.len as u64);
        });
        Ok(())
    }

    /// Grows the ring or waits, as the budget and the policy allow, until there is room. What a put
    /// has waited in vain the next ones do not wait again, until the reader moves on: a thread that
    /// logs into a full disk would stand still at each line.
    fn find_room(self, joined: &Joined, handle: &Handle, len: usize) -> bool {
        let producer = &handle.producer;
        loop {
            if producer.make_room(len, self.is_urgent()) == Room::Ready {
                return true;
            }
            if self.is_broken(handle) {
                return false;
            }
            if !grow(joined, handle) {
                break;
            }
        }
        if !self.manner.waits || thread_mark() != 0 {
            return false;
        }
        let mut wait = None;
        loop {
            // It may wait where nobody reads any more.
            look_at_times(joined, clock::stamp());
            let head = producer.announce_wait();
            if producer.make_room(len, self.is_urgent()) == Room::Ready {
                return true;
            }
            if !self.wait_for_reader(joined, handle, head, &mut wait) {
                return false;
            }
        }
    }

    /// Waits a little for the reader to move on from `head`; false if this put waits no more.
    fn wait_for_reader(
        self,
        joined: &Joined,
        handle: &Handle,
        head: u64,
        wait: &mut Option<Wait>,
    ) -> bool {
        let in_vain = handle.waited_in_vain(head);
        let left = self.left_to_wait(joined, in_vain, wait);
        if left.is_zero() || joined.is_orphaned() || self.is_broken(handle) {
            let waited = wait.map_or(Duration::ZERO, |wait| wait.patience);
            handle.note_in_vain(head, waited.max(in_vain));
            return false;
        }
        queue::ring(joined.bell);
        let slice = left.min(Duration::from_millis(50));
        os::futex_wait(handle.producer.ring().control.low_half(HEAD), head as u32, slice);
        true
    }

    /// How long this put may wait yet; the first call begins the wait, of which `in_vain` is over.
    fn left_to_wait(self, joined: &Joined, in_vain: Duration, wait: &mut Option<Wait>) -> Duration {
        if !self.manner.waits || thread_mark() != 0 || !joined.is_open() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let wait = wait.get_or_insert_with(|| {
            let policy = (joined.options.overflow)(self.level);
            let patience = policy.wait.min(Duration::from_secs(1 << 30));
            Wait { patience, end: now + patience.saturating_sub(in_vain) }
        });
        wait.end.saturating_duration_since(now)
    }

    /// Whether nobody will ever read what is put into the handle's ring: then its segment is given up.
    fn is_broken(self, handle: &Handle) -> bool {
        let number = handle.joined.load(Ordering::Relaxed);
        if handle.producer.is_broken() {
            give_up(self.slot, number);
        }
        is_given_up(self.slot, number)
    }

    fn lost(self, handle: &Handle, reason: PutError) -> NotPut {
        if is_given_up(self.slot, handle.joined.load(Ordering::Relaxed)) {
            return NotPut::Broken;
        }
        if self.manner.counts {
            handle.producer.count_lost(self.level, clock::stamp());
        }
        NotPut::Refused(reason)
    }

    /// Refuses it where there is no ring to count it in.
    fn unseen(self, reason: PutError) -> PutError {
        if self.manner.counts {
            count_lost_unseen(self.slot);
        }
        reason
    }

    /// For puts that have no ring of their own: nested in a put by a signal handler, after the
    /// thread's destructors ran, or when the budget or the memory is used up. All share one ring
    /// under a lock that is tried a bounded number of times. Where there is no memory even for that
    /// ring, a put waits for it as it waits for room.
    fn put_shared(self, joined: &Joined, fill: Fill<'_>) -> Result<&'static Handle, NotPut> {
        let unseen = |reason| Err(NotPut::Refused(self.unseen(reason)));
        let Some(process) = process() else { return Err(NotPut::Refused(PutError::Closed)) };
        let own = &process.queues[self.slot];
        // The lock may be held by the put that a signal handler's put interrupted.
        let mut tries = 0..if self.manner.waits { 10_000 } else { 100 };
        let mut wait = None;
        let (guard, handle) = loop {
            match SpinGuard::try_new(&own.shared_lock) {
                Some(guard) => {
                    if let Some(handle) = shared_handle(joined, process) {
                        break (guard, handle);
                    }
                    drop(guard);
                    let left = self.left_to_wait(joined, own.waited_for_memory(), &mut wait);
                    if left.is_zero() {
                        own.note_no_memory(wait.map_or(Duration::ZERO, |wait| wait.patience));
                        return unseen(PutError::NoMemory);
                    }
                    std::thread::sleep(left.min(Duration::from_millis(10)));
                }
                None if tries.next().is_none() => return unseen(PutError::Full),
                None => os::yield_now(),
            }
        };
        handle.producer.enter_slow();
        handle.introduced.set(false);
        let result = self.put_own(joined, handle, fill);
        handle.producer.leave_slow();
        drop(guard);
        result.map(|()| handle)
    }
}
