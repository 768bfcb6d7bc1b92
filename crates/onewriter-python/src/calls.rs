//! The quick way from a call of a logger to the queue: no record is made of it in Python.
//!
//! A call site is where a code object calls: what is known of it, the level's number, which queue takes
//! it, the module and the line, is asked of Python once. A call whose arguments are numbers, texts,
//! booleans or `None` carries them with it, and the writer formats; of every other one the message is
//! formatted here, as Python does it.

use crate::fixed::fixed;
use crate::format::Needs;
use crate::quick::{Answer, Done, Style};
use crate::sites::{Sites, lock};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

/// The levels that have a method.
pub(crate) const LEVELS: [&str; 7] =
    ["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"];

/// What all loggers of one core have in common; see `_native.pyi`.
#[pyclass(frozen, module = "onewriter._native")]
pub(crate) struct Calls {
    /// Asked once for each call site.
    resolve: Py<PyAny>,
    /// Where the clock stands that tests exchange, and what is there otherwise.
    clock: (Py<PyDict>, Py<PyAny>),
    /// Gives the extra of the thread or task.
    context: Py<PyAny>,
    /// When the program began to log, in nanoseconds since 1970.
    start: i64,
    /// The extra of all records, if they have some.
    extra: Mutex<Option<Py<PyDict>>>,
    numbers: [i64; LEVELS.len()],
    /// Records below it are nobody's.
    least: AtomicI64,
    /// From it on some handler needs a record of Python's.
    slow_from: AtomicI64,
    sites: Sites,
}

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
            context: context.getattr("get")?.unbind(),
            start,
            extra: Mutex::default(),
            numbers,
            least: AtomicI64::new(i64::MAX),
            slow_from: AtomicI64::new(i64::MIN),
            sites: Sites::new(py, Style::Braces)?,
        })
    }

    /// Forgets all call sites, and notes which levels are whose, and the extra of all records.
    fn reset(&self, least: f64, slow_from: f64, extra: &Bound<'_, PyDict>) {
        let extra = (!extra.is_empty()).then(|| extra.clone().unbind());
        let before = std::mem::replace(&mut *lock(&self.extra), extra);
        // Beyond its ends a float becomes the nearest integer.
        self.least.store(least.ceil() as i64, Ordering::Relaxed);
        self.slow_from.store(slow_from.ceil() as i64, Ordering::Relaxed);
        // Without the lock: what goes with it may run code.
        drop(before);
        self.sites.forget();
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.resolve)
    }
}

impl Calls {
    /// Puts the record if there is a quick way for it.
    fn try_quick(
        &self,
        py: Python<'_>,
        (method, own_extra): (usize, Option<Py<PyDict>>),
        message: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Done> {
        let Ok(message) = message.cast_exact::<PyString>() else { return Ok(Done::Slow) };
        let clock = self.clock.0.bind(py).get_item(&fixed().datetime)?;
        if !clock.is_some_and(|now| now.is(&self.clock.1)) {
            return Ok(Done::Slow);
        }
        let known = self.sites.find(py, 0, (None, method as i64), |frame| {
            self.resolve.bind(py).call1((frame, LEVELS[method]))
        })?;
        match &known.answer {
            Answer::Nobody => Ok(Done::Put),
            Answer::Slow => Ok(Done::Slow),
            Answer::Quick(quick) => {
                let extra = match quick.needs.contains(Needs::EXTRA) {
                    true => self.extra_of(py, own_extra)?,
                    false => None,
                };
                quick.put(py, self.start, message, args, (kwargs, extra.as_ref()))
            }
        }
    }

    /// The extra of a record but for that of the call, if there is any: that of all records, that of the
    /// thread or task, and that of the logger.
    fn extra_of<'py>(
        &self,
        py: Python<'py>,
        own: Option<Py<PyDict>>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let of_all = lock(&self.extra).as_ref().map(|extra| extra.clone_ref(py));
        let of_task = self.context.bind(py).call0()?.cast_into::<PyDict>().map_err(PyErr::from)?;
        if of_all.is_none() && own.is_none() && of_task.is_empty() {
            return Ok(None);
        }
        let merged = PyDict::new(py);
        for part in [of_all, Some(of_task.unbind()), own].into_iter().flatten() {
            merged.update(part.bind(py).as_mapping())?;
        }
        Ok(Some(merged))
    }
}

/// The base of the logger: its methods for the standard levels; see `_native.pyi`.
#[pyclass(subclass, module = "onewriter._native")]
pub(crate) struct LoggerBase {
    calls: Option<Py<Calls>>,
    is_plain: bool,
    extra: Option<Py<PyDict>>,
}

#[pymethods]
impl LoggerBase {
    #[new]
    #[pyo3(signature = (*args, **kwargs))]
    #[expect(unused_variables, reason = "the class below it takes them")]
    fn new(args: &Bound<'_, PyTuple>, kwargs: Option<&Bound<'_, PyDict>>) -> LoggerBase {
        LoggerBase { calls: None, is_plain: false, extra: None }
    }

    /// Gives it the calls of its core; `is_plain` if it has no options that change a record, but perhaps
    /// some `extra`.
    fn _bind_calls(
        slf: &Bound<'_, Self>,
        calls: Py<Calls>,
        is_plain: bool,
        extra: Bound<'_, PyDict>,
    ) {
        let extra = (!extra.is_empty()).then(|| extra.unbind());
        let new = LoggerBase { calls: Some(calls), is_plain, extra };
        let before = std::mem::replace(&mut *slf.borrow_mut(), new);
        // No longer borrowed: what goes with it may log.
        drop(before);
    }
}

/// Whether nobody takes records of this method's level.
#[inline]
pub(crate) fn is_below(slf: &Bound<'_, LoggerBase>, method: usize) -> bool {
    let this = slf.borrow();
    let calls = this.calls.as_ref().map(Py::get);
    calls.is_some_and(|calls| calls.numbers[method] < calls.least.load(Ordering::Relaxed))
}

/// Logs a message, with the level of this method.
pub(crate) fn call(
    slf: &Bound<'_, LoggerBase>,
    method: usize,
    message: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    let py = slf.py();
    let (calls, is_plain, extra) = {
        let this = slf.borrow();
        let calls = this.calls.as_ref().ok_or_else(|| {
            PyTypeError::new_err("the logger has no core: make it with Logger(Core(), ...)")
        })?;
        let extra = this.extra.as_ref().map(|extra| extra.clone_ref(py));
        (calls.clone_ref(py), this.is_plain, extra)
    };
    let own = calls.get();
    let is_quick = is_plain && own.numbers[method] < own.slow_from.load(Ordering::Relaxed);
    let done = match is_quick {
        true => own.try_quick(py, (method, extra), message, args, kwargs)?,
        false => Done::Slow,
    };
    let refused = match done {
        Done::Put => return Ok(()),
        Done::Slow => None,
        Done::Refused(error) => Some(error),
    };
    let kwargs = kwargs.cloned().unwrap_or_else(|| PyDict::new(py));
    let log = &fixed()._log_call;
    slf.call_method1(log, (LEVELS[method], message, args, kwargs, refused)).map(drop)
}
