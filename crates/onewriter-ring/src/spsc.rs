//! One thread's ring: the single-producer single-consumer protocol, on any [`Words`].
//!
//! Who may write which word, with which ordering, and who reads it:
//!
//! | word | written by | ordering | read by |
//! |---|---|---|---|
//! | data in `[head, head + cap)` | the producer, before it commits | relaxed | the consumer, below `TAIL` |
//! | [`TAIL`] | the producer | release | the consumer, acquire |
//! | [`HEAD`] | the consumer | release | the producer, acquire |
//! | [`WAITER`] | the producer sets, the consumer clears | relaxed + fence | the other one |
//! | [`LOST`] and the words after it | the producer | release on `LOST` | the consumer, acquire |
//! | [`LOST_SEEN`] and the words after it | the consumer | relaxed | the producer |
//! | [`TAKEN`] | the consumer | relaxed | the next consumer, and the producer when its segment is given up |
//!
//! Positions are bytes since the ring began; they only grow, and 64 bits never wrap. A put writes
//! its frame beyond the tail and then stores the tail once: a producer that dies before that store
//! has done nothing, one that dies after it has done everything.

use crate::words::Words;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

#[cfg(loom)]
use loom::sync::atomic::fence;
#[cfg(not(loom))]
use std::sync::atomic::fence;

/// Bytes committed by the producer.
pub const TAIL: usize = 0;
/// Records that were not accepted, in all.
pub const LOST: usize = 1;
/// The same by class of level: six classes of ten level numbers, one for all above them, and one for
/// records of which the level is not known.
pub const LOST_BY_CLASS: usize = 2;
/// When the first of them that the consumer has not seen was put.
pub const LOST_FIRST: usize = 10;
/// When the last of them was put.
pub const LOST_LAST: usize = 11;
/// Bytes released by the consumer.
pub const HEAD: usize = 16;
/// Whether the producer waits for room.
pub const WAITER: usize = 17;
/// The class of [`LOST_BY_CLASS`] for records of which the level is not known.
pub const UNKNOWN_CLASS: usize = 7;
/// How much of [`LOST`] the consumer has told, then how much of each class.
pub const LOST_SEEN: usize = 18;
/// Records that the consumer has read and released, in all.
pub const TAKEN: usize = 29;
/// Where the ring's data is: the byte offset in its segment, and its capacity; segments use them.
pub const DATA_AT: usize = 30;
/// The capacity in bytes, a power of two.
pub const DATA_LEN: usize = 31;
/// Words of a control block: the producer's line, the consumer's line, of 128 bytes each.
pub const CONTROL_WORDS: usize = 32;

/// Bytes of a frame before its body: length and flags, tag, timestamp.
pub const FRAME_HEADER: usize = 16;
/// The bits of a frame's first word that are its length.
pub(crate) const LEN_MASK: u64 = (1 << 28) - 1;
/// The frame only fills the space up to the wrap.
pub(crate) const PAD_FLAG: u64 = 1 << 28;
/// The body is the number and the length of a side file.
pub(crate) const SIDE_FLAG: u64 = 1 << 29;

/// A frame that is being written. Writing past its end has no effect.
pub struct Frame<'a, W: Words> {
    data: &'a W,
    at: usize,
    end: usize,
}

impl<'a, W: Words> Frame<'a, W> {
    /// A frame over the words from `at` to `end`.
    pub(crate) fn over(data: &'a W, at: usize, end: usize) -> Frame<'a, W> {
        Frame { data, at, end }
    }

    /// Appends one word.
    #[inline(always)]
    pub fn word(&mut self, word: u64) {
        if self.at < self.end {
            self.data.store(self.at, word, Ordering::Relaxed);
            self.at += 1;
        }
    }

    /// Appends bytes, and zeros up to the next multiple of eight.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            self.word(last_word(bytes));
        }
    }
}

/// The last `bytes.len() % 8` bytes as a word. A copy of variable length followed by a load of the
/// whole word would stall, at 10 ns a string.
#[inline]
fn last_word(bytes: &[u8]) -> u64 {
    let spare = 8 - bytes.len() % 8;
    match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last) >> (8 * spare),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

/// The memory of a ring: its control block and its data.
#[derive(Clone, Copy, Debug)]
pub struct Ring<W> {
    /// [`CONTROL_WORDS`] words.
    pub control: W,
    /// `capacity / 8` words.
    pub data: W,
    /// Bytes of data, a power of two.
    pub capacity: u64,
}

