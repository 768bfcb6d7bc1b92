//! A put whose writer is another process, beside the same put with the writer in its own.

use super::Options;
use super::report::{Report, Samples};
use crate::compare::Spread;
use crate::crew::{Place, Worker};
use crate::report::line;
use serde_json::Value;
use std::io;

const NAME: &str = "onewriter/strict";
const PLACES: [(&str, &str); 4] = [
    ("p50", "/batch/p50"),
    ("p99", "/batch/p99"),
    ("p50 of single calls", "/each/p50"),
    ("p99 of single calls", "/each/p99"),
];

/// Own, other, other, own: both see the same moods of the machine.
pub fn measure(options: &Options, place: &Place, report: &mut Report) -> io::Result<()> {
    let mut runs = [Vec::new(), Vec::new()];
    for pair in 0..options.pick(8, 2) {
        for turn in 0..2 {
            let other = (turn + pair) % 2;
            runs[other].push(put(place, options.pick(1500, 100), other == 1)?);
        }
    }
    let mut table = vec![line(["ns of a put", "in one process", "writer in another", "ratio"])];
    for (title, pointer) in PLACES {
        let numbers = |runs: &[Value]| -> Vec<f64> {
            runs.iter().filter_map(|run| run.pointer(pointer)?.as_f64()).collect()
        };
        let (own, other) = (numbers(&runs[0]), numbers(&runs[1]));
        let ratios = own.iter().zip(&other).map(|(own, other)| other / own).collect();
        let Some(Spread { median, min, max }) = Spread::of(ratios) else { continue };
        let ratio = format!("{median:.2} ({min:.2} to {max:.2})");
        let [own, other] =
            [own, other].map(|numbers| format!("{:.0}", Samples::new(numbers).at(0.5)));
        if title.len() == 3 {
            let what = format!("put, writer in another process, {title}");
            let measured = format!("{ratio}: {other} of {own} ns");
            report.goal(&what, "at most 1.10 of one process", measured, median <= 1.1);
        }
        table.push(line([title, &own, &other, &ratio]));
    }
    report.table("Put, medians over pairs of runs, ratio within a pair:", table);
    Ok(())
}

fn put(place: &Place, batches: u64, other: bool) -> io::Result<Value> {
    let dir = place.fresh()?.display().to_string();
    // Who comes first writes.
    let writer = match other {
        true => Some(Worker::ready(place, &["crew", NAME, &dir, "pinned"])?),
        false => None,
    };
    let mut producer = Worker::start(place, &["latency", NAME, &dir, &batches.to_string()])?;
    let answer = producer.answer()?;
    drop(writer);
    serde_json::from_str(&answer).map_err(io::Error::other)
}
