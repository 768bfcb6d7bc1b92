//! Prints what one record costs in each formatter, in nanoseconds:
//! `cargo run --release -p onewriter-engine --example format_speed`.

use onewriter_engine::testing::Sample;
use onewriter_engine::{Format, JsonFormat, LogfmtFormat, TextFormat};
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

const RECORDS: usize = 1_000;
const ROUNDS: usize = 300;
const REPEATS: usize = 9;

fn samples(field: bool) -> Vec<Sample> {
    (0..RECORDS)
        .map(|i| {
            let i = i as u64 * 911;
            let sample = Sample::new("Logging int: {} int: {} double: {}")
                .arg(i)
                .arg(i as i32)
                .arg(i as f64 + 0.1 * i as f64)
                .time(1_795_248_309_000_000_000 + i * 1_013);
            if field { sample.field("customer", "c-42").field("total", 19.9) } else { sample }
        })
        .collect()
}

/// The median of some repeats: the machine is not ours alone.
fn measure(mut format: impl Format, samples: &[Sample]) -> (f64, usize) {
    // The writer has one `Site` for all records of a call site.
    let site = samples[0].record().site;
    let mut out = Vec::with_capacity(1 << 20);
    let mut bytes = 0;
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                out.clear();
                for sample in samples {
                    let mut record = sample.record();
                    record.site = site;
                    format.format(black_box(&record), &mut out);
                }
                bytes = black_box(&out).len();
            }
            start.elapsed().as_nanos() as f64 / (ROUNDS * RECORDS) as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[REPEATS / 2], bytes / RECORDS)
}

fn main() -> std::io::Result<()> {
    let (plain, fields) = (samples(false), samples(true));
    let mut out = std::io::stdout().lock();
    let mut row = |name: &str, (ns, bytes): (f64, usize)| {
        writeln!(out, "{name:<24} {ns:6.1} ns/record {bytes:4} bytes")
    };
    row("text", measure(TextFormat::full(), &plain))?;
    row("text, 2 fields", measure(TextFormat::full(), &fields))?;
    row("text, colour", measure(TextFormat::full().with_color(true), &plain))?;
    row("text, compact", measure(TextFormat::compact(), &plain))?;
    row("json", measure(JsonFormat::new(), &plain))?;
    row("json, 2 fields", measure(JsonFormat::new(), &fields))?;
    row("logfmt", measure(LogfmtFormat::new(), &plain))?;
    row("logfmt, 2 fields", measure(LogfmtFormat::new(), &fields))
}
