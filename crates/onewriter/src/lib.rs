//! Everyone logs. One writes.
//!
//! Records from every thread and task go through one queue in shared memory, without blocking the
//! caller, to one writer that owns all files and terminals. Nothing that was accepted is lost when
//! the process exits, panics, aborts or is killed; lines are whole, in real-time order, and each
//! stands once in its file.
//!
//! ```
//! use onewriter::{info, sink, Rotation};
//!
//! # let dir = std::env::temp_dir().join(format!("onewriter-doc-{}", std::process::id()));
//! # std::fs::create_dir_all(&dir)?;
//! # std::env::set_current_dir(&dir)?;
//! let _log = onewriter::builder()
//!     .sink(sink::file("shop.log").json().rotation(Rotation::size("100 MB")).keep(7))
//!     .sink(sink::stderr().level(onewriter::Level::Warn))
//!     .install()?;
//!
//! let order = 7;
//! info!("order {order} placed", customer = "c-42", total = 19.90);
//! # drop(_log);
//! # assert!(std::fs::read_to_string("shop.log")?.contains("order 7 placed"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to | see |
//! | --- | --- |
//! | set up a logger | [`builder()`], [`Builder`], [`Guard`] |
//! | log | [`info!`] and its sisters, [`try_info!`], [`Limit`], [`context`] |
//! | choose where records go | [`sink`], [`Rotation`], [`Names`], [`Sink`] |
//! | choose how they look | [`TextFormat`], [`JsonFormat`], [`LogfmtFormat`], [`Format`] |
//! | choose which | [`Filter`], [`Level`] |
//! | choose what a full queue does | [`Overflow`] |
//! | change or ask a running logger | [`Handle`], [`complete`], [`Stats`] |
//! | combine it with other loggers | [`LogBackend`], [`mod@tracing`] |
//!
//! Step by step, and from other loggers:
//! [the guide](https://github.com/onewriter/onewriter/tree/main/docs/guide).
//!
//! Feature flags: `embedded` (default) brings the writer, without it the crate only produces;
//! `log` (default) and `tracing` bring the facades; `gzip` (default) and `zstd` the compression of
//! rotated files.
#![forbid(unsafe_code)]

mod macros;

mod callsite;
mod capture;
#[cfg(feature = "embedded")]
mod complete;
pub mod context;
mod dynamic;
mod fork;
#[cfg(feature = "embedded")]
mod install;
mod limit;
#[cfg(feature = "log")]
mod log_backend;
#[cfg(feature = "embedded")]
mod logger;
#[cfg(feature = "embedded")]
mod overflow;
mod panic_hook;
mod produce;
mod put;
#[cfg(feature = "embedded")]
mod signals;

#[cfg(test)]
mod tests;

#[cfg(feature = "tracing")]
pub mod tracing;

#[doc(hidden)]
pub use macros::__private;

/// For the doors of other languages.
#[cfg(feature = "embedded")]
#[doc(hidden)]
pub mod __door {
    pub use crate::complete::missing_in;
    pub use crate::produce::introduce_thread;
}

pub use limit::Limit;
#[cfg(feature = "log")]
pub use log_backend::LogBackend;
pub use onewriter_record::{
    Bytes, Encode, ErrorChain, Level, LevelFilter, OwnedRecord, Pairs, Record, Section, Value,
};
pub use produce::{Incomplete, Producer, join};
pub use put::PutError;

#[cfg(feature = "embedded")]
pub use self::embedded::*;

/// What there is with a writer in this process.
#[cfg(feature = "embedded")]
mod embedded {
    pub use crate::complete::Completion;
    pub use crate::install::{
        Builder, DRAIN_DEADLINE, Guard, Handle, builder, complete, complete_async, handle,
    };
    pub use crate::overflow::Overflow;
    pub use onewriter_engine::filter::Filter;
    pub use onewriter_engine::sinks::file::{Compression, DiskFull, Fsync, Names, Rotation};
    pub use onewriter_engine::sinks::flight::FlightOptions;
    pub use onewriter_engine::sinks::lane::{LaneOptions, OnFull};
    pub use onewriter_engine::sinks::terminal::Color;
    pub use onewriter_engine::{
        Context, Error, ErrorKind, Format, Intent, IntoSink, Journal, JsonFormat, LogfmtFormat,
        NoJournal, Precision, Sink, SinkStats, Stats, TextFormat, Zone,
    };
    pub use onewriter_engine::{format, testing};
    pub use onewriter_ring::Order;

    /// The sinks: where records go.
    pub mod sink {
        pub use onewriter_engine::sinks::Filtered;
        pub use onewriter_engine::sinks::file::{ByteSize, FileBuilder, FileSink};
        pub use onewriter_engine::sinks::file::{Compression::Gzip, Compression::Zstd, file};
        pub use onewriter_engine::sinks::flight::Flight;
        pub use onewriter_engine::sinks::function::{Function, function};
        pub use onewriter_engine::sinks::lane::Lane;
        pub use onewriter_engine::sinks::memory::{Lines, Memory, memory};
        pub use onewriter_engine::sinks::terminal::{Terminal, TerminalSink, stderr, stdout};
    }
}

/// The samples of the README and the guide are tests.
#[cfg(all(doctest, feature = "embedded", feature = "log", feature = "tracing", feature = "gzip"))]
mod guide {
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/guide/environment.md")]
    mod environment {}
    #[doc = include_str!("../../../docs/guide/files.md")]
    mod files {}
    #[doc = include_str!("../../../docs/guide/filters.md")]
    mod filters {}
    #[doc = include_str!("../../../docs/guide/formats.md")]
    mod formats {}
    #[doc = include_str!("../../../docs/guide/getting-started.md")]
    mod getting_started {}
    #[doc = include_str!("../../../docs/guide/log-and-tracing.md")]
    mod log_and_tracing {}
    #[doc = include_str!("../../../docs/guide/macros.md")]
    mod macros {}
    #[doc = include_str!("../../../docs/guide/migrating.md")]
    mod migrating {}
    #[doc = include_str!("../../../docs/guide/sinks.md")]
    mod sinks {}
}
