//! Records that the standard library has made, on the quick way into the queue of a file.

use crate::fixed::fixed;
use crate::quick::{Answer, Done, Known, Quick, Style};
use crate::sites::Table;
use crate::who::Thread;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A record that is older shows a time of its own, and not that of its put.
const A_MOMENT: Duration = Duration::from_millis(1);

/// What is known of the records that come to one handler; see `_native.pyi`.
#[pyclass(frozen, module = "onewriter._native")]
pub(crate) struct RecordCalls {
    /// `logging.LogRecord`: another class may say something else.
    class: Py<PyType>,
    /// Asked once for each call site, with a record.
    resolve: Py<PyAny>,
    /// Told what the queue has not taken.
    refused: Py<PyAny>,
    /// When the program began to log, in nanoseconds since 1970.
    start: i64,
    known: Table<Place>,
}

/// The path, the name of the logger and the function, by their addresses; the line and the level.
type Place = ([usize; 3], i64, i64);

#[pymethods]
impl RecordCalls {
    #[new]
    fn new(
        py: Python<'_>,
        resolve: Py<PyAny>,
        refused: Py<PyAny>,
        start: i64,
    ) -> PyResult<RecordCalls> {
        let class = py.import("logging")?.getattr("LogRecord")?.cast_into::<PyType>();
        let class = class.map_err(PyErr::from)?.unbind();
        Ok(RecordCalls { class, resolve, refused, start, known: Table::new() })
    }

    /// Whether the record needs nothing more.
    fn put(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        let py = record.py();
        let Some(given) = self.read(record)? else { return Ok(false) };
        let known = match self.find(record, &given) {
            // Such as a file that cannot be opened: told as handlers tell it.
            Err(error) if error.is_instance_of::<PyException>(py) => return Ok(false),
            known => known?,
        };
        let Answer::Quick(quick) = &known.answer else { return Ok(false) };
        if !given.is_of(quick) {
            return Ok(false);
        }
        match quick.put(py, self.start, &given.message, &given.args, (None, None)) {
            Ok(Done::Put) => Ok(true),
            Ok(Done::Slow) => Ok(false),
            Ok(Done::Refused(error)) => self.refused.call1(py, (record, error)).map(|_| true),
            // What is wrong with the message is told as handlers tell it.
            Err(error) if error.is_instance_of::<PyException>(py) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.resolve)?;
        visit.call(&self.refused)
    }
}

/// What a record says.
struct Given<'py> {
    message: Bound<'py, PyString>,
    args: Bound<'py, PyTuple>,
    place: [Bound<'py, PyAny>; 3],
    line: i64,
    level: i64,
    level_name: Bound<'py, PyString>,
    module: Bound<'py, PyString>,
}

impl RecordCalls {
    /// `None` if only Python can show it: it has more to say than a message, or it is not of this thread and
    /// this moment.
    fn read<'py>(&self, record: &Bound<'py, PyAny>) -> PyResult<Option<Given<'py>>> {
        let py = record.py();
        if !record.get_type().is(&self.class) {
            return Ok(None);
        }
        let dict = record.getattr(&fixed().__dict__)?.cast_into::<PyDict>().map_err(PyErr::from)?;
        let get = |name: &Py<PyString>| {
            let found = dict.get_item(name)?;
            Ok::<_, PyErr>(found.unwrap_or_else(|| py.None().into_bound(py)))
        };
        let text = |name| get(name).map(|it| it.cast_into_exact::<PyString>().ok());
        let number = |name| get(name).map(|it| it.extract::<i64>().ok());
        let created: f64 = get(&fixed().created)?.extract().unwrap_or_default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let is_plain = get(&fixed().exc_info)?.is_none()
            && get(&fixed().exc_text)?.is_none()
            && get(&fixed().stack_info)?.is_none()
            && number(&fixed().thread)? == Some(Thread::current(py)?.ident)
            && number(&fixed().process)? == Some(std::process::id().into())
            && (now.as_secs_f64() - created).abs() < A_MOMENT.as_secs_f64();
        let args = match get(&fixed().args)? {
            none if none.is_none() => Some(PyTuple::empty(py)),
            args => args.cast_into_exact::<PyTuple>().ok(),
        };
        let place = [get(&fixed().pathname)?, get(&fixed().name)?, get(&fixed().funcName)?];
        let given = (|| {
            Some(Given {
                message: text(&fixed().msg).ok()??,
                args: args?,
                place,
                line: number(&fixed().lineno).ok()??,
                level: number(&fixed().levelno).ok()??,
                level_name: text(&fixed().levelname).ok()??,
                module: text(&fixed().module).ok()??,
            })
        })();
        Ok(given.filter(|_| is_plain))
    }

    fn find(&self, record: &Bound<'_, PyAny>, given: &Given<'_>) -> PyResult<Arc<Known>> {
        let addresses = given.place.each_ref().map(|it| it.as_ptr().addr());
        let place = (addresses, given.line, given.level);
        if let Some(known) = self.known.get(&place) {
            return Ok(known);
        }
        let answer = self.resolve.bind(record.py()).call1((record,))?;
        let kept = PyTuple::new(record.py(), &given.place)?.into_any().unbind();
        let known = Arc::new(Known::new((kept, None), &answer, Style::Percent)?);
        self.known.keep(place, Arc::clone(&known));
        Ok(known)
    }
}

impl Given<'_> {
    /// Whether nobody has changed what all records of the call site have in common.
    fn is_of(&self, quick: &Quick) -> bool {
        let same =
            |text: &Bound<'_, PyString>, known: &str| text.to_str().is_ok_and(|it| it == known);
        same(&self.level_name, quick.level_name()) && same(&self.module, quick.module())
    }
}
