//! Real-time order within a process: if one put returned before another began, in whatever thread,
//! it is written first.

use onewriter::{Overflow, TextFormat, info, sink};
use onewriter_tests::{PATIENCE, Place, alone, assert_same, lines, numbered};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

/// Hand-offs of one run; the variable `ONEWRITER_HAND_OFFS` asks for more.
fn hand_offs() -> u64 {
    std::env::var("ONEWRITER_HAND_OFFS").map_or(40_000, |n| n.parse().expect("a number"))
}

fn logged(run: impl FnOnce()) -> Vec<String> {
    let _alone = alone();
    let place = Place::default();
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let log = onewriter::builder()
        .sink(sink::file(place.log()).format(format))
        .overflow(Overflow::block(PATIENCE))
        .install()
        .expect("the logger can be installed");
    run();
    log.shutdown(PATIENCE).expect("everything is written");
    lines(&place.log())
}

#[test]
fn hand_offs_through_an_atomic_are_written_in_their_order() {
    let total = hand_offs();
    let lines = logged(|| {
        let turn = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..3 {
                let turn = &turn;
                scope.spawn(move || {
                    let mut n = turn.load(Ordering::Acquire);
                    while n < total {
                        if n % 3 == thread {
                            info!("hand-off {n}");
                            turn.store(n + 1, Ordering::Release);
                        } else {
                            std::thread::yield_now();
                        }
                        n = turn.load(Ordering::Acquire);
                    }
                });
            }
        });
    });
    assert_same(&lines, &numbered("hand-off", total as usize));
}

#[test]
fn hand_offs_through_channels_are_written_in_their_order() {
    let total = hand_offs() / 4;
    let lines = logged(|| {
        let (to_one, one) = sync_channel::<u64>(0);
        let (to_two, two) = sync_channel::<u64>(0);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for n in one {
                    info!("hand-off {n}");
                    to_two.send(n + 1).expect("the other thread listens");
                }
            });
            let mut n = 0;
            while n < total {
                info!("hand-off {n}");
                to_one.send(n + 1).expect("the other thread listens");
                n = two.recv().expect("the other thread answers");
            }
            drop(to_one);
        });
    });
    assert_same(&lines, &numbered("hand-off", total as usize));
}

#[test]
fn what_stands_before_a_barrier_is_written_before_what_stands_behind_it() {
    const ROUNDS: usize = 500;
    const THREADS: usize = 4;
    let lines = logged(|| {
        let barrier = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        info!("round {round}");
                        barrier.wait();
                    }
                });
            }
        });
    });
    let wanted: Vec<String> =
        (0..ROUNDS * THREADS).map(|n| format!("round {}", n / THREADS)).collect();
    assert_same(&lines, &wanted);
}

#[test]
fn each_threads_own_records_stand_in_its_order() {
    let lines = logged(|| {
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || (0..5_000).for_each(|n| info!("thread {thread} {n}")));
            }
        });
    });
    for thread in 0..4 {
        let prefix = format!("thread {thread}");
        let own: Vec<String> =
            lines.iter().filter(|line| line.starts_with(&prefix)).cloned().collect();
        assert_same(&own, &numbered(&prefix, 5_000));
    }
    assert_eq!(lines.len(), 20_000);
}
