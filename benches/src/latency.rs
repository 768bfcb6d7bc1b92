//! What a call costs its caller: batches of 20 calls, 2 ms apart.
//!
//! Even batches are timed as a whole and divided by 20; odd ones time every call, which adds the
//! pair of clock reads to each (the row `nothing` shows how much).

use crate::clock::{Scale, ticks};
use crate::peer::{Peer, Setup};
use crate::process;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const CALLS: u64 = 20;
const APART: Duration = Duration::from_millis(2);
const WARM_UP: usize = 40;

/// How the producers spend the time between batches.
pub struct Plan {
    /// Batches after the warm-up.
    pub batches: usize,
    /// Threads that log.
    pub producers: usize,
    /// Busy between the batches, on a processor of its own; otherwise asleep and not bound.
    pub spin: bool,
}

#[derive(Default)]
struct Samples {
    batch: Vec<u64>,
    each: Vec<u64>,
}

/// Runs the plan and gives the quantiles in nanoseconds.
pub fn measure<P: Peer>(setup: &Setup, plan: &Plan) -> Value {
    if plan.spin {
        process::pin(1);
    }
    let peer = P::start(setup);
    let scale = Scale::begin();
    let mut all = Samples::default();
    std::thread::scope(|scope| {
        let start = || scope.spawn(|| producer(&peer, plan));
        let threads: Vec<_> = (0..plan.producers).map(|_| start()).collect();
        for thread in threads {
            let samples = thread.join().unwrap_or_default();
            all.batch.extend(samples.batch);
            all.each.extend(samples.each);
        }
    });
    let ns = scale.end();
    let dropped = peer.finish();
    json!({
        "batch": quantiles(&mut all.batch, ns / CALLS as f64),
        "each": quantiles(&mut all.each, ns),
        "dropped": dropped,
    })
}

fn producer<P: Peer>(peer: &P, plan: &Plan) -> Samples {
    if plan.spin {
        process::pin(0);
    }
    let mut samples = Samples::default();
    let mut next = Instant::now();
    for batch in 0..plan.batches + WARM_UP {
        next += APART;
        wait(next, plan.spin);
        let warm = batch >= WARM_UP;
        if batch % 2 == 0 {
            let took = whole(peer, batch as u64);
            samples.batch.extend(warm.then_some(took));
        } else {
            let took = single(peer, batch as u64);
            samples.each.extend(took.into_iter().filter(|_| warm));
        }
    }
    samples
}

fn wait(until: Instant, spin: bool) {
    if spin {
        while Instant::now() < until {
            std::hint::spin_loop();
        }
    } else {
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
}

#[inline(never)]
fn whole<P: Peer>(peer: &P, batch: u64) -> u64 {
    let before = ticks();
    for i in 0..CALLS {
        peer.line(i, batch, i as f64 + 0.1 * i as f64);
    }
    ticks() - before
}

#[inline(never)]
fn single<P: Peer>(peer: &P, batch: u64) -> [u64; CALLS as usize] {
    let mut took = [0; CALLS as usize];
    for (i, slot) in took.iter_mut().enumerate() {
        let before = ticks();
        peer.line(i as u64, batch, i as f64 + 0.1 * i as f64);
        *slot = ticks() - before;
    }
    took
}

/// The points of a latency curve: their names, and the share of samples below.
pub const POINTS: [(&str, f64); 11] = [
    ("p1", 0.01),
    ("p10", 0.1),
    ("p25", 0.25),
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
    ("p99.99", 0.9999),
    ("max", 1.0),
];

/// The curve of these samples, each multiplied by `unit`.
pub fn quantiles(samples: &mut [u64], unit: f64) -> Value {
    samples.sort_unstable();
    let at = |share: f64| {
        let index = (samples.len() as f64 * share) as usize;
        samples
            .get(index.min(samples.len().saturating_sub(1)))
            .map(|ticks| rounded(*ticks as f64 * unit))
    };
    POINTS.iter().map(|(name, share)| ((*name).to_owned(), json!(at(*share)))).collect()
}

/// A hundredth is far below what the clock can tell apart.
fn rounded(ns: f64) -> f64 {
    (ns * 100.0).round() / 100.0
}
