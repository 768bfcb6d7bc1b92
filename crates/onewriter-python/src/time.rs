//! Times in Loguru's tokens, such as `YYYY-MM-DD HH:mm:ss.SSS`.

use onewriter_engine::format::{TimeText, Zone};

/// The longest first, with what `strftime` calls them. Those that go by the locale, or that nobody needs
/// in every line, Python renders.
const TOKENS: [(&str, Option<&str>); 29] = [
    ("YYYY", Some("%Y")),
    ("YY", Some("%y")),
    ("MMMM", None),
    ("MMM", None),
    ("MM", Some("%m")),
    ("M", Some("%-m")),
    ("DDDD", Some("%j")),
    ("DDD", Some("%-j")),
    ("DD", Some("%d")),
    ("D", Some("%-d")),
    ("dddd", None),
    ("ddd", None),
    ("d", None),
    ("HH", Some("%H")),
    ("H", Some("%-H")),
    ("hh", Some("%I")),
    ("h", Some("%-I")),
    ("mm", Some("%M")),
    ("m", Some("%-M")),
    ("ss", Some("%S")),
    ("s", Some("%-S")),
    ("A", Some("%p")),
    ("ZZ", Some("%z")),
    ("Z", Some("%:z")),
    ("zz", None),
    ("E", None),
    ("Q", None),
    ("X", None),
    ("x", None),
];
/// What a time without specification looks like.
const ISO: &str = "YYYY-MM-DDTHH:mm:ss.SSSSSSZZ";

/// Reads a specification; `None` if Python alone can carry it out.
pub(crate) fn time_text(spec: &str) -> Option<TimeText> {
    let (spec, zone) = match spec.strip_suffix("!UTC") {
        Some(spec) => (spec, Zone::Utc),
        None => (spec, Zone::Local),
    };
    let format = strftime(if spec.is_empty() { ISO } else { spec })?;
    TimeText::strftime(&format, &zone).ok()
}

fn strftime(spec: &str) -> Option<String> {
    // A specification of `strftime`, and escaped tokens, are Python's.
    if spec.contains(['%', '[']) {
        return None;
    }
    let mut format = String::new();
    let mut rest = spec;
    while let Some(first) = rest.chars().next() {
        let n_digits = rest.bytes().take_while(|byte| *byte == b'S').count();
        let found = TOKENS.iter().find(|(token, _)| rest.starts_with(token));
        let len = if n_digits > 0 {
            // Python's clocks have microseconds.
            let n_digits = Some(n_digits).filter(|count| *count <= 6)?;
            format.push_str(&format!("%{n_digits}f"));
            n_digits
        } else if let Some((token, directive)) = found {
            format.push_str((*directive)?);
            token.len()
        } else {
            format.push(first);
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    Some(format)
}
