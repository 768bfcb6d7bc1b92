//! One value as text, exactly as Python's `format` would write the value that it was.
//!
//! For records of the Python door, whose templates are read by [`Template::python`]. The door hands on
//! only pairs of value and specification that suit each other; whatever else comes is written as `str`
//! would write it.
//!
//! [`Template::python`]: onewriter_record::Template::python

use onewriter_record::{Conversion, PyAlign, PySign, PySpec, Value};
use std::fmt::Write;

/// The value as this specification writes it, unescaped.
pub fn formatted(value: &Value<'_>, conversion: Conversion, spec: &PySpec) -> String {
    if conversion == Conversion::Str {
        return padded_text(&plain(value), spec);
    }
    if spec.is_plain() || !spec.suits(value, conversion) {
        return plain(value);
    }
    match *value {
        Value::Bool(v) => integer(false, u128::from(v), spec),
        Value::I64(v) => integer(v < 0, v.unsigned_abs().into(), spec),
        Value::I128(v) => integer(v < 0, v.unsigned_abs(), spec),
        Value::U64(v) => integer(false, v.into(), spec),
        Value::U128(v) => integer(false, v, spec),
        Value::F64(v) => float(v, spec),
        Value::Str(text) => padded_text(text, spec),
        _ => plain(value),
    }
}

/// The value as `str` writes it.
pub fn plain(value: &Value<'_>) -> String {
    match *value {
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::F64(v) => repr(v),
        _ => super::value::with_spec(value, &super::value::Plan::default()),
    }
}

/// The shortest digits that are read back as `v`, as Python shows them.
fn repr(v: f64) -> String {
    if !v.is_finite() {
        return not_finite(v).to_owned();
    }
    let scientific = format!("{v:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let fixed = format!("{v}");
        return if fixed.contains('.') { fixed } else { fixed + ".0" };
    }
    with_exponent(digits, exponent, 'e')
}

fn not_finite(v: f64) -> &'static str {
    match v {
        _ if v.is_nan() => "nan",
        _ if v < 0.0 => "-inf",
        _ => "inf",
    }
}

/// At least two digits of exponent, with its sign.
fn with_exponent(digits: &str, exponent: i32, e: char) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}{e}{sign}{:02}", exponent.unsigned_abs())
}

fn integer(is_negative: bool, v: u128, spec: &PySpec) -> String {
    let (prefix, digits) = match spec.kind {
        Some('b') => ("0b", format!("{v:b}")),
        Some('o') => ("0o", format!("{v:o}")),
        Some('x') => ("0x", format!("{v:x}")),
        Some('X') => ("0X", format!("{v:X}")),
        _ => ("", v.to_string()),
    };
    let group = if prefix.is_empty() { 3 } else { 4 };
    let prefix = if spec.alternate { prefix } else { "" };
    number(&Number { is_negative, prefix, digits: &digits, rest: "", group }, spec)
}

fn float(v: f64, spec: &PySpec) -> String {
    let magnitude = v.abs();
    let kind = spec.kind.unwrap_or('r');
    let mut text = match kind {
        _ if !v.is_finite() => {
            let percent = if kind == '%' { "%" } else { "" };
            format!("{}{percent}", not_finite(magnitude))
        }
        'f' | 'F' => fixed(magnitude, spec.precision.unwrap_or(6), spec.alternate),
        '%' => fixed(magnitude * 100.0, spec.precision.unwrap_or(6), spec.alternate) + "%",
        'e' | 'E' => scientific(magnitude, spec.precision.unwrap_or(6), spec.alternate),
        'g' | 'G' => general(magnitude, spec.precision.unwrap_or(6), spec.alternate, false),
        _ => match spec.precision {
            Some(precision) => general(magnitude, precision, spec.alternate, true),
            None => repr(magnitude),
        },
    };
    if kind.is_ascii_uppercase() {
        text = text.to_uppercase();
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let is_negative = v.is_sign_negative() && !v.is_nan();
    number(&Number { is_negative, prefix: "", digits, rest, group: 3 }, spec)
}

fn fixed(v: f64, precision: usize, keeps_point: bool) -> String {
    let text = format!("{v:.precision$}");
    if keeps_point && precision == 0 { text + "." } else { text }
}

fn scientific(v: f64, precision: usize, keeps_point: bool) -> String {
    let text = format!("{v:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if keeps_point && precision == 0 { "." } else { "" };
    with_exponent(&format!("{digits}{point}"), exponent.parse().unwrap_or(0), 'e')
}

/// `g`; and where no type is given, with at least one digit behind the point.
fn general(v: f64, precision: usize, keeps_zeros: bool, has_point: bool) -> String {
    let precision = precision.max(1);
    let text = format!("{v:.*e}", precision - 1);
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let most = precision as i32 - i32::from(has_point);
    if exponent < -4 || exponent >= most {
        let digits = match (keeps_zeros, digits.contains('.')) {
            (true, false) => format!("{digits}."),
            (true, true) | (false, false) => digits.to_owned(),
            (false, true) => without_zeros(digits).to_owned(),
        };
        return with_exponent(&digits, exponent, 'e');
    }
    let places = usize::try_from(precision as i32 - 1 - exponent).unwrap_or(0);
    let text = fixed(v, places, keeps_zeros);
    if keeps_zeros {
        return if has_point && text.ends_with('.') { text + "0" } else { text };
    }
    let text = if text.contains('.') { without_zeros(&text) } else { &text };
    if has_point && !text.contains('.') { format!("{text}.0") } else { text.to_owned() }
}

fn without_zeros(text: &str) -> &str {
    text.trim_end_matches('0').trim_end_matches('.')
}

/// A number, taken apart.
struct Number<'a> {
    is_negative: bool,
    prefix: &'a str,
    /// Those before the point.
    digits: &'a str,
    rest: &'a str,
    /// How many digits a group has.
    group: usize,
}

fn number(number: &Number<'_>, spec: &PySpec) -> String {
    let sign = match (number.is_negative, spec.sign) {
        (true, _) => "-",
        (false, Some(PySign::Plus)) => "+",
        (false, Some(PySign::Space)) => " ",
        (false, _) => "",
    };
    let align = spec.align.unwrap_or(if spec.zero { PyAlign::AfterSign } else { PyAlign::Right });
    let fill = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' });
    let beside = sign.len() + number.prefix.len() + number.rest.chars().count();
    let mut digits = number.digits.to_owned();
    if let Some(separator) = spec.grouping {
        // Zeros between sign and digits are grouped like digits.
        let is_zeros = fill == '0' && align == PyAlign::AfterSign;
        let least = if is_zeros { spec.width.saturating_sub(beside) } else { 0 };
        digits = grouped(&digits, separator, number.group, least);
    }
    let padding = spec.width.saturating_sub(beside + digits.chars().count());
    let (before, between, after) = match align {
        PyAlign::Left => (0, 0, padding),
        PyAlign::Right => (padding, 0, 0),
        PyAlign::Center => (padding / 2, 0, padding - padding / 2),
        PyAlign::AfterSign => (0, padding, 0),
    };
    let mut out = String::new();
    pad(&mut out, fill, before);
    out.push_str(sign);
    out.push_str(number.prefix);
    pad(&mut out, fill, between);
    // Writing into a string cannot fail.
    let _ = write!(out, "{digits}{}", number.rest);
    pad(&mut out, fill, after);
    out
}

/// With separators, and with as many zeros before it as make it `least` characters long or, rather than
/// begin with a separator, one more.
fn grouped(digits: &str, separator: char, group: usize, least: usize) -> String {
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) || digits.is_empty() {
        return digits.to_owned();
    }
    let mut reversed = String::new();
    let mut source = digits.bytes().rev();
    let mut count = 0;
    loop {
        let next = source.next();
        if next.is_none() && reversed.len() >= least {
            break;
        }
        if count > 0 && count % group == 0 {
            reversed.push(separator);
        }
        reversed.push(char::from(next.unwrap_or(b'0')));
        count += 1;
    }
    reversed.chars().rev().collect()
}

