//! The grammar of text patterns.

use super::line::{Pad, Side};
use crate::error::Error;

/// A part of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    /// RFC 3339, or a format of `strftime`.
    Time(Option<String>),
    Level,
    LevelNumber,
    Target,
    Module,
    File,
    Line,
    Thread,
    ThreadId,
    Process,
    ProcessId,
    Message,
    Fields,
    Field(String),
    Context,
    Spans,
    Backtrace,
}

impl Part {
    /// Whether the call site alone decides what is written.
    pub(super) fn is_of_site(&self) -> bool {
        use Part::*;
        matches!(self, Literal(_) | Level | LevelNumber | Target | Module | File | Line)
    }
}

/// A part and how it is padded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) part: Part,
    pub(super) pad: Option<Pad>,
}

const PLACEHOLDERS: [(&str, Part); 16] = [
    ("time", Part::Time(None)),
    ("level", Part::Level),
    ("level_number", Part::LevelNumber),
    ("target", Part::Target),
    ("module", Part::Module),
    ("file", Part::File),
    ("line", Part::Line),
    ("thread", Part::Thread),
    ("thread_id", Part::ThreadId),
    ("process", Part::Process),
    ("process_id", Part::ProcessId),
    ("message", Part::Message),
    ("fields", Part::Fields),
    ("context", Part::Context),
    ("spans", Part::Spans),
    ("backtrace", Part::Backtrace),
];

/// Takes a pattern apart.
pub(super) fn parse(pattern: &str) -> Result<Vec<Placed>, Error> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(c) = pattern[at..].chars().next() {
        let rest = &pattern[at..];
        if rest.starts_with("{{") || rest.starts_with("}}") {
            literal.push(c);
            at += 2;
        } else if c == '}' {
            return Err(wrong(pattern, at, "unmatched \"}\"", "write \"}}\" for a brace"));
        } else if c == '{' {
            if !literal.is_empty() {
                parts.push(Placed { part: Part::Literal(std::mem::take(&mut literal)), pad: None });
            }
            let end = rest.find('}').ok_or_else(|| {
                let right = "close it as in \"{message}\", or write \"{{\" for a brace";
                wrong(pattern, at, "unclosed \"{\"", right)
            })?;
            parts.push(placeholder(pattern, at, &rest[1..end])?);
            at += end + 1;
        } else {
            literal.push(c);
            at += c.len_utf8();
        }
    }
    if !literal.is_empty() {
        parts.push(Placed { part: Part::Literal(literal), pad: None });
    }
    Ok(parts)
}

fn placeholder(pattern: &str, at: usize, inner: &str) -> Result<Placed, Error> {
    let (name, spec) = inner.split_once(':').unwrap_or((inner, ""));
    let part = match name.strip_prefix("field.") {
        Some(field) if !field.is_empty() => Part::Field(field.to_owned()),
        _ => {
            let found = PLACEHOLDERS.iter().find(|(known, _)| *known == name);
            let (_, part) = found.ok_or_else(|| unknown(pattern, at + 1, name))?;
            part.clone()
        }
    };
    if part == Part::Time(None) && spec.contains('%') {
        return Ok(Placed { part: Part::Time(Some(spec.to_owned())), pad: None });
    }
    let pad = parse_pad(spec).ok_or_else(|| {
        let what = format!("{spec:?} is no alignment");
        let right = match part {
            Part::Time(_) => "write one like \"{time:%H:%M:%S%.3f}\" or \"{time:<30}\"".to_owned(),
            _ => format!("write one like \"{{{name}:<5}}\" or \"{{{name}:*^20}}\""),
        };
        wrong(pattern, at + 1 + name.len() + 1, &what, &right)
    })?;
    Ok(Placed { part, pad })
}

/// `[[fill]align][width]`; the width is at most 1000. `None`: it is something else.
fn parse_pad(spec: &str) -> Option<Option<Pad>> {
    let side = |c| match c {
        '<' => Some(Side::Left),
        '^' => Some(Side::Center),
        '>' => Some(Side::Right),
        _ => None,
    };
    let mut chars = spec.chars();
    let (first, second) = (chars.next(), chars.next());
    let (fill, align, width) = if let (Some(fill), Some(align)) = (first, second.and_then(side)) {
        (fill, align, chars.as_str())
    } else if let Some(align) = first.and_then(side) {
        (' ', align, &spec[1..])
    } else {
        (' ', Side::Left, spec)
    };
    if width.is_empty() {
        return Some(None);
    }
    let width = width.parse().ok().filter(|width| *width <= 1_000)?;
    Some(Some(Pad { fill, align, width }))
}

