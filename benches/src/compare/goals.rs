//! The goals, each with what was measured and whether it is met. A miss stays in the table.

use super::results::Results;
use serde_json::{Value, json};

const LOSSY: &str = "tracing-appender/lossy";
const BLOCK: &str = "tracing-appender/block";
const STRICT: &str = "onewriter/strict";

/// One line of the goal table.
pub struct Goal {
    pub row: &'static str,
    pub goal: String,
    pub measured: String,
    /// `None`: not measured in this run.
    pub met: Option<bool>,
}

impl Goal {
    pub fn to_json(&self) -> Value {
        json!({ "row": self.row, "goal": self.goal, "measured": self.measured, "met": self.met })
    }
}

/// Holds the results against every goal.
pub fn judge(results: &Results) -> Vec<Goal> {
    let mut goals = latency(results);
    goals.extend(throughput(results));
    goals.extend(quiet(results));
    goals.extend(stalled(results));
    goals
}

fn goal(row: &'static str, goal: impl Into<String>, outcome: Option<(String, bool)>) -> Goal {
    let (measured, met) = match outcome {
        Some((measured, met)) => (measured, Some(met)),
        None => ("not measured".to_owned(), None),
    };
    Goal { row, goal: goal.into(), measured, met }
}

fn latency(results: &Results) -> Vec<Goal> {
    let share = |row, name, pointer, part: f64| {
        let text = format!("at most 1/{part} of {LOSSY}");
        goal(row, text, share_of(results, name, pointer, part))
    };
    let mut goals = vec![
        share("own macro, exact order: p50", STRICT, "/batch/p50", 35.0),
        share("own macro, exact order: p99", STRICT, "/batch/p99", 25.0),
        share("own macro, exact order: p99.9 of calls", STRICT, "/each/p99.9", 20.0),
        share("own macro, relaxed order: p50", "onewriter/relaxed", "/batch/p50", 55.0),
    ];
    for (row, name) in
        [("through log: p50", "onewriter/log"), ("through tracing: p50", "onewriter/tracing")]
    {
        goals.push(share(row, name, "/batch/p50", 8.0));
        let names = (name, "low_latency_log");
        let ratio = results.ratio("latency", names, "/batch/p50").map(|ratio| ratio.median);
        let outcome = ratio.map(|ratio| (format!("{ratio:.2} of it"), ratio < 1.0));
        goals.push(goal(row, "under low_latency_log", outcome));
    }
    goals
}

fn share_of(results: &Results, name: &str, pointer: &str, part: f64) -> Option<(String, bool)> {
    let ratio = results.ratio("latency", (name, LOSSY), pointer)?;
    let ours = results.median("latency", name, pointer)?;
    let theirs = results.median("latency", LOSSY, pointer)?;
    let inverse = |number: f64| 1.0 / number;
    let text = format!(
        "1/{:.1} (1/{:.1}..1/{:.1}): {ours:.0} of {theirs:.0} ns",
        inverse(ratio.median),
        inverse(ratio.max),
        inverse(ratio.min)
    );
    Some((text, ratio.median <= 1.0 / part))
}

/// The fastest peer that lost nothing in this row.
pub fn fastest_peer(results: &Results, mode: &str) -> Option<String> {
    let names = results.names(mode).into_iter().filter(|name| !name.starts_with("onewriter"));
    let lossless = names.filter(|name| lost(results, mode, name) == Some(0.0));
    let speed = |name: &&str| results.median(mode, name, "/lines_per_s").unwrap_or(0.0);
    lossless.max_by(|a, b| speed(a).total_cmp(&speed(b))).map(str::to_owned)
}

/// Lines that were offered and are not in the file, in the worst run.
pub fn lost(results: &Results, mode: &str, name: &str) -> Option<f64> {
    let found = results.spread(mode, name, "/lines")?.min;
    Some(results.median(mode, name, "/offered")? - found)
}

