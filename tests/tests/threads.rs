//! Threads that come and go, records of every size, and places where few loggers can be called.

use onewriter::{Guard, Overflow, TextFormat, info, sink};
use onewriter_tests::{PATIENCE, alone, assert_same, numbered};
use std::collections::BTreeSet;
use std::sync::{Arc, Barrier};

fn in_memory() -> (Guard, impl Fn() -> Vec<String>) {
    let (memory, lines) = sink::memory();
    let format = TextFormat::pattern("{message}").expect("a pattern");
    let log = onewriter::builder()
        .sink(memory.format(format))
        .overflow(Overflow::block(PATIENCE))
        .install()
        .expect("the logger can be installed");
    (log, move || lines.lines())
}

#[track_caller]
fn end(log: Guard) {
    log.shutdown(PATIENCE).expect("everything is written");
}

#[test]
fn ten_thousand_short_threads_share_a_few_rings_and_lose_nothing() {
    let _alone = alone();
    let (log, lines) = in_memory();
    for n in 0..10_000 {
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        let thread = thread.spawn(move || info!("thread {n}")).expect("a thread");
        thread.join().expect("it ends");
    }
    log.complete(PATIENCE).expect("the sink takes everything");
    assert_same(&lines(), &numbered("thread", 10_000));
    assert!(log.stats().rings <= 16, "{} rings", log.stats().rings);
    end(log);
}

#[test]
fn a_thousand_live_threads_log_at_once_and_lose_nothing() {
    const THREADS: usize = 1_000;
    let _alone = alone();
    let (log, lines) = in_memory();
    let barrier = Arc::new(Barrier::new(THREADS));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let barrier = Arc::clone(&barrier);
            let builder = std::thread::Builder::new().stack_size(64 << 10);
            let run = move || {
                barrier.wait();
                (0..10).for_each(|n| info!("thread {thread} {n}"));
                // All of them have a ring at this moment.
                barrier.wait();
            };
            builder.spawn(run).expect("a thread")
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    log.complete(PATIENCE).expect("the sink takes everything");
    let found: BTreeSet<String> = lines().into_iter().collect();
    let wanted: BTreeSet<String> =
        (0..THREADS).flat_map(|thread| numbered(&format!("thread {thread}"), 10)).collect();
    assert_eq!(found, wanted);
    assert_eq!(lines().len(), 10 * THREADS);
    end(log);
}

#[test]
fn records_of_every_size_up_to_16_mib_come_through_whole() {
    let _alone = alone();
    let (log, lines) = in_memory();
    let sizes: Vec<usize> = (0..=24)
        .map(|power| 1 << power)
        .flat_map(|size| [size - 1, size])
        .chain([2_000, 16_000, 262_000, 263_000])
        .collect();
    let bytes: String = ('a'..='z').cycle().take(16 << 20).collect();
    for &size in &sizes {
        info!("{}", &bytes[..size]);
    }
    log.complete(PATIENCE).expect("the sink takes everything");
    let lines = lines();
    let found: Vec<usize> = lines.iter().map(String::len).collect();
    assert_eq!(found, sizes);
    assert!(lines.iter().zip(&sizes).all(|(line, size)| *line == bytes[..*size]));
    end(log);
}

struct Last(&'static str);

impl Drop for Last {
    fn drop(&mut self) {
        info!("{}", self.0);
    }
}

const MADE_EARLY: &str = "made before the thread's first record";
const MADE_LATE: &str = "made after the thread's first record";

thread_local! {
    static EARLY: Last = const { Last(MADE_EARLY) };
    static LATE: Last = const { Last(MADE_LATE) };
}

#[test]
fn destructors_of_thread_locals_log_whenever_they_run() {
    let _alone = alone();
    let (log, lines) = in_memory();
    for _ in 0..50 {
        let thread = std::thread::spawn(|| {
            EARLY.with(|_| ());
            info!("the thread itself");
            LATE.with(|_| ());
        });
        thread.join().expect("it ends");
    }
    log.complete(PATIENCE).expect("the sink takes everything");
    let lines = lines();
    for text in [MADE_EARLY, MADE_LATE, "the thread itself"] {
        assert_eq!(lines.iter().filter(|line| *line == text).count(), 50, "{text}");
    }
    assert_eq!(lines.len(), 150);
    end(log);
}

#[test]
fn a_panic_hook_that_logs_is_heard_beside_the_loggers_own() {
    let _alone = alone();
    let (log, lines) = in_memory();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.payload().downcast_ref::<&str>().copied().unwrap_or_default();
        info!("the program's hook: {text}");
    }));
    let thread = std::thread::Builder::new().name("worker".into());
    let thread = thread.spawn(|| panic!("boom")).expect("a thread");
    assert!(thread.join().is_err());
    std::panic::set_hook(before);
    log.complete(PATIENCE).expect("the sink takes everything");
    assert_eq!(lines(), ["the program's hook: boom"]);
    end(log);
}
