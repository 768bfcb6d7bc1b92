//! Records of `log` that come through `tracing-log`.

use super::level;
use crate::dynamic::{self, Place};
use crate::put::{FrameOut, put_with};
use onewriter_record::{Encode, Rendered, Tag};
use std::fmt::{self, Write as _};
use tracing_core::Event;
use tracing_core::field::{Field, Visit};

/// A record of `log` that came through `tracing-log`: its place is in fields of the event.
#[derive(Default)]
struct Bridged {
    message: String,
    target: String,
    module: String,
    file: String,
    line: u32,
}

impl Visit for Bridged {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A message that ends with an error is kept as far as it came.
            let _ = write!(self.message, "{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let text = match field.name() {
            "message" => &mut self.message,
            "log.target" => &mut self.target,
            "log.module_path" => &mut self.module,
            "log.file" => &mut self.file,
            _ => return,
        };
        value.clone_into(text);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.line = u32::try_from(value).unwrap_or(0);
        }
    }
}

/// Puts it with the place that it had in `log`.
pub(super) fn put_bridged(event: &Event<'_>) {
    let mut bridged = Bridged::default();
    event.record(&mut bridged);
    let place = Place {
        level: level(*event.metadata().level()),
        target: &bridged.target,
        module: &bridged.module,
        file: &bridged.file,
        line: bridged.line,
    };
    let site = dynamic::find(&place, false);
    if site.is_enabled() {
        let text = Rendered(&bridged.message);
        let write = |out: &mut FrameOut<'_, '_>| text.write(out);
        put_with(site, &[Tag::Text], text.size(), write, &[]);
    }
}
