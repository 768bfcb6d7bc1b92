//! The quick way from a call of a logger to the queue: no record is made of it in Python.
//!
//! A call site is where a code object calls: what is known of it, the level's number, which queues take
//! it, the module and the line, is asked of Python once. A call whose arguments are numbers, texts,
//! booleans or `None` carries them with it, and the writer formats; of every other one the message is
//! formatted here, as Python does it.

use crate::file::FileQueue;
use crate::raw::FrameOut;
use onewriter_record::{
    Conversion, Encode, Out, Piece, PySpec, SiteDef, Tag, Template, Value, padded,
};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};
use pyo3::{PyTraverseError, PyVisit, intern};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The levels that have a method.
const LEVELS: [&str; 7] = ["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"];
/// Code may be made at run time, again and again: with so many call sites all are forgotten.
const MAX_SITES: usize = 65_536;
/// Arguments of a message that travel as they are.
const MAX_ARGS: usize = 16;

/// What all loggers of one core have in common; see `_native.pyi`.
#[pyclass(frozen, module = "onewriter._native")]
pub(crate) struct Calls {
    /// Asked once for each call site.
    resolve: Py<PyAny>,
    /// Where the clock stands that tests exchange, and what is there otherwise.
    clock: (Py<PyDict>, Py<PyAny>),
    getframe: Py<PyAny>,
    numbers: [i64; LEVELS.len()],
    /// Records below it are nobody's.
    least: AtomicI64,
    /// From it on some handler needs a record of Python's.
    slow_from: AtomicI64,
    sites: Mutex<HashMap<Place, Arc<Known>>>,
}

/// A code object, the instruction in it, and the number of the method.
type Place = (usize, i32, usize);

/// What is known of a call site.
struct Known {
    /// Kept, so that its address means no other one.
    code: Py<PyAny>,
    answer: Answer,
}

enum Answer {
    /// Nobody takes its records.
    Nobody,
    /// They need Python's way.
    Slow,
    Quick(Quick),
}

struct Quick {
    queue: Py<FileQueue>,
    about: About,
    /// The number of the call site whose message is formatted here.
    formatted: u32,
    /// That of the last message with arguments.
    templated: Mutex<Option<Arc<Templated>>>,
}

/// What `resolve` says.
#[derive(FromPyObject)]
struct Resolved(Py<FileQueue>, About);

#[derive(FromPyObject)]
struct About {
    #[pyo3(item)]
    number: i64,
    #[pyo3(item)]
    level: String,
    #[pyo3(item)]
    name: String,
    #[pyo3(item)]
    module: String,
    #[pyo3(item)]
    function: String,
    #[pyo3(item)]
    path: String,
    #[pyo3(item)]
    line: u32,
}

/// Which argument stands there, and how.
type Field = (usize, Conversion, PySpec);

/// A message with arguments, taken apart.
struct Templated {
    /// The very object: a literal is the same at each call.
    message: Py<PyString>,
    /// The fields, and the number of the call site; none if only Python can format it.
    fields: Option<(Vec<Field>, u32)>,
}

impl About {
    fn register(&self, template: &str, args: &[&str]) -> Option<u32> {
        let mut bytes = Vec::new();
        SiteDef {
            level: Some(crate::slot::level(self.number)),
            level_name: &self.level,
            target: &self.name,
            module: &self.module,
            file: &self.path,
            line: self.line,
            function: &self.function,
            template,
            is_python: true,
            args,
            ..SiteDef::default()
        }
        .encode(&mut bytes);
        onewriter_ring::register(&bytes)
    }
}

