//! The writer: the one thread that touches a queue's sinks.

use crate::drain::{Drain, Take};
use crate::error::{Error, ErrorKind};
use crate::filter::{Filter, Matcher};
use crate::loss::LossReport;
use crate::notice::Notices;
use crate::publish::{self, Published, Publisher};
use crate::route::{From, Route};
use crate::sink::{Context, Sink, SinkSpec};
use crate::stats::Stats;
use crate::trap::Trap;
use crate::wall::Wall;
use onewriter_record::{Level, LevelFilter, ORIGIN_MAX, Record};
use onewriter_ring::{JournalFile, Lead, Queue, Reader, wall_pair};
use std::hash::{Hash, Hasher};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Records between two commits while the writer is busy.
const BATCH_RECORDS: u32 = 4096;
/// Bytes of bodies between two commits while the writer is busy.
const BATCH_BYTES: usize = 256 << 10;
/// How often a process that stands by tries to take the lead.
const STAND_BY: Duration = Duration::from_millis(5);
const TICK: Duration = Duration::from_millis(100);

/// What a writer is started with.
#[derive(Default)]
pub struct WriterOptions {
    /// The sinks. More can be added later.
    pub sinks: Vec<SinkSpec>,
    /// The filter before those of the sinks. Default: everything passes.
    pub filter: Option<Filter>,
    /// Where errors go that have no caller. Default: standard error, at most one line for each
    /// sink and second.
    pub trap: Trap,
    /// How often a line of statistics is logged. Default: never.
    pub stats_every: Option<Duration>,
    /// Called once, on a thread of its own, with a sentence that says how the sinks of the writer for
    /// which this process stands by are set up otherwise than ours. Default: nobody is told.
    pub on_disagreement: Option<fn(&str)>,
}

/// A handle of the writer; clones mean the same writer.
#[derive(Clone)]
pub struct Writer {
    shared: &'static Shared,
}

/// Nobody else changes or reads the writer's state as long as this lives; see [`Writer::hold`].
#[must_use = "the hold ends with the value"]
pub struct Hold {
    _state: MutexGuard<'static, State>,
}

struct Shared {
    queue: &'static Queue,
    trap: Trap,
    on_disagreement: Option<fn(&str)>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is asked for, and since when.
    orders: Vec<(u64, Change)>,
    stats: Stats,
    failing: Vec<String>,
    filters: Vec<SinkFilter>,
    /// How the sinks are set up, without their filters.
    settings: Vec<Option<String>>,
    global: Option<Filter>,
    phase: Phase,
    /// Whether the writer has the lead.
    leads: bool,
    thread: Option<JoinHandle<()>>,
}

/// The filter that holds for a sink, or will.
struct SinkFilter {
    filter: Filter,
    /// The sink has none of its own, and neither had the writer: INFO and above.
    is_default: bool,
}

impl State {
    /// The settings of all sinks with the levels that hold now.
    fn all_settings(&self) -> Vec<Option<String>> {
        let sinks = self.filters.iter().zip(&self.settings);
        let with_level = |(sink, settings): (&SinkFilter, &Option<String>)| {
            publish::with_level(settings.as_deref(), self.global.as_ref(), &sink.filter)
        };
        sinks.map(with_level).collect()
    }

