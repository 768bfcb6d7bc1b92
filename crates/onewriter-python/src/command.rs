//! The shell commands, for `python -m onewriter`.

use pyo3::prelude::*;
use std::ffi::OsString;

/// Runs the command with these arguments, the name of the program first; its exit code.
#[pyfunction]
pub(crate) fn command(py: Python<'_>, args: Vec<OsString>) -> u8 {
    py.detach(|| onewriter_cli::main(args).0)
}
