//! The tables on the terminal.

use super::goals::{Goal, fastest_peer, lost};
use super::plan::Row;
use super::results::Results;
use serde_json::Value;
use std::fmt::Write;

/// A column: its title, where its number stands, what to divide by, decimals.
type Column = (&'static str, &'static str, f64, usize);

const LATENCY: &[Column] = &[
    ("p50", "/batch/p50", 1.0, 0),
    ("p95", "/batch/p95", 1.0, 0),
    ("p99", "/batch/p99", 1.0, 0),
    ("call p50", "/each/p50", 1.0, 0),
    ("call p99", "/each/p99", 1.0, 0),
    ("call p99.9", "/each/p99.9", 1.0, 0),
    ("call max", "/each/max", 1.0, 0),
];

const THROUGHPUT: &[Column] = &[
    ("M lines/s", "/lines_per_s", 1e6, 2),
    ("caller ns", "/caller_ns", 1.0, 0),
    ("CPU s", "/cpu_s", 1.0, 2),
    ("peak MiB", "/peak_kib", 1024.0, 1),
    ("B/line", "/bytes_per_line", 1.0, 0),
];

const STALL: &[Column] = &[
    ("calls in 2 s", "/calls_in_stall", 1.0, 0),
    ("grew MiB", "/growth_kib", 1024.0, 1),
    ("longest ms", "/longest_ms", 1.0, 1),
    ("caller s", "/caller_s", 1.0, 2),
    ("delivered", "/delivered", 1.0, 0),
    ("dropped", "/dropped", 1.0, 0),
];

const LONE: &[Column] = &[
    ("p50 ms", "/wait_ns/p50", 1e6, 2),
    ("p99 ms", "/wait_ns/p99", 1e6, 2),
    ("max ms", "/wait_ns/max", 1e6, 2),
    ("over 2 s", "/late", 1.0, 0),
];

const LIMITS: &[Column] = &[
    ("rdtsc ns", "/rdtsc_ns", 1.0, 1),
    ("rdtscp ns", "/rdtscp_ns", 1.0, 1),
    ("clock_gettime ns", "/clock_gettime_ns", 1.0, 1),
    ("64 B into ring ns", "/ring_64_bytes_ns", 1.0, 2),
    ("write 100 B MB/s", "/write_100_bytes_mb_s", 1.0, 0),
    ("64 KiB MB/s", "/write_64_kib_mb_s", 1.0, 0),
    ("1 MiB MB/s", "/write_1_mib_mb_s", 1.0, 0),
];

fn columns(mode: &str) -> &'static [Column] {
    match mode {
        "limits" => LIMITS,
        "disabled" => &[("ns", "/ns", 1.0, 2)],
        "idle" => &[("CPU %", "/cpu_percent", 1.0, 3)],
        "lone" => LONE,
        "stall" => STALL,
        mode if mode.starts_with("latency") => LATENCY,
        _ => THROUGHPUT,
    }
}

/// Whom the ratio columns divide by.
fn baseline(mode: &str) -> Option<&'static str> {
    match mode {
        mode if mode.starts_with("latency") => Some("tracing-appender/lossy"),
        mode if mode.starts_with("throughput") => Some("tracing-appender/block"),
        _ => None,
    }
}

/// One run's first number, for the progress line.
pub fn in_short(row: &Row, value: &Value) -> String {
    let (title, pointer, unit, decimals) = columns(row.mode)[0];
    let number = value.pointer(pointer).and_then(Value::as_f64);
    number.map_or(String::new(), |number| format!("{:.decimals$} {title}", number / unit))
}

/// The table of one row, best first, with those who gave no result.
pub fn of_row(row: &Row, results: &Results) -> String {
    let columns = columns(row.mode);
    let (_, first, ..) = columns[0];
    let mut names = results.names(row.mode);
    names.sort_by(|a, b| {
        let number = |name| results.median(row.mode, name, first).unwrap_or(f64::MAX);
        number(a).total_cmp(&number(b))
    });
    if row.mode.starts_with("throughput") {
        names.reverse();
    }
    let mut table = vec![header(row.mode, columns, results)];
    table.extend(names.iter().map(|name| line(row.mode, name, columns, results)));
    let mut text = format!("\n{}: {}\n{}", row.mode, row.title, aligned(&table));
    for (name, why) in results.failures(row.mode) {
        let _ = writeln!(text, "{name}: no result: {why}");
    }
    text
}

fn header(mode: &str, columns: &[Column], results: &Results) -> Vec<String> {
    let mut cells = vec![String::new()];
    for (k, (title, ..)) in columns.iter().enumerate() {
        cells.push((*title).to_owned());
        if k == 0 {
            cells.push("(min..max)".to_owned());
            cells.extend(baseline(mode).map(|base| format!("x {base}")));
            if mode.starts_with("throughput") {
                let best = fastest_peer(results, mode).unwrap_or_default();
                cells.extend([format!("x {best}"), "lost %".to_owned()]);
            }
        }
    }
    cells
}

fn line(mode: &str, name: &str, columns: &[Column], results: &Results) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    for (k, (_, pointer, unit, decimals)) in columns.iter().enumerate() {
        let Some(spread) = results.spread(mode, name, pointer) else {
            cells.push("-".to_owned());
            if k == 0 {
                cells.push(String::new());
            }
            continue;
        };
        cells.push(format!("{:.decimals$}", spread.median / unit));
        if k == 0 {
            cells.push(format!(
                "({:.decimals$}..{:.decimals$})",
                spread.min / unit,
                spread.max / unit
            ));
            cells.extend(baseline(mode).map(|base| times(results, mode, (name, base), pointer)));
            if mode.starts_with("throughput") {
                let best = fastest_peer(results, mode).unwrap_or_default();
                cells.push(times(results, mode, (name, &best), pointer));
                let offered = results.median(mode, name, "/offered").unwrap_or(1.0);
                let lost = lost(results, mode, name).unwrap_or(0.0);
                cells.push(format!("{:.1}", 100.0 * lost / offered));
            }
        }
    }
    cells
}

fn times(results: &Results, mode: &str, names: (&str, &str), pointer: &str) -> String {
    let ratio = results.ratio(mode, names, pointer);
    ratio.map_or("-".to_owned(), |ratio| format!("{:.3}", ratio.median))
}

/// The goal table.
pub fn of_goals(goals: &[Goal]) -> String {
    let mut table = vec![["", "goal", "measured", "met"].map(str::to_owned).to_vec()];
    for goal in goals {
        let met = match goal.met {
            Some(true) => "yes",
            Some(false) => "NO",
            None => "-",
        };
        let cells = [goal.row, &goal.goal, &goal.measured, met];
        table.push(cells.map(str::to_owned).to_vec());
    }
    let count = |met| goals.iter().filter(|goal| goal.met == met).count();
    let (met, missed, open) = (count(Some(true)), count(Some(false)), count(None));
    let table = aligned_left(&table);
    format!("\ngoals: {met} met, {missed} missed, {open} not measured\n{table}")
}

fn aligned(table: &[Vec<String>]) -> String {
    render(table, |column| column > 0)
}

fn aligned_left(table: &[Vec<String>]) -> String {
    render(table, |_| false)
}

fn render(table: &[Vec<String>], right: impl Fn(usize) -> bool) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = table.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in table {
        let mut cells = String::new();
        for (k, cell) in line.iter().enumerate() {
            let width = widths[k];
            let _ = match right(k) {
                true => write!(cells, "{cell:>width$}  "),
                false => write!(cells, "{cell:<width$}  "),
            };
        }
        text.push_str(cells.trim_end());
        text.push('\n');
    }
    text
}
