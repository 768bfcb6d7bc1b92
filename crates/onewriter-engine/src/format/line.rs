//! The end of a buffer while a line is written into it, and the escaping of text.
//!
//! Appending twelve short pieces to a `Vec` costs twelve calls of `memcpy` and twelve tests of the
//! capacity. A [`Line`] opens a window of ready bytes once and copies short pieces in registers.

use std::fmt;

const WINDOW: usize = 256;

/// Ready bytes behind the end of a buffer.
///
/// The position must live in a register, not in memory, or each piece waits for the store of the
/// one before. So what is on the hot path is inlined, and everything else works on a copy: see
/// [`aside`](Line::aside).
pub(super) struct Line<'a> {
    out: &'a mut Vec<u8>,
    at: usize,
}

impl Line<'_> {
    /// Appends to `out` what `write` writes.
    pub(super) fn append(out: &mut Vec<u8>, write: impl FnOnce(&mut Line<'_>)) {
        let mut line = Line::open(out);
        write(&mut line);
        line.close();
    }

    #[inline(always)]
    pub(super) fn open(out: &mut Vec<u8>) -> Line<'_> {
        let at = out.len();
        out.resize(at + WINDOW, 0);
        Line { out, at }
    }

    /// Cuts off what was not used.
    #[inline(always)]
    pub(super) fn close(self) {
        self.out.truncate(self.at);
    }

    /// Calls what is not inlined, without giving it the address of this line.
    #[inline(always)]
    pub(super) fn aside(&mut self, write: impl FnOnce(&mut Line<'_>)) {
        let mut copy = Line { out: &mut *self.out, at: self.at };
        write(&mut copy);
        self.at = copy.at;
    }

    /// Where the next byte goes.
    #[inline(always)]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    #[inline(always)]
    fn room(&mut self, n: usize) -> &mut [u8] {
        if self.out.len() - self.at < n {
            grow(self.out, self.at + n);
        }
        &mut self.out[self.at..]
    }

    #[inline(always)]
    pub(super) fn byte(&mut self, byte: u8) {
        self.room(1)[0] = byte;
        self.at += 1;
    }

    #[inline(always)]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        copy(self.room(bytes.len()), bytes);
        self.at += bytes.len();
    }

    pub(super) fn fill(&mut self, c: char, n: usize) {
        let mut utf8 = [0; 4];
        let bytes = c.encode_utf8(&mut utf8).as_bytes();
        for _ in 0..n {
            self.put(bytes);
        }
    }

    /// A number in decimal digits: eight at a time, without a branch on their count.
    #[inline(always)]
    pub(super) fn decimal(&mut self, n: u64) {
        if n < E8 {
            self.short_decimal(n);
        } else {
            self.aside(|line| line.long_decimal(n));
        }
    }

    #[inline(always)]
    fn short_decimal(&mut self, n: u64) {
        let digits = spread(n);
        let zeros = (digits | 1 << 56).trailing_zeros() / 8;
        let text = (digits | ASCII) >> (8 * zeros);
        self.room(8)[..8].copy_from_slice(&text.to_le_bytes());
        self.at += 8 - zeros as usize;
    }

    #[inline(never)]
    fn long_decimal(&mut self, n: u64) {
        let (first, last) = (n / E8, n % E8);
        self.decimal(first);
        self.put(&(spread(last) | ASCII).to_le_bytes());
    }

    #[inline(always)]
    pub(super) fn signed(&mut self, n: i64) {
        if n < 0 {
            self.byte(b'-');
        }
        self.decimal(n.unsigned_abs());
    }

    /// Overwrites `count` digits, at most nine, of the nanoseconds of a second.
    #[inline(always)]
    pub(super) fn fraction_at(&mut self, at: usize, nanos: u32, count: usize) {
        let text = (spread(u64::from(nanos / 10)) | ASCII).to_le_bytes();
        if count == 9 {
            self.out[at..at + 8].copy_from_slice(&text);
            self.out[at + 8] = b'0' + (nanos % 10) as u8;
        } else {
            self.out[at..at + count].copy_from_slice(&text[..count]);
        }
    }

    /// Pads what was written since `start`.
    pub(super) fn pad(&mut self, start: usize, pad: Pad) {
        let len = self.at - start;
        let chars = count_chars(&self.out[start..self.at]);
        let missing = usize::from(pad.width).saturating_sub(chars);
        let before = match pad.align {
            Side::Left => 0,
            Side::Center => missing / 2,
            Side::Right => missing,
        };
        self.fill(pad.fill, missing);
        // The padding now stands behind the text; its first part belongs before it.
        let shift = before * pad.fill.len_utf8();
        self.out[start..self.at].rotate_right((self.at - start - len).min(shift));
    }
}

#[cold]
#[inline(never)]
fn grow(out: &mut Vec<u8>, len: usize) {
    out.resize(len + WINDOW, 0);
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        Ok(())
    }
}

/// Fill, side and width of a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pad {
    pub(super) fill: char,
    pub(super) align: Side,
    pub(super) width: u16,
}

/// The side on which the text stands; the padding is on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Center,
    Right,
}

fn count_chars(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

const E8: u64 = 100_000_000;
const ASCII: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a number below 10^8, one in each byte, the first in the lowest.
#[inline(always)]
fn spread(n: u64) -> u64 {
    let four = (n / 10_000) | (n % 10_000) << 32;
    let hundreds = ((four * 5_243) >> 19) & 0x7f_0000_007f;
    let two = hundreds | (four - hundreds * 100) << 16;
    let tens = ((two * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | (two - tens * 10) << 8
}

/// Copies a short slice with two overlapping loads instead of a call.
#[inline(always)]
fn copy(to: &mut [u8], from: &[u8]) {
    let n = from.len();
    if let (Some(first), Some(last)) = (from.first_chunk::<16>(), from.last_chunk::<16>()) {
        if n > 32 {
            to[..n].copy_from_slice(from);
        } else {
            let to = &mut to[..n];
            to[..16].copy_from_slice(first);
            to[n - 16..].copy_from_slice(last);
        }
    } else if let (Some(first), Some(last)) = (from.first_chunk::<8>(), from.last_chunk::<8>()) {
        let to = &mut to[..n];
        to[..8].copy_from_slice(first);
        to[n - 8..].copy_from_slice(last);
    } else if let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        let to = &mut to[..n];
        to[..4].copy_from_slice(first);
        to[n - 4..].copy_from_slice(last);
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

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
    use fmt::Write;
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
    use fmt::Write;
    let _ = match c {
        '"' => line.write_str("\\\""),
        '\\' => line.write_str("\\\\"),
        '\n' => line.write_str("\\n"),
        '\r' => line.write_str("\\r"),
        '\t' => line.write_str("\\t"),
        c => write!(line, "\\u{:04x}", u32::from(c)),
    };
}
