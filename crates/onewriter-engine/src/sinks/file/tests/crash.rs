//! A process that ends at any step of writing and rotating: each record stands exactly once.

use super::{Plain, RealDisk, World, with_record};
use crate::error::Error;
use crate::sink::{Context, Intent, Journal, Sink};
use crate::sinks::file::disk::Disk;
use crate::sinks::file::open::{Access, Live};
use crate::sinks::file::{FileBuilder, FileSink, Fsync, Names, Rotation, file};
use jiff::tz::TimeZone;
use onewriter_record::Level;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the steps that are left until the process ends.
#[derive(Clone)]
struct Fuse(Arc<AtomicUsize>);

impl Fuse {
    fn new(steps: usize) -> Fuse {
        Fuse(Arc::new(AtomicUsize::new(steps)))
    }

    fn is_burnt(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Whether this step is not taken any more, and whether it is the first of those.
    fn burn(&self) -> Result<(), bool> {
        let left = self.0.load(Ordering::Relaxed);
        if left == 0 {
            return Err(false);
        }
        self.0.store(left - 1, Ordering::Relaxed);
        if left == 1 { Err(true) } else { Ok(()) }
    }

    fn step(&self) -> io::Result<()> {
        self.burn().map_err(|_| io::Error::other("the process has ended"))
    }
}

impl Disk for Fuse {
    fn write_at(&mut self, file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
        match self.burn() {
            Ok(()) => RealDisk.write_at(file, bytes, at),
            Err(is_first) => {
                if is_first {
                    RealDisk.write_at(file, &bytes[..bytes.len() / 2], at)?;
                }
                Err(io::Error::other("the process has ended"))
            }
        }
    }

    fn set_len(&mut self, file: &File, len: u64) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.set_len(file, len))
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        self.step()
    }

    fn set_modified(&mut self, file: &File, time: u64) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.set_modified(file, time))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.rename(from, to))
    }

    fn open(&mut self, path: &Path, access: &Access) -> io::Result<Live> {
        self.step().and_then(|()| RealDisk.open(path, access))
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step().and_then(|()| RealDisk.remove(path))
    }
}

/// Shared memory: it outlives the process.
struct Shared {
    fuse: Fuse,
    intent: Option<(Intent, Vec<u8>)>,
    /// The next record, the one after those of the intent, and the one after those confirmed.
    next: usize,
    intended: usize,
    confirmed: usize,
}

impl Journal for Shared {
    fn intend(&mut self, intent: &Intent, bytes: &[u8]) -> Result<(), Error> {
        self.fuse.step().map_err(|err| Error::io("cannot stage", Path::new("shared"), err))?;
        self.intent = Some((*intent, bytes.to_vec()));
        self.intended = self.next;
        Ok(())
    }

    fn part(&mut self, rest: &Intent, done: usize, newline: bool) -> Result<(), Error> {
        self.fuse.step().map_err(|err| Error::io("cannot part", Path::new("shared"), err))?;
        let (intent, bytes) = self.intent.as_mut().expect("a write is intended");
        *intent = *rest;
        bytes.drain(..done);
        if newline {
            bytes.insert(0, b'\n');
        }
        Ok(())
    }

    fn confirm(&mut self) {
        if self.fuse.step().is_ok() {
            self.intent = None;
            self.confirmed = self.intended;
        }
    }
}

/// How a line ends that somebody else has written, be it behind half a line of ours.
const FOREIGN: &str = "foreign";
const N_RECORDS: usize = 30;
const MINUTE: u64 = 60 * super::SECOND;

fn text(i: usize) -> String {
    format!("{i:02}{}", "x".repeat(i % 5))
}

/// One process: it repeats what was intended, then writes on from where the queue stands. Whether it
/// came to its end.
fn live(path: &Path, shared: &mut Shared, configure: fn(FileBuilder) -> FileBuilder) -> bool {
    let fuse = shared.fuse.clone();
    let link = path.with_file_name("current");
    let builder = configure(file(path).format(Plain).zone(TimeZone::UTC).current_link(link));
    let Ok(mut sink) = builder.build_on(Box::new(fuse.clone())) else { return false };
    if let Some((intent, bytes)) = shared.intent.clone() {
        let now = super::time("2026-06-15T12:00:00Z");
        let _ = sink.redo(&intent, &bytes, &mut Context { now, journal: shared });
        if fuse.is_burnt() {
            return false;
        }
        shared.intent = None;
        shared.confirmed = shared.intended;
    }
    shared.next = shared.confirmed;
    drive(&mut sink, shared);
    !fuse.is_burnt()
}

fn drive(sink: &mut FileSink, shared: &mut Shared) {
    let fuse = shared.fuse.clone();
    let start = super::time("2026-06-15T12:00:00Z");
    while shared.next < N_RECORDS {
        let now = start + shared.next as u64 * MINUTE;
        with_record(Level::Info, now, &text(shared.next), |record| {
            sink.record(record, &mut Context { now, journal: shared }).unwrap();
        });
        shared.next += 1;
        let mut cx = Context { now, journal: shared };
        if now.is_multiple_of(4 * MINUTE) {
            let _ = sink.commit(&mut cx);
        }
        if now.is_multiple_of(7 * MINUTE) && !fuse.is_burnt() {
            let _ = sink.tick(&mut cx);
        }
        if fuse.is_burnt() {
            return;
        }
    }
    let now = start + N_RECORDS as u64 * MINUTE;
    let _ = sink.flush(&mut Context { now, journal: shared });
}

