//! Programs that join a queue in every way in which programs come to be, without being told of it.

use onewriter_tests::{Place, assert_same, numbered};
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

const JOINER: &str = env!("CARGO_BIN_EXE_joiner");

fn log_of(place: &Place) -> String {
    place.log().into_os_string().into_string().expect("UTF-8")
}

/// Runs the program to its end.
#[track_caller]
fn run(place: &Place, program: &str, more: &[&str]) {
    let log = log_of(place);
    let args = [&[program, log.as_str()], more].concat();
    let ended = place.command(JOINER, &args).status().expect("it starts");
    assert!(ended.success(), "{ended}");
    assert_eq!(place.left_in_queues(), [""; 0]);
}

/// The lines that begin so.
fn of(lines: &[String], prefix: &str) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with(&format!("{prefix} "))).cloned().collect()
}

/// All lines of a thread that has said how many it has put.
#[track_caller]
fn assert_all_of(lines: &[String], prefix: &str) -> usize {
    let mut own = of(lines, prefix);
    let last = own.pop().expect("a last line");
    let said = last.strip_prefix(&format!("{prefix} has put ")).expect("its number of lines");
    let count = said.parse().expect("a number");
    assert_same(&own, &numbered(prefix, count));
    count + 1
}

#[test]
fn a_child_that_a_thread_has_forked_logs_without_being_told_of_it() {
    let place = Place::default();
    run(&place, "thread-forks", &[]);
    let wanted = ["before", "child", "after"].map(|prefix| numbered(prefix, 100)).concat();
    assert_same(&place.lines(), &wanted);
}

#[test]
fn children_of_a_threaded_program_at_full_speed_each_have_all_their_lines() {
    let place = Place::default();
    run(&place, "storm", &["60"]);
    let lines = place.lines();
    let mut count = 0;
    for child in 0..60 {
        let prefix = format!("child {child}");
        assert_same(&of(&lines, &prefix), &numbered(&prefix, 50));
        count += 50;
    }
    for thread in 0..2 {
        count += assert_all_of(&lines, &format!("thread {thread}"));
    }
    assert_eq!(lines.len(), count);
}

#[test]
fn children_by_a_bare_clone_join_although_no_handler_of_the_c_library_has_run() {
    let place = Place::default();
    run(&place, "bare", &["30"]);
    let wanted: Vec<String> = (0..30)
        .flat_map(|n| [format!("parent {n}"), format!("child {n}")])
        .flat_map(|prefix| numbered(&prefix, 10))
        .collect();
    assert_same(&place.lines(), &wanted);
}

#[test]
fn programs_that_are_spawned_while_threads_log_join_by_the_file() {
    let place = Place::default();
    run(&place, "spawn-while-logging", &["8"]);
    let lines = place.lines();
    let mut count = assert_all_of(&lines, "parent");
    for child in 0..8 {
        let prefix = format!("child {child}");
        assert_same(&of(&lines, &prefix), &numbered(&prefix, 50));
        count += 50;
    }
    assert_eq!(lines.len(), count);
}

#[test]
fn a_childs_child_and_its_children_join_too() {
    let place = Place::default();
    run(&place, "generations", &["4"]);
    let down = (0..=4).rev().map(|left| format!("generation {left}"));
    let up = (1..=4).map(|left| format!("generation {left} after"));
    let wanted: Vec<String> = down.chain(up).flat_map(|prefix| numbered(&prefix, 20)).collect();
    assert_same(&place.lines(), &wanted);
}

/// A program that says something and then waits for its input to end.
struct Speaker {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Speaker {
    fn start(mut command: Command) -> Speaker {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        Speaker { child, output }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("UTF-8");
        line.trim_end().to_owned()
    }

    fn end(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().expect("it ends").success());
    }
}

#[test]
fn children_that_never_log_make_no_file() {
    let place = Place::default();
    let mut parent = Speaker::start(place.command(JOINER, &["silent", &log_of(&place), "20"]));
    assert_eq!(parent.line(), "ready");
    let segments = place.left_in_queues();
    assert_eq!(segments.len(), 1, "{segments:?}");
    parent.end();
    assert_same(&place.lines(), &numbered("before", 10));
}

#[test]
fn programs_that_were_started_by_hand_one_after_the_other_have_one_file_in_their_order() {
    let place = Place::default();
    let log = log_of(&place);
    let mut server = Speaker::start(place.command(JOINER, &["serve", &log]));
    assert_eq!(server.line(), "ready");
    let mut wanted = Vec::new();
    for n in 0..10 {
        let prefix = format!("program {n}");
        let program = place.command(JOINER, &["log", &log, &prefix, "50"]).status();
        assert!(program.expect("it starts").success());
        wanted.extend(numbered(&prefix, 50));
    }
    server.end();
    assert_same(&place.lines(), &wanted);
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn programs_without_sinks_join_by_name_and_whoever_has_the_sinks_writes() {
    let place = Place::default();
    let log = log_of(&place);
    // The first comes before anybody can write.
    let produce = |prefix: &str| {
        let ended = place.command(JOINER, &["produce", "shop", prefix, "100"]).status();
        assert!(ended.expect("it starts").success());
    };
    produce("early");
    let mut server = Speaker::start(place.command(JOINER, &["named", &log, "shop"]));
    assert_eq!(server.line(), "ready");
    produce("late");
    server.end();
    let wanted = ["early", "late"].map(|prefix| numbered(prefix, 100)).concat();
    assert_same(&place.lines(), &wanted);
    assert_eq!(place.left_in_queues(), [""; 0]);
}

/// A daemon whose parent, which wrote, is gone.
fn daemon(ending: &str) {
    let place = Place::default();
    let mut parent = Speaker::start(place.command(JOINER, &["daemon", &log_of(&place), ending]));
    let said = parent.line();
    assert!(said.starts_with("daemon "), "{said:?}");
    if ending == "kill" {
        parent.child.kill().expect("it can be killed");
    }
    let input = parent.child.stdin.take();
    parent.child.wait().expect("it ends");
    drop(input);
    assert_eq!(parent.line(), "complete");
    // The daemon has ended too.
    assert_eq!(parent.line(), "");
    assert_eq!(place.left_in_queues(), [""; 0]);
    let wanted =
        ["parent", "daemon first", "daemon alone"].map(|prefix| numbered(prefix, 100)).concat();
    assert_same(&place.lines(), &wanted);
}

#[test]
fn a_daemon_goes_on_writing_when_the_writer_that_started_it_exits() {
    daemon("exit");
}

#[test]
fn a_daemon_goes_on_writing_when_the_writer_that_started_it_is_killed() {
    daemon("kill");
}
