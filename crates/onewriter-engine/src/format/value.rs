//! One value as text, exactly as `std::fmt` would write the Rust value that it was.
//!
//! Formatters with options known only at run time cannot be had from the standard library. So it
//! writes the body of each scalar, with sign, prefix and precision, and the padding is done here,
//! by its rules.

use super::escape::{Raw, Style};
use super::line::Line;
use onewriter_record::{Align, Trait, Value};
use std::fmt::{self, Write};
use std::time::Duration;

/// Appends a value as `{}` would write it.
///
/// `None` and null are `None`, bytes are `b"..."`, times are RFC 3339 in UTC, durations are as with
/// `{:?}`, an error is its message and those of its sources, joined by `: `. Lists and maps are as
/// with `{:?}`.
///
/// ```
/// use onewriter_engine::format::value_text;
/// use onewriter_record::Value;
/// let mut out = Vec::new();
/// value_text(&Value::F64(1e21), &mut out);
/// assert_eq!(out, b"1000000000000000000000");
/// ```
pub fn value_text(value: &Value<'_>, out: &mut Vec<u8>) {
    Line::append(out, |line| plain::<Raw>(line, value));
}

/// A value as with `{}`, escaped.
#[inline(always)]
pub(super) fn plain<S: Style>(line: &mut Line<'_>, value: &Value<'_>) {
    match *value {
        Value::I32(v) => line.signed(v.into()),
        Value::I64(v) => line.signed(v),
        Value::U64(v) => line.decimal(v),
        Value::F64(v) => float(line, v),
        Value::Str(text) | Value::Text(text) => S::text(line, text),
        _ => {
            // A copy: the address of `value` itself would keep it in memory.
            let value = *value;
            line.aside(|line| rare::<S>(line, &value));
        }
    }
}

#[inline(never)]
fn rare<S: Style>(line: &mut Line<'_>, value: &Value<'_>) {
    match *value {
        Value::Null => line.put(b"None"),
        Value::Bool(true) => line.put(b"true"),
        Value::Bool(false) => line.put(b"false"),
        Value::I8(v) => line.signed(v.into()),
        Value::I16(v) => line.signed(v.into()),
        Value::U8(v) => line.decimal(v.into()),
        Value::U16(v) => line.decimal(v.into()),
        Value::U32(v) => line.decimal(v.into()),
        Value::Char(c) => S::text(line, c.encode_utf8(&mut [0; 4])),
        Value::Wtf8(bytes) => S::lossy(line, bytes),
        _ => S::text(line, &with_spec(value, &Plan::default())),
    }
}

/// `Display` of an `f64`: digits by zmij where they are those of the standard library.
#[inline(always)]
fn float(line: &mut Line<'_>, v: f64) {
    let mut buffer = zmij::Buffer::new();
    if (1e-5..1e16).contains(&v.abs()) {
        let text = buffer.format_finite(v);
        if text.len() < 16 || !may_be_tie(v) {
            return line.put(text.strip_suffix(".0").unwrap_or(text).as_bytes());
        }
    }
    line.aside(|line| {
        // Writing into a line cannot fail.
        let _ = write!(line, "{v}");
    });
}

/// Whether the shortest digits may lie half-way between two numbers of so many digits: zmij takes
/// the even one, the standard library the larger. The exact value has then one decimal more than
/// its shortest digits, at most 23, and as many as it has binary places.
#[inline(always)]
fn may_be_tie(v: f64) -> bool {
    let bits = v.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
    let places = 52 - exponent - (bits | 1 << 52).trailing_zeros() as i32;
    places <= 23
}

/// A format specification whose width and precision are known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// A list or a map that has become longer than this ends: its items may all be padded.
    pub(super) room: usize,
    pub(super) fill: Option<char>,
    pub(super) align: Option<Align>,
    pub(super) plus: bool,
    pub(super) alternate: bool,
    pub(super) zero: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
    pub(super) kind: Trait,
}

impl Default for Plan {
    /// `{}`. Nothing is padded, so nothing needs a limit.
    fn default() -> Plan {
        Plan {
            room: usize::MAX,
            fill: None,
            align: None,
            plus: false,
            alternate: false,
            zero: false,
            width: None,
            precision: None,
            kind: Trait::default(),
        }
    }
}

/// What stands where something was cut off.
pub(super) const CUT: &str = "{cut}";

/// The value as this specification writes it, unescaped.
pub(super) fn with_spec(value: &Value<'_>, plan: &Plan) -> String {
    let mut out = String::new();
    write_value(value, plan, &mut out);
    out
}

