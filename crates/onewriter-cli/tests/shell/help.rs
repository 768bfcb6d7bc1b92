//! Help, version, completions, manual pages, and mistakes on the command line.

use crate::Stage;

const COMMANDS: [&str; 10] =
    ["demo", "pipe", "run", "serve", "tail", "stat", "recover", "check", "completions", "man"];

#[test]
fn every_command_has_a_help_that_fits_the_page() {
    let stage = Stage::new();
    for command in COMMANDS {
        let help = stage.run(&[command, "--help"]);
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{command}");
        for line in help.out.lines() {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
}

#[test]
fn the_help_of_every_command_that_people_use_ends_with_examples() {
    let stage = Stage::new();
    for command in &COMMANDS[..8] {
        for flag in ["-h", "--help"] {
            let help = stage.run(&[command, flag]).out;
            let (_, examples) = help.split_once("\nExamples:\n").expect(command);
            for line in examples.lines() {
                assert!(line.starts_with("  ") && line.contains("onewriter"), "{command}: {line}");
            }
        }
    }
}

#[test]
fn a_slip_in_a_command_or_flag_is_answered_with_the_nearest_one() {
    let stage = Stage::new();
    let wrong = stage.run(&["chek"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(2), ""));
    assert!(wrong.err.contains("a similar subcommand exists: 'check'"), "{}", wrong.err);
    let wrong = stage.run(&["tail", "--levle", "warn", "x"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("a similar argument exists: '--level'"), "{}", wrong.err);
}

#[test]
fn a_wrong_level_names_the_right_ones() {
    let wrong = Stage::new().run(&["tail", "--level", "loud", "x.log"]);
    assert_eq!(wrong.code, Some(2));
    let expected = "error: invalid value 'loud' for '--level <LEVEL>': unknown level \"loud\": use \
                    trace, debug, info, warn, error or a number from 1 to 254\n";
    assert!(wrong.err.starts_with(expected), "{}", wrong.err);
}

#[test]
fn completions_know_all_commands_in_each_shell() {
    let stage = Stage::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = stage.run(&["completions", shell]);
        assert_eq!((script.code, script.err.as_str()), (Some(0), ""));
        for command in COMMANDS {
            assert!(script.out.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn the_manual_is_a_page_for_each_command() {
    let stage = Stage::new();
    let written = stage.run(&["man", "--dir", "pages"]);
    assert_eq!((written.code, written.err.as_str()), (Some(0), ""));
    for command in COMMANDS {
        let page = stage.read(&format!("pages/onewriter-{command}.1"));
        assert!(
            page.contains(&format!(".TH onewriter\\-{command} 1")) || page.contains(".TH"),
            "{page}"
        );
        assert_eq!(stage.run(&["man", command]).out, page);
    }
    assert!(stage.read("pages/onewriter.1").contains("128+n"));
    stage.run(&["man", "chek"]).refuses(
        2,
        "no command \"chek\": there are demo, pipe, run, serve, tail, stat, recover, check, \
         completions, man",
    );
}

#[test]
fn a_file_where_a_directory_is_needed_is_named() {
    let stage = Stage::new();
    stage.write("notes", "");
    let wanted = "notes is not a directory: give one, or the path of one that does not exist";
    stage.run(&["man", "--dir", "notes"]).refuses(2, wanted);
    stage.run(&["demo", "--dir", "notes"]).refuses(2, wanted);
    stage.run(&["pipe", "--file", "notes/a.log"]).refuses(
        2,
        "log file notes/a.log: notes is not a directory: give another path, or move that file away",
    );
}

#[test]
fn an_argument_that_is_not_utf_8_is_refused_as_the_guide_says() {
    use std::os::unix::ffi::OsStrExt;
    let stage = Stage::new();
    let mut command = stage.command(&["pipe", "--file"]);
    let output = command.arg(std::ffi::OsStr::from_bytes(b"shop\xff.log")).output().unwrap();
    let ended = crate::Ended::of(output);
    let said = "error: invalid UTF-8 was detected in one or more arguments\n";
    assert!(ended.err.starts_with(said), "{}", ended.err);
    assert_eq!((ended.code, ended.out.as_str()), (Some(2), ""));
    assert!(include_str!("../../../../docs/guide/files.md").contains(said.trim_end()));
}

#[test]
fn a_reader_that_goes_away_ends_the_command_without_a_word() {
    let stage = Stage::new();
    stage.write("big.log", "2026-11-21T08:00:00Z INFO a: x\n".repeat(100_000));
    let mut command = stage.command(&["tail", "-n", "100000", "big.log"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = crate::Ended::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (Some(141), ""));
}
