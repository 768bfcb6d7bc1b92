//! A sink that does not move: a FIFO that nobody reads for two seconds, and a million records.

use crate::clock::{Scale, ticks};
use crate::peer::{Peer, Setup, is_whole};
use crate::process;
use rustix::fs::{Mode, OFlags};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const STALL: Duration = Duration::from_secs(2);

#[derive(Default)]
struct Scene {
    calls: AtomicU64,
    finished: AtomicBool,
}

struct Seen {
    calls_in_stall: u64,
    rss_kib: u64,
    delivered: u64,
}

/// Offers `records` records from one thread.
pub fn measure<P: Peer>(setup: &Setup, records: u64) -> Value {
    let fifo = open_fifo(setup);
    let rss_before = process::status_kib("self", "VmRSS");
    let peer = P::start(setup);
    let scene = Scene::default();
    let scale = Scale::begin();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read_late(fifo, &scene));
        let began = Instant::now();
        let longest = offer(&peer, &scene, records);
        let called = began.elapsed();
        let ns = scale.end();
        let dropped = peer.finish();
        scene.finished.store(true, Relaxed);
        let Ok(seen) = reader.join() else { return json!({ "error": "the reader failed" }) };
        json!({
            "offered": records,
            "calls_in_stall": seen.calls_in_stall,
            "growth_kib": seen.rss_kib.saturating_sub(rss_before),
            "longest_ms": longest as f64 * ns / 1e6,
            "caller_s": called.as_secs_f64(),
            "delivered": seen.delivered,
            "dropped": dropped,
        })
    })
}

/// Opened for both directions, so that the logger's own open does not wait for a reader.
fn open_fifo(setup: &Setup) -> File {
    let path = setup.file();
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("the folder is empty and writable");
    let flags = OFlags::RDWR | OFlags::NONBLOCK;
    File::from(rustix::fs::open(&path, flags, Mode::empty()).expect("the FIFO was just made"))
}

fn offer<P: Peer>(peer: &P, scene: &Scene, records: u64) -> u64 {
    let mut longest = 0;
    for i in 0..records {
        let before = ticks();
        peer.line(i, i + 7, i as f64 + 0.1 * i as f64);
        longest = longest.max(ticks() - before);
        scene.calls.store(i + 1, Relaxed);
    }
    longest
}

/// Reads nothing for two seconds, then everything.
fn read_late(mut fifo: File, scene: &Scene) -> Seen {
    std::thread::sleep(STALL);
    let calls_in_stall = scene.calls.load(Relaxed);
    let rss_kib = process::status_kib("self", "VmRSS");
    let mut seen = Seen { calls_in_stall, rss_kib, delivered: 0 };
    let mut chunk = vec![0; 1 << 16];
    let mut line = Vec::new();
    let mut last = Instant::now();
    loop {
        let finished = scene.finished.load(Relaxed);
        let Ok(read) = fifo.read(&mut chunk) else {
            // Empty. Some loggers end before their writer does, so the end gets some patience.
            if finished && last.elapsed() > Duration::from_millis(300) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
            continue;
        };
        last = Instant::now();
        for part in chunk[..read].split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                seen.delivered += u64::from(is_whole(&line));
                line.clear();
            }
        }
    }
    seen
}
