//! What somebody wrote, and where.

use std::borrow::Cow;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Key, Kind, Offered};

/// Variables that begin with `ONEWRITER_` and are no settings of `pipe` and `run`: those of the
/// engine itself.
const OTHER_VARIABLES: [&str; 3] = ["ONEWRITER_CONFIG", "ONEWRITER_LOG", "ONEWRITER_DIR"];

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Count(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Bool(value) => value.fmt(f),
            Value::Count(count) => count.fmt(f),
        }
    }
}

/// Where a value is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Variable,
    /// In the file of this name, on this line.
    File(String, usize),
    /// Nowhere.
    Default,
}

/// A key, its value, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which.
    pub key: &'static Key,
    /// What.
    pub value: Value,
    /// Where.
    pub origin: Origin,
}

impl fmt::Display for Setting {
    /// `shop.toml:3: keep = "seven"`, `--keep seven`, `ONEWRITER_KEEP=seven`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.key.name;
        let text = match &self.value {
            Value::Text(text) => text.clone(),
            other => other.to_string(),
        };
        match &self.origin {
            Origin::Flag => write!(f, "--{name} {text:?}"),
            Origin::Variable => write!(f, "{}={text:?}", self.key.variable()),
            Origin::File(file, line) => write!(f, "{file}:{line}: {name} = {}", self.value),
            Origin::Default => write!(f, "{name} = {} (default)", self.value),
        }
    }
}

/// A TOML file that is being read.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// What stands in it.
    pub(super) text: &'a str,
    /// What messages call it.
    pub(super) name: &'a str,
}

impl<'a> Source<'a> {
    /// Its outermost table.
    pub(super) fn table(self) -> Result<Spanned<DeTable<'a>>, String> {
        DeTable::parse(self.text).map_err(|err| {
            let at = err.span().map_or(0, |span| span.start);
            format!("{}:{}: {}", self.name, self.line(at), err.message())
        })
    }

    /// The line on which this byte stands.
    pub(super) fn line(self, at: usize) -> usize {
        let before = &self.text.as_bytes()[..at.min(self.text.len())];
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    }
}

/// Settings as they are written, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw {
    settings: Vec<Setting>,
    config_file: Option<String>,
}

impl Raw {
    /// Reads a TOML file.
    ///
    /// ```
    /// use onewriter_cli::config::Raw;
    /// assert!(Raw::parse("file = \"shop.log\"\nkeep = 7").is_ok());
    /// assert_eq!(
    ///     Raw::parse("kep = 7").unwrap_err(),
    ///     "onewriter.toml:1: unknown key \"kep\": did you mean \"keep\"?"
    /// );
    /// ```
    ///
    /// # Errors
    /// A sentence with the line: no TOML, an unknown key, a value of the wrong type.
    pub fn parse(text: &str) -> Result<Raw, String> {
        Raw::parse_named(text, "onewriter.toml")
    }

    /// Reads a TOML file that has this name in messages.
    ///
    /// # Errors
    /// As [`parse`](Raw::parse).
    pub fn parse_named(text: &str, name: &str) -> Result<Raw, String> {
        let source = Source { text, name };
        source.table()?.get_ref().iter().try_fold(Raw::default(), |mut raw, (key, value)| {
            raw.put_toml(source, key, value, &Offered::default())?;
            Ok(raw)
        })
    }

    /// A key and its value as a file has them; `more` are keys that the file may have besides.
    pub(super) fn put_toml(
        &mut self,
        source: Source<'_>,
        key: &Spanned<Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        offered: &Offered<'_>,
    ) -> Result<(), String> {
        let (name, line) = (source.name, source.line(key.span().start));
        let found =
            Key::find_for(key.get_ref(), offered).map_err(|err| format!("{name}:{line}: {err}"))?;
        let written = &source.text[value.span()];
        let value = of_toml(found, value.get_ref()).ok_or_else(|| {
            let kind = kind_of(value.get_ref());
            wrong(&format!("{name}:{line}: {} = {written} is {kind}", found.name), found)
        })?;
        self.put(found, value, Origin::File(name.to_owned(), line));
        // In the order of the file: the table of the parser is sorted by name.
        self.settings.sort_by_key(|setting| match &setting.origin {
            Origin::File(_, line) => *line,
            _ => 0,
        });
        Ok(())
    }

