//! Bytes from every process of a name to one Python function.

use crate::raw::{self, Data};
use crate::registry;
use crate::slot::{Slot, level, seconds};
use onewriter_engine::format::message;
use onewriter_engine::{Context, Error, ErrorKind, Respawn, Sink, SinkSpec, guard};
use onewriter_record::Record;
use onewriter_ring::QueueName;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// See `_native.pyi`.
#[pyclass(frozen, module = "onewriter._native")]
pub(crate) struct ObjectQueue {
    #[pyo3(get)]
    name: String,
    slot: Arc<Slot>,
}

/// Those with a receiver: at the end of the interpreter they are closed, while it still runs.
static RECEIVING: Mutex<Vec<Weak<Slot>>> = Mutex::new(Vec::new());

#[pymethods]
impl ObjectQueue {
    #[new]
    #[pyo3(signature = (name=None, receive=None, *, notice=None, memory=16777216))]
    fn new(
        py: Python<'_>,
        name: Option<String>,
        receive: Option<Py<PyAny>>,
        notice: Option<Py<PyAny>>,
        memory: usize,
    ) -> PyResult<ObjectQueue> {
        let name = name.unwrap_or_else(unique_name);
        let receives = receive.is_some();
        let sinks = receive.map(|of_data| {
            Receiver::spec(&name, Arc::new(Functions { of_data, of_notices: notice }))
        });
        let queue = match name.strip_prefix(PASSING) {
            Some(rest) => QueueName::Passing(rest.to_owned()),
            None => QueueName::Named(name.clone()),
        };
        let slot = Slot::open(py, &queue, sinks.into_iter().collect(), memory)?;
        let slot = Arc::new(slot);
        if receives {
            let mut receiving = RECEIVING.lock().unwrap_or_else(PoisonError::into_inner);
            receiving.retain(|slot| slot.strong_count() > 0);
            receiving.push(Arc::downgrade(&slot));
        }
        Ok(ObjectQueue { name, slot })
    }

    #[pyo3(signature = (data, level=20, wait=30.0))]
    fn put(&self, py: Python<'_>, data: &[u8], level: i64, wait: f64) -> PyResult<()> {
        let wait = seconds("wait", wait)?;
        self.slot.put(py, self::level(level), Data::Bytes(data), wait).map_err(PyErr::from)
    }

    fn complete(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        self.slot.complete(py, seconds("timeout", timeout)?)
    }

    fn close(&self, py: Python<'_>, timeout: f64) -> PyResult<()> {
        self.slot.close(py, seconds("timeout", timeout)?)
    }

    fn __repr__(&self) -> String {
        format!("ObjectQueue({:?})", self.name)
    }
}

/// How the names of queues begin that nobody has named; no given name can.
const PASSING: char = '~';

/// A name that no other queue has.
fn unique_name() -> String {
    let now = onewriter_ring::wall_pair().1;
    format!("{PASSING}py-{}-{now:x}-{:x}", std::process::id(), onewriter_ring::now())
}

/// Closes what still receives; for the end of the interpreter. Whatever is not received then waits in
/// its queue.
#[pyfunction]
pub(crate) fn end(py: Python<'_>) {
    let receiving = std::mem::take(&mut *RECEIVING.lock().unwrap_or_else(PoisonError::into_inner));
    for slot in receiving.iter().filter_map(Weak::upgrade) {
        // Who wanted to know has called `close` before.
        let _ = slot.close(py, onewriter::DRAIN_DEADLINE);
    }
}

/// Writes what is left, as at the end of a process; for one that leaves without that.
#[pyfunction]
pub(crate) fn leave(py: Python<'_>) {
    end(py);
    py.detach(registry::leave);
}

/// What a receiver calls.
struct Functions {
    of_data: Py<PyAny>,
    of_notices: Option<Py<PyAny>>,
}

/// A record for one of them.
enum Taken {
    Data(Vec<u8>),
    /// The message of a line of the writer's own, about losses.
    Notice(Vec<u8>),
}

/// The sink that calls Python functions with each record.
struct Receiver {
    name: String,
    functions: Arc<Functions>,
    taken: Vec<Taken>,
    pending: usize,
}

impl Receiver {
    fn spec(name: &str, functions: Arc<Functions>) -> SinkSpec {
        let name = name.to_owned();
        let make = move || Receiver {
            name: format!("receiver {name}"),
            functions: Arc::clone(&functions),
            taken: Vec::new(),
            pending: 0,
        };
        let mut spec = SinkSpec::new(make());
        // A forked child has the function too: when its parent is killed, it receives.
        let respawn: Respawn = Arc::new(move || Ok(Box::new(make())));
        spec.respawn = Some(respawn);
        spec
    }

    /// Calls the functions with all that was taken. What they raise is shown as Python shows what is
    /// raised in a thread, and its record counts as received.
    fn call(&mut self, py: Python<'_>) {
        for taken in self.taken.drain(..) {
            let (function, done) = match &taken {
                Taken::Data(bytes) => {
                    let function = &self.functions.of_data;
                    (function, function.call1(py, (PyBytes::new(py, bytes),)))
                }
                Taken::Notice(text) => {
                    let Some(function) = &self.functions.of_notices else { continue };
                    (function, function.call1(py, (String::from_utf8_lossy(text),)))
                }
            };
            if let Err(error) = done {
                error.write_unraisable(py, Some(function.bind(py)));
            }
        }
        self.pending = 0;
    }
}

impl Sink for Receiver {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn record(&mut self, record: &Record<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        let taken = match raw::bytes_of(record) {
            Some(bytes) => Taken::Data(bytes.to_vec()),
            None => {
                let mut text = Vec::new();
                message(record, &mut text);
                Taken::Notice(text)
            }
        };
        let (Taken::Data(bytes) | Taken::Notice(bytes)) = &taken;
        self.pending += bytes.len().max(1);
        self.taken.push(taken);
        Ok(())
    }

    fn commit(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        if self.taken.is_empty() {
            return Ok(());
        }
        // What the function puts comes to itself too, after this, and never waits for room.
        let _on_writer = guard::enter();
        Python::try_attach(|py| self.call(py)).ok_or_else(|| {
            Error::new(ErrorKind::Io, format!("{}: the interpreter has ended", self.name))
        })
    }

    fn pending(&self) -> usize {
        self.pending
    }
}
