//! The router: which sinks get a record, and what happens when one of them fails.

use crate::error::{Error, ErrorKind};
use crate::filter::{Filter, Matcher};
use crate::guard;
use crate::sink::{Context, Intent, Journal, NoJournal, Sink};
use crate::skip::SkipList;
use crate::stats::Counters;
use crate::trap::{Limiter, Trap};
use onewriter_record::{ORIGIN_SHIFT, Record};
use onewriter_ring::{JournalFile, Place, Reader, RingId};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// What a sink stages at once as a rule: 256 KiB, and the record that makes it more.
const RESERVE: usize = 320 << 10;

/// Where a sink stands, and whom its errors go to.
pub(crate) struct Post {
    /// Its number in the writer.
    pub(crate) at: usize,
    /// Its number among all sinks of the logger.
    pub(crate) number: usize,
    pub(crate) trap: Trap,
}

/// A sink with everything the writer keeps beside it.
pub(crate) struct Route {
    at: usize,
    name: String,
    sink: Box<dyn Sink>,
    matcher: Matcher,
    journal: Option<JournalFile>,
    counters: Arc<Counters>,
    /// The mark of this thread while the sink is called.
    mark: u32,
    is_dirty: bool,
    retry: Option<Retry>,
    /// What an earlier writer had written to this sink.
    skip: SkipList,
    limiter: Limiter,
    trap: Trap,
}

/// A commit that failed and is tried again.
struct Retry {
    at: Instant,
    pause: Duration,
}

/// Where a record comes from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct From {
    /// The ring; none for the writer's own notices.
    pub(crate) ring: Option<RingId>,
    /// The number of the sink on whose thread it was put, plus 1; 0 for everybody else.
    pub(crate) origin: u32,
    /// When it was put.
    pub(crate) stamp: u64,
}

