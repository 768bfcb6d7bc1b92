//! Loguru's format strings, carried out by the writer.

use crate::raw::bytes_of;
use crate::time::time_text;
use onewriter::{Format, TextFormat};
use onewriter_engine::format::{Messages, Sites, TimeText, python_format, python_str};
use onewriter_record::{Conversion, PySpec, Record, Site, Value, format_parts};

/// What a format needs beside the record: fields of the call site, in this order, and the extra.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs(u8);

impl Needs {
    /// When the program began to log.
    pub(crate) const START: Needs = Needs(1);
    /// Python's number of the thread.
    pub(crate) const THREAD: Needs = Needs(2);
    pub(crate) const THREAD_NAME: Needs = Needs(4);
    pub(crate) const PROCESS_NAME: Needs = Needs(8);
    pub(crate) const EXTRA: Needs = Needs(16);

    pub(crate) fn all() -> Needs {
        Needs(31)
    }

    pub(crate) fn contains(self, other: Needs) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) fn has_fields(self) -> bool {
        self.0 & !Needs::EXTRA.0 != 0
    }

    fn and(self, other: Needs) -> Needs {
        Needs(self.0 | other.0)
    }

    /// The names of the fields.
    pub(crate) fn fields(self) -> Vec<&'static str> {
        let named = [
            (Needs::START, "start"),
            (Needs::THREAD, "thread"),
            (Needs::THREAD_NAME, "thread_name"),
            (Needs::PROCESS_NAME, "process_name"),
        ];
        named.into_iter().filter(|(need, _)| self.contains(*need)).map(|(_, name)| name).collect()
    }

    /// The values of a record's fields, by their place in the list of all needs.
    pub(crate) fn values<'a>(self, record: &Record<'a>) -> [Value<'a>; 4] {
        let all = [Needs::START, Needs::THREAD, Needs::THREAD_NAME, Needs::PROCESS_NAME];
        let mut given = record.fields().map(|(_, value)| value);
        all.map(|need| match self.contains(need) {
            true => given.next().unwrap_or(Value::Null),
            false => Value::Null,
        })
    }
}

/// Which of a record's extra a format shows.
#[derive(Clone, Default)]
pub(crate) struct ExtraNeeds {
    /// Those that must be there, and what their values must suit.
    pub(crate) fields: Vec<(String, PySpec)>,
    /// Whether all are shown.
    pub(crate) whole: bool,
    /// Whether they are shown as `repr` shows them, of which the writer has but the simplest.
    pub(crate) as_repr: bool,
}

/// Whether `repr` shows a text as it is, between single quotes.
pub(crate) fn is_simple(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'\'' && byte != b'\\')
}

/// What a part of a format string shows.
#[derive(Clone)]
enum Part {
    Literal(String),
    Time(TimeText),
    /// What all records of a call site have in common.
    OfSite(Shown, PySpec),
    Message,
    ProcessId(PySpec),
    /// A field of the call site, by its place in the list of needs.
    Field(usize, PySpec),
    Elapsed,
    Extra(String, PySpec),
    WholeExtra,
}

#[derive(Clone, Copy)]
enum Shown {
    LevelName,
    LevelNumber,
    Name,
    Module,
    Function,
    Line,
    FileName,
    FilePath,
}

/// The same made ready for a call site: text, and what comes behind it.
struct Step {
    text: Vec<u8>,
    /// The number of the part; none behind the last text.
    part: Option<usize>,
}

/// A formatter for a format string of Loguru's without colours.
pub(crate) struct LoguruFormat {
    text: String,
    parts: Vec<Part>,
    needs: Needs,
    sites: Sites<Vec<Step>>,
    messages: Messages,
    others: TextFormat,
}

impl LoguruFormat {
    /// Reads a format string; `None` if Python alone can carry it out.
    pub(crate) fn new(text: &str) -> Option<LoguruFormat> {
        let parts = parts(text)?;
        let needs = parts.iter().fold(Needs::default(), |needs, part| needs.and(part.needs()));
        Some(LoguruFormat {
            text: text.to_owned(),
            parts,
            needs,
            sites: Sites::new(),
            messages: Messages::default(),
            others: TextFormat::full(),
        })
    }

