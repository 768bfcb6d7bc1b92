//! What is made once, when the module is imported.
//!
//! PyO3's `intern!` and `PyOnceLock` let the interpreter's lock go while they make their value: a child that
//! another thread forks in that moment would wait for ever for a thread that it does not have.

use pyo3::PyTypeInfo;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use std::path::PathBuf;
use std::sync::OnceLock;

macro_rules! fixed {
    ($($name:ident)*) => {
        /// Names of attributes, and what else is looked at again and again.
        #[expect(non_snake_case, reason = "they are called as in Python")]
        pub(crate) struct Fixed {
            $(pub(crate) $name: Py<PyString>,)*
            /// The namespace of `multiprocessing.process`.
            pub(crate) processes: Py<PyDict>,
            /// `threading.current_thread`
            pub(crate) current_thread: Py<PyAny>,
        }

        impl Fixed {
            fn new(py: Python<'_>) -> PyResult<Fixed> {
                // These too are found at their first use, within PyO3.
                let _ = crate::error::Full::type_object(py);
                let _: PathBuf = PathBuf::from("/").into_pyobject(py)?.extract()?;
                Ok(Fixed {
                    $($name: PyString::intern(py, stringify!($name)).unbind(),)*
                    processes: py.import("multiprocessing.process")?.dict().unbind(),
                    current_thread: py.import("threading")?.getattr("current_thread")?.unbind(),
                })
            }
        }
    };
}

fixed! {
    __dict__ _cache _current_process _log_call _logRecordFactory _name args created datetime disabled
    exc_info exc_text f_code f_lasti filters format funcName handlers isEnabledFor level levelname levelno
    lineno module msg name parent pathname process propagate stack_info thread
}

static FIXED: OnceLock<Fixed> = OnceLock::new();

/// Makes it; for the import.
pub(crate) fn make(py: Python<'_>) -> PyResult<()> {
    let made = Fixed::new(py)?;
    // Imported once more, it is there already.
    let _ = FIXED.set(made);
    Ok(())
}

/// What was made at the import: no class of the module is there before it.
pub(crate) fn fixed() -> &'static Fixed {
    FIXED.get().expect("made at the import")
}
