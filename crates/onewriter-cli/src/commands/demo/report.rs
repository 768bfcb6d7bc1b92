//! The verdict of the demo.

use std::path::PathBuf;
use std::time::Duration;

use super::crew::Shape;
use super::worker::DOORS;
use super::{Disk, Put};
use crate::commands::check::grouped;
use crate::commands::stat::page::{count, count_of};
use crate::exit::Failure;
use crate::output::{Output, Paint};
use crate::tally::Verdict;

/// What was put and what was found.
pub struct Report {
    pub(super) shape: Shape,
    pub(super) put: Put,
    pub(super) verdict: Verdict,
    pub(super) disk: Disk,
    pub(super) whole: Duration,
    pub(super) dir: Option<PathBuf>,
}

impl Report {
    /// Whether nothing is missing. A put that was killed before it returned may have been accepted.
    pub fn is_clean(&self) -> bool {
        let accepted = self.put.accepted();
        self.verdict.is_clean()
            && self.put.lost == 0
            && self.verdict.others == 0
            && self.verdict.records == accepted + self.verdict.unreturned
            && self.verdict.unreturned <= self.most_unreturned()
    }

    /// One for each thread that was killed. A worker that is killed has a child that ends with it.
    fn most_unreturned(&self) -> u64 {
        self.put.kills.total() * self.shape.threads * DOORS.len() as u64
    }

    /// What stands after something later, by number or by ticket.
    fn misordered(&self) -> u64 {
        self.verdict.misordered + self.verdict.overtaken
    }

    /// Half of the take-overs were shorter, and the longest.
    fn takeovers(&self) -> Option<(Duration, Duration)> {
        let mut sorted = self.put.takeovers.clone();
        sorted.sort();
        Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
    }

    /// As one JSON object.
    pub fn print_json(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
        let millis = |span: Duration| rounded(span.as_secs_f64() * 1000.0);
        let kills = self.put.kills;
        let takeovers = self.takeovers();
        let object = serde_json::json!({
            "clean": self.is_clean(),
            "doors": DOORS.map(|(name, _)| name),
            "processes": self.shape.processes,
            "threads": self.shape.threads,
            "producers": self.put.returned.len(),
            "accepted": self.put.accepted(),
            "unreturned": self.verdict.unreturned,
            "written": self.verdict.records,
            "lost": self.verdict.lost,
            "doubled": self.verdict.doubled,
            "torn": self.verdict.torn,
            "misordered": self.misordered(),
            "others": self.verdict.others,
            "kills": kills.total(),
            "writers_killed": kills.writers,
            "workers_killed": kills.workers,
            "forked_killed": kills.forked,
            "takeover_median_ms": takeovers.map(|(median, _)| millis(median)),
            "takeover_max_ms": takeovers.map(|(_, max)| millis(max)),
            "takeovers_ms": self.put.takeovers.iter().map(|it| millis(*it)).collect::<Vec<_>>(),
            "files": self.disk.files.len(),
            "compressed": self.disk.n_compressed,
            "bytes": self.disk.bytes,
            "put_seconds": rounded(self.put.time.as_secs_f64()),
            "seconds": rounded(self.whole.as_secs_f64()),
            "findings": self.verdict.findings,
        });
        writeln!(output.out, "{object}")?;
        Ok(())
    }

    /// As a table and a sentence.
    pub fn print(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let kills = self.put.kills;
        writeln!(
            output.out,
            "{}, by exec and by fork, {} threads each through the doors {}\n\
             killed with SIGKILL: {}, {}, {}\n",
            count_of(self.shape.processes as usize, "process", "processes"),
            self.shape.threads * DOORS.len() as u64,
            DOORS.map(|(name, _)| name).join(", "),
            count(kills.writers as usize, "writer"),
            count_of(kills.workers as usize, "other process", "other processes"),
            count_of(kills.forked as usize, "forked child", "forked children"),
        )?;
        let accepted = self.put.accepted();
        let unreturned = self.verdict.unreturned;
        let rows = [
            ("accepted", accepted, accepted, "puts that returned"),
            ("written", self.verdict.records - unreturned, accepted, "found in the files"),
            ("lost", self.verdict.lost, 0, "numbers that are missing"),
            ("doubled", self.verdict.doubled, 0, "numbers that stand there twice"),
            ("torn", self.verdict.torn, 0, "lines that are not whole"),
            ("misordered", self.misordered(), 0, "lines that stand after a later one"),
        ];
        for (name, count, right, meaning) in rows {
            let paint = if count == right { Paint::Green } else { Paint::Red };
            let count = format!("{:>14}", grouped(count));
            writeln!(output.out, "{name:<12} {}  {meaning}", paint.text(&count, output.colour))?;
        }
        let meaning = "in the files, of puts that were killed before they returned";
        writeln!(output.out, "{:<12} {:>14}  {meaning}", "unreturned", grouped(unreturned))?;
        for finding in &self.verdict.findings {
            writeln!(output.out, "  {finding}")?;
        }
        self.print_end(output)
    }

    fn print_end(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        writeln!(output.out)?;
        if let Some((median, max)) = self.takeovers() {
            let millis = |span: Duration| span.as_secs_f64() * 1000.0;
            writeln!(
                output.out,
                "another process wrote {:.1} ms after the writer was killed (median of {}, at most \
                 {:.1} ms)",
                millis(median),
                self.put.takeovers.len(),
                millis(max)
            )?;
        }
        let rate = self.put.accepted() as f64 / self.put.time.as_secs_f64().max(0.001) / 1e6;
        writeln!(
            output.out,
            "{} files ({} compressed), {} MB; put in {:.1} s ({rate:.1} million a second), all \
             done in {:.1} s",
            self.disk.files.len(),
            self.disk.n_compressed,
            grouped(self.disk.bytes / 1_000_000),
            self.put.time.as_secs_f64(),
            self.whole.as_secs_f64(),
        )?;
        if let Some(dir) = &self.dir {
            writeln!(output.out, "the files are in {}", dir.display())?;
        }
        let all = grouped(self.put.accepted());
        let (paint, text) = match self.is_clean() {
            true => {
                (Paint::Green, format!("All {all} records were written: once, whole, in order."))
            }
            false => {
                (Paint::Red, format!("Not all is well: see above what of {all} records is wrong."))
            }
        };
        writeln!(output.out, "\n{}", paint.text(&text, output.colour))?;
        Ok(())
    }
}
