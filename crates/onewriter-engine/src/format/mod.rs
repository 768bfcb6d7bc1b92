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

    /// The same formatter once more: a forked child that takes over from its parent makes its sinks
    /// anew. Without one, the default, the child leaves such sinks to others.
    fn twin(&self) -> Option<Box<dyn Format>> {
        None
    }

    /// What stands for it in a configuration file: `json`, `text`, a pattern. `None`, the default, if
    /// only the program itself knows.
    fn setting(&self) -> Option<String> {
        None
    }
}

impl Format for Box<dyn Format> {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        (**self).format(record, out);
    }

    fn twin(&self) -> Option<Box<dyn Format>> {
        (**self).twin()
    }

    fn setting(&self) -> Option<String> {
        (**self).setting()
    }
}

mod escape;
mod json;
mod line;
mod logfmt;
mod message;
mod origin;
mod pairs;
mod pattern;
mod python;
mod sites;
mod text;
mod time;
mod value;

pub use json::JsonFormat;
pub use logfmt::LogfmtFormat;
pub use message::{Messages, message};
pub use python::{formatted as python_format, plain as python_str};
pub use sites::Sites;
pub use text::TextFormat;
pub use time::{NamedZone, Precision, TimeText, Zone};
pub use value::value_text;

#[cfg(test)]
mod tests;
