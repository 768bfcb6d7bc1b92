//! Programs with several queues: what they share and what is their own, children, kills, and what
//! waits for whom.

use onewriter_ring::Survey;
use onewriter_tests::{Place, Talk, assert_same, lines, numbered};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::path::PathBuf;

const QUEUER: &str = env!("CARGO_BIN_EXE_queuer");

/// A program with these sinks; `~` in them is the place's folder. What it writes to standard error
/// is in the file `NAME.err`.
fn start(place: &Place, name: &str, sinks: &[&str]) -> Talk {
    let dir = place.dir().to_str().expect("UTF-8");
    let sinks: Vec<String> = sinks.iter().map(|sink| sink.replace('~', dir)).collect();
    let mut command = place.command(QUEUER, &sinks.iter().map(String::as_str).collect::<Vec<_>>());
    let err = File::options().create(true).append(true).open(path(place, &format!("{name}.err")));
    command.stderr(err.expect("the file opens"));
    Talk::start(command)
}

fn path(place: &Place, name: &str) -> PathBuf {
    place.dir().join(name)
}

fn of(place: &Place, name: &str) -> Vec<String> {
    lines(&path(place, name))
}

#[track_caller]
fn ok(program: &mut Talk, order: &str) {
    assert_eq!(program.ask(order), "ok", "{order}");
}

#[track_caller]
fn end(program: Talk) {
    assert!(program.end().success());
}

/// Kills it; the pipes to its child stay.
fn kill(program: &Talk) {
    let id = Pid::from_raw(program.id() as i32).expect("its id");
    kill_process(id, Signal::KILL).expect("a child can be killed");
}

/// Bytes that wait in the queue of a file, and the processes whose segments are there.
fn waiting(place: &Place, name: &str) -> (u64, usize) {
    let root = place.dir().join(format!("onewriter-{}", rustix::process::geteuid().as_raw()));
    let folder = Survey::folder_of_file(&root, &path(place, name)).expect("the file's queue");
    let survey = Survey::of(&folder).expect("it can be looked at");
    (survey.waiting(), survey.segments.len())
}

#[test]
fn programs_with_one_file_in_common_share_that_and_nothing_else() {
    let place = Place::default();
    let mut programs = ["one", "two"].map(|name| {
        let own = [format!("file:~/{name}.log"), format!("function:~/{name}.function")];
        start(&place, name, &["file:~/shop.log", &own[0], "stderr", &own[1]])
    });
    let mut all = Vec::new();
    let mut own = [Vec::new(), Vec::new()];
    for n in 0..40 {
        for (program, (name, own)) in
            programs.iter_mut().zip(["one", "two"].into_iter().zip(&mut own))
        {
            let prefix = format!("{name}-{n}");
            ok(program, &format!("put {prefix} 25"));
            all.extend(numbered(&prefix, 25));
            own.extend(numbered(&prefix, 25));
        }
    }
    programs.iter_mut().for_each(|program| ok(program, "complete"));
    let check = |place: &Place, all: &[String], own: &[Vec<String>]| {
        assert_same(&place.lines(), all);
        for (name, own) in ["one", "two"].into_iter().zip(own) {
            for kind in ["log", "err", "function"] {
                assert_same(&of(place, &format!("{name}.{kind}")), own);
            }
        }
    };
    check(&place, &all, &own);
    // The first, which writes the file that both have, is killed: its own sinks get nothing more.
    let [first, mut second] = programs;
    first.kill();
    ok(&mut second, "put alone 100");
    ok(&mut second, "complete");
    all.extend(numbered("alone", 100));
    own[1].extend(numbered("alone", 100));
    check(&place, &all, &own);
    end(second);
    check(&place, &all, &own);
}

#[test]
fn what_forked_children_log_reaches_every_sink_of_the_parent_whole_and_in_order() {
    let place = Place::default();
    let sinks = ["file:~/shop.log", "function:~/function", "stderr", "memory", "file:~/audit.log"];
    let mut parent = start(&place, "parent", &sinks);
    ok(&mut parent, "put before 200");
    ok(&mut parent, "fork child 6 300");
    ok(&mut parent, "put after 200");
    ok(&mut parent, "complete");
    let memory = parent.ask("lines").split('|').map(str::to_owned).collect();
    let files = ["shop.log", "audit.log", "function", "parent.err"].map(|name| of(&place, name));
    for lines in files.into_iter().chain([memory]) {
        assert_eq!(lines.len(), 200 + 6 * 300 + 200);
        assert_same(&lines[..200], &numbered("before", 200));
        assert_same(&lines[2_000..], &numbered("after", 200));
        for child in 0..6 {
            let prefix = format!("child-{child}");
            let begins = format!("{prefix} ");
            let own: Vec<String> =
                lines.iter().filter(|line| line.starts_with(&begins)).cloned().collect();
            assert_same(&own, &numbered(&prefix, 300));
        }
    }
    end(parent);
    assert_eq!(place.left_in_queues(), [""; 0]);
}

