//! Stories: a script of steps, and what must stand in the folder at its end.

mod build;
mod crash;
mod faults;
mod foreign;
mod meddle;
mod rotates;
mod settings;
mod shift;

use super::disk::{Disk, RealDisk};
use super::{FileBuilder, FileSink, file};
use crate::error::Error;
use crate::format::Format;
use crate::sink::{Context, Intent, Journal, Sink};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use onewriter_record::{Body, Encode, Level, Process, Record, Site, SiteDef, Thread, Value};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

pub(super) const SECOND: u64 = 1_000_000_000;

/// A record's only argument, and a newline.
pub(super) struct Plain;

impl Format for Plain {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        if let Some(Value::Str(text)) = record.args().next() {
            out.extend_from_slice(text.as_bytes());
        }
        out.push(b'\n');
    }
}

pub(super) fn with_record<T>(
    level: Level,
    time: u64,
    text: &str,
    f: impl FnOnce(&Record<'_>) -> T,
) -> T {
    let mut bytes = Vec::new();
    SiteDef { level: Some(level), template: "{0}", args: &[""], ..SiteDef::default() }
        .encode(&mut bytes);
    let site = Arc::new(Site::decode(&bytes, 0).unwrap());
    let mut body = vec![text.tag() as u8, 0, 0, 0, 0, 0, 0, 0];
    text.write(&mut body);
    let (thread, process) = (Arc::new(Thread::default()), Arc::new(Process::default()));
    let body = Body::new(&body, false);
    f(&Record { time, site: &site, thread: &thread, process: &process, body })
}

/// The writer's shared state: it outlives the sink.
#[derive(Clone, Default)]
pub(super) struct Stage(Arc<Mutex<Staged>>);

#[derive(Default)]
pub(super) struct Staged {
    pub(super) intent: Option<(Intent, Vec<u8>)>,
    /// Records that were taken, and records that an intent stands for.
    pub(super) taken: usize,
    pub(super) released: usize,
    /// What was taken and is not known to be written.
    unwritten: String,
    intended_len: usize,
    pub(super) is_full: bool,
}

impl Stage {
    pub(super) fn lock(&self) -> std::sync::MutexGuard<'_, Staged> {
        self.0.lock().unwrap()
    }
}

impl Journal for Stage {
    fn intend(&mut self, intent: &Intent, bytes: &[u8]) -> Result<(), Error> {
        let mut staged = self.lock();
        if staged.is_full {
            return Err(Error::new(crate::ErrorKind::Full, "no room to stage"));
        }
        // The cursors of all records taken go with the bytes: they must be the bytes of them all.
        let lines = bytes.strip_prefix(b"\n").unwrap_or(bytes);
        assert_eq!(String::from_utf8_lossy(lines), staged.unwritten);
        staged.intended_len = staged.unwritten.len();
        staged.intent = Some((*intent, bytes.to_vec()));
        staged.released = staged.taken;
        Ok(())
    }

    fn part(&mut self, rest: &Intent, done: usize, newline: bool) -> Result<(), Error> {
        let mut staged = self.lock();
        let (intent, bytes) = staged.intent.as_mut().expect("a write is intended");
        *intent = *rest;
        bytes.drain(..done);
        if newline {
            bytes.insert(0, b'\n');
        }
        Ok(())
    }

    fn confirm(&mut self) {
        let mut staged = self.lock();
        assert!(staged.intent.take().is_some(), "nothing was intended");
        let len = staged.intended_len;
        staged.unwritten.drain(..len);
    }
}

/// A folder, a clock and a sink.
pub(super) struct World {
    pub(super) dir: TempDir,
    pub(super) now: u64,
    pub(super) stage: Stage,
    pub(super) sink: Option<FileSink>,
    configure: Box<dyn Fn(FileBuilder) -> FileBuilder>,
    zone: TimeZone,
}

impl World {
    pub(super) fn new(configure: impl Fn(FileBuilder) -> FileBuilder + 'static) -> World {
        World::in_zone("UTC0", configure)
    }

