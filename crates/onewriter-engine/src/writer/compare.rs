//! Telling a process that stands by that the writer's sinks are set up otherwise than its own.

use super::Shared;
use crate::publish::{self, Published};
use std::time::Duration;

/// How long a process that stands by waits for what the writer publishes, and how often it looks.
const TRIES: u32 = 100;
const EVERY: Duration = Duration::from_millis(50);

impl Shared {
    /// Compares our sinks with those of the writer for which we stand by, once it has said how they
    /// are. On a thread of its own: what is told there is logged like anybody's record.
    pub(super) fn compare_with_writer(&'static self, tell: fn(&str)) {
        let thread = std::thread::Builder::new().name("onewriter-compare".to_owned());
        let compare = move || {
            for _ in 0..TRIES {
                // First of all: what stands there may be that of the writer before, who was killed.
                std::thread::sleep(EVERY);
                let writer = publish::read_in(self.queue.dir()).filter(|it| !it.has_ended);
                let Some(writer) = writer else { continue };
                let own = Published { settings: self.lock().all_settings(), ..Published::of_us() };
                if let Some(text) = publish::disagreement(&own, &writer) {
                    tell(&text);
                }
                return;
            }
        };
        // Without a thread nobody is told; nothing else depends on it.
        let _ = thread.spawn(compare);
    }
}
