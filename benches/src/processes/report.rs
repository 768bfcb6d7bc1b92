//! The goals and the tables, as Markdown.

use crate::report::{self, line};
use std::path::Path;

/// What comes out of a run.
#[derive(Default)]
pub struct Report {
    goals: Vec<Vec<String>>,
    tables: Vec<(String, Vec<Vec<String>>)>,
}

impl Report {
    /// Adds a goal with what was measured.
    pub fn goal(&mut self, what: &str, goal: &str, measured: String, met: bool) {
        self.row([what, goal, &measured, if met { "yes" } else { "**no**" }]);
    }

    /// Adds what was measured beside the goals.
    pub fn fact(&mut self, what: &str, measured: String) {
        self.row([what, "", &measured, ""]);
    }

    fn row(&mut self, cells: [&str; 4]) {
        eprintln!("  {}: {}", cells[0], cells[2]);
        self.goals.push(line(cells));
    }

    /// Adds a table below the goals; its first line is the head.
    pub fn table(&mut self, title: &str, lines: Vec<Vec<String>>) {
        self.tables.push((title.to_owned(), lines));
    }

    /// All of it.
    pub fn render(&self, logs: &Path) -> String {
        let mut goals = vec![line(["measure", "goal", "measured", "met"])];
        goals.extend(self.goals.iter().cloned());
        let mut text = format!("{}\n\n{}", report::machine(logs), report::table(&goals));
        for (title, lines) in &self.tables {
            text.push_str(&format!("\n{title}\n\n{}", report::table(lines)));
        }
        text
    }
}

/// Samples that quantiles are taken from.
pub struct Samples(Vec<f64>);

impl Samples {
    /// Sorts them.
    pub fn new(mut samples: Vec<f64>) -> Samples {
        samples.sort_by(f64::total_cmp);
        Samples(samples)
    }

    /// The sample below which this share of them lies; not a number if there is none.
    pub fn at(&self, share: f64) -> f64 {
        let index = (self.0.len() as f64 * share) as usize;
        let last = self.0.len().saturating_sub(1);
        self.0.get(index.min(last)).copied().unwrap_or(f64::NAN)
    }

    /// `p50, p99, max`, with this many decimals, and how many there are.
    pub fn shown(&self, unit: &str, decimals: usize) -> String {
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| self.at(share));
        let count = self.0.len();
        format!(
            "p50 {p50:.decimals$}, p99 {p99:.decimals$}, max {max:.decimals$} {unit} ({count} times)"
        )
    }
}
