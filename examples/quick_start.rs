//! From nothing to a rotated JSON file.

use onewriter::{Level, Rotation, error, info, sink};
use std::error::Error;
use std::fs;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.log");

    let log = onewriter::builder()
        .sink(sink::file(&path).json().rotation(Rotation::size("100 MB")).keep(7))
        .sink(sink::stderr().level(Level::Warn))
        .install()?;

    let (order, ms) = (7, 1.25);
    info!("order {order} placed in {ms:.1} ms", customer = "c-42", total = 19.90);
    if let Err(error) = fs::read("/no/such/file") {
        error!("cannot read the price list", error = error);
    }

    // The guard does this when it is dropped, and so do `exit` and a panic.
    log.complete(Duration::from_secs(5))?;

    let written = fs::read_to_string(&path)?;
    let lines: Vec<&str> = written.lines().collect();
    assert_eq!(lines.len(), 2);
    let placed: serde_json::Value = serde_json::from_str(lines[0])?;
    assert_eq!(placed["message"], "order 7 placed in 1.2 ms");
    assert_eq!(placed["fields"]["total"], 19.9);
    assert!(lines[1].contains("No such file or directory"));
    print!("{written}");
    Ok(())
}
