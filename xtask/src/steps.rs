//! Steps, one after the other, each named, timed and counted; the first red one ends the run.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A step failed; it has been reported.
pub struct Red;

pub struct Steps {
    root: PathBuf,
    began: Instant,
    tally: Tally,
    done: Vec<(String, Duration)>,
    limit: Duration,
    not_run: Vec<(String, String)>,
}

impl Steps {
    pub fn new(root: &Path) -> Steps {
        Steps {
            root: root.to_path_buf(),
            began: Instant::now(),
            tally: Tally::default(),
            done: Vec::new(),
            limit: Duration::from_secs(24 * 3600),
            not_run: Vec::new(),
        }
    }

    /// From now on a step that takes longer hangs: it is red, and ended.
    pub fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Runs one step. Its output goes on to the terminal; the test runners' result lines in it are
    /// added up.
    pub fn step(&mut self, name: &str, command: &mut Command) -> Result<(), Red> {
        println!("\n== {name}");
        let began = Instant::now();
        let before = self.tally.failed;
        let outcome = self.stream(command);
        self.done.push((name.to_owned(), began.elapsed()));
        let why = match outcome {
            Ok(true) => return Ok(()),
            Ok(false) => "failed".to_owned(),
            Err(error) => format!("could not run: {error}"),
        };
        if self.tally.failed == before {
            self.tally.failed += 1;
        }
        println!("\nred: {name} {why}\n     {}", shown(command, &self.root));
        Err(Red)
    }

    /// Runs a step that proves something only by tests: without a single one it is red, since a green
    /// line would claim what nobody checked.
    pub fn proof(&mut self, name: &str, command: &mut Command) -> Result<(), Red> {
        let before = self.tally.passed;
        self.step(name, command)?;
        if self.tally.passed > before {
            return Ok(());
        }
        self.red(&format!("{name} ran no test"))
    }

    /// Ends the run for a reason that is no command's.
    pub fn red(&mut self, why: &str) -> Result<(), Red> {
        self.tally.failed += 1;
        println!("\nred: {why}");
        Err(Red)
    }

    /// Says that a step did not run, and why; the summary repeats it.
    pub fn not_run(&mut self, name: &str, why: &str) {
        println!("\n== {name}\nnot run: {why}");
        self.not_run.push((name.to_owned(), why.to_owned()));
    }

    fn stream(&mut self, command: &mut Command) -> std::io::Result<bool> {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let (hand_over, lines) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                BufReader::new(out).split(b'\n').try_for_each(|line| hand_over.send(line))
            });
        }
        let end = Instant::now() + self.limit;
        loop {
            match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let line = line?;
                    let line = String::from_utf8_lossy(&line);
                    self.tally.add(&line);
                    println!("{line}");
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(child.wait()?.success()),
                Err(RecvTimeoutError::Timeout) => {
                    end_with_descendants(child.id());
                    child.wait()?;
                    return Err(std::io::Error::other(format!("not done in {:?}", self.limit)));
                }
            }
        }
    }

    /// The closing table; its last line is `N passed, N failed`.
    pub fn summary(&self) {
        println!();
        for (name, took) in &self.done {
            println!("{:>8.1} s  {name}", took.as_secs_f64());
        }
        for (name, why) in &self.not_run {
            println!("   not run  {name}: {why}");
        }
        println!("{:>8.1} s  in all", self.began.elapsed().as_secs_f64());
        println!("{} passed, {} failed", self.tally.passed, self.tally.failed);
    }
}

/// Says what a process and its descendants wait for, and kills them: a gate that hangs tells nothing.
fn end_with_descendants(root: u32) {
    let table = Command::new("ps").args(["-e", "-o", "pid=,ppid=,stat=,wchan:24=,args="]).output();
    let table =
        table.map(|it| String::from_utf8_lossy(&it.stdout).into_owned()).unwrap_or_default();
    let mut family = vec![root.to_string()];
    let mut next = 0;
    while let Some(parent) = family.get(next).cloned() {
        next += 1;
        for line in table.lines() {
            let mut words = line.split_whitespace();
            let (pid, ppid) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            if pid == parent {
                println!("hangs: {line}");
            } else if ppid == parent {
                family.push(pid.to_owned());
            }
        }
    }
    let _ = Command::new("kill").arg("-KILL").args(&family).status();
}

