//! From the text of a filter to its rules.

use crate::error::Error;
use crate::filter::rules::{Field, Rule, Rules, Scope, Wanted};
use onewriter_record::LevelFilter;
use regex_lite::Regex;

const LEVELS: &str = "use trace, debug, info, warn, error, off or a number from 1 to 254, \
                      as in \"info,my_crate::db=debug\"";
const RULE: &str = "a rule is target=level, as in \"info,my_crate::db=debug\"";
const SCOPE: &str =
    "brackets hold a span and its fields, as in \"my_crate[request{user=7}]=debug\"";

/// A part of the text, and where it begins.
#[derive(Clone, Copy)]
struct Part<'a> {
    text: &'a str,
    at: usize,
}

/// What is wrong, and where.
struct Refusal {
    at: usize,
    why: String,
}

type Parsed<T> = Result<T, Refusal>;

pub(super) fn parse(text: &str) -> Result<Rules, Error> {
    read(text).map_err(|Refusal { at, why }| {
        let column = text[..at].chars().count() + 1;
        Error::config(format!("filter {text:?}, column {column}: {why}"))
    })
}

fn read(text: &str) -> Parsed<Rules> {
    let (parts, message) = split(Part { text, at: 0 }, ',', Some('/'))?;
    let message = match message {
        Some(part) => Some(part.regex(part.text)?),
        None => None,
    };
    let parts = parts.into_iter().map(Part::trim).filter(|part| !part.text.is_empty());
    let rules = parts.map(Part::rule).collect::<Parsed<Vec<_>>>()?;
    if rules.is_empty() && message.is_none() {
        let why = format!("there is no rule: {LEVELS}");
        return Err(Refusal { at: 0, why });
    }
    Ok(Rules::new(rules, message))
}

/// Splits at `comma` wherever it stands outside of brackets, braces and quotes, up to `end`.
fn split(
    whole: Part<'_>,
    comma: char,
    end: Option<char>,
) -> Parsed<(Vec<Part<'_>>, Option<Part<'_>>)> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut open = Vec::new();
    let mut chars = whole.text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '[' | '{' | '(' => open.push((at, c)),
            ']' | '}' | ')' => close(whole, at, c, &mut open)?,
            '"' => skip_quoted(whole, at, &mut chars)?,
            '\\' => drop(chars.next()),
            c if open.is_empty() && c == comma => {
                parts.push(whole.slice(start, at));
                start = at + 1;
            }
            c if open.is_empty() && Some(c) == end => {
                parts.push(whole.slice(start, at));
                return Ok((parts, Some(whole.slice(at + 1, whole.text.len()))));
            }
            _ => {}
        }
    }
    if let Some((at, c)) = open.pop() {
        return Err(whole.refuse(at, format!("the '{c}' is not closed: {SCOPE}")));
    }
    parts.push(whole.slice(start, whole.text.len()));
    Ok((parts, None))
}

fn close(whole: Part<'_>, at: usize, c: char, open: &mut Vec<(usize, char)>) -> Parsed<()> {
    match (open.pop(), c) {
        (Some((_, '[')), ']') | (Some((_, '{')), '}') | (Some((_, '(')), ')') => Ok(()),
        _ => Err(whole.refuse(at, format!("the '{c}' closes nothing: {SCOPE}"))),
    }
}

fn skip_quoted(whole: Part<'_>, at: usize, chars: &mut std::str::CharIndices<'_>) -> Parsed<()> {
    while let Some((_, c)) = chars.next() {
        match c {
            '"' => return Ok(()),
            '\\' => drop(chars.next()),
            _ => {}
        }
    }
    let right = "write a quoted value as in \"[request{user=\\\"alice\\\"}]=debug\"";
    Err(whole.refuse(at, format!("the quote is not closed: {right}")))
}

