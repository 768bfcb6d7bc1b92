//! What a line of a log says: the parts of a record, found again in text, JSON and logfmt.

use std::borrow::Cow;
use std::str::FromStr;

use onewriter_record::Level;

use crate::json;

/// The parts of a record that could be found in its line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry<'a> {
    /// The time as it is written.
    pub time: Option<Cow<'a, str>>,
    /// The level, if it is one that onewriter knows.
    pub level: Option<Level>,
    /// Who logs.
    pub target: Option<Cow<'a, str>>,
    /// The message; in text form with the fields that follow it.
    pub message: Option<Cow<'a, str>>,
    /// All other names and values, in their order. Members of a nested object are named
    /// `outer.inner`, those of `fields` and `context` by their own names.
    pub fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Entry<'a> {
    /// Takes a line apart.
    ///
    /// A line that starts with `{` is JSON; one that starts with `name=` is logfmt; one that starts
    /// with a time followed, within four words, by a level is text. Anything else is `None`: it
    /// continues the record before it (a backtrace, a message of several lines).
    ///
    /// ```
    /// use onewriter_cli::entry::Entry;
    /// let entry = Entry::parse("2026-11-21T08:00:00Z INFO shop: order placed id=7").unwrap();
    /// assert_eq!(entry.target.as_deref(), Some("shop"));
    /// assert_eq!(entry.field("id"), Some("7"));
    /// assert_eq!(Entry::parse("    at src/main.rs:7"), None);
    /// ```
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Entry<'a>> {
        match line.as_bytes().first()? {
            b'{' => from_json(line),
            b'a'..=b'z' | b'A'..=b'Z' | b'@' | b'_' => from_logfmt(line),
            _ => from_text(line),
        }
    }

    /// The value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_ref())
    }

    /// Puts one name and value where it belongs.
    fn put(&mut self, name: Cow<'a, str>, value: Cow<'a, str>) {
        match name.as_ref() {
            "time" | "timestamp" | "ts" | "@timestamp" if self.time.is_none() => {
                self.time = Some(value);
            }
            "level" | "lvl" | "severity" if self.level.is_none() => match level(&value) {
                Some(level) => self.level = Some(level),
                None => self.fields.push((name, value)),
            },
            "target" | "logger" if self.target.is_none() => self.target = Some(value),
            "message" | "msg" if self.message.is_none() => self.message = Some(value),
            _ => self.fields.push((name, value)),
        }
    }
}

fn level(text: &str) -> Option<Level> {
    Level::from_str(text.trim_matches(|c: char| !c.is_ascii_alphanumeric())).ok()
}

fn from_json(line: &str) -> Option<Entry<'_>> {
    let mut entry = Entry::default();
    json::members(line.as_bytes(), |name, value| {
        let name = string(name);
        if value.first() != Some(&b'{') {
            return entry.put(name, scalar(value));
        }
        let inline = matches!(name.as_ref(), "fields" | "context");
        let _whole_already = json::members(value, |inner, value| {
            let inner = string(inner);
            if inline {
                entry.put(inner, scalar(value));
            } else {
                entry.fields.push((format!("{name}.{inner}").into(), scalar(value)));
            }
        });
    })
    .ok()?;
    Some(entry)
}

/// A raw JSON value as text: strings without their quotes, everything else as it stands.
fn scalar(raw: &[u8]) -> Cow<'_, str> {
    match raw {
        [b'"', inner @ .., b'"'] => string(inner),
        _ => String::from_utf8_lossy(raw),
    }
}

/// The inside of a JSON string.
fn string(inner: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(inner);
    if !text.contains('\\') {
        return text;
    }
    match serde_json::from_str::<String>(&format!("\"{text}\"")) {
        Ok(decoded) => Cow::Owned(decoded),
        Err(_) => text,
    }
}

fn from_logfmt(line: &str) -> Option<Entry<'_>> {
    let first = line.split(' ').next()?;
    if !first.contains('=') {
        return None;
    }
    let mut entry = Entry::default();
    for (name, value) in (Pairs { rest: line }) {
        entry.put(name.into(), value);
    }
    let known = entry.time.is_some() || entry.level.is_some() || entry.message.is_some();
    known.then_some(entry)
}

fn from_text(line: &str) -> Option<Entry<'_>> {
    let (time, mut rest) = leading_time(line)?;
    let mut entry = Entry { time: Some(time.into()), ..Entry::default() };
    for _ in 0..4 {
        let (word, after) = split_word(rest)?;
        rest = after;
        // A bare number is a thread or a process, not a level.
        if !word.bytes().all(|b| b.is_ascii_digit()) && level(word).is_some() {
            entry.level = level(word);
            break;
        }
    }
    entry.level?;
    rest = rest.trim_start();
    // Whatever stands between the level and the target is in brackets: a thread, a process.
    while rest.starts_with('[') {
        rest = rest[rest.find(']')? + 1..].trim_start();
    }
    if let Some((word, after)) = split_word(rest)
        && let Some(target) = word.strip_suffix(':')
        && target.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:.-/".contains(&b))
    {
        entry.target = Some(target.into());
        rest = after.trim_start();
    }
    entry.message = Some(rest.into());
    for (name, value) in (Pairs { rest }) {
        entry.fields.push((name.into(), value));
    }
    Some(entry)
}

