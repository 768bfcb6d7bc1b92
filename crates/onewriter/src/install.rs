//! From a builder to a running logger.

use crate::callsite;
use crate::complete::{self, Completion};
use crate::logger::{Logger, Settings};
use crate::overflow::Overflow;
use onewriter_engine::filter::Filter;
use onewriter_engine::{Error, ErrorKind, IntoSink, SinkSpec, Stats, Trap, Writer};
use onewriter_record::LevelFilter;
use onewriter_ring::Order;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the end of a guard, an exit, a signal or a panic waits for the writer.
pub const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// The least memory that a process may be given for its rings.
const LEAST_MEMORY: usize = 64 << 10;
const MOST_MEMORY: usize = 1 << 30;

/// Settings of a logger; made by [`builder`].
#[must_use = "a builder does nothing until `install` is called"]
pub struct Builder {
    sinks: Vec<Result<SinkSpec, Error>>,
    filter: Option<Filter>,
    overflow: Overflow,
    order: Order,
    name: Option<String>,
    memory: usize,
    trap: Trap,
    stats_every: Option<Duration>,
    panic_hook: bool,
    signals: bool,
    hangup: bool,
    facades: bool,
}

/// Begins to set up a logger.
///
/// ```
/// use onewriter::{info, sink};
///
/// let (memory, lines) = sink::memory();
/// let log = onewriter::builder().sink(memory).install()?;
/// info!("order {} placed", 7, customer = "c-42");
/// log.complete(std::time::Duration::from_secs(5))?;
/// assert!(lines.lines()[0].contains("order 7 placed"));
/// # Ok::<(), onewriter::Error>(())
/// ```
pub fn builder() -> Builder {
    Builder {
        sinks: Vec::new(),
        filter: None,
        overflow: Overflow::default(),
        order: Order::Strict,
        name: None,
        memory: 16 << 20,
        trap: Trap::default(),
        stats_every: None,
        panic_hook: true,
        signals: false,
        hangup: false,
        facades: true,
    }
}

impl Builder {
    /// Adds a sink: a builder of [`sink`](crate::sink), or anything that implements
    /// [`Sink`](onewriter_engine::Sink). Its errors are those of [`install`](Builder::install).
    pub fn sink(mut self, sink: impl IntoSink) -> Builder {
        self.sinks.push(sink.into_sink());
        self
    }

    /// Lets this level and above pass, before the sinks' own filters.
    pub fn level(self, level: impl Into<LevelFilter>) -> Builder {
        self.filter(Filter::level(level))
    }

    /// Lets pass what this filter admits, before the sinks' own filters. Default: everything; but
    /// then a sink without a filter of its own takes INFO and above.
    pub fn filter(mut self, filter: Filter) -> Builder {
        self.filter = Some(filter);
        self
    }

    /// What a put does when there is no room. Default: wait at most 100 ms, then drop.
    pub fn overflow(mut self, overflow: Overflow) -> Builder {
        self.overflow = overflow;
        self
    }

    /// How exactly records of different threads are ordered. Default: [`Order::Strict`].
    pub fn order(mut self, order: Order) -> Builder {
        self.order = order;
        self
    }

    /// Puts all sinks into one queue of this name: processes that say the same name share one writer
    /// for all of them. Default: each file has a queue of its own, which every process finds that logs
    /// to the file, and all other sinks share one that only this process and its children know.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Bytes of shared memory for the rings that this process has in each queue, from 64 KiB to 1 GiB.
    /// Default 16 MiB.
    pub fn memory(mut self, bytes: usize) -> Builder {
        self.memory = bytes;
        self
    }

    /// Takes the errors that have no caller. Default: standard error, at most one line for each
    /// sink and second, the same one ever more rarely.
    pub fn on_error(mut self, take: impl Fn(&Error) + Send + Sync + 'static) -> Builder {
        self.trap = Trap::new(take);
        self
    }

    /// Logs a line of statistics this often. Default: never.
    pub fn stats_every(mut self, every: Duration) -> Builder {
        self.stats_every = Some(every);
        self
    }

    /// Whether a panic is logged, with its place, and drains. Default: yes.
    pub fn panic_hook(mut self, yes: bool) -> Builder {
        self.panic_hook = yes;
        self
    }

    /// Drains on SIGTERM and SIGINT, then lets the signal do what it does by default. Default: no.
    pub fn drain_on_signals(mut self) -> Builder {
        self.signals = true;
        self
    }

    /// Has the sinks open their files anew on SIGHUP. Default: no.
    pub fn reopen_on_hangup(mut self) -> Builder {
        self.hangup = true;
        self
    }

    /// Whether this logger also becomes that of the `log` crate, and the default subscriber of
    /// `tracing`, when the features of these names are on and nobody else is. Default: yes.
    pub fn facades(mut self, yes: bool) -> Builder {
        self.facades = yes;
        self
    }

