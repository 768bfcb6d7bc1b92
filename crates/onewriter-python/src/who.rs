//! The thread and the process that log, as Python names them.

use crate::fixed::fixed;
use pyo3::prelude::*;
use pyo3::types::PyString;
use std::cell::RefCell;

/// The thread that logs.
pub(crate) struct Thread<'py> {
    pub(crate) ident: i64,
    name: Bound<'py, PyString>,
}

thread_local! {
    /// Python's object of this thread.
    static OWN: RefCell<Option<(Py<PyAny>, i64)>> = const { RefCell::new(None) };
}

impl<'py> Thread<'py> {
    /// The thread that runs. Its name is asked at each call, since it can be changed.
    pub(crate) fn current(py: Python<'py>) -> PyResult<Thread<'py>> {
        let known = OWN.with_borrow(|own| {
            own.as_ref().map(|(thread, ident)| (thread.clone_ref(py).into_bound(py), *ident))
        });
        let (thread, ident) = match known {
            Some(known) => known,
            None => meet(py)?,
        };
        let name = thread.getattr(&fixed()._name)?.cast_into().map_err(PyErr::from)?;
        Ok(Thread { ident, name })
    }

    pub(crate) fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }
}

#[cold]
fn meet(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, i64)> {
    let thread = fixed().current_thread.bind(py).call0()?;
    let ident = thread.getattr("ident")?.extract()?;
    OWN.with_borrow_mut(|own| *own = Some((thread.clone().unbind(), ident)));
    Ok((thread, ident))
}

/// The process that logs.
pub(crate) struct Process<'py> {
    name: Bound<'py, PyString>,
}

impl<'py> Process<'py> {
    /// The process that runs, as `multiprocessing` knows it: a child that it starts is another one.
    pub(crate) fn current(py: Python<'py>) -> PyResult<Process<'py>> {
        let process = fixed().processes.bind(py).as_any().get_item(&fixed()._current_process)?;
        let name = process.getattr(&fixed()._name)?.cast_into().map_err(PyErr::from)?;
        Ok(Process { name })
    }

    pub(crate) fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }
}
