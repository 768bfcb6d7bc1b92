//! `run -- CMD`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::Stage;

const FORMAT: &str = "{level} {target}: {message} stream={field.stream}";

fn sh<'a>(script: &'a str, extra: &[&'a str]) -> Vec<&'a str> {
    [&["run", "--format", FORMAT], extra, &["--", "sh", "-c", script]].concat()
}

#[test]
fn both_streams_become_records_and_the_exit_code_is_the_programs() {
    let stage = Stage::new();
    let ended = stage.run(&sh("echo out; exit 7", &[]));
    assert_eq!((ended.code, ended.out.as_str()), (Some(7), "INFO sh: out stream=stdout\n"));
    let ended = stage.run(&sh("echo err >&2", &[]));
    ended.prints("INFO sh: err stream=stderr\n");
}

#[test]
fn a_last_line_without_newline_is_kept_and_pid_is_a_field() {
    let stage = Stage::new();
    stage
        .run(&sh("printf 'a\\nb'", &[]))
        .prints("INFO sh: a stream=stdout\nINFO sh: b stream=stdout\n");
    let args = ["run", "--format", "{message}={field.pid}", "--", "sh", "-c", "printf $$"];
    let out = stage.run(&args).out;
    let (said, field) = out.trim_end().split_once('=').unwrap();
    assert_eq!(said, field);
}

#[test]
fn standard_input_is_the_programs_own() {
    let stage = Stage::new();
    stage.write("in.txt", "hello\n");
    let mut command = stage.command(&sh("cat", &[]));
    let input = std::fs::File::open(stage.path("in.txt")).unwrap();
    let ended = crate::Ended::of(command.stdin(input).output().unwrap());
    ended.prints("INFO sh: hello stream=stdout\n");
}

#[test]
fn a_program_that_dies_by_a_signal_gives_128_and_its_number() {
    let stage = Stage::new();
    assert_eq!(stage.run(&sh("kill -KILL $$", &[])).code, Some(137));
    assert_eq!(stage.run(&sh("kill -TERM $$", &[])).code, Some(143));
}

#[test]
fn a_program_that_does_not_exist_or_cannot_be_executed_is_named() {
    let stage = Stage::new();
    stage.write("data.txt", "no program");
    stage
        .run(&["run", "--", "./no-such-program"])
        .refuses(127, "cannot run ./no-such-program: No such file or directory (os error 2)");
    stage
        .run(&["run", "--", "./data.txt"])
        .refuses(126, "cannot run ./data.txt: Permission denied (os error 13)");
    assert_eq!(stage.run(&["run"]).code, Some(2));
}

#[test]
fn signals_are_passed_on_and_the_program_decides() {
    let stage = Stage::new();
    for (signal, name) in [
        (Signal::INT, "INT"),
        (Signal::TERM, "TERM"),
        (Signal::HUP, "HUP"),
        (Signal::QUIT, "QUIT"),
        (Signal::USR1, "USR1"),
        (Signal::USR2, "USR2"),
        (Signal::WINCH, "WINCH"),
    ] {
        let script = format!(
            "trap 'kill $!; echo got {name}; exit 9' {name}; sleep 1000 & echo ready; wait"
        );
        let args = ["run", "--format", "{message}", "--", "bash", "-c", &script];
        let mut child =
            stage.command(&args).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut next = || {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            line
        };
        assert_eq!(next(), "ready\n", "{name}");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(next(), format!("got {name}\n"));
        assert_eq!(child.wait().unwrap().code(), Some(9), "{name}");
    }
}

#[test]
fn a_grandchild_that_holds_the_output_is_not_waited_for_for_ever() {
    let stage = Stage::new();
    // It lives until its standard input, ours, is closed: after we have ended.
    let script = "echo one; cat <&3 >/dev/null 3<&- & exec 3<&-; exit 3";
    let mut command = stage.command(&sh(&format!("exec 3<&0; {script}"), &["--grace", "50ms"]));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let held = child.stdin.take();
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    assert_eq!(out, "INFO sh: one stream=stdout\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    drop(held);
}

#[test]
fn a_reader_that_goes_away_ends_the_program_as_sigpipe_would() {
    let stage = Stage::new();
    let mut command = stage.command(&["run", "--", "yes"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = crate::Ended::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (Some(141), ""));
}
