//! Text that came from outside, made safe for the place where it stands.

use super::line::Line;
use std::fmt::Write;

/// How text that came from outside is made safe for the place where it stands.
pub(super) trait Style {
    fn text(line: &mut Line<'_>, text: &str);

    /// Text whose bytes may not be UTF-8: each run of wrong bytes becomes one U+FFFD.
    fn lossy(line: &mut Line<'_>, bytes: &[u8]) {
        let mut after_wrong = false;
        for chunk in bytes.utf8_chunks() {
            Self::text(line, chunk.valid());
            after_wrong &= chunk.valid().is_empty();
            if !chunk.invalid().is_empty() && !after_wrong {
                line.put("\u{fffd}".as_bytes());
                after_wrong = true;
            }
        }
    }
}

/// As it is.
pub(super) struct Raw;
/// On one line, visible: for text.
pub(super) struct OneLine;
/// As [`OneLine`], but a line feed starts an indented line.
pub(super) struct Indented;
/// Between the quotes of a logfmt value: as [`OneLine`], and `"` and `\` are escaped too.
pub(super) struct Quoted;
/// Between the quotes of a JSON string.
pub(super) struct Json;

impl Style for Raw {
    fn text(line: &mut Line<'_>, text: &str) {
        line.put(text.as_bytes());
    }
}

impl Style for OneLine {
    #[inline(always)]
    fn text(line: &mut Line<'_>, text: &str) {
        if is_printable_ascii(text.as_bytes()) {
            line.put(text.as_bytes());
        } else {
            line.aside(|line| escape(line, text, &SHOWN, write_shown));
        }
    }
}

impl Style for Indented {
    #[inline(always)]
    fn text(line: &mut Line<'_>, text: &str) {
        if is_printable_ascii(text.as_bytes()) {
            line.put(text.as_bytes());
        } else {
            line.aside(|line| {
                escape(line, text, &SHOWN, |line, c| match c {
                    '\n' => line.put(CONTINUATION),
                    _ => write_shown(line, c),
                });
            });
        }
    }
}

/// What stands before each further line of a record.
pub(super) const CONTINUATION: &[u8] = b"\n    ";

impl Style for Quoted {
    fn text(line: &mut Line<'_>, text: &str) {
        line.aside(|line| {
            escape(line, text, &QUOTED, |line, c| match c {
                '"' => line.put(b"\\\""),
                '\\' => line.put(b"\\\\"),
                _ => write_shown(line, c),
            });
        });
    }
}

impl Style for Json {
    #[inline(always)]
    fn text(line: &mut Line<'_>, text: &str) {
        if is_json_clean(text.as_bytes()) {
            line.put(text.as_bytes());
        } else {
            line.aside(|line| escape(line, text, &JSON, write_json));
        }
    }
}

const BYTES: u64 = u64::MAX / 255;

/// Marks (not exactly, but never none) the bytes of a word that are below `n`, at most 128.
#[inline]
const fn below(word: u64, n: u64) -> u64 {
    word.wrapping_sub(BYTES * n) & !word & (BYTES * 128)
}

#[inline(always)]
fn any_word(bytes: &[u8], marks: impl Fn(u64) -> u64) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut found = words.iter().fold(0, |found, word| found | marks(u64::from_le_bytes(*word)));
    if let Some(last) = bytes.last_chunk::<8>() {
        found |= marks(u64::from_le_bytes(*last));
    } else {
        // Digits are clean in every style.
        let word = rest.iter().fold(BYTES * 0x30, |word, byte| word << 8 | u64::from(*byte));
        found |= marks(word);
    }
    found != 0
}

#[inline(always)]
fn is_printable_ascii(bytes: &[u8]) -> bool {
    !any_word(bytes, |word| {
        word & (BYTES * 128) | below(word, 0x20) | below(word ^ (BYTES * 0x7f), 1)
    })
}

/// Whether a key or value of logfmt needs no quotes.
#[inline(always)]
pub(super) fn is_bare(text: &str) -> bool {
    let marked = any_word(text.as_bytes(), |word| {
        word & (BYTES * 128)
            | below(word, 0x21)
            | below(word ^ (BYTES * 0x7f), 1)
            | below(word ^ (BYTES * u64::from(b'=')), 1)
            | below(word ^ (BYTES * u64::from(b'"')), 1)
    });
    if marked {
        !text.is_ascii() && !text.contains(|c| matches!(c, ' ' | '=' | '"') || is_hidden(c))
    } else {
        !text.is_empty()
    }
}

#[inline(always)]
fn is_json_clean(bytes: &[u8]) -> bool {
    !any_word(bytes, |word| {
        below(word, 0x20)
            | below(word ^ (BYTES * u64::from(b'"')), 1)
            | below(word ^ (BYTES * u64::from(b'\\')), 1)
    })
}

/// Bytes that may begin a character that is not copied.
type Suspects = [bool; 256];

const SHOWN: Suspects = suspects(b"\x7f\xc2\xd8\xe2");
const QUOTED: Suspects = suspects(b"\x7f\xc2\xd8\xe2\"\\");
const JSON: Suspects = suspects(b"\"\\");

const fn suspects(more: &[u8]) -> Suspects {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    let mut i = 0;
    while i < more.len() {
        table[more[i] as usize] = true;
        i += 1;
    }
    table
}

/// Copies runs without a suspect; every suspect character is given to `write`.
#[inline(never)]
fn escape(line: &mut Line<'_>, text: &str, table: &Suspects, write: impl Fn(&mut Line<'_>, char)) {
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| table[usize::from(byte)]) {
        line.put(&rest.as_bytes()[..at]);
        let mut chars = rest[at..].chars();
        if let Some(c) = chars.next() {
            write(line, c);
        }
        rest = chars.as_str();
    }
    line.put(rest.as_bytes());
}

/// Whether a character could forge a line, move the cursor or turn the reading direction.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2066}'..='\u{2069}')
}

#[cold]
fn write_shown(line: &mut Line<'_>, c: char) {
    // Writing into a line cannot fail.
    let _ = match c {
        '\n' => line.write_str("\\n"),
        '\r' => line.write_str("\\r"),
        '\t' => line.write_str("\\t"),
        c if c < '\u{80}' && is_hidden(c) => write!(line, "\\x{:02x}", u32::from(c)),
        c if is_hidden(c) => write!(line, "\\u{{{:x}}}", u32::from(c)),
        c => line.write_char(c),
    };
}

#[cold]
fn write_json(line: &mut Line<'_>, c: char) {
    let _ = match c {
        '"' => line.write_str("\\\""),
        '\\' => line.write_str("\\\\"),
        '\n' => line.write_str("\\n"),
        '\r' => line.write_str("\\r"),
        '\t' => line.write_str("\\t"),
        c => write!(line, "\\u{:04x}", u32::from(c)),
    };
}
