//! `stat`.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use rustix::process::Signal;

use crate::Stage;
use crate::producer::Producer;
use crate::serve::Service;

const SHOP: &str =
    "name = \"shop\"\n[[sink]]\nfile = \"shop.log\"\nformat = \"{level} {message}\"\n";

#[test]
fn a_queue_with_its_writer_its_processes_and_its_sinks_is_shown() {
    let stage = Stage::in_memory();
    stage.run(&["stat"]).prints("no queues: nobody of this user logs\n");
    let producer = Producer::that(&stage, "join shop");
    let waiting = stage.run(&["stat"]).out;
    let lines: Vec<&str> = waiting.lines().collect();
    assert_eq!(lines[..2], ["shop", "  nobody writes: what is put waits"]);
    assert!(lines[2].starts_with("  written 0, waiting ") && lines[2].ends_with(" B, lost 0"));
    assert!(
        lines[4].contains("  producer       1  ") && lines[4].contains(&producer.id().to_string())
    );
    stage.write("shop.toml", SHOP);
    let service = Service::start(&stage, "shop.toml", "READY=1\nSTATUS=writing");
    // What the writer publishes is at most a tenth of a second old.
    let shown = loop {
        let shown = stage.run(&["stat", "--once", "shop"]).out;
        if shown.contains("written 3, waiting 0 B, lost 0\n") {
            break shown;
        }
    };
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].starts_with("  writer ") && lines[1].ends_with(", take-overs 0"), "{shown}");
    assert!(lines[1].contains(" (onewriter) for "), "{shown}");
    let heads = (lines[3], lines[5]);
    let process = "   process  name                  role       rings     waiting        lost";
    let sink = "  sink                                    taken   dropped     pending  errors";
    assert_eq!(heads, (process, sink));
    let file = "  file shop.log                               3         0         0 B       0";
    assert_eq!(lines[6], file);
    assert_eq!(lines.len(), 7, "{shown}");
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{shown}");
    producer.kill();
    service.end();
}

#[test]
fn json_is_one_object_a_look_for_scripts() {
    let stage = Stage::in_memory();
    let producer = Producer::that(&stage, "join shop");
    let id = producer.id();
    producer.kill();
    let found: serde_json::Value =
        serde_json::from_str(&stage.run(&["stat", "--json"]).out).unwrap();
    let queue = &found["queues"][0];
    let names = ["queue", "kind", "is_led", "writer", "accepted", "lost", "takeovers"];
    let values = names.map(|name| queue[name].to_string());
    assert_eq!(values, ["\"shop\"", "\"named\"", "false", "null", "0", "0", "0"]);
    let process = &queue["processes"][0];
    assert_eq!(
        (process["process"].as_u64(), process["role"].as_str()),
        (Some(id.into()), Some("dead"))
    );
    assert_eq!(process["rings"], 1);
    assert_eq!(queue["waiting_bytes"], process["waiting_bytes"]);
    assert!(queue["waiting_bytes"].as_u64().unwrap() > 0);
}

/// Looks until the page of the queue says this.
fn wait_for(stage: &Stage, what: &str) {
    while !stage.run(&["stat", "--once", "shop"]).out.contains(what) {}
}

#[test]
fn a_writer_that_is_stopped_or_stuck_is_marked() {
    let stage = Stage::in_memory();
    stage.write("shop.toml", SHOP);
    let service = Service::start(&stage, "shop.toml", "READY=1\nSTATUS=writing");
    wait_for(&stage, "  writer ");
    service.signal(Signal::STOP);
    wait_for(&stage, "\n  the writer is stopped (SIGSTOP, or a debugger): no sign of life for ");
    service.signal(Signal::CONT);
    wait_for(&stage, ", take-overs 0\n  written 0, ");
    service.end();
    let stuck = Producer::that(&stage, "own shop shop.log");
    wait_for(&stage, "\n  the writer is stuck: no sign of life for ");
    stuck.kill();
}

#[test]
fn private_queues_of_programs_that_ended_are_counted_and_not_shown() {
    let stage = Stage::in_memory();
    let mut command = stage.command(&["pipe", "--format", "{message}"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "one").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "one\n");
    child.kill().unwrap();
    child.wait().unwrap();
    // It may have been killed before it let go of the record.
    let shown = stage.run(&["stat", "--once"]).out;
    let expected =
        "no queues: nobody of this user logs\nand 1 private queue of a program that ended";
    assert!(shown.starts_with(expected), "{shown}");
    let found: serde_json::Value =
        serde_json::from_str(&stage.run(&["stat", "--json"]).out).unwrap();
    assert_eq!(found["queues"][0]["kind"], "private");
    // Who asks for it sees it.
    let title = found["queues"][0]["queue"].as_str().unwrap();
    assert!(stage.run(&["stat", title]).out.starts_with(&format!("{title}\n  nobody writes")));
}

#[test]
fn a_watch_goes_on_until_its_reader_leaves() {
    let stage = Stage::in_memory();
    let mut command = stage.command(&["stat", "--watch", "--json", "--every", "100ms"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..2 {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let found: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(found["queues"], serde_json::json!([]));
    }
    drop(out);
    assert_eq!(child.wait().unwrap().code(), Some(141));
}

#[test]
fn a_queue_that_is_not_there_and_a_wrong_pace_are_refused() {
    let stage = Stage::in_memory();
    stage.run(&["stat", "shpo"]).refuses(
        2,
        "no queue \"shpo\": give the name of a queue or the path of its log file; `onewriter stat` \
         shows all there are",
    );
    stage
        .run(&["stat", "--every", "1ms"])
        .refuses(2, "--every \"1ms\": give a span of at least 100ms, such as 1s");
}