    /// All that is set.
    pub(super) fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Reads the environment: each `ONEWRITER_…` variable must be a setting.
    ///
    /// # Errors
    /// A sentence with the name of the variable.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Raw, String> {
        let mut raw = Raw::default();
        for (name, value) in variables {
            if name == "ONEWRITER_CONFIG" {
                raw.config_file = Some(value);
            } else if name.starts_with("ONEWRITER_") && !OTHER_VARIABLES.contains(&name.as_str()) {
                raw.put_text(Key::of_variable(&name)?, &value, Origin::Variable)?;
            }
        }
        Ok(raw)
    }

    /// A flag and its value.
    ///
    /// # Errors
    /// A sentence with the flag, if the value is of the wrong type.
    pub fn put_flag(&mut self, name: &str, value: &str) -> Result<(), String> {
        self.put_text(Key::find(name)?, value, Origin::Flag)
    }

    /// The file that `--config` names.
    pub fn set_config_file(&mut self, path: Option<String>) {
        self.config_file = path;
    }

    /// The file that the flag or the variable names.
    #[must_use]
    pub fn config_file(&self) -> Option<&str> {
        self.config_file.as_deref()
    }

    /// Takes what is not set here from `lower`.
    pub fn lay_under(&mut self, lower: Raw) {
        for setting in lower.settings {
            if self.get(setting.key.name).is_none() {
                self.settings.push(setting);
            }
        }
        self.config_file = self.config_file.take().or(lower.config_file);
    }

    /// The setting of this name, if it is written anywhere.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.key.name == name)
    }

    /// The setting of this name, or its default.
    #[must_use]
    pub fn or_default(&self, name: &str) -> Option<Setting> {
        if let Some(found) = self.get(name) {
            return Some(found.clone());
        }
        let key = KEYS.iter().find(|key| key.name == name)?;
        let value = match key.default {
            "" => return None,
            "true" | "false" => Value::Bool(key.default == "true"),
            text => Value::Text(text.trim_matches('"').to_owned()),
        };
        Some(Setting { key, value, origin: Origin::Default })
    }

    fn put_text(&mut self, key: &'static Key, text: &str, origin: Origin) -> Result<(), String> {
        let value = match key.kind {
            Kind::Text => Some(Value::Text(text.to_owned())),
            Kind::Bool => match text {
                "true" | "1" | "yes" | "on" => Some(Value::Bool(true)),
                "false" | "0" | "no" | "off" => Some(Value::Bool(false)),
                _ => None,
            },
            Kind::Count => text.parse().ok().map(Value::Count),
            Kind::Size => {
                Some(text.parse().map_or_else(|_| Value::Text(text.into()), Value::Count))
            }
        };
        let Some(value) = value else {
            let setting = Setting { key, value: Value::Text(text.to_owned()), origin };
            return Err(wrong(&setting.to_string(), key));
        };
        self.put(key, value, origin);
        Ok(())
    }

    fn put(&mut self, key: &'static Key, value: Value, origin: Origin) {
        self.settings.retain(|setting| setting.key != key);
        self.settings.push(Setting { key, value, origin });
    }
}

