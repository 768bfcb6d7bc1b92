//! The write itself: a batch is staged in the journal, written at its place, and confirmed.

use super::hold::is_busy;
use super::open::modified;
use super::redo::{Found, look, write_all_at};
use super::{DiskFull, FileSink, Fsync};
use crate::error::Error;
use crate::sink::{Context, Intent};
use std::io;

impl FileSink {
    /// Writes the batch; afterwards it is empty.
    pub(super) fn write_batch(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.batch.bytes.is_empty() {
            return Ok(());
        }
        if self.live.is_stream {
            let opened = self.open_stream();
            // A file may have taken its place.
            if self.live.is_stream {
                return self.write_stream(opened);
            }
        }
        match self.take_turn() {
            Err(err) if self.settings.disk_full == DiskFull::Drop && !is_busy(&err) => {
                self.drop_batch(err);
                if self.staged.is_some() {
                    self.confirm(cx);
                }
                return Ok(());
            }
            turn => turn?,
        }
        let written = self.write_in_turn(cx);
        self.end_turn();
        written?;
        self.sync_batch(cx)?;
        if self.staged.is_some() {
            self.batch.clear();
            self.confirm(cx);
        }
        Ok(())
    }

    fn write_in_turn(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let placed = match self.staged {
            Some(intent) => self.resume(intent, cx)?,
            None => Some(self.intend(cx)?),
        };
        // What was left of a write in another file is done.
        let Some(intent) = placed else { return Ok(()) };
        let bytes = &self.batch.bytes;
        if let Err(err) = write_all_at(&mut *self.disk, &self.live.file, bytes, intent.base) {
            let err = Error::io("cannot write to the log file", &self.settings.path, err);
            return self.give_up(intent, err, cx);
        }
        self.offset = intent.base + self.batch.bytes.len() as u64;
        self.newest = self.newest.max(self.batch.newest);
        if !self.batch.wants_sync && self.settings.fsync != Fsync::Never {
            self.upkeep.unsynced.get_or_insert(cx.now);
        }
        self.mark_period();
        Ok(())
    }

    /// Announces the batch at the end of the file, wherever that is by now.
    fn intend(&mut self, cx: &mut Context<'_>) -> Result<Intent, Error> {
        let path = &self.settings.path;
        let meta =
            self.live.file.metadata().map_err(|err| Error::io("cannot look at", path, err))?;
        let mut is_torn = false;
        if self.is_unsure || meta.len() != self.offset {
            if meta.len() > self.offset {
                // Somebody else has written: the file's time is that of their newest line.
                self.newest = self.newest.max(modified(&meta).min(cx.now));
            }
            self.offset = meta.len();
            is_torn = self.live.is_torn(self.offset);
        }
        let (dev, ino) = self.live.id();
        let intent = Intent { dev, ino, base: self.offset };
        if is_torn {
            self.batch.bytes.insert(0, b'\n');
        }
        if let Err(err) = cx.journal.intend(&intent, &self.batch.bytes) {
            if is_torn {
                self.batch.bytes.remove(0);
                self.is_unsure = true;
            }
            return Err(err);
        }
        self.is_unsure = false;
        Ok(*self.staged.insert(intent))
    }

    /// Where a batch that was announced and not written through is to be written now; `None` if it
    /// is done.
    fn resume(&mut self, intent: Intent, cx: &mut Context<'_>) -> Result<Option<Intent>, Error> {
        let found = if self.live.id() == (intent.dev, intent.ino) {
            look(&self.live.file, &self.batch.bytes, intent.base)
        } else {
            self.finish_elsewhere(&intent)?
        };
        match found {
            Found::Ours => Ok(Some(intent)),
            Found::Done => Ok(None),
            Found::Parted(kept) => self.move_on(kept, cx).map(Some),
        }
    }

    /// What does not stand where it was announced goes to the end of the live file.
    fn move_on(&mut self, kept: usize, cx: &mut Context<'_>) -> Result<Intent, Error> {
        let path = &self.settings.path;
        let meta =
            self.live.file.metadata().map_err(|err| Error::io("cannot look at", path, err))?;
        // A newline that was to end somebody's half line has its own place.
        let is_fresh = kept == 0 && self.batch.bytes.starts_with(b"\n");
        let kept = if is_fresh { 1 } else { kept };
        let is_torn = self.live.is_torn(meta.len());
        let (dev, ino) = self.live.id();
        let rest = Intent { dev, ino, base: meta.len() };
        if let Err(err) = cx.journal.part(&rest, kept, is_torn) {
            // What is left is announced anew, with all that came since.
            self.batch.part(kept, false);
            self.staged = None;
            self.is_unsure = true;
            return Err(err);
        }
        self.batch.part(kept, is_torn);
        Ok(*self.staged.insert(rest))
    }