    /// The same with other needs, for a format of which it is a part.
    pub(crate) fn with_needs(text: &str, needs: Needs) -> Option<LoguruFormat> {
        let format = LoguruFormat::new(text)?;
        Some(LoguruFormat { needs: format.needs.and(needs), ..format })
    }

    pub(crate) fn needs(&self) -> Needs {
        self.needs
    }

    pub(crate) fn extra_needs(&self) -> ExtraNeeds {
        let mut needs = ExtraNeeds::default();
        for part in &self.parts {
            match part {
                Part::Extra(key, spec) => needs.fields.push((key.clone(), *spec)),
                Part::WholeExtra => (needs.whole, needs.as_repr) = (true, true),
                _ => {}
            }
        }
        needs
    }

    /// Whether this is a record of the call sites that it is for.
    pub(crate) fn knows(&self, site: &Site) -> bool {
        !site.function.is_empty() && site.fields.iter().map(|it| &**it).eq(self.needs.fields())
    }

    /// Appends a record that it [knows](LoguruFormat::knows).
    pub(crate) fn put(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let parts = &mut self.parts;
        let fields = self.needs.values(record);
        for step in self.sites.get(record.site, |site| steps(parts, site)) {
            out.extend_from_slice(&step.text);
            match step.part.and_then(|number| parts.get_mut(number)) {
                Some(Part::Time(time)) => time.append(record.time, out),
                Some(Part::Message) => self.messages.put(record, out),
                Some(Part::ProcessId(spec)) => {
                    put_value(&Value::U64(record.process.id.into()), spec, out);
                }
                Some(Part::Field(at, spec)) => put_value(&fields[*at], spec, out),
                Some(Part::Elapsed) => {
                    out.extend_from_slice(elapsed(record.time, &fields[0]).0.as_bytes());
                }
                Some(Part::Extra(key, spec)) => {
                    if let Some((_, value)) = extra(record).find(|(name, _)| name == key) {
                        put_value(&value, spec, out);
                    }
                }
                Some(Part::WholeExtra) => put_repr(record, out),
                _ => {}
            }
        }
    }
}

/// The extra of a record.
pub(crate) fn extra<'a>(record: &Record<'a>) -> impl Iterator<Item = (&'a str, Value<'a>)> {
    record.fields().skip(record.site.fields.len())
}

/// The extra as `repr` shows a dict.
fn put_repr(record: &Record<'_>, out: &mut Vec<u8>) {
    let quoted = |text: &str, out: &mut Vec<u8>| {
        out.extend_from_slice(b"'");
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(b"'");
    };
    out.push(b'{');
    for (number, (name, value)) in extra(record).enumerate() {
        out.extend_from_slice(if number > 0 { b", " } else { b"" });
        quoted(name, out);
        out.extend_from_slice(b": ");
        match value {
            Value::Str(text) => quoted(text, out),
            _ => out.extend_from_slice(python_str(&value).as_bytes()),
        }
    }
    out.push(b'}');
}

fn put_value(value: &Value<'_>, spec: &PySpec, out: &mut Vec<u8>) {
    out.extend_from_slice(python_format(value, Conversion::None, spec).as_bytes());
}

/// The time since the start as `str` shows a `timedelta`, and in seconds.
pub(crate) fn elapsed(time: u64, start: &Value<'_>) -> (String, f64) {
    let Value::I64(start) = *start else { return (String::new(), 0.0) };
    // Python's clocks have microseconds.
    let micros = (time / 1_000) as i64 - start / 1_000;
    let (seconds, rest) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let mut text = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    text += &format!("{}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if rest != 0 {
        text += &format!(".{rest:06}");
    }
    (text, micros as f64 / 1e6)
}

impl Part {
    fn needs(&self) -> Needs {
        match self {
            Part::Elapsed => Needs::START,
            Part::Field(at, _) => Needs(1 << at),
            Part::Extra(..) | Part::WholeExtra => Needs::EXTRA,
            _ => Needs::default(),
        }
    }
}

