//! onewriter: everyone logs, one writes.
#![forbid(unsafe_code)]

mod macros;

mod callsite;
mod capture;
pub mod context;
mod dynamic;
mod limit;
#[cfg(feature = "log")]
mod log_backend;
mod panic_hook;
mod put;
#[cfg(test)]
mod tests;

#[doc(hidden)]
pub use macros::__private;

pub use limit::Limit;
#[cfg(feature = "log")]
pub use log_backend::LogBackend;
pub use onewriter_record::{Bytes, Encode, ErrorChain, Level, LevelFilter, Pairs, Record, Value};
pub use put::PutError;