fn write_value(value: &Value<'_>, plan: &Plan, out: &mut String) {
    match *value {
        Value::Text(text) => out.push_str(text),
        Value::I8(v) => integer(&v, plan, out),
        Value::I16(v) => integer(&v, plan, out),
        Value::I32(v) => integer(&v, plan, out),
        Value::I64(v) => integer(&v, plan, out),
        Value::I128(v) => integer(&v, plan, out),
        Value::U8(v) => integer(&v, plan, out),
        Value::U16(v) => integer(&v, plan, out),
        Value::U32(v) => integer(&v, plan, out),
        Value::U64(v) => integer(&v, plan, out),
        Value::U128(v) => integer(&v, plan, out),
        Value::F32(v) => real(&v, plan, out),
        Value::F64(v) => real(&v, plan, out),
        Value::Pointer(v) => pointer(v, plan, out),
        Value::Char(c) if is_debug(plan.kind) => push(out, format_args!("{c:?}")),
        Value::Str(text) if is_debug(plan.kind) => push(out, format_args!("{text:?}")),
        Value::Char(c) => string(c.encode_utf8(&mut [0; 4]), plan, out),
        Value::Str(text) => string(text, plan, out),
        Value::Wtf8(bytes) => {
            write_value(&Value::Str(&String::from_utf8_lossy(bytes)), plan, out);
        }
        Value::Bool(v) => string(if v { "true" } else { "false" }, plan, out),
        Value::Null => string("None", plan, out),
        Value::Bytes(bytes) => string(&format!("b\"{}\"", bytes.escape_ascii()), plan, out),
        Value::Time(nanos) => {
            string(
                &jiff::Timestamp::from_nanosecond(nanos.into()).unwrap_or_default().to_string(),
                plan,
                out,
            );
        }
        Value::Duration(nanos) => duration(nanos, plan, out),
        Value::Error(mut chain) => error(&mut chain, plan, out),
        Value::List(items) => nest(('[', ']'), plan, out, items.map(|item| (None, item))),
        Value::Map(entries) => {
            nest(('{', '}'), plan, out, entries.map(|(name, value)| (Some(name), value)));
        }
    }
}

fn is_debug(kind: Trait) -> bool {
    matches!(kind, Trait::Debug | Trait::DebugLowerHex | Trait::DebugUpperHex)
}

fn push(out: &mut String, args: fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = out.write_fmt(args);
}

/// Calls one of the static forms of `{}` that differ in what the standard library must do itself.
macro_rules! with_flags {
    ($v:expr, $plan:expr, $out:expr, $kind:literal) => {
        match ($plan.plus, $plan.alternate, $plan.precision) {
            (false, false, None) => push($out, format_args!(concat!("{:", $kind, "}"), $v)),
            (true, false, None) => push($out, format_args!(concat!("{:+", $kind, "}"), $v)),
            (false, true, None) => push($out, format_args!(concat!("{:#", $kind, "}"), $v)),
            (true, true, None) => push($out, format_args!(concat!("{:+#", $kind, "}"), $v)),
            (false, _, Some(p)) => push($out, format_args!(concat!("{:.1$", $kind, "}"), $v, p)),
            (true, _, Some(p)) => push($out, format_args!(concat!("{:+.1$", $kind, "}"), $v, p)),
        }
    };
}

trait Integer:
    fmt::Display
    + fmt::LowerHex
    + fmt::UpperHex
    + fmt::Octal
    + fmt::Binary
    + fmt::LowerExp
    + fmt::UpperExp
{
}

impl<T> Integer for T where
    T: fmt::Display
        + fmt::LowerHex
        + fmt::UpperHex
        + fmt::Octal
        + fmt::Binary
        + fmt::LowerExp
        + fmt::UpperExp
{
}

fn integer(v: &impl Integer, plan: &Plan, out: &mut String) {
    let start = out.len();
    let exact = &Plan { precision: None, ..*plan };
    match plan.kind {
        Trait::LowerHex | Trait::DebugLowerHex => with_flags!(v, exact, out, "x"),
        Trait::UpperHex | Trait::DebugUpperHex => with_flags!(v, exact, out, "X"),
        Trait::Octal => with_flags!(v, exact, out, "o"),
        Trait::Binary => with_flags!(v, exact, out, "b"),
        Trait::LowerExp => with_flags!(v, plan, out, "e"),
        Trait::UpperExp => with_flags!(v, plan, out, "E"),
        Trait::Display | Trait::Debug | Trait::Pointer => with_flags!(v, exact, out, ""),
    }
    pad_number(start, plan, out);
}

