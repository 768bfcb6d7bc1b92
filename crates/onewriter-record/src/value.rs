//! Values: what an argument or a field can be.

use crate::decode::{Entries, Items};
use crate::encode::{Bytes, Encode, Out, padded};

/// The one-byte tag that stands before each encoded value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are those of the values")]
pub enum Tag {
    Null = 0,
    Bool = 1,
    I8 = 2,
    I16 = 3,
    I32 = 4,
    I64 = 5,
    I128 = 6,
    U8 = 7,
    U16 = 8,
    U32 = 9,
    U64 = 10,
    U128 = 11,
    F32 = 12,
    F64 = 13,
    Char = 14,
    Str = 15,
    Bytes = 16,
    Time = 17,
    Duration = 18,
    Error = 19,
    List = 20,
    Map = 21,
    Text = 22,
    Pointer = 23,
}

impl Tag {
    /// The tag of this number, if there is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Tag> {
        use Tag::*;
        const TAGS: [Tag; 24] = [
            Null, Bool, I8, I16, I32, I64, I128, U8, U16, U32, U64, U128, F32, F64, Char, Str,
            Bytes, Time, Duration, Error, List, Map, Text, Pointer,
        ];
        if (byte as usize) < TAGS.len() { Some(TAGS[byte as usize]) } else { None }
    }
}

/// One decoded value, borrowed from the bytes of its record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing: `None`, Python's `None`, JSON's `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A signed integer that was 8 bits wide.
    I8(i8),
    /// A signed integer that was 16 bits wide.
    I16(i16),
    /// A signed integer that was 32 bits wide.
    I32(i32),
    /// A signed integer that was 64 bits wide.
    I64(i64),
    /// A signed integer that was 128 bits wide.
    I128(i128),
    /// An unsigned integer that was 8 bits wide.
    U8(u8),
    /// An unsigned integer that was 16 bits wide.
    U16(u16),
    /// An unsigned integer that was 32 bits wide.
    U32(u32),
    /// An unsigned integer that was 64 bits wide.
    U64(u64),
    /// An unsigned integer that was 128 bits wide.
    U128(u128),
    /// A 32-bit float.
    F32(f32),
    /// A 64-bit float.
    F64(f64),
    /// A character.
    Char(char),
    /// A string.
    Str(&'a str),
    /// A string whose bytes are not valid UTF-8 (a lone surrogate from Python, a scribbled ring).
    Wtf8(&'a [u8]),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// A moment, in nanoseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// A span of time, in nanoseconds.
    Duration(i128),
    /// An error: its message, then the messages of its sources, outermost first.
    Error(Items<'a>),
    /// A list.
    List(Items<'a>),
    /// Names and values, in their order.
    Map(Entries<'a>),
    /// What the caller rendered already (`Debug` or `Display` of a type of its own); a format
    /// specification has been applied.
    Text(&'a str),
    /// An address, for `{:p}`.
    Pointer(u64),
}

impl Encode for Value<'_> {
    fn tag(&self) -> Tag {
        match self {
            Value::Null => Tag::Null,
            Value::Bool(_) => Tag::Bool,
            Value::I8(_) => Tag::I8,
            Value::I16(_) => Tag::I16,
            Value::I32(_) => Tag::I32,
            Value::I64(_) => Tag::I64,
            Value::I128(_) => Tag::I128,
            Value::U8(_) => Tag::U8,
            Value::U16(_) => Tag::U16,
            Value::U32(_) => Tag::U32,
            Value::U64(_) => Tag::U64,
            Value::U128(_) => Tag::U128,
            Value::F32(_) => Tag::F32,
            Value::F64(_) => Tag::F64,
            Value::Char(_) => Tag::Char,
            Value::Str(_) | Value::Wtf8(_) => Tag::Str,
            Value::Bytes(_) => Tag::Bytes,
            Value::Time(_) => Tag::Time,
            Value::Duration(_) => Tag::Duration,
            Value::Error(_) => Tag::Error,
            Value::List(_) => Tag::List,
            Value::Map(_) => Tag::Map,
            Value::Text(_) => Tag::Text,
            Value::Pointer(_) => Tag::Pointer,
        }
    }

    fn size(&self) -> usize {
        match self {
            Value::Null => 0,
            Value::I128(_) | Value::U128(_) | Value::Duration(_) => 16,
            Value::Str(text) | Value::Text(text) => 8 + padded(text.len()),
            Value::Bytes(bytes) | Value::Wtf8(bytes) => 8 + padded(bytes.len()),
            Value::Error(items) | Value::List(items) => 16 + items.rest().len(),
            Value::Map(entries) => 16 + entries.rest().len(),
            _ => 8,
        }
    }

    fn write(&self, out: &mut impl Out) {
        match *self {
            Value::Null => {}
            Value::Bool(v) => v.write(out),
            Value::I8(v) => v.write(out),
            Value::I16(v) => v.write(out),
            Value::I32(v) => v.write(out),
            Value::I64(v) | Value::Time(v) => v.write(out),
            Value::I128(v) | Value::Duration(v) => v.write(out),
            Value::U8(v) => v.write(out),
            Value::U16(v) => v.write(out),
            Value::U32(v) => v.write(out),
            Value::U64(v) | Value::Pointer(v) => v.write(out),
            Value::U128(v) => v.write(out),
            Value::F32(v) => v.write(out),
            Value::F64(v) => v.write(out),
            Value::Char(v) => v.write(out),
            Value::Str(text) | Value::Text(text) => text.write(out),
            Value::Bytes(bytes) | Value::Wtf8(bytes) => Bytes(bytes).write(out),
            Value::Error(items) | Value::List(items) => nested(items.rest(), items.left(), out),
            Value::Map(entries) => nested(entries.rest(), entries.left(), out),
        }
    }
}

fn nested(bytes: &[u8], count: u64, out: &mut impl Out) {
    out.word(bytes.len() as u64);
    out.word(count);
    out.bytes(bytes);
}
