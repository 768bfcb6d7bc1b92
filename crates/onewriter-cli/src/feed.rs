//! From lines to records: what `pipe` and `run` do with what they read.

use std::borrow::Cow;
use std::io::{self, BufRead};

use log::kv::Value;
use onewriter_record::Level;

use crate::config::{Parse, Plan};
use crate::entry::Entry;
use crate::json;
use crate::lines::{End, Lines};

/// How the lines of one stream become records.
#[derive(Clone, Debug)]
pub struct Feed {
    level: Level,
    guess_level: bool,
    target: String,
    parse: Parse,
    max_line: usize,
    fields: Vec<(&'static str, Field)>,
}

/// The value of a field that every record of the stream has.
#[derive(Clone, Debug)]
pub enum Field {
    /// A name.
    Text(&'static str),
    /// A number.
    Number(u32),
}

/// A record before it is put: what a line said.
#[derive(Debug, Default, PartialEq)]
struct Said<'a> {
    level: Option<Level>,
    target: Option<Cow<'a, str>>,
    message: Cow<'a, str>,
    fields: Vec<(Cow<'a, str>, serde_json::Value)>,
}

impl Feed {
    /// As the plan says; `target` where it says nothing.
    pub fn new(plan: &Plan, target: &str) -> Feed {
        Feed {
            level: plan.level,
            guess_level: plan.guess_level,
            target: plan.target.clone().unwrap_or_else(|| target.to_owned()),
            parse: plan.parse,
            max_line: plan.max_line,
            fields: Vec::new(),
        }
    }

    /// With a field in every record.
    pub fn field(mut self, name: &'static str, value: Field) -> Feed {
        self.fields.push((name, value));
        self
    }

    /// Puts every line of `input` as a record. Waits while the queue is full: nothing is lost, and
    /// whoever writes into the pipe waits as well.
    ///
    /// A line longer than the limit becomes several records; each but the first has the field
    /// `continued`.
    pub fn read(&self, input: impl BufRead) -> io::Result<()> {
        let mut lines = Lines::new(input, self.max_line);
        let mut continued = false;
        while let Some((piece, end)) = lines.next()? {
            self.put(piece, continued);
            continued = end == End::Limit;
        }
        Ok(())
    }

    fn put(&self, piece: &[u8], continued: bool) {
        let (text, is_escaped) = text(piece);
        let said = self.said(&text, continued);
        let mut fields: Vec<(&str, Value<'_>)> = Vec::with_capacity(8);
        for (name, value) in &self.fields {
            let value = match value {
                Field::Text(text) => Value::from(*text),
                Field::Number(number) => Value::from(*number),
            };
            fields.push((name, value));
        }
        let nested: Vec<Option<String>> =
            said.fields.iter().map(|(_, value)| as_json(value)).collect();
        for ((name, value), nested) in said.fields.iter().zip(&nested) {
            fields.push((name, nested.as_deref().map_or_else(|| scalar(value), Value::from)));
        }
        if continued {
            fields.push(("continued", Value::from(true)));
        }
        if is_escaped {
            fields.push(("escaped", Value::from(true)));
        }
        let level = said.level.unwrap_or(self.level);
        let target = said.target.as_deref().unwrap_or(&self.target);
        log::logger().log(
            &log::Record::builder()
                .level(facade(level))
                .target(target)
                .args(format_args!("{}", said.message))
                .key_values(&&fields[..])
                .build(),
        );
    }

    fn said<'a>(&self, text: &'a str, continued: bool) -> Said<'a> {
        if self.parse == Parse::Json
            && !continued
            && let Some(said) = from_json(text)
        {
            return said;
        }
        let level = (self.guess_level && !continued).then(|| guessed(text)).flatten();
        Said { level, message: text.into(), ..Said::default() }
    }
}

/// The nearest level that the `log` facade knows, at or below.
fn facade(level: Level) -> log::Level {
    match level.name() {
        "TRACE" => log::Level::Trace,
        "DEBUG" => log::Level::Debug,
        "INFO" => log::Level::Info,
        "WARN" => log::Level::Warn,
        _ => log::Level::Error,
    }
}

/// The bytes as text, without a carriage return at the end; bytes that are no UTF-8 as `\xNN`.
fn text(piece: &[u8]) -> (Cow<'_, str>, bool) {
    let piece = piece.strip_suffix(b"\r").unwrap_or(piece);
    if let Ok(text) = std::str::from_utf8(piece) {
        return (text.into(), false);
    }
    let mut text = String::with_capacity(piece.len() + 16);
    for chunk in piece.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    (text.into(), true)
}

/// The level that stands in the line: its own if the line is a record, else the first word in
/// capitals (with or without brackets or colon) that is one, among the first six.
fn guessed(text: &str) -> Option<Level> {
    if let Some(level) = Entry::parse(text).and_then(|entry| entry.level) {
        return Some(level);
    }
    text.split_whitespace().take(6).find_map(|word| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let capitals = word.len() >= 4 && word.bytes().all(|b| b.is_ascii_uppercase());
        // Compilers and many tools write `error:` and `warning:` at the start.
        let leading = text.starts_with(word) && text[word.len()..].starts_with(':');
        if capitals || leading { word.parse().ok() } else { None }
    })
}

