//! The file sink: append at an explicit offset, rotate, delete, compress.
//!
//! * `mod.rs`: the sink; `write.rs`: the write itself; `hold.rs`: taking turns with other writers
//! * `buffer.rs`: lines that wait; `redo.rs`: what was announced and not finished
//! * `turn.rs`: rotation, reopening and what is done beside writing
//! * `rotation.rs`, `size.rs`: when; `names.rs`: what it is called then; `shift.rs`: names that move
//! * `retention.rs`: what is deleted; `compress.rs`: what is compressed
//! * `open.rs`, `disk.rs`: the operating system; `builder.rs`: the settings

mod buffer;
mod builder;
mod compress;
mod disk;
mod hold;
mod names;
mod open;
mod redo;
mod retention;
mod rotation;
mod settings;
mod shift;
mod size;
mod turn;
mod write;

pub use builder::{DiskFull, FileBuilder, Fsync, file};
pub use compress::Compression;
pub use names::Names;
pub use rotation::Rotation;
pub use size::ByteSize;

use crate::error::Error;
use crate::format::Format;
use crate::sink::{Context, Intent, Sink};
use buffer::Buffer;
use compress::Packer;
use disk::Disk;
use hold::is_busy;
use names::{Parsed, Scheme};
use onewriter_record::{Level, Record};
use open::{Access, Live};
use retention::Keep;
use rotation::Schedule;
use std::path::{Path, PathBuf};

/// A batch is written when it has this many bytes, even before the writer ends it.
const BATCH: usize = 256 << 10;

/// Writes records to a file; made by [`file()`].
///
/// Bytes that were taken and are not written stand in two buffers: the batch, which does not change
/// once it has been staged in the journal, and what came after it. While the disk is full these
/// grow with whatever the writer still hands over; the writer stops that, so that the rings bound
/// them.
///
/// A file that ends in the middle of a line (the machine went down, another program was cut off) is
/// continued on a new line.
pub struct FileSink {
    settings: Settings,
    format: Box<dyn Format>,
    schedule: Schedule,
    disk: Box<dyn Disk>,
    live: Live,
    /// The end of the file, where the next batch goes.
    offset: u64,
    /// The end of the file is not known to be the end of a line.
    is_unsure: bool,
    batch: Buffer,
    /// Records behind a batch that is staged, or behind a rotation that is due.
    behind: Buffer,
    staged: Option<Intent>,
    /// The file is to be rotated between `batch` and `behind`.
    cut: Option<Cut>,
    /// How many attempts in a row have found the file's lock taken.
    n_busy: u32,
    /// The time and the size from which `record` looks closer.
    look_time: u64,
    look_size: u64,
    /// The time of the newest record in the file.
    newest: u64,
    /// A record was taken since the last `tick`.
    is_busy: bool,
    /// The first record of this run has been seen.
    is_started: bool,
    clock: Clock,
    upkeep: Upkeep,
}

/// A rotation that is due.
#[derive(Clone, Copy)]
struct Cut {
    /// The time of the record before which it is.
    time: u64,
    /// Of this file: if it is another one when it comes to that, somebody else has rotated.
    file: (u64, u64),
}

/// A commit says so when it has found the lock taken this often in a row: after about a second.
const BUSY_IS_TROUBLE: u32 = 8;

/// What the builder has checked.
struct Settings {
    name: String,
    path: PathBuf,
    scheme: Scheme,
    link: Option<PathBuf>,
    keep: Keep,
    access: Access,
    compression: Option<Compression>,
    fsync: Fsync,
    disk_full: DiskFull,
}

/// The wall clock, as `tick` last told it. In other calls `now` is the time of a record, which a
/// producer may have got wrong.
#[derive(Default)]
struct Clock {
    /// 0 before the first tick.
    now: u64,
}

impl Clock {
    /// The time of a record, unless it is so far ahead that it must be wrong: such a time would
    /// rotate the file, name it and let others expire.
    fn believe(&self, time: u64) -> u64 {
        const AHEAD: u64 = 3_600_000_000_000;
        if self.now != 0 && time > self.now.saturating_add(AHEAD) { self.now } else { time }
    }
}

/// What is done beside writing, and what it has to report.
#[derive(Default)]
struct Upkeep {
    packer: Option<Packer>,
    /// When the folder was last looked at; `None` if it has to be.
    looked_at_folder: Option<u64>,
    /// The first write that has not been synced, by `now`.
    unsynced: Option<u64>,
    /// A sync failed: what it should have forced out may be lost, even if the next one succeeds.
    sync_failed: bool,
    dropped: u64,
    rotations: u64,
    /// The first trouble that no call has reported yet.
    trouble: Option<Error>,
    /// The last name that a rotated file was given.
    last_name: Option<Parsed>,
}

impl FileSink {
    /// The file that is written, absolute and without links; a pipe or a device may be a link.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Whether it is a pipe or a device: then nothing is staged in the journal.
    #[must_use]
    pub fn is_stream(&self) -> bool {
        self.live.is_stream
    }

