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

/// What each shape gave, in the order of the sessions.
struct Runs(Vec<(Shape, Vec<Run>)>);

impl Runs {
    fn of(&self, shape: Shape, of: fn(&Run) -> f64) -> Vec<f64> {
        let runs = self.0.iter().filter(|(its, _)| *its == shape).flat_map(|(_, runs)| runs);
        runs.map(of).collect()
    }

    fn spread(&self, shape: Shape, of: fn(&Run) -> f64) -> Spread {
        let none = Spread { median: f64::NAN, min: f64::NAN, max: f64::NAN };
        Spread::of(self.of(shape, of)).unwrap_or(none)
    }

    /// One shape as a multiple of another within a session, with the medians; and whether the median
    /// of the multiples is met.
    fn times(
        &self,
        one: Shape,
        other: Shape,
        of: fn(&Run) -> f64,
        met: fn(f64) -> bool,
    ) -> (String, bool) {
        let pairs = self.of(one, of).into_iter().zip(self.of(other, of));
        let Some(ratio) = Spread::of(pairs.map(|(one, other)| one / other).collect()) else {
            return ("not measured".to_owned(), false);
        };
        let [one, other] = [one, other].map(|shape| self.spread(shape, of).median);
        let decimals = if one < 100.0 { 2 } else { 0 };
        let Spread { median, min, max } = ratio;
        let text = format!(
            "{median:.2} times ({min:.2} to {max:.2}): {one:.decimals$} of {other:.decimals$}"
        );
        (text, met(median))
    }
}

fn speed(run: &Run) -> f64 {
    run.lines_per_s / 1e6
}

fn cpu(run: &Run) -> f64 {
    run.cpu_ns
}

/// All shapes, session after session.
pub fn measure(options: &Options, place: &Place, report: &mut Report) -> io::Result<()> {
    let lines = options.pick(1_536_000, 128_000);
    let mut runs = Runs(SHAPES.map(|shape| (shape, Vec::new())).into());
    for _ in 0..options.pick(5, 1) {
        for (shape, runs) in &mut runs.0 {
            let run = load(*shape, lines, place)?;
            eprintln!("  {}: {:.2} M/s", shape.title(), speed(&run));
            runs.push(run);
        }
    }
    judge(report, &runs);
    let titles =
        ["who logs", "M lines/s", "CPU ns a line, everybody's", "shared memory, MiB", "lost"];
    let mut table = vec![line(titles)];
    for shape in sorted() {
        let shown = |of, decimals| {
            let Spread { median, min, max } = runs.spread(shape, of);
            format!("{median:.decimals$} ({min:.decimals$} to {max:.decimals$})")
        };
        let shared = runs.spread(shape, |run| run.shared_mib).max;
        let lost = runs.spread(shape, |run| run.lost).max;
        table.push(vec![
            shape.title(),
            shown(speed, 2),
            shown(cpu, 0),
            format!("{shared:.1}"),
            format!("{lost:.0}"),
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
fn judge(report: &mut Report, runs: &Runs) {
    let (measured, met) = runs.times(ours(4, 1), ours(1, 2), speed, |times| times >= 1.0);
    let what = "4 producer processes into one file, M lines/s";
    report.goal(what, "at least those of 2 threads in one process", measured, met);
    let (measured, _) = runs.times(ours(4, 1), append(4, 1), speed, |_| true);
    report.fact("the same, beside 4 processes that `write` each line themselves", measured);
    // As many as there are cores here, and more than any machine has.
    for (what, few, many) in [
        ("CPU ns of a record, 256 processes", ours(2, 1), ours(256, 1)),
        ("CPU ns of a record, 1,000 threads", ours(1, 2), ours(1, 1000)),
    ] {
        let (measured, met) = runs.times(many, few, cpu, |times| times <= 1.25);
        report.goal(what, "at most 1.25 times that of 2", measured, met);
    }
    let ours = SHAPES.iter().filter(|shape| shape.name != "append");
    let lost: f64 = ours.map(|shape| runs.spread(*shape, |run| run.lost).max).sum();
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
    let threads = shape.processes * shape.threads;
    let each = lines / threads;
    let offered = each * threads;
    let start = |_| Worker::ready(place, &["crew", shape.name, &dir, ""]);
    let mut crew = (0..shape.processes).map(start).collect::<io::Result<Vec<_>>>()?;
    let order = format!("load {} {each}", shape.threads);
    for worker in &mut crew {
        worker.ask(&order)?;
    }
    let began = Instant::now();
    for worker in &mut crew {
        worker.tell("go")?;
    }
    for worker in &mut crew {
        worker.answer()?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut spent = 0;
    for worker in &mut crew {
        spent += worker.ask_number("spent")?;
    }
    let shared_mib = used(place.queues()) as f64 / f64::from(1 << 20);
    drop(crew);
    Ok(Run {
        lines_per_s: offered as f64 / seconds,
        cpu_ns: spent as f64 / offered as f64,
        lost: (offered + threads) as f64 - lines_in(place.logs()) as f64,
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
