//! JSON lines for machines.

use super::Format;
use super::escape::{Json, Style};
use super::line::Line;
use super::message::Compiled;
use super::origin::Origin;
use super::sites::Sites;
use super::time::{Precision, TimeText, Zone};
use super::value::{Plan, plain, with_spec};
use onewriter_record::{Entries, Record, SectionKind, Site, Value};
use std::borrow::Cow;
use std::fmt::Write;

/// Records as JSON, one object on each line.
///
/// The keys, in their order:
///
/// | key | value |
/// | --- | --- |
/// | `time` | RFC 3339 with the chosen precision and zone |
/// | `level` | `"INFO"`, or the name of a custom level |
/// | `target` | |
/// | `file`, `line`, `module` | if [asked for](JsonFormat::with_source) |
/// | `message` | |
/// | `fields` | an object; absent if there are none |
/// | `context` | an object; absent if there is none |
/// | `spans` | an array of `{"name": .., "fields": {..}}`, outermost first; absent if there are none |
/// | `backtrace` | a string; absent if there is none |
/// | `thread`, `thread_id` | unless [turned off](JsonFormat::with_thread) |
/// | `process`, `process_id` | unless [turned off](JsonFormat::with_process) |
///
/// The values:
///
/// * Integers are numbers, those beyond 64 bits strings of digits. Floats are numbers; NaN and the
///   infinities, which JSON does not have, are `null`.
/// * Strings are strings; each run of bytes that is not UTF-8 (a lone surrogate from Python) becomes
///   one U+FFFD, since many parsers refuse `\ud800`. Bytes are a string of hexadecimal digits.
/// * Times are RFC 3339 in UTC. Durations are numbers of seconds, exact to the nanosecond.
/// * An error is `{"message": .., "sources": [..]}`. Lists are arrays, maps are objects.
/// * Values that the caller rendered are strings.
///
/// A name that an object has already gets `_` at its end, as often as it takes (beyond 64 names in
/// one object, and within maps, names are written as they come).
///
/// ```
/// use onewriter_engine::{Format, format::{JsonFormat, Precision}, testing::Sample};
/// let sample = Sample::new("order {} placed").arg(7).field("total", 19.9);
/// let mut out = Vec::new();
/// JsonFormat::new().with_precision(Precision::Millis).format(&sample.record(), &mut out);
/// assert_eq!(
///     String::from_utf8_lossy(&out),
///     "{\"time\":\"2026-11-21T08:05:09.123Z\",\"level\":\"INFO\",\"target\":\"shop::orders\",\
///      \"message\":\"order 7 placed\",\"fields\":{\"total\":19.9},\
///      \"thread\":\"main\",\"thread_id\":11,\"process\":\"shop\",\"process_id\":4711}\n"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct JsonFormat {
    precision: Precision,
    zone: Zone,
    look: Look,
    time: TimeText,
    origin: Origin,
    sites: Sites<SiteText>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    source: bool,
    flatten: bool,
}

#[derive(Debug)]
struct SiteText {
    /// `","level":"INFO","target":"shop::orders","message":"`
    head: Vec<u8>,
    message: Compiled,
    /// `,"key":` of each field; the first opens the object.
    keys: Vec<Vec<u8>>,
    /// The names of the fields as they are written.
    names: Vec<String>,
}

impl Default for JsonFormat {
    fn default() -> JsonFormat {
        JsonFormat::new()
    }
}

impl JsonFormat {
    /// Time in UTC with nanoseconds, thread and process, without the place in the source.
    #[must_use]
    pub fn new() -> JsonFormat {
        let (precision, zone) = (Precision::default(), Zone::default());
        let time = TimeText::rfc3339(precision, &zone);
        let origin = Origin::new(true, true);
        JsonFormat { precision, zone, look: Look::default(), time, origin, sites: Sites::new() }
    }

    /// Sets the digits of the second; default [`Precision::Nanos`].
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> JsonFormat {
        self.precision = precision;
        self.time = TimeText::rfc3339(self.precision, &self.zone);
        self
    }

    /// Sets the time zone; default [`Zone::Utc`].
    #[must_use]
    pub fn with_zone(mut self, zone: Zone) -> JsonFormat {
        self.zone = zone;
        self.time = TimeText::rfc3339(self.precision, &self.zone);
        self
    }

    /// Writes `file`, `line` and `module`; default off.
    #[must_use]
    pub fn with_source(mut self, on: bool) -> JsonFormat {
        self.look.source = on;
        self.sites = Sites::new();
        self
    }

    /// Writes the fields beside the other keys instead of in `fields`; default off. A field whose
    /// name is one of those keys, present or not, gets a `_` at its end.
    #[must_use]
    pub fn with_flat_fields(mut self, on: bool) -> JsonFormat {
        self.look.flatten = on;
        self.sites = Sites::new();
        self
    }

