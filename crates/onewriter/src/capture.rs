//! How the macros take an argument: typed if the writer can format it, else rendered here.
//!
//! Which of the two is decided by the type at compile time, through method resolution on
//! references ("autoref specialization"): the impl for fewer references is tried first, and
//! passed over if its bound does not hold. In a generic function, where the bound cannot be
//! known, the value is rendered.

use onewriter_record::{Bytes, Encode, Out, Tag};
use std::borrow::Cow;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::ops::Deref;

/// An argument of a macro, borrowed.
pub struct Arg<'a, T: ?Sized>(pub &'a T);

/// A type that the writer formats exactly as the standard library would, in every trait it has.
pub trait Deferred: Encode {
    /// What a put takes with it: a copy if that is as cheap as a reference, so that a variable of
    /// the caller can stay in its register.
    type Carried<'a>: Encode
    where
        Self: 'a;

    /// Takes it.
    fn carry(&self) -> Self::Carried<'_>;
}

macro_rules! copied {
    ($($ty:ty)*) => { $(
        impl Deferred for $ty {
            type Carried<'a> = $ty;

            #[inline(always)]
            fn carry(&self) -> $ty {
                *self
            }
        }
    )* };
}

copied! {
    bool char i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64
    std::num::NonZeroU32 std::num::NonZeroU64 std::num::NonZeroUsize std::time::Duration
}

macro_rules! borrowed {
    ($([$($gen:tt)*] $ty:ty as $carried:ty;)*) => { $(
        impl<$($gen)*> Deferred for $ty {
            type Carried<'a> = &'a $carried where Self: 'a;

            #[inline(always)]
            fn carry(&self) -> &$carried {
                self
            }
        }
    )* };
}

borrowed! {
    [] str as str;
    [] String as str;
    [T: Deferred] [T] as [T];
    [T: Deferred] Vec<T> as [T];
    [T: Deferred, const N: usize] [T; N] as [T];
}

macro_rules! forwarded {
    ($([$($gen:tt)*] $ty:ty;)*) => { $(
        impl<$($gen)*> Deferred for $ty {
            type Carried<'a> = T::Carried<'a> where Self: 'a;

            #[inline(always)]
            fn carry(&self) -> T::Carried<'_> {
                (**self).carry()
            }
        }
    )* };
}

forwarded! {
    [T: Deferred + ?Sized] &T;
    [T: Deferred + ?Sized] &mut T;
    [T: Deferred + ?Sized] Box<T>;
    [T: Deferred + ?Sized] std::rc::Rc<T>;
    [T: Deferred + ?Sized] std::sync::Arc<T>;
    ['b, T: Deferred + ToOwned + ?Sized] Cow<'b, T>;
}

/// Chosen for an argument that travels typed.
pub trait ByValue {
    /// The choice.
    #[inline(always)]
    fn kind(&self) -> Value {
        Value
    }
}

impl<T: Deferred + ?Sized> ByValue for Arg<'_, T> {}

/// Chosen for every other argument.
pub trait ByText {
    /// The choice.
    #[inline(always)]
    fn kind(&self) -> Text {
        Text
    }
}

impl<T: ?Sized> ByText for &Arg<'_, T> {}

/// Chosen for a field that is one of the plain types.
pub trait FieldByCopy {
    /// The choice.
    #[inline(always)]
    fn field_kind(&self) -> Carry {
        Carry
    }
}

impl<T: Deferred + ?Sized> FieldByCopy for &&&&&Arg<'_, T> {}

/// Chosen for a field that travels typed.
pub trait FieldByValue {
    /// The choice.
    #[inline(always)]
    fn field_kind(&self) -> Value {
        Value
    }
}

impl<T: Encode + ?Sized> FieldByValue for &&&&Arg<'_, T> {}

/// Chosen for a field that is an error: its message and those of its sources.
pub trait FieldByChain {
    /// The choice.
    fn field_kind(&self) -> Chain {
        Chain
    }
}

impl<T: Error + ?Sized> FieldByChain for &&&Arg<'_, T> {}

/// Chosen for a field that holds an error without being one: `Box<dyn Error>`.
pub trait FieldByDeref {
    /// The choice.
    fn field_kind(&self) -> DerefChain {
        DerefChain
    }
}

impl<T: Deref<Target: Error>> FieldByDeref for &&Arg<'_, T> {}

/// Chosen for a field that borrows such a holder: the `&Box<dyn Error>` of a `match`.
pub trait FieldByDerefTwice {
    /// The choice.
    fn field_kind(&self) -> DerefTwiceChain {
        DerefTwiceChain
    }
}

impl<T: Deref<Target: Deref<Target: Error>>> FieldByDerefTwice for &Arg<'_, T> {}

/// Chosen for no field that compiles: it makes the compiler say what would.
pub trait FieldRefused {
    /// The choice.
    fn field_kind(&self) -> Refused {
        Refused
    }
}

impl<T: ?Sized> FieldRefused for Arg<'_, T> {}

/// Takes an argument as it is.
pub struct Value;

impl Value {
    /// The text is never made; its expression is there so that the compiler checks it.
    #[inline(always)]
    pub fn value<'a, T: Deferred + ?Sized>(
        self,
        value: &'a T,
        _text: fmt::Arguments<'_>,
    ) -> T::Carried<'a> {
        value.carry()
    }

    /// The field as it is.
    #[inline(always)]
    pub fn field<T: Encode + ?Sized>(self, value: &T) -> &T {
        value
    }
}

