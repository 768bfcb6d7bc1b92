//! The writer: the one thread that touches a queue's sinks.
//!
//! * `mod.rs`: its handle, and what handle and thread share
//! * `running.rs`: the thread: standing by, taking over, passes, pauses, the end
//! * `router.rs`: what the drain gives records to
//! * `compare.rs`: telling those who stand by that their sinks are others
//! * `recipe.rs`: how its sinks are made, at once or when it takes over

mod compare;
mod recipe;
mod router;
mod running;

use crate::error::{Error, ErrorKind};
use crate::filter::Filter;
use crate::publish;
use crate::route::Route;
use crate::sink::{Context, Sink, SinkSpec};
use crate::stats::Stats;
use crate::trap::Trap;
use onewriter_record::{Level, LevelFilter};
use onewriter_ring::Queue;
use recipe::Recipe;
use running::Running;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a writer is started with.
#[derive(Default)]
pub struct WriterOptions {
    /// The sinks. More can be added later.
    pub sinks: Vec<SinkSpec>,
    /// The numbers of the sinks among all of a logger that has several writers. Default: 0, 1, 2, ...
    pub numbers: Vec<usize>,
    /// The filter before those of the sinks. Default: everything passes.
    pub filter: Option<Filter>,
    /// Where errors go that have no caller. Default: standard error, at most one line for each
    /// sink and second, the same one ever more rarely.
    pub trap: Trap,
    /// How often a line of statistics is logged. Default: never.
    pub stats_every: Option<Duration>,
    /// The slot in which this process puts into the queue. Default 0.
    pub slot: usize,
    /// Called once, on a thread of its own, with a sentence that says how the sinks of the writer for
    /// which this process stands by are set up otherwise than ours. Default: nobody is told.
    pub on_disagreement: Option<fn(&str)>,
    /// Called on the writer's thread with each line that the writer itself puts among the records: what
    /// was lost, what was found broken. Default: only the log says so.
    pub on_notice: Option<OnNotice>,
}

/// Takes the writer's own lines; see [`WriterOptions::on_notice`].
pub type OnNotice = Arc<dyn Fn(&str) + Send + Sync>;

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
    /// The process whose writer it is; a child that it forks has a copy of all this.
    home: u64,
    slot: usize,
    trap: Trap,
    stats_every: Option<Duration>,
    on_disagreement: Option<fn(&str)>,
    on_notice: Option<OnNotice>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is asked for, and since when.
    orders: Vec<(u64, Change)>,
    stats: Stats,
    failing: Vec<String>,
    /// How the sinks are made, by their number in this writer; as many as `filters`.
    recipes: Vec<Recipe>,
    filters: Vec<SinkFilter>,
    global: Option<Filter>,
    phase: Phase,
    leads: bool,
    /// The candidate for the lead has news.
    is_called: bool,
    thread: Option<JoinHandle<()>>,
}

/// The filter that holds for a sink, or will.
#[derive(Clone)]
struct SinkFilter {
    filter: Filter,
    /// The sink has none of its own, and neither had the writer: INFO and above.
    is_default: bool,
}

impl State {
    /// The settings of all sinks with the levels that hold now.
    fn all_settings(&self) -> Vec<Option<String>> {
        let sinks = self.filters.iter().zip(&self.recipes);
        let with_level = |(sink, recipe): (&SinkFilter, &Recipe)| {
            publish::with_level(recipe.settings(), self.global.as_ref(), &sink.filter)
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
    /// Starts the writer of a queue on a thread of its own. As long as another process writes the
    /// queue it stands by.
    ///
    /// # Errors
    /// A journal that cannot be opened, a thread that cannot be started.
    pub fn start(queue: &'static Queue, options: WriterOptions) -> Result<Writer, Error> {
        let WriterOptions { sinks, numbers, filter, trap, stats_every, slot, .. } = options;
        let WriterOptions { on_disagreement, on_notice, .. } = options;
        let state = State { global: filter, ..State::default() };
        let settings = Settings { trap, stats_every, slot, on_disagreement, on_notice };
        let shared = Shared::leaked(queue, state, settings);
        let mut routes = Vec::new();
        for (at, spec) in sinks.into_iter().enumerate() {
            let number = numbers.get(at).copied().unwrap_or(at);
            let mut state = shared.lock();
            routes.push(shared.add_route(spec, number, &mut state)?);
        }
        shared.start(Some(routes))
    }

    /// A writer for the same queue in a child that the process of this one has forked. It stands by,
    /// and makes those sinks anew that can be made anew once it has the lead; `None` if there are
    /// none.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn heir(&self) -> Result<Option<Writer>, Error> {
        let theirs = self.shared.lock();
        if !theirs.recipes.iter().any(Recipe::can_respawn) {
            return Ok(None);
        }
        let recipes = theirs.recipes.iter().zip(&theirs.filters);
        let recipes = recipes.map(|(recipe, sink)| recipe.with_filter(sink.filter.clone()));
        let state = State {
            global: theirs.global.clone(),
            filters: theirs.filters.clone(),
            recipes: recipes.collect(),
            ..State::default()
        };
        drop(theirs);
        let Shared { queue, slot, ref trap, stats_every, ref on_notice, .. } = *self.shared;
        // It was set up by the same program.
        let on_disagreement = None;
        let (trap, on_notice) = (trap.clone(), on_notice.clone());
        let settings = Settings { trap, stats_every, slot, on_disagreement, on_notice };
        Shared::leaked(queue, state, settings).start(None).map(Some)
    }

    /// The queue.
    #[must_use]
    pub fn queue(&self) -> &'static Queue {
        self.shared.queue
    }

