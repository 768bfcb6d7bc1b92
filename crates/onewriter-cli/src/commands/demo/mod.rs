//! `demo`: a log under load, and the proof that it is complete, in order and whole.

mod producers;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::cli::Demo;
use crate::commands::check::{self, grouped};
use crate::engine_door::{self, Counts};
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::{Output, Paint, Progress};
use crate::tally::{Expect, Tally, Verdict};
use producers::{DOORS, Load, Producers};

/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Puts, reads back, and judges.
pub fn run(args: &Demo, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let start = Instant::now();
    let place = Place::new(args.dir.as_deref())?;
    let load = Load { threads: args.threads, records: args.records };
    let (counts, put) = put_all(load, &place, output)?;
    let disk = Disk::of(&place)?;
    let verdict = read_back(load, &disk, output)?;
    let report =
        Report { load, counts, verdict, disk, put, whole: start.elapsed(), dir: place.kept() };
    if args.json {
        report.print_json(output)?;
    } else {
        report.print(output)?;
    }
    let clean = report.is_clean();
    place.remove(clean)?;
    Ok(if clean { Exit::DONE } else { Exit::MISS })
}

/// The directory of the demo's files.
struct Place {
    dir: PathBuf,
    is_ours: bool,
}

impl Place {
    fn new(dir: Option<&Path>) -> Result<Place, Failure> {
        let place = match dir {
            Some(dir) => Place { dir: dir.to_owned(), is_ours: false },
            None => {
                let name = format!("onewriter-demo-{}", std::process::id());
                Place { dir: std::env::temp_dir().join(name), is_ours: true }
            }
        };
        let failed = |err| Failure::io("cannot make the directory", &place.dir, &err);
        fs::create_dir_all(&place.dir).map_err(failed)?;
        if fs::read_dir(&place.dir).map_err(failed)?.next().is_some() {
            return Err(Failure::usage(format!(
                "{} is not empty: give an empty directory, or one that does not exist",
                place.dir.display()
            )));
        }
        Ok(place)
    }

    fn log(&self) -> PathBuf {
        self.dir.join("demo.log")
    }

    fn kept(&self) -> Option<PathBuf> {
        (!self.is_ours).then(|| self.dir.clone())
    }

    /// Leaves no files behind, unless they were asked for, or show what went wrong.
    fn remove(&self, clean: bool) -> Result<(), Failure> {
        if !self.is_ours || !clean {
            return Ok(());
        }
        fs::remove_dir_all(&self.dir).map_err(|err| Failure::io("cannot remove", &self.dir, &err))
    }
}

fn put_all(
    load: Load,
    place: &Place,
    output: &mut Output<'_>,
) -> Result<(Counts, Duration), Failure> {
    let engine = engine_door::Demo::start(&place.log())?;
    let start = Instant::now();
    let producers =
        Producers::start(load).map_err(|err| Failure::system("cannot start a thread", &err))?;
    let mut progress = Progress::new();
    while !producers.wait(TELL_EVERY) {
        let n = producers.done();
        progress.tell(output, &line("putting", n, load.total(), start.elapsed()))?;
    }
    let put = start.elapsed();
    let accepted = producers.join();
    progress.tell(output, "writing what is still in the queue")?;
    let counts = engine.finish(accepted)?;
    progress.end(output)?;
    Ok((counts, put))
}

fn read_back(load: Load, disk: &Disk, output: &mut Output<'_>) -> Result<Verdict, Failure> {
    let mut tally = Tally::new(Expect {
        ticket_field: Some("ticket".to_owned()),
        first: Some(0),
        last: Some(load.records - 1),
        producers: Some(load.producers()),
        ..Expect::default()
    });
    let start = Instant::now();
    let mut progress = Progress::new();
    for file in &disk.files {
        check::read(&mut tally, file)?;
        let text = line("counting", tally.lines(), load.total(), start.elapsed());
        progress.tell(output, &text)?;
    }
    progress.end(output)?;
    Ok(tally.finish())
}

fn line(doing: &str, n: u64, total: u64, since: Duration) -> String {
    let rate = n as f64 / since.as_secs_f64().max(0.001) / 1e6;
    format!("{doing} {} of {} ({rate:.1} million a second)", grouped(n), grouped(total))
}

/// The files that the demo wrote.
struct Disk {
    files: Vec<PathBuf>,
    bytes: u64,
    n_compressed: usize,
}

impl Disk {
    fn of(place: &Place) -> Result<Disk, Failure> {
        let files = files::rotated_set(&place.log())?;
        let bytes =
            files.iter().filter_map(|file| fs::metadata(file).ok()).map(|meta| meta.len()).sum();
        let is_compressed = |file: &&PathBuf| file.extension().is_some_and(|it| it != "log");
        let n_compressed = files.iter().filter(is_compressed).count();
        Ok(Disk { files, bytes, n_compressed })
    }
}

struct Report {
    load: Load,
    counts: Counts,
    verdict: Verdict,
    disk: Disk,
    put: Duration,
    whole: Duration,
    dir: Option<PathBuf>,
}

impl Report {
    fn is_clean(&self) -> bool {
        let all = self.load.total();
        self.verdict.is_clean()
            && self.counts.accepted == all
            && self.counts.lost == 0
            && self.verdict.records == all
            && self.verdict.others == 0
    }

    /// What stands after something later, by number or by ticket.
    fn misordered(&self) -> u64 {
        self.verdict.misordered + self.verdict.overtaken
    }

    fn print_json(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let seconds = |span: Duration| (span.as_secs_f64() * 1000.0).round() / 1000.0;
        let object = serde_json::json!({
            "clean": self.is_clean(),
            "doors": DOORS.map(|(name, _)| name),
            "threads": self.load.threads,
            "records": self.load.records,
            "accepted": self.counts.accepted,
            "written": self.verdict.records,
            "lost": self.verdict.lost,
            "doubled": self.verdict.doubled,
            "torn": self.verdict.torn,
            "misordered": self.misordered(),
            "others": self.verdict.others,
            "files": self.disk.files.len(),
            "compressed": self.disk.n_compressed,
            "bytes": self.disk.bytes,
            "put_seconds": seconds(self.put),
            "seconds": seconds(self.whole),
            "findings": self.verdict.findings,
        });
        writeln!(output.out, "{object}")?;
        Ok(())
    }

    fn print(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        writeln!(output.out, "{:<9} {:>8} {:>14}", "door", "threads", "records")?;
        for (name, _) in DOORS {
            let records = grouped(self.load.threads * self.load.records);
            writeln!(output.out, "{name:<9} {:>8} {records:>14}", self.load.threads)?;
        }
        writeln!(output.out)?;
        let all = self.load.total();
        let rows = [
            ("accepted", self.counts.accepted, all, "puts that returned"),
            ("written", self.verdict.records, all, "found in the files"),
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
        for finding in &self.verdict.findings {
            writeln!(output.out, "  {finding}")?;
        }
        self.print_end(output)
    }

    fn print_end(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let rate = self.load.total() as f64 / self.put.as_secs_f64().max(0.001) / 1e6;
        writeln!(
            output.out,
            "\n{} files ({} compressed), {} MB; put in {:.1} s ({rate:.1} million a second), all \
             done in {:.1} s",
            self.disk.files.len(),
            self.disk.n_compressed,
            grouped(self.disk.bytes / 1_000_000),
            self.put.as_secs_f64(),
            self.whole.as_secs_f64(),
        )?;
        if let Some(dir) = &self.dir {
            writeln!(output.out, "the files are in {}", dir.display())?;
        }
        let all = grouped(self.load.total());
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