trait Real: fmt::Display + fmt::Debug + fmt::LowerExp + fmt::UpperExp {}
impl Real for f32 {}
impl Real for f64 {}

fn real(v: &impl Real, plan: &Plan, out: &mut String) {
    let start = out.len();
    match plan.kind {
        Trait::LowerExp => with_flags!(v, plan, out, "e"),
        Trait::UpperExp => with_flags!(v, plan, out, "E"),
        kind if is_debug(kind) => with_flags!(v, plan, out, "?"),
        _ => with_flags!(v, plan, out, ""),
    }
    pad_number(start, plan, out);
}

/// `{:p}`; with `#`, as wide as the largest address and with zeros.
fn pointer(address: u64, plan: &Plan, out: &mut String) {
    let start = out.len();
    push(out, format_args!("{address:#x}"));
    let width = plan.width.or(plan.alternate.then_some(18));
    pad_number(start, &Plan { width, zero: plan.zero || plan.alternate, ..*plan }, out);
}

fn string(text: &str, plan: &Plan, out: &mut String) {
    let text = match plan.precision.and_then(|max| text.char_indices().nth(max)) {
        Some((end, _)) => &text[..end],
        None => text,
    };
    let start = out.len();
    out.push_str(text);
    pad(start, Align::Left, plan, out);
}

/// Zeros go between the sign or prefix and the digits, whatever fill and side say.
fn pad_number(start: usize, plan: &Plan, out: &mut String) {
    if !plan.zero {
        return pad(start, Align::Right, plan, out);
    }
    let text = &out[start..];
    let sign = usize::from(text.starts_with(['+', '-']));
    let prefix = ["0x", "0o", "0b"].iter().any(|prefix| text[sign..].starts_with(prefix));
    let missing = plan.width.unwrap_or(0).saturating_sub(text.len());
    out.insert_str(start + sign + if prefix { 2 } else { 0 }, &"0".repeat(missing));
}

fn pad(start: usize, default: Align, plan: &Plan, out: &mut String) {
    let Some(width) = plan.width else { return };
    let missing = width.saturating_sub(out[start..].chars().count());
    let before = match plan.align.unwrap_or(default) {
        Align::Left => 0,
        Align::Center => missing / 2,
        Align::Right => missing,
    };
    let fill = plan.fill.unwrap_or(' ').to_string();
    out.insert_str(start, &fill.repeat(before));
    out.push_str(&fill.repeat(missing - before));
}

/// As `Debug` of [`Duration`], with `-` before a negative one.
fn duration(nanos: i128, plan: &Plan, out: &mut String) {
    let size = nanos.unsigned_abs();
    let seconds = u64::try_from(size / 1_000_000_000).unwrap_or(u64::MAX);
    let v = Duration::new(seconds, (size % 1_000_000_000) as u32);
    let start = out.len();
    if nanos < 0 {
        out.push('-');
    }
    let plan = &Plan { plus: plan.plus && nanos >= 0, ..*plan };
    with_flags!(v, plan, out, "?");
    pad(start, Align::Left, plan, out);
}

fn error(chain: &mut dyn Iterator<Item = Value<'_>>, plan: &Plan, out: &mut String) {
    let mut text = String::new();
    for (i, message) in chain.enumerate() {
        text.push_str(if i == 0 { "" } else { ": " });
        write_value(&message, &Plan::default(), &mut text);
    }
    string(&text, plan, out);
}

/// A list or a map as `Debug` writes it; the specification holds for each value in it.
fn nest<'a>(
    (open, close): (char, char),
    plan: &Plan,
    out: &mut String,
    items: impl Iterator<Item = (Option<&'a str>, Value<'a>)>,
) {
    let kind = if is_debug(plan.kind) { plan.kind } else { Trait::Debug };
    let plan = &Plan { kind, ..*plan };
    out.push(open);
    let mut any = false;
    for (name, value) in items {
        let start = out.len();
        if start > plan.room {
            out.push_str(CUT);
            break;
        }
        if let Some(name) = name {
            push(out, format_args!("{name:?}: "));
        }
        write_value(&value, plan, out);
        if plan.alternate {
            let item = out.split_off(start).replace('\n', "\n    ");
            push(out, format_args!("\n    {item},"));
        } else if any {
            out.insert_str(start, ", ");
        }
        any = true;
    }
    if any && plan.alternate {
        out.push('\n');
    }
    out.push(close);
}
