//! The quick way for loggers of the standard library: no `LogRecord` is made where nobody asks for one.

use crate::fixed::fixed;
use crate::quick::{Answer, Done, Style};
use crate::sites::Sites;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

/// What is known of the call sites of one handler; see `_native.pyi`.
#[pyclass(frozen, module = "onewriter._native")]
pub(crate) struct LoggingCalls {
    handler: Py<PyAny>,
    /// Asked once for each call site.
    resolve: Py<PyAny>,
    /// Told what the queue has not taken.
    refused: Py<PyAny>,
    /// The namespace of `logging`, and what makes records in it otherwise.
    module: (Py<PyDict>, Py<PyAny>),
    /// When the program began to log, in nanoseconds since 1970.
    start: i64,
    sites: Sites,
}

#[pymethods]
impl LoggingCalls {
    #[new]
    fn new(
        py: Python<'_>,
        handler: Py<PyAny>,
        resolve: Py<PyAny>,
        refused: Py<PyAny>,
        start: i64,
    ) -> PyResult<LoggingCalls> {
        let module = py.import("logging")?;
        Ok(LoggingCalls {
            handler,
            resolve,
            refused,
            module: (module.dict().unbind(), module.getattr("LogRecord")?.unbind()),
            start,
            sites: Sites::new(py, Style::Percent)?,
        })
    }

    /// Whether the call needs nothing more; the logger's method that asks is the frame above.
    fn quick(
        &self,
        logger: &Bound<'_, PyAny>,
        level: i64,
        message: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<bool> {
        let py = logger.py();
        let Ok(message) = message.cast_exact() else { return Ok(false) };
        if !is_enabled(logger, level)? {
            return Ok(true);
        }
        if !self.is_alone(logger, level)? {
            return Ok(false);
        }
        let found = self.sites.find(py, 1, (Some(logger), level), |frame| {
            self.resolve.bind(py).call1((frame, logger, level))
        });
        let known = match found {
            // Such as a file that cannot be opened: told as handlers tell it.
            Err(error) if error.is_instance_of::<PyException>(py) => return Ok(false),
            known => known?,
        };
        match &known.answer {
            Answer::Nobody => Ok(true),
            Answer::Slow => Ok(false),
            Answer::Quick(quick) => match quick.put(py, self.start, message, args, (None, None)) {
                Ok(Done::Put) => Ok(true),
                Ok(Done::Slow) => Ok(false),
                Ok(Done::Refused(error)) => {
                    self.refused.call1(py, (logger, level, message, args, error)).map(|_| true)
                }
                // What is wrong with the message is told as handlers tell it.
                Err(error) if error.is_instance_of::<PyException>(py) => Ok(false),
                Err(error) => Err(error),
            },
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.handler)?;
        visit.call(&self.resolve)?;
        visit.call(&self.refused)
    }
}

impl LoggingCalls {
    /// Whether the record would come to this handler and to no other one, and nobody would look at it
    /// on its way.
    fn is_alone(&self, logger: &Bound<'_, PyAny>, level: i64) -> PyResult<bool> {
        let py = logger.py();
        let factory = self.module.0.bind(py).get_item(&fixed()._logRecordFactory)?;
        let handler = self.handler.bind(py);
        let least: i64 = handler.getattr(&fixed().level)?.extract()?;
        if !factory.is_some_and(|factory| factory.is(&self.module.1))
            || least > level
            || has_filters(handler)?
            || has_filters(logger)?
        {
            return Ok(false);
        }
        let mut found = false;
        let mut at = logger.clone();
        loop {
            let handlers = at.getattr(&fixed().handlers)?;
            let Ok(handlers) = handlers.cast_exact::<PyList>() else { return Ok(false) };
            for other in handlers.iter() {
                if found || !other.is(handler) {
                    return Ok(false);
                }
                found = true;
            }
            if !at.getattr(&fixed().propagate)?.is_truthy()? {
                return Ok(found);
            }
            at = at.getattr(&fixed().parent)?;
            if at.is_none() {
                return Ok(found);
            }
        }
    }
}

fn has_filters(of: &Bound<'_, PyAny>) -> PyResult<bool> {
    of.getattr(&fixed().filters)?.is_truthy()
}

/// As `Logger.isEnabledFor`, whose memory it reads.
fn is_enabled(logger: &Bound<'_, PyAny>, level: i64) -> PyResult<bool> {
    if logger.getattr(&fixed().disabled)?.is_truthy()? {
        return Ok(false);
    }
    let memory = logger.getattr(&fixed()._cache)?;
    if let Ok(memory) = memory.cast_exact::<PyDict>()
        && let Some(is_enabled) = memory.get_item(level)?
    {
        return is_enabled.is_truthy();
    }
    logger.call_method1(&fixed().isEnabledFor, (level,))?.is_truthy()
}
