//! The quick way from a call of a logger to the queue: no record is made of it in Python.
//!
//! A call site is where a code object calls: what is known of it, the level's number, which queues take
//! it, the module and the line, is asked of Python once. A call whose arguments are numbers, texts,
//! booleans or `None` carries them with it, and the writer formats; of every other one the message is
//! formatted here, as Python does it.

use crate::fixed::fixed;
use crate::format::Needs;
use crate::quick::{Answer, Known, Style};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The levels that have a method.
const LEVELS: [&str; 7] = ["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"];
/// Code may be made at run time, again and again: with so many call sites all are forgotten.
const MAX_SITES: usize = 65_536;

/// What all loggers of one core have in common; see `_native.pyi`.
#[pyclass(frozen, module = "onewriter._native")]
pub(crate) struct Calls {
    /// Asked once for each call site.
    resolve: Py<PyAny>,
    /// Where the clock stands that tests exchange, and what is there otherwise.
    clock: (Py<PyDict>, Py<PyAny>),
    getframe: Py<PyAny>,
    /// Gives the extra of the thread or task.
    context: Py<PyAny>,
    /// When the program began to log, in nanoseconds since 1970.
    start: i64,
    /// Whether all records have some extra.
    has_extra: AtomicBool,
    numbers: [i64; LEVELS.len()],
    /// Records below it are nobody's.
    least: AtomicI64,
    /// From it on some handler needs a record of Python's.
    slow_from: AtomicI64,
    sites: Mutex<HashMap<Place, Arc<Known>>>,
}

/// A code object, the instruction in it, and the number of the method.
type Place = (usize, i32, usize);

#[pymethods]
impl Calls {
    #[new]
    fn new(
        py: Python<'_>,
        resolve: Py<PyAny>,
        numbers: [i64; LEVELS.len()],
        clock: Bound<'_, PyDict>,
        context: &Bound<'_, PyAny>,
        start: i64,
    ) -> PyResult<Calls> {
        let real = clock.as_any().get_item("datetime")?;
        Ok(Calls {
            resolve,
            clock: (clock.unbind(), real.unbind()),
            getframe: py.import("sys")?.getattr("_getframe")?.unbind(),
            context: context.getattr("get")?.unbind(),
            start,
            has_extra: AtomicBool::new(false),
            numbers,
            least: AtomicI64::new(i64::MAX),
            slow_from: AtomicI64::new(i64::MIN),
            sites: Mutex::default(),
        })
    }

    /// Forgets all call sites, and notes which levels are whose.
    fn reset(&self, least: f64, slow_from: f64, has_extra: bool) {
        self.has_extra.store(has_extra, Ordering::Relaxed);
        // Beyond its ends a float becomes the nearest integer.
        self.least.store(least.ceil() as i64, Ordering::Relaxed);
        self.slow_from.store(slow_from.ceil() as i64, Ordering::Relaxed);
        // Dropped without the lock: what goes with them may run code.
        drop(std::mem::take(&mut *self.sites()));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.resolve)
    }
}

impl Calls {
    fn sites(&self) -> MutexGuard<'_, HashMap<Place, Arc<Known>>> {
        // Held for a look or an exchange only, without running any code of Python's.
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call needs nothing more.
    fn try_quick(
        &self,
        py: Python<'_>,
        (method, has_extra): (usize, bool),
        message: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<bool> {
        let Ok(message) = message.cast_exact::<PyString>() else { return Ok(false) };
        let clock = self.clock.0.bind(py).get_item(&fixed().datetime)?;
        if !clock.is_some_and(|now| now.is(&self.clock.1)) {
            return Ok(false);
        }
        let frame = self.getframe.bind(py).call0()?;
        let code = frame.getattr(&fixed().f_code)?;
        let at: i32 = frame.getattr(&fixed().f_lasti)?.extract()?;
        let place = (code.as_ptr().addr(), at, method);
        let known = self.sites().get(&place).cloned();
        let known = match known {
            Some(known) => known,
            None => self.meet(py, place, &frame, code)?,
        };
        match &known.answer {
            Answer::Nobody => Ok(true),
            Answer::Slow => Ok(false),
            Answer::Quick(quick) => {
                let needs_extra = quick.needs.contains(Needs::EXTRA);
                if needs_extra && (has_extra || self.has_any_extra(py)?) {
                    return Ok(false);
                }
                quick.put(py, self.start, message, args, kwargs)
            }
        }
    }

    fn has_any_extra(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.has_extra.load(Ordering::Relaxed) || self.context.bind(py).call0()?.is_truthy()?)
    }