#[pymethods]
impl Calls {
    #[new]
    fn new(
        py: Python<'_>,
        resolve: Py<PyAny>,
        numbers: [i64; LEVELS.len()],
        clock: Bound<'_, PyDict>,
    ) -> PyResult<Calls> {
        let real = clock.as_any().get_item("datetime")?;
        Ok(Calls {
            resolve,
            clock: (clock.unbind(), real.unbind()),
            getframe: py.import("sys")?.getattr("_getframe")?.unbind(),
            numbers,
            least: AtomicI64::new(i64::MAX),
            slow_from: AtomicI64::new(i64::MIN),
            sites: Mutex::default(),
        })
    }

    /// Forgets all call sites, and notes which levels are whose.
    fn reset(&self, least: f64, slow_from: f64) {
        // Beyond its ends a float becomes the nearest integer.
        self.least.store(least.ceil() as i64, Ordering::Relaxed);
        self.slow_from.store(slow_from.ceil() as i64, Ordering::Relaxed);
        // Dropped without the lock: what goes with them may run code.
        drop(std::mem::take(&mut *self.sites()));
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.resolve)
    }
}

impl Calls {
    fn sites(&self) -> MutexGuard<'_, HashMap<Place, Arc<Known>>> {
        // Held for a look or an exchange only, without running any code of Python's.
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call needs nothing more.
    fn try_quick(
        &self,
        py: Python<'_>,
        method: usize,
        message: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<bool> {
        let Ok(message) = message.cast_exact::<PyString>() else { return Ok(false) };
        let clock = self.clock.0.bind(py).get_item(intern!(py, "datetime"))?;
        if !clock.is_some_and(|now| now.is(&self.clock.1)) {
            return Ok(false);
        }
        let frame = self.getframe.bind(py).call0()?;
        let code = frame.getattr(intern!(py, "f_code"))?;
        let at: i32 = frame.getattr(intern!(py, "f_lasti"))?.extract()?;
        let place = (code.as_ptr().addr(), at, method);
        let known = self.sites().get(&place).cloned();
        let known = match known {
            Some(known) => known,
            None => self.meet(py, place, &frame, code)?,
        };
        match &known.answer {
            Answer::Nobody => Ok(true),
            Answer::Slow => Ok(false),
            Answer::Quick(quick) => quick.put(py, message, args, kwargs),
        }
    }

    #[cold]
    fn meet(
        &self,
        py: Python<'_>,
        place: Place,
        frame: &Bound<'_, PyAny>,
        code: Bound<'_, PyAny>,
    ) -> PyResult<Arc<Known>> {
        let answer = self.resolve.bind(py).call1((frame, LEVELS[place.2]))?;
        let answer = if answer.is_none() {
            Answer::Nobody
        } else if answer.is_exact_instance_of::<PyBool>() {
            Answer::Slow
        } else {
            let Resolved(queue, about) = answer.extract()?;
            match about.register("", &["message"]) {
                Some(formatted) => {
                    Answer::Quick(Quick { queue, about, formatted, templated: Mutex::default() })
                }
                None => Answer::Slow,
            }
        };
        let known = Arc::new(Known { code: code.unbind(), answer });
        let mut sites = self.sites();
        let all =
            if sites.len() >= MAX_SITES { std::mem::take(&mut *sites) } else { HashMap::new() };
        let before = sites.insert(place, Arc::clone(&known));
        drop(sites);
        drop((all, before));
        debug_assert_eq!(known.code.as_ptr().addr(), place.0);
        Ok(known)
    }
}

/// An argument that travels as it is.
#[derive(Clone, Copy)]
enum Arg<'a> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'a str),
}