fn of_toml(key: &Key, value: &DeValue<'_>) -> Option<Value> {
    match (key.kind, value) {
        (Kind::Text | Kind::Size, DeValue::String(text)) => Some(Value::Text(text.to_string())),
        (Kind::Bool, DeValue::Boolean(value)) => Some(Value::Bool(*value)),
        (Kind::Count | Kind::Size, DeValue::Integer(number)) => {
            u64::from_str_radix(number.as_str(), number.radix()).ok().map(Value::Count)
        }
        _ => None,
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(number) if number.as_str().starts_with('-') => "negative",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "a truth value",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn wrong(what: &str, key: &Key) -> String {
    let right = match key.kind {
        Kind::Text => "a string",
        Kind::Bool => "true or false",
        Kind::Count => "a whole number",
        Kind::Size => "a size",
    };
    match key.kind {
        Kind::Bool => format!("{what}: give {right}"),
        _ => format!("{what}: give {right} such as {}", key.example),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str) {
        assert_eq!(Raw::parse(text).unwrap_err(), message);
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line_and_the_nearest_one() {
        refused(
            "file = \"a.log\"\n\nrotaet = \"1 MB\"",
            "onewriter.toml:3: unknown key \"rotaet\": did you mean \"rotate\"?",
        );
        refused(
            "max_line = 1",
            "onewriter.toml:1: unknown key \"max_line\": did you mean \"max-line\"?",
        );
        let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        refused(
            "colour = 1",
            &format!("onewriter.toml:1: unknown key \"colour\": there are {}", names.join(", ")),
        );
    }

    #[test]
    fn a_value_of_the_wrong_type_is_named_with_what_would_be_right() {
        refused(
            "keep = \"seven\"",
            "onewriter.toml:1: keep = \"seven\" is a string: give a whole number such as 7",
        );
        refused(
            "keep = -1",
            "onewriter.toml:1: keep = -1 is negative: give a whole number such as 7",
        );
        refused("stderr = 1", "onewriter.toml:1: stderr = 1 is a number: give true or false");
        refused(
            "\nrotate = 100",
            "onewriter.toml:2: rotate = 100 is a number: give a string such as \"100 MB or daily\"",
        );
        refused(
            "file = [\"a\"]",
            "onewriter.toml:1: file = [\"a\"] is a list: give a string such as \"shop.log\"",
        );
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        let message = Raw::parse("file = \"a.log\"\nkeep =").unwrap_err();
        assert!(message.starts_with("onewriter.toml:2: "), "{message}");
        let message = Raw::parse("keep = 1\nkeep = 2").unwrap_err();
        assert_eq!(message, "onewriter.toml:2: duplicate key");
    }

    #[test]
    fn variables_are_refused_as_keys_are() {
        let read = |name: &str, value: &str| {
            Raw::from_variables([(name.to_owned(), value.to_owned())]).unwrap_err()
        };
        assert_eq!(
            read("ONEWRITER_ROTAET", "1"),
            "unknown key \"ONEWRITER_ROTAET\": did you mean \"ONEWRITER_ROTATE\"?"
        );
        assert_eq!(
            read("ONEWRITER_KEEP", "many"),
            "ONEWRITER_KEEP=\"many\": give a whole number such as 7"
        );
        assert_eq!(
            read("ONEWRITER_STDERR", "maybe"),
            "ONEWRITER_STDERR=\"maybe\": give true or false"
        );
        assert_eq!(Raw::from_variables([("HOME".into(), "/".into())]), Ok(Raw::default()));
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let mut raw = Raw::default();
        raw.put_flag("keep", "1").unwrap();
        let variables = [("ONEWRITER_KEEP", "2"), ("ONEWRITER_TARGET", "variable")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        raw.lay_under(Raw::from_variables(variables).unwrap());
        raw.lay_under(Raw::parse("keep = 3\ntarget = \"file\"\nfile = \"a.log\"").unwrap());
        let shown = |name: &str| raw.get(name).unwrap().to_string();
        assert_eq!(shown("keep"), "--keep \"1\"");
        assert_eq!(shown("target"), "ONEWRITER_TARGET=\"variable\"");
        assert_eq!(shown("file"), "onewriter.toml:3: file = \"a.log\"");
    }
}
