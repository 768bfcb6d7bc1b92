//! However a program ends, what it had put is in the file: at its end, or once the next program
//! with that file has begun.

use onewriter_tests::{Place, Talk, assert_same, numbered};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
const LINES: usize = 20_000;
const SIGINT: i32 = 2;
const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;

/// Logs 20,000 lines, ends, and returns how.
fn run(place: &Place, ending: &str) -> ExitStatus {
    let log = place.log();
    let log = log.to_str().expect("a path in UTF-8");
    // What starts the tests in the background of a script may have it ignored.
    let args = ["--default-signal=INT", VICTIM, "log", log, &LINES.to_string(), ending];
    let mut victim = place.command("env", &args);
    victim.status().expect("the victim starts")
}

/// The next program with the same file: it has nothing of its own to say.
fn recover(place: &Place) {
    let log = place.log();
    let mut next = place.command(VICTIM, &["recover", log.to_str().expect("a path in UTF-8")]);
    assert!(next.status().expect("the next program starts").success());
}

/// The ending drains: all is there, and the next program adds nothing.
#[track_caller]
fn drains(ending: &str, code: Option<i32>, signal: Option<i32>, more: &[&str]) {
    let place = Place::default();
    let status = run(&place, ending);
    assert_eq!((status.code(), status.signal()), (code, signal));
    let wanted = numbered("line", LINES);
    let lines = place.lines();
    let (first, rest) = lines.split_at(LINES.min(lines.len()));
    assert_same(first, &wanted);
    assert_eq!(rest.len(), more.len(), "{rest:?}");
    for (line, what) in rest.iter().zip(more) {
        assert!(line.starts_with(what) && line.ends_with(": the ending"), "{line}");
    }
    recover(&place);
    assert_same(&place.lines(), &lines);
}

/// The ending drains nothing: the next program writes what was left, once.
#[track_caller]
fn leaves_for_the_next(ending: &str, signal: i32) {
    let place = Place::default();
    let status = run(&place, ending);
    assert_eq!((status.code(), status.signal()), (None, Some(signal)));
    for _ in 0..2 {
        recover(&place);
        assert_same(&place.lines(), &numbered("line", LINES));
        assert_eq!(place.left_in_queues(), [""; 0]);
    }
}

#[test]
fn a_return_without_a_guard_loses_nothing() {
    drains("return", Some(0), None, &[]);
}

#[test]
fn a_dropped_guard_loses_nothing() {
    drains("guard", Some(0), None, &[]);
}

#[test]
fn a_shutdown_loses_nothing() {
    drains("shutdown", Some(0), None, &[]);
}

#[test]
fn an_exit_loses_nothing() {
    drains("exit", Some(3), None, &[]);
}

#[test]
fn a_panic_in_main_loses_nothing_and_is_in_the_log() {
    drains("panic", Some(101), None, &["thread 'main' panicked at "]);
}

#[test]
fn a_panic_in_a_thread_has_drained_when_the_thread_ends() {
    drains("thread_panic", None, Some(SIGKILL), &["thread 'worker' panicked at "]);
}

/// The profile `panic = "abort"` is not built here: a panic hook that aborts does the same, since
/// the standard library calls the hook before it aborts.
#[test]
fn a_panic_that_aborts_loses_nothing_and_is_in_the_log() {
    drains("panic_abort", None, Some(SIGABRT), &["thread 'main' panicked at "]);
}

#[test]
fn sigterm_drains_if_asked_to_and_still_ends_the_program() {
    drains("term_drained", None, Some(SIGTERM), &[]);
}

#[test]
fn sigint_drains_if_asked_to_and_still_ends_the_program() {
    drains("int_drained", None, Some(SIGINT), &[]);
}

#[test]
fn sigterm_without_draining_leaves_the_records_for_the_next_program() {
    leaves_for_the_next("term", SIGTERM);
}

#[test]
fn sigint_without_draining_leaves_the_records_for_the_next_program() {
    leaves_for_the_next("int", SIGINT);
}

#[test]
fn an_abort_leaves_the_records_for_the_next_program() {
    leaves_for_the_next("abort", SIGABRT);
}

#[test]
fn sigkill_leaves_the_records_for_the_next_program() {
    leaves_for_the_next("kill", SIGKILL);
}

#[test]
fn what_runs_at_exit_before_the_loggers_end_is_written_and_what_runs_after_is_refused() {
    let place = Place::default();
    let log = place.log();
    let mut victim = place.command(VICTIM, &["exit-order", log.to_str().expect("UTF-8")]);
    assert!(victim.status().expect("the victim starts").success());
    let wanted = [
        "main",
        "after the guard",
        "thread-local of the main thread",
        "registered after the logger: runs before its end",
    ];
    assert_eq!(place.lines(), wanted);
}

#[test]
fn the_next_program_writes_what_was_left_before_what_is_its_own() {
    let place = Place::default();
    assert_eq!(run(&place, "kill").signal(), Some(SIGKILL));
    let log = place.log();
    let mut next = Talk::start(place.command(VICTIM, &["talk", log.to_str().expect("UTF-8")]));
    assert_eq!(next.ask("put next 100"), "ok");
    assert_eq!(next.ask("complete 60000"), "ok");
    let mut wanted = numbered("line", LINES);
    wanted.extend(numbered("next", 100));
    assert_same(&place.lines(), &wanted);
    assert!(next.end().success());
}
