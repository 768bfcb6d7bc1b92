//! Children that a program forks, and unrelated programs with the same file: one writer for all.

use onewriter_tests::{PATIENCE, Place, Talk, assert_same, numbered};
use std::time::Instant;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");

fn talk(place: &Place) -> Talk {
    let log = place.log();
    Talk::start(place.command(VICTIM, &["talk", log.to_str().expect("UTF-8")]))
}

/// A child forked between two bursts of its parent: all lines of both, in order, and the answer of
/// the child is `ends`.
#[track_caller]
fn child(ending: &str, ends: &str, more: &[&str]) {
    let place = Place::default();
    let mut parent = talk(&place);
    assert_eq!(parent.ask("put before 500"), "ok");
    assert_eq!(parent.ask(&format!("fork child 500 {ending}")), ends);
    assert_eq!(parent.ask("put after 500"), "ok");
    assert_eq!(parent.ask("complete 60000"), "ok");
    let mut wanted = numbered("before", 500);
    wanted.extend(numbered("child", 500));
    let lines = place.lines();
    let n_first = wanted.len().min(lines.len());
    assert_same(&lines[..n_first], &wanted);
    let rest = &lines[n_first..lines.len().min(n_first + more.len())];
    for (line, what) in rest.iter().zip(more) {
        assert!(line.starts_with(what), "{line}");
    }
    assert_same(&lines[n_first + rest.len()..], &numbered("after", 500));
    assert!(parent.end().success());
    assert_same(&place.lines(), &lines);
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn what_a_forked_child_logs_is_written_by_its_parents_writer() {
    child("exit", "exit 0", &[]);
}

#[test]
fn complete_in_a_forked_child_returns_when_its_records_are_in_the_file() {
    child("complete", "exit 0", &[]);
}

#[test]
fn a_guard_dropped_in_a_forked_child_drains_and_leaves_the_parents_logger_alone() {
    child("guard", "exit 0", &[]);
}

#[test]
fn a_shutdown_in_a_forked_child_drains_and_ends_the_childs_logging_alone() {
    child("shutdown", "exit 0", &[]);
}

#[test]
fn a_panic_in_a_forked_child_is_logged_and_drained() {
    child("panic", "exit 0", &["thread 'main' panicked at "]);
}

#[test]
fn what_a_forked_child_had_put_survives_its_sigkill() {
    child("kill", "signal 9", &[]);
}

#[test]
fn what_a_forked_child_had_put_survives_its_abort() {
    child("abort", "signal 6", &[]);
}

#[test]
fn signals_that_the_parent_watches_for_end_its_forked_children_as_by_default() {
    let place = Place::default();
    let log = place.log();
    let args = ["talk-signals", log.to_str().expect("UTF-8")];
    let mut parent = Talk::start(place.command(VICTIM, &args));
    assert_eq!(parent.ask("fork one 100 term"), "signal 15");
    assert_eq!(parent.ask("fork two 100 hangup"), "signal 1");
    assert_eq!(parent.ask("put after 100"), "ok");
    assert!(parent.end().success());
    let wanted = ["one", "two", "after"].map(|prefix| numbered(prefix, 100)).concat();
    assert_same(&place.lines(), &wanted);
}

#[test]
fn a_hundred_children_one_after_the_other_each_have_their_lines_in_the_file() {
    let place = Place::default();
    let mut parent = talk(&place);
    let mut wanted = Vec::new();
    for n in 0..100 {
        // The parent's writer is awake and at work while the child is made.
        assert_eq!(parent.ask(&format!("put parent-{n} 20")), "ok");
        assert_eq!(parent.ask(&format!("fork child-{n} 20 exit")), "exit 0");
        wanted.extend(numbered(&format!("parent-{n}"), 20));
        wanted.extend(numbered(&format!("child-{n}"), 20));
    }
    assert!(parent.end().success());
    assert_same(&place.lines(), &wanted);
}

#[test]
fn children_that_fork_while_other_threads_log_find_no_lock_held() {
    let place = Place::default();
    let mut parent = talk(&place);
    assert_eq!(parent.ask("storm 100"), "ok");
    assert!(parent.end().success());
    let lines = place.lines();
    for child in 0..100 {
        let wanted = [format!("child {child} first"), format!("child {child} second")];
        let found: Vec<_> =
            lines.iter().filter(|line| line.starts_with(&format!("child {child} "))).collect();
        assert_eq!(found, wanted.iter().collect::<Vec<_>>());
    }
}

/// Waits until the other program has taken over.
fn wait_for_complete(talk: &mut Talk) {
    let until = Instant::now() + PATIENCE;
    while talk.ask("complete 1000") != "ok" {
        assert!(Instant::now() < until, "nobody writes");
    }
}

#[test]
fn two_unrelated_programs_with_one_file_have_one_writer_and_one_order() {
    let place = Place::default();
    let (mut first, mut second) = (talk(&place), talk(&place));
    let mut wanted = Vec::new();
    for n in 0..50 {
        for (name, program) in [("first", &mut first), ("second", &mut second)] {
            assert_eq!(program.ask(&format!("put {name}-{n} 10")), "ok");
            wanted.extend(numbered(&format!("{name}-{n}"), 10));
        }
    }
    assert_eq!(second.ask("complete 60000"), "ok");
    assert_same(&place.lines(), &wanted);
    assert!(second.end().success());
    assert!(first.end().success());
    assert_same(&place.lines(), &wanted);
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn a_program_that_stands_by_takes_over_when_the_writer_exits() {
    let place = Place::default();
    let (mut first, mut second) = (talk(&place), talk(&place));
    assert_eq!(first.ask("put first 1000"), "ok");
    assert_eq!(second.ask("put second 1000"), "ok");
    assert!(first.end().success());
    assert_eq!(second.ask("put alone 1000"), "ok");
    wait_for_complete(&mut second);
    let mut wanted = numbered("first", 1000);
    wanted.extend(numbered("second", 1000));
    wanted.extend(numbered("alone", 1000));
    assert_same(&place.lines(), &wanted);
    assert!(second.end().success());
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn a_program_that_stands_by_takes_over_when_the_writer_is_killed() {
    let place = Place::default();
    let mut wanted = Vec::new();
    let mut writer = talk(&place);
    for n in 0..10 {
        let mut next = talk(&place);
        assert_eq!(writer.ask(&format!("put writer-{n} 1000")), "ok");
        assert_eq!(next.ask(&format!("put next-{n} 1000")), "ok");
        writer.kill();
        assert_eq!(next.ask(&format!("put alone-{n} 10")), "ok");
        wanted.extend(numbered(&format!("writer-{n}"), 1000));
        wanted.extend(numbered(&format!("next-{n}"), 1000));
        wanted.extend(numbered(&format!("alone-{n}"), 10));
        writer = next;
    }
    wait_for_complete(&mut writer);
    assert_same(&place.lines(), &wanted);
    assert!(writer.end().success());
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn a_program_that_stands_by_and_ends_first_leaves_its_records_to_the_writer() {
    let place = Place::default();
    let (mut first, mut second) = (talk(&place), talk(&place));
    assert_eq!(first.ask("put first 10"), "ok");
    assert_eq!(second.ask("put second 1000"), "ok");
    assert!(second.end().success());
    // Its end has waited for the writer.
    let mut wanted = numbered("first", 10);
    wanted.extend(numbered("second", 1000));
    assert_same(&place.lines(), &wanted);
    assert!(first.end().success());
    assert_same(&place.lines(), &wanted);
}

/// A program that closes all descriptors, and opens files of its own with their numbers: its files stay
/// as they are, and its log goes on.
#[test]
fn a_program_that_closes_all_descriptors_logs_on_and_its_own_files_are_left_alone() {
    let place = Place::default();
    let (mut first, mut second) = (talk(&place), talk(&place));
    let mut wanted = Vec::new();
    for (name, program) in [("first", &mut first), ("second", &mut second)] {
        assert_eq!(program.ask(&format!("put {name} 2000")), "ok");
        assert_eq!(program.ask("complete 60000"), "ok");
        wanted.extend(numbered(name, 2000));
    }
    assert_eq!(first.ask("close 60"), "ok");
    for (name, program) in [("first-on", &mut first), ("second-on", &mut second)] {
        // Enough for rings that grow.
        assert_eq!(program.ask(&format!("put {name} 20000")), "ok");
        assert_eq!(program.ask("complete 60000"), "ok");
        wanted.extend(numbered(name, 20000));
    }
    assert!(second.end().success());
    assert!(first.end().success());
    assert_same(&place.lines(), &wanted);
    for n in 0..60 {
        let own = std::fs::read_to_string(place.dir().join(format!("own-{n}")));
        assert_eq!(own.expect("its own file"), "mine\n", "{n}");
    }
    assert_eq!(place.left_in_queues(), [""; 0]);
}