    /// A failed sync fails the batch: it is written once more, because Linux forgets after one
    /// report which pages never reached the disk.
    fn sync_batch(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let Some(intent) = self.staged.filter(|_| self.batch.wants_sync) else { return Ok(()) };
        if let Err(err) = self.disk.sync(&self.live.file) {
            let err = Error::io("cannot write to the log file", &self.settings.path, err);
            self.take_turn()?;
            let result = self.give_up(intent, err, cx);
            self.end_turn();
            return result;
        }
        self.upkeep.unsynced = None;
        Ok(())
    }

    pub(super) fn confirm(&mut self, cx: &mut Context<'_>) {
        self.staged = None;
        cx.journal.confirm();
    }

    fn drop_batch(&mut self, why: Error) {
        self.upkeep.dropped += self.batch.n_records;
        self.upkeep.trouble.get_or_insert(why);
        self.batch.clear();
    }

    /// The batch could not be written: keep it, or drop it with all traces of it.
    #[cold]
    fn give_up(&mut self, at: Intent, err: Error, cx: &mut Context<'_>) -> Result<(), Error> {
        let path = &self.settings.path;
        let is_last = || {
            let end = at.base + self.batch.bytes.len() as u64;
            self.live.file.metadata().is_ok_and(|meta| meta.len() <= end)
                && look(&self.live.file, &self.batch.bytes, at.base) == Found::Ours
        };
        // What somebody else has written behind it is not cut off: the next attempt moves on.
        if self.settings.disk_full == DiskFull::Wait || !is_last() {
            return Err(err);
        }
        self.disk
            .set_len(&self.live.file, at.base)
            .map_err(|err| Error::io("cannot take back half a line from", path, err))?;
        self.is_unsure = true;
        self.drop_batch(err);
        self.confirm(cx);
        Ok(())
    }

    /// To a pipe or a device. There is no offset to repeat a write at, so nothing is staged: what
    /// has gone out is gone from the batch.
    fn write_stream(&mut self, opened: Result<(), Error>) -> Result<(), Error> {
        let mut done = 0;
        let written = opened.and_then(|()| self.write_on(&mut done));
        let is_whole = done == 0 || self.batch.bytes[done - 1] == b'\n';
        self.batch.bytes.drain(..done);
        let Err(err) = written else {
            self.batch.clear();
            return Ok(());
        };
        // A line whose first half is out is not dropped: it would glue the next one to it.
        if self.settings.disk_full == DiskFull::Wait || !is_whole {
            return Err(err);
        }
        self.drop_batch(err);
        Ok(())
    }

    /// Opens a pipe that nobody had read, now that somebody may. Nothing is made where a pipe was:
    /// whoever reads makes it again.
    fn open_stream(&mut self) -> Result<(), Error> {
        self.open_if_closed()?;
        if !self.live.is_unread {
            return Ok(());
        }
        let path = &self.settings.path;
        std::fs::metadata(path).map_err(|err| Error::io("cannot open the log file", path, err))?;
        self.open_again()?;
        if self.live.is_unread { Err(self.unread()) } else { Ok(()) }
    }

    fn unread(&self) -> Error {
        let unread = io::Error::new(io::ErrorKind::BrokenPipe, "nobody reads the pipe");
        Error::io("cannot write to", &self.settings.path, unread)
    }

    fn write_on(&mut self, done: &mut usize) -> Result<(), Error> {
        let mut waited = false;
        let err = loop {
            let rest = &self.batch.bytes[*done..];
            if rest.is_empty() {
                return Ok(());
            }
            match self.disk.write(&self.live.file, rest) {
                Ok(0) => break io::ErrorKind::WriteZero.into(),
                Ok(n) => (*done, waited) = (*done + n, false),
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                // A full pipe whose reader is at work has room again in a moment.
                Err(err) if err.kind() == io::ErrorKind::WouldBlock && !waited => {
                    waited = true;
                    if !has_room_soon(&self.live.file) {
                        break err;
                    }
                }
                Err(err) if err.kind() == io::ErrorKind::BrokenPipe => {
                    // It stays open as long as it is the one at the path: what its last reader has
                    // left in it is the next one's.
                    self.live.is_unread = !self.settings.is_at_path(self.live.id());
                    return Err(self.unread());
                }
                Err(err) => break err,
            }
        };
        Err(Error::io("cannot write to", &self.settings.path, err))
    }
}

/// Waits for room in a pipe, but not so long that the other sinks would notice.
fn has_room_soon(pipe: &std::fs::File) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let moment = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
    let mut ends = [PollFd::new(pipe, PollFlags::OUT)];
    poll(&mut ends, Some(&moment)).is_ok_and(|ready| ready > 0)
}
