//! Turns: writers that share a file and not a queue, such as two containers with one volume, write
//! one after the other.
//!
//! Each batch is written, and each rotation done, under `flock` on the file at the path. A kill gives
//! the lock back, since forked children do not get the open file ([`onewriter_ring::Alone`]). Nobody
//! is waited for longer than a moment: then the batch is pending, as on a full disk.

use super::disk::Disk;
use super::{FileSink, Settings};
use crate::error::Error;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;

/// How often a lock that somebody has is tried again: for about five milliseconds.
const TRIES: u32 = 20;
/// How often the file at the path may change while its lock is being taken.
const CHANGES: u32 = 8;

impl FileSink {
    /// Waits a moment for this writer's turn, and goes on in the file that is at the path then.
    ///
    /// A batch that is staged for the live file is finished in it, wherever it is by now.
    pub(super) fn take_turn(&mut self) -> Result<(), Error> {
        self.open_if_closed()?;
        for _ in 0..CHANGES {
            wait(&mut *self.disk, &self.live.file, &self.settings)?;
            let is_live = |id| self.live.id() == id;
            let at_path = fs::metadata(&self.settings.path);
            // Whoever had the lock may have rotated the file.
            let is_over = match &at_path {
                Ok(meta) if !meta.is_file() => true,
                Ok(meta) => is_live((meta.dev(), meta.ino())),
                Err(_) => false,
            };
            if is_over {
                return Ok(());
            }
            let is_gone = self.live.file.metadata().is_ok_and(|meta| meta.nlink() == 0);
            let is_staged = self.staged.is_some_and(|it| is_live((it.dev, it.ino)));
            // Renamed: it is finished, and `tick` makes another one if whoever renamed it does not.
            if !is_gone && (is_staged || at_path.is_err()) {
                return Ok(());
            }
            // Gives the lock back, or the old file with it.
            self.open_again().inspect_err(|_| self.end_turn())?;
        }
        Err(busy(&self.settings))
    }

    /// A program that has closed all descriptors has closed ours, and one that it opened since may
    /// have its number.
    pub(super) fn open_if_closed(&mut self) -> Result<(), Error> {
        if self.live.file.is_itself() { Ok(()) } else { self.open_again() }
    }

    pub(super) fn end_turn(&self) {
        unlock(&self.live.file);
    }
}

pub(super) fn unlock(file: &File) {
    let _ = rustix::fs::flock(file, rustix::fs::FlockOperation::Unlock);
}

/// Waits a moment for the lock of a file.
pub(super) fn wait(disk: &mut dyn Disk, file: &File, settings: &Settings) -> Result<(), Error> {
    for _ in 0..TRIES {
        if disk.try_lock(file) {
            return Ok(());
        }
        disk.pause();
    }
    Err(busy(settings))
}

fn busy(settings: &Settings) -> Error {
    let held = io::Error::new(io::ErrorKind::ResourceBusy, "another program holds its lock");
    Error::io("cannot write yet to", &settings.path, held)
}

/// Whether somebody else has the turn.
pub(super) fn is_busy(err: &Error) -> bool {
    err.io_error().is_some_and(|err| err.kind() == io::ErrorKind::ResourceBusy)
}
