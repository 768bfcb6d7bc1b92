//! Floor 3 of onewriter: everything behind the queue.
//!
//! ```text
//! drain -> order -> route -> Sink trait <- sinks, formatters
//! ```
//!
//! This crate is an implementation detail of [`onewriter`](https://docs.rs/onewriter). The drain
//! and the router know the [`Sink`] trait and no sink; formatters know records and no sink; sinks
//! know neither the drain nor each other.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod drain;
mod error;
pub mod filter;
pub mod format;
pub mod guard;
mod kept;
mod loss;
pub mod notice;
pub mod publish;
mod route;
mod sink;
pub mod sinks;
mod skip;
mod stats;
pub mod testing;
mod trap;
mod wall;
mod writer;

pub use error::{Error, ErrorKind};
pub use format::{Format, JsonFormat, LogfmtFormat, Precision, TextFormat, Zone};
pub use sink::{Context, Intent, Journal, NoJournal, Respawn, Sink, SinkSpec};
pub use sinks::IntoSink;
pub use stats::{SinkStats, Stats};
pub use trap::Trap;
pub use writer::{Hold, OnNotice, Writer, WriterOptions};
