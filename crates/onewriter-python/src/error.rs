//! From errors of the engine to Python's exceptions.

use onewriter_engine::{Error, ErrorKind};
use onewriter_ring::PutError;
use pyo3::PyErr;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTimeoutError, PyValueError};

pyo3::import_exception!(queue, Full);

/// A wrong setting is a `ValueError`, what the system refuses an `OSError`.
pub(crate) fn raised(error: &Error) -> PyErr {
    let text = error.to_string();
    match error.kind() {
        ErrorKind::Config => PyValueError::new_err(text),
        ErrorKind::Closed => PyRuntimeError::new_err(text),
        ErrorKind::Incomplete => PyTimeoutError::new_err(text),
        _ => match error.io_error().and_then(std::io::Error::raw_os_error) {
            // With its number Python finds the class, such as `FileNotFoundError`.
            Some(number) => PyOSError::new_err((number, text)),
            None => PyOSError::new_err(text),
        },
    }
}

pub(crate) fn ring_raised(error: &onewriter_ring::Error) -> PyErr {
    let text = error.to_string();
    if error.is_setting() { PyValueError::new_err(text) } else { PyOSError::new_err(text) }
}

/// Why a record is not in the queue.
///
/// It becomes an exception where Python is to see it, and not before: PyO3 cannot look at one that it has made
/// when the interpreter is about to end.
pub(crate) enum NotPut {
    Refused(PutError),
    /// What a signal handler has raised while the put waited.
    Raised(PyErr),
}

impl From<NotPut> for PyErr {
    fn from(reason: NotPut) -> PyErr {
        match reason {
            NotPut::Refused(error) => refused(error),
            NotPut::Raised(error) => error,
        }
    }
}

fn refused(error: PutError) -> PyErr {
    let text = error.to_string();
    match error {
        PutError::Full | PutError::NoMemory => Full::new_err(text),
        PutError::TooLarge { .. } => PyValueError::new_err(text),
        PutError::Closed => PyRuntimeError::new_err("the queue is closed"),
        _ => PyOSError::new_err(text),
    }
}
