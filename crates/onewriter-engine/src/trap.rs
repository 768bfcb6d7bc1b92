//! Where errors go that have no caller.

use crate::error::Error;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Takes the writer's errors: by default one line on standard error for each sink and second, of the
/// same one ever fewer.
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

/// The pauses between two reports: of whatever kind, and at most of the same one.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Lets one report through each second, the same one after growing pauses up to a minute, and remembers
/// how many it has held back.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    last: Option<Last>,
    held_back: u64,
}

#[derive(Debug)]
struct Last {
    text: String,
    at: Instant,
    /// How long the same is held back.
    pause: Duration,
}

impl Limiter {
    /// Whether to report this now; if so, how many were held back since the last time.
    pub(crate) fn admit(&mut self, text: &str, now: Instant) -> Option<u64> {
        let last = self.last.as_ref();
        let same = last.filter(|last| last.text == text);
        let pause = same.map_or(SHORTEST, |last| last.pause);
        if last.is_some_and(|last| now.saturating_duration_since(last.at) < pause) {
            self.held_back += 1;
            return None;
        }
        let next = if same.is_some() { (pause * 2).min(LONGEST) } else { SHORTEST };
        self.last = Some(Last { text: text.to_owned(), at: now, pause: next });
        Some(std::mem::take(&mut self.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_ever_more_rarely_and_something_else_after_a_second() {
        let mut limiter = Limiter::default();
        let start = Instant::now();
        let mut admit = |text: &str, secs| limiter.admit(text, start + Duration::from_secs(secs));
        let said: Vec<u64> = (0..300).filter(|at| admit("disk full", *at).is_some()).collect();
        assert_eq!(said, [0, 1, 3, 7, 15, 31, 63, 123, 183, 243]);
        assert_eq!(admit("no such folder", 300), Some(56));
        assert_eq!(admit("disk full", 300), None);
        assert_eq!(admit("disk full", 301), Some(1));
        assert_eq!(admit("disk full", 302), Some(0));
    }
}
