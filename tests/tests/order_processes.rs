//! Real-time order between processes: if one put returned before another began, in whatever process
//! of the machine, it is written first.

use onewriter_tests::{Place, assert_same, numbered};
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

const RELAY: &str = env!("CARGO_BIN_EXE_relay");
const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

/// Hand-offs of one run; the variable `ONEWRITER_HAND_OFFS` asks for more.
fn hand_offs(usual: u64) -> u64 {
    std::env::var("ONEWRITER_HAND_OFFS").map_or(usual, |n| n.parse().expect("a number"))
}

fn text(path: PathBuf) -> String {
    path.into_os_string().into_string().expect("UTF-8")
}

#[track_caller]
fn assert_in_order(place: &Place, count: u64) {
    assert_same(&place.lines(), &numbered("hand-off", count as usize));
    // Programs that end in one moment may leave an empty segment: the next one removes it.
    let next = place.command(VICTIM, &["recover", &text(place.log())]).status();
    assert!(next.expect("it starts").success());
    assert_same(&place.lines(), &numbered("hand-off", count as usize));
    assert_eq!(place.left_in_queues(), [""; 0]);
}

/// Programs that know nothing of each other but a page of memory.
#[track_caller]
fn unrelated(of: u64, count: u64) {
    let place = Place::default();
    let (log, page) = (text(place.log()), text(place.dir().join("page")));
    let start = |own: u64| {
        let (own, of, count) = (own.to_string(), of.to_string(), count.to_string());
        let args = ["memory", &log, &page, &own, &of, &count];
        place.command(RELAY, &args).spawn().expect("it starts")
    };
    let programs: Vec<Child> = (0..of).map(start).collect();
    for mut program in programs {
        assert!(program.wait().expect("it ends").success());
    }
    assert_in_order(&place, count);
}

#[test]
fn hand_offs_through_shared_memory_between_two_programs_are_written_in_their_order() {
    unrelated(2, hand_offs(30_000));
}

#[test]
fn hand_offs_through_shared_memory_between_four_programs_are_written_in_their_order() {
    unrelated(4, hand_offs(20_000));
}

#[test]
fn hand_offs_between_a_program_and_its_forked_children_are_written_in_their_order() {
    let place = Place::default();
    let (log, page) = (text(place.log()), text(place.dir().join("page")));
    let count = hand_offs(30_000);
    let args = ["forked-memory", &log, &page, "3", &count.to_string()];
    assert!(place.command(RELAY, &args).status().expect("it starts").success());
    assert_in_order(&place, count);
}

/// A program that takes numbers and hands them on.
struct Runner {
    child: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Runner {
    fn start(place: &Place) -> Runner {
        let mut command = place.command(RELAY, &["pipe", &text(place.log())]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let to = child.stdin.take().expect("its input");
        let from = child.stdout.take().expect("its output");
        Runner { child, to, from }
    }

    /// Hands it a number and takes the next one.
    fn hand(&mut self, n: u64) -> u64 {
        self.to.write_all(&n.to_le_bytes()).expect("it listens");
        let mut bytes = [0; 8];
        self.from.read_exact(&mut bytes).expect("it answers");
        u64::from_le_bytes(bytes)
    }
}

#[test]
fn hand_offs_through_pipes_between_four_programs_are_written_in_their_order() {
    let place = Place::default();
    let count = hand_offs(20_000);
    let mut runners = [(); 4].map(|()| Runner::start(&place));
    let mut n = 0;
    while n < count {
        n = runners[n as usize % 4].hand(n);
    }
    for Runner { mut child, to, .. } in runners {
        drop(to);
        assert!(child.wait().expect("it ends").success());
    }
    assert_in_order(&place, count);
}
