//! The level, and more than that, while the program runs.

use onewriter::{Filter, Handle, Level, TextFormat, debug, info, sink};
use std::error::Error;
use std::time::Duration;

/// What an HTTP handler or a signal would do with a text that an operator gives.
fn operator_says(handle: &Handle, text: &str) -> Result<(), onewriter::Error> {
    handle.set_filter(Filter::parse(text)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (memory, lines) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{message}")?);
    let log = onewriter::builder().level(Level::Info).sink(memory).install()?;
    let handle = log.handle(); // Can be cloned, sent, kept; `onewriter::handle()` finds it too.

    debug!("1: not wanted yet");
    operator_says(&handle, "info,change_filter_at_run_time=debug")?;
    debug!("2: wanted now");
    handle.set_level(Level::Warn)?;
    info!("3: not wanted any more");
    let refused = operator_says(&handle, "inof").err().ok_or("is refused")?;
    println!("{refused}");
    handle.set_level(Level::Info)?;
    handle.set_sink_filter(0, Filter::parse("off,audit=info")?)?; // Sinks count from 0.
    info!("4: not the audit's");
    info!(target: "audit", "5: the audit's");

    handle.complete(Duration::from_secs(5))?;
    assert_eq!(lines.lines(), ["2: wanted now", "5: the audit's"]);
    Ok(())
}
