//! A record on its quick way into the queue of a file: what is known of its call site, and its values.

use crate::error::NotPut;
use crate::file::FileQueue;
use crate::fixed::fixed;
use crate::format::{ExtraNeeds, Needs, is_simple};
use crate::raw::FrameOut;
use crate::who::{Process, Thread};
use onewriter_record::{
    Conversion, EXTRA_FLAG, Encode, Out, Piece, PySpec, SectionKind, SiteDef, Tag, Template, Value,
    padded, percent_template, write_section,
};
use onewriter_ring::{PutError, RingFrame};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyString, PyTuple};
use std::sync::{Arc, Mutex, PoisonError};

/// Arguments of a message that travel as they are.
const MAX_ARGS: usize = 16;
/// The same with what the format needs beside them.
const MAX_VALUES: usize = MAX_ARGS + 4;

/// How a message takes its arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `message.format(*args, **kwargs)`
    Braces,
    /// `message % args`
    Percent,
}

/// What is known of a call site.
pub(crate) struct Known {
    /// The code and, where it matters, the logger: kept, so that their addresses mean no others.
    _kept: Kept,
    pub(crate) answer: Answer,
}

type Kept = (Py<PyAny>, Option<Py<PyAny>>);

pub(crate) enum Answer {
    /// Nobody takes its records.
    Nobody,
    /// They need Python's way.
    Slow,
    Quick(Quick),
}

pub(crate) struct Quick {
    queue: Py<FileQueue>,
    style: Style,
    pub(crate) needs: Needs,
    about: About,
    /// The number of the call site whose message is formatted here.
    formatted: u32,
    /// That of the last message with arguments.
    templated: Mutex<Option<Arc<Templated>>>,
}

impl Known {
    /// From what `resolve` said.
    pub(crate) fn new(kept: Kept, said: &Bound<'_, PyAny>, style: Style) -> PyResult<Known> {
        let answer = if said.is_none() {
            Answer::Nobody
        } else if said.is_exact_instance_of::<PyBool>() {
            Answer::Slow
        } else {
            let (queue, about): Said = said.extract()?;
            let (number, level, name, module, function, path, line) = about;
            let about = About { number, level, name, module, function, path, line };
            let needs = queue.get().needs;
            match about.register("", &["message"], needs) {
                Some(formatted) => {
                    let templated = Mutex::default();
                    Answer::Quick(Quick { queue, style, needs, about, formatted, templated })
                }
                None => Answer::Slow,
            }
        };
        Ok(Known { _kept: kept, answer })
    }
}

/// What the writer is to know of a call: what `resolve` says beside the queue.
struct About {
    number: i64,
    level: String,
    name: String,
    module: String,
    function: String,
    path: String,
    line: u32,
}

/// The same as `resolve` gives it.
type Said = (Py<FileQueue>, (i64, String, String, String, String, String, u32));

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
    fn register(&self, template: &str, args: &[&str], needs: Needs) -> Option<u32> {
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
            fields: &needs.fields(),
        }
        .encode(&mut bytes);
        onewriter_ring::register(&bytes)
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
}

impl Encode for Arg<'_> {
    fn tag(&self) -> Tag {
        match self {
            Arg::None => Tag::Null,
            Arg::Bool(v) => v.tag(),
            Arg::Int(v) => v.tag(),
            Arg::Float(v) => v.tag(),
            Arg::Str(v) => v.tag(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Arg::None => 0,
            Arg::Str(v) => v.size(),
            _ => 8,
        }
    }

    fn write(&self, out: &mut impl Out) {
        match self {
            Arg::None => {}
            Arg::Bool(v) => v.write(out),
            Arg::Int(v) => v.write(out),
            Arg::Float(v) => v.write(out),
            Arg::Str(v) => v.write(out),
        }
    }
}

/// What became of a record.
pub(crate) enum Done {
    Put,
    /// Python's way has to do it.
    Slow,
    /// The queue has not taken it.
    Refused(PyErr),
}

impl Done {
    fn of(put: Result<(), NotPut>) -> PyResult<Done> {
        match put {
            Ok(()) => Ok(Done::Put),
            // The handler has another one by now, or is no longer there.
            Err(NotPut::Refused(PutError::Closed)) => Ok(Done::Slow),
            Err(refused @ NotPut::Refused(_)) => Ok(Done::Refused(refused.into())),
            Err(NotPut::Raised(error)) => Err(error),
        }
    }
}

/// A call on its way into the queue.
struct Put<'a, 'py> {
    py: Python<'py>,
    quick: &'a Quick,
    start: i64,
    /// The section of the record's extra, if it is needed.
    extra: Vec<u8>,
}

impl Quick {
    pub(crate) fn level_name(&self) -> &str {
        &self.about.level
    }

    pub(crate) fn module(&self) -> &str {
        &self.about.module
    }

