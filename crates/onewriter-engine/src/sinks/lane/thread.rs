//! The lane's thread, and what it shares with the writer.

use crate::error::Error;
use crate::guard;
use crate::kept::Kept;
use crate::sink::{Context, NoJournal, Sink};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Emptied buffers that are kept for the writer to fill again.
const SPARES: usize = 2;

/// Batches smaller than this are joined.
const JOINED: usize = 1 << 16;

/// What the writer hands over, in its order.
pub(super) enum Item {
    Records(Kept),
    Call(Call),
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Tick,
    Reopen,
    Rotate,
    Dump,
    /// The number of the request.
    Flush(u64),
}

#[derive(Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// For the thread: there is an item, or the end.
    arrived: Condvar,
    /// For the writer: something was written, or the thread has ended.
    progress: Condvar,
    /// Bytes handed over and not written yet: read by the writer for each record, without the lock.
    waiting: AtomicUsize,
}

#[derive(Default)]
pub(super) struct State {
    /// Each with the mark under which the sink is to run.
    items: VecDeque<(u32, Item)>,
    spares: Vec<Kept>,
    /// The wall time that the writer gave last.
    now: u64,
    waiting_bytes: usize,
    waiting_records: u64,
    asked: u64,
    pub(super) flushed: u64,
    errors: Option<(Error, u64)>,
    dropped: u64,
    rotations: u64,
    closing: bool,
    pub(super) ended: bool,
}

impl State {
    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }
}

