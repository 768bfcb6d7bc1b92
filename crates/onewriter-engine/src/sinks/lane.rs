//! A lane: a bounded buffer and a thread of its own for a sink that may stall.

mod thread;

use crate::error::{Error, ErrorKind};
use crate::guard;
use crate::kept::Kept;
use crate::notice::Notices;
use crate::sink::{Context, Sink};
use onewriter_record::Record;
use std::sync::Arc;
use std::time::{Duration, Instant};
use thread::{Call, Shared};

/// What a lane does with a record that finds no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFull {
    /// Drops and counts it; a line at its place says how many, once there is room again.
    #[default]
    Drop,
    /// Waits for room, at most [`LaneOptions::deadline`]. Meanwhile **all** sinks of the queue
    /// wait. After a deadline that passed, drops until there is room again.
    Wait,
}

/// How large a lane is, and how patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneOptions {
    /// The memory for records between the writer and the sink, in bytes: about 100 for a short
    /// record. Default 1 MiB, at least 4 KiB. A record larger than this passes alone.
    pub bytes: usize,
    /// What happens where there is no room. Default [`OnFull::Drop`].
    pub on_full: OnFull,
    /// How long `flush`, the end of the lane and [`OnFull::Wait`] wait for the sink. Default 5 s;
    /// `None` is for ever.
    pub deadline: Option<Duration>,
}

impl Default for LaneOptions {
    fn default() -> LaneOptions {
        let deadline = Some(Duration::from_secs(5));
        LaneOptions { bytes: 1 << 20, on_full: OnFull::Drop, deadline }
    }
}

/// Runs a sink on a thread of its own, so that it delays nobody when it stalls: a network, a
/// blocked terminal, a slow function.
///
/// The writer copies a record into the lane's buffer, which is bounded, and goes on. What the sink
/// then says comes back with the next call: errors with [`Sink::commit`], each once, and dropped
/// records with [`Sink::take_dropped`]. A panic of the sink loses the record that it happened in,
/// and the next one is tried. A `commit` of the sink that fails is repeated, first after 10 ms, then
/// with growing pauses up to 1 s; nothing more is given to the sink until it succeeds.
///
/// What this costs: records in a lane have left the rings and are in the memory of the writer
/// alone. If that is killed, they are lost, 1 MiB of them by default. A file needs no lane.
///
/// ```
/// use onewriter_engine::sinks::lane::{Lane, LaneOptions};
/// use onewriter_engine::sinks::memory::memory;
/// use onewriter_engine::testing::Sample;
/// use onewriter_engine::{Context, NoJournal, Sink};
///
/// let (inner, lines) = memory();
/// let mut sink = Lane::new(inner, LaneOptions::default())?;
/// let mut cx = Context { now: 0, journal: &mut NoJournal };
/// sink.record(&Sample::new("hello").record(), &mut cx)?;
/// sink.flush(&mut cx)?;
/// assert_eq!(lines.lines().len(), 1);
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
pub struct Lane {
    name: String,
    options: LaneOptions,
    shared: Arc<Shared>,
    thread: Option<std::thread::JoinHandle<()>>,
    /// What the next commit hands over.
    filling: Kept,
    /// The mark of the writer's thread when `filling` was filled: what the sink logs about these
    /// records is marked the same, and so does not come back to it.
    mark: u32,
    /// Records dropped since the last loss line, and the time of the last of them.
    lost: Option<(u64, u64)>,
    dropped: u64,
    /// A wait has passed its deadline, and there has been no room since.
    stalled: bool,
    /// The last flush has waited in vain: the end need not wait as long again.
    gave_up: bool,
    notices: Notices,
}

impl Lane {
    /// Starts a lane for `inner`.
    ///
    /// # Errors
    /// Fewer than 4 KiB, or the system gives no thread.
    pub fn new(inner: impl Sink + 'static, options: LaneOptions) -> Result<Lane, Error> {
        let bytes = options.bytes;
        if bytes < 4 << 10 {
            return Err(Error::config(format!(
                "lane of {bytes} bytes: give at least 4096, the default is 1048576"
            )));
        }
        let name = inner.name();
        let shared = Arc::<Shared>::default();
        let started = thread::start(name.clone(), Box::new(inner), Arc::clone(&shared));
        let thread = started.map_err(|err| {
            Error::new(ErrorKind::Io, format!("no thread for the lane of {name}: {err}"))
        })?;
        Ok(Lane {
            name,
            options,
            shared,
            thread: Some(thread),
            filling: Kept::default(),
            mark: 0,
            lost: None,
            dropped: 0,
            stalled: false,
            gave_up: false,
            notices: Notices::new(),
        })
    }

