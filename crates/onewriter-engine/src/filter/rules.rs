//! What the text of a filter says, and whether a record fits it.

use crate::filter::Interest;
use crate::format::{message, value_text};
use onewriter_record::{Level, LevelFilter, Record, Value};
use regex_lite::Regex;
use std::borrow::Cow;
use std::fmt;

/// The rules of one text.
pub(super) struct Rules {
    /// Rules without brackets, the longest target first.
    targets: Vec<Rule>,
    /// Rules with brackets: they only add.
    scopes: Vec<Rule>,
    /// What the message must match.
    message: Option<Regex>,
}

/// `target[span{field=value}]=level`
pub(super) struct Rule {
    /// Empty for every target.
    pub(super) target: String,
    pub(super) scope: Option<Scope>,
    pub(super) level: LevelFilter,
}

/// What stands in the brackets.
pub(super) struct Scope {
    pub(super) span: Option<String>,
    pub(super) fields: Vec<Field>,
}

/// A field, and the value that it must have.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: Option<Wanted>,
}

pub(super) enum Wanted {
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    /// The expression as written, and anchored at both ends.
    Pattern(String, Regex),
}

impl Rules {
    pub(super) fn new(rules: Vec<Rule>, message: Option<Regex>) -> Rules {
        let (mut scopes, mut targets): (Vec<_>, Vec<_>) =
            rules.into_iter().partition(|rule| rule.scope.is_some());
        if targets.is_empty() && scopes.is_empty() {
            // Only an expression: it is meant for every record.
            targets.push(Rule { target: String::new(), scope: None, level: LevelFilter::ALL });
        }
        // The later of two equal targets counts: after reversing, a stable sort keeps it first.
        targets.reverse();
        targets.sort_by_key(|rule| std::cmp::Reverse(rule.target.len()));
        let mut seen = std::collections::HashSet::new();
        targets.retain(|rule| seen.insert(rule.target.clone()));
        scopes.shrink_to_fit();
        Rules { targets, scopes, message }
    }

    /// The level, if the text says nothing else.
    pub(super) fn only_level(&self) -> Option<LevelFilter> {
        match (&self.targets[..], &self.scopes[..], &self.message) {
            ([only], [], None) if only.target.is_empty() => Some(only.level),
            _ => None,
        }
    }

    pub(super) fn admits(&self, record: &Record<'_>) -> bool {
        let (level, target) = (record.level(), record.target());
        let passes = self.site_passes(level, target)
            || self.could_add(level, target).any(|scope| scope.fits(record));
        passes && self.message.as_ref().is_none_or(|wanted| message_fits(wanted, record))
    }

    pub(super) fn interest(&self, level: Level, target: &str) -> Interest {
        let by_site = self.site_passes(level, target);
        if by_site && self.message.is_none() {
            Interest::Always
        } else if by_site || self.could_add(level, target).next().is_some() {
            Interest::Sometimes
        } else {
            Interest::Never
        }
    }

    pub(super) fn max_level(&self) -> LevelFilter {
        let levels = self.targets.iter().chain(&self.scopes).map(|rule| rule.level);
        levels.min().unwrap_or(LevelFilter::OFF)
    }

    fn site_passes(&self, level: Level, target: &str) -> bool {
        let decides = self.targets.iter().find(|rule| is_below(target, &rule.target));
        decides.is_some_and(|rule| rule.level.admits(level))
    }

    fn could_add(&self, level: Level, target: &str) -> impl Iterator<Item = &Scope> {
        let fitting =
            move |rule: &&Rule| rule.level.admits(level) && is_below(target, &rule.target);
        self.scopes.iter().filter(fitting).filter_map(|rule| rule.scope.as_ref())
    }
}

/// Whether `target` is `prefix` or below it: `foo::bar` is below `foo`, `foobar` is not.
fn is_below(target: &str, prefix: &str) -> bool {
    prefix.is_empty()
        || target
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with('.'))
}

fn message_fits(wanted: &Regex, record: &Record<'_>) -> bool {
    let mut text = Vec::new();
    message(record, &mut text);
    wanted.is_match(&String::from_utf8_lossy(&text))
}

