//! Encoding: from Rust values to words.

use crate::value::Tag;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where encoded words go: a ring's frame, or a `Vec<u8>`.
pub trait Out {
    /// Appends one word, little-endian.
    fn word(&mut self, word: u64);
    /// Appends bytes and zeros up to the next multiple of eight.
    fn bytes(&mut self, bytes: &[u8]);
}

impl Out for Vec<u8> {
    fn word(&mut self, word: u64) {
        self.extend_from_slice(&word.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
        self.resize(self.len().next_multiple_of(8), 0);
    }
}

/// Counts the bytes that an encoding would take.
#[derive(Default)]
pub struct Size(pub usize);

impl Out for Size {
    #[inline]
    fn word(&mut self, _: u64) {
        self.0 += 8;
    }

    #[inline]
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 += padded(bytes.len());
    }
}

/// The length rounded up to a multiple of eight.
#[inline]
#[must_use]
pub const fn padded(len: usize) -> usize {
    (len + 7) & !7
}

/// A value that travels as typed bytes and is formatted by the writer.
///
/// Implemented for the primitive types, strings, byte slices, times, durations, options, slices
/// and vectors. Everything else is rendered on the caller as [`Rendered`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a field as it is",
    note = "write `key = ?value` to log it with Debug or `key = %value` to log it with Display"
)]
pub trait Encode {
    /// The tag of the value.
    fn tag(&self) -> Tag;
    /// The size of the value in bytes, a multiple of eight, without its tag.
    fn size(&self) -> usize;
    /// Writes exactly [`size`](Encode::size) bytes.
    fn write(&self, out: &mut impl Out);
}

macro_rules! one_word {
    ($($ty:ty => $tag:ident, $v:ident => $word:expr;)*) => { $(
        impl Encode for $ty {
            #[inline]
            fn tag(&self) -> Tag {
                Tag::$tag
            }
            #[inline]
            fn size(&self) -> usize {
                8
            }
            #[inline]
            fn write(&self, out: &mut impl Out) {
                let $v = *self;
                out.word($word);
            }
        }
    )* };
}

one_word! {
    bool => Bool, v => u64::from(v);
    i8 => I8, v => v as i64 as u64;
    i16 => I16, v => v as i64 as u64;
    i32 => I32, v => v as i64 as u64;
    i64 => I64, v => v as u64;
    isize => I64, v => v as i64 as u64;
    u8 => U8, v => u64::from(v);
    u16 => U16, v => u64::from(v);
    u32 => U32, v => u64::from(v);
    u64 => U64, v => v;
    usize => U64, v => v as u64;
    f32 => F32, v => u64::from(v.to_bits());
    f64 => F64, v => v.to_bits();
    char => Char, v => u64::from(u32::from(v));
    std::num::NonZeroU32 => U32, v => u64::from(v.get());
    std::num::NonZeroU64 => U64, v => v.get();
    std::num::NonZeroUsize => U64, v => v.get() as u64;
}

macro_rules! two_words {
    ($($ty:ty => $tag:ident, $v:ident => $wide:expr;)*) => { $(
        impl Encode for $ty {
            #[inline]
            fn tag(&self) -> Tag {
                Tag::$tag
            }
            #[inline]
            fn size(&self) -> usize {
                16
            }
            #[inline]
            fn write(&self, out: &mut impl Out) {
                let $v = *self;
                let wide: u128 = $wide;
                out.word(wide as u64);
                out.word((wide >> 64) as u64);
            }
        }
    )* };
}

two_words! {
    i128 => I128, v => v as u128;
    u128 => U128, v => v;
    Duration => Duration, v => v.as_nanos();
}

impl Encode for SystemTime {
    fn tag(&self) -> Tag {
        Tag::Time
    }

    fn size(&self) -> usize {
        8
    }

    fn write(&self, out: &mut impl Out) {
        let nanos = match self.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos)
            }
        };
        out.word(nanos as u64);
    }
}

#[inline]
fn write_blob(bytes: &[u8], out: &mut impl Out) {
    out.word(bytes.len() as u64);
    out.bytes(bytes);
}

impl Encode for str {
    #[inline]
    fn tag(&self) -> Tag {
        Tag::Str
    }

    #[inline]
    fn size(&self) -> usize {
        8 + padded(self.len())
    }

    #[inline]
    fn write(&self, out: &mut impl Out) {
        write_blob(self.as_bytes(), out);
    }
}

/// A string that the caller rendered: `Debug` or `Display` of a type that cannot travel.
#[derive(Clone, Copy, Debug)]
pub struct Rendered<'a>(pub &'a str);

impl Encode for Rendered<'_> {
    #[inline]
    fn tag(&self) -> Tag {
        Tag::Text
    }

    #[inline]
    fn size(&self) -> usize {
        self.0.size()
    }

    #[inline]
    fn write(&self, out: &mut impl Out) {
        self.0.write(out);
    }
}

