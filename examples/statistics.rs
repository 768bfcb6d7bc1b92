//! What the logger knows of itself: counts, lags, errors of each sink.

use onewriter::{Error, ErrorKind, IntoSink, Level, error, info, sink};
use std::sync::mpsc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let broken = sink::function(|_| Err(Error::new(ErrorKind::Io, "no paper"))).named("printer");
    let (report, reported) = mpsc::channel();

    let log = onewriter::builder()
        .sink(sink::file(folder.path().join("shop.log")))
        .sink(broken.level(Level::Error))
        .stats_every(Duration::from_secs(60)) // A line in the log itself.
        .on_error(move |err| drop(report.send(err.to_string()))) // Otherwise: standard error.
        .install()?;

    for order in 0..1000 {
        info!("order {order} placed");
    }
    error!("a printer that fails harms nobody else");
    log.complete(Duration::from_secs(5))?;

    let stats = log.stats(); // As of the last `complete`, or of a tenth of a second ago.
    println!("{stats}");
    // The file and the printer have a queue each: the error went into both, and counts twice.
    assert_eq!((stats.accepted, stats.lost, stats.waiting_bytes), (1002, 0, 0));
    let [file, printer] = &stats.sinks[..] else { return Err("two sinks".into()) };
    assert_eq!((file.taken, file.dropped, file.errors), (1001, 0, 0));
    assert_eq!((printer.name.as_str(), printer.errors), ("printer", 1));
    assert!(printer.last_error.as_deref().is_some_and(|err| err.contains("no paper")));
    assert!(reported.recv()?.contains("no paper"));
    Ok(())
}
