//! The program of the tests of several queues: a logger with the sinks of its arguments, which does
//! what it is told.
#![forbid(unsafe_code)]

use onewriter::sink::Lines;
use onewriter::{Builder, Error, Format, Guard, IntoSink, Overflow, Record, TextFormat};
use onewriter::{Level, error, info, sink};
use onewriter_ring::testing::fork;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// Sinks, in their order: `file:PATH`, `function:PATH` (a function that appends to this file),
/// `chatty:PATH` (the same, and it logs about each line), `stderr`, `memory`; and `name:NAME` and
/// `memory-of:BYTES` for the logger.
fn main() {
    let mut builder = onewriter::builder().overflow(Overflow::block(PATIENCE)).on_error(|_| ());
    let mut lines = None;
    for arg in std::env::args().skip(1) {
        let (kind, value) = arg.split_once(':').unwrap_or((arg.as_str(), ""));
        builder = match kind {
            "file" => builder.sink(sink::file(value).format(plain())),
            "function" => builder.sink(appends(value, false)),
            "chatty" => builder.sink(appends(value, true)),
            "stderr" => builder.sink(sink::stderr().format(plain())),
            "memory" => in_memory(builder, &mut lines),
            "name" => builder.name(value),
            "memory-of" => builder.memory(value.parse().expect("bytes")),
            _ => panic!("unknown sink {arg:?}"),
        };
    }
    let guard = builder.install().expect("the logger can be installed");
    answer("ready");
    talk(guard, lines.as_ref());
}

fn plain() -> TextFormat {
    TextFormat::pattern("{message}").expect("a pattern")
}

fn in_memory(builder: Builder, lines: &mut Option<Lines>) -> Builder {
    let (memory, kept) = sink::memory();
    *lines = Some(kept);
    builder.sink(memory.format(plain()))
}

/// A function that appends each message to a file, with one write.
fn appends(path: &str, is_chatty: bool) -> impl IntoSink + use<> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.expect("the file opens");
    let mut format = plain();
    sink::function(move |record: &Record<'_>| {
        let mut line = Vec::new();
        format.format(record, &mut line);
        if is_chatty {
            info!("about {}", String::from_utf8_lossy(&line).trim_end());
        }
        file.write_all(&line).map_err(|err| Error::config(err.to_string()))
    })
}

fn talk(guard: Guard, lines: Option<&Lines>) {
    for line in std::io::stdin().lines() {
        let line = line.expect("an order");
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["put", prefix, count] => answer(&put(prefix, count)),
            ["put-and-die", prefix, count] => {
                put(prefix, count);
                kill_process(getpid(), Signal::KILL).expect("a process may signal itself");
            }
            ["error", text] => {
                error!("{text}");
                answer("ok");
            }
            ["complete"] => answer(&said(onewriter::complete(PATIENCE))),
            ["level", level] => {
                answer(&said(guard.set_level(level.parse::<Level>().expect("a level"))));
            }
            ["add", path] => answer(&said(guard.add_sink(sink::file(path).format(plain())))),
            ["lines"] => answer(&lines.expect("a sink in memory").lines().join("|")),
            ["fork", prefix, children, count] => answer(&children_put(prefix, children, count)),
            ["hand-over"] => hand_over(),
            ["quit"] => return,
            _ => panic!("unknown order {line:?}"),
        }
    }
}

fn answer(text: &str) {
    println!("{text}");
    std::io::stdout().flush().expect("somebody listens");
}

fn said(result: Result<(), Error>) -> String {
    result.map_or_else(|err| err.to_string(), |()| "ok".to_owned())
}

fn put(prefix: &str, count: &str) -> String {
    for n in 0..count.parse::<usize>().expect("a count") {
        info!("{prefix} {n}");
    }
    "ok".to_owned()
}

/// Children that live at the same time; each logs and exits.
fn children_put(prefix: &str, children: &str, count: &str) -> String {
    let mut live = Vec::new();
    for child in 0..children.parse::<usize>().expect("a number") {
        match fork().expect("a process may fork") {
            Some(id) => live.push(id),
            None => {
                put(&format!("{prefix}-{child}"), count);
                std::process::exit(0);
            }
        }
    }
    for child in live {
        let id = Pid::from_raw(child as i32).expect("the child's id");
        let (_, status) = waitpid(Some(id), WaitOptions::empty()).expect("it ends").expect("it");
        assert_eq!(status.exit_status(), Some(0));
    }
    "ok".to_owned()
}

/// From here on a child does what is told; its parent only lives, until it is killed.
fn hand_over() {
    let Some(child) = fork().expect("a process may fork") else {
        answer(&format!("child {}", std::process::id()));
        return;
    };
    let id = Pid::from_raw(child as i32).expect("the child's id");
    let _ = waitpid(Some(id), WaitOptions::empty());
    std::process::exit(0);
}