/// Raw bytes: `&[u8]` would be a list of numbers.
impl Encode for Bytes<'_> {
    fn tag(&self) -> Tag {
        Tag::Bytes
    }

    fn size(&self) -> usize {
        8 + padded(self.0.len())
    }

    fn write(&self, out: &mut impl Out) {
        write_blob(self.0, out);
    }
}

/// Marks bytes that are to be logged as bytes, not as a list of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

macro_rules! forward {
    ($([$($gen:tt)*] $ty:ty;)*) => { $(
        impl<$($gen)*> Encode for $ty {
            #[inline]
            fn tag(&self) -> Tag {
                (**self).tag()
            }
            #[inline]
            fn size(&self) -> usize {
                (**self).size()
            }
            #[inline]
            fn write(&self, out: &mut impl Out) {
                (**self).write(out);
            }
        }
    )* };
}

forward! {
    [T: Encode + ?Sized] &T;
    [T: Encode + ?Sized] &mut T;
    [T: Encode + ?Sized] Box<T>;
    [T: Encode + ?Sized] std::rc::Rc<T>;
    [T: Encode + ?Sized] std::sync::Arc<T>;
    [] String;
    [T: Encode] Vec<T>;
    ['a, T: Encode + ToOwned + ?Sized] std::borrow::Cow<'a, T>;
}

impl<T: Encode> Encode for Option<T> {
    #[inline]
    fn tag(&self) -> Tag {
        self.as_ref().map_or(Tag::Null, Encode::tag)
    }

    #[inline]
    fn size(&self) -> usize {
        self.as_ref().map_or(0, Encode::size)
    }

    #[inline]
    fn write(&self, out: &mut impl Out) {
        if let Some(value) = self {
            value.write(out);
        }
    }
}

impl<T: Encode> Encode for [T] {
    fn tag(&self) -> Tag {
        Tag::List
    }

    fn size(&self) -> usize {
        16 + self.iter().map(|item| 8 + item.size()).sum::<usize>()
    }

    fn write(&self, out: &mut impl Out) {
        out.word(self.size() as u64 - 16);
        out.word(self.len() as u64);
        for item in self {
            out.word(item.tag() as u64);
            item.write(out);
        }
    }
}

impl<T: Encode, const N: usize> Encode for [T; N] {
    fn tag(&self) -> Tag {
        Tag::List
    }

    fn size(&self) -> usize {
        self.as_slice().size()
    }

    fn write(&self, out: &mut impl Out) {
        self.as_slice().write(out);
    }
}

/// Names and values in their order: encoded as a map.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a, V>(pub &'a [(&'a str, V)]);

impl<V: Encode> Encode for Pairs<'_, V> {
    fn tag(&self) -> Tag {
        Tag::Map
    }

    fn size(&self) -> usize {
        16 + self.0.iter().map(|(key, value)| entry_size(key, value)).sum::<usize>()
    }

    fn write(&self, out: &mut impl Out) {
        out.word(self.size() as u64 - 16);
        out.word(self.0.len() as u64);
        for (key, value) in self.0 {
            write_entry(key, value, out);
        }
    }
}

impl<K: AsRef<str>, V: Encode> Encode for std::collections::BTreeMap<K, V> {
    fn tag(&self) -> Tag {
        Tag::Map
    }

    fn size(&self) -> usize {
        16 + self.iter().map(|(key, value)| entry_size(key.as_ref(), value)).sum::<usize>()
    }

    fn write(&self, out: &mut impl Out) {
        out.word(self.size() as u64 - 16);
        out.word(self.len() as u64);
        for (key, value) in self {
            write_entry(key.as_ref(), value, out);
        }
    }
}

/// The size of a named value in a map or a section.
pub(crate) fn entry_size(key: &str, value: &(impl Encode + ?Sized)) -> usize {
    8 + padded(key.len()) + value.size()
}

/// A named value: tag and length of the name in one word, the name, the value.
pub(crate) fn write_entry(key: &str, value: &(impl Encode + ?Sized), out: &mut impl Out) {
    out.word(value.tag() as u64 | (key.len() as u64) << 32);
    out.bytes(key.as_bytes());
    value.write(out);
}

/// An error with the chain of its sources, at most 16 of them.
#[derive(Clone, Copy)]
pub struct ErrorChain<'a>(pub &'a (dyn std::error::Error + 'a));

impl ErrorChain<'_> {
    fn messages(&self) -> Vec<String> {
        std::iter::successors(Some(self.0), |err| err.source())
            .take(16)
            .map(ToString::to_string)
            .collect()
    }
}

impl Encode for ErrorChain<'_> {
    fn tag(&self) -> Tag {
        Tag::Error
    }

    fn size(&self) -> usize {
        self.messages().size()
    }

    fn write(&self, out: &mut impl Out) {
        self.messages().write(out);
    }
}
