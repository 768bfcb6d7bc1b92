//! TRACE costs nothing on disk, until an error makes its story worth reading.

use onewriter::{FlightOptions, IntoSink, Level, TextFormat, error, info, sink, trace};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let (memory, lines) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{level} {message}")?);

    let options = FlightOptions { bytes: 1 << 20, trigger: Level::Error };
    let recorder = sink::Flight::new(memory, options)?;
    let log = onewriter::builder().sink(recorder.level(Level::Trace)).install()?;

    trace!("opened {}", "/var/shop");
    info!("started");
    log.complete(Duration::from_secs(5))?;
    assert_eq!(lines.lines().len(), 0);

    error!("out of paper");
    log.complete(Duration::from_secs(5))?;
    assert_eq!(lines.take(), ["TRACE opened /var/shop", "INFO started", "ERROR out of paper"]);

    trace!("closed");
    log.dump()?; // On demand, without an error.
    log.complete(Duration::from_secs(5))?;
    assert_eq!(lines.take(), ["TRACE closed"]);
    Ok(())
}
