//! Floor 1 of onewriter: what a record is and how it is written down.
//!
//! This crate is an implementation detail of [`onewriter`](https://docs.rs/onewriter); the
//! [`Level`], [`Value`] and [`Record`] types are re-exported there. It has no dependency, does no
//! I/O, reads no clock, knows neither rings nor sinks, and forbids unsafe code.
//!
//! The bytes are specified in `docs/format.md`. Decoding believes nothing: arbitrary bytes give an
//! error or a value, never a panic.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod decode;
mod encode;
mod level;
mod python;
mod record;
mod site;
mod template;
mod value;

pub use decode::{DecodeError, Decoder, Entries, Items};
pub use encode::{Bytes, Encode, ErrorChain, Out, Pairs, Rendered, Size, padded};
pub use level::{Level, LevelFilter, ParseLevelError};
pub use python::{Conversion, PyAlign, PySign, PySpec, format_parts, percent_template};
pub use record::{
    Body, ControlRecord, OwnedRecord, Process, Record, Section, SectionKind, Sections, Thread,
    Values, write_section,
};
pub use site::{
    CONTROL_SITE, EXTRA_FLAG, FORMAT_VERSION, NAME_MAX, ORIGIN_MAX, ORIGIN_SHIFT, SITE_MASK, Site,
    SiteDef, prefix,
};
pub use template::{Align, ArgRef, Count, Piece, Spec, Template, TemplateError, Trait};
pub use value::{Tag, Value};
