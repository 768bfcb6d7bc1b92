//! The end of a buffer while a line is written into it.
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