/// The sum of the runners' lines: cargo's `test result: ok. 12 passed; 0 failed; ...` and pytest's
/// `12 passed, 1 skipped in 3.45s`.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    fn add(&mut self, line: &str) {
        let pytest = line.trim_matches([' ', '=']);
        let is_pytest = pytest.starts_with(|first: char| first.is_ascii_digit())
            && pytest.rsplit_once(" in ").is_some_and(|(_, took)| is_seconds(took));
        let result = if is_pytest { Some(pytest) } else { line.strip_prefix("test result: ") };
        let Some(result) = result else { return };
        self.passed += number_before(result, " passed");
        self.failed += number_before(result, " failed");
    }
}

/// `3.45s` or `83.10s (0:01:23)`.
fn is_seconds(text: &str) -> bool {
    let number = text.split(' ').next().and_then(|first| first.strip_suffix('s'));
    number.is_some_and(|number| number.parse::<f64>().is_ok())
}

fn number_before(text: &str, word: &str) -> u64 {
    let head = text.split_once(word).map_or("", |(head, _)| head);
    head.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The command as a person would type it, so that a red step can be repeated alone.
fn shown(command: &Command, root: &Path) -> String {
    let mut words = Vec::new();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            words.push(format!("{}='{}'", key.display(), value.display()));
        }
    }
    let program = Path::new(command.get_program());
    words.push(program.file_name().unwrap_or(program.as_os_str()).display().to_string());
    words.extend(command.get_args().map(|arg| arg.display().to_string()));
    words.join(" ").replace(&format!("{}/", root.display()), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runner_lines_are_added_up_and_others_are_not() {
        let mut tally = Tally::default();
        tally.add("running 3 tests");
        tally.add("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
        tally.add("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured");
        tally.add("the file says test result: ok. 7 passed; 7 failed");
        assert_eq!((tally.passed, tally.failed), (15, 2));
        tally.add("40 passed, 2 skipped in 3.45s");
        tally.add("===== 1 failed, 5 passed in 83.10s (0:01:23) =====");
        tally.add("2 records passed in time");
        assert_eq!((tally.passed, tally.failed), (60, 3));
    }

    #[test]
    fn a_red_step_is_counted_even_when_no_runner_counted_it() {
        let mut steps = Steps::new(Path::new("/"));
        assert!(steps.step("false", &mut Command::new("false")).is_err());
        assert_eq!((steps.tally.passed, steps.tally.failed), (0, 1));
    }

    #[test]
    fn a_step_that_hangs_is_ended_with_what_it_started() {
        let mut steps = Steps::new(Path::new("/"));
        steps.limit(Duration::from_millis(200));
        let mut command = Command::new("sh");
        assert!(steps.step("hangs", command.args(["-c", "sleep 1000 & wait"])).is_err());
        assert_eq!((steps.tally.passed, steps.tally.failed), (0, 1));
    }

    #[test]
    fn a_proof_without_a_test_is_red() {
        let mut steps = Steps::new(Path::new("/"));
        assert!(steps.proof("true", &mut Command::new("true")).is_err());
        let line = "test result: ok. 1 passed; 0 failed";
        assert!(steps.proof("echo", Command::new("echo").arg(line)).is_ok());
        assert_eq!((steps.tally.passed, steps.tally.failed), (1, 1));
    }

    #[test]
    fn a_red_step_is_shown_as_it_would_be_typed_at_the_root() {
        let mut command = Command::new("/bin/cargo");
        command.arg("test").args(["--target-dir", "/here/target/loom"]).env("RUSTFLAGS", "--cfg x");
        let typed = shown(&command, Path::new("/here"));
        assert_eq!(typed, "RUSTFLAGS='--cfg x' cargo test --target-dir target/loom");
    }
}
