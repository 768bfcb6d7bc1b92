//! The side files of one ring: bodies of records that were too large for it.

use super::segment::About;
use crate::segment::{done_path, side_path};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The body that was read last is kept if it is not larger: the memory is used again.
const KEPT_MAX: usize = 1 << 20;

/// What a frame says instead of its body.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    pub(super) number: u64,
    pub(super) len: u64,
}

/// Side files that frames of one ring refer to.
#[derive(Debug, Default)]
pub(super) struct SideFiles {
    body: Vec<u8>,
    /// Those that are not removed yet.
    open: Vec<u64>,
    /// The number of the last one. Numbers of a ring only grow: so each file is read once, and a
    /// ring full of references costs no more than the memory that real files take.
    last: u64,
}

impl SideFiles {
    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// There is no body; says false, that nothing was read.
    pub(super) fn none(&mut self) -> bool {
        self.body.clear();
        // A body may have 64 MiB, and there may be as many as rings.
        if self.body.capacity() > KEPT_MAX {
            self.body = Vec::new();
        }
        false
    }

    /// Reads the body that a frame refers to; if that fails it is empty.
    pub(super) fn read(&mut self, about: &About, reference: Reference) -> Option<()> {
        self.none();
        let Reference { number, len } = reference;
        if number <= self.last {
            return None;
        }
        self.last = number;
        self.open.push(number);
        let len = usize::try_from(len).ok().filter(|len| *len <= crate::MAX_RECORD)?;
        let file = match open(&side_path(&about.path, number)) {
            // The writer before this one was killed when it had written the record.
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                open(&done_path(&about.path, number)).ok()?
            }
            file => file.ok()?,
        };
        let meta = file.metadata().ok()?;
        let is_own = meta.is_file() && meta.uid() == about.rules.uid && meta.nlink() == 1;
        // In memory, where `allocate` is exact, a file with holes is none that a put has made: a
        // few pages of it would pass for gigabytes.
        let is_whole = !about.rules.in_memory || 512 * meta.blocks() >= len as u64;
        if !is_own || !is_whole || meta.len() < len as u64 {
            return None;
        }
        self.body.resize(len, 0);
        let body = &mut self.body;
        file.read_exact_at(body, 0).inspect_err(|_| body.clear()).ok()
    }

    /// Marks the files of frames that were taken, all but the last one if its frame is still to
    /// come: what is marked is no record that was never finished, whoever is killed from here on.
    pub(super) fn mark_taken(&self, about: &About, is_last_to_come: bool) {
        for number in &self.open[..self.n_taken(is_last_to_come)] {
            let path = &about.path;
            let _ = fs::rename(side_path(path, *number), done_path(path, *number));
        }
    }

    /// Removes these files.
    pub(super) fn remove_taken(&mut self, about: &About, is_last_to_come: bool) {
        let n_taken = self.n_taken(is_last_to_come);
        for number in self.open.drain(..n_taken) {
            let _ = fs::remove_file(done_path(&about.path, number));
        }
    }

    fn n_taken(&self, is_last_to_come: bool) -> usize {
        self.open.len().saturating_sub(usize::from(is_last_to_come))
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}
