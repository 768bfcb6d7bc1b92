//! What a put does when there is no room: here the sink does not move until it is told to.

use onewriter::{IntoSink, Level, Overflow, PutError, TextFormat, error, info, sink, try_info};
use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    // INFO and below is dropped at once, WARN waits a moment, ERROR longer; a sixteenth of each
    // ring is kept for ERROR anyway.
    let policy = Overflow::block(Duration::from_millis(20))
        .drop_at_once_below(Level::Warn)
        .then_drop_below(Level::Error);
    assert_eq!(policy.wait_of(Level::Info), Duration::ZERO);
    assert_eq!(policy.wait_of(Level::Warn), Duration::from_millis(20));

    let (go, stalled) = mpsc::channel::<()>();
    let gate = sink::function(move |_| {
        let _ = stalled.recv(); // Blocks, until `go` is dropped.
        Ok(())
    });
    let (memory, lines) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{level} {message}")?);
    let log = onewriter::builder()
        .memory(64 << 10) // The least there is.
        .overflow(policy)
        .sink(gate.level(Level::Info))
        .sink(memory)
        .install()?;

    for order in 0..100_000 {
        info!("order {order} placed");
    }
    let answer = try_info!("order {} placed", 100_000); // Never waits, and says why not.
    error!("there is room for this one");
    drop(go);
    log.complete(Duration::from_secs(5))?;

    assert!(matches!(answer, Err(PutError::Full)));
    let lines = lines.lines();
    assert!(lines.contains(&"ERROR there is room for this one".to_owned()));
    // What is missing is counted in the log, at its place.
    let mut lost = 0;
    for line in lines.iter().filter(|line| line.contains(" records lost")) {
        println!("{line}");
        lost += line.split(' ').nth(1).unwrap_or_default().parse::<usize>()?;
    }
    let placed = lines.iter().filter(|line| line.ends_with("placed")).count();
    assert_eq!(placed + lost, 100_001);
    Ok(())
}