/// One call of a sink.
type Call<'c> = &'c mut dyn FnMut(&mut dyn Sink, &mut Context<'_>) -> Result<(), Error>;

impl Route {
    pub(crate) fn new(
        sink: Box<dyn Sink>,
        filter: Filter,
        journal: Option<JournalFile>,
        post: Post,
    ) -> Route {
        let name = sink.name();
        let Post { at, number, trap } = post;
        Route {
            at,
            counters: Arc::new(Counters::new(name.clone())),
            name,
            sink,
            matcher: Matcher::new(filter),
            journal,
            mark: guard::mark(number),
            is_dirty: false,
            retry: None,
            skip: SkipList::default(),
            limiter: Limiter::default(),
            trap,
        }
    }

    /// Finishes what an earlier writer had begun, and leaves out from now on what the sink has.
    pub(crate) fn take_over(&mut self, reader: &Reader) {
        if let Some(Err(err)) = self.journal.as_mut().map(|journal| journal.reserve(RESERVE)) {
            // Perhaps there is memory when it is needed.
            self.report(&Error::new(ErrorKind::Io, err.to_string()));
        }
        let Some(journal) = self.journal.as_mut() else { return };
        let pending = journal.pending();
        self.skip = SkipList::new(journal.cursors());
        let Some(pending) = pending else { return };
        let Place { dev, ino, base } = pending.place;
        let intent = Intent { dev, ino, base };
        let call: Call<'_> = &mut |sink, cx| {
            sink.redo(&intent, &pending.bytes, cx)?;
            cx.journal.confirm();
            Ok(())
        };
        self.call_only(0, reader, call);
        // What could not be repeated yet is pending, and the next commit is to come.
        self.is_dirty = self.sink.pending() > 0;
    }

    /// The writer leaves and everything is written: the journal's memory is not needed.
    pub(crate) fn trim(&mut self, reader: &Reader) {
        self.skip.prune(reader);
        if let Some(journal) = self.journal.as_mut().filter(|_| self.skip.is_empty()) {
            journal.trim();
        }
    }

    /// Its number in the writer.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    pub(crate) fn set_filter(&mut self, filter: Filter) {
        self.matcher.set(filter);
    }

    /// Gives the sink a record, unless its filter or its own origin forbids it.
    #[inline]
    pub(crate) fn record(&mut self, record: &Record<'_>, from: &From, reader: &Reader) {
        let is_marked = from.origin != 0 && from.origin << ORIGIN_SHIFT == self.mark;
        // Another process counts its own sinks.
        let own = is_marked && from.ring.is_some_and(|ring| reader.is_own(ring));
        if own || !self.matcher.admits(record) {
            return;
        }
        if !self.skip.is_empty() && from.ring.is_some_and(|ring| self.skip.holds(ring, reader)) {
            self.counters.already.fetch_add_relaxed(1);
            return;
        }
        self.is_dirty = true;
        // What a sink logs about what a sink has logged goes nowhere: it would never end.
        let mark = if from.origin == 0 { self.mark } else { onewriter_ring::SILENT };
        onewriter_ring::mark_thread(mark);
        let (file, skip) = (self.journal.as_mut(), &mut self.skip);
        let mut journal = SinkJournal { file, skip, reader };
        let mut cx = Context { now: record.time, journal: &mut journal };
        let sink = &mut self.sink;
        match guard::catch(&self.name, || sink.record(record, &mut cx)) {
            Ok(()) => {
                self.counters.taken.fetch_add_relaxed(1);
                self.counters.notices.fetch_add_relaxed(u64::from(from.ring.is_none()));
            }
            Err(error) => self.lose(&error),
        }
    }

    #[cold]
    fn lose(&mut self, error: &Error) {
        self.counters.dropped.fetch_add_relaxed(1);
        self.report(error);
    }

    fn report(&mut self, error: &Error) {
        self.counters.fail(error);
        if let Some(held_back) = self.limiter.admit(&error.to_string(), Instant::now()) {
            let more = match held_back {
                0 => String::new(),
                n => format!(" ({n} more errors were held back)"),
            };
            let text = format!("{}: {error}{more}", self.name);
            let named = Error::new(error.kind(), text);
            self.trap.report(&match error.io_error() {
                Some(source) => named.with_source(source.kind().into()),
                None => named,
            });
        }
    }

    /// Commits what was taken, unless the pause after a failure is not over; true if nothing is
    /// pending.
    pub(crate) fn commit(&mut self, now: u64, reader: &Reader) -> bool {
        if self.retry.as_ref().is_some_and(|retry| Instant::now() < retry.at) {
            return false;
        }
        if !self.is_dirty && self.retry.is_none() {
            return true;
        }
        self.call(false, now, reader, &mut |sink, cx| sink.commit(cx))
    }

    /// Flushes; true if nothing is pending and the sink says so.
    pub(crate) fn flush(&mut self, now: u64, reader: &Reader) -> bool {
        self.retry = None;
        self.call(true, now, reader, &mut |sink, cx| sink.flush(cx))
    }

    pub(crate) fn tick(&mut self, now: u64, reader: &Reader) {
        self.call_only(now, reader, &mut |sink, cx| sink.tick(cx));
        self.count();
    }

    /// Reopen, rotate or dump.
    pub(crate) fn order(&mut self, now: u64, reader: &Reader, call: Call<'_>) {
        self.call_only(now, reader, call);
        self.count();
    }

    /// Takes over what the sink has counted; the bytes that are pending.
    fn count(&mut self) -> usize {
        let pending = self.sink.pending();
        self.counters.pending.store(pending as u64, Ordering::Relaxed);
        self.counters.dropped.fetch_add_relaxed(self.sink.take_dropped());
        self.counters.rotations.fetch_add_relaxed(self.sink.take_rotations());
        pending
    }

    fn call(&mut self, is_flush: bool, now: u64, reader: &Reader, call: Call<'_>) -> bool {
        let before = self.sink.pending();
        let ok = self.call_only(now, reader, call);
        let pending = self.count();
        if ok && pending == 0 {
            self.is_dirty = false;
            self.retry = None;
            return true;
        }
        if pending == 0 && !is_flush {
            // The error was not about anything that is still here.
            self.is_dirty = false;
            return true;
        }
        // What moves, if slowly (a pipe, piece by piece), is not kept waiting longer and longer.
        let pause = match &self.retry {
            Some(retry) if pending >= before => (retry.pause * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.retry = Some(Retry { at: Instant::now() + pause, pause });
        false
    }

    fn call_only(&mut self, now: u64, reader: &Reader, call: Call<'_>) -> bool {
        onewriter_ring::mark_thread(self.mark);
        let (file, skip) = (self.journal.as_mut(), &mut self.skip);
        let mut journal = SinkJournal { file, skip, reader };
        let mut cx = Context { now, journal: &mut journal };
        let sink = &mut *self.sink;
        let result = guard::catch(&self.name, || call(sink, &mut cx));
        if let Err(error) = &result {
            self.report(error);
        }
        result.is_ok()
    }

    /// Bytes that the sink has taken and not written.
    pub(crate) fn pending(&self) -> usize {
        self.sink.pending()
    }

    /// Whether a commit has failed and will be tried again.
    pub(crate) fn is_failing(&self) -> bool {
        self.retry.is_some()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The journal as a sink sees it: the cursors are the reader's, and those of what the sink has
/// beyond them.
struct SinkJournal<'a> {
    file: Option<&'a mut JournalFile>,
    skip: &'a mut SkipList,
    reader: &'a Reader,
}

impl Journal for SinkJournal<'_> {
    fn intend(&mut self, intent: &Intent, bytes: &[u8]) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return NoJournal.intend(intent, bytes) };
        if !self.skip.is_empty() {
            self.skip.prune(self.reader);
        }
        file.intend(place(intent), bytes, self.reader.cursors().chain(self.skip.cursors()))
            .map_err(|err| Error::new(ErrorKind::Io, err.to_string()))
    }

    fn part(&mut self, rest: &Intent, done: usize, newline: bool) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return Ok(()) };
        file.part(place(rest), done, newline)
            .map_err(|err| Error::new(ErrorKind::Io, err.to_string()))
    }

    fn confirm(&mut self) {
        if let Some(file) = &mut self.file {
            file.confirm();
        }
    }
}

fn place(intent: &Intent) -> Place {
    Place { dev: intent.dev, ino: intent.ino, base: intent.base }
}

#[cfg(test)]
#[path = "tests/takeover.rs"]
mod tests;
