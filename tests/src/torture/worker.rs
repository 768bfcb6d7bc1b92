//! The programs of a round: they log, fork and end.

use super::ledger::{Ledger, Slot};
use super::plan::{Birth, Ending, Life, Part, Plan, padding};
use super::seed::mix;
use super::setup;
use onewriter::info;
use onewriter_ring::testing::fork;
use rustix::process::{Signal, getpid, kill_process, setsid};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Between two children of a process.
const BIRTHS: Duration = Duration::from_millis(150);
/// A slow thread's pause between two records.
const SLOW: Duration = Duration::from_micros(700);

/// What a worker and its children share.
struct Worker {
    plan: Plan,
    ledger: Ledger,
    /// What starts another one, but for its last argument.
    again: Vec<String>,
    padding: String,
}

/// Runs the worker that these arguments describe: those of its round, and its own seed.
pub fn work(args: &[String]) -> ! {
    let (plan, folder) = setup::round(args);
    let own = args[4].parse().expect("the worker's own seed");
    let ledger = Ledger::open(&folder.join("ledger")).expect("the ledger can be mapped");
    let guard = setup::logger(&plan, &folder.join("log")).install();
    let guard = guard.expect("the logger can be installed");
    let worker = Worker { plan, ledger, again: args[..4].to_vec(), padding: "x".repeat(300_000) };
    worker.live(Part::worker(own));
    drop(guard);
    std::process::exit(0)
}

impl Worker {
    /// Runs the threads of one process, the first on this thread.
    fn live(&self, mut part: Part) {
        let Some(process) = self.ledger.enter_process() else { return };
        let lives = part.threads.clone();
        let (first, rest) = (&lives[0], &lives[1..]);
        thread::scope(|scope| {
            for life in rest {
                scope.spawn(move || self.log(process, life, &mut |_| ()));
            }
            let every = part.fork_every.unwrap_or(u64::MAX);
            let mut next = every;
            let mut born = Instant::now();
            let mut bear = move |n: u64| {
                if n >= next && born.elapsed() > BIRTHS && !self.ledger.is_crowded() {
                    next = n + every;
                    born = Instant::now();
                    self.bear(&mut part);
                }
            };
            // By turns on a thread that the program started, and on its first one.
            if process.is_multiple_of(2) {
                scope.spawn(move || self.log(process, first, &mut bear));
            } else {
                self.log(process, first, &mut bear);
            }
        });
    }

    fn log(&self, process: usize, life: &Life, between: &mut dyn FnMut(u64)) {
        let Some(slot) = self.ledger.enter_thread(process) else { return };
        let mut is_slow = life.is_slow;
        let mut n = 0;
        while Some(n) != life.records && !self.ledger.is_over() {
            self.rest(slot);
            self.put(slot, n);
            n += 1;
            if n.is_multiple_of(64) || is_slow {
                is_slow = self.ledger.spend(if is_slow { 1 } else { 64 }) || life.is_slow;
                if self.ledger.is_forsaken() {
                    break;
                }
            }
            if is_slow {
                thread::sleep(SLOW);
            }
            between(n);
        }
        slot.end();
    }

    /// Stays in a pause while there is one.
    fn rest(&self, slot: Slot<'_>) {
        let mut pause = self.ledger.held();
        while pause != 0 && !self.ledger.is_over() && !self.ledger.is_forsaken() {
            slot.rest(pause);
            thread::sleep(Duration::from_millis(1));
            pause = self.ledger.held();
        }
    }

    /// One record. It says what another thread had put before: that stands before it, then.
    fn put(&self, slot: Slot<'_>, n: u64) {
        let own = slot.number as u64;
        let newest = self.ledger.n_slots() as u64;
        let other = newest - 1 - mix(own << 32 ^ n) % newest.min(24);
        let seen = self.ledger.slot(other as usize).count();
        let padding = &self.padding[..padding(own, n, self.plan.is_large)];
        info!("torture {own} {n} after {other} {seen} {padding}.");
        slot.returned(n + 1);
    }

    fn bear(&self, part: &mut Part) {
        let (birth, seed) = part.next_child();
        match birth {
            Birth::Exec => self.spawn(seed.clone().next()),
            Birth::Fork => {
                if fork().expect("a process may fork").is_none() {
                    self.be(Part::child(seed));
                }
            }
            Birth::Daemon => {
                if fork().expect("a process may fork").is_none() {
                    setsid().expect("a child leads no group");
                    match fork().expect("a process may fork") {
                        None => self.be(Part::child(seed)),
                        Some(_) => std::process::exit(0),
                    }
                }
            }
        }
    }

    fn spawn(&self, seed: u64) {
        let own = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(own);
        command.arg("work").args(&self.again).arg(seed.to_string()).stdin(Stdio::null());
        // Nobody here waits for it: whoever started us does.
        drop(command.spawn().expect("the program starts"));
    }

    /// The life of a forked child.
    fn be(&self, part: Part) -> ! {
        let ending = part.ending;
        self.live(part);
        match ending {
            Ending::Exit => std::process::exit(0),
            Ending::Abort => std::process::abort(),
            Ending::Kill => {
                kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
                unreachable!("SIGKILL ends a process")
            }
        }
    }
}