    /// Whether its thread is in this process, and not in one that forked it.
    #[must_use]
    pub fn is_here(&self) -> bool {
        self.shared.home == onewriter_ring::process_token()
    }

    /// Whether it has the lead, and does not stand by.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.shared.lock().leads
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

    /// Adds a sink, the logger's number `number`. It gets the records put after it is there.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown; a journal that cannot be opened.
    pub fn add_sink(&self, spec: SinkSpec, number: usize) -> Result<(), Error> {
        let mut state = self.shared.open()?;
        let route = self.shared.add_route(spec, number, &mut state)?;
        state.orders.push((onewriter_ring::now(), Change::Sink(Box::new(route))));
        drop(state);
        self.shared.queue.request(0);
        Ok(())
    }

    /// How many sinks it has.
    #[must_use]
    pub fn n_sinks(&self) -> usize {
        self.shared.lock().filters.len()
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
    /// written. A second call finds nothing to do. One that stands by has nothing to drain.
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

/// What a writer has beside its queue and its sinks.
struct Settings {
    trap: Trap,
    stats_every: Option<Duration>,
    slot: usize,
    on_disagreement: Option<fn(&str)>,
    on_notice: Option<OnNotice>,
}

impl Shared {
    fn leaked(queue: &'static Queue, state: State, settings: Settings) -> &'static Shared {
        let Settings { trap, stats_every, slot, on_disagreement, on_notice } = settings;
        // Like the queue it is kept for ever: threads that outlive the writer look at it.
        Box::leak(Box::new(Shared {
            queue,
            home: onewriter_ring::process_token(),
            slot,
            trap,
            stats_every,
            on_disagreement,
            on_notice,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    /// Starts the thread; without `routes` it makes them once it has the lead.
    fn start(&'static self, routes: Option<Vec<Route>>) -> Result<Writer, Error> {
        // What it is now: a change is an order, which holds for what is put after it.
        let global = self.lock().global.clone();
        // Here and not on the thread: who comes first leads, and not a child that it forks meanwhile.
        // An error comes again there, where it is reported.
        let lead = self.queue.try_lead().ok().flatten();
        let thread = std::thread::Builder::new().name("onewriter".to_owned()).spawn(move || {
            Running::new(self, global, routes).run(lead);
        });
        let thread = thread.map_err(|err| {
            Error::new(ErrorKind::Io, format!("cannot start the writer's thread: {err}"))
        })?;
        self.lock().thread = Some(thread);
        Ok(Writer { shared: self })
    }

    /// The sink with its journal and the filter that holds for it.
    fn add_route(&self, spec: SinkSpec, number: usize, state: &mut State) -> Result<Route, Error> {
        let is_default = spec.filter.is_none() && state.global.is_none();
        let filter = spec.filter.clone().unwrap_or_else(|| match is_default {
            true => Filter::level(Level::Info),
            false => Filter::all(),
        });
        let recipe = Recipe::of(&spec, number, filter.clone());
        let route = recipe.route(spec.sink, state.filters.len(), self)?;
        state.filters.push(SinkFilter { filter, is_default });
        state.recipes.push(recipe);
        Ok(route)
    }
}
