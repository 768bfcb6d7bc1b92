//! A disk without room: records wait or are dropped, as the sink's policy says; no line is torn.
//!
//! The disk is one on which a file may not grow beyond a limit. That limit holds for every file of
//! the process, shared memory too: so the log begins with a hole that brings it near the limit.

use onewriter_tests::{Place, Talk, assert_same, numbered};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
/// Far beyond what segments and journals of these programs need.
const LIMIT: u64 = 64 << 20;
/// What the log may grow by.
const ROOM: u64 = 5_000;

/// A program whose log stands just below the limit. The signal that comes with the limit would end
/// the program if it reached it.
fn near_the_limit(place: &Place, program: &str) -> Talk {
    let file = OpenOptions::new().write(true).create_new(true).open(place.log());
    let file = file.expect("the log can be made");
    file.write_all_at(b"\n", LIMIT - ROOM - 1).expect("a hole costs nothing");
    let log = place.log();
    let talk = Talk::start(place.command(VICTIM, &[program, log.to_str().expect("UTF-8")]));
    limit(&talk, Some(LIMIT));
    talk
}

fn limit(talk: &Talk, bytes: Option<u64>) {
    let process = Pid::from_raw(talk.id() as i32).expect("its id");
    let limit = Rlimit { current: bytes, maximum: None };
    prlimit(Some(process), Resource::Fsize, limit).expect("a parent may set it");
}

