//! A queue that this process has joined, with its writer.

use crate::error::{NotPut, raised, ring_raised};
use crate::raw::{self, Data, Otherwise};
use crate::registry;
use onewriter::__door as door;
use onewriter_engine::filter::Filter;
use onewriter_engine::guard::on_sink_thread;
use onewriter_engine::publish::Published;
use onewriter_engine::{SinkSpec, Writer, WriterOptions};
use onewriter_record::Level;
use onewriter_ring::{
    JoinOptions, MAX_QUEUES, Overflow, PutError, Queue, QueueName, RingFrame, Survey,
};
use pyo3::exceptions::{PyRuntimeError, PyTimeoutError, PyValueError};
use pyo3::prelude::*;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long a wait lasts before Python may raise what a signal handler raises.
const SLICE: Duration = Duration::from_millis(50);
/// How long the end of a writer may take that has nothing left to write, or whose sink is stuck.
const A_MOMENT: Duration = Duration::from_secs(1);

thread_local! {
    /// How long the put of this thread waits for room.
    static PATIENCE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A queue in a slot of this process.
pub(crate) struct Slot {
    number: usize,
    pub(crate) queue: &'static Queue,
    is_closed: AtomicBool,
    /// Puts that wait for room without the interpreter's lock: the slot must not become another queue's.
    n_waiting: AtomicU32,
}

impl Slot {
    /// Joins a queue and, if there are sinks, starts its writer or stands by.
    pub(crate) fn open(
        py: Python<'_>,
        name: &QueueName,
        sinks: Vec<SinkSpec>,
        memory: usize,
    ) -> PyResult<Slot> {
        let number = py.detach(registry::take_slot).ok_or_else(|| {
            PyRuntimeError::new_err(format!(
                "{MAX_QUEUES} queues are open in this process, and there can be no more: close one"
            ))
        })?;
        match join(number, name, sinks, memory) {
            Ok(queue) => Ok(Slot {
                number,
                queue,
                is_closed: AtomicBool::new(false),
                n_waiting: AtomicU32::new(0),
            }),
            Err(error) => {
                onewriter_ring::leave_queue(number);
                onewriter_ring::let_memory_go(number);
                registry::give_slot_back(number);
                Err(error)
            }
        }
    }

    /// Puts bytes. As long as there is no room, at most `wait`, it waits without the interpreter's
    /// lock.
    pub(crate) fn put(
        &self,
        py: Python<'_>,
        level: Level,
        data: Data<'_>,
        wait: Duration,
    ) -> Result<(), NotPut> {
        let put = |otherwise| raw::put(self.number, level, data, otherwise);
        self.put_waiting(py, wait, put)
    }

    /// The same for a record of a call site.
    pub(crate) fn put_frame(
        &self,
        py: Python<'_>,
        site: (Level, u32),
        len: usize,
        wait: Duration,
        fill: impl Fn(&mut RingFrame<'_>) + Sync,
    ) -> Result<(), NotPut> {
        let put = |otherwise: Otherwise| otherwise.put(self.number, site, len, &fill);
        self.put_waiting(py, wait, put)
    }

    fn put_waiting(
        &self,
        py: Python<'_>,
        wait: Duration,
        put: impl Fn(Otherwise) -> Result<(), PutError> + Sync,
    ) -> Result<(), NotPut> {
        self.check_open()?;
        PATIENCE.set(Duration::ZERO);
        match put(Otherwise::Ask) {
            Err(PutError::Full | PutError::NoMemory) => {
                self.n_waiting.fetch_add(1, Ordering::SeqCst);
                let done = self.wait_for_room(py, wait, put);
                self.n_waiting.fetch_sub(1, Ordering::SeqCst);
                done
            }
            done => done.map_err(NotPut::Refused),
        }
    }

    #[cold]
    fn wait_for_room(
        &self,
        py: Python<'_>,
        wait: Duration,
        put: impl Fn(Otherwise) -> Result<(), PutError> + Sync,
    ) -> Result<(), NotPut> {
        let begun = Instant::now();
        // The writer's own thread would wait for itself.
        let wait = if on_sink_thread() { Duration::ZERO } else { wait };
        while begun.elapsed() < wait {
            let step = begun.elapsed() + SLICE;
            let asked = py.detach(|| {
                // The ring remembers what was waited in vain: each time it is a little more.
                PATIENCE.set(step.min(wait));
                put(Otherwise::Ask)
            });
            match asked {
                Err(PutError::Full | PutError::NoMemory) => {
                    py.check_signals().map_err(NotPut::Raised)?
                }
                done => return done.map_err(NotPut::Refused),
            }
            self.check_open()?;
        }
        put(Otherwise::Count).map_err(NotPut::Refused)
    }

    fn check_open(&self) -> Result<(), NotPut> {
        match self.is_closed.load(Ordering::Relaxed) || registry::has_left() {
            true => Err(NotPut::Refused(PutError::Closed)),
            false => Ok(()),
        }
    }

    /// Waits until everything that anybody put into the queue before this call is written.
    pub(crate) fn complete(&self, py: Python<'_>, timeout: Duration) -> PyResult<()> {
        // What was put before the process left was written then.
        if registry::has_left() {
            return Ok(());
        }
        self.check_open()?;
        if on_sink_thread() {
            return Err(PyRuntimeError::new_err(
                "complete() was called by a sink: the writer cannot wait for itself",
            ));
        }
        let (wanted, until) = (onewriter_ring::now(), Instant::now() + timeout);
        let writer = registry::writer(self.number);
        let is_here = || writer.as_ref().is_some_and(Writer::is_here);
        self.queue.request(wanted);
        loop {
            let end = until.min(Instant::now() + SLICE);
            if py.detach(|| self.queue.wait_until_written(wanted, end, is_here)) {
                return Ok(());
            }
            if end == until {
                let missing = py.detach(|| door::missing_in(self.queue, writer.as_ref()));
                return Err(PyTimeoutError::new_err(format!(
                    "not everything was written within {timeout:?}: {missing}"
                )));
            }
            py.check_signals()?;
        }
    }

    /// How often the writer, here or in another process, has rotated its file.
    pub(crate) fn rotations(&self) -> u64 {
        let own = registry::writer(self.number).filter(Writer::leads).map(|writer| writer.stats());
        let stats = own.or_else(|| {
            let survey = Survey::of(self.queue.dir()).ok()?;
            Some(Published::parse(survey.published.as_deref()?)?.stats)
        });
        stats.map_or(0, |stats| stats.sinks.iter().map(|sink| sink.rotations).sum())
    }

    /// Calls the writer, if this process has one.
    pub(crate) fn with_writer(
        &self,
        call: impl FnOnce(&Writer) -> Result<(), onewriter_engine::Error>,
    ) -> PyResult<()> {
        self.check_open()?;
        registry::writer(self.number)
            .map_or(Ok(()), |writer| call(&writer))
            .map_err(|err| raised(&err))
    }

    /// Leaves the queue: what was put is written first, by this process if it is the writer.
    pub(crate) fn close(&self, py: Python<'_>, timeout: Duration) -> PyResult<()> {
        if self.is_closed.load(Ordering::Relaxed) || registry::has_left() {
            return Ok(());
        }
        let completed = self.complete(py, timeout);
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return completed;
        }
        let left = if completed.is_ok() { timeout } else { A_MOMENT };
        py.detach(|| {
            onewriter_ring::leave_queue(self.number);
            // They find the queue left within a slice.
            while self.n_waiting.load(Ordering::SeqCst) > 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            finish(self.number, left);
        });
        completed
    }
}

impl Drop for Slot {
    /// A queue that nobody has any more is closed, on a thread of its own: a finalizer must not wait.
    fn drop(&mut self) {
        if *self.is_closed.get_mut() {
            return;
        }
        let (number, queue) = (self.number, self.queue);
        registry::note_closing();
        let thread = std::thread::Builder::new().name("onewriter-close".to_owned());
        let closing = thread.spawn(move || {
            if registry::writer(number).is_some_and(|writer| writer.is_here()) {
                let wanted = onewriter_ring::now();
                queue.request(wanted);
                queue.wait_until_written(
                    wanted,
                    Instant::now() + onewriter::DRAIN_DEADLINE,
                    || true,
                );
            }
            onewriter_ring::leave_queue(number);
            finish(number, A_MOMENT);
            registry::note_closed();
        });
        if closing.is_err() {
            registry::note_closed();
        }
    }
}

/// Ends what this process has in a queue that it has left.
fn finish(number: usize, timeout: Duration) {
    let writer = registry::writer(number).filter(Writer::is_here);
    registry::set_writer(number, None);
    if let Some(writer) = writer {
        writer.stop(timeout);
    }
    onewriter_ring::let_memory_go(number);
    registry::give_slot_back(number);
}

fn join(
    slot: usize,
    name: &QueueName,
    sinks: Vec<SinkSpec>,
    memory: usize,
) -> PyResult<&'static Queue> {
    let queue = Queue::open(name).map_err(|err| ring_raised(&err))?;
    let options = JoinOptions {
        budget: memory,
        overflow: Box::new(|_| Overflow { wait: PATIENCE.get() }),
        introduction: door::introduce_thread,
        in_child: Some(registry::stand_by),
        ..JoinOptions::default()
    };
    let queue = onewriter_ring::join(slot, queue, options).map_err(|err| ring_raised(&err))?;
    if !sinks.is_empty() {
        let options =
            WriterOptions { sinks, filter: Some(Filter::all()), slot, ..WriterOptions::default() };
        let writer = Writer::start(queue, options).map_err(|err| raised(&err))?;
        registry::set_writer(slot, Some(writer));
    }
    Ok(queue)
}

/// A level number of Python's as one of the engine's, which has 1 to 254.
pub(crate) fn level(number: i64) -> Level {
    Level::new(number.clamp(1, 254) as u8)
}

/// A number of seconds that a caller gave.
pub(crate) fn seconds(what: &str, given: f64) -> PyResult<Duration> {
    match Duration::try_from_secs_f64(given) {
        // Some thirty years are for ever.
        Ok(time) => Ok(time.min(Duration::from_secs(1 << 30))),
        Err(_) if given == f64::INFINITY => Ok(Duration::from_secs(1 << 30)),
        Err(_) => Err(PyValueError::new_err(format!(
            "{what} of {given} seconds: give 0 or more, or float('inf')"
        ))),
    }
}
