//! Sizes in bytes, as numbers and as people write them.

use crate::error::Error;
use std::str::FromStr;

/// A number of bytes: `ByteSize::from(1_000_000)`, or text such as `"100 MB"` or `"1.5 GiB"`.
///
/// `KB`, `MB`, `GB`, `TB` (and `K`, `M`, `G`, `T`) are powers of 1,000; `KiB`, `MiB`, `GiB`, `TiB`
/// are powers of 1,024, as in Loguru. Upper and lower case, and the space, do not matter, except
/// that a bare `m` is refused: it might be minutes.
///
/// A text that is no size is reported when the sink is built.
///
/// ```
/// use onewriter_engine::sinks::file::ByteSize;
/// assert_eq!("1.5 KiB".parse::<ByteSize>()?, ByteSize::from(1536));
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteSize(Result<u64, String>);

impl ByteSize {
    /// The number of bytes; `None` if it was made from a text that is no size.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        self.0.as_ref().ok().copied()
    }

    /// The number, if it is one that a setting can have: from 1 to `i64::MAX`, the largest file.
    pub(super) fn checked(&self, setting: &str) -> Result<u64, String> {
        match &self.0 {
            Err(wrong) => Err(format!("{setting}: {wrong}")),
            Ok(0) => Err(format!("{setting} 0 is zero: give at least 1 byte, such as \"100 MB\"")),
            Ok(n) if i64::try_from(*n).is_err() => {
                Err(format!("{setting} {n} is larger than a file can be: give at most 8 EiB"))
            }
            Ok(n) => Ok(*n),
        }
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> ByteSize {
        ByteSize(Ok(bytes))
    }
}

impl From<&str> for ByteSize {
    fn from(text: &str) -> ByteSize {
        ByteSize(parse(text).ok_or_else(|| unknown(text)))
    }
}

impl FromStr for ByteSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<ByteSize, Error> {
        let bytes = parse(text).ok_or_else(|| Error::config(unknown(text)))?;
        Ok(ByteSize(Ok(bytes)))
    }
}

fn unknown(text: &str) -> String {
    format!("\"{text}\" is no size: give a number and a unit, such as \"100 MB\" or \"1.5 GiB\"")
}

/// The number of bytes, or `None` if the text is no size.
pub(super) fn parse(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" | "byte" | "bytes" => 1,
        "k" | "kb" => 1_000,
        "m" if unit == "m" => return None,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "t" | "tb" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let bytes = number.parse::<f64>().ok()? * factor as f64;
    (bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// A number of bytes in the largest unit that holds it exactly: `100 MB`.
pub(super) fn text(bytes: u64) -> String {
    const UNITS: [(u64, &str); 8] = [
        (1_000_000_000_000, "TB"),
        (1 << 40, "TiB"),
        (1_000_000_000, "GB"),
        (1 << 30, "GiB"),
        (1_000_000, "MB"),
        (1 << 20, "MiB"),
        (1_000, "KB"),
        (1 << 10, "KiB"),
    ];
    let fits = |unit: &&(u64, &str)| bytes > 0 && bytes.is_multiple_of(unit.0);
    UNITS
        .iter()
        .find(fits)
        .map_or_else(|| format!("{bytes} B"), |(unit, name)| format!("{} {name}", bytes / unit))
}

/// Splits `"1.5 GB"` into `"1.5"` and `"GB"`.
pub(super) fn split_number(text: &str) -> Option<(&str, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    number.starts_with(|c: char| c.is_ascii_digit()).then_some((number, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_that_people_write() {
        let table = [
            ("0", 0),
            ("1", 1),
            ("512 B", 512),
            ("100 MB", 100_000_000),
            ("100MB", 100_000_000),
            ("2 kb", 2_000),
            ("10 M", 10_000_000),
            ("1.5 GiB", 3 << 29),
            ("0.5 TB", 500_000_000_000),
            ("3 TiB", 3 << 40),
            (" 7 KiB ", 7168),
        ];
        for (text, bytes) in table {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn a_size_is_written_in_a_unit_that_holds_it_exactly() {
        let table = [
            (1, "1 B"),
            (40_000, "40 KB"),
            (100_000_000, "100 MB"),
            (128 << 20, "128 MiB"),
            (1_234_567, "1234567 B"),
            (3 << 40, "3 TiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(text(bytes), expected);
            assert_eq!(parse(expected), Some(bytes));
        }
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in
            ["", "MB", "-1 MB", "10 m", "1..5 MB", "1 XB", "1 MB 2", "99999999999 TB", "nan"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        let err = "10 m".parse::<ByteSize>().unwrap_err();
        assert_eq!(
            err.to_string(),
            "\"10 m\" is no size: give a number and a unit, such as \"100 MB\" or \"1.5 GiB\""
        );
    }

    #[test]
    fn impossible_sizes_say_what_would_be_right() {
        assert_eq!(
            ByteSize::from(0).checked("rotation size"),
            Err("rotation size 0 is zero: give at least 1 byte, such as \"100 MB\"".into())
        );
        assert_eq!(
            ByteSize::from(u64::MAX).checked("keep_bytes"),
            Err("keep_bytes 18446744073709551615 is larger than a file can be: give at most 8 EiB"
                .into())
        );
    }
}