/// The lines behind the hole.
fn lines(place: &Place) -> Vec<String> {
    let bytes = fs::read(place.log()).expect("the log can be read");
    let text = std::str::from_utf8(&bytes[(LIMIT - ROOM) as usize..]).expect("UTF-8");
    assert!(text.ends_with('\n'), "half a line at the end");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn records_wait_for_room_and_are_then_all_there_once_and_whole() {
    let place = Place::default();
    let mut talk = near_the_limit(&place, "talk");
    assert_eq!(talk.ask("put line 2000"), "ok");
    let answer = talk.ask("complete 500");
    assert!(answer.starts_with("not everything was written within 500ms: "), "{answer}");
    let named = format!("; sinks that cannot write: file {}", place.log().display());
    assert!(answer.ends_with(&named), "{answer}");
    limit(&talk, None);
    assert_eq!(talk.ask("complete 60000"), "ok");
    assert_same(&lines(&place), &numbered("line", 2_000));
    assert!(talk.end().success());
    assert_same(&lines(&place), &numbered("line", 2_000));
}

#[test]
fn what_waited_for_room_survives_a_sigkill() {
    let place = Place::default();
    let mut talk = near_the_limit(&place, "talk");
    assert_eq!(talk.ask("put line 2000"), "ok");
    assert_ne!(talk.ask("complete 300"), "ok");
    talk.kill();
    let log = place.log();
    let recover = ["recover", log.to_str().expect("UTF-8")];
    assert!(place.command(VICTIM, &recover).status().expect("it starts").success());
    assert_same(&lines(&place), &numbered("line", 2_000));
}

#[test]
fn what_found_no_room_is_told_though_the_writer_is_killed_before_it_can_write() {
    const N: usize = 600_000;
    let place = Place::default();
    let mut talk = near_the_limit(&place, "talk-lose");
    assert_eq!(talk.ask(&format!("put line {N}")), "ok");
    // The writer has read what was lost, and cannot say so.
    assert_ne!(talk.ask("complete 300"), "ok");
    let stats = talk.ask("stats");
    assert!(between(&stats, "lost ", " ") > 0, "{stats}");
    talk.kill();
    let log = place.log();
    let recover = ["recover", log.to_str().expect("UTF-8")];
    assert!(place.command(VICTIM, &recover).status().expect("it starts").success());
    let (told, lines): (Vec<String>, Vec<String>) =
        lines(&place).into_iter().partition(|line| line.contains(" records lost: "));
    let lost: usize = told.iter().map(|line| between(&format!(" {line}"), " ", " records")).sum();
    assert_eq!(lines.len() + lost, N, "{told:?}");
    let mut all = numbered("line", N).into_iter();
    assert!(lines.iter().all(|line| all.any(|put| put == *line)), "each once, in order");
}

#[test]
fn a_sink_that_drops_takes_back_half_lines_and_counts_what_it_dropped() {
    let place = Place::default();
    let mut talk = near_the_limit(&place, "talk-drop");
    assert_eq!(talk.ask("put line 100"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    assert_eq!(talk.ask("put dropped 2000"), "ok");
    // What is dropped does not keep anybody waiting.
    talk.ask("complete 60000");
    let stats = talk.ask("stats");
    let dropped: usize = between(&stats, "dropped ", ",");
    let taken: usize = between(&stats, "taken ", ",");
    limit(&talk, None);
    assert_eq!(talk.ask("put after 100"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    assert!(talk.end().success());
    let lines = lines(&place);
    let with = |prefix: &str| -> Vec<String> {
        lines.iter().filter(|line| line.starts_with(prefix)).cloned().collect()
    };
    assert_same(&with("line "), &numbered("line", 100));
    assert_same(&with("after "), &numbered("after", 100));
    assert_eq!((taken, with("dropped ").len() + dropped), (2_100, 2_000), "{stats}");
    assert!(dropped > 0);
    assert_eq!(lines.len(), 2_200 - dropped);
}

#[test]
fn a_limit_below_what_a_segment_needs_loses_and_counts_and_does_not_end_the_program() {
    let place = Place::default();
    let log = place.log();
    let mut talk = Talk::start(place.command(VICTIM, &["talk-lose", log.to_str().expect("UTF-8")]));
    limit(&talk, Some(16 << 10));
    assert_eq!(talk.ask("put lost 10"), "ok");
    // There may be no room either to stage a line that says so.
    talk.ask("complete 100");
    limit(&talk, None);
    assert_eq!(talk.ask("put line 10"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    assert!(talk.end().success());
    let lines = place.lines();
    let told = lines.len() - 10;
    assert_same(&lines[told..], &numbered("line", 10));
    let count = |line: &String| line.split_once(" records lost").and_then(|it| it.0.parse().ok());
    let counts: Vec<Option<u64>> = lines[..told].iter().map(count).collect();
    assert_eq!(counts.iter().flatten().sum::<u64>(), 10, "{:?}", &lines[..told]);
}

#[test]
fn complete_says_what_nobody_reads_from_a_pipe_and_its_reader_then_gets_everything() {
    let place = Place::default();
    let log = place.log();
    let (kind, mode) = (FileType::Fifo, Mode::from_raw_mode(0o600));
    mknodat(CWD, &log, kind, mode, 0).expect("a pipe can be made");
    let mut talk = Talk::start(place.command(VICTIM, &["talk", log.to_str().expect("UTF-8")]));
    assert_eq!(talk.ask("put line 20"), "ok");
    // What it says is a tenth of a second old.
    let answer = talk.ask("complete 500");
    let named = format!("; sinks that cannot write: file {}", log.display());
    assert!(answer.starts_with("not everything was written within 500ms: 20 records"), "{answer}");
    assert!(answer.ends_with(&named), "{answer}");
    let mut reader = BufReader::new(File::open(&log).expect("the writer comes"));
    assert_eq!(talk.ask("complete 60000"), "ok");
    for line in numbered("line", 20) {
        let mut found = String::new();
        reader.read_line(&mut found).expect("UTF-8");
        assert_eq!(found.trim_end(), line);
    }
    assert!(talk.end().success());
    assert_eq!(reader.lines().count(), 0);
}

/// The number that stands between two words.
fn between(text: &str, before: &str, after: &str) -> usize {
    let (_, rest) = text.split_once(before).expect("the first word");
    let (number, _) = rest.split_once(after).expect("the second word");
    number.parse().expect("a number")
}
