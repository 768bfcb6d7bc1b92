//! Longer runs under random schedules: several producers, one consumer that merges by stamp.

mod takeover;

use super::{put, read_all, ring_of};
use crate::spsc::{Consumer, Producer, Ring};
use crate::words::Words;
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use std::collections::VecDeque;
use std::sync::Arc;

struct ShuttleWords(Vec<AtomicU64>);

impl Words for ShuttleWords {
    fn load(&self, at: usize, order: Ordering) -> u64 {
        self.0[at].load(order)
    }

    fn store(&self, at: usize, word: u64, order: Ordering) {
        self.0[at].store(word, order);
    }
}

type SharedRing = Ring<Arc<ShuttleWords>>;

fn ring(words: usize) -> SharedRing {
    ring_of(words, |len| Arc::new(ShuttleWords((0..len).map(|_| AtomicU64::new(0)).collect())))
}

const PRODUCERS: u64 = 3;
const PUTS: u64 = 12;
const SCHEDULES: usize = 20_000;

/// When a put began, when it had returned, and whose it was: moments of one counter, which is also
/// the clock of the stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    producer: u64,
    number: u64,
    began: u64,
    returned: u64,
}

fn tick(clock: &AtomicU64) -> u64 {
    clock.fetch_add(1, Ordering::SeqCst)
}

/// Puts until everything is accepted; the value of a frame says whose it is.
fn produce(ring: SharedRing, producer: u64, clock: &AtomicU64) -> Vec<Call> {
    let handle = Producer::new(ring);
    let mut calls = Vec::new();
    while (calls.len() as u64) < PUTS {
        let number = calls.len() as u64;
        let began = tick(clock);
        let stamp = tick(clock);
        if put(&handle, stamp, 1000 * producer + number, 1 + (number as usize) % 3) {
            let returned = tick(clock);
            calls.push(Call { producer, number, began, returned });
        } else {
            thread::yield_now();
        }
    }
    calls
}

/// The merge of `Reader::begin` and the drain: the time, then the tails, then what is not younger.
#[derive(Default)]
struct Merge {
    rings: Vec<(Option<Consumer<Arc<ShuttleWords>>>, VecDeque<super::Read>)>,
    out: Vec<u64>,
}

impl Merge {
    fn pass(&mut self, t0: u64) {
        for (consumer, frames) in &mut self.rings {
            let consumer = consumer.as_mut().expect("a ring has its consumer");
            frames.extend(read_all(consumer).expect("nobody scribbles"));
        }
        let oldest = |rings: &[(_, VecDeque<super::Read>)]| {
            let fronts =
                rings.iter().enumerate().filter_map(|(at, (_, it))| Some((it.front()?.0, at)));
            fronts.min().filter(|(stamp, _)| *stamp <= t0)
        };
        while let Some((_, at)) = oldest(&self.rings) {
            self.out.extend(self.rings[at].1.pop_front().map(|(_, body)| body[0]));
        }
        for consumer in self.rings.iter_mut().filter_map(|(consumer, _)| consumer.as_mut()) {
            consumer.release(consumer.pos());
        }
    }
}

fn run() {
    let clock = Arc::new(AtomicU64::new(1));
    let rings: Vec<SharedRing> = (0..PRODUCERS).map(|_| ring(16)).collect();
    let mut merge = Merge::default();
    merge.rings =
        rings.iter().map(|it| (Some(Consumer::new(it.clone(), 0)), VecDeque::new())).collect();
    let producers: Vec<_> = (0..)
        .zip(rings)
        .map(|(producer, ring)| {
            let clock = Arc::clone(&clock);
            thread::spawn(move || produce(ring, producer, &clock))
        })
        .collect();
    while merge.out.len() as u64 != PRODUCERS * PUTS {
        merge.pass(tick(&clock));
        thread::yield_now();
    }
    let mut calls: Vec<Call> = Vec::new();
    producers.into_iter().for_each(|it| calls.extend(it.join().expect("a producer ends")));
    check(&calls, &merge.out);
}

fn check(calls: &[Call], out: &[u64]) {
    let mut values: Vec<u64> = out.to_vec();
    values.sort_unstable();
    let expected: Vec<u64> = calls.iter().map(|it| 1000 * it.producer + it.number).collect();
    assert_eq!(values, expected, "each record once");
    let written = out.iter().map(|value| {
        calls.iter().find(|it| 1000 * it.producer + it.number == *value).expect("it was put")
    });
    let mut latest_begin = 0;
    for call in written {
        assert!(call.returned > latest_begin, "{call:?} returned before one written earlier began");
        latest_begin = latest_begin.max(call.began);
    }
}

#[test]
fn shuttle_what_returned_before_another_began_is_written_first_and_nothing_is_lost_or_doubled() {
    shuttle::check_random(run, SCHEDULES);
}

#[test]
fn shuttle_the_same_with_few_preemptions_at_chosen_places() {
    shuttle::check_pct(run, SCHEDULES, 3);
}
