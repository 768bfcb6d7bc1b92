//! `tail`.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use crate::Stage;

const JSON: &str = r#"{"time":"2026-11-21T08:00:00Z","level":"INFO","target":"shop","message":"started"}
{"time":"2026-11-21T08:00:01Z","level":"WARN","target":"shop::db","message":"slow","ms":320.5}
{"time":"2026-11-21T08:00:02Z","level":"ERROR","target":"shop::db","message":"gone","ms":7,"who":"a b"}
"#;

const TEXT: &str = "\
2026-11-21T08:00:00.5Z INFO  [main] shop: started
2026-11-21T08:00:01.5Z ERROR [main] shop::db: gone code=7
    at db.rs:7
    at main.rs:3
2026-11-21T08:00:02.5Z INFO  [main] shop: ended
";

fn line(text: &str, n: usize) -> String {
    format!("{}\n", text.lines().nth(n).unwrap())
}

#[test]
fn the_last_ten_lines_are_shown_unless_another_number_is_given() {
    let stage = Stage::new();
    let lines: Vec<String> =
        (0..25).map(|n| format!("2026-11-21T08:00:00Z INFO a: {n}\n")).collect();
    stage.write("a.log", lines.concat());
    stage.run(&["tail", "a.log"]).prints(&lines[15..].concat());
    stage.run(&["tail", "-n", "2", "a.log"]).prints(&lines[23..].concat());
    stage.run(&["tail", "-n", "0", "a.log"]).prints("");
    stage.run(&["tail", "--level", "info", "a.log"]).prints(&lines.concat());
}

#[test]
fn level_target_field_and_time_filters_select_json_lines() {
    let stage = Stage::new();
    stage.write("a.log", JSON);
    for (args, shown) in [
        (&["--level", "warn"][..], &[1, 2][..]),
        (&["--target", "shop::db"], &[1, 2]),
        (&["--target", "shop"], &[0, 1, 2]),
        (&["--field", "ms>100"], &[1]),
        (&["--field", "who=a b"], &[2]),
        (&["--field", "ms!=7"], &[0, 1]),
        (&["--since", "2026-11-21T08:00:01Z"], &[1, 2]),
        (&["--until", "2026-11-21 08:00:01"], &[0]),
        (&["--grep", "st.rt|gone"], &[0, 2]),
        (&["--level", "warn", "--field", "ms<100"], &[2]),
        (&["--since", "10m", "--level", "error"], &[]),
    ] {
        let args: Vec<&str> = [&["tail"], args, &["a.log"]].concat();
        let expected: String = shown.iter().map(|&n| line(JSON, n)).collect();
        let now_is_later = jiff::Timestamp::now() > "2026-11-21T09:00:00Z".parse().unwrap();
        if !args.contains(&"10m") || now_is_later {
            stage.run(&args).prints(&expected);
        }
    }
}

#[test]
fn a_line_that_is_no_record_goes_with_the_one_above_it() {
    let stage = Stage::new();
    stage.write("a.log", TEXT);
    let expected: String = (1..4).map(|n| line(TEXT, n)).collect();
    stage.run(&["tail", "--level", "error", "a.log"]).prints(&expected);
    stage.run(&["tail", "--field", "code=7", "a.log"]).prints(&expected);
}

#[test]
fn json_is_shown_as_text_when_asked_and_coloured_when_asked() {
    let stage = Stage::new();
    stage.write("a.log", JSON);
    stage.run(&["tail", "--show", "text", "a.log"]).prints(
        "2026-11-21T08:00:00Z INFO  shop: started\n\
         2026-11-21T08:00:01Z WARN  shop::db: slow ms=320.5\n\
         2026-11-21T08:00:02Z ERROR shop::db: gone ms=7 who=\"a b\"\n",
    );
    let own = r#"{"time":"T","level":"INFO","target":"a","message":"b","fields":{"c":1},"thread":"main","thread_id":7,"process":"p","process_id":9}"#;
    stage.write("own.log", format!("{own}\n"));
    stage.run(&["tail", "--show", "text", "own.log"]).prints("T INFO  [main] a: b c=1\n");
    stage.run(&["tail", "-n", "1", "--color", "always", "a.log"]).prints(
        "\u{1b}[1;31m2026-11-21T08:00:02Z ERROR shop::db: gone ms=7 who=\"a b\"\u{1b}[0m\n",
    );
}

