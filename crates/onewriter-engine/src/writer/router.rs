//! What the drain gives records to: all routes, what changes at its stamp, what was lost.

use super::{Change, OnNotice};
use crate::drain::Take;
use crate::filter::Matcher;
use crate::loss::LossReport;
use crate::notice::Notices;
use crate::route::{From, Route};
use onewriter_record::{ORIGIN_MAX, Record};
use onewriter_ring::Reader;

/// Records between two commits while the writer is busy.
const BATCH_RECORDS: u32 = 4096;
/// Bytes of bodies between two commits while the writer is busy.
const BATCH_BYTES: usize = 256 << 10;
/// Records between two looks at what a sink has pending.
const LOOK_RECORDS: u32 = 64;

/// What the drain gives records to.
pub(super) struct Router {
    pub(super) global: Option<Matcher>,
    pub(super) routes: Vec<Route>,
    /// What is to change at a stamp to come, in order.
    pub(super) changes: Vec<(u64, Change)>,
    pub(super) next_change: u64,
    pub(super) losses: LossReport,
    pub(super) notices: Notices,
    /// Is told what the writer says among the records.
    pub(super) on_notice: Option<OnNotice>,
    pub(super) n_records: u32,
    pub(super) n_bytes: usize,
    pub(super) accepted: u64,
    pub(super) written: u64,
    pub(super) now: u64,
    pub(super) all_committed: bool,
    /// The only sink cannot commit. What it is not given stays in the rings: else the batch that is
    /// staged once it can would be all that they hold, and might find no memory for ever.
    pub(super) is_stuck: bool,
}

impl Take for Router {
    #[inline]
    fn take(&mut self, record: &Record<'_>, from: &From, reader: &Reader) {
        if from.stamp >= self.next_change {
            self.apply_changes(from.stamp, reader);
        }
        if from.stamp >= self.losses.due() {
            self.report_losses(record.time, reader);
        }
        self.n_records += 1;
        self.n_bytes += record.body.bytes().len();
        self.accepted += 1;
        self.now = record.time;
        if let Some(global) = &mut self.global
            && !global.admits(record)
        {
            return;
        }
        for route in &mut self.routes {
            route.record(record, from, reader);
        }
    }

    #[inline]
    fn between(&mut self, reader: &mut Reader) {
        let is_full = self.n_records >= BATCH_RECORDS || self.n_bytes >= BATCH_BYTES;
        if is_full || self.n_records.is_multiple_of(LOOK_RECORDS) && self.holds_a_batch() {
            self.commit(reader);
        }
    }

    #[inline]
    fn is_stuck(&self) -> bool {
        self.is_stuck
    }
}

/// The writer's own notices come from no ring, and what a sink logs about them goes nowhere: a sink
/// that logs about each line would lose some of that, be told of the loss, and log about it.
const FROM_US: From = From { ring: None, origin: ORIGIN_MAX, stamp: 0 };

impl Router {
    /// A router of these routes; it is `now`.
    pub(super) fn new(global: Option<Matcher>, routes: Vec<Route>, now: u64) -> Router {
        Router {
            global,
            routes,
            changes: Vec::new(),
            next_change: u64::MAX,
            losses: LossReport::default(),
            notices: Notices::new(),
            on_notice: None,
            n_records: 0,
            n_bytes: 0,
            accepted: 0,
            written: 0,
            now,
            all_committed: true,
            is_stuck: false,
        }
    }

    /// Commits all sinks; what they all have is released.
    pub(super) fn commit(&mut self, reader: &mut Reader) -> bool {
        self.n_records = 0;
        self.n_bytes = 0;
        self.all_committed = true;
        for route in &mut self.routes {
            self.all_committed &= route.commit(self.now, reader);
        }
        if self.all_committed {
            reader.release();
            if self.losses.arrived() {
                reader.tell_losses();
            }
            self.written = self.accepted;
        }
        self.is_stuck = !self.all_committed && self.routes.len() == 1;
        self.all_committed
    }

    /// Whether the only sink has taken more than it writes by itself: it cannot write then.
    fn holds_a_batch(&self) -> bool {
        matches!(&self.routes[..], [only] if only.pending() > BATCH_BYTES)
    }

    #[cold]
    pub(super) fn apply_changes(&mut self, stamp: u64, reader: &Reader) {
        let due = self.changes.partition_point(|change| change.0 <= stamp);
        for (_, change) in self.changes.drain(..due) {
            match change {
                Change::Sink(mut route) => {
                    // It may be a file that a killed program had in this queue.
                    route.take_over(reader);
                    self.routes.push(*route);
                }
                Change::Filter(None, filter) => self.global = Some(Matcher::new(filter)),
                Change::Filter(Some(number), filter) => {
                    // A sink that a forked child could not make anew is missing.
                    if let Some(route) = self.routes.iter_mut().find(|it| it.at() == number) {
                        route.set_filter(filter);
                    }
                }
                Change::Call(call) => {
                    for route in &mut self.routes {
                        route.order(self.now, reader, &mut |sink, cx| call(sink, cx));
                    }
                }
            }
        }
        self.next_change = self.changes.first().map_or(u64::MAX, |change| change.0);
    }

    #[cold]
    pub(super) fn report_losses(&mut self, time: u64, reader: &Reader) {
        if let Some(text) = self.losses.take_line() {
            self.notice(time, &text, reader);
        }
    }

    pub(super) fn notice(&mut self, time: u64, text: &str, reader: &Reader) {
        if let Some(tell) = &self.on_notice {
            tell(text);
        }
        let record = self.notices.record(time, text);
        for route in &mut self.routes {
            route.record(&record, &FROM_US, reader);
        }
    }
}
