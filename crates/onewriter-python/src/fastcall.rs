//! The logger's methods in CPython's own calling convention: the arguments stay where they lie.
//!
//! PyO3 has a tuple made of them for every call that may have `**kwargs`, also for one below the level; see
//! `docs/decisions/0006-fast-calls.md`. All the unsafe code of this crate is here.

#![allow(unsafe_code)]

use crate::calls::{self, LEVELS, LoggerBase};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Gives the base of the logger its methods, `trace` to `critical`.
pub(crate) fn add_methods(py: Python<'_>) -> PyResult<()> {
    let functions: [ffi::PyCFunctionFastWithKeywords; LEVELS.len()] =
        [method::<0>, method::<1>, method::<2>, method::<3>, method::<4>, method::<5>, method::<6>];
    let base = py.get_type::<LoggerBase>();
    for (level, function) in LEVELS.into_iter().zip(functions) {
        let name = level.to_lowercase();
        let doc = format!(
            "{name}($self, message, /, *args, **kwargs)\n--\n\n\
             Logs ``message.format(*args, **kwargs)`` with the level {level}."
        );
        let def = ffi::PyMethodDef {
            ml_name: CString::new(name.as_str())?.into_raw(),
            ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: CString::new(doc)?.into_raw(),
        };
        // Like the module, the definition is there until the process ends.
        let def: *mut _ = Box::leak(Box::new(def));
        // SAFETY: `base` is a type, and `def` a definition that stays valid, whose flags name the signature of
        // its function. A new reference or null with an exception comes back, which is what
        // `from_owned_ptr_or_err` takes.
        let descriptor = unsafe {
            let made = ffi::PyDescr_NewMethod(base.as_type_ptr(), def);
            Bound::from_owned_ptr_or_err(py, made)?
        };
        base.setattr(name, descriptor)?;
    }
    Ok(())
}

/// A method of the logger: the number of its level among `LEVELS`.
///
/// # Safety
/// CPython calls it: with the thread attached, with a `LoggerBase`, with `n_args` positional arguments at
/// `args` and behind them one for each of `names`, a tuple of strings, unless it is null. All of them live
/// until it returns.
unsafe extern "C" fn method<const LEVEL: usize>(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    n_args: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the thread is attached; `slf` is an instance, for a method descriptor accepts no object but those
    // of its type, and it lives during the call.
    let (py, slf) = unsafe {
        let py = Python::assume_attached();
        (py, Borrowed::from_ptr(py, slf).cast_unchecked::<LoggerBase>())
    };
    if n_args > 0 && calls::is_below(&slf, LEVEL) {
        return py.None().into_ptr();
    }
    let call = || {
        Python::attach(|py| {
            // SAFETY: as `method` was called.
            let given = unsafe { arguments(py, args, n_args, names) }?;
            let Some((message, args, kwargs)) = given else {
                return Err(PyTypeError::new_err(format!(
                    "{}() missing 1 required positional argument: 'message'",
                    LEVELS[LEVEL].to_lowercase()
                )));
            };
            calls::call(&slf, LEVEL, &message, &args, kwargs.as_ref())
        })
    };
    // What unwinds must not pass through CPython; a logger does not end the program.
    let done = catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(PyRuntimeError::new_err("a fault in onewriter: see stderr")));
    match done {
        Ok(()) => py.None().into_ptr(),
        Err(error) => {
            error.restore(py);
            std::ptr::null_mut()
        }
    }
}

type Arguments<'py> = (Bound<'py, PyAny>, Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>);

/// The message, the other positional arguments, and those with names; `None` without a message.
///
/// # Safety
/// As of [`method`].
unsafe fn arguments<'py>(
    py: Python<'py>,
    args: *const *mut ffi::PyObject,
    n_args: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> PyResult<Option<Arguments<'py>>> {
    // SAFETY: null or a tuple, which lives during the call.
    let names = unsafe { Bound::from_borrowed_ptr_or_opt(py, names) };
    let names = names.map(|names| names.cast_into::<PyTuple>()).transpose().map_err(PyErr::from)?;
    let n_names = names.as_ref().map_or(0, |names| names.len());
    let n_args = n_args.unsigned_abs();
    let given: &[Bound<'py, PyAny>] = match n_args + n_names {
        0 => &[],
        // SAFETY: so many there are, positional ones and, behind them, one for each name; each is an object
        // that lives during the call. `Bound` is a pointer to an object, and a shared slice drops none.
        len => unsafe { std::slice::from_raw_parts(args.cast(), len) },
    };
    let (given, named) = given.split_at(n_args);
    let [message, rest @ ..] = given else { return Ok(None) };
    let rest = if rest.is_empty() { PyTuple::empty(py) } else { PyTuple::new(py, rest)? };
    let kwargs = names.map(|names| {
        let kwargs = PyDict::new(py);
        for (name, value) in names.iter_borrowed().zip(named) {
            kwargs.set_item(name, value)?;
        }
        Ok::<_, PyErr>(kwargs)
    });
    Ok(Some((message.clone(), rest, kwargs.transpose()?)))
}
