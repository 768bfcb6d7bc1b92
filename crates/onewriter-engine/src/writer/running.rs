//! The writer's thread: it stands by, takes over, makes pass after pass, pauses, and ends.

use super::router::Router;
use super::{Phase, Shared};
use crate::drain::Drain;
use crate::error::{Error, ErrorKind};
use crate::filter::{Filter, Matcher};
use crate::publish::Publisher;
use crate::route::Route;
use crate::trap::Limiter;
use crate::wall::Wall;
use onewriter_ring::{Candidate, Lead, Reader, Standing, wall_pair};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How often a process that stands by tries to take the lead, where the kernel does not tell.
const POLL: Duration = Duration::from_millis(5);
/// How long a process that could not make its sinks leaves the lead to others.
const RETRY: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// The writer's thread.
pub(super) struct Running {
    shared: &'static Shared,
    drain: Drain,
    router: Router,
    publisher: Publisher,
    /// Of errors while it stands by.
    limiter: Limiter,
    /// The sinks are still to be made.
    is_bare: bool,
    idle_passes: u32,
    next_tick: Instant,
    next_stats: Option<Instant>,
}

impl Running {
    pub(super) fn new(
        shared: &'static Shared,
        global: Option<Filter>,
        routes: Option<Vec<Route>>,
    ) -> Running {
        let reader = Reader::new(shared.queue);
        let pair = wall_pair();
        let wall = Wall::new(shared.queue.clock(), pair);
        let global = global.map(Matcher::new);
        let is_bare = routes.is_none();
        let mut router = Router::new(global, routes.unwrap_or_default(), pair.1);
        router.on_notice.clone_from(&shared.on_notice);
        Running {
            drain: Drain::new(reader, wall),
            is_bare,
            router,
            publisher: Publisher::default(),
            limiter: Limiter::default(),
            idle_passes: 0,
            next_tick: Instant::now(),
            next_stats: shared.stats_every.map(|every| Instant::now() + every),
            shared,
        }
    }

