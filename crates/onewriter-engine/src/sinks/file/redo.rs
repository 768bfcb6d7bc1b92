//! What was announced and may not have been finished: what of it stands where it was to stand.
//!
//! Somebody else may have written behind the part of a batch that was written, or cut the file, or
//! taken it away. Their bytes are never written over: the lines of the batch that stand whole where
//! they belong stay there, the others go to the end of the live file.

use super::disk::Disk;
use super::hold::wait;
use super::open::find;
use super::{FileSink, Fsync};
use crate::error::Error;
use crate::sink::{Context, Intent};
use onewriter_ring::Alone;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;

/// What stands at the place of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Bytes of the batch, or nothing: it can be written there, over what of it there is.
    Ours,
    /// Lines of the batch up to here, and then something else.
    Parted(usize),
    /// All of it, in another file.
    Done,
}

impl FileSink {
    /// Writes the staged bytes of an earlier writer to the place it meant, in the live file or in a
    /// rotated one. Whether it had written all, some or none of them, they stand there once.
    ///
    /// If that file is gone, or was emptied, they go to the end of the live file: better there and
    /// perhaps also in the file that somebody took away than nowhere.
    ///
    /// After an error they are pending, and the next commit tries again.
    pub(super) fn repeat(
        &mut self,
        intent: &Intent,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        // Like a batch of our own that failed.
        self.staged = Some(*intent);
        self.batch.bytes.extend_from_slice(bytes);
        self.batch.wants_sync = matches!(self.settings.fsync, Fsync::Batch | Fsync::From(_));
        if self.batch.bytes.is_empty() {
            self.staged = None;
        }
        self.write_batch(cx)
    }

    /// Finishes a batch that was announced for a file which is not the live one any more.
    pub(super) fn finish_elsewhere(&mut self, intent: &Intent) -> Result<Found, Error> {
        let path = self.settings.path.clone();
        let fail = |err| Error::io("cannot repeat the last write to", &path, err);
        let found = find(self.settings.folder(), (intent.dev, intent.ino), |_| true);
        let Some(path) = found.map_err(fail)? else { return Ok(Found::Parted(0)) };
        let file = match Alone::open(|| OpenOptions::new().read(true).write(true).open(&path)) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Found::Parted(0)),
            file => file.map_err(fail)?,
        };
        // Whoever compresses it has the lock: then it is not complete yet.
        wait(&mut *self.disk, &file, &self.settings)?;
        let found = look(&file, &self.batch.bytes, intent.base);
        if found != Found::Ours {
            return Ok(found);
        }
        write_all_at(&mut *self.disk, &file, &self.batch.bytes, intent.base).map_err(fail)?;
        if self.batch.wants_sync {
            self.disk.sync(&file).map_err(fail)?;
        }
        Ok(Found::Done)
    }
}

/// What stands in the file where the batch is to stand.
///
/// Zero bytes are a gap and nobody's: such as pages that a failed sync has lost. A file that may not
/// be read is taken to hold what was written there last.
pub(super) fn look(file: &File, batch: &[u8], base: u64) -> Found {
    let Ok(len) = file.metadata().map(|meta| meta.len()) else { return Found::Ours };
    let Some(there) = len.checked_sub(base) else { return Found::Parted(0) };
    let there = batch.len().min(usize::try_from(there).unwrap_or(usize::MAX));
    let mut chunk = vec![0; there.min(64 << 10)];
    let mut at = 0;
    while at < there {
        let want = chunk.len().min(there - at);
        let got = match file.read_at(&mut chunk[..want], base + at as u64) {
            Ok(got) if got > 0 => got,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            _ => return Found::Ours,
        };
        let pairs = chunk[..got].iter().zip(&batch[at..]);
        if let Some(other) = pairs.clone().position(|(found, ours)| found != ours && *found != 0) {
            let same = &batch[..at + other];
            return Found::Parted(
                same.iter().rposition(|byte| *byte == b'\n').map_or(0, |it| it + 1),
            );
        }
        at += got;
    }
    Found::Ours
}

/// Writes all of it, unless somebody else writes into the middle: between two pieces the file ends
/// where the first one does, or ends elsewhere only because it had been longer before.
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
        if done < bytes.len() && look(file, bytes, base) != Found::Ours {
            return Err(io::Error::other("somebody else has written into the middle of a batch"));
        }
    }
    Ok(())
}
