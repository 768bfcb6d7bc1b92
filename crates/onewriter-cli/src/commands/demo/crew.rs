//! The processes of the demo: started, killed, and replaced.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant, SystemTime};

use onewriter_engine::publish::Published;
use onewriter_ring::Survey;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, set_child_subreaper, wait};

use super::board::Board;
use super::worker;
use crate::exit::Failure;

/// No take-over takes so long.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_micros(500);

/// How many processes there are, and what they do.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Processes that are started, half of them by fork.
    pub processes: u64,
    /// Threads for each door in each of them.
    pub threads: u64,
}

impl Shape {
    fn spawned(self) -> u64 {
        self.processes.div_ceil(2)
    }

    /// How many children the spawned process of this number forks.
    fn forks(self, number: usize) -> u64 {
        let forked = self.processes - self.spawned();
        u64::from((number as u64) < forked)
    }
}

/// Who was killed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kills {
    /// Processes that were writing.
    pub writers: u64,
    /// Processes that only put, or stood by.
    pub workers: u64,
    /// Forked children.
    pub forked: u64,
}

impl Kills {
    /// All of them.
    pub fn total(self) -> u64 {
        self.writers + self.workers + self.forked
    }
}

/// The processes.
pub struct Crew {
    dir: PathBuf,
    log: PathBuf,
    shape: Shape,
    workers: Vec<Child>,
    /// What was done to them.
    pub kills: Kills,
    /// How long after each kill of a writer another process wrote, in the order of the kills.
    pub takeovers: Vec<Duration>,
}

impl Crew {
    /// Starts all, and waits until one of them writes.
    pub fn start(dir: &Path, shape: Shape, board: &Board) -> Result<Crew, Failure> {
        let failed = |err: rustix::io::Errno| Failure::system("cannot adopt orphans", &err.into());
        // A forked child whose parent is killed is ours: it is waited for, too.
        set_child_subreaper(Some(rustix::process::getpid())).map_err(failed)?;
        let mut crew = Crew {
            dir: dir.to_owned(),
            log: super::log_in(dir),
            shape,
            workers: Vec::new(),
            kills: Kills::default(),
            takeovers: Vec::new(),
        };
        for number in 0..shape.spawned() as usize {
            let worker = crew.spawn(number)?;
            crew.workers.push(worker);
        }
        crew.wait_for_writer(board, None)?;
        Ok(crew)
    }

    fn spawn(&self, number: usize) -> Result<Child, Failure> {
        let forks = self.shape.forks(number);
        let child = worker::command(&self.dir, self.shape.threads, forks)
            .and_then(|mut command| command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn());
        child.map_err(|err| Failure::system("cannot start a process", &err))
    }

    /// Whoever writes now, by its own account.
    fn writer(&self) -> Option<Published> {
        let mut roots = Survey::roots().into_iter();
        let queue = roots.find_map(|root| Survey::folder_of_file(&root, &self.log))?;
        let text = onewriter_ring::published(&queue.join(onewriter_ring::WRITER_FILE))?;
        Published::parse(&text).filter(|writer| !writer.has_ended)
    }

    fn wait_for_writer(
        &self,
        board: &Board,
        other_than: Option<(u32, u64)>,
    ) -> Result<Published, Failure> {
        let until = Instant::now() + PATIENCE;
        loop {
            board.beat();
            let writer = self.writer();
            if let Some(writer) = writer.filter(|it| other_than != Some((it.process, it.since))) {
                return Ok(writer);
            }
            if Instant::now() > until {
                let err = io::Error::new(io::ErrorKind::TimedOut, "nobody writes");
                return Err(Failure::system("cannot go on", &err));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Kills the writer, and measures how long it takes until another process has its place.
    pub fn kill_writer(&mut self, board: &Board) -> Result<(), Failure> {
        let writer = self.wait_for_writer(board, None)?;
        let Some(number) = self.workers.iter().position(|it| it.id() == writer.process) else {
            // A forked child writes: it is ours if its parent was killed.
            if parent_of(writer.process) == Some(std::process::id()) {
                let killed = SystemTime::now();
                kill(writer.process);
                return self.note_takeover(board, &writer, killed);
            }
            return self.kill_forked(board);
        };
        let killed = SystemTime::now();
        self.end(number)?;
        // Alone it is its own successor.
        self.workers[number] = self.spawn(number)?;
        self.note_takeover(board, &writer, killed)
    }

    fn note_takeover(
        &mut self,
        board: &Board,
        old: &Published,
        killed: SystemTime,
    ) -> Result<(), Failure> {
        self.kills.writers += 1;
        let new = self.wait_for_writer(board, Some((old.process, old.since)))?;
        let since = SystemTime::UNIX_EPOCH + Duration::from_nanos(new.since);
        self.takeovers.push(since.duration_since(killed).unwrap_or_default());
        Ok(())
    }

    /// Kills a process that does not write.
    pub fn kill_worker(&mut self, board: &Board) -> Result<(), Failure> {
        let writer = self.wait_for_writer(board, None)?;
        let Some(number) = self.workers.iter().position(|it| it.id() != writer.process) else {
            return self.kill_writer(board);
        };
        self.end(number)?;
        self.kills.workers += 1;
        self.workers[number] = self.spawn(number)?;
        Ok(())
    }

    /// Has a process kill a child that it forked, and fork another one; without children, kills a
    /// process.
    pub fn kill_forked(&mut self, board: &Board) -> Result<(), Failure> {
        let with_children = self.shape.processes - self.shape.spawned();
        let Some(number) = self.kills.forked.checked_rem(with_children) else {
            return self.kill_worker(board);
        };
        self.order(number as usize, "k\n");
        self.kills.forked += 1;
        Ok(())
    }

    fn order(&mut self, number: usize, order: &str) {
        if let Some(stdin) = &mut self.workers[number].stdin {
            // If it has ended, that is found when it is waited for.
            let _ = stdin.write_all(order.as_bytes()).and_then(|()| stdin.flush());
        }
    }

    fn end(&mut self, number: usize) -> Result<(), Failure> {
        let worker = &mut self.workers[number];
        let ended = worker.kill().and_then(|()| worker.wait());
        ended.map(drop).map_err(|err| Failure::system("cannot kill a process", &err))
    }

    /// Lets all end, and waits for them, adopted ones too. Those that failed are named.
    pub fn finish(mut self) -> Result<(Kills, Vec<Duration>), Failure> {
        for number in 0..self.workers.len() {
            self.order(number, "q\n");
        }
        let mut failed = Vec::new();
        for mut worker in std::mem::take(&mut self.workers) {
            let id = worker.id();
            match worker.wait() {
                Ok(status) if status.success() => {}
                Ok(status) => failed.push(format!("process {id}: {status}")),
                Err(err) => failed.push(format!("process {id}: {err}")),
            }
        }
        while matches!(wait(WaitOptions::empty()), Ok(_) | Err(rustix::io::Errno::INTR)) {}
        if failed.is_empty() {
            return Ok((self.kills, std::mem::take(&mut self.takeovers)));
        }
        let err = io::Error::other(failed.join(", "));
        Err(Failure::system("a process of the demo has failed", &err))
    }
}

impl Drop for Crew {
    /// After a failure: nobody is left behind.
    fn drop(&mut self) {
        for worker in &mut self.workers {
            let _ = worker.kill();
            let _ = worker.wait();
        }
    }
}

fn kill(process: u32) {
    if let Some(pid) = Pid::from_raw(process.cast_signed()) {
        let _it_may_have_ended = kill_process(pid, Signal::KILL);
    }
}

/// The number after the name, which stands in brackets, and the state.
fn parent_of(process: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}