    fn new(
        settings: Settings,
        format: Box<dyn Format>,
        schedule: Schedule,
        disk: Box<dyn Disk>,
        live: Live,
    ) -> FileSink {
        FileSink {
            offset: live.len,
            is_unsure: true,
            newest: live.newest(),
            is_busy: false,
            look_time: if live.is_stream { u64::MAX } else { 0 },
            look_size: u64::MAX,
            batch: Buffer::default(),
            behind: Buffer::default(),
            staged: None,
            cut: None,
            n_busy: 0,
            is_started: false,
            clock: Clock::default(),
            upkeep: Upkeep::default(),
            settings,
            format,
            schedule,
            disk,
            live,
        }
    }

    fn wants_sync(&self, level: Level) -> bool {
        match self.settings.fsync {
            Fsync::From(least) => level >= least,
            Fsync::Batch => true,
            Fsync::Never | Fsync::Every(_) => false,
        }
    }

    /// Writes what stands before the record that begins at `start`, and rotates if it is due.
    ///
    /// A failure is not this record's: it stays pending, and the next commit reports it.
    #[cold]
    fn split(&mut self, start: usize, time: u64, cx: &mut Context<'_>) {
        if !self.live.is_stream && self.is_due(start, time) {
            self.cut = Some(Cut { time, file: self.live.id() });
        } else if start < BATCH {
            return;
        }
        self.behind.bytes.extend_from_slice(&self.batch.bytes[start..]);
        self.batch.bytes.truncate(start);
        let _ = self.settle(cx);
    }

    /// Whether the next record goes behind the batch.
    fn is_blocked(&self) -> bool {
        self.staged.is_some() || self.cut.is_some() || !self.behind.bytes.is_empty()
    }

    /// Writes the batch and rotates if that is due; what stood behind is the batch then.
    fn settle(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.write_batch(cx)?;
        if let Some(cut) = self.cut.take()
            && let Err(err) = self.turn(cut)
        {
            self.upkeep.trouble.get_or_insert(err);
        }
        std::mem::swap(&mut self.batch, &mut self.behind);
        Ok(())
    }

    /// Makes one batch of all that was taken.
    fn merge(&mut self) {
        self.cut = None;
        self.batch.append(&mut self.behind);
    }
}

impl Sink for FileSink {
    fn name(&self) -> String {
        self.settings.name.clone()
    }

    fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let time = self.clock.believe(record.time);
        let wants_sync = self.wants_sync(record.level());
        self.is_busy = true;
        if self.is_blocked() {
            self.behind.append_line(&mut *self.format, record);
            self.behind.count(time, wants_sync);
            return Ok(());
        }
        let start = self.batch.bytes.len();
        self.batch.append_line(&mut *self.format, record);
        let end = self.offset + self.batch.bytes.len() as u64;
        if time >= self.look_time || end > self.look_size || start >= BATCH {
            self.split(start, time, cx);
        }
        // After a split that failed, this record stands behind.
        let buffer = if self.is_blocked() { &mut self.behind } else { &mut self.batch };
        buffer.count(time, wants_sync);
        Ok(())
    }

    fn redo(&mut self, intent: &Intent, bytes: &[u8], cx: &mut Context<'_>) -> Result<(), Error> {
        self.repeat(intent, bytes, cx)
    }

    fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        loop {
            // An intent stands for all records that were taken, so that nothing may stay behind it.
            if self.staged.is_none() {
                self.merge();
            }
            if let Err(err) = self.settle(cx) {
                // Somebody else's turn is no trouble, unless it does not end.
                self.n_busy = if is_busy(&err) { self.n_busy + 1 } else { 0 };
                let is_quiet = (1..BUSY_IS_TROUBLE).contains(&self.n_busy);
                return if is_quiet { Ok(()) } else { Err(err) };
            }
            if self.batch.bytes.is_empty() {
                break;
            }
        }
        self.n_busy = 0;
        if self.upkeep.looked_at_folder.is_none() {
            self.tidy();
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.batch.bytes.len() + self.behind.bytes.len()
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.commit(cx)?;
        self.sync_rest()
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.keep_up(cx)
    }

    fn reopen(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.commit(cx)?;
        self.open_again()
    }

    fn rotate(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.commit(cx)?;
        self.turn(Cut { time: cx.now, file: self.live.id() })?;
        self.tidy();
        Ok(())
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.upkeep.dropped)
    }

    fn take_rotations(&mut self) -> u64 {
        std::mem::take(&mut self.upkeep.rotations)
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        // The next run takes the file's time for that of its newest record. If somebody else has
        // written since, theirs is newer.
        let is_ours = || self.live.file.metadata().is_ok_and(|meta| meta.len() == self.offset);
        if !self.live.is_stream && self.offset > 0 && is_ours() {
            let _ = self.disk.set_modified(&self.live.file, self.newest);
        }
    }
}

#[cfg(test)]
mod tests;