    /// Checks everything, starts the writer, and makes this the logger of the process.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if a setting cannot be, or a logger is installed already;
    /// [`ErrorKind::Io`] for what the operating system refused.
    pub fn install(mut self) -> Result<Guard, Error> {
        let mut installed = installed();
        if installed.is_some() {
            return Err(Error::config(
                "a logger is installed already: keep the guard of the first `install`, or end it \
                 with `Guard::shutdown` before the second",
            ));
        }
        self.check()?;
        let sinks = std::mem::take(&mut self.sinks).into_iter().collect::<Result<Vec<_>, _>>()?;
        let logger = Logger::start(self.settings(), self.filter.take(), sinks)?;
        logger.refresh_interest();
        let handle = Handle { logger };
        let home = onewriter_ring::process_token();
        *installed = Some(Installed { handle: handle.clone(), home });
        drop(installed);
        self.hook_up(&handle)?;
        Ok(Guard { handle })
    }

    fn settings(&self) -> Settings {
        Settings {
            name: self.name.clone(),
            overflow: self.overflow,
            order: self.order,
            memory: self.memory,
            trap: self.trap.clone(),
            stats_every: self.stats_every,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.sinks.is_empty() {
            return Err(Error::config(
                "the logger has no sink: add one, such as `.sink(sink::stderr())`",
            ));
        }
        if !(LEAST_MEMORY..=MOST_MEMORY).contains(&self.memory) {
            return Err(Error::config(format!(
                "memory of {} bytes: give from {LEAST_MEMORY} to {MOST_MEMORY}",
                self.memory
            )));
        }
        if self.stats_every == Some(Duration::ZERO) {
            return Err(Error::config("statistics every 0 s: give at least 1 ms"));
        }
        Ok(())
    }

    fn hook_up(&self, handle: &Handle) -> Result<(), Error> {
        onewriter_ring::at_exit(end_at_exit);
        if self.panic_hook {
            crate::panic_hook::install_once(drain_after_panic);
        }
        #[cfg(feature = "log")]
        if self.facades {
            crate::log_backend::install_if_free(handle.logger.max_level(), drain_for_flush);
        }
        #[cfg(feature = "tracing")]
        if self.facades {
            crate::tracing::install_if_free();
        }
        if self.signals || self.hangup {
            crate::signals::watch(handle.clone(), self.signals, self.hangup)?;
        }
        Ok(())
    }
}

pub(crate) struct Installed {
    handle: Handle,
    home: u64,
}

impl Installed {
    pub(crate) fn logger(&self) -> &'static Logger {
        self.handle.logger
    }

    /// Whether this process is a child of the one that installed it.
    pub(crate) fn is_forked(&self) -> bool {
        self.home != onewriter_ring::process_token()
    }
}

static INSTALLED: Mutex<Option<Installed>> = Mutex::new(None);

pub(crate) fn installed() -> MutexGuard<'static, Option<Installed>> {
    crate::fork::survive();
    // What a panic left in it is an Option that is whole.
    INSTALLED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn drain_after_panic() {
    let _ = complete(DRAIN_DEADLINE);
}

#[cfg(feature = "log")]
fn drain_for_flush() {
    let _ = complete(DRAIN_DEADLINE);
}

pub(crate) fn end_at_exit() {
    if let Ok(handle) = handle() {
        handle.end(DRAIN_DEADLINE);
    }
}

/// Waits until everything that any thread put before this call is written and flushed, at most
/// `deadline`. A deadline of zero only asks.
///
/// # Errors
/// [`ErrorKind::Incomplete`] says how much is not written, and which sinks cannot write;
/// [`ErrorKind::Closed`] if no logger is installed and no queue was joined.
pub fn complete(deadline: Duration) -> Result<(), Error> {
    match (handle(), onewriter_ring::joined_queue(0)) {
        (Err(_), Some(queue)) => complete::wait_for_others(queue, deadline),
        (handle, _) => complete::wait(&handle?.logger.writers(), deadline),
    }
}

/// The same as a future, for any runtime.
///
/// ```no_run
/// # async fn demo() -> Result<(), onewriter::Error> {
/// onewriter::complete_async(std::time::Duration::from_secs(5)).await?;
/// # Ok(())
/// # }
/// ```
pub fn complete_async(deadline: Duration) -> Completion {
    Completion::new(move || complete(deadline))
}

/// The handle of the installed logger.
///
/// # Errors
/// [`ErrorKind::Closed`] if no logger is installed.
pub fn handle() -> Result<Handle, Error> {
    let installed = installed();
    let installed = installed.as_ref().ok_or_else(|| {
        Error::new(ErrorKind::Closed, "no logger is installed, or it was shut down")
    })?;
    Ok(installed.handle.clone())
}

