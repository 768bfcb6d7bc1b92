//! What is called when the process exits.

use std::sync::Mutex;

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
