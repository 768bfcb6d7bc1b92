//! `tracing`, with spans, into a JSON file that is rotated: the calls are those that are there already.

use onewriter::{Rotation, sink};
use std::error::Error;
use std::fs;
use std::time::Duration;
use tracing::{info, instrument};

#[instrument]
fn place(order: u64, customer: &str) -> f64 {
    info!(items = 3, "placed");
    19.90
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("shop.log");

    let log = onewriter::builder()
        .sink(sink::file(&path).json().rotation(Rotation::daily()).keep(7).compress(sink::Gzip))
        .install()?;

    info!(total = place(7, "c-42"), "done");

    log.complete(Duration::from_secs(5))?;
    let written = fs::read_to_string(&path)?;
    let lines: Vec<serde_json::Value> =
        written.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["message"], "placed");
    assert_eq!(lines[0]["fields"]["items"], 3);
    assert_eq!(lines[0]["spans"][0]["name"], "place");
    assert_eq!(lines[0]["spans"][0]["fields"]["order"], 7);
    assert_eq!(lines[1]["fields"]["total"], 19.9);
    print!("{written}");
    Ok(())
}
