//! Files of a queue that somebody cuts while they are mapped: nobody dies, nobody else loses anything.

mod queue;

use onewriter_ring::{Corrupt, JournalFile, Pending, Place, PutError, Reader, put};
use queue::child::Child;
use queue::{Record, joined, merge, never_wait};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: u64 = 4096;
const TABLE: u64 = PAGE + 4096 * 256;
const DATA: u64 = TABLE + (4 << 20);
/// A thread's first ring.
const RING: u64 = 8 << 10;

fn put_value(value: u64) {
    put(0, 20, 1, 8, |frame| frame.word(value)).unwrap();
}

fn cut(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn values(records: &[Record]) -> Vec<u64> {
    let records = records.iter().filter(|it| it.tag != onewriter_ring::INTRODUCTION_TAG);
    records.map(Record::value).collect()
}

/// The one segment in the queue's folder that is not among these.
fn new_segment(here: &queue::Joined, known: &[PathBuf]) -> PathBuf {
    let paths = here.files("s-").into_iter().map(|name| here.queue.dir().join(name));
    let mut new = paths.filter(|path| !known.contains(path));
    let found = new.next().expect("a segment");
    assert_eq!(new.next(), None);
    found
}

#[test]
fn a_segment_that_is_cut_while_it_is_read_costs_what_stood_in_it_and_is_told_once() {
    for len in [0, PAGE, 2 * PAGE, TABLE, TABLE + PAGE, DATA, DATA + PAGE] {
        let mut here = joined(never_wait());
        put_value(71);
        let own = new_segment(&here, &[]);
        // The last of the values stands behind the first page of its ring.
        let child = Child::that(|| (0..300).for_each(put_value));
        let path = new_segment(&here, std::slice::from_ref(&own));
        let t0 = here.reader.begin();
        cut(&path, len);
        let mut records = Vec::new();
        merge(&mut here.reader, t0, &mut records);
        here.reader.release();
        put_value(72);
        let t0 = here.reader.begin();
        merge(&mut here.reader, t0, &mut records);
        here.reader.release();
        assert_eq!(values(&records), [71, 72], "{len} bytes");
        let damage = here.reader.take_damage();
        let found: Vec<_> = damage.iter().map(|it| (it.process, it.what, it.bytes)).collect();
        // 300 records of 24 bytes and the introduction, an empty frame.
        let expected = (child.pid as u32, Corrupt::Truncated, 300 * 24 + 16);
        assert_eq!(found, [expected], "{len} bytes");
        here.reader.begin();
        assert_eq!(here.reader.take_damage(), [], "{len} bytes");
        child.kill();
        here.reader.remove_dead_segments();
        assert!(!path.exists(), "a dead process's segment goes, cut or not");
        assert_eq!(here.reader.take_damage(), []);
    }
}

#[test]
fn a_cut_behind_a_ring_leaves_that_ring_as_it_is() {
    let mut here = joined(never_wait());
    let child = Child::that(|| {
        put_value(1);
        // A second thread has the second ring, behind the first one.
        std::thread::scope(|scope| scope.spawn(|| put_value(2)).join().unwrap());
    });
    let path = new_segment(&here, &[]);
    assert_eq!(values(&here.pass()), [1, 2]);
    cut(&path, DATA + RING);
    assert_eq!(here.reader.take_damage(), []);
    child.kill();
    here.reader.remove_dead_segments();
    assert!(!path.exists());
}

#[test]
fn a_segment_that_is_cut_and_grown_without_end_ends_no_reader() {
    let here = joined(never_wait());
    let child = Child::that(|| (0..300).for_each(put_value));
    let path = new_segment(&here, &[]);
    let file = File::options().write(true).open(&path).unwrap();
    let whole = file.metadata().unwrap().len();
    put_value(71);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for len in [0, PAGE, 2 * PAGE, TABLE, DATA, DATA + PAGE].into_iter().cycle() {
                file.set_len(len).unwrap();
                file.set_len(whole).unwrap();
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        for _ in 0..300 {
            let mut reader = Reader::new(here.queue);
            let mut records = Vec::new();
            for _ in 0..2 {
                let t0 = reader.begin();
                merge(&mut reader, t0, &mut records);
                (0..2).for_each(|segment| reader.new_sites(segment, |_| ()));
                reader.losses(|_, _| ());
                let _ = (reader.has_news(), reader.waiting());
            }
            assert!(values(&records).contains(&71), "the others' records");
            assert!(records.len() <= 2 * 302);
            assert!(reader.take_damage().len() <= 8);
            if !path.exists() {
                // Met while its header was cut: then it is called otherwise.
                let name = path.file_name().unwrap().to_str().unwrap();
                std::fs::rename(path.with_file_name(format!("bad-{name}")), &path).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    child.kill();
}

#[test]
fn a_journal_that_is_cut_is_made_anew_and_holds_the_next_write() {
    let here = joined(never_wait());
    let mut journal = JournalFile::open(here.queue, 1).unwrap();
    let path = here.queue.dir().join(here.files("j-").remove(0));
    let place = Place { dev: 1, ino: 2, base: 3 };
    let cursor = onewriter_ring::Cursor { segment: 9, ring: 0, pos: 8 };
    for len in [0, PAGE, PAGE + (2 << 20), PAGE + (4 << 20)] {
        journal.intend(place, b"before\n", [cursor].into_iter()).unwrap();
        journal.confirm();
        cut(&path, len);
        journal.intend(place, b"after\n", [cursor].into_iter()).unwrap();
        let successor = JournalFile::open(here.queue, 1).unwrap();
        let expected = Pending { place, bytes: b"after\n".to_vec() };
        assert_eq!(successor.pending(), Some(expected), "{len} bytes");
        assert_eq!(successor.cursors(), [cursor], "{len} bytes");
        // Cut under the successor too: it has nothing to repeat, and no zeros to write.
        cut(&path, len);
        assert!(successor.pending().is_none() || len > PAGE, "{len} bytes");
        journal.confirm();
    }
}

#[test]
fn a_journal_that_is_cut_without_end_is_an_error_that_says_so() {
    let here = joined(never_wait());
    let mut journal = JournalFile::open(here.queue, 1).unwrap();
    let path = here.queue.dir().join(here.files("j-").remove(0));
    let place = Place { dev: 1, ino: 2, base: 3 };
    // Whenever the cursors are asked for, the file is cut.
    let cursors = std::iter::from_fn(|| {
        cut(&path, 0);
        None
    });
    let refused = journal.intend(place, b"bytes\n", cursors).unwrap_err();
    let expected = format!(
        "{} is cut again and again while a write is staged in it: find out by whom",
        path.display()
    );
    assert_eq!(refused.to_string(), expected);
    journal.intend(place, b"bytes\n", [].into_iter()).unwrap();
    assert_eq!(journal.pending(), Some(Pending { place, bytes: b"bytes\n".to_vec() }));
}

#[test]
fn a_doorbell_that_is_cut_is_told_once_and_records_are_still_read() {
    let mut here = joined(never_wait());
    put_value(1);
    assert_eq!(here.values(), [1]);
    cut(&here.queue.dir().join("bell"), 0);
    put_value(2);
    assert_eq!(here.values(), [2]);
    let damage = here.reader.take_damage();
    let told: Vec<_> = damage.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["the doorbell was cut while it was in use: records are still written, up to a second \
          later; end all programs of this queue when you can"]
    );
    put_value(3);
    assert_eq!(here.values(), [3]);
    assert_eq!(here.reader.take_damage(), []);
}

/// The segment that this very process has made.
fn own_segment(here: &queue::Joined) -> PathBuf {
    let paths = here.files("s-").into_iter().map(|name| here.queue.dir().join(name));
    let id = u64::from(std::process::id());
    let mut own = paths.filter(|path| {
        let bytes = std::fs::read(path).unwrap();
        bytes[32..40] == id.to_le_bytes()
    });
    own.next().expect("this process has put something")
}

#[test]
fn a_cut_in_the_middle_of_a_put_fails_that_put() {
    let here = joined(never_wait());
    let child = Child::that(|| {
        put_value(1);
        let path = own_segment(&here);
        let put = put(0, 20, 1, 16, |frame| {
            frame.word(1);
            cut(&path, 0);
            frame.word(2);
        });
        assert_eq!(put, Err(PutError::Cut));
    });
    child.kill();
}
