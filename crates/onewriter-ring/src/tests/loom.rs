//! Every interleaving, and every value that a relaxed load may see, of the ring's protocol on rings
//! of a few words.

mod bell;
mod takeover;

use super::{put, read_all, ring_of};
use crate::spsc::{Consumer, HEAD, LOST_SEEN, Losses, Producer, Ring, Room, TAIL};
use crate::words::Words;
use loom::sync::atomic::{AtomicU64, Ordering, fence};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::sync::Arc;

struct LoomWords(Vec<AtomicU64>);

impl Words for LoomWords {
    fn load(&self, at: usize, order: Ordering) -> u64 {
        self.0[at].load(order)
    }

    fn store(&self, at: usize, word: u64, order: Ordering) {
        self.0[at].store(word, order);
    }
}

fn ring(words: usize) -> Ring<Arc<LoomWords>> {
    ring_of(words, |len| Arc::new(LoomWords((0..len).map(|_| AtomicU64::new(0)).collect())))
}

/// A futex: waits only if the word is still what it was, and a wake is not lost.
#[derive(Default)]
struct Futex {
    waiting: Mutex<u32>,
    woken: Condvar,
}

impl Futex {
    fn wait(&self, word: impl Fn() -> u64, seen: u64) {
        let mut wakes = self.waiting.lock().unwrap();
        if word() != seen {
            return;
        }
        let before = *wakes;
        while *wakes == before {
            wakes = self.woken.wait(wakes).unwrap();
        }
    }

    fn wake(&self) {
        *self.waiting.lock().unwrap() += 1;
        self.woken.notify_one();
    }
}

#[test]
fn loom_what_was_accepted_is_read_once_whole_and_in_order_over_padding_and_wrap() {
    loom::model(|| {
        let ring = ring(8);
        let producer = Producer::new(ring.clone());
        let mut consumer = Consumer::new(ring, 0);
        // 24 bytes each: the third needs padding up to the wrap at 64, and room behind it.
        let puts = thread::spawn(move || -> Vec<u64> {
            (1..=4).filter(|value| put(&producer, *value, 10 * value, 1)).collect()
        });
        let mut read = Vec::new();
        for _ in 0..2 {
            read.extend(read_all(&mut consumer).unwrap());
            consumer.release(consumer.pos());
        }
        let accepted = puts.join().unwrap();
        read.extend(read_all(&mut consumer).unwrap());
        let expected: Vec<_> = accepted.iter().map(|value| (*value, vec![10 * value])).collect();
        assert_eq!(read, expected);
    });
}

#[test]
fn loom_a_producer_that_waits_for_room_is_woken() {
    loom::model(|| {
        let ring = ring(8);
        let producer = Producer::new(ring.clone());
        let mut consumer = Consumer::new(ring, 0);
        assert!(put(&producer, 1, 7, 6), "the ring is full from the start");
        consumer.observe().unwrap();
        let futex = Arc::new(Futex::default());
        let waiter = Arc::clone(&futex);
        let waits = thread::spawn(move || {
            producer.enter_slow();
            loop {
                let head = producer.announce_wait();
                if producer.make_room(8, false) == Room::Ready {
                    break;
                }
                let control = &producer.ring().control;
                waiter.wait(|| control.load(HEAD, Ordering::Relaxed), head);
            }
            producer.put_ready(0, 2, 8, |frame| frame.word(8));
            producer.leave_slow();
        });
        assert_eq!(read_all(&mut consumer), Ok(vec![(1, vec![7; 6])]));
        if consumer.release(consumer.pos()) {
            futex.wake();
        }
        // A lost wake would be a deadlock, which loom reports.
        waits.join().unwrap();
        assert_eq!(read_all(&mut consumer), Ok(vec![(2, vec![8])]));
    });
}