/// What a frame says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameHead {
    /// The caller's tag.
    pub tag: u32,
    /// When it was put.
    pub stamp: u64,
    /// [`SIDE_FLAG`] or nothing.
    pub flags: u64,
    /// Bytes of the body, a multiple of eight.
    pub len: usize,
}

/// The producer's end. All zero bits are a valid producer that is never open.
///
/// The fields are atomics because a signal handler may put on the same thread. `open` is zero while
/// a frame is being written, so that a put in between takes the slow path; and it is closed before
/// the tail and the limit are read, so that a put in between that is whole is seen.
///
/// While it is open, `open` is one more than the number of records put or refused, in whatever ring: to
/// count costs the fast path no word of its own. In the slow path the number is in `count`. (That of a
/// put in a signal handler may be missed, if it comes between the two lines that close the fast path.)
#[derive(Debug)]
pub struct Producer<W> {
    ring: UnsafeCell<Ring<W>>,
    tail: AtomicU64,
    limit: AtomicU64,
    open: AtomicU64,
    count: AtomicU64,
}

/// What the slow path found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// The frame fits now.
    Ready,
    /// The ring is full.
    Full,
}

impl<W> Producer<W> {
    /// A producer without a ring, which never has room.
    pub(crate) const fn detached(ring: Ring<W>) -> Producer<W> {
        Producer {
            ring: UnsafeCell::new(ring),
            tail: AtomicU64::new(0),
            limit: AtomicU64::new(0),
            open: AtomicU64::new(0),
            count: AtomicU64::new(0),
        }
    }
}

impl<W: Words> Producer<W> {
    /// A producer that goes on at the ring's tail.
    pub fn new(ring: Ring<W>) -> Producer<W> {
        let tail = ring.control.load(TAIL, Ordering::Relaxed);
        let producer = Producer {
            ring: UnsafeCell::new(ring),
            tail: AtomicU64::new(tail),
            limit: AtomicU64::new(0),
            open: AtomicU64::new(0),
            count: AtomicU64::new(0),
        };
        producer.leave_slow();
        producer
    }

    /// The ring's memory.
    #[inline(always)]
    pub fn ring(&self) -> &Ring<W> {
        // SAFETY: the ring is replaced by `rebind` only, on this thread (the type is not `Sync`), and
        // never between a use of `ring` and the end of that use: a signal handler that interrupts a
        // use finds the producer closed, and then puts through another one.
        unsafe { &*self.ring.get() }
    }

    /// Goes on in another ring, where its producer before this one stopped. Only between
    /// [`enter_slow`](Producer::enter_slow) and [`leave_slow`](Producer::leave_slow).
    pub(crate) fn rebind(&self, ring: Ring<W>, tail: u64) {
        self.tail.store(tail, Ordering::Relaxed);
        // SAFETY: no reference from `ring()` is alive here, and the producer belongs to one thread.
        unsafe { *self.ring.get() = ring };
    }

    /// Whether a frame is being written on this thread: the put is nested in a signal handler.
    #[inline(always)]
    pub(crate) fn is_busy(&self) -> bool {
        self.open.load(Ordering::Relaxed) == 0
    }

    /// Closes the fast path, until [`leave_slow`](Producer::leave_slow).
    pub(crate) fn enter_slow(&self) {
        let count = self.open.load(Ordering::Relaxed);
        self.close();
        if count != 0 {
            self.count.store(count, Ordering::Relaxed);
        }
    }

    #[inline(always)]
    fn close(&self) {
        self.open.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }

    /// Opens the fast path again.
    pub(crate) fn leave_slow(&self) {
        let tail = self.tail.load(Ordering::Relaxed);
        self.limit.store(self.limit_from(tail), Ordering::Relaxed);
        self.reopen(self.count.load(Ordering::Relaxed).max(1));
    }

    #[inline(always)]
    fn reopen(&self, count: u64) {
        compiler_fence(Ordering::SeqCst);
        self.open.store(count, Ordering::Relaxed);
    }

    /// Counts one more record, in the slow path.
    pub(crate) fn count_one(&self) {
        self.count_more(1);
    }

