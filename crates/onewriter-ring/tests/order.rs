//! Real-time order between threads: a million hand-offs, and the writer reads while they happen.

mod queue;

use onewriter_ring::{JoinOptions, Overflow, put};
use queue::joined;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const HAND_OFFS: u64 = 1_000_000;
const THREADS: u64 = 2;

/// Each thread waits for its turn, puts, and hands the turn on to the other: every put has returned
/// before the next begins, on another thread.
#[test]
fn a_million_hand_offs_are_merged_without_an_inversion() {
    let wait = Overflow { wait: Duration::from_secs(3600) };
    let options = JoinOptions { overflow: Box::new(move |_| wait), ..JoinOptions::default() };
    let mut here = joined(options);
    // In a private queue that nobody leads no put waits for long.
    let _lead = here.queue.try_lead().unwrap().expect("nobody else leads");
    let turn = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..THREADS)
        .map(|me| {
            let turn = Arc::clone(&turn);
            std::thread::spawn(move || hand_off(&turn, me))
        })
        .collect();
    let mut next = 0;
    while next < HAND_OFFS {
        for value in here.pass().iter().map(queue::Record::value) {
            assert_eq!(value, next, "the record of hand-off {next} is not the next one");
            next += 1;
        }
        // As the writer does: a reader that never pauses takes the others' processors.
        here.queue.pause(Duration::from_millis(1), || true);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(here.values(), []);
}

fn hand_off(turn: &AtomicU64, me: u64) {
    let mut looks: u64 = 0;
    loop {
        let now = turn.load(Ordering::Acquire);
        if now == HAND_OFFS {
            return;
        }
        if now % THREADS == me {
            put(0, 20, 1, 8, |frame| frame.word(now)).unwrap();
            turn.store(now + 1, Ordering::Release);
            continue;
        }
        looks += 1;
        // With fewer processors than threads, spinning alone would take the other one's time.
        if looks.is_multiple_of(100) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}
