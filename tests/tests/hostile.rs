//! Shared memory that somebody cuts, plants files into or leaves behind: whole programs go on, and the log
//! says what it cost.

use onewriter_tests::{Place, Talk, assert_same, numbered};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::HashSet;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

fn talk(place: &Place) -> Talk {
    let log = place.log();
    Talk::start(place.command(VICTIM, &["talk", log.to_str().expect("UTF-8")]))
}

/// The files of the queues whose name begins so.
fn files(place: &Place, prefix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![place.dir().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be read").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if name.starts_with(prefix) {
                found.push(entry.path());
            }
        }
    }
    found
}

/// The one segment of this process that was written to.
fn segment_of(place: &Place, process: u32) -> PathBuf {
    let is_its = |path: &PathBuf| {
        let bytes = fs::read(path).expect("a segment can be read");
        bytes[32..40] == u64::from(process).to_le_bytes()
    };
    files(place, "s-").into_iter().find(is_its).expect("it has put something")
}

fn cut(path: &Path) {
    OpenOptions::new().write(true).open(path).expect("it opens").set_len(0).expect("it is cut");
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file").to_string_lossy().into_owned()
}

/// Puts so many lines and waits until they are in the file.
fn put(program: &mut Talk, prefix: &str, count: usize) {
    assert_eq!(program.ask(&format!("put {prefix} {count}")), "ok");
    assert_eq!(program.ask("complete 60000"), "ok");
}

/// The lines that are not among these, which all stand there, in this order.
#[track_caller]
fn beside(place: &Place, wanted: &[String]) -> Vec<String> {
    let (found, more): (Vec<_>, Vec<_>) =
        place.lines().into_iter().partition(|line| wanted.contains(line));
    assert_same(&found, wanted);
    more
}

/// The lines of losses with segments among these, without their times; the others stay.
fn take_vanished(told: &mut Vec<String>) -> Vec<String> {
    let is_vanished = |line: &String| line.contains("somebody cut, removed or wrote over");
    let (vanished, rest) = std::mem::take(told).into_iter().partition(is_vanished);
    *told = rest;
    let vanished: Vec<String> = vanished;
    vanished.iter().map(|it| it.split("; from ").next().unwrap_or_default().to_owned()).collect()
}

fn vanished(process: u32, count: u64) -> String {
    format!(
        "{count} records lost: {count} of process {process}, whose shared memory somebody cut, removed \
         or wrote over"
    )
}

#[test]
fn a_program_whose_segment_is_cut_loses_its_own_records_alone_and_the_log_says_so() {
    let place = Place::default();
    let (mut writer, mut other) = (talk(&place), talk(&place));
    put(&mut writer, "writer", 50);
    put(&mut other, "other", 50);
    let segment = segment_of(&place, other.id());
    let process = other.id();
    cut(&segment);
    // The first one meets the cut in the middle of its put, the others go into another segment.
    put(&mut other, "again", 50);
    put(&mut writer, "after", 50);
    assert!(other.end().success(), "it lives to its end");
    assert!(writer.end().success());
    let again = &numbered("again", 50)[1..];
    let mut wanted = [numbered("writer", 50), numbered("other", 50)].concat();
    wanted.extend_from_slice(again);
    wanted.extend(numbered("after", 50));
    let mut rest = beside(&place, &wanted);
    assert_eq!(take_vanished(&mut rest), [vanished(process, 1)]);
    let told = format!(
        "process {process}: {} was cut while it was in use: 0 bytes of records were given up",
        name(&segment)
    );
    assert_eq!(rest, [told]);
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn a_program_whose_segment_is_removed_goes_on_under_another_name_and_loses_nothing_that_is_read() {
    let place = Place::default();
    let (mut writer, mut other) = (talk(&place), talk(&place));
    put(&mut writer, "writer", 50);
    put(&mut other, "other", 50);
    let segment = segment_of(&place, other.id());
    fs::remove_file(&segment).expect("it is removed");
    put(&mut other, "nameless", 50);
    assert_ne!(segment_of(&place, other.id()), segment);
    // The next writer finds what was put under the new name.
    writer.kill();
    put(&mut other, "again", 50);
    assert!(other.end().success());
    let wanted = ["writer", "other", "nameless", "again"];
    let wanted = wanted.map(|prefix| numbered(prefix, 50)).concat();
    assert_eq!(beside(&place, &wanted), [""; 0]);
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn each_line_is_written_once_or_counted_though_segments_are_cut_and_removed_under_load() {
    const LINES: u64 = 100_000;
    const PREFIXES: [&str; 5] = ["writer ", "other ", "load ", "behind ", "after "];
    let place = Place::default();
    let (mut writer, mut other) = (talk(&place), talk(&place));
    put(&mut writer, "writer", 50);
    put(&mut other, "other", 50);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Each one once, as soon as it is there, in turn in one of two ways.
            let mut known = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let found = files(&place, "s-");
                for path in found.into_iter().filter(|it| !known.contains(it)).collect::<Vec<_>>() {
                    let opened = OpenOptions::new().write(true).open(&path);
                    // The writer may have let it go meanwhile.
                    let _ = match known.len() % 2 {
                        0 => opened.and_then(|file| file.set_len(0)),
                        _ => fs::remove_file(&path),
                    };
                    known.push(path);
                }
            }
        });
        put(&mut other, "load", LINES as usize);
        done.store(true, Ordering::Relaxed);
    });
    put(&mut other, "behind", 50);
    put(&mut writer, "after", 50);
    assert!(other.end().success());
    assert!(writer.end().success());
    let (told, lines): (Vec<_>, Vec<_>) =
        place.lines().into_iter().partition(|line| line.contains(" records lost: "));
    let lost = told.iter().filter_map(|line| line.split_once(' ')?.0.parse::<u64>().ok());
    let is_line = |line: &&String| PREFIXES.iter().any(|prefix| line.starts_with(prefix));
    let written: Vec<_> = lines.iter().filter(is_line).collect();
    let distinct: HashSet<_> = written.iter().collect();
    assert_eq!(distinct.len(), written.len(), "none is there twice");
    assert_eq!(written.len() as u64 + lost.sum::<u64>(), LINES + 4 * 50, "{told:#?}");
}