    fn count_more(&self, more: u64) {
        let count = self.count.load(Ordering::Relaxed).max(1);
        self.count.store(count.wrapping_add(more), Ordering::Relaxed);
    }

    /// The same outside of it; false if it is closed: there is no ring, or a put in a signal handler
    /// interrupts another.
    pub(crate) fn count_refused(&self) -> bool {
        if self.is_busy() {
            return false;
        }
        self.enter_slow();
        self.count_one();
        self.reopen(self.count.load(Ordering::Relaxed));
        true
    }

    /// How many records were put or refused, as far as it can be told while one is being put. Any thread
    /// may call it.
    pub(crate) fn n_records(&self) -> u64 {
        let (open, count) = (self.open.load(Ordering::Relaxed), self.count.load(Ordering::Relaxed));
        open.max(count).saturating_sub(1)
    }

    /// Where the next frame begins.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.load(Ordering::Relaxed)
    }

    /// Makes the next put take the slow path. Any thread may call it.
    pub(crate) fn expire(&self) {
        self.limit.store(0, Ordering::Relaxed);
    }

    /// Puts a frame if there is room for it without any look at the consumer; gives `fill` back if
    /// there is not. `len` is the length of the body, a multiple of eight.
    #[inline(always)]
    pub fn try_put<F: FnOnce(&mut Frame<'_, W>)>(
        &self,
        tag: u32,
        stamp: u64,
        len: usize,
        fill: F,
    ) -> Result<(), F> {
        let count = self.open.load(Ordering::Relaxed);
        if count == 0 {
            return Err(fill);
        }
        self.close();
        let tail = self.tail.load(Ordering::Relaxed);
        let end = tail + (len + FRAME_HEADER) as u64;
        if end > self.limit.load(Ordering::Relaxed) {
            self.reopen(count);
            return Err(fill);
        }
        self.write_frame(tail, end, u64::from(tag) << 32, stamp, fill);
        self.tail.store(end, Ordering::Relaxed);
        self.reopen(count + 1);
        Ok(())
    }

    #[inline(always)]
    fn write_frame(
        &self,
        tail: u64,
        end: u64,
        head: u64,
        stamp: u64,
        fill: impl FnOnce(&mut Frame<'_, W>),
    ) {
        let at = ((tail & (self.ring().capacity - 1)) / 8) as usize;
        let len = end - tail;
        let mut frame = Frame { data: &self.ring().data, at, end: at + (len / 8) as usize };
        frame.word(head | len);
        frame.word(stamp);
        fill(&mut frame);
        // The consumer must never meet an older lap's words in a frame that was not filled.
        while frame.at < frame.end {
            frame.word(0);
        }
        // SYNC POINT tail: with the acquire load in `Consumer::observe`.
        self.ring().control.store(TAIL, end, Ordering::Release);
    }

    /// The slow way to put: after [`make_room`](Producer::make_room) said [`Room::Ready`] for this
    /// length. `head` is the frame's first word without its length.
    pub(crate) fn put_ready(
        &self,
        head: u64,
        stamp: u64,
        len: usize,
        fill: impl FnOnce(&mut Frame<'_, W>),
    ) {
        let tail = self.tail.load(Ordering::Relaxed);
        let end = tail + (len + FRAME_HEADER) as u64;
        self.write_frame(tail, end, head, stamp, fill);
        self.tail.store(end, Ordering::Relaxed);
    }

    /// Part of the ring that only urgent frames may fill.
    fn reserve(&self) -> u64 {
        self.ring().capacity / 16
    }

    /// Where released space ends, as far as the consumer is believed.
    fn room_end(&self, tail: u64) -> u64 {
        // An impossible head is somebody's scribble: then the ring counts as full.
        self.head(tail).map_or(tail, |head| head + self.ring().capacity)
    }

    /// The head, if it is where a head can be.
    fn head(&self, tail: u64) -> Option<u64> {
        // SYNC POINT head: with the release store in `Consumer::release`.
        let head = self.ring().control.load(HEAD, Ordering::Acquire);
        (head <= tail && tail - head <= self.ring().capacity).then_some(head)
    }

    /// Whether there will never be room again in a ring of a segment: somebody has cut it or written over
    /// it, or the consumer has given it up.
    pub(crate) fn is_broken(&self) -> bool {
        let ring = self.ring();
        let is_as_made = ring.control.load(DATA_LEN, Ordering::Relaxed) == ring.capacity;
        !is_as_made || self.head(self.tail()).is_none()
    }

    /// Up to where frames that are not urgent may be written without another look.
    fn limit_from(&self, tail: u64) -> u64 {
        let wrap = (tail | (self.ring().capacity - 1)) + 1;
        self.room_end(tail).saturating_sub(self.reserve()).min(wrap)
    }

    /// Looks at the consumer, pads up to the wrap if the frame does not fit before it, and says
    /// whether there is room now. Only on the slow path.
    pub(crate) fn make_room(&self, len: usize, urgent: bool) -> Room {
        let need = (len + FRAME_HEADER) as u64;
        loop {
            let tail = self.tail.load(Ordering::Relaxed);
            let reserve = if urgent { 0 } else { self.reserve() };
            let end = self.room_end(tail).saturating_sub(reserve);
            let wrap = (tail | (self.ring().capacity - 1)) + 1;
            if tail + need <= end.min(wrap) {
                return Room::Ready;
            }
            if tail + need <= wrap || wrap > end {
                return Room::Full;
            }
            self.pad(tail, wrap);
        }
    }

    fn pad(&self, tail: u64, wrap: u64) {
        let at = ((tail & (self.ring().capacity - 1)) / 8) as usize;
        self.ring().data.store(at, PAD_FLAG | (wrap - tail), Ordering::Relaxed);
        self.ring().control.store(TAIL, wrap, Ordering::Release);
        self.tail.store(wrap, Ordering::Relaxed);
    }

    /// Says that the producer is about to wait, and whether the ring is still as full as it was:
    /// only then may it wait for the head to move from the value returned.
    pub(crate) fn announce_wait(&self) -> u64 {
        self.ring().control.store(WAITER, 1, Ordering::Relaxed);
        // SYNC POINT waiter: with the fence in `Consumer::release`. Either the consumer sees the
        // flag, or the producer sees the head that it has just released.
        fence(Ordering::SeqCst);
        self.ring().control.load(HEAD, Ordering::Relaxed)
    }

    /// Counts a record that was not accepted.
    pub(crate) fn count_lost(&self, level: u8, stamp: u64) {
        self.add_lost(usize::from(level / 10).min(UNKNOWN_CLASS - 1), 1, stamp);
    }

    /// Counts records that were not accepted when there was no ring to count them in.
    pub(crate) fn count_lost_earlier(&self, count: u64, stamp: u64) {
        self.add_lost(UNKNOWN_CLASS, count, stamp);
    }

    fn add_lost(&self, class: usize, count: u64, stamp: u64) {
        let control = &self.ring().control;
        let add = |at: usize, order| {
            // Whatever somebody has written there.
            control.store(at, control.load(at, Ordering::Relaxed).wrapping_add(count), order);
        };
        self.count_more(count);
        let lost = control.load(LOST, Ordering::Relaxed);
        if lost == control.load(LOST_SEEN, Ordering::Relaxed) {
            control.store(LOST_FIRST, stamp, Ordering::Relaxed);
        }
        control.store(LOST_LAST, stamp, Ordering::Relaxed);
        add(LOST_BY_CLASS + class, Ordering::Relaxed);
        // SYNC POINT lost: with the acquire load in `Consumer::losses`.
        add(LOST, Ordering::Release);
    }
}

/// What cannot be the work of a living producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Corrupt {
    /// The tail is not where a tail can be.
    Tail,
    /// A frame has an impossible length.
    Frame,
    /// A ring's control block says that it lies where it cannot lie.
    Ring,
    /// A record's side file is missing, too short, or none that its process made.
    SideFile,
    /// A segment was cut while it was mapped.
    Truncated,
    /// A segment was found broken so often that it is read no more.
    Quarantined,
    /// A dead process never finished a record; it is not there.
    Unfinished,
    /// A file that is called like a segment is none; its name now begins with `bad-`.
    Segment,
    /// A file that is called like a segment belongs to somebody else than its folder.
    Owner {
        /// To whom it belongs.
        uid: u32,
        /// To whom it should.
        expected: u32,
    },
    /// A file that is called like a segment has further names, perhaps outside the folder.
    Links {
        /// How many names.
        count: u64,
    },
    /// More segments than are opened at once.
    TooMany {
        /// How many are.
        most: usize,
    },
}

