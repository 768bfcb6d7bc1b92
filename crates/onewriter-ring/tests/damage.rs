//! Segments that somebody scribbled over: the reader goes on, says so, and hurts nobody else.

mod queue;

use onewriter_ring::{Corrupt, INTRODUCTION_TAG, Queue, Reader, put};
use queue::child::Child;
use queue::{Joined, Record, files, joined, merge, never_wait};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const PAGE: u64 = 4096;
/// A control block is 32 words.
const CONTROL: u64 = PAGE;
const TABLE: u64 = PAGE + 4096 * 256;
const DATA: u64 = TABLE + (4 << 20);

fn put_value(value: u64) {
    put(0, 20, 1, 8, |frame| frame.word(value)).unwrap();
}

/// The queue of this process, and the segment of a dead child in it with the values 100 to 109.
fn with_dead_segment(here: &Joined) -> PathBuf {
    Child::that(|| (100..110).for_each(put_value)).kill();
    let names = here.files("s-");
    assert_eq!(names.len(), 1);
    here.queue.dir().join(&names[0])
}

fn scribble(path: &Path, at: u64, word: u64) {
    let file = File::options().write(true).open(path).unwrap();
    file.write_all_at(&word.to_le_bytes(), at).unwrap();
}

fn word_at(path: &Path, at: u64) -> u64 {
    let mut word = [0; 8];
    File::open(path).unwrap().read_exact_at(&mut word, at).unwrap();
    u64::from_le_bytes(word)
}

/// Reads a bounded number of passes of a queue with a fresh reader.
fn read(queue: &'static Queue) -> (Vec<Record>, Vec<Corrupt>) {
    let mut reader = Reader::new(queue);
    let mut records = Vec::new();
    for _ in 0..3 {
        let t0 = reader.begin();
        merge(&mut reader, t0, &mut records);
        for segment in 0..4 {
            reader.new_sites(segment, |_| ());
            let _ = reader.process(segment);
        }
        reader.losses(|_, _| ());
        reader.release();
        let _ = reader.waiting();
    }
    let damage = reader.take_damage().into_iter().map(|it| it.what).collect();
    (records, damage)
}

/// Values of this test's own process, which must all be there.
fn own_values(records: &[Record]) -> Vec<u64> {
    let values = records.iter().map(Record::value);
    values.filter(|value| (70..80).contains(value)).collect()
}

/// Values that somebody who scribbles may write: the extremes, and a plausible one.
const SCRIBBLES: [u64; 9] = [0, 1, 7, 8, 4095, 1 << 20, 1 << 32 | 24, i64::MAX as u64, u64::MAX];

#[test]
fn whatever_any_word_of_a_segment_says_the_reader_ends_and_the_others_records_are_whole() {
    let mut here = joined(never_wait());
    let path = with_dead_segment(&here);
    put_value(71);
    put_value(72);
    let whole = fs::read(&path).unwrap();
    let header = (0..64).map(|word| 8 * word);
    let control = (0..32).map(|word| CONTROL + 8 * word);
    let table = (0..4).map(|word| TABLE + 8 * word);
    let frames = (0..12).map(|word| DATA + 8 * word);
    let mut damaged = 0;
    for at in header.chain(control).chain(table).chain(frames) {
        for scribbled in SCRIBBLES {
            let before = word_at(&path, at);
            scribble(&path, at, scribbled);
            // Heads of the own segment are put back too: each reader begins anew.
            let own = heads(&here, &path);
            let (records, damage) = read(here.queue);
            assert_eq!(own_values(&records), [71, 72], "word {at:#x} says {scribbled:#x}");
            assert!(records.len() < 2_000, "word {at:#x} says {scribbled:#x}: bounded output");
            damaged += usize::from(!damage.is_empty());
            if files(here.queue.dir(), "s-").len() + files(here.queue.dir(), "bad-").len() == 1 {
                // Its maker is dead, and by its own account there was nothing in it.
                fs::write(&path, &whole).unwrap();
            }
            restore(&here, &path, at, before, &own);
        }
    }
    assert!(damaged > 100, "{damaged} scribbles were noticed");
    here.reader.begin();
}

/// The head of each segment's first ring, by path.
fn heads(here: &Joined, scribbled: &Path) -> Vec<(PathBuf, u64)> {
    let segments = here.files("s-").into_iter().map(|name| here.queue.dir().join(name));
    let others = segments.filter(|path| path != scribbled);
    others.map(|path| (path.clone(), word_at(&path, CONTROL + 8 * 16))).collect()
}

fn restore(here: &Joined, path: &Path, at: u64, before: u64, own: &[(PathBuf, u64)]) {
    let name = path.file_name().unwrap().to_str().unwrap();
    let aside = path.with_file_name(format!("bad-{name}"));
    if aside.exists() {
        fs::rename(&aside, path).unwrap();
    }
    // The reader's own words: the head, the waiter and what it has seen of the losses.
    (16..27).for_each(|word| scribble(path, CONTROL + 8 * word, 0));
    scribble(path, at, before);
    own.iter().for_each(|(path, head)| scribble(path, CONTROL + 8 * 16, *head));
    assert_eq!(here.files("s-").len(), 2, "the dead one is not removed before it is drained");
}

