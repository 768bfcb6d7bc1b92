//! `recover`.

use crate::Stage;
use crate::producer::Producer;
use crate::serve::Service;

const WRITING: &str = "READY=1\nSTATUS=writing";
const SHOP: &str =
    "name = \"shop\"\n[[sink]]\nfile = \"shop.log\"\nformat = \"{level} {message}\"\n";
const ORDERS: &str = "INFO order 0\nINFO order 1\nINFO order 2\n";

/// Replaces what differs from run to run: how many bytes wait.
fn without_bytes(text: &str) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    let at = words.iter().position(|word| *word == "B").unwrap();
    words[at - 1] = "N";
    words.join(" ")
}

#[test]
fn what_a_dead_program_left_is_written_once_by_the_settings_of_the_last_writer() {
    let stage = Stage::in_memory();
    stage.write("shop.toml", SHOP);
    Service::start(&stage, "shop.toml", WRITING).end();
    Producer::that(&stage, "join shop").kill();
    let log = stage.path("shop.log");
    let log = log.to_str().unwrap();
    let dry = stage.run(&["recover", "--dry-run"]);
    let expected = format!("shop: N B of 1 process, 1 dead, would be written to {log}\n");
    assert_eq!((dry.code, without_bytes(&dry.out)), (Some(0), expected));
    assert_eq!(stage.read("shop.log"), "");
    stage
        .run(&["recover"])
        .prints(&format!("shop: 3 records of 1 process left\n  file {log}: 3 recovered\n"));
    assert_eq!(stage.read("shop.log"), ORDERS);
    stage.run(&["recover"]).prints("");
    stage.run(&["recover", "shop"]).prints("");
    assert_eq!(stage.read("shop.log"), ORDERS);
}

#[test]
fn what_was_lost_is_told_with_where_it_was_lost_and_in_the_log_too() {
    let stage = Stage::in_memory();
    let producer = Producer::that(&stage, "overfill shop shop.log");
    let process = producer.id();
    producer.kill();
    let stat: serde_json::Value =
        serde_json::from_str(&stage.run(&["stat", "--json"]).out).unwrap();
    let lost = stat["queues"][0]["lost"].as_u64().unwrap();
    assert!((1..200).contains(&lost), "{stat}");
    let by_hand = ["recover", "shop", "--file", "hand.log", "--format", "{level} {message}"];
    let told = stage.run(&by_hand);
    let lines: Vec<&str> = told.out.lines().collect();
    let n_left = 200 - lost;
    assert_eq!(lines[0], format!("shop: {n_left} records of 1 process left, {lost} lost before"));
    assert_eq!(lines[1], format!("  file hand.log: {n_left} recovered"));
    let note = format!(
        "  note: {lost} records lost: the queue was full ({lost} INFO); threads \
         producer::what_a_producer_does of process {process}: {lost}; from "
    );
    assert!(lines[2].starts_with(&note), "{}", told.out);
    assert_eq!((lines.len(), told.code, told.err.as_str()), (3, Some(0), ""));
    let notice = format!("WARN {}", &lines[2]["  note: ".len()..]);
    let log = stage.read("hand.log");
    let (notices, records): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| *line == notice);
    assert_eq!((notices.len(), records.len()), (1, n_left as usize));
    assert!(records.iter().all(|record| record.starts_with("INFO order ")), "{log}");
}

#[test]
fn a_queue_that_has_a_writer_is_left_to_it() {
    let stage = Stage::in_memory();
    stage.write("shop.toml", SHOP);
    let service = Service::start(&stage, "shop.toml", WRITING);
    stage.run(&["recover"]).prints("");
    let told = stage.run(&["recover", "shop"]);
    assert!(
        told.out.starts_with("shop: process ") && told.out.ends_with(" (onewriter) writes it\n")
    );
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""));
    service.end();
    stage.run(&["recover", "nothing"]).prints("nothing: no such queue, nothing is left\n");
}