/// Ends processes after `steps[0]`, `steps[1]`, ... steps, then lets one come to its end. Whether
/// all of those were cut off.
fn lives(steps: &[usize], configure: fn(FileBuilder) -> FileBuilder) -> bool {
    lives_and(steps, configure, |_| ())
}

/// The same, and after each of them somebody else does something to the file.
fn lives_and(
    steps: &[usize],
    configure: fn(FileBuilder) -> FileBuilder,
    meddle: fn(&Path),
) -> bool {
    let world = World::new(|file| file);
    let path = world.path("shop.log");
    let fuse = Fuse::new(usize::MAX);
    let mut shared = Shared { fuse, intent: None, next: 0, intended: 0, confirmed: 0 };
    let mut all_cut = true;
    for steps in steps {
        shared.fuse = Fuse::new(*steps);
        all_cut &= !live(&path, &mut shared, configure);
        meddle(&path);
    }
    shared.fuse = Fuse::new(usize::MAX);
    assert!(live(&path, &mut shared, configure));
    let mut found: Vec<String> = Vec::new();
    let link = std::fs::read_link(world.path("current")).unwrap();
    assert_eq!(link, Path::new("shop.log"), "after {steps:?} steps");
    for line in world.listing().lines().filter(|line| !line.starts_with("current")) {
        let (_, lines) = line.split_once(':').unwrap();
        let ours = lines.split_whitespace().filter(|line| !line.ends_with(FOREIGN));
        found.extend(ours.map(str::to_owned));
    }
    assert_in_order(&world);
    found.sort();
    let mut expected: Vec<String> = (0..N_RECORDS).map(text).collect();
    let number = |line: &str| line.strip_prefix("shop.")?.split_once(".log")?.0.parse::<u64>().ok();
    let n_shifted = shifted(&world).len();
    if world.listing().lines().filter_map(number).min().is_some_and(|least| least > 1)
        || (1..=2).contains(&n_shifted)
    {
        // Retention has deleted the oldest files, and nothing else.
        expected.drain(..N_RECORDS - found.len());
        assert!(found.len() >= 5, "after {steps:?} steps:\n{}", world.listing());
    }
    assert_eq!(found, expected, "after {steps:?} steps:\n{}", world.listing());
    all_cut
}

/// The numbers of those rotated files whose names move, and their lines; the oldest first.
fn shifted(world: &World) -> Vec<(u64, String)> {
    let listing = world.listing();
    let parts = listing.lines().filter_map(|line| line.strip_prefix("shop.log.")?.split_once(": "));
    let numbered = parts.filter_map(|(number, lines)| Some((number.parse().ok()?, lines.into())));
    let mut numbered: Vec<(u64, String)> = numbered.collect();
    numbered.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    numbered
}

/// The lowest number has the newest records.
fn assert_in_order(world: &World) {
    let files = shifted(world);
    let lines = files.iter().flat_map(|(_, lines)| lines.split_whitespace());
    let ours: Vec<_> = lines.filter(|line| !line.ends_with(FOREIGN)).collect();
    assert!(ours.is_sorted(), "{}", world.listing());
}

const CONFIGURATIONS: [fn(FileBuilder) -> FileBuilder; 8] = [
    |file| file.rotation("20 B").keep(2),
    |file| file,
    |file| file.rotation(Rotation::size(20)),
    |file| file.rotation("10 min or start").names(Names::time("%H-%M")).fsync(Fsync::Batch),
    |file| file.rotation("15 B or 5 min").names(Names::time("%F")).fsync(Fsync::From(Level::Warn)),
    |file| file.rotation("20 B").names(Names::shifted()),
    |file| file.rotation("20 B or 9 min").names(Names::shifted()).keep(2).fsync(Fsync::Batch),
    |file| file.rotation("20 B").names(Names::appended("%H-%M")),
];

#[test]
fn whatever_step_the_process_ends_at_each_record_is_there_exactly_once() {
    for configure in CONFIGURATIONS {
        let cut = (1..).take_while(|step| lives(&[*step], configure)).count();
        assert!(cut > 20, "only {cut} steps");
    }
}

#[test]
fn processes_that_end_one_after_the_other_lose_and_double_nothing() {
    for configure in CONFIGURATIONS {
        for first in (1..60).step_by(4) {
            for second in (1..40).step_by(5) {
                lives(&[first, second, 1 + (first + second) % 7], configure);
            }
        }
    }
}

#[test]
fn who_appends_while_no_writer_lives_parts_a_batch_and_loses_and_doubles_nothing() {
    let append = |path: &Path| {
        // Not where a kill has left the file renamed and no other made.
        if let Ok(mut file) = OpenOptions::new().append(true).open(path) {
            file.write_all(b"foreign\n").unwrap();
        }
    };
    for configure in CONFIGURATIONS {
        let cut = (1..).take_while(|step| lives_and(&[*step], configure, append)).count();
        for first in (1..=cut).step_by(2) {
            for second in [1, 4, 9] {
                lives_and(&[first, second, 1 + (first + second) % 7], configure, append);
            }
        }
    }
}
