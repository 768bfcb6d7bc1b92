//! Where errors go that have no caller.

use crate::error::Error;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes the writer's errors: by default one line on standard error for each sink and second.
#[derive(Clone)]
pub struct Trap(Arc<dyn Fn(&Error) + Send + Sync>);

impl Trap {
    /// Gives every error that is not rate limited away to `take`, on the writer's thread.
    pub fn new(take: impl Fn(&Error) + Send + Sync + 'static) -> Trap {
        Trap(Arc::new(take))
    }

    /// Hands an error over.
    pub fn report(&self, error: &Error) {
        // A trap that panics has had its chance.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| (self.0)(error)));
    }
}

impl Default for Trap {
    fn default() -> Trap {
        Trap::new(|error| {
            // If standard error is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "onewriter: {error}");
        })
    }
}

impl fmt::Debug for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trap")
    }
}

/// Lets one report through each second, and remembers how many it has held back.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last: Option<Instant>,
    held_back: u64,
}

impl Limiter {
    /// Whether to report now; if so, how many were held back since the last time.
    pub(crate) fn admit(&mut self) -> Option<u64> {
        if self.last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(Instant::now());
        Some(std::mem::take(&mut self.held_back))
    }
}
