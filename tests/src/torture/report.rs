//! Sums up all rounds.

use super::tally::Counts;
use serde_json::json;
use std::fmt;
use std::time::Duration;

/// What happened in all rounds.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Rounds.
    pub rounds: u64,
    /// Programs started.
    pub started: u64,
    /// Processes that logged.
    pub processes: u64,
    /// Processes killed by SIGKILL.
    pub kills: u64,
    /// Those of them that wrote.
    pub kills_of_writers: u64,
    /// Processes stopped and continued.
    pub stops: u64,
    /// How often the disk was full.
    pub chokes: u64,
    /// How often everything was counted while all paused.
    pub pauses: u64,
    /// Puts that had returned.
    pub accepted: u64,
    /// Times from the kill of a writer to the next line.
    pub takeovers: Vec<Duration>,
    /// Kills of writers after which no line came within 5 s.
    pub unwatched: u64,
    /// Segments that a killed process had begun to make.
    pub half_made: u64,
    /// Segments that killed processes have left in private queues.
    pub private_left: u64,
    counts: Counts,
    failures: Vec<String>,
}

impl Totals {
    /// Something is wrong that is no line's.
    pub fn fail(&mut self, what: String) {
        eprintln!("torture: RED: {what}");
        self.failures.push(what);
    }

    /// Adds what was found in the files.
    pub fn add(&mut self, counts: Counts) {
        for example in &counts.examples {
            eprintln!("torture: RED: {example}");
        }
        self.counts.written += counts.written;
        self.counts.lost += counts.lost;
        self.counts.doubled += counts.doubled;
        self.counts.torn += counts.torn;
        self.counts.unfinished += counts.unfinished;
        self.counts.misordered += counts.misordered;
        self.counts.examples.extend(counts.examples);
    }

    /// The totals in a line.
    pub fn line(&self) -> String {
        let Counts { written, lost, doubled, torn, misordered, .. } = self.counts;
        format!(
            "{} accepted, {written} written, lost {lost}, doubled {doubled}, torn {torn}, misordered \
             {misordered}; {} kills, {} of writers",
            self.accepted, self.kills, self.kills_of_writers
        )
    }

    /// Whether nothing is wrong.
    pub fn is_green(&self) -> bool {
        let Counts { lost, doubled, torn, misordered, .. } = self.counts;
        self.failures.is_empty() && (lost, doubled, torn, misordered) == (0, 0, 0, 0)
    }

    /// The time that so many of a thousand take-overs needed at most.
    fn takeover(&self, permille: usize) -> Duration {
        let mut times = self.takeovers.clone();
        times.sort_unstable();
        let at = (times.len() * permille).div_ceil(1000).saturating_sub(1);
        times.get(at).copied().unwrap_or_default()
    }

    /// The totals for scripts.
    pub fn json(&self, seed: u64) -> serde_json::Value {
        let millis = |permille| self.takeover(permille).as_secs_f64() * 1e3;
        json!({
            "seed": seed,
            "green": self.is_green(),
            "rounds": self.rounds,
            "programs": self.started,
            "processes": self.processes,
            "kills": self.kills,
            "kills_of_writers": self.kills_of_writers,
            "stops": self.stops,
            "full_disks": self.chokes,
            "counted_midway": self.pauses,
            "accepted": self.accepted,
            "written": self.counts.written,
            "lost": self.counts.lost,
            "doubled": self.counts.doubled,
            "torn": self.counts.torn,
            "unfinished_told": self.counts.unfinished,
            "misordered": self.counts.misordered,
            "failures": self.failures,
            "examples": self.counts.examples,
            "takeovers": self.takeovers.len(),
            "takeover_ms": { "p50": millis(500), "p99": millis(990), "max": millis(1000) },
            "without_takeover": self.unwatched,
            "half_made_segments": self.half_made,
            "private_segments": self.private_left,
        })
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("rounds", self.rounds),
            ("programs started", self.started),
            ("processes that logged", self.processes),
            ("killed with SIGKILL", self.kills),
            ("  the writer among them", self.kills_of_writers),
            ("stopped for a while", self.stops),
            ("full disks", self.chokes),
            ("counted midway", self.pauses),
            ("accepted", self.accepted),
            ("written", self.counts.written),
            ("lost", self.counts.lost),
            ("doubled", self.counts.doubled),
            ("torn", self.counts.torn),
            ("misordered", self.counts.misordered),
            ("unfinished records told of", self.counts.unfinished),
            ("other failures", self.failures.len() as u64),
            ("half-made segments left", self.half_made),
            ("private segments left", self.private_left),
        ];
        for (name, count) in rows {
            writeln!(f, "{name:<26} {count:>12}")?;
        }
        let [p50, p99, max] = [500, 990, 1000].map(|it| self.takeover(it));
        writeln!(
            f,
            "take-overs                 {:>12}: p50 {p50:.1?}, p99 {p99:.1?}, max {max:.1?}",
            self.takeovers.len()
        )?;
        writeln!(f, "no line within 5 s         {:>12}", self.unwatched)?;
        f.write_str(if self.is_green() { "green" } else { "RED" })
    }
}
