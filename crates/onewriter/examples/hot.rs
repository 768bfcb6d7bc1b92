//! The hot path alone, for looking at its machine code and its time.
use onewriter::{info, sink};
use std::time::{Duration, Instant};

#[inline(never)]
fn twenty(i: u64, d: f64) {
    for k in 0..20u64 {
        info!("Logging int: {} int: {} double: {}", i, k, d);
    }
}

fn main() {
    let relaxed = std::env::args().nth(1).as_deref() == Some("relaxed");
    let path = "/tmp/hot.log";
    let _ = std::fs::remove_file(path);
    let mut b = onewriter::builder().sink(sink::file(path));
    if relaxed {
        b = b.order(onewriter::Order::Relaxed);
    }
    let log = b.install().unwrap();
    let mut times = Vec::new();
    for i in 0..1000u64 {
        let t = Instant::now();
        while t.elapsed() < Duration::from_millis(2) {}
        let s = Instant::now();
        twenty(i, i as f64 * 1.1);
        times.push(s.elapsed().as_nanos() as f64 / 20.0);
    }
    times.drain(..40);
    times.sort_by(f64::total_cmp);
    let at = |p: f64| times[((times.len() - 1) as f64 * p) as usize];
    println!("p50 {:.1} p95 {:.1} p99 {:.1} max {:.1}", at(0.5), at(0.95), at(0.99), at(1.0));
    log.shutdown(Duration::from_secs(5)).unwrap();
}