#[test]
fn each_kind_of_damage_is_reported_by_its_name() {
    let here = joined(never_wait());
    let path = with_dead_segment(&here);
    let elsewhere = queue::folder();
    let kept = elsewhere.path().join("kept");
    fs::copy(&path, &kept).unwrap();
    let tail = word_at(&path, CONTROL);
    let cases = [
        (CONTROL, tail + 4, Corrupt::Tail),
        (CONTROL, tail + (8 << 10), Corrupt::Tail),
        (CONTROL + 8 * 16, tail + 8, Corrupt::Tail),
        (CONTROL + 8 * 30, 12, Corrupt::Ring),
        (CONTROL + 8 * 31, 12, Corrupt::Ring),
        (DATA, 3, Corrupt::Frame),
        (DATA, 1 << 20, Corrupt::Frame),
        (DATA + 8 * 2, 1 << 29 | 1 << 32 | 24, Corrupt::SideFile),
    ];
    for (at, scribbled, expected) in cases {
        fs::copy(&kept, &path).unwrap();
        scribble(&path, at, scribbled);
        let (_, damage) = read(here.queue);
        assert_eq!(damage.first(), Some(&expected), "word {at:#x} says {scribbled:#x}");
    }
}

#[test]
fn a_missing_side_file_costs_its_record_alone_and_shows_no_other_body() {
    let here = joined(never_wait());
    Child::that(|| {
        put(0, 20, 1, 1 << 20, |frame| frame.word(1)).unwrap();
        put(0, 20, 2, 1 << 20, |frame| frame.word(2)).unwrap();
        put_value(3);
    })
    .kill();
    let second = here.files("b-").into_iter().find(|name| name.ends_with("-2")).unwrap();
    fs::remove_file(here.queue.dir().join(second)).unwrap();
    let (records, damage) = read(here.queue);
    let records = records.iter().filter(|it| it.tag != INTRODUCTION_TAG);
    let bodies: Vec<_> = records.map(|it| (it.tag, it.body.len())).collect();
    assert_eq!(bodies, [(1, 1 << 20), (2, 0), (1, 8)]);
    assert_eq!(damage, [Corrupt::SideFile]);
    assert_eq!(here.files("b-"), [""; 0]);
}

#[test]
fn a_segment_cut_at_any_page_is_read_as_far_as_it_goes() {
    let here = joined(never_wait());
    let path = with_dead_segment(&here);
    let whole = fs::read(&path).unwrap();
    for len in [0, 8, PAGE - 1, PAGE, PAGE + 8, 2 * PAGE, TABLE, DATA, DATA + PAGE] {
        let dir = queue::folder();
        let queue: &'static Queue = Box::leak(Box::new(Queue::open_in(dir.path()).unwrap()));
        let name = path.file_name().unwrap();
        fs::write(dir.path().join(name), &whole[..len as usize]).unwrap();
        let (records, damage) = read(queue);
        assert_eq!(records, [], "{len} bytes");
        let expected = match len {
            0..PAGE => vec![Corrupt::Segment],
            PAGE => vec![Corrupt::Ring],
            _ => vec![Corrupt::Ring],
        };
        assert_eq!(damage, expected, "{len} bytes");
    }
}

#[test]
fn a_process_that_could_not_register_for_barriers_makes_the_order_inexact_and_it_is_said() {
    let here = joined(never_wait());
    let path = with_dead_segment(&here);
    let mut reader = Reader::new(here.queue);
    reader.begin();
    reader.begin();
    let exact = reader.order_is_exact();
    scribble(&path, 8 * 6, 1);
    let mut reader = Reader::new(here.queue);
    reader.begin();
    reader.begin();
    assert!(!reader.order_is_exact(), "it was {exact} before");
}

#[test]
fn foreign_files_are_left_alone_and_those_called_like_segments_set_aside_once() {
    let mut here = joined(never_wait());
    let dir = here.queue.dir().to_owned();
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    fs::write(dir.join("s-text"), vec![b'x'; 8192]).unwrap();
    fs::create_dir(dir.join("s-folder")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", dir.join("s-link")).unwrap();
    put_value(1);
    assert_eq!(here.values(), [1]);
    let mut names = files(&dir, "bad-");
    names.sort();
    assert_eq!(names, ["bad-s-folder", "bad-s-link", "bad-s-text"]);
    assert_eq!(fs::read_to_string(dir.join("notes.txt")).unwrap(), "mine");
    let damage: Vec<_> = here.reader.take_damage().into_iter().map(|it| it.what).collect();
    assert_eq!(damage, [Corrupt::Segment; 3]);
    put_value(2);
    assert_eq!(here.values(), [2]);
    assert_eq!(here.reader.take_damage(), []);
    here.queue.remove_if_private();
    assert!(dir.join("notes.txt").exists(), "a folder that is not empty stays");
}

#[test]
fn a_segment_that_cannot_be_opened_for_want_of_descriptors_is_opened_later() {
    let here = joined(never_wait());
    let path = with_dead_segment(&here);
    let mut taken = Vec::new();
    let mut reader = Reader::new(here.queue);
    let before = limit_descriptors(256);
    // The folder can still be read with the last descriptors, the segment not opened.
    while let Ok(file) = File::open("/dev/null") {
        taken.push(file);
    }
    taken.pop();
    reader.begin();
    assert_eq!(reader.counts(), (0, 0));
    drop(taken);
    limit_descriptors(before);
    assert!(path.exists(), "it keeps its name");
    let (records, damage) = read(here.queue);
    assert_eq!((records.len(), damage.len()), (11, 0), "ten records and their introduction");
}

/// Sets how many descriptors this process may have; how many it could have before.
fn limit_descriptors(n: libc::rlim_t) -> libc::rlim_t {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel reads and writes one `rlimit`.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        let before = std::mem::replace(&mut limit.rlim_cur, n);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        before
    }
}
