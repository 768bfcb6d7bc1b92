//! A queue in a folder of its own, joined by this process, and its reader.
// Each test file uses its part of this.
#![allow(dead_code)]

pub mod child;

use onewriter_ring::{
    Cursor, INTRODUCTION_TAG, JoinOptions, Losses, Overflow, Queue, Reader, RingId, join, leave,
};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A process has one queue at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub struct Joined {
    pub queue: &'static Queue,
    pub reader: Reader,
    /// Bodies of the frames that introduce threads, as they came.
    pub introductions: Vec<Vec<u8>>,
    _dir: Option<tempfile::TempDir>,
    _turn: MutexGuard<'static, ()>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub ring: RingId,
    pub tag: u32,
    pub stamp: u64,
    pub body: Vec<u8>,
}

impl Record {
    /// The first word of the body.
    pub fn value(&self) -> u64 {
        self.body.first_chunk().map_or(u64::MAX, |word| u64::from_le_bytes(*word))
    }
}

/// A folder as a queue wants it: this user's alone, in memory.
pub fn folder() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    // Called like the folder of a private queue.
    builder.prefix("p-").permissions(Permissions::from_mode(0o700));
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.expect("a folder for the test")
}

/// Options under which no put waits.
pub fn never_wait() -> JoinOptions {
    JoinOptions {
        overflow: Box::new(|_| Overflow { wait: Duration::ZERO }),
        ..JoinOptions::default()
    }
}

pub fn joined(options: JoinOptions) -> Joined {
    let dir = folder();
    let mut joined = joined_in(dir.path(), options);
    joined._dir = Some(dir);
    joined
}

/// The same in a folder of the caller's.
pub fn joined_in(dir: &Path, options: JoinOptions) -> Joined {
    let turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let queue = join(0, Queue::open_in(dir).expect("a queue"), options).expect("joined");
    let reader = Reader::new(queue);
    Joined { queue, reader, introductions: Vec::new(), _dir: None, _turn: turn }
}

impl Drop for Joined {
    fn drop(&mut self) {
        leave();
    }
}

impl Joined {
    /// One pass: what was put before it, in the order of the merge, without introductions.
    pub fn pass(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        let t0 = self.reader.begin();
        merge(&mut self.reader, t0, &mut records);
        self.reader.release();
        let (introductions, records): (Vec<Record>, Vec<Record>) =
            records.into_iter().partition(|it| it.tag == INTRODUCTION_TAG);
        self.introductions.extend(introductions.into_iter().map(|it| it.body));
        records
    }

    /// Passes until nothing is left; while others put this may take for ever.
    pub fn drain(&mut self) -> Vec<Record> {
        let mut records = Vec::new();
        loop {
            records.extend(self.pass());
            if self.reader.active().is_empty() && !self.reader.has_news() {
                return records;
            }
        }
    }

    /// The values of what was put, in the order of the merge.
    pub fn values(&mut self) -> Vec<u64> {
        self.drain().iter().map(Record::value).collect()
    }

    /// All losses since the last call, added up; they are told with that.
    pub fn losses(&mut self) -> Losses {
        // Rings become known in a pass.
        self.reader.begin();
        let mut sum = Losses::default();
        self.reader.losses(|_, losses| {
            sum.first = if sum.count == 0 { losses.first } else { sum.first.min(losses.first) };
            sum.last = sum.last.max(losses.last);
            sum.count += losses.count;
            (0..8).for_each(|class| sum.by_class[class] += losses.by_class[class]);
        });
        self.reader.tell_losses();
        sum
    }

    pub fn cursors(&self) -> Vec<Cursor> {
        self.reader.cursors().collect()
    }

    /// Names of files in the queue's folder that begin so.
    pub fn files(&self, prefix: &str) -> Vec<String> {
        files(self.queue.dir(), prefix)
    }
}

pub fn files(dir: &Path, prefix: &str) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("the folder can be read").flatten();
    let names = entries.map(|it| it.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// Merges what one pass has in view; how many frames that were.
pub fn merge(reader: &mut Reader, t0: u64, out: &mut Vec<Record>) -> usize {
    let active = reader.active().to_vec();
    let mut heap: BinaryHeap<_> =
        active.into_iter().filter_map(|ring| Some(Reverse((reader.peek(ring)?, ring)))).collect();
    let before = out.len();
    while let Some(Reverse((stamp, ring))) = heap.pop() {
        if stamp > t0 {
            break;
        }
        let frame = reader.frame(ring).expect("it was peeked at");
        out.push(Record { ring, tag: frame.tag, stamp, body: frame.body.to_vec() });
        reader.next(ring);
        heap.extend(reader.peek(ring).map(|stamp| Reverse((stamp, ring))));
    }
    out.len() - before
}