    /// The writer has got a filter: sinks without one of their own leave it to that.
    fn drop_defaults(&mut self, now: u64) {
        for (number, sink) in self.filters.iter_mut().enumerate().filter(|(_, it)| it.is_default) {
            *sink = SinkFilter { filter: Filter::all(), is_default: false };
            let change = Change::Filter(Some(number), Filter::all());
            self.orders.push((now, change));
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Running,
    Stopping {
        deadline: Option<Instant>,
    },
    Stopped,
}

/// What a handle asks of the writer: it holds for the records that are put after it.
enum Change {
    /// The filter of a sink, or the one before all sinks.
    Filter(Option<usize>, Filter),
    /// One more sink.
    Sink(Box<Route>),
    /// A call of every sink: reopen, rotate or dump.
    Call(fn(&mut dyn Sink, &mut Context<'_>) -> Result<(), Error>),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of a writer that has not ended.
    fn open(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.lock();
        if state.phase == Phase::Stopped {
            return Err(Error::new(ErrorKind::Closed, "the writer has been shut down"));
        }
        Ok(state)
    }
}

impl Writer {
    /// Starts the writer of a queue on a thread of its own.
    ///
    /// # Errors
    /// A journal that cannot be opened, a thread that cannot be started.
    pub fn start(queue: &'static Queue, options: WriterOptions) -> Result<Writer, Error> {
        let WriterOptions { sinks, filter, trap, stats_every, on_disagreement } = options;
        let state = Mutex::new(State { global: filter.clone(), ..State::default() });
        let changed = Condvar::new();
        // Like the queue it is kept for ever: threads that outlive the writer look at it.
        let shared: &'static Shared =
            Box::leak(Box::new(Shared { queue, trap, on_disagreement, state, changed }));
        let mut routes = Vec::new();
        for spec in sinks {
            let mut state = shared.lock();
            routes.push(shared.add_route(spec, &mut state)?);
        }
        let thread = std::thread::Builder::new().name("onewriter".to_owned()).spawn(move || {
            Running::new(shared, routes, filter, stats_every).run();
        });
        let thread = thread.map_err(|err| {
            Error::new(ErrorKind::Io, format!("cannot start the writer's thread: {err}"))
        })?;
        shared.lock().thread = Some(thread);
        Ok(Writer { shared })
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &'static Queue {
        self.shared.queue
    }

    /// Keeps the writer's state as it is: a process that forks meanwhile has a child that finds no
    /// lock held by a thread that it does not have.
    pub fn hold(&self) -> Hold {
        Hold { _state: self.shared.lock() }
    }

    fn change(&self, change: Change) -> Result<(), Error> {
        let mut state = self.shared.open()?;
        // As in `set_filter`, the moment is read under the lock.
        state.orders.push((onewriter_ring::now(), change));
        drop(state);
        self.shared.queue.request(0);
        Ok(())
    }

    /// Adds a sink. It gets the records put after it is there.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown; a journal that cannot be opened.
    pub fn add_sink(&self, spec: SinkSpec) -> Result<(), Error> {
        let mut state = self.shared.open()?;
        let route = self.shared.add_route(spec, &mut state)?;
        state.orders.push((onewriter_ring::now(), Change::Sink(Box::new(route))));
        drop(state);
        self.shared.queue.request(0);
        Ok(())
    }

    /// Exchanges the filter of sink `sink`, or the one before all sinks. Records put before this
    /// call are still judged by the old one.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown, [`ErrorKind::Config`] if there is no such sink.
    pub fn set_filter(&self, sink: Option<usize>, filter: Filter) -> Result<(), Error> {
        let mut state = self.shared.open()?;
        // The moment is read under the lock: a pass that begins later finds the order.
        let now = onewriter_ring::now();
        match sink {
            None if state.global.is_none() => {
                state.global = Some(filter.clone());
                state.drop_defaults(now);
            }
            None => state.global = Some(filter.clone()),
            Some(number) => {
                let count = state.filters.len();
                let slot = state.filters.get_mut(number).ok_or_else(|| {
                    Error::config(format!("there is no sink {number}: there are {count}, from 0"))
                })?;
                *slot = SinkFilter { filter: filter.clone(), is_default: false };
            }
        }
        state.orders.push((now, Change::Filter(sink, filter)));
        drop(state);
        self.shared.queue.request(0);
        Ok(())
    }

    /// Whether a record of this level and target could reach any sink.
    #[must_use]
    pub fn could_admit(&self, level: Level, target: &str) -> bool {
        let state = self.shared.lock();
        state.global.as_ref().is_none_or(|filter| filter.could_admit(level, target))
            && state.filters.iter().any(|sink| sink.filter.could_admit(level, target))
    }

    /// The least severe level that could reach any sink.
    #[must_use]
    pub fn max_level(&self) -> LevelFilter {
        let state = self.shared.lock();
        let sinks = state.filters.iter().map(|sink| sink.filter.max_level()).min();
        let global = state.global.as_ref().map_or(LevelFilter::ALL, Filter::max_level);
        sinks.map_or(LevelFilter::OFF, |sinks| sinks.max(global))
    }

    /// Has every sink open its destination anew, between what was put before this call and what
    /// is put after it.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown.
    pub fn reopen(&self) -> Result<(), Error> {
        self.change(Change::Call(|sink, cx| sink.reopen(cx)))
    }

    /// Has every sink rotate that can, between what was put before this call and what is put
    /// after it.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown.
    pub fn rotate(&self) -> Result<(), Error> {
        self.change(Change::Call(|sink, cx| sink.rotate(cx)))
    }

    /// Has flight recorders write what they hold: all that was put before this call.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown.
    pub fn dump(&self) -> Result<(), Error> {
        self.change(Change::Call(|sink, cx| sink.dump(cx)))
    }

    /// What the writer has done, at most a tenth of a second ago.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.lock().stats.clone()
    }

    /// Waits until this writer has the lead, at most so long; whether it has. One that stands by for
    /// another, or has ended, has not.
    #[must_use]
    pub fn wait_for_lead(&self, timeout: Duration) -> bool {
        let until = Instant::now() + timeout;
        let mut state = self.shared.lock();
        while !state.leads && state.phase != Phase::Stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.leads
    }

    /// The names of sinks that could not commit what they took.
    #[must_use]
    pub fn failing(&self) -> Vec<String> {
        self.shared.lock().failing.clone()
    }

    /// Drains, flushes and ends the writer, waiting for it up to `deadline`. True if everything was
    /// written. A second call finds nothing to do.
    pub fn stop(&self, deadline: Duration) -> bool {
        let until = Instant::now() + deadline;
        let mut state = self.shared.lock();
        if state.phase == Phase::Running {
            state.phase = Phase::Stopping { deadline: Some(until) };
            self.shared.changed.notify_all();
        }
        self.shared.queue.request(onewriter_ring::now());
        while state.phase != Phase::Stopped {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let thread = state.thread.take();
        let clean = state.failing.is_empty();
        drop(state);
        if let Some(thread) = thread {
            // It has said that it is done: what is left of it is its return.
            let _ = thread.join();
        }
        clean
    }
}

impl Shared {
    /// The sink with its journal and the filter that holds for it.
    fn add_route(&self, spec: SinkSpec, state: &mut State) -> Result<Route, Error> {
        let number = state.filters.len();
        let is_default = spec.filter.is_none() && state.global.is_none();
        let filter = spec.filter.clone().unwrap_or_else(|| match is_default {
            true => Filter::level(Level::Info),
            false => Filter::all(),
        });
        let key = spec.file.as_ref().map(|path| {
            let mut hasher = std::hash::DefaultHasher::new();
            path.hash(&mut hasher);
            hasher.finish()
        });
        let journal = key.map(|key| JournalFile::open(self.queue, key)).transpose();
        let journal = journal.map_err(|err| Error::new(ErrorKind::Io, err.to_string()))?;
        state.filters.push(SinkFilter { filter: filter.clone(), is_default });
        state.settings.push(spec.settings.clone());
        Ok(Route::new(spec, filter, journal, (number, self.trap.clone())))
    }
}

/// How long a process that stands by waits for what the writer publishes, and how often it looks.
const COMPARE_TRIES: u32 = 100;
const COMPARE_EVERY: Duration = Duration::from_millis(50);

impl Shared {
    /// Compares our sinks with those of the writer for which we stand by, once it has said how they
    /// are. On a thread of its own: what is told there is logged like anybody's record.
    fn compare_with_writer(&'static self, tell: fn(&str)) {
        let thread = std::thread::Builder::new().name("onewriter-compare".to_owned());
        let compare = move || {
            for _ in 0..COMPARE_TRIES {
                // First of all: what stands there may be that of the writer before, who was killed.
                std::thread::sleep(COMPARE_EVERY);
                let writer = publish::read_in(self.queue.dir()).filter(|it| !it.has_ended);
                let Some(writer) = writer else { continue };
                let own = Published { settings: self.lock().all_settings(), ..Published::of_us() };
                if let Some(text) = publish::disagreement(&own, &writer) {
                    tell(&text);
                }
                return;
            }
        };
        // Without a thread nobody is told; nothing else depends on it.
        let _ = thread.spawn(compare);
    }
}

/// The writer's thread.
struct Running {
    shared: &'static Shared,
    drain: Drain,
    router: Router,
    publisher: Publisher,
    idle_passes: u32,
    next_tick: Instant,
    stats_every: Option<Duration>,
    next_stats: Option<Instant>,
}

/// What the drain gives records to.
struct Router {
    global: Option<Matcher>,
    routes: Vec<Route>,
    /// What is to change at a stamp to come, in order.
    changes: Vec<(u64, Change)>,
    next_change: u64,
    losses: LossReport,
    notices: Notices,
    n_records: u32,
    n_bytes: usize,
    accepted: u64,
    written: u64,
    now: u64,
    all_committed: bool,
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
        if self.n_records >= BATCH_RECORDS || self.n_bytes >= BATCH_BYTES {
            self.commit(reader);
        }
    }
}

/// The writer's own notices come from no ring, and what a sink logs about them goes nowhere: a sink
/// that logs about each line would lose some of that, be told of the loss, and log about it.
const FROM_US: From = From { ring: None, origin: ORIGIN_MAX, stamp: 0 };

impl Router {
    /// Commits all sinks; what they all have is released.
    fn commit(&mut self, reader: &mut Reader) -> bool {
        self.n_records = 0;
        self.n_bytes = 0;
        self.all_committed = true;
        for route in &mut self.routes {
            self.all_committed &= route.commit(self.now, reader);
        }
        if self.all_committed {
            reader.release();
            self.written = self.accepted;
        }
        self.all_committed
    }

    #[cold]
    fn apply_changes(&mut self, stamp: u64, reader: &Reader) {
        let due = self.changes.partition_point(|change| change.0 <= stamp);
        for (_, change) in self.changes.drain(..due) {
            match change {
                Change::Sink(route) => self.routes.push(*route),
                Change::Filter(None, filter) => self.global = Some(Matcher::new(filter)),
                Change::Filter(Some(number), filter) => {
                    if let Some(route) = self.routes.get_mut(number) {
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
    fn report_losses(&mut self, time: u64, reader: &Reader) {
        if let Some(text) = self.losses.take_line() {
            self.notice(time, &text, reader);
        }
    }

    fn notice(&mut self, time: u64, text: &str, reader: &Reader) {
        let record = self.notices.record(time, text);
        for route in &mut self.routes {
            route.record(&record, &FROM_US, reader);
        }
    }
}

impl Running {
    fn new(
        shared: &'static Shared,
        routes: Vec<Route>,
        filter: Option<Filter>,
        stats_every: Option<Duration>,
    ) -> Running {
        let reader = Reader::new(shared.queue);
        let pair = wall_pair();
        let wall = Wall::new(shared.queue.clock(), pair);
        Running {
            drain: Drain::new(reader, wall),
            router: Router {
                global: filter.map(Matcher::new),
                routes,
                changes: Vec::new(),
                next_change: u64::MAX,
                losses: LossReport::default(),
                notices: Notices::new(),
                n_records: 0,
                n_bytes: 0,
                accepted: 0,
                written: 0,
                now: pair.1,
                all_committed: true,
            },
            publisher: Publisher::default(),
            idle_passes: 0,
            next_tick: Instant::now(),
            next_stats: stats_every.map(|every| Instant::now() + every),
            stats_every,
            shared,
        }
    }

    fn run(mut self) {
        let _mark = crate::guard::enter();
        let Some(_lead) = self.wait_for_lead() else {
            self.stand_down();
            return;
        };
        self.publisher = Publisher::new(self.shared.queue.dir());
        self.update_stats();
        self.publish_state();
        self.shared.lock().leads = true;
        self.shared.changed.notify_all();
        self.take_over();
        // The counter's rate is known after the first millisecond.
        std::thread::sleep(Duration::from_millis(2));
        self.drain.wall.anchor(wall_pair());
        while !self.is_over() {
            let requested = self.shared.queue.requested();
            let n_records = if self.has_work(requested) { self.work(requested) } else { 0 };
            self.tick_if_due();
            self.rest(n_records, requested);
        }
        self.end();
    }

    /// Stands by until the queue has no other writer; `None` if the process ends before that.
    fn wait_for_lead(&mut self) -> Option<Lead> {
        let mut tell = self.shared.on_disagreement;
        loop {
            match self.shared.queue.try_lead() {
                Ok(Some(lead)) => return Some(lead),
                Ok(None) => {
                    if let Some(tell) = tell.take() {
                        self.shared.compare_with_writer(tell);
                    }
                }
                Err(err) => self.shared.trap.report(&Error::new(ErrorKind::Io, err.to_string())),
            }
            let state = self.shared.lock();
            if state.phase != Phase::Running {
                return None;
            }
            let waited = self.shared.changed.wait_timeout(state, STAND_BY);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Ends without having written anything: another process does.
    fn stand_down(self) {
        self.shared.lock().phase = Phase::Stopped;
        self.shared.changed.notify_all();
    }

    /// Finishes what the writer before this one had begun, and begins where it stopped.
    fn take_over(&mut self) {
        let routes = &mut self.router.routes;
        let cursors: Vec<_> = routes.iter_mut().map(Route::take_over).collect();
        let mut journals = cursors.iter().flatten();
        match (journals.next(), journals.next()) {
            (Some(only), None) => self.drain.reader.start_behind(only.iter().copied()),
            _ => {
                // Each sink has its own: reading begins where the rings say, and each sink leaves
                // out what it has.
                for (route, cursors) in routes.iter_mut().zip(cursors) {
                    route.skip_before(cursors.unwrap_or_default());
                }
            }
        }
    }

    /// Whether a pass would find anything. A look costs nobody anything; a pass interrupts every
    /// processor that runs a producer, so it is made for something, and at every tick.
    fn has_work(&self, requested: u64) -> bool {
        self.drain.reader.has_news()
            || requested > self.shared.queue.watermark()
            || !self.router.all_committed
            || self.has_orders()
            || Instant::now() >= self.next_tick
    }

    /// A pass, and what it has reached; returns how many records it took.
    fn work(&mut self, requested: u64) -> u64 {
        let (t0, n_records) = self.pass();
        self.publish(requested, t0);
        n_records
    }

    /// One pass over all rings: everything put before it began is merged, routed and committed.
    fn pass(&mut self) -> (u64, u64) {
        let t0 = self.drain.reader.begin();
        self.take_orders();
        self.collect_losses(t0);
        let n_records = self.drain.merge(t0, &mut self.router);
        self.router.apply_changes(t0, &self.drain.reader);
        if t0 >= self.router.losses.due() {
            let time = self.drain.wall.at(t0);
            self.router.report_losses(time, &self.drain.reader);
        }
        self.router.commit(&mut self.drain.reader);
        (t0, n_records)
    }

    fn take_orders(&mut self) {
        self.router.changes.append(&mut self.shared.lock().orders);
        self.router.next_change = self.router.changes.first().map_or(u64::MAX, |change| change.0);
    }

    fn collect_losses(&mut self, t0: u64) {
        let queue = self.shared.queue;
        let losses = &mut self.router.losses;
        let mut found = Vec::new();
        self.drain.reader.losses(|ring, lost| found.push((ring, lost)));
        for (ring, lost) in found {
            let (thread, process) = self.drain.who(ring);
            let span = (self.drain.wall.at(lost.first), self.drain.wall.at(lost.last));
            losses.add(&lost, &thread, process, span, t0);
        }
        losses.add_unseen(onewriter_ring::take_lost_unseen(), self.drain.wall.at(t0), t0);
        if queue.requested() > queue.watermark() {
            losses.tell(t0);
        }
    }

    /// Publishes the watermark, after a flush if somebody waits for it.
    fn publish(&mut self, requested: u64, t0: u64) {
        let queue = self.shared.queue;
        if !self.router.all_committed {
            self.note_failing();
            return;
        }
        if requested > queue.watermark() && requested <= t0 {
            let (now, reader) = (self.router.now, &self.drain.reader);
            let mut flushed = true;
            for route in &mut self.router.routes {
                flushed &= route.flush(now, reader);
            }
            if !flushed {
                self.note_failing();
                return;
            }
            self.update_stats();
            self.shared.lock().failing.clear();
            queue.publish_watermark(t0);
        }
    }

    fn note_failing(&mut self) {
        let failing = self.router.routes.iter().filter(|route| route.is_failing());
        let failing = failing.map(|route| route.name().to_owned()).collect();
        self.shared.lock().failing = failing;
    }

    fn tick_if_due(&mut self) {
        let now = Instant::now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        let pair = wall_pair();
        self.drain.wall.anchor(pair);
        self.router.now = pair.1;
        for route in &mut self.router.routes {
            route.tick(self.router.now, &self.drain.reader);
        }
        self.report_damage();
        self.update_stats();
        self.publish_state();
        if let (Some(at), Some(every)) = (self.next_stats, self.stats_every)
            && now >= at
        {
            self.next_stats = Some(now + every);
            let text = format!("statistics: {}", self.shared.lock().stats);
            self.router.notice(self.router.now, &text, &self.drain.reader);
        }
    }

    fn publish_state(&mut self) {
        let (stats, settings) = {
            let state = self.shared.lock();
            (state.stats.clone(), state.all_settings())
        };
        self.publisher.publish(&stats, settings);
    }

    fn report_damage(&mut self) {
        for damage in self.drain.reader.take_damage() {
            let text = format!(
                "process {} left something in its shared memory that is no record ({:?}): {} bytes \
                 were given up",
                damage.process, damage.what, damage.bytes
            );
            self.router.notice(self.router.now, &text, &self.drain.reader);
        }
    }

    fn update_stats(&mut self) {
        let router = &self.router;
        let unreadable = self.drain.take_unreadable();
        let waiting = self.drain.reader.waiting();
        let (segments, rings) = self.drain.reader.counts();
        let sinks = router.routes.iter().map(|route| route.counters().snapshot()).collect();
        let mut state = self.shared.lock();
        let stats = &mut state.stats;
        stats.accepted = router.accepted;
        stats.written = router.written;
        stats.lost = router.losses.total();
        stats.silenced = onewriter_ring::silenced();
        stats.lost_unplaced = router.losses.total_unseen();
        stats.lost_full = stats.lost - stats.lost_unplaced;
        stats.unreadable += unreadable;
        stats.waiting_bytes = waiting;
        stats.segments = segments;
        stats.rings = rings;
        stats.sinks = sinks;
        stats.oldest = Duration::ZERO;
        if !router.all_committed {
            let age = wall_pair().1.saturating_sub(router.now);
            stats.oldest = Duration::from_nanos(age);
        }
    }

    /// Pauses as long as it is quiet: the longer, the longer. After some 50 ms of silence the
    /// doorbell is armed and the writer sleeps until a put wakes it.
    ///
    /// The writer does not chase the tails: each look at a ring that is being written costs its
    /// producer a cache miss.
    fn rest(&mut self, n_records: u64, requested: u64) {
        let queue = self.shared.queue;
        if n_records > 256 {
            self.idle_passes = 0;
            return;
        }
        self.idle_passes = if n_records > 0 { 0 } else { self.idle_passes.saturating_add(1) };
        let reader = &self.drain.reader;
        let settled = self.router.changes.is_empty();
        let quiet = || settled && queue.requested() == requested && !self.has_orders();
        match self.idle_passes {
            0..10 => queue.pause(Duration::from_micros(100), quiet),
            10..50 => queue.pause(Duration::from_millis(1), quiet),
            _ if !self.router.all_committed => queue.pause(Duration::from_millis(10), quiet),
            _ => {
                // Sinks have clocks of their own: rotation at midnight does not wait for a record.
                queue.sleep(Duration::from_secs(1), || quiet() && !reader.has_news());
            }
        }
    }

    fn has_orders(&self) -> bool {
        let state = self.shared.lock();
        !state.orders.is_empty() || state.phase != Phase::Running
    }

    /// Whether the writer is to stop and has nothing left to do, or no time.
    fn is_over(&mut self) -> bool {
        let Phase::Stopping { deadline } = self.shared.lock().phase else { return false };
        let requested = self.shared.queue.requested();
        let n_records = self.work(requested);
        let done = n_records == 0 && self.router.all_committed;
        done || deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn end(mut self) {
        let (now, reader) = (self.router.now, &self.drain.reader);
        let mut clean = self.router.all_committed;
        for route in &mut self.router.routes {
            clean &= route.flush(now, reader);
        }
        self.note_failing();
        self.update_stats();
        let shared = self.shared;
        if clean {
            self.publisher.end();
        }
        self.publish_state();
        if clean {
            self.router.routes.iter_mut().for_each(Route::trim);
        }
        self.router.routes.clear();
        if clean {
            self.drain.reader.remove_drained_segments();
            shared.queue.remove_if_private();
        }
        let mut state = shared.lock();
        state.phase = Phase::Stopped;
        state.leads = false;
        drop(state);
        shared.changed.notify_all();
    }
}
