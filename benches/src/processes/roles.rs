//! What the processes do.

use crate::crew::{orders, say};
use crate::latency::{self, Plan};
use crate::peer::{Peer, Setup};
use crate::peers::{self, Measure};
use crate::process;
use onewriter_ring::testing::fork;
use rustix::process::{Pid, WaitOptions, waitpid};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longer than any drain here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// The second number of a line that is looked for in the file.
pub const SOUGHT: u64 = 424_242;

/// Plays `ROLE NAME DIR DETAIL`; false if that is not a role.
///
/// `latency` prints the cost of a put, DETAIL batches; `crew` follows orders, on processor 1 alone if
/// DETAIL is `pinned`.
pub fn play(args: &[String]) -> bool {
    let [role, name, dir, detail] = args else { return false };
    let (peer, variant) = name.split_once('/').unwrap_or((name, ""));
    let setup = Setup { dir: dir.into(), variant: variant.to_owned(), rotation: None };
    match (role.as_str(), peer) {
        ("crew", _) if detail == "pinned" => process::pin(1),
        ("crew" | "latency", _) => {}
        _ => return false,
    }
    let part = Part { is_crew: role == "crew", batches: detail.parse().unwrap_or(0) };
    match peer {
        "append" => drop(part.with::<Append>(&setup)),
        _ => return peers::measure(peer, &setup, part).is_some(),
    }
    true
}

struct Part {
    is_crew: bool,
    batches: usize,
}

impl Measure for Part {
    fn with<P: Peer>(self, setup: &Setup) -> Value {
        if self.is_crew {
            follow(&P::start(setup));
        } else {
            let plan = Plan { batches: self.batches, producers: 1, spin: true };
            say(&latency::measure::<P>(setup, &plan).to_string());
        }
        Value::Null
    }
}

fn follow<P: Peer>(peer: &P) {
    say("ready");
    let mut orders = orders();
    let mut before = Duration::ZERO;
    while let Some(order) = orders.next() {
        let words: Vec<&str> = order.split(' ').collect();
        let number = |k: usize| words.get(k).and_then(|word| word.parse().ok()).unwrap_or(0);
        match words.first().copied() {
            Some("load") => before = load(peer, number(1), number(2), &mut orders),
            Some("spent") => say(&(process::cpu_time() - before).as_nanos().to_string()),
            Some("put") => put(peer, number(1), SOUGHT),
            Some("complete") => {
                complete();
                say("ok");
            }
            Some("cpu") => say(&process::cpu_time().as_nanos().to_string()),
            Some("flood") => flood(peer),
            Some("forks") => forks(peer, number(1)),
            _ => say("unknown order"),
        }
    }
}

#[inline(never)]
fn put<P: Peer>(peer: &P, i: u64, j: u64) {
    peer.line(i, j, i as f64 + 0.1 * i as f64);
}

/// Until all that this process has put is in the file; nothing to do where no queue is.
fn complete() {
    let _ = onewriter::complete(PATIENCE);
}

/// Threads that log their lines together, after the next order. Each has logged one before, which
/// attaches it. Gives the processor time of this process at that order: what came before it, and what
/// it cost to wait for it while others got ready, is not the load's.
fn load<P: Peer>(
    peer: &P,
    threads: u64,
    lines: u64,
    orders: &mut impl Iterator<Item = String>,
) -> Duration {
    let gate = Barrier::new(threads as usize + 1);
    let mut before = Duration::ZERO;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let gate = &gate;
            scope.spawn(move || {
                put(peer, 0, thread);
                gate.wait();
                gate.wait();
                (1..=lines).for_each(|i| put(peer, i, thread));
            });
        }
        gate.wait();
        complete();
        say("ready");
        orders.next();
        before = process::cpu_time();
        gate.wait();
    });
    complete();
    say("done");
    before
}

/// Logs as fast as it can, until it is killed.
fn flood<P: Peer>(peer: &P) {
    for i in 0.. {
        put(peer, i, 0);
    }
}

/// Forks children one after the other; each puts twice. Answers the nanoseconds of the puts, first
/// and second of each child.
fn forks<P: Peer>(peer: &P, children: u64) {
    let took: io::Result<Vec<String>> = (0..children).map(|child| forked(peer, child)).collect();
    match took {
        Ok(took) => say(&took.join(" ")),
        Err(error) => say(&format!("failed: {error}")),
    }
}

fn forked<P: Peer>(peer: &P, child: u64) -> io::Result<String> {
    let (mut reader, mut writer) = io::pipe()?;
    let Some(id) = fork()? else {
        let times = [Instant::now(), timed(peer, child), timed(peer, child)];
        let took =
            format!("{} {}", (times[1] - times[0]).as_nanos(), (times[2] - times[1]).as_nanos());
        let _ = writer.write_all(took.as_bytes());
        drop(writer);
        std::process::exit(0);
    };
    drop(writer);
    let mut took = String::new();
    reader.read_to_string(&mut took)?;
    if let Some(id) = Pid::from_raw(id.cast_signed()) {
        waitpid(Some(id), WaitOptions::empty())?;
    }
    Ok(took)
}

/// Puts, and says when that was done.
fn timed<P: Peer>(peer: &P, child: u64) -> Instant {
    put(peer, child, 0);
    Instant::now()
}

/// What a program does without a logger: one line, one `write` into a file opened to append.
struct Append(File);

impl Peer for Append {
    fn start(setup: &Setup) -> Append {
        let file = OpenOptions::new().create(true).append(true).open(setup.file());
        Append(file.expect("the folder is writable"))
    }

    fn line(&self, i: u64, j: u64, d: f64) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (s, ns) = (now.as_secs(), now.subsec_nanos());
        let text = format!("{s}.{ns:09} INFO main bench Logging int: {i} int: {j} double: {d}\n");
        let _ = (&self.0).write_all(text.as_bytes());
    }

    fn below(&self, _: u64, _: u64, _: f64) {}

    fn finish(self) -> Option<u64> {
        None
    }
}
