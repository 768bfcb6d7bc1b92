//! What an earlier writer had announced and may not have finished.

use super::disk::Disk;
use super::{FileSink, Fsync};
use crate::error::Error;
use crate::sink::{Context, Intent, NoJournal};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

impl FileSink {
    /// Writes the staged bytes of an earlier writer to the place it meant, in the live file or in a
    /// rotated one. Whether it had written all, some or none of them, they stand there once.
    ///
    /// If that file is gone, or was emptied, they go to the end of the live file: better there and
    /// perhaps also in the file that somebody took away than nowhere.
    ///
    /// After an error they are pending, and the next commit tries again.
    pub(super) fn repeat(&mut self, intent: &Intent, bytes: &[u8]) -> Result<(), Error> {
        let path = self.settings.path.clone();
        let fail = |err| Error::io("cannot repeat the last write to", &path, err);
        let is_live = (self.live.dev, self.live.ino) == (intent.dev, intent.ino);
        if !is_live && self.repeat_elsewhere(intent, bytes).map_err(fail)? {
            return Ok(());
        }
        // Like a batch of our own that failed: the guard sees whether the file is still the same.
        self.staged = is_live.then_some(*intent);
        self.batch.bytes.extend_from_slice(bytes);
        self.batch.wants_sync = matches!(self.settings.fsync, Fsync::Batch | Fsync::From(_));
        // The journal that holds these bytes is the router's; it confirms them itself.
        self.write_batch(&mut Context { now: self.newest, journal: &mut NoJournal })
    }

    fn repeat_elsewhere(&mut self, intent: &Intent, bytes: &[u8]) -> io::Result<bool> {
        let Some(path) = self.find(intent)? else { return Ok(false) };
        let file = OpenOptions::new().write(true).open(path)?;
        if file.metadata()?.len() < intent.base {
            return Ok(false);
        }
        write_all_at(&mut *self.disk, &file, bytes, intent.base)?;
        Ok(true)
    }

    /// The file that was meant, under whatever name in the folder.
    fn find(&self, intent: &Intent) -> io::Result<Option<PathBuf>> {
        let is_it = |meta: fs::Metadata| {
            meta.is_file() && (meta.dev(), meta.ino()) == (intent.dev, intent.ino)
        };
        let mut entries = fs::read_dir(self.settings.folder())?.flatten();
        let found = entries.find(|entry| entry.metadata().is_ok_and(is_it));
        Ok(found.map(|entry| entry.path()))
    }
}

pub(super) fn write_all_at(
    disk: &mut dyn Disk,
    file: &File,
    bytes: &[u8],
    base: u64,
) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match disk.write_at(file, &bytes[done..], base + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => done += n,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}
