//! The only place that knows how the engine is set up.

use std::path::Path;

use onewriter_engine::TextFormat;
use onewriter_engine::sinks::file::{ByteSize, Rotation};

use crate::config::Plan;
use crate::exit::Failure;

/// Checks a rotation text.
pub fn checked_rotation(text: &str) -> Result<String, String> {
    text.parse::<Rotation>().map(|_| text.to_owned()).map_err(|err| err.to_string())
}

/// Checks a text pattern.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    TextFormat::pattern(pattern).map(drop).map_err(|err| err.to_string())
}

/// A number of bytes as people write it.
pub fn bytes(text: &str) -> Option<u64> {
    ByteSize::from(text).bytes()
}

/// The engine with the sinks of a plan, for as long as this lives.
pub struct Engine;

impl Engine {
    /// Starts it.
    pub fn start(_plan: &Plan) -> Result<Engine, Failure> {
        Err(Failure::usage("the engine is not built in yet"))
    }

    /// Waits until everything is written.
    pub fn finish(self) -> Result<(), Failure> {
        Ok(())
    }
}

/// What the engine counted.
pub struct Counts {
    /// Puts that returned.
    pub accepted: u64,
    /// Records that it knows it lost.
    pub lost: u64,
}

/// The engine as the demo needs it: one rotated, compressed file of JSON lines, and all doors.
pub struct Demo;

impl Demo {
    /// Starts it on this file.
    pub fn start(_log: &Path) -> Result<Demo, Failure> {
        Err(Failure::usage("the engine is not built in yet"))
    }

    /// Waits until everything is written.
    pub fn finish(self, accepted: u64) -> Result<Counts, Failure> {
        Ok(Counts { accepted, lost: 0 })
    }
}

/// A record through the macros.
pub fn put(producer: u64, seq: u64, ticket: u64) {
    onewriter::info!(target: "demo", "order {seq} placed", producer = producer, seq = seq, ticket = ticket);
}
