//! The trait between the router and everything that takes records.

use crate::error::Error;
use crate::filter::Filter;
use onewriter_record::Record;
use std::path::PathBuf;
use std::sync::Arc;

/// Where formatted records go.
///
/// The writer pushes: [`record`](Sink::record) for each record that the sink's filter admits, in
/// order, then [`commit`](Sink::commit) at the end of a batch. All calls come from one thread. A
/// sink that panics in a call is reported, counted, and called again for the next record.
///
/// The queue's cursors move on only when every sink has nothing [`pending`](Sink::pending): what is
/// not committed is still in the rings, and survives the process.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no sink",
    note = "`sink::memory()` gives two things: `let (memory, lines) = sink::memory();`",
    note = "a closure becomes a sink with `sink::function(..)`, a file with `sink::file(path)`"
)]
pub trait Sink: Send {
    /// Its name in reports and statistics: `file shop.log`, `stderr`.
    fn name(&self) -> String;

    /// Takes one record, usually by appending its line to the sink's own buffer.
    ///
    /// An error means that this record is lost for this sink; it is reported and counted.
    fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error>;

    /// Writes out what was taken. After `Ok` nothing is pending.
    ///
    /// An error means that something is still pending; it is reported, and commit is called again
    /// later, first after 10 ms, then with growing pauses up to 1 s. Nothing is lost.
    fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error>;

    /// Bytes that were taken and are not committed.
    fn pending(&self) -> usize {
        0
    }

    /// Commits, and pushes what was committed on to its destination as far as the sink can: waits
    /// for its lane, calls `fsync` where that was asked for. Called by `complete` and at the end.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.commit(cx)
    }

    /// Called about ten times a second: rotation by time, foreign renames, retention.
    fn tick(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Opens the destination anew (SIGHUP, `logrotate`). Called at a batch's end.
    fn reopen(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Rotates now, where that means anything.
    fn rotate(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Writes out what is held back on purpose (a flight recorder).
    fn dump(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Repeats a write that an earlier writer has announced in the journal and may not have
    /// finished: the same bytes at the same place, before anything else. After `Ok` it counts as
    /// done.
    ///
    /// If the place is no longer that of these bytes alone, the sink moves what is not there with
    /// [`Journal::part`]. After an error what is missing is pending, and the next commit tries again.
    fn redo(&mut self, _: &Intent, _: &[u8], _: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    /// Records that were taken and then dropped since the last call: a lane that was full, a disk
    /// that was full under a dropping policy.
    fn take_dropped(&mut self) -> u64 {
        0
    }

    /// How often it has rotated since the last call.
    fn take_rotations(&mut self) -> u64 {
        0
    }
}

/// A sink as it is given to the writer.
#[must_use = "it does nothing until it is handed to a writer"]
pub struct SinkSpec {
    /// The sink.
    pub sink: Box<dyn Sink>,
    /// Which records it gets of those that the writer's own filter admits. `None`: all of them, or
    /// INFO and above if the writer has no filter.
    pub filter: Option<Filter>,
    /// The file that it writes, each record exactly once. It names the queue and the journal.
    pub file: Option<PathBuf>,
    /// Makes the same sink anew, in a forked child that takes over from its parent: what the child
    /// has of the parent's sink is a copy in whatever state. `None`: the child cannot.
    pub respawn: Option<Respawn>,
    /// How it is set up, as lines of the command's configuration file; `None` if only the program
    /// itself knows.
    pub settings: Option<String>,
}

/// Makes a sink anew; see [`SinkSpec::respawn`].
pub type Respawn = Arc<dyn Fn() -> Result<Box<dyn Sink>, Error> + Send + Sync>;

impl SinkSpec {
    /// A sink without a filter and without a file.
    pub fn new(sink: impl Sink + 'static) -> SinkSpec {
        SinkSpec { sink: Box::new(sink), filter: None, file: None, respawn: None, settings: None }
    }
}

/// What the writer gives a sink with each call.
pub struct Context<'a> {
    /// Wall time in nanoseconds since 1970; sinks read no clock of their own.
    pub now: u64,
    /// The sink's own journal.
    pub journal: &'a mut dyn Journal,
}

/// What a sink is about to write, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The file's device.
    pub dev: u64,
    /// The file's inode.
    pub ino: u64,
    /// The offset of the first byte.
    pub base: u64,
}

/// Where a sink announces a write, so that whoever takes over can repeat it.
///
/// `intend` stages the bytes in memory that survives the process, with the cursors of all records
/// taken so far; `confirm` says that the write is done. Between the two, the same bytes are written
/// to the same offset by whoever writes next.
pub trait Journal {
    /// Stages `bytes`, which will be written at `intent.base`.
    fn intend(&mut self, intent: &Intent, bytes: &[u8]) -> Result<(), Error>;
    /// The first `done` bytes of the write that was intended stand where they belong; the others
    /// will be written at `rest`, behind a newline if `newline`. Whoever takes over finds the write
    /// as it was or as it is now.
    fn part(&mut self, rest: &Intent, done: usize, newline: bool) -> Result<(), Error>;
    /// The write that was intended is done.
    fn confirm(&mut self);
}

/// A journal that keeps nothing, for sinks and tests that need none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoJournal;

impl Journal for NoJournal {
    fn intend(&mut self, _: &Intent, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    fn part(&mut self, _: &Intent, _: usize, _: bool) -> Result<(), Error> {
        Ok(())
    }

    fn confirm(&mut self) {}
}