#[test]
fn a_message_cannot_play_with_the_terminal() {
    let stage = Stage::new();
    stage.write("a.log", "{\"level\":\"INFO\",\"message\":\"a\\u001b[2J\\nb\"}\n");
    stage.run(&["tail", "--show", "text", "a.log"]).prints("INFO  a\\u{1b}[2J\\nb\n");
}

#[test]
fn rotated_and_compressed_files_come_first_and_in_order() {
    let stage = Stage::new();
    let zstd = zstd::encode_all(line(TEXT, 0).as_bytes(), 1).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(line(JSON, 1).as_bytes()).unwrap();
    stage.write("shop.1.log.zst", zstd);
    stage.write("shop.2.log.gz", gzip.finish().unwrap());
    stage.write("shop.log", line(JSON, 2));
    stage.write("other.1.log", "no\n");
    let expected = [line(TEXT, 0), line(JSON, 1), line(JSON, 2)].concat();
    stage.run(&["tail", "--rotated", "shop.log"]).prints(&expected);
    stage.run(&["tail", "shop.2.log.gz"]).prints(&line(JSON, 1));
}

#[test]
fn several_files_have_headings() {
    let stage = Stage::new();
    stage.write("a.log", "one\n");
    stage.write("b.log", "two");
    stage.run(&["tail", "a.log", "b.log"]).prints("==> a.log <==\none\n\n==> b.log <==\ntwo\n");
}

#[test]
fn following_survives_rename_new_file_and_truncation() {
    let stage = Stage::new();
    stage.write("a.log", "one\ntwo\n");
    let mut command = stage.command(&["tail", "-f", "-n", "1", "a.log"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut next = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line
    };
    let append = |text: &str| {
        let mut file = File::options().append(true).create(true).open(stage.path("a.log")).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    assert_eq!(next(), "two\n");
    append("three\n");
    assert_eq!(next(), "three\n");
    append("four\n");
    fs::rename(stage.path("a.log"), stage.path("a.log.1")).unwrap();
    append("five\n");
    assert_eq!((next(), next()), ("four\n".into(), "five\n".into()));
    File::create(stage.path("a.log")).unwrap();
    append("6\n");
    assert_eq!(next(), "6\n");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn wrong_files_and_times_are_named_with_what_would_be_right() {
    let stage = Stage::new();
    fs::create_dir(stage.path("logs")).unwrap();
    stage.write("a.log", "");
    stage
        .run(&["tail", "no.log"])
        .refuses(3, "cannot read no.log: No such file or directory (os error 2)");
    stage.run(&["tail", "logs"]).refuses(2, "logs is a directory: name the log file in it");
    stage.run(&["tail", "-f", "logs"]).refuses(2, "logs is a directory: name the log file in it");
    stage.run(&["tail", "--since", "soon", "a.log"]).refuses(
        2,
        "--since: \"soon\" is not a time: use a time such as 2026-11-21T08:00:00Z, \"2026-11-21 \
         08:00\", 08:00, an age such as 10m or 1h30m, or now, today, yesterday, tomorrow",
    );
    let wrong = stage.run(&["tail", "--grep", "a(", "a.log"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.starts_with("onewriter: --grep: "), "{}", wrong.err);
    let wrong = stage.run(&["tail", "--field", "ms", "a.log"]);
    assert!(wrong.err.contains("\"ms\" is no condition: use name=value, "), "{}", wrong.err);
}
