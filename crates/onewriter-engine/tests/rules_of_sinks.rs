//! The rules of every sink, for each of ours: `testing::check_sink` and `testing::check_wrapper`.

use onewriter_engine::sinks::memory::{Lines, Memory, memory};
use onewriter_engine::testing::{Faulty, check_sink, check_wrapper};
use onewriter_engine::{Context, Error, Sink};
use onewriter_record::Record;
use std::sync::{Arc, Mutex};

use onewriter_engine::format::TextFormat;
use onewriter_engine::sinks::file::file;
use onewriter_engine::sinks::flight::{Flight, FlightOptions};
use onewriter_engine::sinks::function::function;
use onewriter_engine::sinks::lane::{Lane, LaneOptions, OnFull};
use onewriter_engine::sinks::terminal::Terminal;
use std::fs;
use std::io::Read;
use std::path::PathBuf;

fn text(lines: &Lines) -> String {
    lines.lines().join("\n")
}

#[test]
fn the_sink_in_memory_keeps_the_rules() {
    check_sink(memory, text);
}

#[test]
fn a_function_keeps_the_rules() {
    let make = || {
        let seen = Arc::<Mutex<String>>::default();
        let sees = Arc::clone(&seen);
        let sink = function(move |record| {
            let mut line = Vec::new();
            onewriter_engine::format::message(record, &mut line);
            let line = String::from_utf8_lossy(&line);
            sees.lock().unwrap().push_str(&format!("{line}\n"));
            Ok(())
        });
        (sink, seen)
    };
    check_sink(make, |seen| seen.lock().unwrap().clone());
}

/// A pipe that holds all of a case, and what has been read from it.
type Pipe = Mutex<(std::fs::File, String)>;

fn piped(non_blocking: bool) -> (impl Sink, Pipe) {
    use rustix::fs::{OFlags, fcntl_setfl};
    let (reader, writer) = rustix::pipe::pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20).unwrap();
    fcntl_setfl(&reader, OFlags::NONBLOCK).unwrap();
    if non_blocking {
        fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    }
    let sink = Terminal::to("pipe", writer).build_with(|_| None);
    (sink, Mutex::new((reader.into(), String::new())))
}

fn read_pipe(pipe: &Pipe) -> String {
    let (file, text) = &mut *pipe.lock().unwrap();
    let mut bytes = Vec::new();
    // It ends at the pipe's end, or where nothing is in it now.
    let _ = file.read_to_end(&mut bytes);
    text.push_str(std::str::from_utf8(&bytes).unwrap());
    text.clone()
}

#[test]
fn a_terminal_on_a_pipe_keeps_the_rules() {
    check_sink(|| piped(false), read_pipe);
    check_sink(|| piped(true), read_pipe);
}

#[test]
fn a_file_keeps_the_rules() {
    check_sink(
        || {
            let folder = tempfile::tempdir().unwrap();
            let file = file(folder.path().join("log")).format(TextFormat::full());
            (file.build().unwrap(), folder)
        },
        |folder| {
            // Rotated files have numbers that grow; the live one has none and is the newest.
            let number = |path: &PathBuf| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.split('.').find_map(|part| part.parse().ok()).unwrap_or(usize::MAX)
            };
            let entries = fs::read_dir(folder.path()).unwrap();
            let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
            paths.sort_by_key(number);
            paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
        },
    );
}

fn in_lane(inner: impl Sink + 'static) -> Lane {
    Lane::new(inner, LaneOptions { on_full: OnFull::Wait, ..LaneOptions::default() }).unwrap()
}

#[test]
fn a_lane_keeps_the_rules() {
    let make = || {
        let (inner, lines) = memory();
        (in_lane(inner), lines)
    };
    // What a lane has committed is with its thread: only flush and the end wait for it.
    check_sink(make, text);
    check_wrapper(in_lane);
}

#[test]
fn a_flight_recorder_keeps_the_rules() {
    let make = || {
        let (inner, lines) = memory();
        (Flight::new(inner, FlightOptions::default()).unwrap(), lines)
    };
    check_sink(make, text);
    check_wrapper(|faulty| Flight::new(faulty, FlightOptions::default()).unwrap());
}

#[test]
fn a_flight_recorder_in_a_lane_keeps_the_rules() {
    let flight = |inner| Flight::new(inner, FlightOptions::default()).unwrap();
    check_wrapper(|faulty| in_lane(flight(faulty)));
}

#[test]
#[should_panic(expected = "broken rule: \"every record taken is written once and in order\"")]
fn a_sink_that_doubles_a_record_is_found_out() {
    struct Doubling(Memory);
    impl Sink for Doubling {
        fn name(&self) -> String {
            "doubling".to_owned()
        }
        fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
            self.0.record(record, cx)?;
            self.0.record(record, cx)
        }
        fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
            self.0.commit(cx)
        }
    }
    let make = || {
        let (inner, lines) = memory();
        (Doubling(inner), lines)
    };
    check_sink(make, text);
}

#[test]
#[should_panic(expected = "broken rule: \"a failing record is reported once")]
fn a_wrapper_that_swallows_errors_is_found_out() {
    struct Deaf(Faulty);
    impl Sink for Deaf {
        fn name(&self) -> String {
            "deaf".to_owned()
        }
        fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
            let _ = self.0.record(record, cx);
            Ok(())
        }
        fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
            self.0.commit(cx)
        }
    }
    check_wrapper(Deaf);
}
