//! What an earlier writer had announced and may not have finished.

use super::disk::Disk;
use super::open::Live;
use super::{FileSink, Fsync};
use crate::error::Error;
use crate::sink::{Context, Intent, NoJournal};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;

impl FileSink {
    /// Writes the staged bytes of an earlier writer to the place it meant, in the live file or in a
    /// rotated one. Whether it had written all, some or none of them, they stand there once.
    ///
    /// If that file is gone, or was emptied, they go to the end of the live file: better there and
    /// perhaps also in the file that somebody took away than nowhere.
    ///
    /// After an error they are pending, and the next commit tries again.
    pub(super) fn repeat(&mut self, intent: &Intent, bytes: &[u8]) -> Result<(), Error> {
        let was_meant = |live: &Live| (live.dev, live.ino) == (intent.dev, intent.ino);
        let mut is_live = was_meant(&self.live);
        // This sink may have stood by since before a rotation. Whichever file was meant is the live
        // one until the write is done, so that after an error the next commit finds it.
        if !is_live && let Some(meant) = self.find(intent) {
            is_live = was_meant(&meant) && meant.len >= intent.base;
            if is_live {
                self.go_on_in(meant);
            }
        }
        // Like a batch of our own that failed: the guard sees whether the file is still the same.
        self.staged = is_live.then_some(*intent);
        self.batch.bytes.extend_from_slice(bytes);
        self.batch.wants_sync = matches!(self.settings.fsync, Fsync::Batch | Fsync::From(_));
        // The journal that holds these bytes is the router's; it confirms them itself.
        self.write_batch(&mut Context { now: self.newest, journal: &mut NoJournal })?;
        if self.live.is_at(&self.settings.path) { Ok(()) } else { self.open_again() }
    }

    /// The file that was meant, under whatever name in the folder.
    fn find(&mut self, intent: &Intent) -> Option<Live> {
        let is_it = |meta: fs::Metadata| {
            meta.is_file() && (meta.dev(), meta.ino()) == (intent.dev, intent.ino)
        };
        let mut entries = fs::read_dir(self.settings.folder()).ok()?.flatten();
        let found = entries.find(|entry| entry.metadata().is_ok_and(is_it))?;
        self.disk.open(&found.path(), &self.settings.access).ok()
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