    fn has_room(&self, size: usize) -> bool {
        let used = self.shared.waiting_bytes() + self.filling.size();
        used == 0 || used + size <= self.options.bytes
    }

    /// Hands over what is there and waits until the lane has room, or for the deadline.
    #[cold]
    fn wait_for_room(&mut self, size: usize, now: u64) -> bool {
        if self.options.on_full == OnFull::Drop || self.stalled {
            return false;
        }
        self.hand_over(now);
        let until = self.deadline();
        let room = self.options.bytes;
        let fits = |used: usize| used == 0 || used + size <= room;
        self.stalled = !self.shared.wait_until(until, |state| fits(state.waiting_bytes()));
        !self.stalled
    }

    fn deadline(&self) -> Option<Instant> {
        self.options.deadline.and_then(|limit| Instant::now().checked_add(limit))
    }

    /// The loss line, before the first record that has room again.
    #[cold]
    fn say_what_was_lost(&mut self) {
        if let Some((lost, last)) = self.lost.take() {
            let (name, bytes) = (&self.name, self.options.bytes);
            let records = if lost == 1 { "record" } else { "records" };
            let text =
                format!("{lost} {records} lost for {name}: its lane of {bytes} bytes is full");
            self.filling.push(&self.notices.record(last, &text));
        }
    }

    fn hand_over(&mut self, now: u64) {
        if !self.filling.is_empty() {
            let records = std::mem::take(&mut self.filling);
            self.filling = self.shared.hand_over(self.mark, records, now);
        }
    }

    #[cold]
    fn begin_mark(&mut self, mark: u32, now: u64) {
        self.hand_over(now);
        self.mark = mark;
    }

    /// Leaves a call for the lane's thread, after all records so far.
    fn call(&mut self, call: Call, now: u64) -> Result<(), Error> {
        self.hand_over(now);
        self.shared.call(guard::thread_mark(), call, now);
        self.shared.take_error().map_or(Ok(()), Err)
    }
}

impl Sink for Lane {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let size = Kept::size_of(record);
        if !self.has_room(size) && !self.wait_for_room(size, cx.now) {
            self.dropped += 1;
            self.lost = Some((self.lost.map_or(1, |(lost, _)| lost + 1), record.time));
            return Ok(());
        }
        self.stalled = false;
        let mark = guard::thread_mark();
        if mark != self.mark {
            self.begin_mark(mark, cx.now);
        }
        if self.lost.is_some() {
            self.say_what_was_lost();
        }
        self.filling.push(record);
        Ok(())
    }

    /// Hands the records to the lane's thread; does not wait for it.
    ///
    /// An error is what the sink said since the last call. Nothing is pending here in any case.
    fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.hand_over(cx.now);
        self.shared.take_error().map_or(Ok(()), Err)
    }

    fn pending(&self) -> usize {
        self.filling.size()
    }

    /// Waits until the sink has written and flushed everything, at most the deadline.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.say_what_was_lost();
        self.hand_over(cx.now);
        let ticket = self.shared.ask_for_flush(guard::thread_mark(), cx.now);
        self.gave_up = !self.shared.wait_until(self.deadline(), |state| state.flushed >= ticket);
        if !self.gave_up {
            return self.shared.take_error().map_or(Ok(()), Err);
        }
        let (name, left) = (&self.name, self.shared.waiting_records());
        let limit = self.options.deadline.unwrap_or_default();
        let message = format!("the lane of {name} has {left} records left after {limit:?}");
        Err(Error::new(ErrorKind::Incomplete, message))
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.call(Call::Tick, cx.now)
    }

    fn reopen(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.call(Call::Reopen, cx.now)
    }

    fn rotate(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.call(Call::Rotate, cx.now)
    }

    fn dump(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.call(Call::Dump, cx.now)
    }

    fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped) + self.shared.take_dropped()
    }

    fn take_rotations(&mut self) -> u64 {
        self.shared.take_rotations()
    }
}

impl Drop for Lane {
    /// Lets the thread write what it has, at most for the deadline, and not again where a flush has
    /// just waited that long in vain; then leaves it behind.
    fn drop(&mut self) {
        self.say_what_was_lost();
        let now = self.shared.now();
        self.hand_over(now);
        self.shared.close();
        let until = if self.gave_up { Some(Instant::now()) } else { self.deadline() };
        if self.shared.wait_until(until, |state| state.ended)
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
