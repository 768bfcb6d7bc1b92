//! The queues of a logger, each with its writer.
//!
//! A file sink's queue is named after the file, so that every program that logs to the file finds it;
//! all other sinks share a private queue, which only this process and its children know. A logger
//! with a name has one queue of that name for all.

use crate::callsite::{self, MAX_QUEUES, Queues};
use crate::overflow::Overflow;
use crate::produce::introduce_thread;
use onewriter_engine::filter::Filter;
use onewriter_engine::{Error, ErrorKind, Hold, SinkSpec, Stats, Trap, Writer, WriterOptions};
use onewriter_record::{Level, LevelFilter};
use onewriter_ring::{JoinOptions, Order, Queue, QueueName};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the queues of a logger have in common.
pub(crate) struct Settings {
    pub(crate) name: Option<String>,
    pub(crate) overflow: Overflow,
    pub(crate) order: Order,
    pub(crate) memory: usize,
    pub(crate) trap: Trap,
    pub(crate) stats_every: Option<Duration>,
}

/// The queues and their writers. Never freed: handles, and threads that outlive it, look at it.
pub(crate) struct Logger {
    settings: Settings,
    parts: Mutex<Parts>,
}

/// What changes when a sink is added, and in a forked child.
#[derive(Default)]
pub(crate) struct Parts {
    /// By the slots of their queues.
    writers: Vec<Writer>,
    /// The names of the queues; likewise.
    names: Vec<QueueName>,
    /// For each sink, as they were added: the slot of its queue, and its number there.
    sinks: Vec<(usize, usize)>,
    /// The files of the sinks.
    files: Vec<PathBuf>,
    /// The one before all sinks, which holds for queues that come later too.
    filter: Option<Filter>,
}

impl Parts {
    /// Notes the file of a sink, unless another sink has it: each would write every record.
    fn claim_file(&mut self, spec: &SinkSpec) -> Result<(), Error> {
        let Some(file) = &spec.file else { return Ok(()) };
        if self.files.contains(file) {
            return Err(Error::config(format!(
                "two sinks write {}: give one of them another file, or leave it out",
                file.display()
            )));
        }
        self.files.push(file.clone());
        Ok(())
    }
}

/// Nobody changes or reads the logger's state as long as this lives.
pub(crate) struct Held {
    _writers: Vec<Hold>,
    _parts: MutexGuard<'static, Parts>,
}

impl Logger {
    /// Joins all queues and starts their writers.
    pub(crate) fn start(
        settings: Settings,
        filter: Option<Filter>,
        sinks: Vec<SinkSpec>,
    ) -> Result<&'static Logger, Error> {
        let parts = Mutex::new(Parts { filter, ..Parts::default() });
        let logger: &'static Logger = Box::leak(Box::new(Logger { settings, parts }));
        let mut parts = logger.lock();
        sinks.iter().try_for_each(|spec| parts.claim_file(spec))?;
        let mut groups: Vec<(QueueName, Vec<(usize, SinkSpec)>)> = Vec::new();
        for (number, spec) in sinks.into_iter().enumerate() {
            let name = logger.queue_of(&spec);
            match groups.iter_mut().find(|group| group.0 == name) {
                Some(group) => group.1.push((number, spec)),
                None => groups.push((name, vec![(number, spec)])),
            }
        }
        if groups.len() > MAX_QUEUES {
            return Err(too_many(groups.len()));
        }
        for (name, sinks) in groups {
            if let Err(err) = logger.open(&mut parts, name, sinks) {
                onewriter_ring::leave();
                for writer in &parts.writers {
                    writer.stop(Duration::ZERO);
                }
                return Err(err);
            }
        }
        Ok(logger)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Parts> {
        // Nothing in here can be left half done by a panic.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue_of(&self, spec: &SinkSpec) -> QueueName {
        match (&self.settings.name, &spec.file) {
            (Some(name), _) => QueueName::Named(name.clone()),
            (None, Some(file)) => QueueName::File(file.clone()),
            (None, None) => QueueName::Private,
        }
    }

    /// Joins a queue in the next slot and starts its writer.
    fn open(
        &self,
        parts: &mut Parts,
        name: QueueName,
        sinks: Vec<(usize, SinkSpec)>,
    ) -> Result<(), Error> {
        let slot = parts.writers.len();
        if slot == MAX_QUEUES {
            return Err(too_many(slot + 1));
        }
        let settings = &self.settings;
        let queue = Queue::open(&name).map_err(|err| ring_error(&err))?;
        if let Some(diagnostic) = queue.diagnostic().filter(|_| slot == 0) {
            settings.trap.report(&Error::new(ErrorKind::Io, diagnostic));
        }
        let queue = onewriter_ring::join(slot, queue, settings.join_options())
            .map_err(|err| ring_error(&err))?;
        let (numbers, sinks): (Vec<_>, Vec<_>) = sinks.into_iter().unzip();
        let options = WriterOptions {
            sinks,
            numbers: numbers.clone(),
            filter: parts.filter.clone(),
            trap: settings.trap.clone(),
            stats_every: settings.stats_every,
            slot,
            on_disagreement: Some(log_disagreement),
            on_notice: None,
        };
        parts.writers.push(Writer::start(queue, options)?);
        parts.names.push(name);
        for (at, number) in numbers.into_iter().enumerate() {
            if parts.sinks.len() <= number {
                parts.sinks.resize(number + 1, (0, 0));
            }
            parts.sinks[number] = (slot, at);
        }
        Ok(())
    }

