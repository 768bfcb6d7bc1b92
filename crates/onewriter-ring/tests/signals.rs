//! Puts of signal handlers that interrupt puts.

mod queue;

use onewriter_ring::{JoinOptions, Overflow, PutError, put, take_lost_unseen, try_put};
use queue::{joined, never_wait};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const HANDLERS: u64 = 1 << 32;
const SIGNALS: usize = 60_000;

static FROM_HANDLER: AtomicU64 = AtomicU64::new(0);
static REFUSED: AtomicU64 = AtomicU64::new(0);

extern "C" fn put_from_handler(_: libc::c_int) {
    let number = FROM_HANDLER.load(Ordering::Relaxed);
    match try_put(0, 20, 1, 16, |frame| {
        frame.word(HANDLERS + number);
        frame.word(!number);
    }) {
        Ok(()) => FROM_HANDLER.store(number + 1, Ordering::Relaxed),
        Err(PutError::Full) => drop(REFUSED.fetch_add(1, Ordering::Relaxed)),
        // A panic in a handler would abort without a word.
        Err(_) => REFUSED.store(1 << 40, Ordering::Relaxed),
    }
}

fn handle(signal: libc::c_int) {
    FROM_HANDLER.store(0, Ordering::Relaxed);
    REFUSED.store(0, Ordering::Relaxed);
    // SAFETY: the handler is a function of the right type that calls only `try_put`.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = put_from_handler as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(signal, &raw const action, std::ptr::null_mut()), 0);
    }
}

fn raise(signal: libc::c_int) {
    // SAFETY: the signal has a handler.
    unsafe { libc::raise(signal) };
}

fn block(signal: libc::c_int) {
    // SAFETY: all zero bits are a valid set, which the calls fill and read.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

#[test]
fn a_put_in_the_middle_of_a_put_goes_through_the_shared_ring_and_both_are_whole() {
    let mut here = joined(never_wait());
    handle(libc::SIGUSR1);
    for value in 0..1_000 {
        put(0, 20, 1, 16, |frame| {
            frame.word(value);
            raise(libc::SIGUSR1);
            frame.word(!value);
        })
        .unwrap();
        if value % 50 == 0 {
            check(&here.drain(), value.min(1), value.min(1));
        }
    }
    assert_eq!((FROM_HANDLER.load(Ordering::Relaxed), REFUSED.load(Ordering::Relaxed)), (1_000, 0));
    assert_eq!(here.reader.counts(), (1, 2));
}

/// Bodies are a number and its complement; there are at least so many of each kind.
fn check(records: &[queue::Record], mut usual: u64, mut handlers: u64) {
    for record in records {
        let (first, second) = (&record.body[..8], &record.body[8..]);
        let number = record.value() % HANDLERS;
        assert_eq!(second, (!number).to_le_bytes(), "a torn record: {first:?} {second:?}");
        let left = if record.value() >= HANDLERS { &mut handlers } else { &mut usual };
        *left = left.saturating_sub(1);
    }
    assert_eq!((usual, handlers), (0, 0));
}

/// A timer's signals hit the thread at any instruction, on the fast path and on the slow one: what
/// was accepted is there once, in the order of each side, and what was refused is counted.
#[test]
fn signals_at_any_instruction_of_a_put_neither_lose_nor_tear_nor_hang() {
    let wait = Overflow { wait: Duration::from_secs(60) };
    let options = JoinOptions { overflow: Box::new(move |_| wait), ..JoinOptions::default() };
    let mut here = joined(options);
    // In a private queue that nobody leads no put waits for long.
    let _lead = here.queue.try_lead().unwrap().expect("nobody else leads");
    take_lost_unseen(0);
    handle(libc::SIGUSR2);
    let stop = AtomicBool::new(false);
    let mut seen = BTreeMap::new();
    let mut take = |records: Vec<queue::Record>| {
        check(&records, 0, 0);
        for record in records {
            let kind = record.value() / HANDLERS;
            seen.entry(kind).or_insert_with(Vec::new).push(record.value() % HANDLERS);
        }
    };
    let n_put = std::thread::scope(|scope| {
        let (give, get) = std::sync::mpsc::channel();
        let stop = &stop;
        let producer = scope.spawn(move || {
            // SAFETY: asks for the thread's own handle.
            give.send(unsafe { libc::pthread_self() }).unwrap();
            let mut value = 0;
            while !stop.load(Ordering::Relaxed) {
                put(0, 20, 1, 16, |frame| {
                    frame.word(value);
                    frame.word(!value);
                })
                .expect("the reader makes room");
                value += 1;
            }
            // What a thread does at its end allocates, and no handler may interrupt that.
            block(libc::SIGUSR2);
            value
        });
        let thread = get.recv().unwrap();
        let signals = scope.spawn(move || {
            for _ in 0..SIGNALS {
                // SAFETY: the thread runs until it is told to stop.
                unsafe { libc::pthread_kill(thread, libc::SIGUSR2) };
                (0..200).for_each(|_| std::hint::spin_loop());
            }
            stop.store(true, Ordering::Relaxed);
        });
        while !producer.is_finished() {
            take(here.pass());
        }
        signals.join().unwrap();
        producer.join().unwrap()
    });
    take(here.drain());
    let accepted = FROM_HANDLER.load(Ordering::Relaxed);
    assert!(seen.get(&0).is_some_and(|it| it.iter().copied().eq(0..n_put)));
    let mut from_handlers = seen.remove(&1).unwrap_or_default();
    // Two handlers' records may stand in two rings, with stamps that were taken before a nested put.
    from_handlers.sort_unstable();
    let first_wrong = (0..).zip(&from_handlers).find(|(wanted, number)| wanted != *number);
    assert_eq!((from_handlers.len() as u64, first_wrong), (accepted, None));
    assert_eq!(take_lost_unseen(0) + here.losses().count, REFUSED.load(Ordering::Relaxed));
    assert_eq!(here.reader.take_damage(), []);
}

#[test]
fn a_pipe_without_reader_is_an_error_of_the_writer_and_no_signal() {
    let child = queue::child::Child::that(|| {
        // SAFETY: a program that is not written in Rust has SIGPIPE so.
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        onewriter_ring::block_write_signals();
        let (reader, mut writer) = queue::child::pipe();
        drop(reader);
        let err = std::io::Write::write(&mut writer, b"a").unwrap_err();
        assert_eq!(err.kind(), std::io::ErrorKind::BrokenPipe);
    });
    child.kill();
}
