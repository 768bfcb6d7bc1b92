//! The programs that log and end.

use crate::crew::{orders, say};
use crate::peer::{Peer, Setup};
use crate::peers::{self, Measure};
use onewriter_ring::testing::fork;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Lines before an ending.
pub const LINES: u64 = 20_000;
/// Lines of each of two programs with one file.
pub const PAIR_LINES: u64 = 100_000;
/// Where that file is rotated.
pub const ROTATION: u64 = 200_000;
/// Children that a program forks, and the lines of each.
pub const CHILDREN: u64 = 5;
/// Who takes longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Plays `ROLE PEER DIR DETAIL`; false if that is not a role.
pub fn play(args: &[String]) -> bool {
    let [role, name, dir, detail] = args else { return false };
    let (peer, variant) = name.split_once('/').unwrap_or((name, ""));
    let rotation = (role == "pair").then_some(ROTATION);
    let setup = Setup { dir: dir.into(), variant: variant.to_owned(), rotation };
    let part = Part { role: role.clone(), detail: detail.clone() };
    peers::measure(peer, &setup, part).is_some()
}

struct Part {
    role: String,
    detail: String,
}

impl Measure for Part {
    fn with<P: Peer>(self, setup: &Setup) -> Value {
        let peer = P::start(setup);
        say("ready");
        match self.role.as_str() {
            // Comes after a victim, or stands by beside it.
            "heir" => {
                orders().for_each(drop);
                peer.finish();
            }
            "pair" => {
                orders().next();
                let program = self.detail.parse().unwrap_or(0);
                log(&peer, PAIR_LINES, program);
                peer.finish();
            }
            "forks" => forks(peer),
            _ => {
                orders().next();
                log(&peer, LINES, 0);
                end(peer, &self.detail);
            }
        }
        Value::Null
    }
}

fn log<P: Peer>(peer: &P, lines: u64, program: u64) {
    for i in 0..lines {
        peer.line(i, program, i as f64 + 0.1 * i as f64);
    }
}

/// Ends the program. What a logger hands to its user goes out of scope where an ending allows it.
fn end<P: Peer>(peer: P, ending: &str) {
    match ending {
        "return" => drop(peer),
        "flush" => drop(peer.finish()),
        "panic" => panic!("the ending"),
        "exit" => std::process::exit(0),
        "abort" => std::process::abort(),
        "term" => signal_self(Signal::TERM),
        _ => signal_self(Signal::KILL),
    }
}

fn signal_self(signal: Signal) {
    let _ = kill_process(getpid(), signal);
    // A handler's thread may end the process a little later.
    std::thread::sleep(PATIENCE * 2);
}

/// Forks; each child logs, flushes and returns. Answers how many children hung or crashed.
fn forks<P: Peer>(peer: P) {
    orders().next();
    peer.line(0, 0, 0.0);
    let mut children = Vec::new();
    for child in 1..=CHILDREN {
        match fork() {
            Ok(None) => {
                for j in 1..=CHILDREN {
                    peer.line(child, j, 0.1);
                }
                peer.finish();
                return;
            }
            Ok(Some(id)) => children.extend(Pid::from_raw(id.cast_signed())),
            Err(_) => {}
        }
    }
    let (hung, crashed) = await_children(children);
    say(&format!("{hung} {crashed}"));
    orders().for_each(drop);
    peer.finish();
}

fn await_children(mut children: Vec<Pid>) -> (usize, usize) {
    let until = Instant::now() + PATIENCE;
    let mut crashed = 0;
    while !children.is_empty() && Instant::now() < until {
        children.retain(|child| match waitpid(Some(*child), WaitOptions::NOHANG) {
            Ok(None) => true,
            Ok(Some((_, status))) => {
                crashed += usize::from(status.exit_status() != Some(0));
                false
            }
            Err(_) => false,
        });
        std::thread::sleep(Duration::from_millis(2));
    }
    for child in &children {
        // Its own child, not waited for yet: the id is nobody else's.
        let _ = kill_process(*child, Signal::KILL);
        let _ = waitpid(Some(*child), WaitOptions::empty());
    }
    (children.len(), crashed)
}
