//! A lock that `fork` opens: its word lies in memory that the kernel wipes in the child.

use crate::os;
use std::sync::atomic::{AtomicU32, Ordering};

/// The lock, held.
pub(crate) struct SpinGuard<'a>(&'a AtomicU32);

impl SpinGuard<'_> {
    /// Waits for it: only for sections that are short and block on nothing.
    pub(crate) fn new(word: &AtomicU32) -> SpinGuard<'_> {
        loop {
            if let Some(guard) = SpinGuard::try_new(word) {
                return guard;
            }
            os::yield_now();
        }
    }

    /// Takes it if it is free.
    pub(crate) fn try_new(word: &AtomicU32) -> Option<SpinGuard<'_>> {
        let free = word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed);
        // Lazily: a guard that is made and dropped opens the lock of whoever holds it.
        free.is_ok().then(|| SpinGuard(word))
    }
}

impl Drop for SpinGuard<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_held_is_refused_and_stays_held() {
        let word = AtomicU32::new(0);
        let held = SpinGuard::try_new(&word);
        assert!(held.is_some());
        for _ in 0..2 {
            assert!(SpinGuard::try_new(&word).is_none());
        }
        drop(held);
        assert!(SpinGuard::try_new(&word).is_some());
    }
}
