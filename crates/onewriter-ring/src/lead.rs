//! The lead: who writes a queue, and how the next one learns that it may.
//!
//! The lead is a lock that goes with its holder's address space ([`LifetimeLock`]). Whoever stands by
//! blocks on the same lock in the kernel: it costs nothing while it waits, and has the lead as soon
//! as the holder is gone, however that ended. The kernel wakes one of those who wait, not all.
//!
//! The thread that blocks has a descriptor table of its own, with nothing in it. Otherwise a child
//! that another thread forks meanwhile would inherit the descriptor on which the lock is then
//! granted, and keep the lock after this process. Signals are blocked on it: a handler of the
//! program's would find no descriptors. Where the kernel gives no such table, or locks do not live
//! as long as address spaces, the one who stands by tries every few milliseconds instead.

use crate::lock::LifetimeLock;
use crate::os;
use crate::queue::{Error, Queue};
use crate::spin::SpinGuard;
use crate::wiped::wiped;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file whose lock is the lead.
pub(crate) const LEAD_FILE: &str = "lead";

/// The right to be a queue's writer, for as long as the value lives and at most as long as this
/// process; see [`Queue::try_lead`].
#[derive(Debug)]
pub struct Lead {
    _lock: LifetimeLock,
}

impl Queue {
    /// Takes the lead: the right to be this queue's writer. `None` if somebody else has it.
    pub fn try_lead(&self) -> Result<Option<Lead>, Error> {
        let path = self.lead_path()?;
        let taken = LifetimeLock::try_take(&path);
        let lock = taken.map_err(|err| Error::io("cannot open the queue's lead", &path, err))?;
        Ok(lock.map(|lock| Lead { _lock: lock }))
    }

    /// Stands by for the lead. `wake` is called, on another thread, when [`Candidate::take`] has
    /// something new to say.
    pub fn stand_by(&self, wake: impl Fn() + Send + 'static) -> Result<Candidate, Error> {
        let path = self.lead_path()?;
        let seat = Seat::find(&path)?;
        let mut state = seat.lock();
        state.wake = Some(Box::new(wake));
        state.failed = false;
        if !state.waits {
            state.waits = seat.start().is_ok();
            state.failed = !state.waits;
        }
        drop(state);
        Ok(Candidate { seat })
    }

    fn lead_path(&self) -> Result<PathBuf, Error> {
        let path = self.dir().join(LEAD_FILE);
        self.in_folder(|| os::open_or_make(&path))
            .map_err(|err| Error::io("cannot open the queue's lead", &path, err))?;
        Ok(path)
    }

    /// Whether nobody will ever write this queue: only one process and its children know it, and
    /// none of them has its lead.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        self.is_private() && !is_led(self.dir())
    }
}

/// Whether somebody has the lead of the queue in this folder. If that cannot be told somebody has.
pub(crate) fn is_led(dir: &Path) -> bool {
    let held = LifetimeLock::is_held(&dir.join(LEAD_FILE));
    held.unwrap_or_else(|err| err.kind() != io::ErrorKind::NotFound)
}

/// Somebody who stands by; dropped, it does so no longer.
#[derive(Debug)]
pub struct Candidate {
    seat: &'static Seat,
}

/// What became of a candidate.
#[derive(Debug)]
pub enum Standing {
    /// Somebody else has the lead.
    Waits,
    /// It has the lead.
    Leads(Lead),
    /// The kernel does not tell: the lead has to be tried for, with [`Queue::try_lead`].
    Polls,
}

impl Candidate {
    /// How it stands now.
    pub fn take(&self) -> Standing {
        let mut state = self.seat.lock();
        match state.won.take() {
            Some(lead) => Standing::Leads(lead),
            None if state.failed => Standing::Polls,
            None => Standing::Waits,
        }
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        let mut state = self.seat.lock();
        state.wake = None;
        state.won = None;
    }
}

/// A place in the line for one queue's lead. A thread that blocks on a lock cannot be called back:
/// when its candidate leaves, the next one for the same queue takes the seat with the thread on it.
#[derive(Debug)]
pub(crate) struct Seat {
    path: PathBuf,
    state: Mutex<State>,
    next: AtomicPtr<Seat>,
}

#[derive(Default)]
struct State {
    /// Of the candidate; none: the seat is free.
    wake: Option<Box<dyn Fn() + Send>>,
    /// A thread blocks on the lock.
    waits: bool,
    failed: bool,
    won: Option<Lead>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("waits", &self.waits).finish_non_exhaustive()
    }
}

impl Seat {
    /// A free seat for this lead, or a new one.
    fn find(path: &Path) -> Result<&'static Seat, Error> {
        let process = wiped()?;
        let _guard = SpinGuard::new(&process.lock);
        let mut next = process.seats.load(Ordering::Acquire);
        // SAFETY: null, or a seat, which is leaked.
        while let Some(seat) = unsafe { next.as_ref() } {
            if seat.path == path && seat.lock().wake.is_none() {
                return Ok(seat);
            }
            next = seat.next.load(Ordering::Acquire);
        }
        let seat = Box::leak(Box::new(Seat {
            path: path.to_owned(),
            state: Mutex::default(),
            next: AtomicPtr::new(process.seats.load(Ordering::Relaxed)),
        }));
        process.seats.store(seat, Ordering::Release);
        Ok(seat)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whatever a panic left: every field is whole by itself.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&'static self) -> std::io::Result<()> {
        let thread = std::thread::Builder::new().name("onewriter-next".to_owned());
        thread.stack_size(64 << 10).spawn(|| self.wait()).map(drop)
    }

    /// Blocks until the lead is free, and takes it for the candidate, if there still is one.
    fn wait(&self) {
        os::block_signals();
        let lock = match os::leave_descriptor_table() {
            Ok(()) => LifetimeLock::wait_for(&self.path),
            Err(err) => Err(err),
        };
        let mut state = self.lock();
        state.waits = false;
        match lock {
            Ok(Some(lock)) if state.wake.is_some() => state.won = Some(Lead { _lock: lock }),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => state.failed = true,
        }
        if let Some(wake) = &state.wake {
            wake();
        }
    }
}