    /// Writes `thread` and `thread_id`; default on.
    #[must_use]
    pub fn with_thread(mut self, on: bool) -> JsonFormat {
        self.origin = Origin::new(on, self.origin.process);
        self
    }

    /// Writes `process` and `process_id`; default on.
    #[must_use]
    pub fn with_process(mut self, on: bool) -> JsonFormat {
        self.origin = Origin::new(self.origin.thread, on);
        self
    }
}

impl Format for JsonFormat {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let look = self.look;
        let site = self.sites.get(record.site, |site| SiteText::new(site, look));
        let mut line = Line::open(out);
        line.put(b"{\"time\":\"");
        self.time.put(record.time, &mut line);
        line.put(&site.head);
        let mut values = record.body.values(record.site.n_values());
        site.message.put::<Json>(&mut values, &mut line);
        line.byte(b'"');
        let mut open = false;
        for (key, value) in site.keys.iter().zip(&mut values) {
            open = !look.flatten;
            line.put(key);
            json_value(&mut line, &value);
        }
        if record.body.has_sections() {
            line.aside(|line| sections(line, record, &site.names, look, open));
        } else if open {
            line.byte(b'}');
        }
        self.origin.put(record, &mut line, write_pair);
        line.put(b"}\n");
        line.close();
    }

    fn twin(&self) -> Option<Box<dyn Format>> {
        Some(Box::new(self.clone()))
    }

    fn setting(&self) -> Option<String> {
        let JsonFormat { precision, zone, look, origin, .. } = self;
        let is_plain = (*precision, zone) == (Precision::default(), &Zone::default())
            && (look.source, look.flatten) == (false, false)
            && (origin.thread, origin.process) == (true, true);
        is_plain.then(|| "json".to_owned())
    }
}

#[inline(never)]
fn sections(line: &mut Line<'_>, record: &Record<'_>, known: &[String], look: Look, open: bool) {
    let sections = || record.body.sections(record.site.n_values());
    let of_kind = |kind| sections().filter(move |section| section.kind == kind);
    let mut object = Object { prefix: b",\"fields\":{", open, flat: look.flatten };
    let mut names = Names::default();
    for section in of_kind(SectionKind::Fields) {
        if names.0.is_empty() {
            names.0.extend(known.iter().map(|name| Cow::Borrowed(&**name)));
        }
        object.entries(line, section.entries, &mut names);
    }
    object.close(line);
    let mut object = Object { prefix: b",\"context\":{", open: false, flat: false };
    let mut names = Names::default();
    for section in of_kind(SectionKind::Context) {
        object.entries(line, section.entries, &mut names);
    }
    object.close(line);
    for (i, span) in record.spans().enumerate() {
        line.put(if i == 0 { b",\"spans\":[" } else { b"," });
        line.put(b"{\"name\":");
        string(line, span.name);
        let mut object = Object { prefix: b",\"fields\":{", open: false, flat: false };
        object.entries(line, span.entries, &mut Names::default());
        object.close(line);
        line.byte(b'}');
    }
    if record.spans().next().is_some() {
        line.byte(b']');
    }
    if let Some(text) = record.backtrace() {
        write_pair(line, "backtrace", &Value::Str(text));
    }
}

/// An object that is opened by its first entry.
struct Object {
    prefix: &'static [u8],
    open: bool,
    flat: bool,
}

impl Object {
    fn entries<'a>(&mut self, line: &mut Line<'_>, entries: Entries<'a>, names: &mut Names<'a>) {
        for (name, value) in entries {
            line.put(if self.open || self.flat { b"," } else { self.prefix });
            self.open = true;
            string(line, &names.free(name));
            line.byte(b':');
            json_value(line, &value);
        }
    }

    fn close(&self, line: &mut Line<'_>) {
        if self.open && !self.flat {
            line.byte(b'}');
        }
    }
}

/// The names that an object has.
#[derive(Default)]
struct Names<'a>(Vec<Cow<'a, str>>);

/// From here on names are not compared: their number would count twice.
const MAX_NAMES: usize = 64;

