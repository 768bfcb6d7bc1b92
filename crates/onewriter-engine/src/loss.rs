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
    total_vanished: u64,
    /// Those that found no room, or came to no ring.
    count: u64,
    unseen: u64,
    /// Those that were lost with their segment, by process.
    vanished: BTreeMap<u32, u64>,
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
            total_vanished: 0,
            count: 0,
            unseen: 0,
            vanished: BTreeMap::new(),
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

    /// Those of them that were lost with their segment.
    pub(crate) fn total_vanished(&self) -> u64 {
        self.total_vanished
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
        self.count = self.count.saturating_add(lost.count);
        self.gather(lost.count, span, lost.last.min(t0));
    }

    /// Adds what a process has lost with a segment that somebody has cut, removed or written over.
    pub(crate) fn add_vanished(&mut self, process: u32, count: u64, time: u64, t0: u64) {
        self.total_vanished = self.total_vanished.saturating_add(count);
        let sum = self.vanished.entry(process).or_default();
        *sum = sum.saturating_add(count);
        self.gather(count, (time, time), t0);
    }

    /// Adds losses that no ring has counted.
    pub(crate) fn add_unseen(&mut self, count: u64, time: u64, t0: u64) {
        if count > 0 {
            self.unseen += count;
            self.total_unseen += count;
            self.count += count;
            self.gather(count, (time, time), t0);
        }
        // A burst that went on after its last line is told once the pause is over.
        if !self.is_empty() && self.due == u64::MAX && self.may_tell() {
            self.due = t0;
        }
    }

    /// Tells what is not told yet, pause or no pause: somebody waits for everything.
    pub(crate) fn tell(&mut self, t0: u64) {
        if !self.is_empty() {
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
        self.span = (self.span.0.min(span.0), self.span.1.max(span.1));
        if self.may_tell() {
            self.due = self.due.min(due);
        }
    }

    fn is_empty(&self) -> bool {
        self.count == 0 && self.vanished.is_empty()
    }

    fn may_tell(&self) -> bool {
        self.told.is_none_or(|told| told.elapsed() >= EVERY)
    }

    /// The line, if something was lost since the last one.
    pub(crate) fn take_line(&mut self) -> Option<String> {
        if self.is_empty() {
            self.due = u64::MAX;
            return None;
        }
        let line = self.line();
        let LossReport { total, total_unseen, total_vanished, .. } = *self;
        let told = Some(Instant::now());
        let sums = LossReport { total, total_unseen, total_vanished, ..LossReport::default() };
        *self = LossReport { told, is_on_its_way: true, ..sums };
        Some(line)
    }

    fn line(&self) -> String {
        let vanished =
            self.vanished.values().fold(0, |sum, count| u64::saturating_add(sum, *count));
        let mut line = format!("{} records lost: ", self.count.saturating_add(vanished));
        if self.count > 0 {
            self.say_full(&mut line);
        }
        let mut separator = if self.count > 0 { "; and: " } else { "" };
        for (process, count) in self.vanished.iter().take(MAX_THREADS) {
            let _ = write!(line, "{separator}{count} of process {process}");
            separator = ", ";
        }
        if self.vanished.len() > MAX_THREADS {
            let _ = write!(line, " and more of {} others", self.vanished.len() - MAX_THREADS);
        }
        if vanished > 0 {
            line.push_str(", whose shared memory somebody cut, removed or wrote over");
        }
        let _ = write!(line, "; from {} to {}", rfc3339(self.span.0), rfc3339(self.span.1));
        line
    }

    fn say_full(&self, line: &mut String) {
        line.push_str("the queue was full");
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

    #[test]
    fn what_was_lost_with_its_segment_is_told_with_its_process_and_not_as_a_full_queue() {
        let mut losses = LossReport::default();
        losses.add_vanished(7, 40, 0, 10);
        let at = "; from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:00.000Z";
        let reason = "whose shared memory somebody cut, removed or wrote over";
        let expected = format!("40 records lost: 40 of process 7, {reason}{at}");
        assert_eq!(losses.take_line(), Some(expected));
        losses.add_vanished(7, 1, 0, 10);
        losses.add_vanished(8, 2, 0, 10);
        losses.add_unseen(3, 0, 10);
        let expected = format!(
            "6 records lost: the queue was full (3 of unknown level); and: 1 of process 7, 2 of \
             process 8, {reason}{at}"
        );
        assert_eq!(losses.take_line(), Some(expected));
        assert_eq!((losses.total(), losses.total_unseen(), losses.total_vanished()), (46, 3, 43));
    }
}
