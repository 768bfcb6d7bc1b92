//! A process of the demo: it can write, it puts through each of the three Rust doors, and it forks
//! children that put too.

use std::io::{self, BufRead};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use onewriter_ring::testing::fork;
use rustix::process::{Pid, Signal, WaitOptions, getppid, kill_process, waitpid};

use super::board::Board;
use crate::cli::DemoWorker;
use crate::engine_door::{self, DemoLog};
use crate::exit::{Exit, Failure};

/// Puts one record: producer, number, ticket.
type Put = fn(u64, u64, u64);

/// The doors: the macros of onewriter itself, the `log` facade, the `tracing` layer.
pub const DOORS: [(&str, Put); 3] =
    [("onewriter", put_onewriter), ("log", put_log), ("tracing", put_tracing)];

fn put_onewriter(producer: u64, seq: u64, ticket: u64) {
    engine_door::put(producer, seq, ticket);
}

fn put_log(producer: u64, seq: u64, ticket: u64) {
    log::info!(target: "demo", producer, seq, ticket; "order {seq} placed");
}

fn put_tracing(producer: u64, seq: u64, ticket: u64) {
    tracing::info!(target: "demo", producer, seq, ticket, "order {seq} placed");
}

/// How many puts lie between two looks at the clock and at who lives.
const LOOK: u64 = 1 << 12;
/// Without a beat for so long, whoever started the demo is gone.
const SILENCE: Duration = Duration::from_secs(20);

/// Puts until it is told to stop. `k` on standard input has it kill a child and fork another one.
pub fn run(args: &DemoWorker) -> Result<Exit, Failure> {
    let failed = |err| Failure::io("cannot open the counters in", &args.dir, &err);
    let board = Arc::new(Board::open(&args.dir).map_err(failed)?);
    let log = DemoLog::start(&super::log_in(&args.dir))?;
    let mut children = Vec::new();
    for _ in 0..args.forks {
        match child(args, &board)? {
            Forked::Parent(child) => children.push(child),
            Forked::Child(exit) => return Ok(exit),
        }
    }
    let threads = producers(args.threads, &board, || false)?;
    // Whoever started this is gone when its end of the pipe is.
    for order in io::stdin().lock().lines().map_while(Result::ok) {
        if order == "k"
            && !board.is_stopped()
            && let Some(victim) = children.pop()
        {
            let _it_may_have_ended = kill_process(victim, Signal::KILL);
            let _it_is_ours = waitpid(Some(victim), WaitOptions::empty());
            match child(args, &board)? {
                Forked::Parent(child) => children.push(child),
                Forked::Child(exit) => return Ok(exit),
            }
        }
        if order == "q" {
            break;
        }
    }
    board.stop();
    join(threads);
    for child in children {
        let _it_is_ours = waitpid(Some(child), WaitOptions::empty());
    }
    log.finish()?;
    Ok(Exit::DONE)
}

/// On which side of a fork this is.
enum Forked {
    Parent(Pid),
    /// The child has done its part, and is to end.
    Child(Exit),
}

/// Forks a child that puts.
fn child(args: &DemoWorker, board: &Arc<Board>) -> Result<Forked, Failure> {
    let parent = rustix::process::getpid();
    let forked = fork().map_err(|err| Failure::system("cannot fork", &err))?;
    if let Some(child) = forked.and_then(|child| Pid::from_raw(child.cast_signed())) {
        return Ok(Forked::Parent(child));
    }
    // Here is the child. It has nothing to set up; it ends with its parent, or before it.
    let is_orphan = move || getppid() != Some(parent);
    join(producers(args.threads, board, is_orphan)?);
    Ok(Forked::Child(Exit::DONE))
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        // A panic is in the log, and what is missing is found by the count.
        let _ = thread.join();
    }
}

fn producers(
    threads: u64,
    board: &Arc<Board>,
    is_over: impl Fn() -> bool + Copy + Send + 'static,
) -> Result<Vec<JoinHandle<()>>, Failure> {
    let start = |n: u64| {
        let (name, put) = DOORS[(n % DOORS.len() as u64) as usize];
        let board = Arc::clone(board);
        thread::Builder::new()
            .name(format!("{name}-{n}"))
            .spawn(move || produce(&board, put, is_over))
    };
    let started: io::Result<_> = (0..threads * DOORS.len() as u64).map(start).collect();
    started.map_err(|err| Failure::system("cannot start a thread", &err))
}

fn produce(board: &Board, put: Put, is_over: impl Fn() -> bool) {
    let Some(producer) = board.producer() else { return };
    let mut heard = (board.beats(), Instant::now());
    for seq in 0.. {
        if board.is_stopped() {
            return;
        }
        if seq % LOOK == LOOK - 1 {
            let beats = board.beats();
            if beats != heard.0 {
                heard = (beats, Instant::now());
            }
            if is_over() || heard.1.elapsed() > SILENCE {
                return;
            }
        }
        // Drawn before the put begins: `check --ticket` compares them.
        put(producer, seq, board.ticket());
        board.returned(producer, seq + 1);
    }
}

/// The command line of a worker, for whoever starts it.
pub fn command(dir: &Path, threads: u64, forks: u64) -> io::Result<std::process::Command> {
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.arg("demo-worker").arg(dir);
    command.args(["--threads", &threads.to_string(), "--forks", &forks.to_string()]);
    Ok(command)
}
