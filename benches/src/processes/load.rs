//! Many processes and many threads into one file, as fast as they can.

use super::Options;
use super::report::Report;
use crate::compare::Spread;
use crate::crew::{Place, Worker};
use crate::peer::lines_in;
use crate::report::{grouped, line};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Instant;

/// Who logs.
#[derive(Clone, Copy, PartialEq)]
struct Shape {
    name: &'static str,
    processes: u64,
    threads: u64,
}

const fn ours(processes: u64, threads: u64) -> Shape {
    Shape { name: "onewriter/strict", processes, threads }
}

const fn append(processes: u64, threads: u64) -> Shape {
    Shape { name: "append", processes, threads }
}

/// Those that are compared stand side by side.
const SHAPES: [Shape; 14] = [
    ours(1, 1),
    ours(1, 2),
    ours(4, 1),
    append(4, 1),
    ours(2, 1),
    append(1, 2),
    ours(16, 1),
    ours(64, 1),
    ours(256, 1),
    append(256, 1),
    ours(1, 10),
    ours(1, 100),
    ours(1, 1000),
    ours(16, 16),
];

#[derive(Clone, Copy)]
struct Run {
    lines_per_s: f64,
    cpu_ns: f64,
    lost: f64,
    shared_mib: f64,
}

/// All shapes, session after session.
pub fn measure(options: &Options, place: &Place, report: &mut Report) -> io::Result<()> {
    let lines = options.pick(1_536_000, 128_000);
    let mut runs = SHAPES.map(|_| Vec::new());
    for _ in 0..options.pick(5, 1) {
        for (shape, runs) in SHAPES.iter().zip(&mut runs) {
            let run = load(*shape, lines, place)?;
            eprintln!("  {}: {:.2} M/s", shape.title(), run.lines_per_s / 1e6);
            runs.push(run);
        }
    }
    let spread = |shape: Shape, of: fn(&Run) -> f64| {
        let at = SHAPES.iter().position(|other| *other == shape)?;
        Spread::of(runs[at].iter().map(of).collect())
    };
    judge(report, &spread);
    let mut table = vec![line([
        "who logs",
        "M lines/s (range)",
        "CPU ns a line, everybody's (range)",
        "shared memory, MiB",
        "lost",
    ])];
    for shape in sorted() {
        let of = |of: fn(&Run) -> f64| {
            spread(shape, of).unwrap_or(Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN })
        };
        let (speed, cpu) = (of(|run| run.lines_per_s / 1e6), of(|run| run.cpu_ns));
        table.push(vec![
            shape.title(),
            format!("{:.2} ({:.2} to {:.2})", speed.median, speed.min, speed.max),
            format!("{:.0} ({:.0} to {:.0})", cpu.median, cpu.min, cpu.max),
            format!("{:.1}", of(|run| run.shared_mib).max),
            format!("{:.0}", of(|run| run.lost).max),
        ]);
    }
    let title = format!("{} lines into one file, until all is there:", grouped(lines));
    report.table(&title, table);
    Ok(())
}

fn sorted() -> Vec<Shape> {
    let mut shapes = SHAPES.to_vec();
    shapes.sort_by_key(|shape| (shape.name == "append", shape.threads, shape.processes));
    shapes
}

/// The goals: four processes as two threads, and no growth of the cost beyond the cores.
fn judge(report: &mut Report, spread: &impl Fn(Shape, fn(&Run) -> f64) -> Option<Spread>) {
    let medians = |one: Shape, other: Shape, of: fn(&Run) -> f64| {
        Some((spread(one, of)?.median, spread(other, of)?.median))
    };
    let speed = |run: &Run| run.lines_per_s / 1e6;
    if let Some((four, two)) = medians(ours(4, 1), ours(1, 2), speed) {
        let ratio = four / two;
        let measured = format!("{ratio:.2} times: {four:.2} of {two:.2} M/s");
        let what = "4 producer processes, one file";
        report.goal(what, "at least 2 threads in one process", measured, ratio >= 1.0);
    }
    // As many as there are cores here, and more than any machine has.
    for (what, few, many) in [
        ("CPU of a record, 256 processes", ours(2, 1), ours(256, 1)),
        ("CPU of a record, 1,000 threads", ours(1, 2), ours(1, 1000)),
    ] {
        if let Some((few, many)) = medians(few, many, |run| run.cpu_ns) {
            let ratio = many / few;
            let measured = format!("{ratio:.2} times: {many:.0} of {few:.0} ns");
            report.goal(what, "at most 1.25 times that of 2", measured, ratio <= 1.25);
        }
    }
    let lost = SHAPES.iter().filter(|shape| shape.name != "append");
    let lost: f64 = lost.filter_map(|shape| Some(spread(*shape, |run| run.lost)?.max)).sum();
    report.goal("lines lost in all of these runs", "0", format!("{lost:.0}"), lost == 0.0);
}

impl Shape {
    fn title(&self) -> String {
        let many = |number: u64, word: &str, words: &str| match number {
            1 => format!("1 {word}"),
            _ => format!("{} {words}", grouped(number)),
        };
        let processes = many(self.processes, "process", "processes");
        let threads = many(self.threads, "thread", "threads");
        match self.name {
            "append" => format!("`write` a line, no logger: {processes}, {threads}"),
            _ => format!("{processes}, {threads}"),
        }
    }
}

fn load(shape: Shape, lines: u64, place: &Place) -> io::Result<Run> {
    let dir = place.fresh()?.display().to_string();
    let each = lines / (shape.processes * shape.threads);
    let offered = each * shape.processes * shape.threads;
    let start = |_| Worker::ready(place, &["crew", shape.name, &dir, ""]);
    let mut crew = (0..shape.processes).map(start).collect::<io::Result<Vec<_>>>()?;
    let order = format!("load {} {each}", shape.threads);
    let mut before = 0;
    for worker in &mut crew {
        before += worker.ask_number(&order)?;
    }
    let began = Instant::now();
    for worker in &mut crew {
        worker.tell("go")?;
    }
    for worker in &mut crew {
        worker.answer()?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut after = 0;
    for worker in &mut crew {
        after += worker.ask_number("cpu")?;
    }
    let shared_mib = used(place.queues()) as f64 / f64::from(1 << 20);
    drop(crew);
    Ok(Run {
        lines_per_s: offered as f64 / seconds,
        cpu_ns: (after - before) as f64 / offered as f64,
        lost: offered as f64 - lines_in(place.logs()) as f64,
        shared_mib,
    })
}

/// Bytes that the files under this folder take.
pub fn used(folder: &Path) -> u64 {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        bytes += match meta.is_dir() {
            true => used(&entry.path()),
            false => meta.blocks() * 512,
        };
    }
    bytes
}
