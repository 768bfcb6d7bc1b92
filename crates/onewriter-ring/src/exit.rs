//! What is called when the process exits, and when it forks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

static CALLBACK: Mutex<Option<fn()>> = Mutex::new(None);

/// Has `callback` called when the process exits by returning from `main` or by `exit`, once; a
/// second call of this function exchanges it. Returns false if the system has no room for another
/// such function.
pub fn at_exit(callback: fn()) -> bool {
    let mut slot = CALLBACK.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if slot.replace(callback).is_some() {
        return true;
    }
    // SAFETY: `call` lives as long as the program and takes no argument.
    unsafe { libc::atexit(call) == 0 }
}

extern "C" fn call() {
    let callback = CALLBACK.lock().map_or(None, |slot| *slot);
    if let Some(callback) = callback {
        // Unwinding out of a C function would abort; there is nobody left to tell.
        let _ = std::panic::catch_unwind(callback);
    }
}

/// What is called around a fork.
#[derive(Debug)]
pub struct ForkHooks {
    /// Called before it, on the thread that forks; twice in a row if two threads came first together.
    pub before: fn(),
    /// Called behind it, in the parent and in the child, as often as `before`.
    pub after: fn(),
}

static AROUND_FORK: AtomicPtr<ForkHooks> = AtomicPtr::new(std::ptr::null_mut());

/// Has these functions called around each `fork` of this process; only the first pair counts.
/// Returns false if the system has no room for such functions.
///
/// It takes no lock that a child could find taken.
pub fn around_fork(hooks: &'static ForkHooks) -> bool {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    let (none, hooks) = (std::ptr::null_mut(), std::ptr::from_ref(hooks).cast_mut());
    let _ = AROUND_FORK.compare_exchange(none, hooks, Ordering::AcqRel, Ordering::Relaxed);
    at_fork(&IS_DONE, Some(before_fork), Some(after_fork), Some(after_fork))
}

fn hooks() -> Option<&'static ForkHooks> {
    // SAFETY: null, or what was a static reference.
    unsafe { AROUND_FORK.load(Ordering::Acquire).as_ref() }
}

extern "C" fn before_fork() {
    if let Some(hooks) = hooks() {
        // As in `call`.
        let _ = std::panic::catch_unwind(hooks.before);
    }
}

extern "C" fn after_fork() {
    if let Some(hooks) = hooks() {
        let _ = std::panic::catch_unwind(hooks.after);
    }
}

static N_FORKS: AtomicU64 = AtomicU64::new(0);

/// How often this process has forked since the first call, for those who hold what a child should not
/// have: it changes before the child is there.
pub(crate) fn n_forks() -> u64 {
    static IS_DONE: AtomicBool = AtomicBool::new(false);
    // Where the system has no room for it, forks are not counted.
    at_fork(&IS_DONE, Some(count_fork), None, None);
    N_FORKS.load(Ordering::Relaxed)
}

extern "C" fn count_fork() {
    N_FORKS.fetch_add(1, Ordering::Relaxed);
}

type Handler = Option<unsafe extern "C" fn()>;

/// Registers functions for every later fork, if that is not done yet. Two threads that come together
/// both do it, and so does a child that is forked in between: one that waited for the first, as
/// behind a `Once`, could wait in the child for a thread that is not there.
pub(crate) fn at_fork(
    is_done: &AtomicBool,
    before: Handler,
    in_parent: Handler,
    in_child: Handler,
) -> bool {
    if !is_done.load(Ordering::Acquire) {
        // SAFETY: functions live as long as the program and take no argument.
        if unsafe { libc::pthread_atfork(before, in_parent, in_child) } != 0 {
            return false;
        }
        is_done.store(true, Ordering::Release);
    }
    true
}
