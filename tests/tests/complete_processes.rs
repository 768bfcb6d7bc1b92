//! `complete` across processes: it waits for everything that anybody has put before, and says so at
//! its deadline if that cannot be.

use onewriter_tests::{Place, Talk, assert_same, numbered};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
const JOINER: &str = env!("CARGO_BIN_EXE_joiner");

fn talk(place: &Place) -> Talk {
    let log = place.log();
    Talk::start(place.command(VICTIM, &["talk", log.to_str().expect("UTF-8")]))
}

/// A program that writes: nobody else is there.
fn talk_as_writer(place: &Place) -> Talk {
    let mut writer = talk(place);
    assert_eq!(writer.ask("complete 60000"), "ok");
    writer
}

fn signal(talk: &Talk, signal: Signal) {
    let process = Pid::from_raw(talk.id() as i32).expect("its id");
    kill_process(process, signal).expect("a child can be signalled");
}

/// Stops it, and waits until it is stopped.
fn stop(talk: &Talk) {
    signal(talk, Signal::STOP);
    let stat = format!("/proc/{}/stat", talk.id());
    let is_stopped = || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "));
    while !is_stopped() {
        std::thread::yield_now();
    }
}

#[test]
fn from_any_process_it_waits_for_everything_put_before_by_anybody() {
    let place = Place::default();
    let mut programs = [(); 3].map(|()| talk(&place));
    let mut wanted = Vec::new();
    for n in 0..30 {
        let (puts, asks) = (n % 3, (n + 1 + n / 3) % 3);
        assert_eq!(programs[puts].ask(&format!("put burst-{n} 300")), "ok");
        wanted.extend(numbered(&format!("burst-{n}"), 300));
        assert_eq!(programs[asks].ask("complete 60000"), "ok");
        assert_same(&place.lines(), &wanted);
    }
    for program in programs {
        assert!(program.end().success());
    }
    assert_same(&place.lines(), &wanted);
}

#[test]
fn while_the_writer_is_stopped_it_returns_at_its_deadline_and_works_when_the_writer_goes_on() {
    let place = Place::default();
    let (writer, mut other) = (talk_as_writer(&place), talk(&place));
    stop(&writer);
    assert_eq!(other.ask("put line 100"), "ok");
    for deadline in ["0", "1", "200"] {
        let answer = other.ask(&format!("complete {deadline}"));
        let begins = format!("not everything was written within {deadline}");
        let middle = format!("the writer, process {} (victim), has not got so far", writer.id());
        assert!(answer.starts_with(&begins) && answer.contains(&middle), "{answer}");
        assert!(answer.ends_with(" bytes of 1 processes wait"), "{answer}");
    }
    signal(&writer, Signal::CONT);
    assert_eq!(other.ask("complete 60000"), "ok");
    assert_same(&place.lines(), &numbered("line", 100));
    assert!(other.end().success());
    assert!(writer.end().success());
}

/// Lets a program open files up to this descriptor; the limit before.
fn limit_files(talk: &Talk, current: Option<u64>) -> Option<u64> {
    let process = Pid::from_raw(talk.id() as i32);
    let before = rustix::process::getrlimit(Resource::Nofile);
    let limit = Rlimit { current, maximum: before.maximum };
    prlimit(process, Resource::Nofile, limit).expect("a parent may set it").current
}

#[test]
fn a_writer_that_has_no_descriptor_left_to_open_a_segment_does_not_say_that_it_is_written() {
    let place = Place::default();
    let (writer, mut other) = (talk_as_writer(&place), talk(&place));
    let before = limit_files(&writer, Some(3));
    assert_eq!(other.ask("put line 100"), "ok");
    let answer = other.ask("complete 300");
    assert!(answer.starts_with("not everything was written within 300"), "{answer}");
    assert_same(&place.lines(), &[]);
    limit_files(&writer, before);
    assert_eq!(other.ask("complete 60000"), "ok");
    assert_same(&place.lines(), &numbered("line", 100));
    assert!(other.end().success());
    assert!(writer.end().success());
}

#[test]
fn whoever_waits_while_the_writer_is_killed_waits_for_the_one_who_takes_over() {
    let place = Place::default();
    let mut wanted = Vec::new();
    let mut writer = talk_as_writer(&place);
    for n in 0..5 {
        let mut other = talk(&place);
        assert_eq!(writer.ask(&format!("put writer-{n} 100")), "ok");
        wanted.extend(numbered(&format!("writer-{n}"), 100));
        stop(&writer);
        assert_eq!(other.ask(&format!("put other-{n} 100")), "ok");
        wanted.extend(numbered(&format!("other-{n}"), 100));
        other.tell("complete 60000");
        writer.kill();
        assert_eq!(other.answer(), "ok");
        assert_same(&place.lines(), &wanted);
        writer = other;
    }
    assert!(writer.end().success());
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn when_nobody_can_write_any_more_it_returns_at_its_deadline_and_says_so() {
    let place = Place::default();
    let mut command = place.command(JOINER, &["orphan", "200"]);
    let mut parent = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
    let mut said = BufReader::new(parent.stdout.take().expect("its output"));
    let mut line = String::new();
    said.read_line(&mut line).expect("UTF-8");
    assert_eq!(line, "orphan\n");
    let input = parent.stdin.take();
    parent.kill().expect("it can be killed");
    parent.wait().expect("it ends");
    drop(input);
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("UTF-8");
    let begins =
        "not everything was written within 200ms: the process that could write it has ended; ";
    assert!(rest.starts_with(begins), "{rest}");
    assert_eq!(rest.lines().count(), 1);
}

#[test]
fn a_program_that_only_produces_learns_whether_its_records_are_on_file() {
    let place = Place::default();
    let log = place.log().into_os_string().into_string().expect("UTF-8");
    let produce = |prefix: &str, millis: &str| {
        let args = ["produce-complete", "shop", prefix, "100", millis];
        let output = place.command(JOINER, &args).output().expect("it starts");
        assert!(output.status.success());
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let alone = produce("alone", "10");
    let lines: Vec<&str> = alone.lines().collect();
    let begins = "not everything was written within 10ms: nobody writes; about ";
    let ends = " bytes of 1 processes wait for the next program with these sinks, or for \
                `onewriter recover`";
    assert_eq!(lines.len(), 2, "{alone}");
    assert!(lines.iter().all(|line| line.starts_with(begins) && line.ends_with(ends)), "{alone}");
    let mut command = place.command(JOINER, &["named", &log, "shop"]);
    let server = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
    assert_eq!(produce("served", "60000"), "");
    let wanted = ["alone", "served"].map(|prefix| numbered(prefix, 100)).concat();
    assert_same(&place.lines(), &wanted);
    let output = server.wait_with_output().expect("it ends");
    assert!(output.status.success());
}