fn from_json(text: &str) -> Option<Said<'_>> {
    let mut said = Said::default();
    let mut put = |name: Cow<'static, str>, raw: &[u8]| {
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(raw) else { return };
        match (&*name, value.as_str()) {
            ("level" | "lvl" | "severity", Some(text)) if said.level.is_none() => {
                match text.parse() {
                    Ok(level) => said.level = Some(level),
                    Err(_) => said.fields.push((name, value)),
                }
            }
            ("target" | "logger", Some(text)) => said.target = Some(text.to_owned().into()),
            ("message" | "msg", Some(text)) => said.message = text.to_owned().into(),
            // The record has a time of its own.
            ("time" | "timestamp" | "ts" | "@timestamp", _) => {
                said.fields.push(("original_time".into(), value));
            }
            _ => said.fields.push((name, value)),
        }
    };
    let name_of = |raw: &[u8]| -> Cow<'static, str> {
        let quoted = [b"\"", raw, b"\""].concat();
        let plain = || String::from_utf8_lossy(raw).into_owned();
        serde_json::from_slice::<String>(&quoted).unwrap_or_else(|_| plain()).into()
    };
    json::members(text.as_bytes(), |name, raw| {
        if name == b"fields" && raw.first() == Some(&b'{') {
            let _whole_already = json::members(raw, |name, raw| put(name_of(name), raw));
        } else {
            put(name_of(name), raw);
        }
    })
    .ok()?;
    Some(said)
}

/// Lists and objects stay what they are: JSON.
fn as_json(value: &serde_json::Value) -> Option<String> {
    (value.is_array() || value.is_object()).then(|| value.to_string())
}

fn scalar(value: &serde_json::Value) -> Value<'_> {
    match value {
        serde_json::Value::Bool(value) => Value::from(*value),
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Number(number) => {
            if let Some(number) = number.as_u64() {
                Value::from(number)
            } else if let Some(number) = number.as_i64() {
                Value::from(number)
            } else {
                Value::from(number.as_f64().unwrap_or(f64::NAN))
            }
        }
        _ => Value::null(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_escaped_and_nothing_else() {
        assert_eq!(text(b"a\xffb\xc3"), ("a\\xffb\\xc3".into(), true));
        assert_eq!(text("ä\r".as_bytes()), ("ä".into(), false));
    }

    #[test]
    fn a_level_is_guessed_where_it_stands_and_nowhere_else() {
        for (line, level) in [
            ("[ERROR] disk", Some(Level::Error)),
            ("2026-11-21 08:00:00 WARN slow", Some(Level::Warn)),
            ("warning: unused variable", Some(Level::Warn)),
            ("error: aborting", Some(Level::Error)),
            ("12:00 main DEBUG: x", Some(Level::Debug)),
            ("no error here", None),
            ("I am fine", None),
            ("a b c d e f ERROR", None),
        ] {
            assert_eq!(guessed(line), level, "{line}");
        }
    }

    #[test]
    fn a_json_line_says_level_target_message_and_fields() {
        let line =
            r#"{"time":"T","level":"WARN","target":"shop","msg":"a\nb","n":7,"fields":{"x":[1]}}"#;
        let said = from_json(line).unwrap();
        assert_eq!(said.level, Some(Level::Warn));
        assert_eq!((said.target.as_deref(), &*said.message), (Some("shop"), "a\nb"));
        let names: Vec<&str> = said.fields.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["original_time", "n", "x"]);
        assert_eq!(from_json("{torn"), None);
    }
}
