//! The doorbell across writers: what the dead leave in it costs the next one no wake-up.

use super::{Futex, LoomWords, put, read_all, ring};
use crate::queue::bell::{AWAKE, SLEEPING};
use crate::spsc::{Consumer, Producer, Ring, TAIL};
use crate::words::Words;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::thread;
use std::sync::Arc;

/// The state, and the futex that it is. As in `queue.rs`; a membarrier of the writer is a fence on
/// both sides here.
struct Bell {
    state: AtomicU64,
    futex: Futex,
}

/// How far a producer comes that is killed while it rings.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ringer {
    Lives,
    /// Between the store and the wake.
    IsKilled,
}

impl Bell {
    fn new(state: u64) -> Arc<Bell> {
        Arc::new(Bell { state: AtomicU64::new(state), futex: Futex::default() })
    }

    /// `put::after_commit` and `queue::ring`.
    fn after_commit(&self, ringer: Ringer) {
        fence(Ordering::SeqCst);
        if self.state.load(Ordering::Relaxed) == SLEEPING
            && self.ring().is_ok()
            && ringer == Ringer::Lives
        {
            self.futex.wake();
        }
    }

    fn ring(&self) -> Result<u64, u64> {
        self.state.compare_exchange(SLEEPING, AWAKE, Ordering::SeqCst, Ordering::Relaxed)
    }

    /// `Bell::ring_always`, as far as it is about one that sleeps.
    fn request(&self) {
        let _ = self.ring();
        self.futex.wake();
    }

    /// `Bell::sleep`, without an end to its time.
    fn sleep(&self, is_idle: impl FnOnce() -> bool) {
        self.state.store(SLEEPING, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if is_idle() {
            self.futex.wait(|| self.state.load(Ordering::Relaxed), SLEEPING);
        }
        self.state.store(AWAKE, Ordering::SeqCst);
    }
}

/// A writer that takes over: a pass, and as long as it has not read `n_records` it sleeps and makes
/// another one.
fn reads(bell: &Bell, ring: Ring<Arc<LoomWords>>, n_records: usize) {
    let control = Arc::clone(&ring.control);
    let mut consumer = Consumer::new(ring, 0);
    let mut n_read = 0;
    while n_read < n_records {
        // A pass begins with a membarrier.
        fence(Ordering::SeqCst);
        n_read += read_all(&mut consumer).unwrap().len();
        if n_read < n_records {
            let seen = consumer.tail();
            // A lost wake-up would be a deadlock, which loom reports.
            bell.sleep(|| control.load(TAIL, Ordering::Relaxed) == seen);
        }
    }
}

#[test]
fn loom_a_writer_that_was_killed_in_its_sleep_costs_the_next_one_no_wake_up() {
    // Without a bound it takes a minute, and more where others work too.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(5);
    model.check(|| {
        let (ring, bell) = (ring(8), Bell::new(SLEEPING));
        let (producer, rings) = (Producer::new(ring.clone()), Arc::clone(&bell));
        let puts = thread::spawn(move || {
            assert!(put(&producer, 1, 7, 1));
            rings.after_commit(Ringer::Lives);
            assert!(put(&producer, 2, 8, 1));
            rings.after_commit(Ringer::Lives);
        });
        reads(&bell, ring, 2);
        puts.join().unwrap();
    });
}

#[test]
fn loom_a_request_reaches_a_writer_whom_a_killed_producer_had_half_woken() {
    loom::model(|| {
        let (ring, bell) = (ring(8), Bell::new(AWAKE));
        let (producer, rings) = (Producer::new(ring.clone()), Arc::clone(&bell));
        let puts = thread::spawn(move || {
            assert!(put(&producer, 1, 7, 1));
            rings.after_commit(Ringer::IsKilled);
            rings.request();
        });
        reads(&bell, ring, 1);
        puts.join().unwrap();
    });
}
