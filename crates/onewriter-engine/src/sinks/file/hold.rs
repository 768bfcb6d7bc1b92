//! Turns: writers that share a file and not a queue, such as two containers with one volume, write
//! one after the other.
//!
//! Each batch is written, and each rotation done, under `flock` on the file at the path. The lock is
//! taken through a descriptor of its own, which is closed with the turn: a child that is forked in
//! between inherits the lock only if it is forked within those microseconds, and a kill gives it
//! back. Nobody is waited for longer than a moment: then the batch is pending, as on a full disk.

use super::disk::Disk;
use super::{FileSink, Settings};
use crate::error::Error;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

/// How often a lock that somebody has is tried again: for about five milliseconds.
const TRIES: u32 = 20;
/// How often the file at the path may change while its lock is being taken.
const CHANGES: u32 = 8;

/// The lock; `None` is that of the live file's own descriptor.
pub(super) type Turn = Option<File>;

impl FileSink {
    /// Waits a moment for this writer's turn, and goes on in the file that is at the path then.
    ///
    /// A batch that is staged for the live file is finished in it, wherever it is by now.
    pub(super) fn take_turn(&mut self) -> Result<Turn, Error> {
        let is_gone = self.live.file.metadata().is_ok_and(|meta| meta.nlink() == 0);
        if !is_gone && self.staged.is_some_and(|intent| self.live.id() == (intent.dev, intent.ino))
        {
            return self.take_own_turn();
        }
        for _ in 0..CHANGES {
            let lock = match self.disk.open_lock(&self.settings.path) {
                Ok(lock) => lock,
                Err(_) if is_gone => {
                    self.open_again()?;
                    continue;
                }
                Err(err) => {
                    // Renamed: it is finished, and `tick` makes another one if whoever renamed it
                    // does not. Or no descriptor is left, or it is not our file that is there.
                    let turn = self.take_own_turn()?;
                    let is_missing = err.kind() == io::ErrorKind::NotFound;
                    if is_missing && self.settings.path.exists() {
                        self.end_turn(turn);
                        continue;
                    }
                    return Ok(turn);
                }
            };
            wait(&mut *self.disk, &lock, &self.settings)?;
            let Ok(meta) = lock.metadata() else { continue };
            let id = (meta.dev(), meta.ino());
            // Whoever had the lock may have rotated the file.
            if !self.settings.is_at_path(id) {
                continue;
            }
            if self.live.id() != id {
                self.open_again()?;
            }
            if self.live.id() == id {
                return Ok(Some(lock));
            }
        }
        Err(busy(&self.settings))
    }

    fn take_own_turn(&mut self) -> Result<Turn, Error> {
        wait(&mut *self.disk, &self.live.file, &self.settings)?;
        Ok(None)
    }

    pub(super) fn end_turn(&mut self, turn: Turn) {
        self.disk.unlock(turn.as_ref().unwrap_or(&self.live.file));
    }
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