impl Scope {
    fn fits(&self, record: &Record<'_>) -> bool {
        let in_span = record.spans().any(|span| {
            self.span.as_deref().is_none_or(|name| name == span.name)
                && self.fields_fit(|| span.entries)
        });
        in_span
            || (self.span.is_none()
                && (self.fields_fit(|| record.fields()) || self.fields_fit(|| record.context())))
    }

    /// Whether all fields are in one place.
    fn fields_fit<'v, I: Iterator<Item = (&'v str, Value<'v>)>>(&self, at: impl Fn() -> I) -> bool {
        self.fields.iter().all(|field| {
            at().any(|(name, value)| {
                name == field.name && field.value.as_ref().is_none_or(|wanted| wanted.fits(&value))
            })
        })
    }
}

impl Wanted {
    fn fits(&self, value: &Value<'_>) -> bool {
        match self {
            Wanted::Bool(wanted) => matches!(value, Value::Bool(is) if is == wanted),
            Wanted::Int(wanted) => integer(value).map_or_else(
                || float(value).is_some_and(|is| is == *wanted as f64),
                |is| is == *wanted,
            ),
            Wanted::Float(wanted) => {
                float(value).is_some_and(|is| is == *wanted || is.is_nan() && wanted.is_nan())
            }
            Wanted::Text(wanted) => text(value) == *wanted,
            Wanted::Pattern(_, wanted) => wanted.is_match(&text(value)),
        }
    }
}

fn integer(value: &Value<'_>) -> Option<i128> {
    Some(match *value {
        Value::I8(v) => v.into(),
        Value::I16(v) => v.into(),
        Value::I32(v) => v.into(),
        Value::I64(v) => v.into(),
        Value::I128(v) => v,
        Value::U8(v) => v.into(),
        Value::U16(v) => v.into(),
        Value::U32(v) => v.into(),
        Value::U64(v) => v.into(),
        Value::U128(v) => i128::try_from(v).ok()?,
        _ => return None,
    })
}

fn float(value: &Value<'_>) -> Option<f64> {
    match *value {
        Value::F32(v) => Some(v.into()),
        Value::F64(v) => Some(v),
        _ => None,
    }
}

/// The value as an expression sees it.
fn text<'v>(value: &Value<'v>) -> Cow<'v, str> {
    match *value {
        Value::Str(text) | Value::Text(text) => Cow::Borrowed(text),
        _ => {
            let mut text = Vec::new();
            value_text(value, &mut text);
            String::from_utf8_lossy(&text).into_owned().into()
        }
    }
}

/// A level as a filter's text has it: `info`, `off`, or its number.
pub(super) fn write_level(level: LevelFilter, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let standard = Level::STANDARD.into_iter().find(|known| level == LevelFilter::from(*known));
    match (standard, level) {
        (Some(known), _) => f.write_str(&known.name().to_ascii_lowercase()),
        (None, LevelFilter::OFF) => f.write_str("off"),
        (None, LevelFilter::ALL) => f.write_str("all"),
        (None, other) => write!(f, "{}", other.number()),
    }
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The general rule first, as people write it.
        for (idx, rule) in self.targets.iter().rev().chain(&self.scopes).enumerate() {
            f.write_str(if idx == 0 { "" } else { "," })?;
            rule.fmt(f)?;
        }
        match &self.message {
            Some(wanted) => write!(f, "/{}", wanted.as_str()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target)?;
        if let Some(scope) = &self.scope {
            scope.fmt(f)?;
        }
        if !self.target.is_empty() || self.scope.is_some() {
            f.write_str("=")?;
        }
        write_level(self.level, f)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}", self.span.as_deref().unwrap_or(""))?;
        for (idx, field) in self.fields.iter().enumerate() {
            f.write_str(if idx == 0 { "{" } else { "," })?;
            f.write_str(&field.name)?;
            match &field.value {
                None => Ok(()),
                Some(Wanted::Bool(value)) => write!(f, "={value}"),
                Some(Wanted::Int(value)) => write!(f, "={value}"),
                Some(Wanted::Float(value)) => write!(f, "={value:?}"),
                Some(Wanted::Text(value)) => {
                    write!(f, "=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
                }
                Some(Wanted::Pattern(value, _)) => write!(f, "={value}"),
            }?;
        }
        f.write_str(if self.fields.is_empty() { "]" } else { "}]" })
    }
}