    /// Puts the record into its queue. An error is one of formatting its message.
    pub(crate) fn put(
        &self,
        py: Python<'_>,
        start: i64,
        message: &Bound<'_, PyString>,
        args: &Bound<'_, PyTuple>,
        (kwargs, extra): (Option<&Bound<'_, PyDict>>, Option<&Bound<'_, PyDict>>),
    ) -> PyResult<Done> {
        let kwargs = kwargs.filter(|kwargs| !kwargs.is_empty());
        let mut put = Put { py, quick: self, start, extra: Vec::new() };
        if self.needs.contains(Needs::EXTRA) {
            if let (Some(extra), Some(kwargs)) = (extra, kwargs) {
                extra.update(kwargs.as_mapping())?;
            }
            match extra_section(extra.or(kwargs), &self.queue.get().extra) {
                Some(section) => put.extra = section,
                None => return Ok(Done::Slow),
            }
        }
        if args.is_empty() && kwargs.is_none() {
            return put.text(message);
        }
        if kwargs.is_none()
            && let Some(done) = put.args(message, args)
        {
            return Done::of(done);
        }
        let text = match self.style {
            Style::Braces => message.call_method(&fixed().format, args, kwargs)?,
            Style::Percent => message.as_any().rem(args)?,
        };
        put.text(&text.cast_into::<PyString>().map_err(PyErr::from)?)
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
        let template = match self.style {
            Style::Braces => Template::python(text)?,
            Style::Percent => percent_template(text)?.0,
        };
        let fields = template.pieces.iter().filter_map(|piece| match piece {
            Piece::Python(index, conversion, spec) => Some((*index, *conversion, *spec)),
            _ => None,
        });
        let fields: Vec<_> = fields.collect();
        if fields.len() > MAX_ARGS || !template.is_in_order(fields.len()) {
            return None;
        }
        let names = vec![""; fields.len()];
        let site = self.about.register(&template.to_string(), &names, self.needs)?;
        Some((fields, site))
    }
}

/// The section of the extra; `None` if there is none to be shown, or it cannot travel as it is.
fn extra_section(extra: Option<&Bound<'_, PyDict>>, needs: &ExtraNeeds) -> Option<Vec<u8>> {
    let Some(extra) = extra else { return needs.fields.is_empty().then(Vec::new) };
    for (name, spec) in &needs.fields {
        let value = extra.get_item(name).ok()??;
        spec.suits(&Arg::of(&value)?.value(), Conversion::None).then_some(())?;
    }
    let is_shown = |name: &str| needs.whole || needs.fields.iter().any(|(of, _)| of == name);
    let items: Vec<_> = extra.iter().collect();
    let mut entries = Vec::with_capacity(items.len());
    for (name, value) in &items {
        let name = name.cast_exact::<PyString>().ok()?.to_str().ok()?;
        if !is_shown(name) {
            continue;
        }
        let value = Arg::of(value)?;
        let is_simple_value = !matches!(value, Arg::Str(text) if !is_simple(text));
        if needs.as_repr && !(is_simple(name) && is_simple_value) {
            return None;
        }
        entries.push((name, value));
    }
    let mut section = Vec::new();
    if !entries.is_empty() {
        write_section(SectionKind::Fields, "", &entries, &mut section);
    }
    Some(section)
}

impl Put<'_, '_> {
    fn text(&self, text: &Bound<'_, PyString>) -> PyResult<Done> {
        // Only Python has words for what is no valid text.
        let Ok(text) = text.to_str() else { return Ok(Done::Slow) };
        Done::of(self.values(self.quick.formatted, &[Arg::Str(text)]))
    }

    /// Puts the arguments as they are; `None` if one of them cannot travel so.
    fn args(
        &self,
        message: &Bound<'_, PyString>,
        args: &Bound<'_, PyTuple>,
    ) -> Option<Result<(), NotPut>> {
        let templated = self.quick.templated(message)?;
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
        (is_as_many && fields.iter().all(suits)).then(|| self.values(*site, values))
    }

    /// Puts the values of a record, with what the format needs beside them.
    fn values(&self, site: u32, args: &[Arg<'_>]) -> Result<(), NotPut> {
        let needs = self.quick.needs;
        if !needs.has_fields() {
            return self.frame(site, args);
        }
        let thread = Thread::current(self.py).map_err(NotPut::Raised)?;
        let process = Process::current(self.py).map_err(NotPut::Raised)?;
        let mut values = [Arg::None; MAX_VALUES];
        values[..args.len()].copy_from_slice(args);
        let mut n_values = args.len();
        for (need, value) in [
            (Needs::START, Arg::Int(self.start)),
            (Needs::THREAD, Arg::Int(thread.ident)),
            (Needs::THREAD_NAME, Arg::Str(thread.name())),
            (Needs::PROCESS_NAME, Arg::Str(process.name())),
        ] {
            if needs.contains(need) {
                values[n_values] = value;
                n_values += 1;
            }
        }
        self.frame(site, &values[..n_values])
    }

    fn frame(&self, site: u32, values: &[Arg<'_>]) -> Result<(), NotPut> {
        let size: usize = values.iter().map(Encode::size).sum();
        let len = padded(values.len()) + size + self.extra.len();
        let tag = site | if self.extra.is_empty() { 0 } else { EXTRA_FLAG };
        let number = self.quick.about.number;
        let site = (crate::slot::level(number), tag);
        let (queue, extra) = (self.quick.queue.get(), &self.extra);
        let fill = |frame: &mut RingFrame<'_>| {
            let mut out = FrameOut(frame);
            for chunk in values.chunks(8) {
                let tags = chunk.iter().enumerate();
                out.word(tags.fold(0, |word, (at, it)| word | (it.tag() as u64) << (8 * at)));
            }
            values.iter().for_each(|it| it.write(&mut out));
            out.bytes(extra);
        };
        queue.by_policy(number, |wait| queue.slot.put_frame(self.py, site, len, wait, fill))
    }
}
