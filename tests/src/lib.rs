//! What the process tests share: a place of their own in memory, the program that they start and
//! kill, and how a log is read back.
#![forbid(unsafe_code)]

pub mod torture;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Long enough for every wait that is to end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A folder in memory with the queues and the log of one test.
pub struct Place {
    dir: tempfile::TempDir,
}

impl Default for Place {
    fn default() -> Place {
        let dir = tempfile::Builder::new().prefix("onewriter-test-").tempdir_in("/dev/shm");
        Place { dir: dir.expect("/dev/shm takes a folder") }
    }
}

impl Place {
    /// The folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The log file.
    pub fn log(&self) -> PathBuf {
        self.dir().join("shop.log")
    }

    /// A program that has its queues here.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env("ONEWRITER_DIR", self.dir()).env("RUST_BACKTRACE", "0");
        command.stderr(Stdio::null());
        command
    }

    /// The lines of the log file.
    pub fn lines(&self) -> Vec<String> {
        lines(&self.log())
    }

    /// The lines of all rotated files, compressed or not, and then those of the log file.
    pub fn all_lines(&self) -> Vec<String> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(self.dir()).expect("the folder can be read").flatten() {
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let Some(rest) = name.strip_prefix("shop.") else { continue };
            let (number, is_packed) = match rest.strip_suffix(".log.gz") {
                Some(number) => (number, true),
                None => (rest.strip_suffix(".log").unwrap_or_default(), false),
            };
            let Ok(number) = number.parse::<u64>() else { continue };
            // Where there are both, the compressed one is whole.
            let slot = found.entry(number).or_insert((false, PathBuf::new()));
            if is_packed || !slot.0 {
                *slot = (is_packed, entry.path());
            }
        }
        let mut all = Vec::new();
        for (is_packed, path) in found.into_values() {
            let mut text = String::new();
            let file = File::open(&path).expect("a rotated file opens");
            let read = match is_packed {
                true => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text),
                false => BufReader::new(file).read_to_string(&mut text),
            };
            read.unwrap_or_else(|err| panic!("{}: {err}", path.display()));
            all.extend(split(&text));
        }
        if self.log().exists() {
            all.extend(self.lines());
        }
        all
    }

    /// What is left in the folders of the queues: names, without their random parts.
    pub fn left_in_queues(&self) -> Vec<String> {
        let mut left = Vec::new();
        let mut folders = vec![self.dir().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder can be read").flatten() {
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else if ["s-", "b-", "d-", "bad-"].iter().any(|kind| name.starts_with(kind)) {
                    left.push(name);
                }
            }
        }
        left
    }
}

/// The lines of a file, which ends with one.
pub fn lines(path: &Path) -> Vec<String> {
    split(&fs::read_to_string(path).expect("the log can be read"))
}

fn split(text: &str) -> Vec<String> {
    assert!(text.is_empty() || text.ends_with('\n'), "half a line at the end: {:?}", tail(text));
    text.lines().map(str::to_owned).collect()
}

fn tail(text: &str) -> String {
    text.chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect()
}

/// `prefix 0`, `prefix 1`, ...
pub fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix} {n}")).collect()
}

/// Compares lines without printing thousands of them.
#[track_caller]
pub fn assert_same(found: &[String], wanted: &[String]) {
    let differs = found.iter().zip(wanted).position(|(found, wanted)| found != wanted);
    if let Some(at) = differs {
        panic!("line {at} is {:?}, not {:?}", found[at], wanted[at]);
    }
    let (found_len, wanted_len) = (found.len(), wanted.len());
    let more = found.get(wanted_len).or(wanted.get(found_len));
    assert!(
        more.is_none(),
        "{found_len} lines, not {wanted_len}; the first that differs: {more:?}"
    );
}

/// A program that does what it is told, line by line.
pub struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Talk {
    /// Starts it and waits until it has its logger.
    pub fn start(mut command: Command) -> Talk {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the program starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let mut talk = Talk { child, input, output };
        assert_eq!(talk.answer(), "ready");
        talk
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it something and waits for the answer.
    #[track_caller]
    pub fn ask(&mut self, order: &str) -> String {
        self.tell(order);
        self.answer()
    }

    /// Tells it something.
    pub fn tell(&mut self, order: &str) {
        let input = self.input.as_mut().expect("it still listens");
        writeln!(input, "{order}").expect("it still listens");
    }

    /// Its next answer; empty if it has ended.
    pub fn answer(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("an answer in UTF-8");
        line.trim_end().to_owned()
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// Lets it return from `main`.
    pub fn end(mut self) -> ExitStatus {
        drop(self.input.take());
        self.child.wait().expect("it ends")
    }
}

/// One logger at a time: tests of one program share it.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A sink stands at it while it is closed.
#[derive(Default)]
pub struct Gate {
    is_open: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    /// Lets everybody through, now and later.
    pub fn open(&self) {
        *self.is_open.lock().expect("nobody panics here") = true;
        self.changed.notify_all();
    }

    /// Closes it.
    pub fn close(&self) {
        *self.is_open.lock().expect("nobody panics here") = false;
    }

    /// Waits until it is open.
    pub fn pass(&self) {
        let is_open = self.is_open.lock().expect("nobody panics here");
        drop(self.changed.wait_while(is_open, |is_open| !*is_open).expect("nobody panics here"));
    }
}
