//! One ring being read.

use super::FrameRef;
use super::damage::DamageLog;
use super::segment::About;
use super::side::{self, SideFiles};
use crate::os;
use crate::put::INTRODUCTION_TAG;
use crate::spsc::{Consumer, Corrupt, FrameHead, HEAD, TAKEN, parse};
use crate::words::{MapWords, Words};
use std::sync::atomic::Ordering;

/// How much of a ring is copied at a time.
const READ_MAX: usize = 64 << 10;
/// Stamps beyond `T0` by more than this are not believed: about a second, in ticks or nanoseconds.
const FUTURE_SLACK: u64 = 4_000_000_000;

/// One ring being read, with the private copy of what is being parsed.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) consumer: Consumer<MapWords<'static>>,
    /// Where the ring's data ends in its segment.
    end: usize,
    /// The copy.
    words: Vec<u64>,
    /// What of it has been taken.
    at: usize,
    /// The frame at `at`, checked.
    next: Option<FrameHead>,
    last_stamp: u64,
    t0: u64,
    side: SideFiles,
    pub(super) is_dirty: bool,
    /// Records that were taken, by this reader and those before it.
    n_taken: u64,
}

impl Reading {
    pub(super) fn new(consumer: Consumer<MapWords<'static>>, end: usize) -> Reading {
        let n_taken = consumer.ring().control.load(TAKEN, Ordering::Relaxed);
        Reading {
            consumer,
            end,
            words: Vec::new(),
            at: 0,
            next: None,
            last_stamp: 0,
            t0: 0,
            side: SideFiles::default(),
            is_dirty: false,
            n_taken,
        }
    }

    /// How far frames were taken.
    pub(super) fn taken(&self) -> u64 {
        self.consumer.pos() - 8 * (self.words.len() - self.at) as u64
    }

    pub(super) fn waiting(&self) -> u64 {
        self.consumer.tail() - self.consumer.released()
    }

    /// Records that were put and taken, or refused and told.
    pub(super) fn n_done(&self) -> u64 {
        self.n_taken.saturating_add(self.consumer.lost_seen())
    }

    /// What was seen and not taken.
    pub(super) fn unread(&self) -> u64 {
        self.consumer.tail() - self.taken()
    }

    pub(super) fn has_news(&self) -> bool {
        self.has_rest() || self.consumer.has_news()
    }

    /// Whether something that was seen has not been taken: it was put after the pass began.
    fn has_rest(&self) -> bool {
        self.next.is_some()
            || self.at != self.words.len()
            || self.consumer.pos() != self.consumer.tail()
    }

    /// Whether the segment was cut below the ring's end: then nothing read from it holds.
    #[inline]
    pub(super) fn is_cut(&self, about: &About) -> bool {
        about.map.cut().is_some_and(|from| from < self.end)
    }

    /// Looks at the tail; true if there is something to read in the pass that began at `t0`.
    pub(super) fn observe(&mut self, about: &About, t0: u64) -> Result<bool, Corrupt> {
        self.t0 = t0;
        let seen = self.consumer.observe();
        if self.is_cut(about) {
            return Err(Corrupt::Truncated);
        }
        Ok(seen? || self.next.is_some() || self.at != self.words.len())
    }

    /// The stamp of the frame that was found.
    #[inline]
    pub(super) fn stamp(&self) -> Option<u64> {
        self.next.map(|frame| frame.stamp)
    }

    /// Finds the next frame: in the copy, else by copying more.
    pub(super) fn advance(&mut self, about: &About, log: &mut DamageLog) -> Option<u64> {
        loop {
            if self.at == self.words.len() {
                if self.consumer.pos() == self.consumer.tail() {
                    return None;
                }
                self.at = 0;
                let copied = self.consumer.read(READ_MAX, &mut self.words);
                let copied = if self.is_cut(about) { Err(Corrupt::Truncated) } else { copied };
                if let Err(what) = copied {
                    self.give_up(about, what, log);
                    return None;
                }
            }
            match parse(&self.words[self.at..]) {
                Ok((Some(mut frame), _)) => {
                    frame.stamp = self.plausible(frame.stamp);
                    self.next = Some(frame);
                    if frame.flags != 0 && !self.read_side(about) {
                        log.add(about.damage(Corrupt::SideFile, 0));
                    }
                    return Some(frame.stamp);
                }
                Ok((None, n_words)) => self.at += n_words,
                Err(what) => {
                    self.give_up(about, what, log);
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
    fn give_up(&mut self, about: &About, what: Corrupt, log: &mut DamageLog) {
        let unread = 8 * (self.words.len() - self.at) as u64;
        let bytes = unread + self.consumer.skip_to_tail();
        self.words.clear();
        self.at = 0;
        self.next = None;
        log.add(about.damage(what, bytes));
    }

    #[inline]
    pub(super) fn frame(&self) -> Option<FrameRef<'_>> {
        let frame = self.next?;
        let start = self.at + 2;
        let body = match frame.flags {
            0 => bytes_of(&self.words[start..start + frame.len / 8]),
            _ => self.side.body(),
        };
        Some(FrameRef { tag: frame.tag, stamp: frame.stamp, body })
    }

    #[inline]
    pub(super) fn next(&mut self) {
        if let Some(frame) = self.next.take() {
            self.at += 2 + frame.len / 8;
            self.n_taken = self.n_taken.wrapping_add(u64::from(frame.tag != INTRODUCTION_TAG));
        }
    }

    /// The frame at hand does not count as read.
    pub(super) fn note_unreadable(&mut self) {
        self.n_taken = self.n_taken.wrapping_sub(1);
    }

    /// Reads the body of the frame at hand from its side file; false if it cannot be read, and then
    /// the body is empty.
    #[cold]
    fn read_side(&mut self, about: &About) -> bool {
        match (self.next, &self.words[self.at + 2..]) {
            (Some(FrameHead { len: 16, .. }), &[number, len, ..]) => {
                self.side.read(about, side::Reference { number, len }).is_some()
            }
            _ => self.side.none(),
        }
    }

    pub(super) fn release(&mut self, about: &About) {
        self.is_dirty = false;
        // The last side file may belong to a frame that was looked at and not taken: it is still to
        // come, and a writer that takes over will have to read it again.
        let is_last_to_come = self.next.is_some_and(|frame| frame.flags != 0);
        self.side.mark_taken(about, is_last_to_come);
        // First the head: a writer that takes over reads from there, and must find every side file
        // that it meets.
        let pos = self.taken();
        self.consumer.ring().control.store(TAKEN, self.n_taken, Ordering::Relaxed);
        if self.consumer.release(pos) {
            os::futex_wake(self.consumer.ring().control.low_half(HEAD), 1);
        }
        self.side.remove_taken(about, is_last_to_come);
    }
}

/// The bytes of words that were copied from little-endian frames.
fn bytes_of(words: &[u64]) -> &[u8] {
    const { assert!(cfg!(target_endian = "little"), "frames are little-endian") };
    // SAFETY: every byte of an initialised u64 is an initialised u8, the length is that of the
    // words, and u8 has no alignment. The words are a private copy, not shared memory.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), 8 * words.len()) }
}