impl<'a> Arg<'a> {
    /// `None` if only Python can format it.
    fn of(given: &'a Bound<'_, PyAny>) -> Option<Arg<'a>> {
        if let Ok(text) = given.cast_exact::<PyString>() {
            text.to_str().ok().map(Arg::Str)
        } else if given.is_exact_instance_of::<PyInt>() {
            given.extract().ok().map(Arg::Int)
        } else if let Ok(float) = given.cast_exact::<PyFloat>() {
            Some(Arg::Float(float.value()))
        } else if let Ok(is) = given.cast_exact::<PyBool>() {
            Some(Arg::Bool(is.is_true()))
        } else {
            given.is_none().then_some(Arg::None)
        }
    }

    fn value(self) -> Value<'a> {
        match self {
            Arg::None => Value::Null,
            Arg::Bool(v) => Value::Bool(v),
            Arg::Int(v) => Value::I64(v),
            Arg::Float(v) => Value::F64(v),
            Arg::Str(v) => Value::Str(v),
        }
    }

    fn tag(self) -> Tag {
        match self {
            Arg::None => Tag::Null,
            Arg::Bool(v) => v.tag(),
            Arg::Int(v) => v.tag(),
            Arg::Float(v) => v.tag(),
            Arg::Str(v) => v.tag(),
        }
    }

    fn size(self) -> usize {
        match self {
            Arg::None => 0,
            Arg::Str(v) => v.size(),
            _ => 8,
        }
    }

    fn write(self, out: &mut impl Out) {
        match self {
            Arg::None => {}
            Arg::Bool(v) => v.write(out),
            Arg::Int(v) => v.write(out),
            Arg::Float(v) => v.write(out),
            Arg::Str(v) => v.write(out),
        }
    }
}

impl Quick {
    /// Puts the record into its queue; false if Python's way has to do it.
    fn put(
        &self,
        py: Python<'_>,
        message: &Bound<'_, PyString>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<bool> {
        let has_kwargs = kwargs.is_some_and(|kwargs| !kwargs.is_empty());
        if args.is_empty() && !has_kwargs {
            return self.put_text(message);
        }
        if !has_kwargs && let Some(done) = self.put_args(message, args) {
            return done.map(|()| true);
        }
        let text = message.call_method(intern!(py, "format"), args, kwargs)?;
        let text = text.cast_into::<PyString>().map_err(PyErr::from)?;
        self.put_text(&text)
    }

    /// False if it is no valid text.
    fn put_text(&self, text: &Bound<'_, PyString>) -> PyResult<bool> {
        let py = text.py();
        let Ok(text) = text.to_str() else { return Ok(false) };
        self.put_values(py, self.formatted, &[Arg::Str(text)]).map(|()| true)
    }

    /// Puts the arguments as they are; `None` if one of them cannot travel so.
    fn put_args(
        &self,
        message: &Bound<'_, PyString>,
        args: &Bound<'_, PyTuple>,
    ) -> Option<PyResult<()>> {
        let templated = self.templated(message)?;
        let (fields, site) = templated.fields.as_ref()?;
        let n_args = args.len();
        let given: [_; MAX_ARGS] =
            std::array::from_fn(|at| if at < n_args { args.get_item(at).ok() } else { None });
        let mut values = [Arg::None; MAX_ARGS];
        let values = values.get_mut(..n_args)?;
        for (value, given) in values.iter_mut().zip(&given) {
            *value = Arg::of(given.as_ref()?)?;
        }
        let suits = |(index, conversion, spec): &Field| {
            values.get(*index).is_some_and(|it| spec.suits(&it.value(), *conversion))
        };
        // A call site has as many arguments as its first message; more or fewer are formatted here.
        let is_as_many = fields.len() == values.len();
        (is_as_many && fields.iter().all(suits)).then(|| self.put_values(args.py(), *site, values))
    }

    /// What is known of this very message, or a new one.
    fn templated(&self, message: &Bound<'_, PyString>) -> Option<Arc<Templated>> {
        let lock = || self.templated.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().clone();
        if let Some(known) = known {
            // A call site whose messages differ is not worth more than one template.
            return known.message.is(message).then_some(known);
        }
        let new = Arc::new(Templated {
            message: message.clone().unbind(),
            fields: message.to_str().ok().and_then(|text| self.take_apart(text)),
        });
        lock().get_or_insert_with(|| Arc::clone(&new));
        Some(new)
    }