/// Controls the logger while it runs; clones mean the same logger.
#[derive(Clone)]
pub struct Handle {
    logger: &'static Logger,
}

impl Handle {
    pub(crate) fn logger(&self) -> &'static Logger {
        self.logger
    }

    /// Waits until everything put before this call is written and flushed: see [`complete`].
    ///
    /// # Errors
    /// As [`complete`].
    pub fn complete(&self, deadline: Duration) -> Result<(), Error> {
        complete(deadline)
    }

    /// What the writers have done, at most a tenth of a second ago; after [`complete`], all that was
    /// put before it. A record that goes into several queues counts in each.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.logger.stats()
    }

    /// Exchanges the filter before all sinks, for all records put after this call, at once.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown.
    pub fn set_filter(&self, filter: Filter) -> Result<(), Error> {
        self.logger.set_filter(None, &filter)?;
        self.logger.refresh_interest();
        Ok(())
    }

    /// Exchanges the filter before all sinks by a level.
    ///
    /// # Errors
    /// As [`Handle::set_filter`].
    pub fn set_level(&self, level: impl Into<LevelFilter>) -> Result<(), Error> {
        self.set_filter(Filter::level(level))
    }

    /// Exchanges the filter of the sink with this number; they count from 0 as they were added.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is no such sink, [`ErrorKind::Closed`] after a shutdown.
    pub fn set_sink_filter(&self, sink: usize, filter: Filter) -> Result<(), Error> {
        self.logger.set_filter(Some(sink), &filter)?;
        self.logger.refresh_interest();
        Ok(())
    }

    /// Adds a sink, for the records put after this call.
    ///
    /// # Errors
    /// Those of the sink; [`ErrorKind::Closed`] after a shutdown.
    pub fn add_sink(&self, sink: impl IntoSink) -> Result<(), Error> {
        self.logger.add_sink(sink.into_sink()?)?;
        self.logger.refresh_interest();
        Ok(())
    }

    /// Has the sinks open their files anew, as after `logrotate`, between what was put before this
    /// call and what is put after it.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown.
    pub fn reopen(&self) -> Result<(), Error> {
        self.logger.writers().iter().try_for_each(Writer::reopen)
    }

    /// Has the files rotate, between what was put before this call and what is put after it.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown.
    pub fn rotate(&self) -> Result<(), Error> {
        self.logger.writers().iter().try_for_each(Writer::rotate)
    }

    /// Has flight recorders write what they hold: all that was put before this call.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after a shutdown.
    pub fn dump(&self) -> Result<(), Error> {
        self.logger.writers().iter().try_for_each(Writer::dump)
    }

    /// Leaves the queues and ends the writers of this process. True if everything was written.
    fn end(&self, deadline: Duration) -> bool {
        if installed().take().is_none() {
            return true;
        }
        callsite::set_interest(|_, _| false);
        onewriter_ring::leave();
        let until = Instant::now() + deadline;
        let left = || until.saturating_duration_since(Instant::now());
        let writers = self.logger.writers();
        // What another process writes, a parent perhaps, is waited for; that writer goes on.
        let (own, others): (Vec<_>, Vec<_>) =
            writers.into_iter().partition(|writer| writer.is_here() && writer.leads());
        let mut clean = true;
        for writer in &own {
            clean &= writer.stop(left());
        }
        clean &= complete::wait(&others, left()).is_ok();
        for writer in others.iter().filter(|writer| writer.is_here()) {
            clean &= writer.stop(left());
        }
        clean
    }
}

/// Keeps the logger; when it is dropped, everything put before is written, within 5 s.
///
/// The logger itself goes on after that, until the process exits: what static destructors or other
/// threads log is written too. [`Guard::shutdown`] ends it for good.
#[must_use = "dropped at once it waits for an empty queue: bind it, as in `let _log = ..`"]
pub struct Guard {
    handle: Handle,
}

impl Guard {
    /// The handle that controls the logger.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Writes everything and ends the logger: its thread, its files, its shared memory. What is put
    /// after that is refused. Another logger may be installed then. In a forked child it ends the
    /// child's logging alone.
    ///
    /// # Errors
    /// [`ErrorKind::Incomplete`] if not everything could be written within `deadline`; what is not
    /// stays in shared memory if the queue has a name.
    pub fn shutdown(self, deadline: Duration) -> Result<(), Error> {
        if self.handle.end(deadline) {
            return Ok(());
        }
        let failing = self.handle.logger.failing();
        let sinks = if failing.is_empty() { "none".to_owned() } else { failing.join(", ") };
        Err(Error::new(
            ErrorKind::Incomplete,
            format!("not everything was written within {deadline:?}; sinks that failed: {sinks}"),
        ))
    }
}

impl std::ops::Deref for Guard {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Whoever wants to know how it ended calls `complete` or `shutdown`.
        let _ = complete(DRAIN_DEADLINE);
    }
}