/// Takes a field of a plain type.
pub struct Carry;

impl Carry {
    /// The field as it is.
    #[inline(always)]
    pub fn field<T: Deferred + ?Sized>(self, value: &T) -> T::Carried<'_> {
        value.carry()
    }
}

/// Renders an argument.
pub struct Text;

impl Text {
    /// The text.
    #[inline]
    pub fn value<T: ?Sized>(self, _: &T, text: fmt::Arguments<'_>) -> Scratch {
        Scratch::render(text)
    }
}

/// Takes an error with its sources.
pub struct Chain;

impl Chain {
    /// The messages.
    pub fn field<T: Error + ?Sized>(self, error: &T) -> Messages {
        // A reference to an error is an error itself, and sized.
        Messages::of(&error)
    }
}

/// Takes the error that the value holds, with its sources.
pub struct DerefChain;

impl DerefChain {
    /// The messages.
    pub fn field<T: Deref<Target: Error>>(self, holder: &T) -> Messages {
        Messages::of(&&**holder)
    }
}

/// Takes the error that the borrowed value holds, with its sources.
pub struct DerefTwiceChain;

impl DerefTwiceChain {
    /// The messages.
    pub fn field<T: Deref<Target: Deref<Target: Error>>>(self, holder: &T) -> Messages {
        Messages::of(&&***holder)
    }
}

/// Takes nothing.
pub struct Refused;

impl Refused {
    /// The bound fails, and says so once: what is returned would be a field.
    pub fn field<T: Encode + ?Sized>(self, _: &T) -> Option<bool> {
        None
    }
}

/// The rendered messages of an error and its sources, outermost first, at most 16.
pub struct Messages(Vec<String>);

impl Messages {
    pub(crate) fn of(error: &dyn Error) -> Messages {
        let mut messages = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source
            && messages.len() < 16
        {
            messages.push(error.to_string());
            source = error.source();
        }
        Messages(messages)
    }
}

impl Encode for Messages {
    fn tag(&self) -> Tag {
        Tag::Error
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn write(&self, out: &mut impl Out) {
        self.0.write(out);
    }
}

/// A width or a precision.
#[inline(always)]
pub fn count(value: &usize) -> usize {
    *value
}

/// Larger buffers are not kept.
const MAX_KEPT: usize = 64 * 1024;
/// Buffers kept by a thread: as many as a call usually renders arguments.
const N_BUFFERS: usize = 4;

thread_local! {
    static BUFFERS: [Cell<Vec<u8>>; N_BUFFERS] =
        const { [const { Cell::new(Vec::new()) }; N_BUFFERS] };
}

/// A text rendered on the caller, in a buffer that the thread uses again.
///
/// Rendering runs the user's code, so it happens before the ring is entered, and each rendering
/// has a buffer of its own: a `Debug` impl may log.
pub struct Scratch(Vec<u8>);

impl Scratch {
    /// An empty buffer.
    #[inline]
    pub(crate) fn empty() -> Scratch {
        // In a thread that is ending the buffers may be gone.
        let buffer = BUFFERS.try_with(|buffers| {
            let taken = buffers.iter().map(Cell::take).find(|buffer| buffer.capacity() != 0);
            taken.unwrap_or_default()
        });
        Scratch(buffer.unwrap_or_default())
    }

    /// Renders `text`. If the user's code returns an error, what it wrote until then is kept.
    #[inline]
    pub fn render(text: fmt::Arguments<'_>) -> Scratch {
        let mut scratch = Scratch::empty();
        let _ = fmt::Write::write_fmt(&mut scratch, text);
        scratch
    }

    #[cfg(any(feature = "log", feature = "tracing"))]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }

    #[cfg(any(feature = "log", feature = "tracing"))]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Write for Scratch {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // Formatting comes in short pieces: copies of fixed length spare each the call of `memcpy`.
        let (bytes, at) = (text.as_bytes(), self.0.len());
        if bytes.len() <= 16
            && let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>())
        {
            self.0.extend_from_slice(first);
            self.0.extend_from_slice(last);
            let end = at + bytes.len();
            self.0[end - 8..end].copy_from_slice(last);
            self.0.truncate(end);
        } else {
            self.0.extend_from_slice(bytes);
        }
        Ok(())
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.0);
        if buffer.capacity() == 0 || MAX_KEPT < buffer.capacity() {
            return;
        }
        buffer.clear();
        let _ = BUFFERS.try_with(|buffers| {
            for kept in buffers {
                // What is not free is put back: a cell can be looked into only by taking.
                buffer = kept.replace(buffer);
                if buffer.capacity() == 0 {
                    break;
                }
            }
        });
    }
}

impl Encode for Scratch {
    #[inline]
    fn tag(&self) -> Tag {
        Tag::Text
    }

    #[inline]
    fn size(&self) -> usize {
        Bytes(&self.0).size()
    }

    #[inline]
    fn write(&self, out: &mut impl Out) {
        Bytes(&self.0).write(out);
    }
}