    #[cold]
    fn meet(
        &self,
        py: Python<'_>,
        place: Place,
        frame: &Bound<'_, PyAny>,
        code: Bound<'_, PyAny>,
    ) -> PyResult<Arc<Known>> {
        let answer = self.resolve.bind(py).call1((frame, LEVELS[place.2]))?;
        let known = Arc::new(Known::new(code.unbind(), &answer, Style::Braces)?);
        let mut sites = self.sites();
        let all =
            if sites.len() >= MAX_SITES { std::mem::take(&mut *sites) } else { HashMap::new() };
        let before = sites.insert(place, Arc::clone(&known));
        drop(sites);
        drop((all, before));
        Ok(known)
    }
}

/// The base of the logger: its methods for the standard levels; see `_native.pyi`.
#[pyclass(subclass, module = "onewriter._native")]
pub(crate) struct LoggerBase {
    calls: Option<Py<Calls>>,
    is_plain: bool,
    has_extra: bool,
}

#[pymethods]
impl LoggerBase {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    #[expect(unused_variables, reason = "the class below it takes them")]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> LoggerBase {
        LoggerBase { calls: None, is_plain: false, has_extra: false }
    }

    /// Gives it the calls of its core; `is_plain` if it has no options that change a record, but
    /// perhaps some extra.
    fn _bind_calls(&mut self, calls: Py<Calls>, is_plain: bool, has_extra: bool) {
        (self.calls, self.is_plain, self.has_extra) = (Some(calls), is_plain, has_extra);
    }
}

macro_rules! level_methods {
    ($($method:ident $number:literal $name:literal)*) => {
        #[pymethods]
        impl LoggerBase {
            $(
                #[doc = concat!(
                    "Logs ``message.format(*args, **kwargs)`` with the level ", $name, "."
                )]
                #[pyo3(signature = (message, /, *args, **kwargs))]
                fn $method(
                    slf: &Bound<'_, Self>,
                    message: &Bound<'_, PyAny>,
                    args: &Bound<'_, PyTuple>,
                    kwargs: Option<&Bound<'_, PyDict>>,
                ) -> PyResult<()> {
                    call(slf, $number, message, args, kwargs)
                }
            )*
        }
    };
}

fn call(
    slf: &Bound<'_, LoggerBase>,
    method: usize,
    message: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    let py = slf.py();
    let (calls, is_plain, has_extra) = {
        let this = slf.borrow();
        let calls = this.calls.as_ref().ok_or_else(|| {
            PyTypeError::new_err("the logger has no core: make it with Logger(Core(), ...)")
        })?;
        if calls.get().numbers[method] < calls.get().least.load(Ordering::Relaxed) {
            return Ok(());
        }
        (calls.clone_ref(py), this.is_plain, this.has_extra)
    };
    let own = calls.get();
    let is_quick = is_plain && own.numbers[method] < own.slow_from.load(Ordering::Relaxed);
    if is_quick && own.try_quick(py, (method, has_extra), message, args, kwargs)? {
        return Ok(());
    }
    let none = PyDict::new(py);
    let kwargs = kwargs.unwrap_or(&none);
    let log = &fixed()._log_call;
    slf.call_method1(log, (LEVELS[method], message, args, kwargs)).map(drop)
}

level_methods! {
    trace 0 "TRACE"
    debug 1 "DEBUG"
    info 2 "INFO"
    success 3 "SUCCESS"
    warning 4 "WARNING"
    error 5 "ERROR"
    critical 6 "CRITICAL"
}