#[test]
fn loom_every_loss_is_reported_once_in_its_class() {
    loom::model(|| {
        let ring = ring(8);
        let producer = Producer::new(ring.clone());
        let mut consumer = Consumer::new(ring.clone(), 0);
        let loses = thread::spawn(move || {
            producer.count_lost(10, 5);
            producer.count_lost(40, 6);
        });
        let mut reports: Vec<Losses> = consumer.losses().into_iter().collect();
        loses.join().unwrap();
        reports.extend(consumer.losses());
        assert_eq!(consumer.losses(), None);
        let class = |class: usize| reports.iter().map(|it| it.by_class[class]).sum::<u64>();
        assert_eq!((class(1), class(4)), (1, 1));
        assert_eq!(reports.iter().map(|it| it.count).sum::<u64>(), 2);
        for report in &reports {
            assert!(5 <= report.first && report.first <= report.last && report.last <= 6);
        }
        // The one who takes over reports them again until they are told.
        assert_eq!(Consumer::new(ring.clone(), 0).losses().map_or(0, |it| it.count), 2);
        consumer.tell_losses();
        assert_eq!(ring.control.load(LOST_SEEN, Ordering::Relaxed), 2);
        assert_eq!(Consumer::new(ring, 0).losses(), None);
    });
}

/// The doorbell's words and the two ends of it, as in `put::after_commit` and `Bell::sleep`. The
/// membarrier of the sleeper is a fence on both sides here: that is what it does to a processor
/// that is between the two accesses.
#[test]
fn loom_a_put_wakes_a_writer_that_fell_asleep_before_it_saw_the_tail() {
    const SLEEPING: u64 = 2;
    const AWAKE: u64 = 0;
    loom::model(|| {
        let ring = ring(8);
        let producer = Producer::new(ring.clone());
        let bell = Arc::new((AtomicU64::new(AWAKE), Futex::default()));
        let rings = Arc::clone(&bell);
        let puts = thread::spawn(move || {
            assert!(put(&producer, 1, 7, 1));
            fence(Ordering::SeqCst);
            let (state, futex) = &*rings;
            let relaxed = Ordering::Relaxed;
            if state.load(relaxed) == SLEEPING
                && state.compare_exchange(SLEEPING, AWAKE, Ordering::SeqCst, relaxed).is_ok()
            {
                futex.wake();
            }
        });
        let (state, futex) = &*bell;
        state.store(SLEEPING, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        if ring.control.load(TAIL, Ordering::Relaxed) == 0 {
            futex.wait(|| state.load(Ordering::Relaxed), SLEEPING);
        }
        state.store(AWAKE, Ordering::SeqCst);
        // The next pass begins with a membarrier too.
        fence(Ordering::SeqCst);
        assert_eq!(read_all(&mut Consumer::new(ring, 0)), Ok(vec![(1, vec![7])]));
        puts.join().unwrap();
    });
}

#[test]
fn loom_a_ring_that_goes_to_another_thread_keeps_what_is_in_it() {
    loom::model(|| {
        let ring = ring(16);
        let mut consumer = Consumer::new(ring.clone(), 0);
        // What `Segment::release` and `Segment::claim` do under the segment's mutex.
        let free = Arc::new(Mutex::new(None));
        let (gives, first) = (Arc::clone(&free), ring.clone());
        let leaves = thread::spawn(move || {
            assert!(put(&Producer::new(first.clone()), 1, 10, 1));
            *gives.lock().unwrap() = Some(first);
        });
        let adopts = thread::spawn(move || {
            let adopted = free.lock().unwrap().take();
            let ring = adopted?;
            assert!(put(&Producer::new(ring), 2, 20, 1));
            Some(())
        });
        let mut read = read_all(&mut consumer).unwrap();
        leaves.join().unwrap();
        let adopted = adopts.join().unwrap();
        read.extend(read_all(&mut consumer).unwrap());
        let mut expected = vec![(1, vec![10])];
        expected.extend(adopted.map(|()| (2, vec![20])));
        assert_eq!(read, expected);
    });
}