impl Format for LoguruFormat {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if let Some(bytes) = bytes_of(record) {
            return out.extend_from_slice(bytes);
        }
        match self.knows(record.site) {
            true => self.put(record, out),
            false => self.others.format(record, out),
        }
    }

    fn twin(&self) -> Option<Box<dyn Format>> {
        Some(Box::new(LoguruFormat::new(&self.text)?))
    }
}

fn steps(parts: &[Part], site: &Site) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut text = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        match part {
            Part::Literal(literal) => text.extend_from_slice(literal.as_bytes()),
            Part::OfSite(what, spec) => {
                text.extend_from_slice(of_site(*what, spec, site).as_bytes())
            }
            _ => {
                steps.push(Step { text: std::mem::take(&mut text), part: Some(number) });
            }
        }
    }
    steps.push(Step { text, part: None });
    steps
}

fn of_site(what: Shown, spec: &PySpec, site: &Site) -> String {
    let file_name = || site.file.rsplit('/').next().unwrap_or_default();
    let value = match what {
        Shown::LevelName => Value::Str(&site.level_name),
        Shown::LevelNumber => Value::U64(site.level.number().into()),
        Shown::Name => Value::Str(&site.target),
        Shown::Module => Value::Str(&site.module),
        Shown::Function => Value::Str(&site.function),
        Shown::Line => Value::U64(site.line.into()),
        Shown::FileName => Value::Str(file_name()),
        Shown::FilePath => Value::Str(&site.file),
    };
    python_format(&value, Conversion::None, spec)
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    for (literal, field) in format_parts(text)? {
        parts.push(Part::Literal(literal));
        if let Some(field) = field {
            parts.extend(part(field)?);
        }
    }
    Some(parts)
}

/// The key in `extra[key]`; digits are no key of Python's but a number.
fn extra_key(name: &str) -> Option<&str> {
    let key = name.strip_prefix("extra[")?.strip_suffix(']')?;
    let is_key = !key.is_empty() && !key.contains(['[', ']', '!']);
    (is_key && key.bytes().any(|byte| !byte.is_ascii_digit())).then_some(key)
}

/// A part without its braces: `level: <8`. Of the exception nothing is shown, since records that have one
/// come as text.
fn part(field: &str) -> Option<Option<Part>> {
    let (name, spec) = field.split_once(':').unwrap_or((field, ""));
    match name {
        "exception" if spec.is_empty() => return Some(None),
        "time" => return Some(Some(Part::Time(time_text(spec)?))),
        "message" if spec.is_empty() => return Some(Some(Part::Message)),
        "elapsed" if spec.is_empty() => return Some(Some(Part::Elapsed)),
        "extra" if spec.is_empty() => return Some(Some(Part::WholeExtra)),
        _ => {}
    }
    let spec = PySpec::parse(spec)?;
    let is_text = spec.suits(&Value::Str(""), Conversion::None);
    let field = |at| is_text.then_some(Part::Field(at, spec));
    let is_number = spec.suits(&Value::U64(0), Conversion::None);
    let text = |what| is_text.then_some(Part::OfSite(what, spec));
    let number = |what| is_number.then_some(Part::OfSite(what, spec));
    let found = match name {
        "level" | "level.name" => text(Shown::LevelName),
        "level.no" => number(Shown::LevelNumber),
        "name" => text(Shown::Name),
        "module" => text(Shown::Module),
        "function" => text(Shown::Function),
        "line" => number(Shown::Line),
        "file" | "file.name" => text(Shown::FileName),
        "file.path" => text(Shown::FilePath),
        "process" | "process.id" => is_number.then_some(Part::ProcessId(spec)),
        "thread" | "thread.id" => is_number.then_some(Part::Field(1, spec)),
        "thread.name" => field(2),
        "process.name" => field(3),
        _ => extra_key(name).map(|key| Part::Extra(key.to_owned(), spec)),
    };
    Some(Some(found?))
}
