//! Each sink has its own level, filter and format; before all of them stands one filter.

use onewriter::{Filter, IntoSink, Level, TextFormat, debug, error, info, sink};
use std::error::Error;
use std::fs;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let (memory, audit) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{message}")?);

    // What RUST_LOG says, or this.
    let filter = Filter::from_env("RUST_LOG")?.unwrap_or(Filter::parse("info,shop::db=debug")?);
    let log = onewriter::builder()
        .filter(filter)
        .sink(sink::file(path("all.json")).json())
        .sink(sink::file(path("errors.log")).level(Level::Error))
        .sink(memory.filter(Filter::function(|record| {
            record.fields().any(|(name, _)| name == "user") // runs on the writer's thread
        })))
        .sink(sink::stderr().format(TextFormat::compact()).level(Level::Warn))
        .install()?;

    info!("started");
    debug!("not wanted here");
    debug!(target: "shop::db", "connected");
    info!("logged in", user = "ann");
    error!("out of paper");

    log.complete(Duration::from_secs(5))?;
    if std::env::var_os("RUST_LOG").is_none() {
        assert_eq!(fs::read_to_string(path("all.json"))?.lines().count(), 4);
    }
    assert_eq!(fs::read_to_string(path("errors.log"))?.lines().count(), 1);
    assert_eq!(audit.lines(), ["logged in"]);
    Ok(())
}