#[cold]
fn unknown(pattern: &str, at: usize, name: &str) -> Error {
    let names = PLACEHOLDERS.iter().map(|(known, _)| *known);
    let (distance, nearest) = names
        .clone()
        .map(|known| (edits(name, known), known))
        .min()
        .unwrap_or((usize::MAX, "message"));
    let right = if distance <= 3 && distance < name.len().max(2) {
        format!("did you mean \"{{{nearest}}}\"?")
    } else {
        let names: Vec<_> = names.collect();
        format!("use one of {}, field.NAME, as in \"{{message}}\"", names.join(", "))
    };
    wrong(pattern, at, &format!("unknown placeholder {name:?}"), &right)
}

#[cold]
pub(super) fn wrong(pattern: &str, at: usize, what: &str, right: &str) -> Error {
    Error::config(format!("{what} at byte {at} of the pattern {pattern:?}: {right}"))
}

/// The number of letters to insert, remove or change.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.iter().enumerate() {
            let change = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(pattern: &str, message: &str) {
        assert_eq!(parse(pattern).unwrap_err().to_string(), message);
    }

    #[test]
    fn a_wrong_pattern_is_refused_with_its_place_and_what_would_be_right() {
        refused(
            "{time} {lvl}",
            "unknown placeholder \"lvl\" at byte 8 of the pattern \"{time} {lvl}\": did you mean \
             \"{level}\"?",
        );
        refused(
            "{msg",
            "unclosed \"{\" at byte 0 of the pattern \"{msg\": close it as in \"{message}\", or \
             write \"{{\" for a brace",
        );
        refused("a}", "unmatched \"}\" at byte 1 of the pattern \"a}\": write \"}}\" for a brace");
        refused(
            "{level:5x}",
            "\"5x\" is no alignment at byte 7 of the pattern \"{level:5x}\": write one like \
             \"{level:<5}\" or \"{level:*^20}\"",
        );
        refused(
            "{time:HH:mm}",
            "\"HH:mm\" is no alignment at byte 6 of the pattern \"{time:HH:mm}\": write one like \
             \"{time:%H:%M:%S%.3f}\" or \"{time:<30}\"",
        );
        refused(
            "{wherever}",
            "unknown placeholder \"wherever\" at byte 1 of the pattern \"{wherever}\": use one of \
             time, level, level_number, target, module, file, line, thread, thread_id, process, \
             process_id, message, fields, context, spans, backtrace, field.NAME, as in \
             \"{message}\"",
        );
        refused(
            "{}",
            "unknown placeholder \"\" at byte 1 of the pattern \"{}\": use one of \
             time, level, level_number, target, module, file, line, thread, thread_id, process, \
             process_id, message, fields, context, spans, backtrace, field.NAME, as in \
             \"{message}\"",
        );
        assert!(parse("{level:1001}").is_err());
        assert!(parse("{field.}").is_err());
    }

    #[test]
    fn every_placeholder_and_alignment_is_read() {
        for (name, part) in PLACEHOLDERS {
            let placed = Placed { part, pad: None };
            assert_eq!(parse(&format!("{{{name}}}")).unwrap(), [placed]);
        }
        let pad = |spec| parse_pad(spec).unwrap();
        let made = |fill, align, width| Some(Pad { fill, align, width });
        assert_eq!(pad("5"), made(' ', Side::Left, 5));
        assert_eq!(pad(">7"), made(' ', Side::Right, 7));
        assert_eq!(pad("é^9"), made('é', Side::Center, 9));
        assert_eq!(pad(""), None);
        let parts = parse("{{{field.user:>5}}}").unwrap();
        assert_eq!(parts[1].part, Part::Field("user".into()));
        assert_eq!(parts[0].part, Part::Literal("{".into()));
        assert_eq!(parts[2].part, Part::Literal("}".into()));
    }
}
