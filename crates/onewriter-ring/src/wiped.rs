//! State of this process alone, in memory that the kernel fills with zeros in a forked child.

use crate::lead::Seat;
use crate::os::{self, Map, PAGE};
use crate::queue::Error;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

#[repr(C)]
pub(crate) struct Wiped {
    /// A number that no other process has; 0 until it is asked for.
    token: AtomicU64,
    /// Of `seats`.
    pub(crate) lock: AtomicU32,
    /// Where this process stands by.
    pub(crate) seats: AtomicPtr<Seat>,
}

static WIPED: AtomicPtr<Wiped> = AtomicPtr::new(std::ptr::null_mut());

/// This process's own state.
pub(crate) fn wiped() -> Result<&'static Wiped, Error> {
    let mut state = WIPED.load(Ordering::Acquire);
    if state.is_null() {
        let page: *mut Wiped = Map::wiped_on_fork(PAGE)
            .map_err(|err| Error::new(format!("no memory that fork wipes: {err}")))?
            .cast();
        let none = std::ptr::null_mut();
        // Of two threads that come here together one has made a page for nothing.
        let set = WIPED.compare_exchange(none, page, Ordering::AcqRel, Ordering::Acquire);
        state = set.map_or_else(|theirs| theirs, |_| page);
    }
    // SAFETY: a page that was mapped above and is never unmapped; zeros are a valid value.
    Ok(unsafe { &*state })
}

/// A number that tells this process from all others, its forked children too. (The process id does
/// not: in a namespace of its own a child may have its parent's.)
#[must_use]
pub fn process_token() -> u64 {
    let Ok(state) = wiped() else { return u64::from(std::process::id()) };
    let token = state.token.load(Ordering::Acquire);
    if token != 0 {
        return token;
    }
    let fresh = os::random_id().map_or(u64::from(std::process::id()), |id| id as u64 | 1);
    let set = state.token.compare_exchange(0, fresh, Ordering::AcqRel, Ordering::Acquire);
    set.map_or_else(|theirs| theirs, |_| fresh)
}