/// Losses of a class that are believed at one look: nobody counts so many within a second.
const LOST_MAX: u64 = 1 << 32;

/// Records that were not accepted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// How many.
    pub count: u64,
    /// How many of each class of level: class `c` holds the level numbers from `10 * c`, class
    /// [`UNKNOWN_CLASS`] those of which no level is known.
    pub by_class: [u64; 8],
    /// When the first was put, in clock stamps.
    pub first: u64,
    /// When the last was put.
    pub last: u64,
}

/// The consumer's end. Its cursors are its own: what the ring says is checked, never believed.
#[derive(Debug)]
pub struct Consumer<W> {
    ring: Ring<W>,
    /// Read up to here.
    pos: u64,
    /// Released up to here.
    released: u64,
    /// The tail at the last look.
    tail: u64,
    /// Read up to here; told up to here.
    lost_seen: u64,
    lost_told: u64,
    by_class_seen: [u64; 8],
    last_reported: u64,
}

impl<W: Words> Consumer<W> {
    /// A consumer that goes on at `head`.
    pub fn new(ring: Ring<W>, head: u64) -> Consumer<W> {
        let seen = |at| ring.control.load(LOST_SEEN + at, Ordering::Relaxed);
        let (lost_seen, by_class_seen) = (seen(0), std::array::from_fn(|class| seen(1 + class)));
        Consumer {
            ring,
            pos: head,
            released: head,
            tail: head,
            lost_seen,
            lost_told: lost_seen,
            by_class_seen,
            last_reported: 0,
        }
    }