fn padded_text(text: &str, spec: &PySpec) -> String {
    let end = spec.precision.and_then(|most| text.char_indices().nth(most));
    let text = end.map_or(text, |(end, _)| &text[..end]);
    let padding = spec.width.saturating_sub(text.chars().count());
    let (before, after) = match spec.align {
        Some(PyAlign::Right) => (padding, 0),
        Some(PyAlign::Center) => (padding / 2, padding - padding / 2),
        _ => (0, padding),
    };
    let mut out = String::new();
    pad(&mut out, spec.fill.unwrap_or(' '), before);
    out.push_str(text);
    pad(&mut out, spec.fill.unwrap_or(' '), after);
    out
}

fn pad(out: &mut String, fill: char, count: usize) {
    out.extend(std::iter::repeat_n(fill, count));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(value: Value<'_>, spec: &str, expected: &str) {
        let spec = PySpec::parse(spec).expect("a specification");
        assert_eq!(formatted(&value, Conversion::None, &spec), expected);
    }

    #[test]
    fn floats_without_specification_are_as_repr_shows_them() {
        for (v, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            is(Value::F64(v), "", expected);
        }
    }

    #[test]
    fn numbers_are_as_python_formats_them() {
        is(Value::I64(-42), "d", "-42");
        is(Value::I64(42), "+08d", "+0000042");
        is(Value::I64(-255), "#x", "-0xff");
        is(Value::I64(255), "#012_b", "0b0_1111_1111");
        is(Value::I64(255), "#014_b", "0b00_1111_1111");
        is(Value::I64(1_234_567), ",", "1,234,567");
        is(Value::I64(1_234), "010,", "00,001,234");
        is(Value::I64(1_234), "09,", "0,001,234");
        is(Value::I64(5), "*^7", "***5***");
        is(Value::I64(5), "x=4", "xxx5");
        is(Value::Bool(true), "d", "1");
        is(Value::Bool(true), ">5", "    1");
        is(Value::Bool(true), "", "True");
        is(Value::F64(1234.5), ",.2f", "1,234.50");
        is(Value::F64(0.5), ".0f", "0");
        is(Value::F64(2.5), ".0f", "2");
        is(Value::F64(0.125), ".1%", "12.5%");
        is(Value::F64(123_456.789), "e", "1.234568e+05");
        is(Value::F64(123_456.789), ".3g", "1.23e+05");
        is(Value::F64(0.0001), "g", "0.0001");
        is(Value::F64(100.0), "g", "100");
        is(Value::F64(100.0), "#g", "100.000");
        is(Value::F64(100.0), ".3", "1e+02");
        is(Value::F64(10.0), ".3", "10.0");
        is(Value::F64(f64::INFINITY), "F", "INF");
        is(Value::F64(f64::NAN), "+08.1f", "+0000nan");
        is(Value::F64(-1.5), "08.2f", "-0001.50");
    }

    #[test]
    fn strings_are_cut_and_padded_by_characters() {
        is(Value::Str("äöü"), ".2", "äö");
        is(Value::Str("äöü"), ">5", "  äöü");
        is(Value::Str("ab"), "*^7s", "**ab***");
        is(Value::Str("ab"), "5", "ab   ");
    }

    #[test]
    fn what_suits_nothing_is_as_str_shows_it() {
        is(Value::Str("ab"), "d", "ab");
        is(Value::Null, ">9", "None");
        is(Value::F64(1.5), "x", "1.5");
    }
}
