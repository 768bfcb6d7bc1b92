//! The call sites of a core or a handler, as they are met.

use crate::fixed::fixed;
use crate::quick::{Known, Style};
use pyo3::prelude::*;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Code may be made at run time, again and again: with so many call sites all are forgotten.
const MAX_SITES: usize = 65_536;

/// What is known of call sites, by what each is told from the others.
pub(crate) struct Table<P>(Mutex<HashMap<P, Arc<Known>>>);

impl<P: Eq + Hash> Table<P> {
    pub(crate) fn new() -> Table<P> {
        Table(Mutex::default())
    }

    pub(crate) fn get(&self, place: &P) -> Option<Arc<Known>> {
        lock(&self.0).get(place).cloned()
    }

    #[cold]
    pub(crate) fn keep(&self, place: P, known: Arc<Known>) {
        let mut sites = lock(&self.0);
        let is_full = sites.len() >= MAX_SITES;
        let all = if is_full { std::mem::take(&mut *sites) } else { HashMap::new() };
        let before = sites.insert(place, known);
        drop(sites);
        // Without the lock: what goes with them may run code.
        drop((all, before));
    }

    /// Forgets all of them.
    pub(crate) fn forget(&self) {
        let all = std::mem::take(&mut *lock(&self.0));
        drop(all);
    }
}

/// A code object, the instruction in it, the logger (0 if it does not matter), and the level.
type Place = (usize, i32, usize, i64);

/// The call sites that call a native method.
pub(crate) struct Sites {
    getframe: Py<PyAny>,
    style: Style,
    known: Table<Place>,
}

impl Sites {
    pub(crate) fn new(py: Python<'_>, style: Style) -> PyResult<Sites> {
        let getframe = py.import("sys")?.getattr("_getframe")?.unbind();
        Ok(Sites { getframe, style, known: Table::new() })
    }

    /// The call site of the frame so many above; one that is new is asked for with its frame.
    pub(crate) fn find<'py>(
        &self,
        py: Python<'py>,
        above: u32,
        (logger, level): (Option<&Bound<'py, PyAny>>, i64),
        ask: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Arc<Known>> {
        let getframe = self.getframe.bind(py);
        let frame = if above == 0 { getframe.call0()? } else { getframe.call1((above,))? };
        let code = frame.getattr(&fixed().f_code)?;
        let at: i32 = frame.getattr(&fixed().f_lasti)?.extract()?;
        let logger_at = logger.map_or(0, |logger| logger.as_ptr().addr());
        let place = (code.as_ptr().addr(), at, logger_at, level);
        if let Some(known) = self.known.get(&place) {
            return Ok(known);
        }
        let kept = (code.unbind(), logger.map(|logger| logger.clone().unbind()));
        let known = Arc::new(Known::new(kept, &ask(&frame)?, self.style)?);
        self.known.keep(place, Arc::clone(&known));
        Ok(known)
    }

    /// Forgets all of them.
    pub(crate) fn forget(&self) {
        self.known.forget();
    }
}

/// Held for a look or an exchange only, without running any code of Python's.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
