//! Threads that come and go.

mod queue;

use onewriter_ring::put;
use queue::{joined, never_wait};
use std::sync::{Arc, Barrier};

fn put_value(value: u64) {
    put(0, 20, 1, 8, |frame| frame.word(value)).unwrap();
}

#[test]
fn ten_thousand_short_threads_use_one_ring_after_the_other_and_lose_nothing() {
    let mut here = joined(never_wait());
    let mut values = Vec::new();
    for value in 0..10_000 {
        std::thread::spawn(move || put_value(value)).join().unwrap();
        if value % 100 == 99 {
            values.extend(here.values());
        }
    }
    assert_eq!(values, (0..10_000).collect::<Vec<_>>());
    assert_eq!(here.reader.counts(), (1, 1), "one thread at a time needs one ring");
    assert_eq!(here.introductions.len(), 10_000);
}

#[test]
fn a_thousand_live_threads_have_a_ring_each_within_the_default_budget() {
    let mut here = joined(never_wait());
    let all_put = Arc::new(Barrier::new(1_001));
    let threads: Vec<_> = (0..1_000)
        .map(|value| {
            let all_put = Arc::clone(&all_put);
            std::thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || {
                    put_value(2 * value);
                    all_put.wait();
                    put_value(2 * value + 1);
                })
                .unwrap()
        })
        .collect();
    all_put.wait();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let mut values = here.values();
    values.sort_unstable();
    assert_eq!(values, (0..2_000).collect::<Vec<_>>());
    assert_eq!(here.reader.counts(), (1, 1_000));
    assert_eq!(here.losses().count, 0);
}
