//! What the processes of the demo share besides the log: counters in a file that all have mapped.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;

use onewriter_ring::testing::SharedWords;

/// Each counter on a line of its own, or one process would slow down another.
const STEP: usize = 16;
const TICKETS: usize = 0;
const STOP: usize = STEP;
const PRODUCERS: usize = 2 * STEP;
const BEATS: usize = 3 * STEP;
const SLOTS: usize = 4 * STEP;
/// More producers than a demo has, with all that take the place of killed ones.
const MAX_PRODUCERS: usize = 1 << 14;

/// The counters.
pub struct Board(SharedWords);

impl Board {
    /// Opens the board of this directory, making it if it is not there.
    pub fn open(dir: &Path) -> io::Result<Board> {
        SharedWords::open(&dir.join(".board"), SLOTS + MAX_PRODUCERS * STEP).map(Board)
    }

    /// The next ticket: drawn right before a put.
    pub fn ticket(&self) -> u64 {
        self.0.word(TICKETS).fetch_add(1, Ordering::SeqCst)
    }

    /// A number for a new producer; `None` if there are too many.
    pub fn producer(&self) -> Option<u64> {
        let number = self.0.word(PRODUCERS).fetch_add(1, Ordering::Relaxed);
        (number < MAX_PRODUCERS as u64).then_some(number)
    }

    /// A producer's put has returned; it is its `count`th.
    pub fn returned(&self, producer: u64, count: u64) {
        self.slot(producer).store(count, Ordering::Relaxed);
    }

    /// How many puts of each producer have returned.
    pub fn all_returned(&self) -> Vec<u64> {
        let count = self.0.word(PRODUCERS).load(Ordering::Relaxed).min(MAX_PRODUCERS as u64);
        (0..count).map(|producer| self.slot(producer).load(Ordering::Relaxed)).collect()
    }

    /// Has all producers stop.
    pub fn stop(&self) {
        self.0.word(STOP).store(1, Ordering::Relaxed);
    }

    /// Whether producers are to stop.
    pub fn is_stopped(&self) -> bool {
        self.0.word(STOP).load(Ordering::Relaxed) != 0
    }

    /// The one who kills lives.
    pub fn beat(&self) {
        self.0.word(BEATS).fetch_add(1, Ordering::Relaxed);
    }

    /// Changes as long as the one who kills lives.
    pub fn beats(&self) -> u64 {
        self.0.word(BEATS).load(Ordering::Relaxed)
    }

    fn slot(&self, producer: u64) -> &std::sync::atomic::AtomicU64 {
        self.0.word(SLOTS + (producer as usize % MAX_PRODUCERS) * STEP)
    }
}
