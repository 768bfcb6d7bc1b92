//! Which rotated files are deleted.

use super::names::{Parsed, Scheme, State};
use super::open::{Live, modified};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is kept; each rule that is set deletes on its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keep {
    pub(super) count: Option<usize>,
    /// In nanoseconds.
    pub(super) age: Option<u64>,
    /// The live file included.
    pub(super) bytes: Option<u64>,
}

impl Keep {
    pub(super) fn is_all(&self) -> bool {
        self.count.is_none() && self.age.is_none() && self.bytes.is_none()
    }

    /// How many of the oldest of `files` go; `files` are sorted, the oldest first.
    pub(super) fn doomed(&self, files: &[Rotated], now: u64, live_len: u64) -> usize {
        let too_many = files.len().saturating_sub(self.count.unwrap_or(usize::MAX));
        let is_old =
            |file: &&Rotated| self.age.is_some_and(|age| file.modified.saturating_add(age) < now);
        let too_old = files.iter().take_while(is_old).count();
        let mut sum = live_len;
        let fits = |file: &&Rotated| {
            sum = sum.saturating_add(file.size);
            self.bytes.is_none_or(|bytes| sum <= bytes)
        };
        let too_big = files.len() - files.iter().rev().take_while(fits).count();
        too_many.max(too_old).max(too_big)
    }
}

/// A rotated file; beside its compressed form, if a compression was cut off, it counts once.
#[derive(Debug)]
pub(super) struct Rotated {
    pub(super) name: Parsed,
    pub(super) plain: Option<PathBuf>,
    pub(super) compressed: Vec<PathBuf>,
    size: u64,
    modified: u64,
    /// Its plain form is of another time than the compressed one: it is another file.
    pub(super) is_other: bool,
}

/// The files of a folder that are ours.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// The oldest first.
    pub(super) rotated: Vec<Rotated>,
    /// What cut off compressions left.
    pub(super) partial: Vec<PathBuf>,
    /// The names of the files that these were to replace.
    partial_names: Vec<Parsed>,
}

impl Folder {
    /// Looks at regular files whose names are exactly ours, and never at the live file.
    pub(super) fn read(folder: &Path, scheme: &Scheme, live: &Live) -> io::Result<Folder> {
        let mut found = Folder::default();
        let mut by_base = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| scheme.parse(name)) else { continue };
            // Another program may delete files at any time.
            let Ok(meta) = entry.metadata() else { continue };
            let is_live = meta.dev() == live.dev && meta.ino() == live.ino;
            if !meta.is_file() || is_live {
                continue;
            }
            if name.state == State::Partial {
                found.partial.push(entry.path());
                found.partial_names.push(name);
                continue;
            }
            let is_plain = name.state == State::Plain;
            let file = by_base.entry(name.base.clone()).or_insert_with(|| Rotated {
                name,
                plain: None,
                compressed: Vec::new(),
                size: 0,
                modified: modified(&meta),
                is_other: false,
            });
            if is_plain {
                file.plain = Some(entry.path());
            } else {
                file.compressed.push(entry.path());
            }
            file.size += meta.len();
            // A compression takes over the time.
            file.is_other |= file.modified != modified(&meta);
            file.modified = file.modified.max(modified(&meta));
        }
        found.rotated = by_base.into_values().collect();
        found.rotated.sort_by_key(Rotated::age_key);
        if scheme.is_shifted() {
            found.rotated.reverse();
        }
        Ok(found)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Parsed> {
        self.rotated.iter().map(|file| &file.name)
    }

    /// The names that are taken: also of what is only known by its compressed form in the making.
    pub(super) fn taken(&self) -> impl Iterator<Item = &Parsed> {
        self.names().chain(&self.partial_names)
    }
}

impl Rotated {
    /// By index alone if there is one: it never lies. A file's time is that of its newest record.
    fn age_key(&self) -> (u64, u64) {
        let time = if self.name.time.is_empty() { 0 } else { self.modified };
        (time, self.name.number)
    }

    /// Whether its compressed form is whole, and what is there beside it is to go.
    pub(super) fn is_packed(&self) -> bool {
        // Otherwise it would not have its name.
        !self.compressed.is_empty() && !self.is_other
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.plain.iter().chain(&self.compressed)
    }
}

#[cfg(test)]
#[path = "tests/retention.rs"]
mod tests;