    /// The ring's memory.
    pub(crate) fn ring(&self) -> &Ring<W> {
        &self.ring
    }

    /// Whether the producer has committed something since the last look.
    pub fn has_news(&self) -> bool {
        self.ring.control.load(TAIL, Ordering::Relaxed) != self.tail
    }

    /// Where reading goes on.
    pub fn pos(&self) -> u64 {
        self.pos
    }

    /// Released up to here.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// The tail at the last [`observe`](Consumer::observe).
    pub fn tail(&self) -> u64 {
        self.tail
    }

    /// Takes a look at the tail; true if there is something to read.
    pub fn observe(&mut self) -> Result<bool, Corrupt> {
        // SYNC POINT tail: with the release store in `Producer::write_frame`.
        let tail = self.ring.control.load(TAIL, Ordering::Acquire);
        let plausible = tail >= self.tail
            && tail - self.released <= self.ring.capacity
            && tail.is_multiple_of(8);
        if !plausible {
            return Err(Corrupt::Tail);
        }
        self.tail = tail;
        Ok(tail != self.pos)
    }

    /// Copies at most `max` bytes of what was observed into `out`, replacing what is there, and
    /// moves on behind the last whole frame copied. The copy is what is parsed and checked.
    pub fn read(&mut self, max: usize, out: &mut Vec<u64>) -> Result<(), Corrupt> {
        out.clear();
        let mask = self.ring.capacity - 1;
        let mut end = self.tail.min(self.pos + max as u64);
        copy_words(&self.ring.data, mask, self.pos..end, out);
        if end < self.tail {
            let whole = whole_frames(out);
            if whole == 0 {
                // One frame longer than `max`: read it alone.
                let len = (out.first().copied().unwrap_or(0) & LEN_MASK).min(self.ring.capacity);
                end = self.tail.min(self.pos + len.max(8));
                out.clear();
                copy_words(&self.ring.data, mask, self.pos..end, out);
            } else {
                end = self.pos + 8 * whole as u64;
                out.truncate(whole);
            }
        }
        self.pos = end;
        Ok(())
    }

    /// Gives up what was observed and not read; returns how many bytes.
    pub fn skip_to_tail(&mut self) -> u64 {
        let skipped = self.tail - self.pos;
        self.pos = self.tail;
        skipped
    }

    /// Releases the space up to `pos`; true if the producer waits for it.
    pub fn release(&mut self, pos: u64) -> bool {
        self.released = pos;
        // SYNC POINT head: with the acquire load in `Producer::room_end`.
        self.ring.control.store(HEAD, pos, Ordering::Release);
        // SYNC POINT waiter: with the fence in `Producer::announce_wait`.
        fence(Ordering::SeqCst);
        if self.ring.control.load(WAITER, Ordering::Relaxed) == 0 {
            return false;
        }
        self.ring.control.store(WAITER, 0, Ordering::Relaxed);
        true
    }