fn throughput(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (row, mode) in [
        ("lines per second, 1 producer", "throughput-1"),
        ("lines per second, 2 producers", "throughput-2"),
    ] {
        let best = fastest_peer(results, mode);
        let times = |peer: &str, part: f64| {
            let ratio = results.ratio(mode, (STRICT, peer), "/lines_per_s")?;
            let ours = results.median(mode, STRICT, "/lines_per_s")? / 1e6;
            let text = format!(
                "{:.1} times ({:.1}..{:.1}): {ours:.2} M/s",
                ratio.median, ratio.min, ratio.max
            );
            Some((text, ratio.median >= part))
        };
        goals.push(goal(row, format!("at least 8 times {BLOCK}"), times(BLOCK, 8.0)));
        let named = best.as_deref().unwrap_or("none measured");
        let text = format!("at least 2 times the fastest Rust peer ({named})");
        goals.push(goal(row, text, best.as_deref().and_then(|best| times(best, 2.0))));
        let lost = lost(results, mode, STRICT);
        let outcome = lost.map(|lost| (format!("{lost:.0} lost"), lost == 0.0));
        goals.push(goal(row, "nothing lost", outcome));
        let json = results.ratio(mode, ("onewriter/json", STRICT), "/lines_per_s");
        let outcome =
            json.map(|ratio| (format!("{:.2} of it", ratio.median), ratio.median >= 0.75));
        goals.push(goal(row, "JSON lines: at least 3/4 of text", outcome));
        let peak = results.spread(mode, STRICT, "/peak_kib").map(|peak| peak.max / 1024.0);
        let outcome = peak.map(|mib| (format!("{mib:.1} MiB at worst"), mib <= 16.0));
        goals.push(goal(row, "peak memory at most 16 MiB", outcome));
    }
    goals
}

fn quiet(results: &Results) -> Vec<Goal> {
    let over = |name| {
        let ours = results.median("disabled", name, "/ns")?;
        let over = ours - results.median("disabled", "nothing", "/ns")?;
        Some((format!("{over:+.2} ns"), over <= 1.0))
    };
    let mut goals: Vec<Goal> = [
        ("below the level, own macro", STRICT),
        ("below the level, through log", "onewriter/log"),
        ("below the level, through tracing", "onewriter/tracing"),
    ]
    .into_iter()
    .map(|(row, name)| goal(row, "within 1 ns of an empty loop", over(name)))
    .collect();
    let wait = results.median("lone", STRICT, "/wait_ns/p99").map(|ns| ns / 1e6);
    let outcome = wait.map(|ms| (format!("{ms:.2} ms"), ms <= 10.0));
    goals.push(goal("a lone record: p99 until it is in the file", "at most 10 ms", outcome));
    let cpu = results.median("idle", STRICT, "/cpu_percent");
    let outcome = cpu.map(|percent| (format!("{percent:.3} %"), percent < 0.1));
    goals.push(goal("idle CPU", "under 0.1 %", outcome));
    goals
}

fn stalled(results: &Results) -> Vec<Goal> {
    let policy = |row, name| {
        let number = |pointer| results.median("stall", name, pointer);
        let outcome = || {
            let (offered, delivered) = (number("/offered")?, number("/delivered")?);
            let dropped = number("/dropped").unwrap_or(0.0);
            let growth = number("/growth_kib")? / 1024.0;
            let counted = offered == delivered + dropped;
            let text = format!(
                "{delivered:.0} delivered + {dropped:.0} counted = {:.0}; grew {growth:.1} MiB",
                delivered + dropped
            );
            Some((text, counted && growth <= 16.0))
        };
        goal(row, "all 1,000,000 delivered or counted; memory flat", outcome())
    };
    vec![
        policy("stalled sink, block 30 s", STRICT),
        policy("stalled sink, block 100 ms", "onewriter/block"),
        policy("stalled sink, drop the newest", "onewriter/drop"),
        policy("stalled sink, fail to the caller", "onewriter/fail"),
    ]
}
