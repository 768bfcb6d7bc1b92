//! Writers of one queue that end at any step, one after the other, with several sinks that have a
//! journal each: every sink gets every record of its own once, in order.
//!
//! The queue, its rings, the reader, the routes and the journals are the real ones; only the sinks
//! are paper.

use super::{From, Post, Route};
use crate::error::Error;
use crate::filter::Filter;
use crate::sink::{Context, Intent, Sink};
use crate::testing::Sample;
use crate::trap::Trap;
use onewriter_record::{Level, LevelFilter, Record, Value};
use onewriter_ring::{INTRODUCTION_TAG, JoinOptions, JournalFile, Queue, Reader, join, leave, put};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

/// How many steps a writer has left.
#[derive(Clone)]
struct Life(Arc<AtomicUsize>);

impl Life {
    fn new(steps: usize) -> Life {
        Life(Arc::new(AtomicUsize::new(steps)))
    }

    /// Takes a step, unless the writer has ended.
    fn step(&self) -> Result<(), Error> {
        match self.0.load(Ordering::Relaxed).checked_sub(1) {
            Some(left) => self.0.store(left, Ordering::Relaxed),
            None => return Err(Error::config("the writer has ended")),
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// What survives: a file.
type File = Arc<Mutex<Vec<u8>>>;

/// Writes numbers, a batch of at most `batch` at a time.
struct Paper {
    file: File,
    life: Life,
    batch: usize,
    n_lines: usize,
    text: String,
}

impl Paper {
    /// Each half of a write is a step.
    fn write(&self, base: usize, bytes: &[u8]) -> Result<(), Error> {
        let half = bytes.len() / 2;
        for (at, part) in [(base, &bytes[..half]), (base + half, &bytes[half..])] {
            self.life.step()?;
            let mut file = self.file.lock().unwrap();
            let len = file.len().max(at + part.len());
            file.resize(len, 0);
            file[at..at + part.len()].copy_from_slice(part);
        }
        self.life.step()
    }
}

impl Sink for Paper {
    fn name(&self) -> String {
        "paper".to_owned()
    }

    fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.n_lines >= self.batch {
            // As a file that is full or due: what follows stays for the next batch.
            self.commit(cx)?;
        }
        let Some(Value::U64(number)) = record.args().next() else { panic!("no number") };
        writeln!(self.text, "{number}").unwrap();
        self.n_lines += 1;
        Ok(())
    }

    fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.n_lines == 0 {
            return self.life.step();
        }
        let base = self.file.lock().unwrap().len();
        self.life.step()?;
        cx.journal.intend(&Intent { dev: 1, ino: 1, base: base as u64 }, self.text.as_bytes())?;
        self.life.step()?;
        self.write(base, self.text.as_bytes())?;
        cx.journal.confirm();
        self.text.clear();
        self.n_lines = 0;
        self.life.step()
    }

    fn redo(&mut self, intent: &Intent, bytes: &[u8], _: &mut Context<'_>) -> Result<(), Error> {
        self.write(intent.base as usize, bytes)
    }

    fn pending(&self) -> usize {
        self.text.len()
    }
}

/// What outlives every writer: the queue's folder and the files.
struct World {
    dir: tempfile::TempDir,
    files: [File; 4],
}

const NOTICE: u64 = 1_000_000;
const KEYS: [u64; 4] = [11, 12, 13, 14];

impl World {
    fn new() -> World {
        let mut builder = tempfile::Builder::new();
        builder.permissions(Permissions::from_mode(0o700));
        let dir = builder.tempdir_in("/dev/shm").or_else(|_| builder.tempdir()).unwrap();
        World { dir, files: Default::default() }
    }

    fn queue(&self) -> Queue {
        Queue::open_in(self.dir.path()).unwrap()
    }

    /// All records, in batches of three; all in batches of five; those of one level; none.
    fn routes(&self, queue: &Queue, life: &Life) -> Vec<Route> {
        let filters = [
            Filter::all(),
            Filter::all(),
            Filter::level(Level::Error),
            Filter::level(LevelFilter::OFF),
        ];
        let batches = [3, 5, 2, 1];
        let sinks = filters.into_iter().zip(batches).enumerate();
        let route = |(number, (filter, batch)): (usize, (Filter, usize))| {
            let file = Arc::clone(&self.files[number]);
            let text = String::new();
            let paper = Paper { file, life: life.clone(), batch, n_lines: 0, text };
            let journal = JournalFile::open(queue, KEYS[number]).unwrap();
            let post = Post { at: number, number, trap: Trap::new(|_| ()) };
            Route::new(Box::new(paper), filter, Some(journal), post)
        };
        sinks.map(route).collect()
    }

