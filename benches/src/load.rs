//! Whole runs: throughput, a call below the level, a lone record, idleness, a sink that stalls.

use crate::peer::{Peer, Setup, bytes_in, lines_in};
use crate::process;
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// Logs `lines` lines as fast as the producers can, until all of it is in the file.
///
/// One producer is bound to processor 0 and everything else to processor 1; several are not bound.
pub fn throughput<P: Peer>(setup: &Setup, lines: u64, producers: u64) -> Value {
    if producers == 1 {
        process::pin(1);
    }
    let peer = P::start(setup);
    let gate = Barrier::new(producers as usize);
    let spans: Vec<(Instant, Instant)> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| producer(&peer, &gate, lines / producers, producers == 1));
        let threads: Vec<_> = (0..producers).map(|_| start()).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let began = spans.iter().map(|span| span.0).min().unwrap_or_else(Instant::now);
    let called = spans.iter().map(|span| span.1).max().unwrap_or(began);
    let dropped = peer.finish();
    let on_file = settled(setup);
    let cpu = process::cpu_time();
    let hwm = process::status_kib("self", "VmHWM");
    let found = lines_in(&setup.dir);
    let seconds = (on_file - began).as_secs_f64();
    json!({
        "lines": found,
        "offered": lines,
        "dropped": dropped,
        "seconds": seconds,
        "lines_per_s": found as f64 / seconds,
        "caller_ns": (called - began).as_secs_f64() * 1e9 * producers as f64 / lines as f64,
        "cpu_s": cpu.as_secs_f64(),
        "vm_hwm_kib": hwm,
        "bytes_per_line": bytes_in(&setup.dir) as f64 / found.max(1) as f64,
    })
}

fn producer<P: Peer>(peer: &P, gate: &Barrier, lines: u64, alone: bool) -> (Instant, Instant) {
    if alone {
        process::pin(0);
    }
    gate.wait();
    let began = Instant::now();
    for i in 0..lines {
        peer.line(i, i + 7, i as f64 + 0.1 * i as f64);
    }
    (began, Instant::now())
}

/// When the files stopped growing. A logger whose end does not wait for its writer is not let off.
fn settled(setup: &Setup) -> Instant {
    let mut last = Instant::now();
    let mut size = bytes_in(&setup.dir);
    while last.elapsed() < Duration::from_millis(100) {
        std::thread::sleep(Duration::from_millis(1));
        let now = bytes_in(&setup.dir);
        if now != size {
            (last, size) = (Instant::now(), now);
        }
    }
    last
}

/// Nanoseconds of a call below the level, its loop included: the median of seven runs.
pub fn disabled<P: Peer>(setup: &Setup, calls: u64) -> Value {
    let peer = P::start(setup);
    let mut runs: Vec<f64> =
        (0..7).map(|_| loop_ns(calls, |i| peer.below(i, i, i as f64))).collect();
    runs.sort_by(f64::total_cmp);
    peer.finish();
    json!({ "ns": runs[3] })
}

#[inline(never)]
fn loop_ns(calls: u64, call: impl Fn(u64)) -> f64 {
    let began = Instant::now();
    for i in 0..calls {
        call(std::hint::black_box(i));
    }
    began.elapsed().as_nanos() as f64 / calls as f64
}

/// A record on its own: how long until it is in the file. A logger that keeps it for more than two
/// seconds is not waited for again.
pub fn lone<P: Peer>(setup: &Setup, records: u64) -> Value {
    let peer = P::start(setup);
    let mut took = Vec::new();
    let mut late = 0;
    for k in 0..records {
        // Odd distances, so that the records do not march in step with somebody's timer.
        std::thread::sleep(Duration::from_micros(15_000 + k * 7_919 % 13_000));
        match until_in_file(&peer, setup, k) {
            Some(wait) => took.push(wait.as_nanos() as u64),
            None => late += 1,
        }
        if late == 2 {
            break;
        }
    }
    peer.finish();
    json!({ "late": late, "wait_ns": crate::latency::quantiles(&mut took, 1.0) })
}

fn until_in_file<P: Peer>(peer: &P, setup: &Setup, k: u64) -> Option<Duration> {
    let before = bytes_in(&setup.dir);
    let began = Instant::now();
    peer.line(k, k, k as f64);
    while began.elapsed() < Duration::from_secs(2) {
        if bytes_in(&setup.dir) > before {
            return Some(began.elapsed());
        }
        std::thread::sleep(Duration::from_micros(20));
    }
    None
}

/// The share of one processor that a logger takes while nobody logs.
pub fn idle<P: Peer>(setup: &Setup, rest: Duration) -> Value {
    let peer = P::start(setup);
    peer.line(1, 2, 3.0);
    std::thread::sleep(Duration::from_millis(500));
    let (cpu, began) = (process::cpu_time(), Instant::now());
    std::thread::sleep(rest);
    let used = (process::cpu_time() - cpu).as_secs_f64() / began.elapsed().as_secs_f64();
    peer.finish();
    json!({ "cpu_percent": used * 100.0 })
}
