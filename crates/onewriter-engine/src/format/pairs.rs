//! `key=value`, as text and logfmt write it.

use super::escape::{Quoted, Raw, Style, is_bare, is_hidden};
use super::line::Line;
use super::value::{Plan, plain, with_spec};
use onewriter_record::{Record, Value};

/// A key: what would end it becomes `_`.
pub(super) fn key(line: &mut Line<'_>, name: &str) {
    if is_bare(name) {
        return line.put(name.as_bytes());
    }
    if name.is_empty() {
        line.byte(b'_');
    }
    for c in name.chars() {
        let wrong = matches!(c, ' ' | '=' | '"') || is_hidden(c);
        line.fill(if wrong { '_' } else { c }, 1);
    }
}

/// A value: bare where it can be, otherwise in quotes.
#[inline(always)]
pub(super) fn value(line: &mut Line<'_>, value: &Value<'_>) {
    match *value {
        Value::Str(text) | Value::Text(text) => string(line, text),
        Value::Null => line.put(b"null"),
        Value::I32(_) | Value::I64(_) | Value::U64(_) | Value::F64(_) => plain::<Raw>(line, value),
        _ => {
            let value = *value;
            line.aside(|line| rare_value(line, &value));
        }
    }
}

#[inline(never)]
fn rare_value(line: &mut Line<'_>, value: &Value<'_>) {
    match *value {
        Value::Bool(_) | Value::I8(_) | Value::I16(_) => plain::<Raw>(line, value),
        Value::U8(_) | Value::U16(_) | Value::U32(_) => plain::<Raw>(line, value),
        Value::Wtf8(bytes) => {
            line.byte(b'"');
            Quoted::lossy(line, bytes);
            line.byte(b'"');
        }
        _ => string(line, &with_spec(value, &Plan::default())),
    }
}

/// A string by the same rule.
#[inline(always)]
pub(super) fn string(line: &mut Line<'_>, text: &str) {
    if is_bare(text) {
        line.put(text.as_bytes());
    } else {
        line.byte(b'"');
        Quoted::text(line, text);
        line.byte(b'"');
    }
}

/// The spans, outermost first: `outer{a=1}:inner`. Nothing if there are none.
pub(super) fn spans(line: &mut Line<'_>, record: &Record<'_>) {
    let mut first = true;
    for span in record.spans() {
        if !first {
            line.byte(b':');
        }
        first = false;
        key(line, span.name);
        let mut any = false;
        for (name, entry) in span.entries {
            line.byte(if any { b' ' } else { b'{' });
            any = true;
            key(line, name);
            line.byte(b'=');
            value(line, &entry);
        }
        if any {
            line.byte(b'}');
        }
    }
}