#[test]
fn after_a_sigkill_each_file_is_completed_once_by_the_next_program_that_knows_it() {
    let place = Place::default();
    let all = ["file:~/a.log", "file:~/b.log", "file:~/c.log"];
    let mut wanted = Vec::new();
    for round in 0..6 {
        let mut victim = start(&place, "victim", &all[..]);
        victim.tell(&format!("put-and-die round-{round} 4000"));
        assert_eq!(victim.answer(), "");
        assert!(!victim.end().success());
        wanted.extend(numbered(&format!("round-{round}"), 4000));
        let read = |name| fs::read_to_string(path(&place, name)).expect("UTF-8");
        let before = ["a.log", "c.log"].map(|name| (read(name), waiting(&place, name)));
        // Round after round only one of the three files has somebody who knows it.
        end(start(&place, "knows-b", &["file:~/b.log"]));
        assert_same(&of(&place, "b.log"), &wanted);
        let whole = wanted.iter().map(|line| format!("{line}\n")).collect::<String>();
        for (name, (text, left)) in ["a.log", "c.log"].into_iter().zip(before) {
            assert!(read(name) == text && waiting(&place, name) == left, "{name} was touched");
            // The kill may have met the writer in the middle of a line.
            assert!(whole.starts_with(&text), "{name} is no beginning of what was put");
            assert!(text.len() == whole.len() || left.0 > 0, "{name}: nothing waits");
        }
        if round % 2 == 1 {
            end(start(&place, "knows-a", &["file:~/a.log", "function:~/function"]));
            assert_same(&of(&place, "a.log"), &wanted);
        }
    }
    end(start(&place, "knows-all", &["file:~/c.log", "file:~/b.log", "file:~/a.log"]));
    for name in ["a.log", "b.log", "c.log"] {
        assert_same(&of(&place, name), &wanted);
    }
    // What was left in a file's queue is the file's alone.
    assert_eq!(of(&place, "function"), [""; 0]);
    assert_eq!(of(&place, "victim.err"), [""; 0]);
}

#[test]
fn a_file_that_was_added_at_run_time_has_a_queue_of_its_own_that_survives_a_sigkill() {
    let place = Place::default();
    let mut program = start(&place, "program", &["file:~/first.log", "memory"]);
    ok(&mut program, "put before 100");
    let added = path(&place, "added.log");
    ok(&mut program, &format!("add {}", added.display()));
    ok(&mut program, "put after 100");
    ok(&mut program, "complete");
    assert_same(&of(&place, "added.log"), &numbered("after", 100));
    program.tell("put-and-die at-once 4000");
    assert_eq!(program.answer(), "");
    assert!(!program.end().success());
    // Somebody who knows that file alone.
    end(start(&place, "next", &["file:~/added.log"]));
    let after = [numbered("after", 100), numbered("at-once", 4000)].concat();
    assert_same(&of(&place, "added.log"), &after);
    end(start(&place, "last", &["file:~/first.log"]));
    assert_same(&of(&place, "first.log"), &[numbered("before", 100), after].concat());
}

#[test]
fn puts_into_an_orphaned_private_queue_hold_nobody_up_and_the_file_has_them_all() {
    let place = Place::default();
    let sinks = ["file:~/shop.log", "function:~/function", "memory-of:65536"];
    let mut program = start(&place, "program", &sinks);
    ok(&mut program, "put parent 100");
    assert!(program.ask("hand-over").starts_with("child "));
    ok(&mut program, "put child 100");
    ok(&mut program, "complete");
    kill(&program);
    // Each may wait 60 s for room that nobody will ever make.
    ok(&mut program, "put orphan 5000");
    program.tell("quit");
    assert_eq!(program.answer(), "", "the child has ended");
    assert!(!program.end().success());
    let shared = [numbered("parent", 100), numbered("child", 100)].concat();
    assert_same(&of(&place, "function"), &shared);
    assert_same(&place.lines(), &[shared, numbered("orphan", 5000)].concat());
}

#[test]
fn what_a_sink_of_another_program_logs_is_written_though_its_number_is_that_of_the_file() {
    let place = Place::default();
    // The function has the number in its program that the file has in the writer's.
    let mut writer = start(&place, "writer", &["file:~/shop.log"]);
    ok(&mut writer, "complete");
    let mut other = start(&place, "other", &["chatty:~/function", "file:~/shop.log"]);
    ok(&mut other, "put line 100");
    // The first waits for the function and what it logs, the second for the file to have that.
    ok(&mut other, "complete");
    ok(&mut other, "complete");
    assert_same(&of(&place, "function"), &numbered("line", 100));
    let (about, plain): (Vec<_>, Vec<_>) =
        place.lines().into_iter().partition(|line| line.starts_with("about "));
    assert_same(&plain, &numbered("line", 100));
    assert_same(&about, &numbered("about line", 100));
    end(other);
    end(writer);
}