    pub(super) fn in_zone(
        zone: &str,
        configure: impl Fn(FileBuilder) -> FileBuilder + 'static,
    ) -> World {
        let zone = TimeZone::posix(zone).unwrap();
        let now = time("2026-06-15T12:00:00Z");
        let dir = tempfile::tempdir().unwrap();
        let stage = Stage::default();
        World { dir, now, stage, sink: None, configure: Box::new(configure), zone }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn open_on(&mut self, disk: impl Disk + 'static) {
        self.sink = None;
        let builder = file(self.path("shop.log")).format(Plain).zone(self.zone.clone());
        self.sink = Some((self.configure)(builder).build_on(Box::new(disk)).unwrap());
    }

    pub(super) fn call<T>(&mut self, f: impl FnOnce(&mut FileSink, &mut Context<'_>) -> T) -> T {
        if self.sink.is_none() {
            self.open_on(RealDisk);
        }
        let mut cx = Context { now: self.now, journal: &mut self.stage };
        f(self.sink.as_mut().unwrap(), &mut cx)
    }

    pub(super) fn record(&mut self, text: &str) {
        self.record_at(Level::Info, self.now, text);
    }

    pub(super) fn record_at(&mut self, level: Level, time: u64, text: &str) {
        let now = std::mem::replace(&mut self.now, time);
        // As the router does it: the time of a record is `now` while the record is taken.
        with_record(level, time, text, |record| self.call(|sink, cx| sink.record(record, cx)))
            .unwrap();
        self.now = now;
        let mut staged = self.stage.lock();
        staged.taken += 1;
        staged.unwritten += text;
        staged.unwritten.push('\n');
    }

    pub(super) fn commit(&mut self) -> Result<(), Error> {
        self.call(|sink, cx| sink.commit(cx))
    }

    /// As a writer that takes over: what a journal says is pending, is repeated.
    pub(super) fn redo(&mut self, intent: Intent, bytes: &[u8]) -> Result<(), Error> {
        self.stage.lock().intent = Some((intent, bytes.to_vec()));
        self.stage.lock().intended_len = 0;
        self.call(|sink, cx| sink.redo(&intent, bytes, cx))
    }

    pub(super) fn tick(&mut self) -> Result<(), Error> {
        self.call(|sink, cx| sink.tick(cx))
    }

    /// Runs a script of steps, separated by `;`.
    pub(super) fn run(&mut self, script: &str) -> &mut World {
        for step in script.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            self.step(step);
        }
        self
    }

    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words[..] {
            ["write", ..] => {
                for word in &words[1..] {
                    self.record(word);
                }
                self.commit().unwrap();
            }
            ["at", when] => self.now = time(when),
            ["wait", secs] => self.now += secs.parse::<u64>().unwrap() * SECOND,
            ["tick"] => self.tick().unwrap(),
            ["rotate"] => self.call(|sink, cx| sink.rotate(cx)).unwrap(),
            ["reopen"] => self.call(|sink, cx| sink.reopen(cx)).unwrap(),
            ["restart"] => {
                self.sink = None;
                self.open_on(RealDisk);
            }
            ["stop"] => self.sink = None,
            ["put", name, text] => fs::write(self.path(name), format!("{text}\n")).unwrap(),
            ["half", name, text] => fs::write(self.path(name), text).unwrap(),
            ["mv", from, to] => fs::rename(self.path(from), self.path(to)).unwrap(),
            ["rm", name] => fs::remove_file(self.path(name)).unwrap(),
            ["truncate", name] => fs::File::create(self.path(name)).map(drop).unwrap(),
            _ => panic!("no such step: {step}"),
        }
    }

    /// `name: line line`, one for each file, sorted by name.
    pub(super) fn listing(&self) -> String {
        listing(self.dir.path())
    }
}

pub(super) fn listing(dir: &Path) -> String {
    let files: BTreeMap<String, String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = contents(&entry.path());
            (entry.file_name().into_string().unwrap(), text.trim_end().replace('\n', " "))
        })
        .collect();
    files.iter().map(|(name, text)| format!("{}\n", format!("{name}: {text}").trim_end())).collect()
}

fn contents(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    #[cfg(feature = "gzip")]
    if path.extension().is_some_and(|ext| ext == "gz") {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
        return text;
    }
    let mut text = String::new();
    (&bytes[..]).read_to_string(&mut text).unwrap();
    text
}

pub(super) fn time(text: &str) -> u64 {
    u64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
}

/// Compares listings line by line, whatever the indentation.
#[track_caller]
pub(super) fn assert_files(world: &World, expected: &str) {
    let expected: String = expected
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(|l| format!("{l}\n"))
        .collect();
    assert_eq!(world.listing(), expected);
}
