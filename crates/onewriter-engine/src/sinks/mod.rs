//! The sinks, one file each.

pub mod file;
pub mod flight;
pub mod function;
pub mod lane;
pub mod memory;
pub mod terminal;

use crate::error::Error;
use crate::filter::Filter;
use crate::sink::{Respawn, Sink, SinkSpec};
use lane::{Lane, LaneOptions};
use onewriter_record::LevelFilter;
use std::sync::Arc;

/// What can be given to a builder as a sink: the builders of this module, and every [`Sink`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sink",
    note = "`sink::memory()` gives two things: `let (memory, lines) = sink::memory();`",
    note = "a closure becomes a sink with `sink::function(..)`, a file with `sink::file(path)`"
)]
pub trait IntoSink {
    /// Checks all settings and opens the destination.
    ///
    /// # Errors
    /// A setting that cannot be, a destination that cannot be opened.
    fn into_sink(self) -> Result<SinkSpec, Error>;

    /// Takes records of this level and above. Without a filter of its own a sink takes what the
    /// logger's filter admits, or INFO and above if that has none either.
    fn level(self, level: impl Into<LevelFilter>) -> Filtered<Self>
    where
        Self: Sized,
    {
        IntoSink::filter(self, Filter::level(level))
    }

    /// Takes the records that this filter admits; a second filter narrows the first.
    fn filter(self, filter: Filter) -> Filtered<Self>
    where
        Self: Sized,
    {
        Filtered { inner: self, filter }
    }
}

/// A sink with a filter: see [`IntoSink::filter`].
#[must_use = "it does nothing until it is handed to a logger"]
pub struct Filtered<S> {
    inner: S,
    filter: Filter,
}

impl<S: IntoSink> IntoSink for Filtered<S> {
    fn into_sink(self) -> Result<SinkSpec, Error> {
        let mut spec = self.inner.into_sink()?;
        spec.filter = Some(match spec.filter {
            Some(before) => before.and(self.filter),
            None => self.filter,
        });
        Ok(spec)
    }
}

impl<S: Sink + 'static> IntoSink for S {
    fn into_sink(self) -> Result<SinkSpec, Error> {
        Ok(SinkSpec::new(self))
    }
}

impl IntoSink for SinkSpec {
    fn into_sink(self) -> Result<SinkSpec, Error> {
        Ok(self)
    }
}

/// Settings that every builder of a sink has.
#[derive(Default)]
pub(crate) struct Common {
    filter: Option<Filter>,
    lane: Option<LaneOptions>,
}

impl Common {
    /// Settings with a lane.
    pub(crate) fn with_lane(lane: LaneOptions) -> Common {
        Common { filter: None, lane: Some(lane) }
    }

    /// The sink with these settings.
    pub(crate) fn apply(self, sink: impl Sink + 'static) -> Result<SinkSpec, Error> {
        let mut spec = match self.lane {
            Some(options) => SinkSpec::new(Lane::new(sink, options)?),
            None => SinkSpec::new(sink),
        };
        spec.filter = self.filter;
        Ok(spec)
    }

    /// What makes the sink anew, with these settings, where `make` makes it without them.
    pub(crate) fn respawn<S: Sink + 'static>(
        &self,
        make: impl Fn() -> Result<S, Error> + Send + Sync + 'static,
    ) -> Respawn {
        let lane = self.lane;
        Arc::new(move || match lane {
            Some(options) => Ok(Box::new(Lane::new(make()?, options)?)),
            None => Ok(Box::new(make()?)),
        })
    }
}

/// The methods of [`Common`], for a builder with a field `common`.
macro_rules! common_settings {
    ($($builder:tt)*) => {
        impl $($builder)* {
            /// Takes records of this level and above. Without a filter of its own a sink takes what
            /// the logger's filter admits, or INFO and above if that has none either.
            pub fn level(self, level: impl Into<onewriter_record::LevelFilter>) -> Self {
                self.filter(crate::filter::Filter::level(level))
            }

            /// Takes the records that this filter admits; a second filter narrows the first.
            pub fn filter(mut self, filter: crate::filter::Filter) -> Self {
                self.common.add_filter(filter);
                self
            }

            /// Gives the sink a lane: a bounded buffer and a thread of its own.
            pub fn lane(mut self, options: crate::sinks::lane::LaneOptions) -> Self {
                self.common.set_lane(Some(options));
                self
            }

            /// Calls the sink on the writer's own thread: nothing is buffered, and while the sink
            /// does not move nothing is written anywhere; puts then follow the overflow policy.
            pub fn inline(mut self) -> Self {
                self.common.set_lane(None);
                self
            }
        }
    };
}
pub(crate) use common_settings;

impl Common {
    pub(crate) fn add_filter(&mut self, filter: Filter) {
        self.filter = Some(match self.filter.take() {
            Some(before) => before.and(filter),
            None => filter,
        });
    }

    pub(crate) fn set_lane(&mut self, lane: Option<LaneOptions>) {
        self.lane = lane;
    }
}

/// The methods for choosing a formatter, for a builder with a method `format`.
macro_rules! format_settings {
    ($($builder:tt)*) => {
        impl $($builder)* {
            /// Lines for people: [`TextFormat::full`](crate::TextFormat::full). The default.
            pub fn text(self) -> Self {
                self.format(crate::TextFormat::full())
            }

            /// JSON lines.
            pub fn json(self) -> Self {
                self.format(crate::JsonFormat::new())
            }

            /// logfmt lines.
            pub fn logfmt(self) -> Self {
                self.format(crate::LogfmtFormat::new())
            }
        }
    };
}
pub(crate) use format_settings;