impl<'a> Part<'a> {
    fn slice(self, from: usize, to: usize) -> Part<'a> {
        Part { text: &self.text[from..to], at: self.at + from }
    }

    fn trim(self) -> Part<'a> {
        let left = self.text.len() - self.text.trim_start().len();
        Part { text: self.text.trim(), at: self.at + left }
    }

    fn refuse(self, offset: usize, why: String) -> Refusal {
        Refusal { at: self.at + offset, why }
    }

    /// The parts before and after the first `at`.
    fn cut(self, at: char) -> Option<(Part<'a>, Part<'a>)> {
        let idx = self.text.find(at)?;
        Some((self.slice(0, idx), self.slice(idx + at.len_utf8(), self.text.len())))
    }

    fn rule(self) -> Parsed<Rule> {
        if let Some((target, rest)) = self.cut('[') {
            // The bracket at the end of a value's expression is not the last one of the rule.
            let Some(end) = rest.text.rfind(']') else {
                return Err(self.refuse(target.text.len(), format!("no ']' follows: {SCOPE}")));
            };
            let scope = rest.slice(0, end).scope()?;
            let level = rest.slice(end + 1, rest.text.len()).scope_level()?;
            return Ok(Rule { target: target.trim().target()?, scope: Some(scope), level });
        }
        match self.cut('=') {
            Some((target, level)) => {
                let target = target.trim();
                if target.text.is_empty() {
                    return Err(self.refuse(0, format!("no target before the '=': {RULE}")));
                }
                Ok(Rule { target: target.target()?, scope: None, level: level.trim().level()? })
            }
            None => self.word(),
        }
    }

    /// A level for all targets, or a target at all levels.
    fn word(self) -> Parsed<Rule> {
        if let Ok(level) = self.text.parse() {
            return Ok(Rule { target: String::new(), scope: None, level });
        }
        if self.text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(self.no_level());
        }
        if let Some(meant) = misspelt_level(self.text) {
            let word = self.text;
            let why = format!(
                "{word:?} is no level: use {meant:?}, or \"{word}=trace\" for a target of that name"
            );
            return Err(self.refuse(0, why));
        }
        Ok(Rule { target: self.target()?, scope: None, level: LevelFilter::ALL })
    }

    fn target(self) -> Parsed<String> {
        let wrong = |c: char| c.is_whitespace() || "=\"\\(){}]".contains(c);
        match self.text.find(wrong) {
            Some(idx) => {
                let c = self.text[idx..].chars().next().unwrap_or(' ');
                Err(self.refuse(idx, format!("'{c}' cannot stand in a target: {RULE}")))
            }
            None => Ok(self.text.to_owned()),
        }
    }

    fn level(self) -> Parsed<LevelFilter> {
        if self.text.is_empty() {
            // Both peers read `target=` as all levels of the target.
            return Ok(LevelFilter::ALL);
        }
        self.text.parse().map_err(|_| self.no_level())
    }

    fn no_level(self) -> Refusal {
        self.refuse(0, format!("{:?} is no level: {LEVELS}", self.text))
    }

    /// What follows the brackets: nothing, or `=level`.
    fn scope_level(self) -> Parsed<LevelFilter> {
        let part = self.trim();
        if part.text.is_empty() {
            return Ok(LevelFilter::ALL);
        }
        let Some(level) = part.text.strip_prefix('=') else {
            let why =
                format!("{:?} follows the ']': write \"=\" and a level, or nothing", part.text);
            return Err(part.refuse(0, why));
        };
        let level = Part { text: level, at: part.at + 1 }.trim();
        match level.level()? {
            LevelFilter::OFF => {
                let why = "a rule with brackets only adds, it cannot be \"off\": leave it out, or \
                           use a level, as in \"warn,[request]=debug\"";
                Err(level.refuse(0, why.to_owned()))
            }
            found => Ok(found),
        }
    }

    /// `span{field=value,field}`, all of it optional but not everything.
    fn scope(self) -> Parsed<Scope> {
        let Some((span, fields)) = self.cut('{') else {
            let span = self.trim();
            if span.text.is_empty() {
                return Err(self.refuse(0, format!("the brackets are empty: {SCOPE}")));
            }
            return Ok(Scope { span: Some(span.name("span")?), fields: Vec::new() });
        };
        let Some(end) = fields.text.trim_end().strip_suffix('}') else {
            let at = fields.text.len() + span.text.len() + 1;
            return Err(self.refuse(at, format!("no '}}' before the ']': {SCOPE}")));
        };
        let (fields, _) = split(fields.slice(0, end.len()), ',', None)?;
        let fields = fields.into_iter().map(|part| part.trim().field()).collect::<Parsed<_>>()?;
        let span = span.trim();
        let span = if span.text.is_empty() { None } else { Some(span.name("span")?) };
        Ok(Scope { span, fields })
    }

    fn field(self) -> Parsed<Field> {
        let (name, value) = match self.cut('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (self, None),
        };
        if name.text.is_empty() {
            return Err(self.refuse(0, format!("a field has no name: {SCOPE}")));
        }
        let value = value.map(Part::wanted).transpose()?;
        Ok(Field { name: name.name("field")?, value })
    }

    /// The name of a span or a field, which may hold blanks and points.
    fn name(self, of: &str) -> Parsed<String> {
        match self.text.find(|c| "=\"[]{}".contains(c)) {
            Some(idx) => {
                let c = &self.text[idx..=idx];
                Err(self.refuse(idx, format!("'{c}' cannot stand in a {of}'s name: {SCOPE}")))
            }
            None => Ok(self.text.to_owned()),
        }
    }

    fn wanted(self) -> Parsed<Wanted> {
        if let Some(quoted) = self.text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            return Ok(Wanted::Text(unescape(quoted)));
        }
        if self.text.is_empty() {
            return Err(self.refuse(0, format!("no value after the '=': {SCOPE}")));
        }
        if let Ok(truth) = self.text.parse() {
            return Ok(Wanted::Bool(truth));
        }
        if let Ok(int) = self.text.parse() {
            return Ok(Wanted::Int(int));
        }
        if let Ok(float) = self.text.parse() {
            return Ok(Wanted::Float(float));
        }
        let anchored = self.regex(&format!("^(?:{})$", self.text))?;
        Ok(Wanted::Pattern(self.text.to_owned(), anchored))
    }

    fn regex(self, pattern: &str) -> Parsed<Regex> {
        Regex::new(pattern).map_err(|err| {
            let why = format!(
                "{:?} is no regular expression ({err}): use one of the crate regex-lite, as in \
                 \"info/time(d )?out\"",
                self.text
            );
            self.refuse(0, why)
        })
    }
}

fn unescape(quoted: &str) -> String {
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        text.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    text
}

/// The level that differs from `word` by one letter: exchanged, too many, missing or another.
fn misspelt_level(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    ["trace", "debug", "info", "warn", "error", "off"].into_iter().find(|level| {
        let (a, b) = (word.as_bytes(), level.as_bytes());
        let same = a.iter().zip(b).take_while(|(x, y)| x == y).count();
        let (a, b) = (&a[same..], &b[same..]);
        let after = |text: &[u8], n: usize| text.get(n..).map(<[u8]>::to_vec);
        let exchanged = a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0];
        after(a, 1) == Some(b.to_vec())
            || after(b, 1) == Some(a.to_vec())
            || (after(a, 1).is_some() && after(a, 1) == after(b, 1))
            || (exchanged && a[2..] == b[2..])
    })
}
