//! What no logger can beat on this machine, measured in the same run.

use crate::clock::{bare_ticks, ticks};
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Clock reads, a copy into a ring, writes into the page cache.
pub fn measure(dir: &Path) -> Value {
    json!({
        "empty_loop_ns": each(|i| { std::hint::black_box(i); }),
        "rdtsc_ns": each(|_| { std::hint::black_box(bare_ticks()); }),
        "rdtscp_ns": each(|_| { std::hint::black_box(ticks()); }),
        "clock_gettime_ns": each(|_| { std::hint::black_box(Instant::now()); }),
        "ring_64_bytes_ns": ring(),
        "write_100_bytes_mb_s": bandwidth(dir, 100, 20 << 20),
        "write_64_kib_mb_s": bandwidth(dir, 64 << 10, 256 << 20),
        "write_1_mib_mb_s": bandwidth(dir, 1 << 20, 256 << 20),
    })
}

/// The median of nine loops of a million.
fn each(step: impl Fn(u64)) -> f64 {
    const STEPS: u64 = 1_000_000;
    let mut runs = [0.0; 9];
    for run in &mut runs {
        let began = Instant::now();
        for i in 0..STEPS {
            step(i);
        }
        *run = began.elapsed().as_nanos() as f64 / STEPS as f64;
    }
    runs.sort_by(f64::total_cmp);
    runs[4]
}

/// Eight words into a ring of 256 KiB, committed by one release store.
fn ring() -> f64 {
    const WORDS: usize = 256 * 1024 / 8;
    let ring: Vec<AtomicU64> = (0..WORDS).map(|_| AtomicU64::new(0)).collect();
    let tail = AtomicU64::new(0);
    each(|i| {
        let at = (i as usize * 8) % WORDS;
        // Unseen by the compiler, or it would keep only the last of a million copies.
        for (k, word) in std::hint::black_box(&ring[at..at + 8]).iter().enumerate() {
            word.store(i ^ k as u64, Ordering::Relaxed);
        }
        tail.store(i, Ordering::Release);
    })
}

fn bandwidth(dir: &Path, chunk: usize, total: usize) -> f64 {
    let path = dir.join("limits");
    let bytes = vec![b'x'; chunk];
    let mut runs = Vec::new();
    for _ in 0..5 {
        let Ok(mut file) = File::create(&path) else { return 0.0 };
        let began = Instant::now();
        for _ in 0..total / chunk {
            if file.write_all(&bytes).is_err() {
                return 0.0;
            }
        }
        runs.push(total as f64 / 1e6 / began.elapsed().as_secs_f64());
    }
    let _ = std::fs::remove_file(&path);
    runs.sort_by(f64::total_cmp);
    runs[2]
}
