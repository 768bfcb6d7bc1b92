//! Lanes behind a whole logger.

use onewriter::{LaneOptions, info, sink};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[test]
fn a_sink_in_a_lane_that_logs_each_record_reaches_the_others_and_never_itself() {
    let calls = Arc::new(AtomicUsize::new(0));
    let called = Arc::clone(&calls);
    let chatty = sink::function(move |_| {
        called.fetch_add(1, Ordering::Relaxed);
        info!("echo");
        Ok(())
    });
    let (memory, lines) = sink::memory();
    let log = onewriter::builder()
        .sink(memory)
        .sink(sink::Lane::new(chatty, LaneOptions::default()).unwrap())
        .install()
        .unwrap();
    for n in 0..3 {
        info!("record {n}");
    }
    // Twice: what the lane's thread logs during the first comes before the second.
    for _ in 0..2 {
        log.complete(Duration::from_secs(30)).unwrap();
    }
    let lines = lines.lines();
    let with = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((with("record"), with("echo"), lines.len()), (3, 3, 6));
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}
