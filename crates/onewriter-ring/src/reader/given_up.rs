//! Segments that their processes have given up, because somebody cut, removed or wrote over them: what
//! was lost with them.
//!
//! The process says in its next segment how many records it had put into that one, or refused there. The
//! reader knows how many it has read and told.

use super::segment::{GivenUp, SegmentReader};
use std::collections::{BTreeMap, HashMap, HashSet};

/// More in one segment are not believed: somebody has written over what the process says.
const LOST_MAX: u64 = 1 << 32;
/// So many segments that are gone are remembered; what a process says later of others is not counted.
const MAX_GONE: usize = 65_536;

#[derive(Debug, Default)]
pub(super) struct GivenUpLog {
    /// When the reader made its first pass: what was made before, another one may have read.
    since: Option<u64>,
    /// Those that are gone: how many records their process has said there were.
    gone: HashMap<u128, u64>,
    /// What is not told yet, by process.
    lost: BTreeMap<u32, u64>,
    /// Segments of which something was lost that is not told, or not known to be.
    untold: HashSet<u128>,
}

impl GivenUpLog {
    pub(super) fn begin(&mut self, now: u64) {
        self.since.get_or_insert(now);
    }

    /// Reads what all segments say of others.
    pub(super) fn look(&mut self, segments: &mut [Option<SegmentReader>]) {
        for at in 0..segments.len() {
            if let Some(segment) = segments[at].take() {
                self.hear(&segment, segments);
                segments[at] = Some(segment);
            }
        }
    }

    /// Reads what a segment says of those before it. Nobody speaks for another process.
    pub(super) fn hear(&mut self, from: &SegmentReader, segments: &mut [Option<SegmentReader>]) {
        let process = from.about.process;
        for entry in from.given_up_before().filter(|entry| entry.count <= LOST_MAX) {
            let mut open = segments.iter_mut().flatten();
            match open.find(|it| it.about.id == entry.id) {
                Some(segment) if segment.about.process == process => {
                    segment.given_up = segment.given_up.max(Some(entry.count));
                }
                Some(_) => {}
                // There is no descriptor left to open it with.
                None if from.has_neighbour(entry.id) => {}
                None => {
                    self.note_unseen(process, &entry);
                    if !self.untold.contains(&entry.id) && entry.settled != entry.count {
                        from.settle(&entry);
                    }
                }
            }
        }
    }

    /// The segment is not open: it is gone, or this reader has never met it.
    fn note_unseen(&mut self, process: u32, entry: &GivenUp) {
        let is_known = self.gone.contains_key(&entry.id);
        // What nobody but this reader could have read, nobody has.
        let is_mine = self.since.is_some_and(|since| entry.made > since);
        let done = if is_mine { 0 } else { entry.done.unwrap_or(entry.count) };
        if !is_known && self.gone.len() >= MAX_GONE {
            return;
        }
        let settled = entry.settled.min(entry.count);
        let before = self.gone.entry(entry.id).or_insert(done.max(settled));
        let more = entry.count.saturating_sub(*before);
        *before = entry.count.max(*before);
        self.add(process, entry.id, more);
    }

    /// The segment was read to its end: what is missing is lost.
    pub(super) fn note_removed(&mut self, segment: &SegmentReader) {
        let Some(count) = segment.given_up else { return };
        if self.gone.len() < MAX_GONE {
            // A thread in the middle of a put does not yet count among those that are said.
            self.gone.insert(segment.about.id, count.max(segment.n_done()));
        }
        self.add(segment.about.process, segment.about.id, segment.n_missing());
    }

    fn add(&mut self, process: u32, segment: u128, count: u64) {
        if count > 0 {
            self.untold.insert(segment);
            let sum = self.lost.entry(process).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// All that was taken is told.
    pub(super) fn tell(&mut self) {
        if self.lost.is_empty() {
            self.untold.clear();
        }
    }

    pub(super) fn take(&mut self) -> Vec<(u32, u64)> {
        std::mem::take(&mut self.lost).into_iter().collect()
    }
}
