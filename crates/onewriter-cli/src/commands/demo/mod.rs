//! `demo`: many processes log at full speed while they are killed again and again; then the proof
//! that the log is complete, in order and whole.

mod board;
mod crew;
mod report;
pub mod worker;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::Demo;
use crate::commands::check::{self, grouped};
use crate::engine_door::DemoLog;
use crate::exit::{Exit, Failure};
use crate::files;
use crate::output::{Output, Progress};
use crate::tally::{Expect, Tally, Verdict};
use board::Board;
use crew::{Crew, Kills, Shape};
use report::Report;

/// How often the counters are looked at, and how often the progress is told.
const LOOK: Duration = Duration::from_millis(2);
const TELL_EVERY: Duration = Duration::from_millis(200);

/// Puts, kills, reads back, and judges.
pub fn run(args: &Demo, output: &mut Output<'_>) -> Result<Exit, Failure> {
    let start = Instant::now();
    let place = Place::new(args.dir.as_deref())?;
    let put = put_all(args, &place, output)?;
    let disk = Disk::of(&place)?;
    let verdict = read_back(&put, &disk, output)?;
    let shape = Shape { processes: args.processes, threads: args.threads };
    let dir = place.kept();
    let report = Report { shape, put, verdict, disk, whole: start.elapsed(), dir };
    if args.json {
        report.print_json(output)?;
    } else {
        report.print(output)?;
    }
    let clean = report.is_clean();
    place.remove(clean)?;
    Ok(if clean { Exit::DONE } else { Exit::MISS })
}

/// The log in a demo's directory.
pub fn log_in(dir: &Path) -> PathBuf {
    dir.join("demo.log")
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
        crate::commands::make_directory(&place.dir)?;
        let failed = |err| Failure::io("cannot read the directory", &place.dir, &err);
        if fs::read_dir(&place.dir).map_err(failed)?.next().is_some() {
            return Err(Failure::usage(format!(
                "{} is not empty: give an empty directory, or one that does not exist",
                place.dir.display()
            )));
        }
        Ok(place)
    }

    fn log(&self) -> PathBuf {
        log_in(&self.dir)
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

/// What was put, and what was done to those who put.
struct Put {
    /// Puts of each producer that returned.
    returned: Vec<u64>,
    /// What the last writer counted as lost.
    lost: u64,
    kills: Kills,
    takeovers: Vec<Duration>,
    time: Duration,
}

impl Put {
    fn accepted(&self) -> u64 {
        self.returned.iter().sum()
    }
}

fn put_all(args: &Demo, place: &Place, output: &mut Output<'_>) -> Result<Put, Failure> {
    let failed = |err| Failure::io("cannot make the counters in", &place.dir, &err);
    let board = Board::open(&place.dir).map_err(failed)?;
    let shape = Shape { processes: args.processes, threads: args.threads };
    let start = Instant::now();
    let mut crew = Crew::start(&place.dir, shape, &board)?;
    let mut progress = Progress::new();
    let mut told = Instant::now();
    loop {
        board.beat();
        let n: u64 = board.all_returned().iter().sum();
        let n_kills = crew.kills.total();
        if n >= args.records && n_kills >= args.kills {
            break;
        }
        // Evenly over all records, whatever the speed of the machine.
        if n_kills < args.kills && n >= args.records / (args.kills + 1) * (n_kills + 1) {
            kill_next(&mut crew, &board)?;
        }
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let kills = crew.kills.total();
            let text = line("putting", n, args.records, start.elapsed());
            progress.tell(output, &format!("{text}, {kills} kills"))?;
        }
        thread::sleep(LOOK);
    }
    board.stop();
    progress.tell(output, "writing what is still in the queue")?;
    let (kills, takeovers) = crew.finish()?;
    let time = start.elapsed();
    // What killed processes had put last is written by whoever logs next.
    let lost = DemoLog::start(&place.log())?.finish()?;
    progress.end(output)?;
    Ok(Put { returned: board.all_returned(), lost, kills, takeovers, time })
}

/// Writers, forked children and other processes in turn; writers most of all.
fn kill_next(crew: &mut Crew, board: &Board) -> Result<(), Failure> {
    match crew.kills.total() % 4 {
        1 => crew.kill_forked(board),
        3 => crew.kill_worker(board),
        _ => crew.kill_writer(board),
    }
}

fn read_back(put: &Put, disk: &Disk, output: &mut Output<'_>) -> Result<Verdict, Failure> {
    let named = put.returned.iter().enumerate().map(|(number, count)| (number.to_string(), *count));
    let mut tally = Tally::new(Expect {
        ticket_field: Some("ticket".to_owned()),
        first: Some(0),
        returned: named.collect(),
        ..Expect::default()
    });
    let start = Instant::now();
    let mut progress = Progress::new();
    for file in &disk.files {
        check::read(&mut tally, file)?;
        let text = line("counting", tally.lines(), put.accepted(), start.elapsed());
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
