//! The format-string macro of onewriter.
//!
//! An implementation detail of [`onewriter`](https://docs.rs/onewriter): it exists because a
//! variable captured in a format string (`"{user}"`) can be carried to the writer only by a macro
//! that reads the string. It knows neither rings nor sinks; it names items of the crate whose
//! `$crate` it is given, and nothing else.
#![forbid(unsafe_code)]

mod expand;
mod input;
mod literal;
mod message;
mod quote;

use proc_macro::TokenStream;

/// Expands one call of a logging macro: `record!($crate; info; "format {}", args, key = value)`.
///
/// Not for direct use; the grammar is documented at `onewriter::info!`.
#[doc(hidden)]
#[proc_macro]
pub fn record(input: TokenStream) -> TokenStream {
    match input::Call::parse(input) {
        Ok(call) => expand::expand(call),
        Err(error) => error.into_tokens(),
    }
}