    fn take_apart(&self, text: &str) -> Option<(Vec<Field>, u32)> {
        let template = Template::python(text)?;
        let fields = template.pieces.iter().filter_map(|piece| match piece {
            Piece::Python(index, conversion, spec) => Some((*index, *conversion, *spec)),
            _ => None,
        });
        let fields: Vec<_> = fields.collect();
        if fields.len() > MAX_ARGS || !template.is_in_order(fields.len()) {
            return None;
        }
        let site = self.about.register(text, &vec![""; fields.len()])?;
        Some((fields, site))
    }

    fn put_values(&self, py: Python<'_>, site: u32, values: &[Arg<'_>]) -> PyResult<()> {
        let len = padded(values.len()) + values.iter().map(|it| it.size()).sum::<usize>();
        let level = crate::slot::level(self.about.number);
        let queue = self.queue.get();
        queue.slot.put_frame(py, (level, site), len, queue.wait, |frame| {
            let mut out = FrameOut(frame);
            for chunk in values.chunks(8) {
                let tags = chunk.iter().enumerate();
                out.word(tags.fold(0, |word, (at, it)| word | (it.tag() as u64) << (8 * at)));
            }
            values.iter().for_each(|it| it.write(&mut out));
        })
    }
}

/// The base of the logger: its methods for the standard levels; see `_native.pyi`.
#[pyclass(subclass, module = "onewriter._native")]
pub(crate) struct LoggerBase {
    calls: Option<Py<Calls>>,
    is_plain: bool,
}

#[pymethods]
impl LoggerBase {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> LoggerBase {
        LoggerBase { calls: None, is_plain: false }
    }

    /// Gives it the calls of its core; `is_plain` if it has no options that change a record.
    fn _bind_calls(&mut self, calls: Py<Calls>, is_plain: bool) {
        (self.calls, self.is_plain) = (Some(calls), is_plain);
    }
}

macro_rules! level_methods {
    ($($method:ident $number:literal $name:literal)*) => {
        #[pymethods]
        impl LoggerBase {
            $(
                #[doc = concat!(
                    "Logs ``message.format(*args, **kwargs)`` with the level ", $name, "."
                )]
                #[pyo3(signature = (message, /, *args, **kwargs))]
                fn $method(
                    slf: &Bound<'_, Self>,
                    message: &Bound<'_, PyAny>,
                    args: &Bound<'_, PyTuple>,
                    kwargs: Option<&Bound<'_, PyDict>>,
                ) -> PyResult<()> {
                    call(slf, $number, message, args, kwargs)
                }
            )*
        }
    };
}

fn call(
    slf: &Bound<'_, LoggerBase>,
    method: usize,
    message: &Bound<'_, PyAny>,
    args: &Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<()> {
    let py = slf.py();
    let (calls, is_plain) = {
        let this = slf.borrow();
        let calls = this.calls.as_ref().ok_or_else(|| {
            PyTypeError::new_err("the logger has no core: make it with Logger(Core(), ...)")
        })?;
        if calls.get().numbers[method] < calls.get().least.load(Ordering::Relaxed) {
            return Ok(());
        }
        (calls.clone_ref(py), this.is_plain)
    };
    let own = calls.get();
    let is_quick = is_plain && own.numbers[method] < own.slow_from.load(Ordering::Relaxed);
    if is_quick && own.try_quick(py, method, message, args, kwargs)? {
        return Ok(());
    }
    let none = PyDict::new(py);
    let kwargs = kwargs.unwrap_or(&none);
    let log = intern!(py, "_log_call");
    slf.call_method1(log, (LEVELS[method], message, args, kwargs)).map(drop)
}

level_methods! {
    trace 0 "TRACE"
    debug 1 "DEBUG"
    info 2 "INFO"
    success 3 "SUCCESS"
    warning 4 "WARNING"
    error 5 "ERROR"
    critical 6 "CRITICAL"
}
