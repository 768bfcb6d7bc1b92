//! A file sink's settings in words, as the command's configuration file has them: for whoever
//! writes what this process leaves, and for telling processes that disagree.

use super::builder::{FileBuilder, Fsync};
use super::names::Names;
use super::rotation::interval_text;
use super::size;
use crate::publish::toml_string;
use onewriter_record::LevelFilter;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

impl FileBuilder {
    /// Lines with everything that differs from the defaults, but for the file itself; `None` if
    /// something about it cannot be said in words. What a full disk does, a filter and a lane are
    /// not in them.
    pub(super) fn settings(&self) -> Option<String> {
        let names = self.names.to_string();
        let is_read_again = || names.parse().is_ok_and(|read: Names| read == self.names);
        if self.access.owner.is_some() || self.zone.is_some() || !is_read_again() {
            return None;
        }
        let mut lines = Lines::default();
        lines.text("format", Some(self.format.setting()?).filter(|format| format != "text"));
        lines.text("rotate", Some(self.rotation.to_string()).filter(|rotate| rotate != "never"));
        lines.text("names", Some(names).filter(|names| names != "index"));
        lines.plain("utc", self.utc.then_some(true));
        lines.plain("keep", self.keep);
        lines.text("keep-for", self.keep_for.map(span));
        lines.text(
            "keep-bytes",
            self.keep_bytes.as_ref().and_then(size::ByteSize::bytes).map(size::text),
        );
        lines.text("compress", self.compression.map(|how| how.name().to_owned()));
        if let Some(link) = &self.link {
            lines.text("link", Some(text_of(&std::path::absolute(link).ok()?)?));
        }
        lines.text("mode", self.access.mode.map(|mode| format!("{mode:o}")));
        lines.text("fsync", fsync(self.fsync));
        Some(lines.0)
    }
}

/// The lines with the file before them.
pub(super) fn with_file(path: &Path, lines: &str) -> Option<String> {
    Some(format!("file = {}\n{lines}", toml_string(&text_of(path)?)))
}

fn text_of(path: &Path) -> Option<String> {
    PathBuf::from(path).into_os_string().into_string().ok()
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn text(&mut self, key: &str, value: Option<String>) {
        self.plain(key, value.map(|value| toml_string(&value)));
    }

    fn plain(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            // Writing into a string does not fail.
            let _ = writeln!(self.0, "{key} = {value}");
        }
    }
}

fn fsync(fsync: Fsync) -> Option<String> {
    match fsync {
        Fsync::Never => None,
        Fsync::Batch => Some("batch".to_owned()),
        Fsync::From(level) => Some(crate::publish::level_text(LevelFilter::from(level))),
        Fsync::Every(every) => Some(span(every)),
    }
}

/// A span of time, exactly.
fn span(span: Duration) -> String {
    if span.subsec_nanos() == 0 {
        return interval_text(span.as_secs());
    }
    match span.subsec_nanos() % 1_000_000 {
        0 => format!("{}ms", span.as_millis()),
        _ => format!("{}ns", span.as_nanos()),
    }
}
