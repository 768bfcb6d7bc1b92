//! A call site that would flood the log; what it did not say is counted in what it says next.

use onewriter::{Limit, TextFormat, sink, warn};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let (memory, lines) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{message}{fields}")?);
    let log = onewriter::builder().sink(memory).install()?;

    for attempt in 1..=10 {
        warn!(limit: Limit::every(4), "attempt {attempt} failed");
        warn!(limit: Limit::once(), "the server is away");
        warn!(limit: Limit::at_most(2, Duration::from_secs(3600)), "{attempt} is slow");
    }

    log.complete(Duration::from_secs(5))?;
    assert_eq!(
        lines.lines(),
        [
            "attempt 1 failed",
            "the server is away",
            "1 is slow",
            "2 is slow",
            "attempt 5 failed suppressed=3",
            "attempt 9 failed suppressed=3",
        ]
    );
    Ok(())
}