    /// How many records that were not accepted have been told, by whatever consumer.
    pub(crate) fn lost_seen(&self) -> u64 {
        // As they are told: by class. The sum may be behind, if it was cut off between the two.
        self.by_class_seen.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether there are losses that were not told: see [`tell_losses`](Consumer::tell_losses).
    pub fn has_losses(&self) -> bool {
        self.ring.control.load(LOST, Ordering::Acquire) != self.lost_told
    }

    /// The losses that were read are told, in a line that is where it is to be: whoever reads this
    /// ring next does not tell them again.
    pub fn tell_losses(&mut self) {
        if self.lost_told == self.lost_seen {
            return;
        }
        let control = &self.ring.control;
        for (class, seen) in self.by_class_seen.iter().enumerate() {
            control.store(LOST_SEEN + 1 + class, *seen, Ordering::Relaxed);
        }
        control.store(LOST_SEEN, self.lost_seen, Ordering::Relaxed);
        self.lost_told = self.lost_seen;
    }

    /// Records that were not accepted since the last call, if there were any. Counts that no
    /// producer can reach between two looks are cut to 2^32.
    pub fn losses(&mut self) -> Option<Losses> {
        let had_untold = self.lost_told != self.lost_seen;
        let control = &self.ring.control;
        // SYNC POINT lost: with the release store in `Producer::count_lost`.
        let lost = control.load(LOST, Ordering::Acquire);
        if lost == self.lost_seen {
            return None;
        }
        let first = control.load(LOST_FIRST, Ordering::Relaxed);
        let mut losses = Losses {
            count: 0,
            // The producer may not have seen yet that the losses before were reported.
            first: first.max(self.last_reported),
            last: control.load(LOST_LAST, Ordering::Relaxed),
            by_class: [0; 8],
        };
        for (class, seen) in self.by_class_seen.iter_mut().enumerate() {
            let now = control.load(LOST_BY_CLASS + class, Ordering::Relaxed);
            losses.by_class[class] = now.saturating_sub(*seen).min(LOST_MAX);
            *seen = now;
        }
        self.lost_seen = lost;
        self.last_reported = losses.last;
        // The classes may be ahead of the sum: then the sum's turn comes later with nothing new.
        losses.count = losses.by_class.iter().sum();
        if losses.count == 0 && !had_untold {
            // No line will come of it.
            self.tell_losses();
        }
        (losses.count != 0).then_some(losses)
    }
}

fn copy_words(data: &impl Words, mask: u64, range: std::ops::Range<u64>, out: &mut Vec<u64>) {
    let len = ((range.end - range.start) / 8) as usize;
    out.reserve(len);
    let at = ((range.start & mask) / 8) as usize;
    let words = ((mask + 1) / 8) as usize;
    let before_wrap = len.min(words - at);
    out.extend((at..at + before_wrap).map(|at| data.load(at, Ordering::Relaxed)));
    out.extend((0..len - before_wrap).map(|at| data.load(at, Ordering::Relaxed)));
}

/// The number of words at the front that are whole frames, as far as their lengths say.
fn whole_frames(words: &[u64]) -> usize {
    let mut at = 0;
    while let Some(head) = words.get(at) {
        let len = ((head & LEN_MASK) / 8) as usize;
        if len == 0 || len > words.len() - at {
            break;
        }
        at += len;
    }
    at
}

/// Takes the frame at the front of copied words: the frame if it is one, and the words it takes.
pub(crate) fn parse(words: &[u64]) -> Result<(Option<FrameHead>, usize), Corrupt> {
    let head = *words.first().ok_or(Corrupt::Frame)?;
    let len = (head & LEN_MASK) as usize;
    let n_words = len / 8;
    if !len.is_multiple_of(8) || n_words == 0 || n_words > words.len() {
        return Err(Corrupt::Frame);
    }
    if head & PAD_FLAG != 0 {
        return Ok((None, n_words));
    }
    if len < FRAME_HEADER {
        return Err(Corrupt::Frame);
    }
    let frame = FrameHead {
        tag: (head >> 32) as u32,
        stamp: words[1],
        flags: head & SIDE_FLAG,
        len: len - FRAME_HEADER,
    };
    Ok((Some(frame), n_words))
}