    /// The life of a writer; whether it came to its end.
    fn write(&self, steps: usize) -> bool {
        let life = Life::new(steps);
        let queue: &'static Queue = Box::leak(Box::new(self.queue()));
        let mut routes = self.routes(queue, &life);
        let mut reader = Reader::new(queue);
        take_over(&mut routes, &reader);
        notice(&mut routes, &reader);
        while !life.is_over() {
            let n_records = pass(&mut routes, &mut reader, &life);
            if n_records == 0 && !life.is_over() {
                routes.iter_mut().for_each(|route| route.trim(&reader));
                return true;
            }
        }
        false
    }

    fn check(&self, n_records: u64, story: &str) {
        let lines = |step: usize| -> String {
            (0..n_records).step_by(step).map(|number| format!("{number}\n")).collect()
        };
        let expected = [lines(1), lines(1), lines(3), String::new()];
        for (number, expected) in expected.iter().enumerate() {
            let found = String::from_utf8(self.files[number].lock().unwrap().clone()).unwrap();
            let found = found.replace(&format!("{NOTICE}\n"), "");
            assert_eq!(found.replace('\n', " "), expected.replace('\n', " "), "{number}: {story}");
        }
    }
}

fn take_over(routes: &mut [Route], reader: &Reader) {
    for route in routes {
        route.take_over(reader);
    }
}

/// A line of the writer's own, which stands in no ring: it is in a batch before any ring was read.
fn notice(routes: &mut [Route], reader: &Reader) {
    let sample = Sample::new("{}").arg(NOTICE).level(Level::Error);
    for route in routes {
        route.record(&sample.record(), &From::default(), reader);
    }
}

/// Reads all that is there in the order of the stamps, and commits after each fourth record.
fn pass(routes: &mut [Route], reader: &mut Reader, life: &Life) -> u64 {
    let t0 = reader.begin();
    let mut heap = BinaryHeap::new();
    for id in reader.active().to_vec() {
        heap.extend(reader.peek(id).map(|stamp| Reverse((stamp, id))));
    }
    let mut n_records = 0;
    while let Some(Reverse((stamp, id))) = heap.pop() {
        if stamp > t0 {
            break;
        }
        let frame = reader.frame(id).unwrap();
        if frame.tag != INTRODUCTION_TAG {
            let number = u64::from_le_bytes(*frame.body.first_chunk().unwrap());
            let level = if number.is_multiple_of(3) { Level::Error } else { Level::Info };
            let sample = Sample::new("{}").arg(number).level(level);
            let from = From { ring: Some(id), origin: 0, stamp };
            for route in routes.iter_mut() {
                route.record(&sample.record(), &from, reader);
            }
            n_records += 1;
        }
        if life.is_over() {
            return n_records;
        }
        reader.next(id);
        if n_records % 4 == 3 && !commit(routes, reader, life) {
            return n_records;
        }
        heap.extend(reader.peek(id).map(|stamp| Reverse((stamp, id))));
    }
    commit(routes, reader, life);
    n_records
}

fn commit(routes: &mut [Route], reader: &mut Reader, life: &Life) -> bool {
    for route in routes {
        let done = route.commit(0, reader);
        if life.is_over() || !done {
            return false;
        }
    }
    let alive = life.step().is_ok();
    reader.release();
    alive && life.step().is_ok()
}

fn put_number(number: u64) {
    put(0, 20, 1, 8, |frame| frame.word(number)).unwrap();
}

/// Puts numbers into the rings of two threads, by turns.
fn put_on_two_threads(numbers: std::ops::Range<u64>) {
    std::thread::scope(|scope| {
        let (done, all_done) = mpsc::channel();
        let threads = [(); 2].map(|()| {
            let (to_thread, inbox) = mpsc::channel();
            let done = done.clone();
            scope.spawn(move || {
                for number in inbox {
                    put_number(number);
                    done.send(()).unwrap();
                }
            });
            to_thread
        });
        for number in numbers {
            threads[number as usize % 2].send(number).unwrap();
            all_done.recv().unwrap();
        }
    });
}

/// Writers that end after so many steps each, and then one that comes to its end. Whether none of
/// the others did.
fn lives(steps: &[usize]) -> bool {
    const FIRST: u64 = 14;
    let world = World::new();
    join(0, world.queue(), JoinOptions::default()).unwrap();
    put_on_two_threads(0..FIRST);
    let mut n_records = FIRST;
    let mut all_cut = true;
    for steps in steps {
        all_cut &= !world.write(*steps);
        put_number(n_records);
        n_records += 1;
    }
    assert!(world.write(usize::MAX));
    leave();
    world.check(n_records, &format!("after {steps:?} steps"));
    all_cut
}

/// The process has one queue at a time.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn whatever_steps_writers_end_at_each_of_several_sinks_has_every_record_once() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let n_steps = (1..).take_while(|steps| lives(&[*steps])).count();
    assert!(n_steps > 60, "{n_steps} steps are no writer");
    for first in 1..=n_steps {
        lives(&[first, 1 + first * 7 % n_steps]);
        lives(&[first, 1 + first % 13, 1 + first * 5 % 31]);
        lives(&[first, 2, 9, 1 + first % 4, 1 + first * 11 % n_steps]);
    }
}
