//! `pipe`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use crate::{Ended, Stage};

/// A format without what changes from run to run.
const FORMAT: &str = "{level} {target}: {message}{fields}";

fn pipe(stage: &Stage, args: &[&str], input: &[u8]) -> Ended {
    let args: Vec<&str> = [&["pipe"], args].concat();
    let mut command = stage.command(&args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its settings does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    Ended::of(child.wait_with_output().unwrap())
}

#[test]
fn every_line_becomes_a_record_and_the_last_needs_no_newline() {
    let stage = Stage::new();
    pipe(&stage, &["--format", FORMAT], b"one\n\ntwo\r\nthree")
        .prints("INFO pipe: one\nINFO pipe: \nINFO pipe: two\nINFO pipe: three\n");
    pipe(&stage, &["--format", FORMAT], b"").prints("");
}

#[test]
fn level_and_target_are_those_that_are_asked_for() {
    let stage = Stage::new();
    let args = ["--format", FORMAT, "--level", "warn", "--target", "shop::db"];
    pipe(&stage, &args, b"one\n").prints("WARN shop::db: one\n");
    let args = ["--format", FORMAT, "--guess-level", "--min-level", "warn"];
    let input = b"error: bad\nplain\nWARN late\n2026-11-21 08:00:00 ERROR x: y\n";
    pipe(&stage, &args, input).prints(
        "ERROR pipe: error: bad\nWARN pipe: WARN late\nERROR pipe: 2026-11-21 08:00:00 ERROR x: y\n",
    );
}

#[test]
fn bytes_that_are_no_text_are_escaped_and_marked() {
    let stage = Stage::new();
    pipe(&stage, &["--format", FORMAT], b"a\xff\xfeb\nc\x1b[2J\n")
        .prints("INFO pipe: a\\xff\\xfeb escaped=true\nINFO pipe: c\\x1b[2J\n");
}

#[test]
fn a_line_that_is_too_long_is_split_and_marked() {
    let stage = Stage::new();
    let long = "0123456789abcdef".repeat(2) + "end\nnext\n";
    pipe(&stage, &["--format", FORMAT, "--max-line", "16"], long.as_bytes()).prints(
        "INFO pipe: 0123456789abcdef\n\
         INFO pipe: 0123456789abcdef continued=true\n\
         INFO pipe: end continued=true\n\
         INFO pipe: next\n",
    );
}

#[test]
fn a_line_of_64_mib_without_newline_arrives_whole_in_pieces() {
    let stage = Stage::new();
    let input = vec![b'x'; 64 << 20];
    pipe(&stage, &["--format", "{message}", "--file", "a.log"], &input).prints("");
    let text = stage.read("a.log");
    let pieces: Vec<usize> = text.lines().map(str::len).collect();
    assert_eq!(pieces, vec![1 << 20; 64]);
}

#[test]
fn json_lines_keep_their_level_target_message_and_fields() {
    let stage = Stage::new();
    let input = br#"{"time":"T","level":"error","target":"shop","message":"gone","ms":2.5,"ok":true,"l":[1,"a"]}
not json
"#;
    pipe(&stage, &["--format", FORMAT, "--parse", "json"], input).prints(
        "ERROR shop: gone original_time=T ms=2.5 ok=true l=\"[1,\\\"a\\\"]\"\nINFO pipe: not json\n",
    );
}

#[test]
fn files_rotate_are_compressed_and_expire_and_the_log_checks_clean() {
    let stage = Stage::new();
    let lines: String = (0..2000).map(|n| format!("{{\"seq\":{n},\"producer\":1}}\n")).collect();
    let args = ["--parse", "json", "--file", "shop.log", "--json", "--rotate", "100 KB"];
    pipe(&stage, &[&args[..], &["--compress", "gzip"]].concat(), lines.as_bytes()).prints("");
    let found = stage.run(&["check", "--json", "--first", "0", "--last", "1999", "shop.log"]);
    let verdict: serde_json::Value = serde_json::from_str(&found.out).unwrap();
    assert_eq!((found.code, &verdict["records"]), (Some(0), &2000.into()));
    assert!(stage.path("shop.1.log").exists() || stage.path("shop.1.log.gz").exists());
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let stage = Stage::new();
    stage.write("pipe.toml", "level = \"warn\"\ntarget = \"file\"\nkeep = 3\nfile = \"a.log\"\n");
    let args = ["pipe", "--config", "pipe.toml", "--target", "flag", "--print-config"];
    let mut command = stage.command(&args);
    let printed = Ended::of(command.env("ONEWRITER_LEVEL", "error").output().unwrap());
    let expected = "\
file = \"a.log\"  # pipe.toml:4
# stdout is not set
stderr = false  # default
format = \"text\"  # default
min-level = \"all\"  # default
rotate = \"never\"  # default
names = \"index\"  # default
utc = false  # default
keep = 3  # pipe.toml:3
# keep-for is not set
# keep-bytes is not set
compress = \"none\"  # default
# link is not set
# mode is not set
fsync = \"never\"  # default
level = \"error\"  # ONEWRITER_LEVEL
guess-level = false  # default
target = \"flag\"  # --target
parse = \"lines\"  # default
max-line = \"1 MiB\"  # default
grace = \"2s\"  # default
";
    printed.prints(expected);
}

#[test]
fn wrong_settings_are_named_with_their_source_and_what_would_be_right() {
    let stage = Stage::new();
    stage.write("bad.toml", "# mine\nrotaet = \"1 MB\"\n");
    let refuses = |args: &[&str], message: &str| pipe(&stage, args, b"lost?\n").refuses(2, message);
    refuses(&["-c", "bad.toml"], "bad.toml:2: unknown key \"rotaet\": did you mean \"rotate\"?");
    refuses(&["-c", "no.toml"], "cannot read no.toml: No such file or directory (os error 2)");
    refuses(&["-c", "."], "cannot read .: Is a directory (os error 21)");
    refuses(
        &["--level", "loud"],
        "--level \"loud\": unknown level \"loud\": use trace, debug, info, warn, error or a number \
         from 1 to 254",
    );
    refuses(
        &["--file", "a.log", "--keep", "0"],
        "--keep \"0\": would delete each file as soon as it is rotated: give at least 1",
    );
    refuses(&["--keep", "3"], "--keep \"3\": there is no file: give --file");
    refuses(
        &["--file", "a.log", "--rotate", "sometimes"],
        "--rotate \"sometimes\": rotation \"sometimes\" is not known: give a size (\"100 MB\"), an \
         interval (\"1 day\"), a time (\"12:00\", \"monday at 00:00\"), or one of hourly, daily, \
         weekly, monthly, start, never",
    );
    refuses(
        &["--format", "{msg"],
        "--format \"{msg\": unclosed \"{\" at byte 0 of the pattern \"{msg\": close it as in \
         \"{message}\", or write \"{{\" for a brace",
    );
    let mut command = stage.command(&["pipe"]);
    Ended::of(command.env("ONEWRITER_KEEEP", "1").output().unwrap())
        .refuses(2, "unknown key \"ONEWRITER_KEEEP\": did you mean \"ONEWRITER_KEEP\"?");
}

#[test]
fn a_directory_as_file_is_refused_before_anything_is_read() {
    let stage = Stage::new();
    std::fs::create_dir(stage.path("logs")).unwrap();
    pipe(&stage, &["--file", "logs"], b"x\n").refuses(
        2,
        "log file logs is a directory: give the name of a file in it, such as logs/app.log",
    );
}

#[test]
fn a_signal_ends_pipe_after_what_was_read_is_written() {
    let stage = Stage::new();
    let mut command = stage.command(&["pipe", "--format", "{message}"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"one\n").unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    drop(input);
}

#[test]
fn a_reader_that_goes_away_ends_pipe_without_a_word() {
    let stage = Stage::new();
    let mut command = stage.command(&["pipe", "--format", "{message}"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut input = child.stdin.take().unwrap();
    // Until pipe ends, and with it our pipe to it.
    while input.write_all(b"one\n").is_ok() {}
    let ended = Ended::of(child.wait_with_output().unwrap());
    assert_eq!((ended.code, ended.err.as_str()), (Some(141), ""));
}

/// What `pipe` says first under a limit, in the shell's own units; it is killed then.
fn first_words(stage: &Stage, limit: &str) -> String {
    let program = "ulimit $LIMIT && exec \"$0\" pipe --file a.log";
    let pipe = stage.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", program]).arg(pipe.get_program()).env("LIMIT", limit);
    shell.current_dir(stage.dir.path()).env("ONEWRITER_DIR", stage.path(".queues"));
    let piped = shell.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // It may have ended before it read.
    let _ = child.stdin.as_mut().unwrap().write_all(b"one\n");
    let mut said = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    said
}

#[test]
fn a_limit_of_the_process_is_named_with_its_value_where_it_is_the_cause() {
    let cases = [
        // The units are 512 bytes: the doorbell, the journal, and the log itself do not fit.
        ("-f 2", "cannot open the doorbell ", "1024"),
        ("-f 16", "file a.log: no memory to stage a write in ", "8192"),
        ("-f 131072", "file a.log: cannot write to the log file ", "67108864"),
    ];
    for (limit, begins, value) in cases {
        let stage = Stage::in_memory();
        std::fs::File::create(stage.path("a.log")).unwrap().set_len((64 << 20) - 2).unwrap();
        let said = first_words(&stage, limit);
        let cause = format!(
            ": File too large (os error 27): this process's limit on the size of a file (`ulimit -f`) \
             is {value} bytes: raise it\n"
        );
        assert!(said.starts_with(&format!("onewriter: {begins}")), "{said}");
        assert!(said.ends_with(&cause), "{said}");
    }
    let cases = [
        ("-n 4", "no room for a queue: ONEWRITER_DIR=", "; or set ONEWRITER_DIR to another folder"),
        ("-n 5", "cannot open the queue's lead ", ""),
    ];
    for (limit, begins, ends) in cases {
        let said = first_words(&Stage::in_memory(), limit);
        let cause = format!(
            ": Too many open files (os error 24): this process's limit on open files (`ulimit -n`) is \
             {}: raise it{ends}\n",
            &limit[3..]
        );
        assert!(said.starts_with(&format!("onewriter: {begins}")), "{said}");
        assert!(said.ends_with(&cause), "{said}");
    }
}

#[test]
fn processes_that_want_one_file_otherwise_are_told_so_in_the_log() {
    let stage = Stage::in_memory();
    let start = |rotate: &str| {
        let args = ["pipe", "--file", "a.log", "--format", FORMAT, "--rotate", rotate];
        stage.command(&args).stdin(Stdio::piped()).spawn().unwrap()
    };
    let wait_for = |what: &str| {
        while !std::fs::read_to_string(stage.path("a.log")).is_ok_and(|log| log.contains(what)) {
            std::thread::yield_now();
        }
    };
    let mut first = start("100 MB");
    writeln!(first.stdin.as_mut().unwrap(), "line 1").unwrap();
    wait_for("line 1");
    let mut second = start("40 KB");
    wait_for("until it ends");
    for child in [&mut second, &mut first] {
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let log = stage.read("a.log");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "INFO pipe: line 1"));
    assert!(lines[1].starts_with("WARN onewriter: process "), "{log}");
    let path = stage.path("a.log");
    let wants = format!(
        " (onewriter) wants rotate \"40 KB\" for {path:?}, the writer has rotate \"100 MB\"; the \
         writer, process "
    );
    assert!(lines[1].contains(&wants), "{log}");
    assert!(lines[1].ends_with(" (onewriter), keeps its settings until it ends"), "{log}");
}
