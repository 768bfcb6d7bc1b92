//! The writers of this process, by the slots of their queues; and `fork` while they are at work.

use onewriter_engine::{Hold, Trap, Writer};
use onewriter_ring::{ForkHooks, MAX_QUEUES};
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const _: () = assert!(MAX_QUEUES <= 32, "a bit for each slot");

/// The slots that are in use.
static TAKEN: AtomicU32 = AtomicU32::new(0);

type Writers = [Option<Writer>; MAX_QUEUES];

/// Whoever has this lock waits for nothing else, the interpreter's lock least of all.
static WRITERS: Mutex<Writers> = Mutex::new([const { None }; MAX_QUEUES]);

/// Queues that are being closed because nobody has them any more.
static N_CLOSING: AtomicU32 = AtomicU32::new(0);

/// Threads that are about to make this process stand by.
static N_HEIRS: AtomicU32 = AtomicU32::new(0);
/// Within this time somebody writes again when the writer was killed.
const TAKE_OVER: Duration = Duration::from_secs(1);

/// Whether the process has left all queues, for its end.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

pub(crate) fn has_left() -> bool {
    HAS_LEFT.load(Ordering::Relaxed)
}

pub(crate) fn note_closing() {
    N_CLOSING.fetch_add(1, Ordering::SeqCst);
}

pub(crate) fn note_closed() {
    N_CLOSING.fetch_sub(1, Ordering::SeqCst);
}

/// A free slot; one that is about to become free is waited for.
pub(crate) fn take_slot() -> Option<usize> {
    loop {
        let is_closing = N_CLOSING.load(Ordering::SeqCst) > 0;
        match free_slot() {
            None if is_closing => std::thread::sleep(Duration::from_millis(1)),
            found => return found,
        }
    }
}

fn free_slot() -> Option<usize> {
    let free = |taken: u32| (!taken != 0).then(|| taken | (taken + 1));
    let before = TAKEN.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok()?;
    let slot = before.trailing_ones() as usize;
    if slot < MAX_QUEUES {
        return Some(slot);
    }
    give_slot_back(slot);
    None
}

pub(crate) fn give_slot_back(slot: usize) {
    TAKEN.fetch_and(!(1 << slot), Ordering::AcqRel);
}

fn writers() -> MutexGuard<'static, Writers> {
    survive();
    // An array of options is whole whatever a panic left.
    WRITERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The writer that this process has for the queue in a slot, if it has one.
pub(crate) fn writer(slot: usize) -> Option<Writer> {
    writers()[slot].clone()
}

/// Those whose thread is in this process, and not in one that forked it.
fn writers_here() -> Vec<Writer> {
    writers().iter().flatten().filter(|it| it.is_here()).cloned().collect()
}

pub(crate) fn set_writer(slot: usize, writer: Option<Writer>) {
    writers()[slot] = writer;
}

/// In a process that leaves without its exit: what it has put is written. If its parent was killed, nobody
/// but this process may be there to do it.
pub(crate) fn leave() {
    let (wanted, until) = (onewriter_ring::now(), Instant::now() + TAKE_OVER);
    while N_HEIRS.load(Ordering::SeqCst) > 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    let here = writers_here();
    for queue in here.iter().map(Writer::queue) {
        queue.request(wanted);
        queue.wait_until_written(wanted, until, || true);
    }
    end();
}

/// At the end of the process: what was put into the queues that it writes is written.
pub(crate) fn end() {
    HAS_LEFT.store(true, Ordering::SeqCst);
    let until = Instant::now() + onewriter::DRAIN_DEADLINE;
    let here = writers_here();
    onewriter_ring::leave();
    for writer in here {
        writer.stop(until.saturating_duration_since(Instant::now()));
    }
}

/// In a forked child: stands by to write this queue when its parent ends. It is called within a put:
/// what may wait is left to a thread of its own.
pub(crate) fn stand_by(slot: usize) {
    let thread = std::thread::Builder::new().name("onewriter-heir".to_owned());
    N_HEIRS.fetch_add(1, Ordering::SeqCst);
    let spawned = thread.spawn(move || {
        inherit(slot);
        N_HEIRS.fetch_sub(1, Ordering::SeqCst);
    });
    if spawned.is_err() {
        // Without threads the child only puts, and others write.
        N_HEIRS.fetch_sub(1, Ordering::SeqCst);
    }
}

fn inherit(slot: usize) {
    let mut writers = writers();
    let Some(writer) = writers[slot].as_ref().filter(|writer| !writer.is_here()) else { return };
    match writer.heir() {
        Ok(Some(heir)) => writers[slot] = Some(heir),
        Ok(None) => {}
        Err(error) => Trap::default().report(&error),
    }
}

/// The locks that a thread which forks takes first: a child never finds one held by a thread that it
/// does not have.
struct Held {
    _writers: Vec<Hold>,
    _registry: MutexGuard<'static, Writers>,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

fn survive() {
    static HOOKS: ForkHooks = ForkHooks { before: hold, after: let_go };
    onewriter_ring::around_fork(&HOOKS);
}

fn hold() {
    if HELD.try_with(|held| held.borrow().is_some()).unwrap_or(false) {
        return;
    }
    let registry = writers();
    let held = registry.iter().flatten().map(Writer::hold).collect();
    let held = Held { _writers: held, _registry: registry };
    let _ = HELD.try_with(|slot| slot.replace(Some(held)));
}

fn let_go() {
    drop(HELD.try_with(RefCell::take).ok().flatten());
}
