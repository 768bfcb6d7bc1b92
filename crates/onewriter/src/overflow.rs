//! What a put does when there is no room.

use onewriter_record::Level;
use std::time::Duration;

/// How long records of great importance wait for room.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a put does when its ring is full and may not grow: the overflow policy, per level.
///
/// Whatever the policy, a record that was not accepted is counted, and the count appears in the log
/// at its place. A sixteenth of each ring is kept for ERROR and above. The `try_` forms of the
/// macros never wait.
///
/// What a put has waited in vain the next ones of its thread do not wait again until the writer moves
/// on: a thread that logs onto a full disk waits once, not at each line. (Where there is no shared
/// memory for a ring at all, one put a second waits.)
///
/// ```
/// use onewriter::{Level, Overflow};
/// use std::time::Duration;
///
/// // Wait at most 100 ms, then drop what is below ERROR; the default waits 100 ms for all.
/// let policy = Overflow::block(Duration::from_millis(100)).then_drop_below(Level::Error);
/// assert_eq!(policy.wait_of(Level::Info), Duration::from_millis(100));
/// assert_eq!(policy.wait_of(Level::Error), Duration::from_secs(30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    wait: Duration,
    patient_from: Option<Level>,
    drop_below: Option<Level>,
}

impl Default for Overflow {
    /// Waits at most 100 ms, then drops.
    fn default() -> Overflow {
        Overflow::block(Duration::from_millis(100))
    }
}

impl Overflow {
    /// Waits for room at most this long, then drops the record. Never an unbounded wait.
    #[must_use]
    pub const fn block(deadline: Duration) -> Overflow {
        Overflow { wait: deadline, patient_from: None, drop_below: None }
    }

    /// Drops the newest record at once.
    #[must_use]
    pub const fn drop_newest() -> Overflow {
        Overflow::block(Duration::ZERO)
    }

    /// Gives up on records below `level` after the deadline; those at or above it go on waiting, up
    /// to 30 s.
    #[must_use]
    pub const fn then_drop_below(mut self, level: Level) -> Overflow {
        self.patient_from = Some(level);
        self
    }

    /// Drops records below `level` at once: only the others wait.
    #[must_use]
    pub const fn drop_at_once_below(mut self, level: Level) -> Overflow {
        self.drop_below = Some(level);
        self
    }

    /// How long a put of this level waits for room.
    #[must_use]
    pub fn wait_of(&self, level: Level) -> Duration {
        if self.drop_below.is_some_and(|below| level < below) {
            Duration::ZERO
        } else if self.patient_from.is_some_and(|from| level >= from) {
            self.wait.max(PATIENCE)
        } else {
            self.wait
        }
    }
}
