//! Losses: gathered from all rings, told in one line at their place.

use onewriter_record::Level;
use onewriter_ring::Losses;
use onewriter_ring::spsc::UNKNOWN_CLASS;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

/// While records are being lost, a line is written this often.
const EVERY: Duration = Duration::from_millis(250);
/// Threads named in a line.
const MAX_THREADS: usize = 8;

/// Losses that have not been told yet, and the sum of all.
#[derive(Debug)]
pub(crate) struct LossReport {
    total: u64,
    total_unseen: u64,
    count: u64,
    unseen: u64,
    by_class: [u64; 8],
    threads: BTreeMap<(u32, String), u64>,
    /// Wall times of the first and the last.
    span: (u64, u64),
    due: u64,
    told: Option<Instant>,
    /// A line was given to the sinks, which have not committed it.
    is_on_its_way: bool,
}

impl Default for LossReport {
    fn default() -> LossReport {
        LossReport {
            total: 0,
            total_unseen: 0,
            count: 0,
            unseen: 0,
            by_class: [0; 8],
            threads: BTreeMap::new(),
            span: (u64::MAX, 0),
            due: u64::MAX,
            told: None,
            is_on_its_way: false,
        }
    }
}

impl LossReport {
    /// Records that were lost, in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Those of them that no ring has counted.
    pub(crate) fn total_unseen(&self) -> u64 {
        self.total_unseen
    }

    /// The stamp of the record before which the line belongs; `u64::MAX` if there is none to write.
    #[inline]
    pub(crate) fn due(&self) -> u64 {
        self.due
    }

    /// Adds what one ring has lost.
    pub(crate) fn add(
        &mut self,
        lost: &Losses,
        thread: &str,
        process: u32,
        span: (u64, u64),
        t0: u64,
    ) {
        for (sum, count) in self.by_class.iter_mut().zip(lost.by_class) {
            *sum = u64::saturating_add(*sum, count);
        }
        // Those of unknown level may be other threads', which had no ring to count them in.
        let own = lost.count.saturating_sub(lost.by_class[UNKNOWN_CLASS]);
        if own > 0 {
            let sum = self.threads.entry((process, thread.to_owned())).or_default();
            *sum = sum.saturating_add(own);
        }
        self.gather(lost.count, span, lost.last.min(t0));
    }

    /// Adds losses that no ring has counted.
    pub(crate) fn add_unseen(&mut self, count: u64, time: u64, t0: u64) {
        if count > 0 {
            self.unseen += count;
            self.total_unseen += count;
            self.gather(count, (time, time), t0);
        }
        // A burst that went on after its last line is told once the pause is over.
        if self.count > 0 && self.due == u64::MAX && self.may_tell() {
            self.due = t0;
        }
    }

    /// Tells what is not told yet, pause or no pause: somebody waits for everything.
    pub(crate) fn tell(&mut self, t0: u64) {
        if self.count > 0 {
            self.due = self.due.min(t0);
        }
    }

    /// Whether a line was taken that is not where it is to be.
    pub(crate) fn is_on_its_way(&self) -> bool {
        self.is_on_its_way
    }

    /// All sinks have committed: whether a line was among it.
    pub(crate) fn arrived(&mut self) -> bool {
        std::mem::take(&mut self.is_on_its_way)
    }

    fn gather(&mut self, count: u64, span: (u64, u64), due: u64) {
        // A process can claim what it likes.
        self.total = self.total.saturating_add(count);
        self.count = self.count.saturating_add(count);
        self.span = (self.span.0.min(span.0), self.span.1.max(span.1));
        if self.may_tell() {
            self.due = self.due.min(due);
        }
    }

    fn may_tell(&self) -> bool {
        self.told.is_none_or(|told| told.elapsed() >= EVERY)
    }

    /// The line, if something was lost since the last one.
    pub(crate) fn take_line(&mut self) -> Option<String> {
        if self.count == 0 {
            self.due = u64::MAX;
            return None;
        }
        let line = self.line();
        let (total, total_unseen) = (self.total, self.total_unseen);
        let told = Some(Instant::now());
        let is_on_its_way = true;
        *self = LossReport { total, total_unseen, told, is_on_its_way, ..LossReport::default() };
        Some(line)
    }

    fn line(&self) -> String {
        let mut line = format!("{} records lost: the queue was full", self.count);
        let mut separator = " (";
        let (levels, unknown) = self.by_class.split_at(UNKNOWN_CLASS);
        for (class, count) in levels.iter().enumerate().filter(|(_, count)| **count > 0) {
            let _ = write!(line, "{separator}{count} {}", class_name(class));
            separator = ", ";
        }
        let unknown = unknown.iter().fold(self.unseen, |sum, count| sum.saturating_add(*count));
        if unknown > 0 {
            let _ = write!(line, "{separator}{unknown} of unknown level");
        }
        line.push(')');
        separator = "; threads ";
        for ((process, thread), count) in self.threads.iter().take(MAX_THREADS) {
            let _ = write!(line, "{separator}{thread} of process {process}: {count}");
            separator = ", ";
        }
        if self.threads.len() > MAX_THREADS {
            let _ = write!(line, " and {} more", self.threads.len() - MAX_THREADS);
        }
        let _ = write!(line, "; from {} to {}", rfc3339(self.span.0), rfc3339(self.span.1));
        line
    }
}

fn class_name(class: usize) -> &'static str {
    Level::new((class * 10) as u8).name()
}

/// UTC with milliseconds, whatever the formatters show.
fn rfc3339(nanos: u64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or_default();
    format!("{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_stays_in_the_sums() {
        let mut losses = LossReport::default();
        losses.add(&Losses { count: 2, ..Losses::default() }, "one", 1, (0, 0), 10);
        losses.add_unseen(3, 0, 10);
        let line = losses.take_line().expect("five are lost");
        assert!(
            line.starts_with("5 records lost: the queue was full (3 of unknown level); "),
            "{line}"
        );
        assert_eq!(losses.take_line(), None);
        assert_eq!((losses.total(), losses.total_unseen()), (5, 3));
    }
}
