//! Loguru's `serialize`: each record one line of JSON, as Python's `json` writes it.

use crate::format::{ExtraNeeds, LoguruFormat, Needs, elapsed, extra};
use crate::raw::bytes_of;
use crate::time::time_text;
use onewriter::{Format, JsonFormat};
use onewriter_engine::format::{Messages, Sites, TimeText, python_str};
use onewriter_record::{Record, Site, Value};
use std::io::Write;

/// What all records of a call site have in common, ready to be written.
struct Fixed {
    /// From the file to the line.
    before_message: Vec<u8>,
    /// The module and the name.
    behind_message: Vec<u8>,
}

/// A formatter for `serialize=True`; `icons` are those of the levels, by name.
pub(crate) struct LoguruJson {
    text: String,
    icons: Vec<(String, String)>,
    inner: LoguruFormat,
    sites: Sites<Fixed>,
    messages: Messages,
    moment: TimeText,
    offset: TimeText,
    others: JsonFormat,
    scratch: Vec<u8>,
}

impl LoguruJson {
    /// `None` if only Python can carry out the format string of the text in it.
    pub(crate) fn new(text: &str, icons: Vec<(String, String)>) -> Option<LoguruJson> {
        Some(LoguruJson {
            text: text.to_owned(),
            icons,
            inner: LoguruFormat::with_needs(text, Needs::all())?,
            sites: Sites::new(),
            messages: Messages::default(),
            moment: time_text("YYYY-MM-DD HH:mm:ss")?,
            offset: time_text("Z")?,
            others: JsonFormat::new(),
            scratch: Vec::new(),
        })
    }

    pub(crate) fn extra_needs(&self) -> ExtraNeeds {
        ExtraNeeds { whole: true, ..self.inner.extra_needs() }
    }

    fn put(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let [start, thread, thread_name, process_name] = Needs::all().values(record);
        self.scratch.clear();
        self.inner.put(record, &mut self.scratch);
        out.extend_from_slice(b"{\"text\": ");
        string(&self.scratch, out);
        let (shown, seconds) = elapsed(record.time, &start);
        out.extend_from_slice(b", \"record\": {\"elapsed\": {\"repr\": ");
        string(shown.as_bytes(), out);
        out.extend_from_slice(b", \"seconds\": ");
        value(&Value::F64(seconds), out);
        out.extend_from_slice(b"}, \"exception\": null, \"extra\": {");
        for (number, (name, of)) in extra(record).enumerate() {
            out.extend_from_slice(if number > 0 { b", " } else { b"" });
            string(name.as_bytes(), out);
            out.extend_from_slice(b": ");
            value(&of, out);
        }
        let icons = &self.icons;
        let fixed = self.sites.get(record.site, |site| Fixed::new(site, icons));
        out.extend_from_slice(&fixed.before_message);
        self.scratch.clear();
        self.messages.put(record, &mut self.scratch);
        string(&self.scratch, out);
        out.extend_from_slice(&fixed.behind_message);
        // Writing into a vector cannot fail.
        let _ = write!(out, "{}, \"name\": ", record.process.id);
        value(&process_name, out);
        out.extend_from_slice(b"}, \"thread\": {\"id\": ");
        value(&thread, out);
        out.extend_from_slice(b", \"name\": ");
        value(&thread_name, out);
        out.extend_from_slice(b"}, \"time\": {\"repr\": \"");
        self.moment.append(record.time, out);
        let micros = record.time / 1_000;
        if !micros.is_multiple_of(1_000_000) {
            let _ = write!(out, ".{:06}", micros % 1_000_000);
        }
        self.offset.append(record.time, out);
        out.extend_from_slice(b"\", \"timestamp\": ");
        value(&Value::F64(micros as f64 / 1e6), out);
        out.extend_from_slice(b"}}}\n");
    }
}

impl Format for LoguruJson {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if let Some(bytes) = bytes_of(record) {
            return out.extend_from_slice(bytes);
        }
        match self.inner.knows(record.site) {
            true => self.put(record, out),
            false => self.others.format(record, out),
        }
    }

    fn twin(&self) -> Option<Box<dyn Format>> {
        Some(Box::new(LoguruJson::new(&self.text, self.icons.clone())?))
    }
}

impl Fixed {
    fn new(site: &Site, icons: &[(String, String)]) -> Fixed {
        let mut before_message = Vec::new();
        let file_name = site.file.rsplit('/').next().unwrap_or_default();
        let icon = icons.iter().find(|(name, _)| **name == *site.level_name);
        let icon = icon.map_or("", |(_, icon)| icon);
        let text = |key: &str, text: &str, out: &mut Vec<u8>| {
            out.extend_from_slice(key.as_bytes());
            string(text.as_bytes(), out);
        };
        let out = &mut before_message;
        text("}, \"file\": {\"name\": ", file_name, out);
        text(", \"path\": ", &site.file, out);
        text("}, \"function\": ", &site.function, out);
        text(", \"level\": {\"icon\": ", icon, out);
        text(", \"name\": ", &site.level_name, out);
        let (number, line) = (site.level.number(), site.line);
        let _ = write!(out, ", \"no\": {number}}}, \"line\": {line}, \"message\": ");
        let mut behind_message = Vec::new();
        text(", \"module\": ", &site.module, &mut behind_message);
        text(", \"name\": ", &site.target, &mut behind_message);
        behind_message.extend_from_slice(b", \"process\": {\"id\": ");
        Fixed { before_message, behind_message }
    }
}

/// A value as `json.dumps` writes it.
fn value(given: &Value<'_>, out: &mut Vec<u8>) {
    match *given {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        Value::Str(text) => string(text.as_bytes(), out),
        Value::F64(v) if v.is_nan() => out.extend_from_slice(b"NaN"),
        Value::F64(v) if v.is_infinite() => {
            out.extend_from_slice(if v > 0.0 { b"Infinity" } else { b"-Infinity" });
        }
        _ => out.extend_from_slice(python_str(given).as_bytes()),
    }
}

/// A text as `json.dumps(..., ensure_ascii=False)` writes it.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\')) {
        out.extend_from_slice(&rest[..at]);
        let escaped: &[u8] = match rest[at] {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            other => {
                // Writing into a vector cannot fail.
                let _ = write!(out, "\\u{other:04x}");
                b""
            }
        };
        out.extend_from_slice(escaped);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}