impl<'a> Names<'a> {
    /// The name, with `_` at its end until it is free.
    fn free(&mut self, name: &'a str) -> Cow<'a, str> {
        let mut name = Cow::Borrowed(name);
        if self.0.len() < MAX_NAMES {
            while self.0.contains(&name) {
                name.to_mut().push('_');
            }
            self.0.push(name.clone());
        }
        name
    }
}

const TAKEN: [&str; 14] = [
    "time",
    "level",
    "target",
    "file",
    "line",
    "module",
    "message",
    "context",
    "spans",
    "backtrace",
    "thread",
    "thread_id",
    "process",
    "process_id",
];

#[inline(always)]
fn string(line: &mut Line<'_>, text: &str) {
    line.byte(b'"');
    Json::text(line, text);
    line.byte(b'"');
}

/// `,"name":value`
fn write_pair(line: &mut Line<'_>, name: &str, value: &Value<'_>) {
    line.byte(b',');
    string(line, name);
    line.byte(b':');
    json_value(line, value);
}

#[inline(always)]
fn json_value(line: &mut Line<'_>, value: &Value<'_>) {
    match *value {
        Value::Str(text) | Value::Text(text) => string(line, text),
        Value::F64(v) if !v.is_finite() => line.put(b"null"),
        Value::F64(v) => line.put(zmij::Buffer::new().format_finite(v).as_bytes()),
        Value::Bool(_)
        | Value::I8(_)
        | Value::I16(_)
        | Value::I32(_)
        | Value::I64(_)
        | Value::U8(_)
        | Value::U16(_)
        | Value::U32(_)
        | Value::U64(_) => plain::<Json>(line, value),
        _ => {
            let value = *value;
            line.aside(|line| rare_value(line, &value));
        }
    }
}

#[inline(never)]
fn rare_value(line: &mut Line<'_>, value: &Value<'_>) {
    match *value {
        Value::Null => line.put(b"null"),
        Value::F32(v) if !v.is_finite() => line.put(b"null"),
        Value::F32(v) => line.put(zmij::Buffer::new().format_finite(v).as_bytes()),
        Value::I128(v) if i64::try_from(v).is_ok() || u64::try_from(v).is_ok() => number(line, v),
        Value::U128(v) if u64::try_from(v).is_ok() => number(line, v),
        Value::Duration(nanos) => seconds(line, nanos),
        Value::Bytes(bytes) => {
            line.byte(b'"');
            bytes.iter().for_each(|byte| number(line, format_args!("{byte:02x}")));
            line.byte(b'"');
        }
        Value::Error(chain) => error(line, chain),
        Value::List(items) => {
            line.byte(b'[');
            list(line, items);
            line.byte(b']');
        }
        Value::Map(entries) => {
            for (i, (name, value)) in entries.enumerate() {
                line.byte(if i == 0 { b'{' } else { b',' });
                string(line, name);
                line.byte(b':');
                json_value(line, &value);
            }
            line.put(if entries.count() == 0 { b"{}" } else { b"}" });
        }
        Value::Wtf8(bytes) => {
            line.byte(b'"');
            Json::lossy(line, bytes);
            line.byte(b'"');
        }
        _ => string(line, &with_spec(value, &Plan::default())),
    }
}

fn number(line: &mut Line<'_>, v: impl std::fmt::Display) {
    // Writing into a line cannot fail.
    let _ = write!(line, "{v}");
}

/// Nanoseconds as seconds, exactly.
fn seconds(line: &mut Line<'_>, nanos: i128) {
    let size = nanos.unsigned_abs();
    if nanos < 0 {
        line.byte(b'-');
    }
    number(line, size / 1_000_000_000);
    let fraction = size % 1_000_000_000;
    if fraction != 0 {
        let digits = format!(".{fraction:09}");
        line.put(digits.trim_end_matches('0').as_bytes());
    }
}

fn error<'a>(line: &mut Line<'_>, mut chain: impl Iterator<Item = Value<'a>>) {
    line.put(b"{\"message\":");
    json_value(line, &chain.next().unwrap_or(Value::Str("")));
    line.put(b",\"sources\":[");
    list(line, chain);
    line.put(b"]}");
}

fn list<'a>(line: &mut Line<'_>, items: impl Iterator<Item = Value<'a>>) {
    for (i, item) in items.enumerate() {
        if i > 0 {
            line.byte(b',');
        }
        json_value(line, &item);
    }
}

impl SiteText {
    #[cold]
    fn new(site: &Site, look: Look) -> SiteText {
        let mut head = Vec::new();
        Line::append(&mut head, |line| {
            line.byte(b'"');
            write_pair(line, "level", &Value::Str(&site.level_name));
            write_pair(line, "target", &Value::Str(&site.target));
            if look.source {
                write_pair(line, "file", &Value::Str(&site.file));
                write_pair(line, "line", &Value::U32(site.line));
                write_pair(line, "module", &Value::Str(&site.module));
            }
            line.put(b",\"message\":\"");
        });
        let mut names = Names::default();
        if look.flatten {
            names.0 = TAKEN.map(Cow::Borrowed).to_vec();
        }
        let mut keys = Vec::new();
        for name in &site.fields {
            let mut key = Vec::new();
            Line::append(&mut key, |line| {
                line.put(if keys.is_empty() && !look.flatten { b",\"fields\":{" } else { b"," });
                string(line, &names.free(name));
                line.byte(b':');
            });
            keys.push(key);
        }
        let names = names.0.into_iter().map(Cow::into_owned).collect();
        SiteText { head, message: Compiled::new::<Json>(site), keys, names }
    }
}
