//! A formatter of your own: it sees the typed record, not a line.

use onewriter::{Format, Record, format, info, sink};
use std::error::Error;
use std::io::Write;
use std::time::Duration;

/// Comma-separated values: nanoseconds since 1970, level, message, and the field `customer`.
struct Csv;

impl Format for Csv {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut message = Vec::new();
        format::message(record, &mut message);
        let message = String::from_utf8_lossy(&message).replace('"', "\"\"").replace('\n', " ");
        let mut customer = Vec::new();
        if let Some((_, value)) = record.fields().find(|(name, _)| *name == "customer") {
            format::value_text(&value, &mut customer);
        }
        let customer = String::from_utf8_lossy(&customer);
        // Writing to memory does not fail.
        let _ = writeln!(out, "{},{},\"{message}\",{customer}", record.time, record.level());
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (memory, lines) = sink::memory();
    let log = onewriter::builder().sink(memory.format(Csv)).install()?;

    info!("order {} \"express\" placed", 7, customer = "c-42");

    log.complete(Duration::from_secs(5))?;
    let line = &lines.lines()[0];
    assert!(line.ends_with(",INFO,\"order 7 \"\"express\"\" placed\",c-42"), "{line}");
    println!("{line}");
    Ok(())
}
