//! The native part of the Python package: queues of the engine as Python objects.
//!
//! What a record looks like is up to the Python side; here bytes go into a queue, to a file that the
//! engine writes or to a Python function. Stubs with the documentation of each class stand in
//! `python/onewriter/_native.pyi`.

#![deny(unsafe_code)]

mod calls;
mod command;
mod error;
mod fastcall;
mod file;
mod fixed;
mod format;
mod json;
mod logging;
mod object;
mod quick;
mod raw;
mod records;
mod registry;
mod sites;
mod slot;
mod time;
mod who;

use pyo3::prelude::*;

/// Queues of the engine.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    fixed::make(module.py())?;
    module.add_class::<file::FileQueue>()?;
    module.add_class::<object::ObjectQueue>()?;
    module.add_class::<calls::Calls>()?;
    module.add_class::<calls::LoggerBase>()?;
    fastcall::add_methods(module.py())?;
    module.add_class::<logging::LoggingCalls>()?;
    module.add_class::<records::RecordCalls>()?;
    module.add_function(wrap_pyfunction!(file::can_format, module)?)?;
    module.add_function(wrap_pyfunction!(command::command, module)?)?;
    module.add_function(wrap_pyfunction!(object::leave, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    onewriter_ring::at_exit(registry::end);
    let end = wrap_pyfunction!(object::end, module)?;
    module.py().import("atexit")?.call_method1("register", (end,))?;
    Ok(())
}
