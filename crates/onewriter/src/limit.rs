//! Rate limits of single call sites.

use crate::callsite::{CallSite, registry};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How often a call site may put a record: the `limit:` of the logging macros.
///
/// A suppressed call evaluates none of its arguments. The next record that passes says how many
/// were suppressed before it, in a field `suppressed`.
///
/// ```
/// use onewriter::{Limit, warn};
/// use std::time::Duration;
///
/// for attempt in 0..1000 {
///     warn!(limit: Limit::every(100), "attempt {attempt} failed");
///     warn!(limit: Limit::once(), "the server is away");
///     warn!(limit: Limit::at_most(5, Duration::from_secs(1)), "attempt {attempt} failed");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(Rule);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Every(u64),
    Once,
    AtMost { n: u64, micros: u64 },
}

impl Limit {
    /// The first of every `n` calls passes: the 1st, the `n + 1`st, and so on. 0 is taken as 1.
    #[must_use]
    pub const fn every(n: u64) -> Limit {
        Limit(Rule::Every(if n == 0 { 1 } else { n }))
    }

    /// Only the first call of the process passes.
    #[must_use]
    pub const fn once() -> Limit {
        Limit(Rule::Once)
    }

    /// At most `n` calls pass in each interval; an interval begins with the first record after
    /// the end of the one before.
    ///
    /// `n` is taken as at most 65,535; the interval is counted in microseconds and is at least 1.
    #[must_use]
    pub const fn at_most(n: u64, interval: Duration) -> Limit {
        let micros = interval.as_micros();
        // Eight years: what the 48 bits of the state hold.
        let micros = if micros > MAX_MICROS as u128 { MAX_MICROS } else { micros as u64 };
        Limit(Rule::AtMost {
            n: if n > MAX_COUNT { MAX_COUNT } else { n },
            micros: if micros == 0 { 1 } else { micros },
        })
    }
}

const COUNT_BITS: u32 = 16;
const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;
const MAX_MICROS: u64 = (1 << (64 - COUNT_BITS)) - 2;

/// The limit of one call site and what it has seen.
pub struct LimitState {
    limit: Limit,
    /// Calls so far; for `at_most` the interval's begin plus 1, and the records in it.
    state: AtomicU64,
    suppressed: AtomicU64,
}

impl LimitState {
    /// A call site that has not been called yet.
    #[must_use]
    pub const fn new(limit: Limit) -> LimitState {
        LimitState { limit, state: AtomicU64::new(0), suppressed: AtomicU64::new(0) }
    }

    /// Whether this call passes, and how many did not since the last one that did.
    fn admit(&self, now_micros: impl Fn() -> u64) -> Option<u64> {
        let passes = match self.limit.0 {
            Rule::Every(n) => self.state.fetch_add(1, Relaxed).is_multiple_of(n),
            Rule::Once => self.state.load(Relaxed) == 0 && self.state.swap(1, Relaxed) == 0,
            Rule::AtMost { n, micros } => self.within(n, micros, now_micros()),
        };
        if passes {
            return Some(self.suppressed.swap(0, Relaxed));
        }
        self.suppressed.fetch_add(1, Relaxed);
        None
    }

    fn within(&self, n: u64, micros: u64, now: u64) -> bool {
        let mut state = self.state.load(Relaxed);
        loop {
            let (begin, count) = (state >> COUNT_BITS, state & MAX_COUNT);
            let next = if begin == 0 || begin - 1 + micros <= now {
                if n == 0 {
                    return false;
                }
                (now.min(MAX_MICROS) + 1) << COUNT_BITS | 1
            } else if count < n {
                state + 1
            } else {
                return false;
            };
            match self.state.compare_exchange_weak(state, next, Relaxed, Relaxed) {
                Ok(_) => return true,
                Err(current) => state = current,
            }
        }
    }
}

/// The test of a call site with a limit: the number of suppressed calls if this one passes.
#[inline]
pub fn admit(site: &'static CallSite, limit: &LimitState) -> Option<u64> {
    if site.is_enabled() { admit_now(limit) } else { None }
}

#[inline(never)]
fn admit_now(limit: &LimitState) -> Option<u64> {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = || match START.get() {
        Some(start) => *start,
        None => {
            // As for a call site of a level: a child never finds the cell in the making.
            let _registry = registry();
            *START.get_or_init(Instant::now)
        }
    };
    limit.admit(|| start().elapsed().as_micros() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(limit: Limit, times: &[u64]) -> Vec<Option<u64>> {
        let state = LimitState::new(limit);
        times.iter().map(|now| state.admit(|| *now)).collect()
    }

    #[test]
    fn every_nth_call_passes_and_says_how_many_did_not() {
        let passed = script(Limit::every(3), &[0; 7]);
        assert_eq!(passed, [Some(0), None, None, Some(2), None, None, Some(2)]);
        assert_eq!(script(Limit::every(0), &[0; 2]), [Some(0), Some(0)]);
        assert_eq!(script(Limit::every(1), &[0; 2]), [Some(0), Some(0)]);
    }

    #[test]
    fn once_is_once() {
        assert_eq!(script(Limit::once(), &[0, 1, 2]), [Some(0), None, None]);
    }

    #[test]
    fn at_most_n_pass_in_an_interval_that_the_first_of_them_begins() {
        let limit = Limit::at_most(2, Duration::from_micros(10));
        let passed = script(limit, &[5, 6, 7, 14, 15, 16, 17, 40]);
        assert_eq!(passed, [Some(0), Some(0), None, None, Some(2), Some(0), None, Some(1)]);
        assert_eq!(script(Limit::at_most(0, Duration::ZERO), &[0, 9]), [None, None]);
    }

    #[test]
    fn absurd_limits_are_clamped() {
        let limit = Limit::at_most(u64::MAX, Duration::MAX);
        assert_eq!(limit, Limit(Rule::AtMost { n: 65_535, micros: MAX_MICROS }));
        assert_eq!(script(limit, &[u64::MAX, 0]), [Some(0), Some(0)]);
    }

    #[test]
    fn threads_together_pass_no_more_than_the_limit() {
        let state = LimitState::new(Limit::at_most(5, Duration::from_secs(1)));
        let passed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..100).filter_map(|_| state.admit(|| 7)).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(passed, 5);
    }
}
