//! Formatters: from a record to the bytes of a line.

use onewriter_record::Record;

/// Turns a record into bytes.
///
/// ```
/// use onewriter_engine::Format;
/// use onewriter_record::Record;
///
/// struct Shout;
/// impl Format for Shout {
///     fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
///         out.extend_from_slice(record.target().to_uppercase().as_bytes());
///         out.push(b'\n');
///     }
/// }
/// ```
pub trait Format: Send {
    /// Appends the record to `out`, with the newline at its end. What is in `out` already belongs
    /// to other records.
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>);
}

mod escape;
mod json;
mod line;
mod logfmt;
mod message;
mod origin;
mod pairs;
mod pattern;
mod sites;
mod text;
mod time;
mod value;

pub use json::JsonFormat;
pub use logfmt::LogfmtFormat;
pub use message::message;
pub use text::TextFormat;
pub use time::{NamedZone, Precision, Zone};
pub use value::value_text;

#[cfg(test)]
mod tests;
