//! Processes that do what they are told, line by line, and never outlive who tells them.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than any answer takes; who takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder in memory for the queues and one on the disk for the logs, both gone afterwards.
pub struct Place {
    queues: PathBuf,
    logs: PathBuf,
}

impl Place {
    /// Makes both; `out` is where reports go.
    pub fn new(out: &Path) -> io::Result<Place> {
        let memory = Path::new("/dev/shm");
        let memory = if memory.is_dir() { memory } else { out };
        let id = std::process::id();
        let queues = memory.join(format!("onewriter-bench-{id}"));
        let logs = out.join(format!("run-{id}"));
        fs::create_dir_all(out)?;
        DirBuilder::new().mode(0o700).create(&queues)?;
        fs::create_dir_all(&logs)?;
        Ok(Place { queues, logs: fs::canonicalize(logs)? })
    }

    /// The folder of the logs, emptied, and no queue of an earlier run: a folder made anew may get
    /// the identity of the old one.
    pub fn fresh(&self) -> io::Result<&Path> {
        fs::remove_dir_all(&self.queues)?;
        DirBuilder::new().mode(0o700).create(&self.queues)?;
        fs::remove_dir_all(&self.logs)?;
        fs::create_dir_all(&self.logs)?;
        Ok(&self.logs)
    }

    /// The folder of the logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The folder of the queues.
    pub fn queues(&self) -> &Path {
        &self.queues
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.queues);
        let _ = fs::remove_dir_all(&self.logs);
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug)]
pub enum Ended {
    /// By itself, or by a signal of its own.
    With(ExitStatus),
    /// Not within its time; it was killed.
    Hung,
}

/// This very program, started again in another role.
pub struct Worker {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts it with these arguments. It leads a process group of its own, so that what it forks
    /// can be ended with it.
    pub fn start(place: &Place, args: &[&str]) -> io::Result<Worker> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(args).env("ONEWRITER_DIR", &place.queues).process_group(0);
        // A backtrace at a panic would give a logger's thread the time that it lacks elsewhere.
        command.env_remove("RUST_BACKTRACE").env_remove("RUST_LIB_BACKTRACE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let missing = || io::Error::other("a pipe of the child is missing");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?);
        Ok(Worker { child, input, output })
    }

    /// Starts it and waits until it says that it is ready.
    pub fn ready(place: &Place, args: &[&str]) -> io::Result<Worker> {
        let mut worker = Worker::start(place, args)?;
        match worker.answer()?.as_str() {
            "ready" => Ok(worker),
            other => Err(io::Error::other(format!("{args:?} said {other:?}, not \"ready\""))),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Tells it something.
    pub fn tell(&mut self, order: &str) -> io::Result<()> {
        let closed = || io::Error::other("it was told that there is no more");
        let input = self.input.as_mut().ok_or_else(closed)?;
        input.write_all(format!("{order}\n").as_bytes())
    }

    /// Its next answer.
    pub fn answer(&mut self) -> io::Result<String> {
        if self.output.buffer().is_empty() {
            self.wait_for_output()?;
        }
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.to_owned()),
            None => Err(io::Error::other("it ended without an answer")),
        }
    }

    fn wait_for_output(&self) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: 0 };
            let mut fds = [PollFd::new(self.output.get_ref(), PollFlags::IN)];
            match poll(&mut fds, Some(&timeout)) {
                Ok(0) => return Err(io::Error::other("no answer in a minute")),
                Err(rustix::io::Errno::INTR) => {}
                other => return other.map(|_| ()).map_err(io::Error::from),
            }
        }
    }

    /// Tells it something and gives its answer.
    pub fn ask(&mut self, order: &str) -> io::Result<String> {
        self.tell(order)?;
        self.answer()
    }

    /// The same, for an answer that is a number.
    pub fn ask_number(&mut self, order: &str) -> io::Result<u64> {
        let answer = self.ask(order)?;
        answer.parse().map_err(|_| io::Error::other(format!("{order}: {answer:?} is no number")))
    }

    /// Kills it, without waiting for its end.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.kill()
    }

    /// Waits until it is dead.
    pub fn reap(&mut self) -> io::Result<()> {
        self.child.wait().map(drop)
    }

    /// Tells it that there is no more, and waits for its end.
    pub fn end(mut self, patience: Duration) -> io::Result<Ended> {
        drop(self.input.take());
        self.ended(patience)
    }

    /// Waits for its end.
    pub fn ended(&mut self, patience: Duration) -> io::Result<Ended> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Ended::With(status));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.stop();
        Ok(Ended::Hung)
    }

    /// Ends it and what it forked.
    fn stop(&mut self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // Until it is waited for, its id is nobody else's.
            if matches!(self.child.try_wait(), Ok(None)) {
                let _ = kill_process_group(group, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The orders that a worker is given, until there are no more.
pub fn orders() -> impl Iterator<Item = String> {
    io::stdin().lines().map_while(Result::ok)
}

/// Answers whoever gives the orders.
pub fn say(answer: &str) {
    let mut out = io::stdout();
    // Who does not listen any more will end this process.
    let _ = out.write_all(format!("{answer}\n").as_bytes());
    let _ = out.flush();
}