    /// The writers, by the slots of their queues.
    pub(crate) fn writers(&self) -> Vec<Writer> {
        self.lock().writers.clone()
    }

    /// Adds a sink, to the queue that it belongs to.
    pub(crate) fn add_sink(&self, spec: SinkSpec) -> Result<(), Error> {
        let mut parts = self.lock();
        parts.claim_file(&spec)?;
        let file = spec.file.clone();
        let added = self.add_to(&mut parts, spec);
        if let (Err(_), Some(file)) = (&added, file) {
            parts.files.retain(|known| *known != file);
        }
        added
    }

    fn add_to(&self, parts: &mut Parts, spec: SinkSpec) -> Result<(), Error> {
        let name = self.queue_of(&spec);
        let number = parts.sinks.len();
        let Some(slot) = parts.names.iter().position(|known| *known == name) else {
            return self.open(parts, name, vec![(number, spec)]);
        };
        let at = parts.writers[slot].n_sinks();
        parts.writers[slot].add_sink(spec, number)?;
        parts.sinks.push((slot, at));
        Ok(())
    }

    /// Exchanges the filter of a sink, or the one before all sinks.
    pub(crate) fn set_filter(&self, sink: Option<usize>, filter: &Filter) -> Result<(), Error> {
        let mut parts = self.lock();
        let Some(number) = sink else {
            parts.filter = Some(filter.clone());
            return parts.writers.iter().try_for_each(|it| it.set_filter(None, filter.clone()));
        };
        match parts.sinks.get(number) {
            Some((slot, at)) => parts.writers[*slot].set_filter(Some(*at), filter.clone()),
            None => Err(Error::config(format!(
                "there is no sink {number}: there are {}, from 0",
                parts.sinks.len()
            ))),
        }
    }

    /// The queues that want records of this level and target.
    fn interest(&self, level: Level, target: &str) -> Queues {
        let writers = self.writers();
        let wants = |slot: &usize| writers[*slot].could_admit(level, target);
        Queues::of((0..writers.len()).filter(wants))
    }

    /// Tells every call site which queues want its records.
    pub(crate) fn refresh_interest(&'static self) {
        callsite::set_interest(move |level, target| self.interest(level, target));
        #[cfg(feature = "log")]
        crate::log_backend::set_max_level(self.max_level());
    }

    /// The least severe level that any sink wants.
    pub(crate) fn max_level(&self) -> LevelFilter {
        let levels = self.writers().into_iter().map(|writer| writer.max_level());
        levels.min().unwrap_or(LevelFilter::OFF)
    }

    /// What all writers have done, the sinks in the order in which they were added.
    pub(crate) fn stats(&self) -> Stats {
        let parts = self.lock();
        let all: Vec<Stats> = parts.writers.iter().map(Writer::stats).collect();
        let mut sum = Stats::default();
        all.iter().for_each(|stats| sum.add(stats));
        let sink = |(slot, at): &(usize, usize)| all[*slot].sinks.get(*at).cloned();
        sum.sinks = parts.sinks.iter().filter_map(sink).collect();
        sum
    }

    /// The names of sinks that could not commit what they took.
    pub(crate) fn failing(&self) -> Vec<String> {
        self.writers().iter().flat_map(Writer::failing).collect()
    }

    /// In a forked child: stands by to write this queue when its parent ends.
    pub(crate) fn inherit(&self, slot: usize) {
        let mut parts = self.lock();
        let Some(writer) = parts.writers.get(slot).filter(|writer| !writer.is_here()) else {
            return;
        };
        match writer.heir() {
            Ok(Some(heir)) => parts.writers[slot] = heir,
            Ok(None) => {}
            Err(err) => self.settings.trap.report(&err),
        }
    }

    /// Keeps everything as it is while the process forks.
    pub(crate) fn hold(&'static self) -> Held {
        let parts = self.lock();
        Held { _writers: parts.writers.iter().map(Writer::hold).collect(), _parts: parts }
    }
}

impl Settings {
    fn join_options(&self) -> JoinOptions {
        let overflow = self.overflow;
        JoinOptions {
            budget: self.memory,
            order: self.order,
            overflow: Box::new(move |level| onewriter_ring::Overflow {
                wait: overflow.wait_of(Level::new(level)),
            }),
            introduction: introduce_thread,
            in_child: Some(crate::fork::stand_by),
        }
    }
}

fn too_many(n_queues: usize) -> Error {
    Error::config(format!(
        "{n_queues} queues, one for each file and one for all other sinks, and a process can have \
         {MAX_QUEUES}: give the logger a name with `.name(\"shop\")`, then all its sinks share one"
    ))
}

/// On a thread that is nobody's sink.
fn log_disagreement(text: &str) {
    crate::warn!(target: "onewriter", "{text}");
}

fn ring_error(err: &onewriter_ring::Error) -> Error {
    Error::new(ErrorKind::Io, err.to_string())
}