    /// Runs until it is told to stop; `lead` is what it has of the lead already.
    pub(super) fn run(mut self, lead: Option<Lead>) {
        let _mark = crate::guard::enter();
        // Inherited by the threads that sinks start.
        onewriter_ring::block_write_signals();
        let Some(_lead) = self.lead(lead) else {
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

    /// Stands by until the queue has no other writer and the sinks are made; `None` if the writer
    /// is to stop before that.
    fn lead(&mut self, mut had: Option<Lead>) -> Option<Lead> {
        loop {
            let lead = had.take().or_else(|| self.wait_for_lead())?;
            let Err(error) = self.make_sinks() else { return Some(lead) };
            drop(lead);
            self.complain(&error);
            self.wait(RETRY);
        }
    }

    /// The lead, as soon as nobody else has it; `None` if the writer is to stop before that.
    fn wait_for_lead(&mut self) -> Option<Lead> {
        let queue = self.shared.queue;
        let mut candidate: Option<Candidate> = None;
        let mut tell = self.shared.on_disagreement;
        while self.shared.lock().phase == Phase::Running {
            let standing = candidate.as_ref().map_or(Standing::Polls, Candidate::take);
            let pause = match standing {
                Standing::Leads(lead) => return Some(lead),
                Standing::Waits => Duration::MAX,
                Standing::Polls => match queue.try_lead() {
                    Ok(Some(lead)) => return Some(lead),
                    Ok(None) if candidate.is_none() => {
                        if let Some(tell) = tell.take() {
                            self.shared.compare_with_writer(tell);
                        }
                        candidate = self.stand_by();
                        if candidate.is_some() { Duration::ZERO } else { POLL }
                    }
                    Ok(None) => POLL,
                    Err(err) => {
                        let error = Error::new(ErrorKind::Io, err.to_string());
                        self.complain(&error);
                        RETRY
                    }
                },
            };
            self.wait(pause);
        }
        None
    }

    /// Reports what keeps it from writing, ever more rarely while it stays the same.
    fn complain(&mut self, error: &Error) {
        if self.limiter.admit(&error.to_string(), Instant::now()).is_some() {
            self.shared.trap.report(error);
        }
    }

    fn stand_by(&self) -> Option<Candidate> {
        let shared = self.shared;
        // Without one the loop goes on trying.
        let called = shared.queue.stand_by(|| {
            shared.lock().is_called = true;
            shared.changed.notify_all();
        });
        called.ok()
    }

    /// Waits until the candidate is called, the writer is to stop, or the time is over.
    fn wait(&self, pause: Duration) {
        let mut state = self.shared.lock();
        if !state.is_called && state.phase == Phase::Running && !pause.is_zero() {
            // A spurious wake-up costs another look.
            let longest = pause.min(Duration::from_secs(3600));
            let waited = self.shared.changed.wait_timeout(state, longest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.is_called = false;
    }

    /// Makes the sinks that were left for later.
    fn make_sinks(&mut self) -> Result<(), Error> {
        if !self.is_bare {
            return Ok(());
        }
        let recipes = self.shared.lock().recipes.clone();
        let mut routes = Vec::new();
        for (at, recipe) in recipes.into_iter().enumerate() {
            routes.extend(recipe.respawn(at, self.shared)?);
        }
        self.router.routes = routes;
        self.is_bare = false;
        Ok(())
    }

    /// Ends without having written anything: another process does.
    fn stand_down(self) {
        self.shared.lock().phase = Phase::Stopped;
        self.shared.changed.notify_all();
    }

    /// Finishes what the writer before this one had begun, and begins where it stopped: reading
    /// begins where the rings say, and each sink leaves out what it has.
    fn take_over(&mut self) {
        for route in &mut self.router.routes {
            route.take_over(&self.drain.reader);
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
        let mut n_records = 0;
        loop {
            n_records += self.drain.merge(t0, &mut self.router);
            if !self.router.is_stuck {
                break;
            }
            if !self.router.commit(&mut self.drain.reader) {
                // What holds from `t0` on waits for the records before it.
                return (t0, n_records);
            }
        }
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

    /// Gathers what was lost. What rings have counted stays there while a line is on its way: read after
    /// that line it is not in it, and would count as told with it.
    fn collect_losses(&mut self, t0: u64) {
        let queue = self.shared.queue;
        let is_last = self.shared.lock().phase != Phase::Running;
        let losses = &mut self.router.losses;
        let mut found = Vec::new();
        if !losses.is_on_its_way() {
            self.drain.reader.losses(|ring, lost| found.push((ring, lost)));
        }
        for (ring, lost) in found {
            let (thread, process) = self.drain.who(ring);
            let span = (self.drain.wall.at(lost.first), self.drain.wall.at(lost.last));
            losses.add(&lost, &thread, process, span, t0);
        }
        let unseen = onewriter_ring::take_lost_unseen(self.shared.slot);
        losses.add_unseen(unseen, self.drain.wall.at(t0), t0);
        for (process, count) in self.drain.reader.take_lost_segments() {
            losses.add_vanished(process, count, self.drain.wall.at(t0), t0);
        }
        if is_last || queue.requested() > queue.watermark() {
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
        if !self.drain.reader.sees_all() {
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
        self.drain.forget_gone();
        self.update_stats();
        self.publish_state();
        if let (Some(at), Some(every)) = (self.next_stats, self.shared.stats_every)
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
            let text = damage.to_string();
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
        stats.lost_full = stats.lost - stats.lost_unplaced - router.losses.total_vanished();
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
        // With a line on its way the pass leaves what rings have counted to another one.
        let has_gathered = !self.router.losses.is_on_its_way();
        let n_records = self.work(requested);
        let done = n_records == 0 && self.router.all_committed && has_gathered;
        done || deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn end(mut self) {
        // What dead processes never finished comes to light when their segments go.
        self.drain.reader.remove_dead_segments();
        self.report_damage();
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
            self.router.routes.iter_mut().for_each(|it| it.trim(&self.drain.reader));
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