/// The writer's side.
impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(super) fn waiting_records(&self) -> u64 {
        self.lock().waiting_records
    }

    pub(super) fn now(&self) -> u64 {
        self.lock().now
    }

    /// Hands over a buffer and returns an empty one.
    pub(super) fn hand_over(&self, mark: u32, mut records: Kept, now: u64) -> Kept {
        let mut state = self.lock();
        state.waiting_bytes += records.size();
        state.waiting_records += records.len() as u64;
        self.waiting.store(state.waiting_bytes, Ordering::Relaxed);
        state.now = now;
        // Behind a sink that lags, small batches become one: less memory, and fewer commits.
        if let Some((its_mark, Item::Records(last))) = state.items.back_mut()
            && *its_mark == mark
            && last.size() < JOINED
        {
            last.append(&mut records);
            return records;
        }
        state.items.push_back((mark, Item::Records(records)));
        self.arrived.notify_one();
        state.spares.pop().unwrap_or_default()
    }

    pub(super) fn call(&self, mark: u32, call: Call, now: u64) {
        let mut state = self.lock();
        state.now = now;
        // A sink that stands still gets one tick, not one for each that it slept through.
        let is_tick = |(_, item): &(u32, Item)| matches!(item, Item::Call(Call::Tick));
        if call != Call::Tick || !state.items.iter().any(is_tick) {
            state.items.push_back((mark, Item::Call(call)));
            self.arrived.notify_one();
        }
    }

    /// Leaves a flush for the thread, and gives back its number.
    pub(super) fn ask_for_flush(&self, mark: u32, now: u64) -> u64 {
        let mut state = self.lock();
        state.asked += 1;
        let ticket = state.asked;
        drop(state);
        self.call(mark, Call::Flush(ticket), now);
        ticket
    }

    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.arrived.notify_one();
    }

    /// Waits until `done`; false where `until` comes first, `None` being never.
    pub(super) fn wait_until(&self, until: Option<Instant>, done: impl Fn(&State) -> bool) -> bool {
        let mut state = self.lock();
        while !done(&state) && !state.ended {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            state = match left {
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let woken = self.progress.wait_timeout(state, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.progress.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        done(&state)
    }

    /// What the sink said since the last call, as one error.
    pub(super) fn take_error(&self) -> Option<Error> {
        let (first, more) = self.lock().errors.take()?;
        if more == 0 {
            return Some(first);
        }
        Some(Error::new(first.kind(), format!("{first} (and {more} more errors)")))
    }

    pub(super) fn take_dropped(&self) -> u64 {
        std::mem::take(&mut self.lock().dropped)
    }

    pub(super) fn take_rotations(&self) -> u64 {
        std::mem::take(&mut self.lock().rotations)
    }
}

/// Starts the thread that runs `sink`.
pub(super) fn start(
    name: String,
    sink: Box<dyn Sink>,
    shared: Arc<Shared>,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("onewriter-lane".to_owned());
    thread.spawn(move || {
        let _mark = guard::enter();
        let mut runner = Runner { name, sink, shared };
        while let Some((mark, item, now)) = runner.next() {
            guard::run_as(mark);
            match item {
                Item::Records(records) => runner.write(records, now),
                Item::Call(call) => runner.answer(call, now),
            }
        }
        runner.end();
    })
}

struct Runner {
    name: String,
    sink: Box<dyn Sink>,
    shared: Arc<Shared>,
}

impl Runner {
    /// Waits for an item; `None` at the end, when everything has been taken.
    fn next(&self) -> Option<(u32, Item, u64)> {
        let mut state = self.shared.lock();
        loop {
            if let Some((mark, item)) = state.items.pop_front() {
                return Some((mark, item, state.now));
            }
            if state.closing {
                return None;
            }
            state = self.shared.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn write(&mut self, mut records: Kept, now: u64) {
        let (size, len) = (records.size(), records.len() as u64);
        for record in records.records() {
            let taken = self.run(now, |sink, cx| sink.record(&record, cx));
            if let Err(err) = taken {
                self.shared.lock().dropped += 1;
                self.report(err);
            }
        }
        self.commit(now);
        records.clear();
        let dropped = catch_unwind(AssertUnwindSafe(|| self.sink.take_dropped())).unwrap_or(0);
        let mut state = self.shared.lock();
        state.dropped += dropped;
        state.waiting_bytes -= size;
        state.waiting_records -= len;
        self.shared.waiting.store(state.waiting_bytes, Ordering::Relaxed);
        if state.spares.len() < SPARES {
            state.spares.push(records);
        }
        self.shared.progress.notify_all();
    }

    /// Repeats the commit until nothing is pending, or the lane ends.
    fn commit(&mut self, now: u64) {
        let mut pause = FIRST_PAUSE;
        while let Err(err) = self.run(now, |sink, cx| sink.commit(cx)) {
            self.report(err);
            let pending = catch_unwind(AssertUnwindSafe(|| self.sink.pending())).unwrap_or(0);
            if pending == 0 || self.pause(pause) {
                return;
            }
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    /// Waits this long; true where the lane ends instead.
    fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut state = self.shared.lock();
        while !state.closing {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.shared.arrived.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn answer(&mut self, call: Call, now: u64) {
        let result = self.run(now, |sink, cx| match call {
            Call::Tick => sink.tick(cx),
            Call::Reopen => sink.reopen(cx),
            Call::Rotate => sink.rotate(cx),
            Call::Dump => sink.dump(cx),
            Call::Flush(_) => sink.flush(cx),
        });
        if let Err(err) = result {
            self.report(err);
        }
        if let Call::Flush(ticket) = call {
            self.shared.lock().flushed = ticket;
            self.shared.progress.notify_all();
        }
    }

    /// Calls the sink; a panic becomes an error.
    fn run(
        &mut self,
        now: u64,
        call: impl FnOnce(&mut dyn Sink, &mut Context<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let sink = &mut *self.sink;
        let mut cx = Context { now, journal: &mut NoJournal };
        let result = guard::catch(&self.name, || call(sink, &mut cx));
        let rotations = catch_unwind(AssertUnwindSafe(|| self.sink.take_rotations())).unwrap_or(0);
        if rotations > 0 {
            self.shared.lock().rotations += rotations;
        }
        result
    }

    /// Keeps the first error until the writer takes it, and counts the others.
    fn report(&self, err: Error) {
        let mut state = self.shared.lock();
        match &mut state.errors {
            Some((_, more)) => *more += 1,
            None => state.errors = Some((err, 0)),
        }
    }

    fn end(self) {
        let Runner { sink, shared, .. } = self;
        let _ = catch_unwind(AssertUnwindSafe(|| drop(sink)));
        shared.lock().ended = true;
        shared.progress.notify_all();
    }
}