#[test]
fn what_only_its_program_can_write_is_said_and_written_by_hand() {
    let stage = Stage::in_memory();
    Producer::that(&stage, "own shop shop.log").kill();
    let told = stage.run(&["recover"]);
    let expected = "shop: N B of 1 process, 1 dead, wait, and only their program knows how they are \
                    written: start it again, or `onewriter recover shop --file PATH --format FORMAT`\n";
    assert_eq!((told.code, without_bytes(&told.out).as_str()), (Some(1), expected));
    let by_hand = stage.run(&["recover", "shop", "--file", "hand.log", "--format", "{message}"]);
    let log = stage.path("hand.log");
    by_hand.prints(&format!(
        "shop: 1 record of 1 process left\n  file {}: 1 recovered\n",
        log.to_str()
            .unwrap()
            .replace(&stage.dir.path().display().to_string(), "")
            .trim_start_matches('/')
    ));
    assert_eq!(stage.read("hand.log"), "order 0\n");
    stage.run(&["recover"]).prints("");
}

#[test]
fn a_queue_that_never_had_a_writer_says_so() {
    let stage = Stage::in_memory();
    Producer::that(&stage, "join shop").kill();
    let told = stage.run(&["recover", "shop"]);
    let expected = "shop: N B of 1 process, 1 dead, wait, and nobody has ever said how they are \
                    written: start it again, or `onewriter recover shop --file PATH --format FORMAT`\n";
    assert_eq!((told.code, without_bytes(&told.out).as_str()), (Some(1), expected));
    stage
        .run(&["recover", "shop", "--format", "json"])
        .refuses(2, "--format alone does not say where: give --file too");
    stage
        .run(&["recover", "--format", "json"])
        .refuses(2, "--file and --format are about one queue: name it");
}

#[test]
fn empty_remains_of_a_private_queue_are_removed() {
    let stage = Stage::in_memory();
    // `pipe` to standard output has a private queue, and is killed with nothing in it.
    let mut command = stage.command(&["pipe", "--format", "{message}"]);
    let piped = std::process::Stdio::piped;
    let mut child = command.stdin(piped()).stdout(piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"one\n").unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    assert_eq!(line, "one\n");
    // It has let go of the record before it is killed.
    loop {
        let stat = stage.run(&["stat", "--once", "--json"]).out;
        let stat: serde_json::Value = serde_json::from_str(&stat).unwrap();
        if stat["queues"][0]["waiting_bytes"] == 0 {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let dry = stage.run(&["recover", "-n"]).out;
    let (title, rest) = dry.split_once(": ").unwrap();
    assert_eq!(rest, "empty remains would be removed\n");
    stage.run(&["recover"]).prints(&format!("{title}: empty remains removed\n"));
    stage.run(&["recover"]).prints("");
    stage.run(&["stat"]).prints("no queues: nobody of this user logs\n");
}

#[test]
fn what_a_device_did_not_take_is_left_and_can_be_written_there_or_elsewhere() {
    let stage = Stage::in_memory();
    let mut command = stage.command(&["pipe", "--file", "/dev/full", "--format", "{message}"]);
    let piped = std::process::Stdio::piped;
    let mut child = command.stdin(piped()).stderr(piped()).spawn().unwrap();
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"one\n").unwrap();
    let mut said = String::new();
    let mut err = std::io::BufReader::new(child.stderr.take().unwrap());
    std::io::BufRead::read_line(&mut err, &mut said).unwrap();
    let full = "cannot write to /dev/full: No space left on device (os error 28)";
    assert_eq!(said, format!("onewriter: file /dev/full: {full}\n"));
    child.kill().unwrap();
    child.wait().unwrap();
    let dry = stage.run(&["recover", "-n"]);
    let (title, rest) = dry.out.split_once(": ").unwrap();
    assert_eq!(without_bytes(rest), "N B of 1 process, 1 dead, would be written to /dev/full\n");
    stage
        .run(&["recover", title, "--file", "a.log", "--format", "{message}"])
        .prints(&format!("{title}: 1 record of 1 process left\n  file a.log: 1 recovered\n"));
    assert_eq!(stage.read("a.log"), "one\n");
}
