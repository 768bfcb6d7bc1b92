//! The sinks, one file each.

pub mod file;
pub mod flight;
pub mod function;
pub mod lane;
pub mod memory;
pub mod terminal;

use crate::format::Format;
use onewriter_record::Record;

/// The formatter of a sink that was given none.
fn plain_text() -> Box<dyn Format> {
    struct Plain;
    impl Format for Plain {
        fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
            let head = format!("{} {}: ", record.site.level_name, record.target());
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(crate::filter::message_text(record).as_bytes());
            out.push(b'\n');
        }
    }
    Box::new(Plain)
}

/// The formatter of a terminal that was given none.
fn terminal_text(_color: bool) -> Box<dyn Format> {
    plain_text()
}
