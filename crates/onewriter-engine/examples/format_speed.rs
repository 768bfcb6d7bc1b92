//! Prints what one record costs in each formatter, in nanoseconds:
//! `cargo run --release -p onewriter-engine --example format_speed`. With a word after it, only the
//! rows whose names contain it.

use onewriter_engine::testing::Sample;
use onewriter_engine::{Format, JsonFormat, LogfmtFormat, TextFormat};
use onewriter_record::{Body, Record};
use std::hint::black_box;
use std::io::Write;
use std::time::Instant;

const RECORDS: usize = 1_000;
const ROUNDS: usize = 300;
const REPEATS: usize = 9;

/// Records of one call site, thread and process, with their bytes side by side as in a ring.
struct Batch {
    first: Sample,
    times: Vec<u64>,
    bodies: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    fn new(make: impl Fn(u64) -> Sample) -> Batch {
        let (mut times, mut bodies, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for i in 0..RECORDS as u64 {
            let sample = make(i * 911);
            times.push(1_795_248_309_000_000_000 + i * 1_013);
            bodies.extend_from_slice(sample.record().body.bytes());
            ends.push(bodies.len());
        }
        Batch { first: make(0), times, bodies, ends }
    }

    fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let first = self.first.record();
        let starts = std::iter::once(&0).chain(&self.ends);
        let ranges = starts.zip(&self.ends).map(|(start, end)| *start..*end);
        let bodies = ranges.map(|range| Body::new(&self.bodies[range], false));
        self.times.iter().zip(bodies).map(move |(time, body)| Record { time: *time, body, ..first })
    }
}

/// Best and median of some repeats, and the bytes of a record: the machine is not ours alone.
fn measure(mut format: Box<dyn Format>, batch: &Batch) -> (f64, f64, usize) {
    let mut out = Vec::with_capacity(1 << 20);
    let mut bytes = 0;
    let mut times: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                out.clear();
                for record in batch.records() {
                    format.format(black_box(&record), &mut out);
                }
                bytes = black_box(&out).len();
            }
            start.elapsed().as_nanos() as f64 / (ROUNDS * RECORDS) as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[0], times[REPEATS / 2], bytes / RECORDS)
}

fn main() -> std::io::Result<()> {
    let line = |i: u64| {
        let double = i as f64 + 0.1 * i as f64;
        Sample::new("Logging int: {} int: {} double: {}").arg(i).arg(i as i32).arg(double)
    };
    let bare = Batch::new(|_| Sample::new("Logging"));
    let ints = Batch::new(|i| Sample::new("Logging int: {} int: {}").arg(i).arg(i as i32));
    let plain = Batch::new(line);
    let fields = Batch::new(|i| line(i).field("customer", "c-42").field("total", 19.9));
    let mut out = std::io::stdout().lock();
    let only = std::env::args().nth(1).unwrap_or_default();
    let mut row = |name: &str, format: Box<dyn Format>, batch: &Batch| {
        if !name.contains(&only) {
            return Ok(());
        }
        let (best, median, bytes) = measure(format, batch);
        writeln!(out, "{name:<20} best {best:6.1}, median {median:6.1} ns/record, {bytes:4} bytes")
    };
    row("text, no argument", Box::new(TextFormat::full()), &bare)?;
    row("text, two integers", Box::new(TextFormat::full()), &ints)?;
    row("text", Box::new(TextFormat::full()), &plain)?;
    row("text, 2 fields", Box::new(TextFormat::full()), &fields)?;
    row("text, colour", Box::new(TextFormat::full().with_color(true)), &plain)?;
    row("text, compact", Box::new(TextFormat::compact()), &plain)?;
    row("json, no argument", Box::new(JsonFormat::new()), &bare)?;
    row("json", Box::new(JsonFormat::new()), &plain)?;
    row("json, 2 fields", Box::new(JsonFormat::new()), &fields)?;
    row("logfmt", Box::new(LogfmtFormat::new()), &plain)?;
    row("logfmt, 2 fields", Box::new(LogfmtFormat::new()), &fields)
}
