//! logfmt: `key=value` pairs on one line.

use super::Format;
use super::escape::Quoted;
use super::line::Line;
use super::message::Compiled;
use super::origin::Origin;
use super::pairs;
use super::sites::Sites;
use super::time::{Precision, TimeText, Zone};
use onewriter_record::{Record, Site, Value};

/// Records as logfmt.
///
/// The pairs, in their order: `time`, `level`, `target`, then `file`, `line`, `module` if asked
/// for, `msg`, the fields, the context, `spans` (as `outer{a=1}:inner`) and `backtrace` if there
/// are any, `thread`, `thread_id`, `process`, `process_id`.
///
/// * A value stands bare unless it is empty or holds a space, `=`, `"` or a character that the text
///   format would not write; then it stands in quotes, with `\"`, `\\`, `\n`, `\r`, `\t`, `\x1b`
///   and `\u{202e}` for what cannot stand there. `msg` is always quoted.
/// * In a key, spaces, `=`, `"` and such characters become `_`. A field or context key that is one
///   of the names above gets a `_` at its end.
/// * Null is `null`, bytes are `b"..."`, times RFC 3339, durations `1.5s`, an error its message and
///   those of its sources joined by `: `, lists and maps as `Debug` writes them.
///
/// ```
/// use onewriter_engine::{Format, format::LogfmtFormat, testing::Sample};
/// let sample = Sample::new("order {} placed").arg(7).field("customer", "c 42").field("level", 3);
/// let mut out = Vec::new();
/// LogfmtFormat::new().with_thread(false).with_process(false).format(&sample.record(), &mut out);
/// assert_eq!(
///     String::from_utf8_lossy(&out),
///     "time=2026-11-21T08:05:09.123456789Z level=INFO target=shop::orders \
///      msg=\"order 7 placed\" customer=\"c 42\" level_=3\n"
/// );
/// ```
#[derive(Clone, Debug)]
pub struct LogfmtFormat {
    precision: Precision,
    zone: Zone,
    source: bool,
    time: TimeText,
    origin: Origin,
    sites: Sites<SiteText>,
}

#[derive(Debug)]
struct SiteText {
    /// ` level=INFO target=shop::orders msg="`
    head: Vec<u8>,
    message: Compiled,
    keys: Vec<Vec<u8>>,
}

/// Names that a field cannot have.
const TAKEN: [&str; 13] = [
    "time",
    "level",
    "target",
    "file",
    "line",
    "module",
    "msg",
    "spans",
    "backtrace",
    "thread",
    "thread_id",
    "process",
    "process_id",
];

impl Default for LogfmtFormat {
    fn default() -> LogfmtFormat {
        LogfmtFormat::new()
    }
}

impl LogfmtFormat {
    /// Time in UTC with nanoseconds, thread and process, without the place in the source.
    #[must_use]
    pub fn new() -> LogfmtFormat {
        let (precision, zone) = (Precision::default(), Zone::default());
        let time = TimeText::rfc3339(precision, &zone);
        let origin = Origin::new(true, true);
        LogfmtFormat { precision, zone, source: false, time, origin, sites: Sites::new() }
    }

    /// Sets the digits of the second; default [`Precision::Nanos`].
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> LogfmtFormat {
        self.precision = precision;
        self.time = TimeText::rfc3339(self.precision, &self.zone);
        self
    }

    /// Sets the time zone; default [`Zone::Utc`].
    #[must_use]
    pub fn with_zone(mut self, zone: Zone) -> LogfmtFormat {
        self.zone = zone;
        self.time = TimeText::rfc3339(self.precision, &self.zone);
        self
    }

    /// Writes `file`, `line` and `module`; default off.
    #[must_use]
    pub fn with_source(mut self, on: bool) -> LogfmtFormat {
        self.source = on;
        self.sites = Sites::new();
        self
    }

    /// Writes `thread` and `thread_id`; default on.
    #[must_use]
    pub fn with_thread(mut self, on: bool) -> LogfmtFormat {
        self.origin = Origin::new(on, self.origin.process);
        self
    }

    /// Writes `process` and `process_id`; default on.
    #[must_use]
    pub fn with_process(mut self, on: bool) -> LogfmtFormat {
        self.origin = Origin::new(self.origin.thread, on);
        self
    }
}

impl Format for LogfmtFormat {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let source = self.source;
        let site = self.sites.get(record.site, |site| SiteText::new(site, source));
        let mut line = Line::open(out);
        line.put(b"time=");
        self.time.put(record.time, &mut line);
        line.put(&site.head);
        let mut values = record.body.values(record.site.n_values());
        site.message.put::<Quoted>(&mut values, &mut line);
        line.byte(b'"');
        for (key, value) in site.keys.iter().zip(&mut values) {
            line.put(key);
            pairs::value(&mut line, &value);
        }
        if record.body.has_sections() {
            line.aside(|line| sections(line, record));
        }
        self.origin.put(record, &mut line, write_origin);
        line.byte(b'\n');
        line.close();
    }

    fn twin(&self) -> Option<Box<dyn Format>> {
        Some(Box::new(self.clone()))
    }

    fn setting(&self) -> Option<String> {
        let LogfmtFormat { precision, zone, source, origin, .. } = self;
        let is_plain = (*precision, zone) == (Precision::default(), &Zone::default())
            && (*source, origin.thread, origin.process) == (false, true, true);
        is_plain.then(|| "logfmt".to_owned())
    }
}

fn sections(line: &mut Line<'_>, record: &Record<'_>) {
    let dynamic = record.fields().skip(record.site.fields.len());
    for (name, value) in dynamic.chain(record.context()) {
        key(line, name);
        pairs::value(line, &value);
    }
    if record.spans().next().is_some() {
        let mut text = Vec::new();
        Line::append(&mut text, |line| pairs::spans(line, record));
        line.put(b" spans=");
        pairs::string(line, &String::from_utf8_lossy(&text));
    }
    if let Some(text) = record.backtrace() {
        line.put(b" backtrace=");
        pairs::string(line, text);
    }
}

/// ` name=`
fn key(line: &mut Line<'_>, name: &str) {
    line.byte(b' ');
    pairs::key(line, name);
    if TAKEN.contains(&name) {
        line.byte(b'_');
    }
    line.byte(b'=');
}

fn write_origin(line: &mut Line<'_>, name: &str, value: &Value<'_>) {
    line.byte(b' ');
    line.put(name.as_bytes());
    line.byte(b'=');
    pairs::value(line, value);
}

impl SiteText {
    #[cold]
    fn new(site: &Site, source: bool) -> SiteText {
        let mut head = Vec::new();
        Line::append(&mut head, |line| {
            write_origin(line, "level", &Value::Str(&site.level_name));
            write_origin(line, "target", &Value::Str(&site.target));
            if source {
                write_origin(line, "file", &Value::Str(&site.file));
                write_origin(line, "line", &Value::U32(site.line));
                write_origin(line, "module", &Value::Str(&site.module));
            }
            line.put(b" msg=\"");
        });
        let prepared = |name: &str| {
            let mut text = Vec::new();
            Line::append(&mut text, |line| key(line, name));
            text
        };
        SiteText {
            head,
            message: Compiled::new::<Quoted>(site),
            keys: site.fields.iter().map(|name| prepared(name)).collect(),
        }
    }
}
