//! What is called when the process exits, and when it forks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once, OnceLock};

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

type Hooks = (fn(), fn());

static AROUND_FORK: OnceLock<Hooks> = OnceLock::new();

/// Has `before` called before each `fork` of this process, and `after` behind it, in the parent and
/// in the child, on the thread that forks; only the first pair counts. Returns false if the system
/// has no room for such functions.
pub fn around_fork(before: fn(), after: fn()) -> bool {
    if AROUND_FORK.set((before, after)).is_err() {
        return true;
    }
    // SAFETY: the functions live as long as the program and take no argument.
    unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork)) == 0 }
}

extern "C" fn before_fork() {
    if let Some((before, _)) = AROUND_FORK.get() {
        // As in `call`.
        let _ = std::panic::catch_unwind(before);
    }
}

extern "C" fn after_fork() {
    if let Some((_, after)) = AROUND_FORK.get() {
        let _ = std::panic::catch_unwind(after);
    }
}

static N_FORKS: AtomicU64 = AtomicU64::new(0);

/// How often this process has forked since the first call, for those who hold what a child should not
/// have: it changes before the child is there.
pub(crate) fn n_forks() -> u64 {
    static COUNTED: Once = Once::new();
    // SAFETY: the function lives as long as the program and takes no argument. Where the system has
    // no room for it, forks are not counted.
    COUNTED.call_once(|| unsafe {
        libc::pthread_atfork(Some(count_fork), None, None);
    });
    N_FORKS.load(Ordering::Relaxed)
}

extern "C" fn count_fork() {
    N_FORKS.fetch_add(1, Ordering::Relaxed);
}