#[test]
fn a_writer_whose_own_segment_doorbell_and_journal_are_cut_writes_on() {
    let place = Place::default();
    let (mut writer, mut other) = (talk(&place), talk(&place));
    put(&mut writer, "writer", 50);
    put(&mut other, "other", 50);
    let segment = segment_of(&place, writer.id());
    let process = writer.id();
    files(&place, "j-").iter().for_each(|path| cut(path));
    put(&mut other, "unjournalled", 50);
    cut(&segment);
    put(&mut writer, "again", 50);
    put(&mut other, "after", 50);
    files(&place, "bell").iter().for_each(|path| cut(path));
    assert_eq!(other.ask("put silent 50"), "ok");
    assert!(other.end().success());
    assert!(writer.end().success());
    let mut wanted = ["writer", "other", "unjournalled"].map(|it| numbered(it, 50)).concat();
    wanted.extend_from_slice(&numbered("again", 50)[1..]);
    wanted.extend(["after", "silent"].map(|prefix| numbered(prefix, 50)).concat());
    let mut told = beside(&place, &wanted);
    assert_eq!(take_vanished(&mut told), [vanished(process, 1)]);
    told.sort();
    let cut = format!(
        "process {process}: {} was cut while it was in use: 0 bytes of records were given up",
        name(&segment)
    );
    let bell = "the doorbell was cut while it was in use: records are still written, up to a second \
                later; end all programs of this queue when you can";
    assert_eq!(told, [cut, bell.to_owned()]);
}

#[test]
fn what_is_planted_is_told_and_what_a_dead_program_never_finished_too() {
    let place = Place::default();
    let (mut writer, mut other) = (talk(&place), talk(&place));
    put(&mut writer, "writer", 50);
    put(&mut other, "other", 50);
    let segment = segment_of(&place, other.id());
    let process = other.id();
    fs::write(segment.with_file_name("s-planted"), [7; 8192]).expect("a file");
    other.kill();
    // What a program leaves that is killed while it copies a large record.
    let side = segment.with_file_name(name(&segment).replacen("s-", "b-", 1) + "-1");
    fs::write(&side, [7; 300_000]).expect("a file");
    // Whoever joins has the writer look at once.
    let mut third = talk(&place);
    put(&mut third, "third", 50);
    assert!(third.end().success());
    put(&mut writer, "after", 50);
    assert!(writer.end().success());
    let wanted = ["writer", "other", "third", "after"];
    let wanted = wanted.map(|prefix| numbered(prefix, 50)).concat();
    let mut told = beside(&place, &wanted);
    told.sort();
    let died = format!("process {process} died while it put a record of 300000 bytes: it is lost");
    let planted = "s-planted is called like a segment and is none: it is now called bad-s-planted: look \
                   where it comes from, and remove it";
    assert_eq!(told, [died, planted.to_owned()]);
    assert_eq!(place.left_in_queues(), ["bad-s-planted"]);
}

#[test]
fn a_program_that_is_stopped_is_not_dead() {
    let place = Place::default();
    let (mut writer, mut other) = (talk(&place), talk(&place));
    put(&mut other, "other", 50);
    let segment = segment_of(&place, other.id());
    let pid = Pid::from_raw(other.id() as i32).expect("a process");
    kill_process(pid, Signal::STOP).expect("it can be stopped");
    put(&mut writer, "writer", 50);
    assert!(segment.exists());
    kill_process(pid, Signal::CONT).expect("it can go on");
    put(&mut other, "again", 50);
    assert!(other.end().success());
    assert!(writer.end().success());
    let wanted = [numbered("other", 50), numbered("writer", 50), numbered("again", 50)].concat();
    assert_same(&place.lines(), &wanted);
    assert_eq!(place.left_in_queues(), [""; 0]);
}
