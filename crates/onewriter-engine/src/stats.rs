//! What the engine knows about itself.

use crate::error::Error;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A counter that one thread adds to.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    #[inline]
    pub(crate) fn fetch_add_relaxed(&self, n: u64) {
        // One thread adds: no read-modify-write is needed.
        self.0.store(self.0.load(Ordering::Relaxed) + n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is counted for one sink.
#[derive(Debug)]
pub(crate) struct Counters {
    name: String,
    pub(crate) taken: Counter,
    pub(crate) dropped: Counter,
    /// Records that an earlier writer had written, or had begun to.
    pub(crate) already: Counter,
    /// The writer's own lines, among those taken.
    pub(crate) notices: Counter,
    pub(crate) rotations: Counter,
    errors: Counter,
    pub(crate) pending: AtomicU64,
    last_error: Mutex<Option<String>>,
}

impl Counters {
    pub(crate) fn new(name: String) -> Counters {
        Counters {
            name,
            taken: Counter::default(),
            dropped: Counter::default(),
            already: Counter::default(),
            notices: Counter::default(),
            rotations: Counter::default(),
            errors: Counter::default(),
            pending: AtomicU64::new(0),
            last_error: Mutex::new(None),
        }
    }

    #[cold]
    pub(crate) fn fail(&self, error: &Error) {
        self.errors.fetch_add_relaxed(1);
        if let Ok(mut last) = self.last_error.lock() {
            *last = Some(error.to_string());
        }
    }

    pub(crate) fn snapshot(&self) -> SinkStats {
        SinkStats {
            name: self.name.clone(),
            taken: self.taken.get(),
            dropped: self.dropped.get(),
            already: self.already.get(),
            notices: self.notices.get(),
            rotations: self.rotations.get(),
            errors: self.errors.get(),
            pending_bytes: self.pending.load(Ordering::Relaxed),
            last_error: self.last_error.lock().ok().and_then(|last| last.clone()),
        }
    }
}

/// What one sink has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkStats {
    /// Its name.
    pub name: String,
    /// Records that it took.
    pub taken: u64,
    /// Records that it lost: errors, a full lane, a full disk under a dropping policy.
    pub dropped: u64,
    /// Records that it left out because an earlier writer had written them, or had begun to, and the
    /// write was finished.
    pub already: u64,
    /// Lines of the writer's own, about losses and damage, among those that it took.
    pub notices: u64,
    /// How often it has rotated its file; 0 for sinks that have none.
    pub rotations: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Bytes taken and not committed.
    pub pending_bytes: u64,
    /// The last failure.
    pub last_error: Option<String>,
}

/// What the writer has done since it began.
///
/// Displayed, it is the periodic line of statistics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Records taken out of the queue.
    pub accepted: u64,
    /// Records that every sink which wanted them has committed.
    pub written: u64,
    /// Records that puts could not place, for whatever reason, and those that were lost because somebody
    /// cut, removed or wrote over the shared memory in which they stood.
    pub lost: u64,
    /// Those of them for which their ring had no room.
    pub lost_full: u64,
    /// Those of them that came to no ring: too large, or no shared memory left.
    pub lost_unplaced: u64,
    /// Records refused because a sink logged them about what a sink or the writer had logged; they
    /// are no losses.
    pub silenced: u64,
    /// Records whose bytes or call site could not be read.
    pub unreadable: u64,
    /// Bytes of records that wait in the queue.
    pub waiting_bytes: u64,
    /// How long the oldest record that is not written has waited.
    pub oldest: Duration,
    /// Processes and threads whose rings are being read.
    pub segments: usize,
    /// Rings being read.
    pub rings: usize,
    /// The sinks.
    pub sinks: Vec<SinkStats>,
}

impl Stats {
    /// Adds what another writer has done, all but its sinks; the older of the two oldest records
    /// counts.
    pub fn add(&mut self, other: &Stats) {
        self.accepted += other.accepted;
        self.written += other.written;
        self.lost += other.lost;
        self.lost_full += other.lost_full;
        self.lost_unplaced += other.lost_unplaced;
        // Counted by the process, not by a writer.
        self.silenced = self.silenced.max(other.silenced);
        self.unreadable += other.unreadable;
        self.waiting_bytes += other.waiting_bytes;
        self.oldest = self.oldest.max(other.oldest);
        self.segments += other.segments;
        self.rings += other.rings;
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "accepted {}, written {}, lost {} (full {}, unplaced {}), unreadable {}, waiting {} \
             bytes, oldest {:?}, segments {}, rings {}",
            self.accepted,
            self.written,
            self.lost,
            self.lost_full,
            self.lost_unplaced,
            self.unreadable,
            self.waiting_bytes,
            self.oldest,
            self.segments,
            self.rings
        )?;
        for sink in &self.sinks {
            write!(
                f,
                "; {}: taken {}, dropped {}, errors {}, pending {} bytes",
                sink.name, sink.taken, sink.dropped, sink.errors, sink.pending_bytes
            )?;
        }
        Ok(())
    }
}
