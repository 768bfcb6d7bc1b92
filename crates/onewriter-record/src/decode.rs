//! Decoding: from untrusted bytes to values. Nothing here panics or believes a length.

use crate::encode::padded;
use crate::value::{Tag, Value};
use std::fmt;

/// Lists and maps within lists and maps are followed this deep, no deeper.
const MAX_DEPTH: u8 = 32;

/// Bytes that are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end in the middle of something.
    Truncated,
    /// A tag byte that no value has.
    UnknownTag(u8),
    /// A number that its place does not allow.
    OutOfRange,
    /// A name that is not UTF-8.
    NotUtf8,
    /// Lists and maps nested more than 32 deep.
    TooDeep,
    /// The format has a version that this build does not read.
    Version(u8),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Truncated => f.write_str("the record ends too early"),
            DecodeError::UnknownTag(tag) => write!(f, "unknown value tag {tag}"),
            DecodeError::OutOfRange => f.write_str("a value is out of its range"),
            DecodeError::NotUtf8 => f.write_str("a name is not UTF-8"),
            DecodeError::TooDeep => f.write_str("lists and maps are nested more than 32 deep"),
            DecodeError::Version(found) => {
                write!(f, "format version {found}, this build reads {}", crate::FORMAT_VERSION)
            }
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads words, byte strings and values from the front of a slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    depth: u8,
}

impl<'a> Decoder<'a> {
    /// Reads from the first byte on.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Decoder<'a> {
        Decoder { bytes, depth: 0 }
    }

    /// What has not been read yet.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// One word.
    #[inline(always)]
    pub fn word(&mut self) -> Result<u64, DecodeError> {
        let (word, rest) = self.bytes.split_first_chunk::<8>().ok_or(DecodeError::Truncated)?;
        self.bytes = rest;
        Ok(u64::from_le_bytes(*word))
    }

    /// `len` bytes and their padding.
    #[inline(always)]
    pub fn bytes(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(len).map_err(|_| DecodeError::Truncated)?;
        if len > self.bytes.len() || padded(len) > self.bytes.len() {
            return Err(DecodeError::Truncated);
        }
        let (bytes, rest) = self.bytes.split_at(padded(len));
        self.bytes = rest;
        Ok(&bytes[..len])
    }

    /// A name: UTF-8 of a given length.
    pub fn name(&mut self, len: u64) -> Result<&'a str, DecodeError> {
        std::str::from_utf8(self.bytes(len)?).map_err(|_| DecodeError::NotUtf8)
    }

    /// A byte string with its length before it.
    #[inline(always)]
    pub fn blob(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.word()?;
        self.bytes(len)
    }

    /// A value whose tag has been read.
    ///
    /// Always inlined: a value that is returned through memory is copied in larger pieces than it
    /// was written in, and each such copy waits for the stores.
    #[inline(always)]
    pub fn value(&mut self, tag: u8) -> Result<Value<'a>, DecodeError> {
        let tag = Tag::from_byte(tag).ok_or(DecodeError::UnknownTag(tag))?;
        Ok(match tag {
            Tag::I32 => Value::I32(narrow(self.word()? as i64)?),
            Tag::I64 => Value::I64(self.word()? as i64),
            Tag::U64 => Value::U64(self.word()?),
            Tag::F64 => Value::F64(f64::from_bits(self.word()?)),
            Tag::Str => {
                let blob = self.blob()?;
                std::str::from_utf8(blob).map_or(Value::Wtf8(blob), Value::Str)
            }
            _ => return self.rare_value(tag),
        })
    }

    #[inline(never)]
    fn rare_value(&mut self, tag: Tag) -> Result<Value<'a>, DecodeError> {
        Ok(match tag {
            Tag::Null => Value::Null,
            Tag::Bool => Value::Bool(self.word()? != 0),
            Tag::I8 => Value::I8(narrow(self.word()? as i64)?),
            Tag::I16 => Value::I16(narrow(self.word()? as i64)?),
            Tag::U8 => Value::U8(narrow(self.word()?)?),
            Tag::U16 => Value::U16(narrow(self.word()?)?),
            Tag::U32 => Value::U32(narrow(self.word()?)?),
            Tag::F32 => Value::F32(f32::from_bits(narrow(self.word()?)?)),
            Tag::I128 => Value::I128(self.wide()? as i128),
            Tag::U128 => Value::U128(self.wide()?),
            Tag::Char => {
                let code: u32 = narrow(self.word()?)?;
                Value::Char(char::from_u32(code).ok_or(DecodeError::OutOfRange)?)
            }
            Tag::Bytes => Value::Bytes(self.blob()?),
            Tag::Time => Value::Time(self.word()? as i64),
            Tag::Duration => Value::Duration(self.wide()? as i128),
            Tag::Error => Value::Error(self.items()?),
            Tag::List => Value::List(self.items()?),
            Tag::Map => Value::Map(self.entries()?),
            Tag::Text => {
                let blob = self.blob()?;
                std::str::from_utf8(blob).map_or(Value::Wtf8(blob), Value::Text)
            }
            Tag::Pointer => Value::Pointer(self.word()?),
            Tag::I32 | Tag::I64 | Tag::U64 | Tag::F64 | Tag::Str => {
                return self.value(tag as u8);
            }
        })
    }

    fn wide(&mut self) -> Result<u128, DecodeError> {
        let low = self.word()?;
        Ok(u128::from(low) | u128::from(self.word()?) << 64)
    }

    fn nested(&mut self) -> Result<(Decoder<'a>, u64), DecodeError> {
        if self.depth >= MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let len = self.word()?;
        let count = self.word()?;
        let inner = Decoder { bytes: self.bytes(len)?, depth: self.depth + 1 };
        Ok((inner, count))
    }

    fn items(&mut self) -> Result<Items<'a>, DecodeError> {
        let (inner, left) = self.nested()?;
        Ok(Items { inner, left })
    }

    fn entries(&mut self) -> Result<Entries<'a>, DecodeError> {
        let (inner, left) = self.nested()?;
        Ok(Entries { inner, left })
    }
}

fn narrow<T: TryFrom<S>, S>(wide: S) -> Result<T, DecodeError> {
    T::try_from(wide).map_err(|_| DecodeError::OutOfRange)
}

/// The values of a list; ends at the first one that is broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Items<'a> {
    inner: Decoder<'a>,
    left: u64,
}

impl<'a> Items<'a> {
    /// The bytes that have not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.inner.rest()
    }

    /// How many are said to be left; the bytes may hold fewer.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        let tag = self.inner.word().ok()?;
        self.inner.value(u8::try_from(tag).ok()?).ok()
    }
}

/// Named values; ends at the first one that is broken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entries<'a> {
    pub(crate) inner: Decoder<'a>,
    pub(crate) left: u64,
}

impl<'a> Entries<'a> {
    /// The bytes that have not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.inner.rest()
    }

    /// How many are said to be left; the bytes may hold fewer.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<(&'a str, Value<'a>)> {
        self.left = self.left.checked_sub(1)?;
        let head = self.inner.word().ok()?;
        let name = self.inner.name(head >> 32).ok()?;
        Some((name, self.inner.value(head as u8).ok()?))
    }
}
