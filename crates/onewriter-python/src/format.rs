//! Loguru's format strings, carried out by the writer.

use crate::raw::bytes_of;
use crate::time::TimeFormat;
use onewriter::{Format, TextFormat};
use onewriter_engine::format::{Messages, Sites, python_format};
use onewriter_record::{Conversion, PySpec, Record, Site, Value};

/// What a part of a format string shows.
#[derive(Clone)]
enum Part {
    Literal(String),
    Time(TimeFormat),
    /// What all records of a call site have in common.
    OfSite(Shown, PySpec),
    Message,
    ProcessId(PySpec),
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
    sites: Sites<Vec<Step>>,
    messages: Messages,
    others: TextFormat,
}

impl LoguruFormat {
    /// Reads a format string; `None` if Python alone can carry it out.
    pub(crate) fn new(text: &str) -> Option<LoguruFormat> {
        Some(LoguruFormat {
            text: text.to_owned(),
            parts: parts(text)?,
            sites: Sites::new(),
            messages: Messages::default(),
            others: TextFormat::full(),
        })
    }

    /// Whether this is a record of the call sites that it is for.
    fn knows(site: &Site) -> bool {
        !site.function.is_empty()
    }
}

impl Format for LoguruFormat {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if let Some(bytes) = bytes_of(record) {
            return out.extend_from_slice(bytes);
        }
        if !LoguruFormat::knows(record.site) {
            return self.others.format(record, out);
        }
        let parts = &mut self.parts;
        let steps = self.sites.get(record.site, |site| steps(parts, site));
        for step in steps {
            out.extend_from_slice(&step.text);
            match step.part.and_then(|number| parts.get_mut(number)) {
                Some(Part::Time(time)) => time.put(record.time, out),
                Some(Part::Message) => self.messages.put(record, out),
                Some(Part::ProcessId(spec)) => {
                    let id = Value::U64(record.process.id.into());
                    out.extend_from_slice(python_format(&id, Conversion::None, spec).as_bytes());
                }
                _ => {}
            }
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
            Part::Time(_) | Part::Message | Part::ProcessId(_) => {
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
    let (mut literal, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        literal.push_str(&rest[..at]);
        let (brace, after) = (&rest[at..=at], &rest[at + 1..]);
        if let Some(doubled) = after.strip_prefix(brace) {
            literal.push_str(brace);
            rest = doubled;
            continue;
        }
        let field = after.find('}').filter(|_| brace == "{").map(|end| &after[..end])?;
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.extend(part(field)?);
        rest = &after[field.len() + 1..];
    }
    literal.push_str(rest);
    parts.push(Part::Literal(literal));
    Some(parts)
}

/// A part without its braces: `level: <8`. Of the exception nothing is shown, since records that have one
/// come as text.
fn part(field: &str) -> Option<Option<Part>> {
    let (name, spec) = field.split_once(':').unwrap_or((field, ""));
    match name {
        "exception" if spec.is_empty() => return Some(None),
        "time" => return Some(Some(Part::Time(TimeFormat::new(spec)?))),
        "message" if spec.is_empty() => return Some(Some(Part::Message)),
        _ => {}
    }
    let spec = PySpec::parse(spec)?;
    let text =
        |what| spec.suits(&Value::Str(""), Conversion::None).then_some(Part::OfSite(what, spec));
    let is_number = spec.suits(&Value::U64(0), Conversion::None);
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
        _ => None,
    };
    Some(Some(found?))
}