/// The time at the start of a line, with or without brackets, in one word or two.
fn leading_time(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = split_word(line)?;
    let word = word.trim_matches(['[', ']']);
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if word.contains(':') && word.len() >= 8 {
        return Some((word, rest));
    }
    let (second, after) = split_word(rest)?;
    if word.len() != 10 || !second.contains(':') {
        return None;
    }
    let start = line.find(word)?;
    let end = line.len() - after.len();
    Some((line[start..end].trim_end_matches([' ', ']']), after))
}

fn split_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    if text.is_empty() {
        return None;
    }
    Some(text.split_at(text.find(' ').unwrap_or(text.len())))
}

/// The `name=value` words of a text, values quoted or bare; other words are passed over.
struct Pairs<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a str, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '{', ',']);
            if self.rest.is_empty() {
                return None;
            }
            let name_len = self.rest.find(['=', ' ']).unwrap_or(self.rest.len());
            let (name, after) = self.rest.split_at(name_len);
            let Some(value) = after.strip_prefix('=') else {
                self.rest = after;
                continue;
            };
            let len = value_len(value);
            self.rest = &value[len..];
            if is_name(name) {
                return Some((name, unquote(&value[..len])));
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b"_.-@/".contains(&b);
    !name.is_empty() && name.bytes().all(ok)
}

fn value_len(value: &str) -> usize {
    if !value.starts_with('"') {
        return value.find(' ').unwrap_or(value.len());
    }
    let mut escaped = true; // so that the opening quote is passed over
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    value.len()
}

fn unquote(value: &str) -> Cow<'_, str> {
    match value.as_bytes() {
        [b'"', inner @ .., b'"'] => string(inner),
        _ => value.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `time|level|target|message|field=value|…`, `-` for what is not there.
    fn parts(line: &str) -> String {
        let Some(entry) = Entry::parse(line) else { return "continuation".into() };
        let or_dash = |part: &Option<Cow<'_, str>>| part.as_deref().unwrap_or("-").to_owned();
        let level = entry.level.map_or("-".to_owned(), |level| level.to_string());
        let mut all = vec![or_dash(&entry.time), level, or_dash(&entry.target)];
        all.push(or_dash(&entry.message));
        all.extend(entry.fields.iter().map(|(name, value)| format!("{name}={value}")));
        all.join("|")
    }

    #[test]
    fn json_lines_with_flat_and_nested_fields() {
        assert_eq!(
            parts(
                r#"{"time":"T","level":"WARN","target":"shop","message":"a \"b\"","n":7,"ok":true}"#
            ),
            "T|WARN|shop|a \"b\"|n=7|ok=true"
        );
        assert_eq!(
            parts(
                r#"{"timestamp":"T","level":"info","fields":{"message":"hi","n":[1,2]},"span":{"id":3}}"#
            ),
            "T|INFO|-|hi|n=[1,2]|span.id=3"
        );
    }

    #[test]
    fn logfmt_lines_with_quoted_values() {
        assert_eq!(
            parts(r#"time=T level=error target=a::b msg="a \"b\" c" n=7 empty= q="x y""#),
            "T|ERROR|a::b|a \"b\" c|n=7|empty=|q=x y"
        );
    }

    #[test]
    fn text_lines_of_several_shapes() {
        for (line, expected) in [
            (
                "2026-11-21T08:00:00.123Z INFO shop::db: placed 7 id=7 who=\"a b\"",
                "2026-11-21T08:00:00.123Z|INFO|shop::db|placed 7 id=7 who=\"a b\"|id=7|who=a b",
            ),
            (
                "2026-11-21 08:00:00.123 WARN  [main] shop: slow",
                "2026-11-21 08:00:00.123|WARN|shop|slow",
            ),
            ("[2026-11-21 08:00:00] [error] no target", "2026-11-21 08:00:00|ERROR|-|no target"),
            ("08:00:00.5 4711 main DEBUG x: y", "08:00:00.5|DEBUG|x|y"),
        ] {
            assert_eq!(parts(line), expected);
        }
    }

    #[test]
    fn anything_else_continues_the_record_before_it() {
        for line in ["", "   at main.rs:7", "Traceback (most recent)", "x=1 y", "{torn", "7 apples"]
        {
            assert_eq!(parts(line), "continuation", "{line}");
        }
    }
}
