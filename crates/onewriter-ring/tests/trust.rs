//! Nothing in the queue's folder is believed: planted files, floods, numbers that cannot be.

mod queue;

use onewriter_ring::{Corrupt, Damage, INTRODUCTION_TAG, Reader, put};
use queue::child::Child;
use queue::{Joined, joined, merge, never_wait};
use std::ffi::CString;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

const PAGE: u64 = 4096;
/// A control block is 32 words.
const CONTROL: u64 = PAGE;
const DATA: u64 = PAGE + 4096 * 256 + (4 << 20);
/// The bit of a frame's first word that says: the body is in a side file.
const SIDE: u64 = 1 << 29;

fn put_value(value: u64) {
    put(0, 20, 1, 8, |frame| frame.word(value)).unwrap();
}

fn put_large(tag: u32) {
    put(0, 20, tag, 1 << 20, |frame| frame.word(tag.into())).unwrap();
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

/// The one segment in the folder.
fn segment(here: &Joined) -> PathBuf {
    let names = here.files("s-");
    assert_eq!(names.len(), 1);
    here.queue.dir().join(&names[0])
}

fn kinds(damage: &[Damage]) -> Vec<Corrupt> {
    damage.iter().map(|it| it.what).collect()
}

#[test]
fn a_segment_of_another_user_is_set_aside_with_both_users() {
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        // Only root can give a file away; everybody is told the same.
        return;
    }
    let mut here = joined(never_wait());
    Child::that(|| put_value(1)).kill();
    let path = segment(&here);
    std::os::unix::fs::chown(&path, Some(12_345), None).unwrap();
    assert_eq!(here.values(), [0; 0]);
    let damage = here.reader.take_damage();
    assert_eq!(kinds(&damage), [Corrupt::Owner { uid: 12_345, expected: 0 }]);
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(damage[0].file, name);
    assert_eq!(here.files("bad-"), [format!("bad-{name}")]);
}

#[test]
fn a_segment_with_a_second_name_is_set_aside() {
    let mut here = joined(never_wait());
    let elsewhere = queue::folder();
    Child::that(|| put_value(1)).kill();
    fs::hard_link(segment(&here), elsewhere.path().join("link")).unwrap();
    assert_eq!(here.values(), [0; 0]);
    assert_eq!(kinds(&here.reader.take_damage()), [Corrupt::Links { count: 2 }]);
    assert_eq!((here.files("s-").len(), here.files("bad-").len()), (0, 1));
}

#[test]
fn a_segment_under_another_name_than_its_own_is_set_aside_and_doubles_nothing() {
    let mut here = joined(never_wait());
    Child::that(|| put_value(1)).kill();
    let twin = format!("s-{:032x}", 7);
    fs::copy(segment(&here), here.queue.dir().join(&twin)).unwrap();
    assert_eq!(here.values(), [1]);
    assert_eq!(kinds(&here.reader.take_damage()), [Corrupt::Segment]);
    assert_eq!(here.files("bad-"), [format!("bad-{twin}")]);
}

/// Puts something else in the place of the one side file.
type Planted = fn(&Path);

#[test]
fn a_side_file_that_its_process_did_not_make_is_not_read() {
    let planted: [(&str, Planted); 5] = [
        ("a link", |path| {
            let target = path.with_file_name("target");
            fs::rename(path, &target).unwrap();
            symlink(&target, path).unwrap();
        }),
        ("a file with a second name", |path| {
            fs::hard_link(path, path.with_file_name("target")).unwrap();
        }),
        ("a file with holes", |path| {
            fs::remove_file(path).unwrap();
            File::create_new(path).unwrap().set_len(1 << 20).unwrap();
        }),
        ("a pipe", |path| {
            fs::remove_file(path).unwrap();
            let name = CString::new(path.as_os_str().as_bytes()).unwrap();
            // SAFETY: a string that ends with a zero.
            assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        }),
        ("a folder", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (what, plant) in planted {
        let mut here = joined(never_wait());
        Child::that(|| {
            put_large(1);
            put_value(2);
        })
        .kill();
        plant(&here.queue.dir().join(&here.files("b-")[0]));
        let records = here.drain();
        let found: Vec<_> = records.iter().map(|it| it.body.len()).collect();
        assert_eq!(found, [0, 8], "{what}");
        assert_eq!(kinds(&here.reader.take_damage()), [Corrupt::SideFile], "{what}");
        if here.queue.dir().join("target").exists() {
            assert_eq!(fs::metadata(here.queue.dir().join("target")).unwrap().len(), 1 << 20);
        }
    }
}

#[test]
fn a_ring_full_of_references_to_one_side_file_reads_it_once() {
    let mut here = joined(never_wait());
    Child::that(|| put_large(1)).kill();
    let path = segment(&here);
    // Behind the introduction, an empty frame, stands the reference: it is repeated up to the end.
    let reference = [SIDE | 1 << 32 | 32, word_at(&path, DATA + 24), 1, 1 << 20];
    for frame in 0..200 {
        for (at, word) in (0..).zip(reference) {
            scribble(&path, DATA + 16 + 32 * frame + 8 * at, word);
        }
    }
    scribble(&path, CONTROL, 16 + 32 * 200);
    let bodies: Vec<_> = here.drain().iter().map(|it| it.body.len()).collect();
    let expected: Vec<_> = std::iter::once(1 << 20).chain([0; 199]).collect();
    assert_eq!(bodies, expected);
    let damage = here.reader.take_damage();
    let found: Vec<_> = damage.iter().map(|it| (it.what, it.count)).collect();
    assert_eq!(found, [(Corrupt::SideFile, 199)]);
}

#[test]
fn a_ring_that_is_refilled_during_a_pass_does_not_extend_it_and_others_have_their_turn() {
    let mut here = joined(never_wait());
    let fill = || {
        let mut n_put = 0;
        while n_put < 1000 && onewriter_ring::try_put(0, 20, 1, 8, |it| it.word(1)).is_ok() {
            n_put += 1;
        }
        n_put
    };
    let mut n_put = fill();
    std::thread::scope(|scope| scope.spawn(|| put_value(2)).join().unwrap());
    for _ in 0..3 {
        let t0 = here.reader.begin();
        let mut seen = [0, 0];
        // The other one is the younger: it comes last in the merge of the first pass.
        while let Some(ring) = next_of(&mut here.reader, t0) {
            let frame = here.reader.frame(ring).unwrap();
            if frame.tag != INTRODUCTION_TAG {
                let value = frame.body[0];
                seen[usize::from(value - 1)] += 1;
            }
            here.reader.next(ring);
            // The flood has all the room back at once, and uses it.
            here.reader.release();
            n_put += fill();
            assert!(seen[0] <= 200_000, "the pass does not end");
        }
        assert!(seen[0] <= n_put, "no more than stood there");
        if seen[1] == 1 {
            return;
        }
    }
    panic!("the other thread's record was not read");
}

/// The ring with the oldest frame up to `t0`.
fn next_of(reader: &mut Reader, t0: u64) -> Option<onewriter_ring::RingId> {
    let active = reader.active().to_vec();
    let stamps = active.into_iter().filter_map(|ring| Some((reader.peek(ring)?, ring)));
    stamps.filter(|(stamp, _)| *stamp <= t0).min().map(|(_, ring)| ring)
}

#[test]
fn a_segment_that_is_broken_again_and_again_is_read_no_more_and_that_is_told_once() {
    let mut here = joined(never_wait());
    let child = Child::that(|| put_value(1));
    let path = segment(&here);
    assert_eq!(here.values(), [1]);
    let mut told = Vec::new();
    for round in 0..200 {
        let tail = word_at(&path, CONTROL);
        // A frame of three bytes.
        scribble(&path, DATA + tail % (8 << 10), 3);
        scribble(&path, CONTROL, tail + 8);
        here.pass();
        let damage = here.reader.take_damage();
        told.extend(damage.into_iter().map(|it| (round, it.what, it.process)));
    }
    let process = child.pid as u32;
    let mut expected: Vec<_> = (0..64).map(|round| (round, Corrupt::Frame, process)).collect();
    expected.insert(63, (63, Corrupt::Quarantined, process));
    assert_eq!(told, expected);
    child.kill();
    here.reader.remove_dead_segments();
    assert!(!path.exists(), "it goes with its process");
}

#[test]
fn counts_of_losses_that_cannot_be_are_cut() {
    let mut here = joined(never_wait());
    let child = Child::that(|| put_value(1));
    let path = segment(&here);
    assert_eq!(here.values(), [1]);
    scribble(&path, CONTROL + 8, u64::MAX);
    (0..8).for_each(|class| scribble(&path, CONTROL + 8 * (2 + class), u64::MAX - class));
    let losses = here.losses();
    assert_eq!((losses.count, losses.by_class), (8 << 32, [1 << 32; 8]));
    // And back again: nobody unloses.
    scribble(&path, CONTROL + 8, 1);
    (0..8).for_each(|class| scribble(&path, CONTROL + 8 * (2 + class), 1));
    assert_eq!(here.losses().count, 0);
    child.kill();
}

#[test]
fn stamps_from_the_future_and_from_the_past_are_moved_to_where_they_can_be() {
    let here = joined(never_wait());
    let child = Child::that(|| (1..=3).for_each(put_value));
    let path = segment(&here);
    // The introduction has 16 bytes, each record 24.
    let first = word_at(&path, DATA + 16 + 8);
    scribble(&path, DATA + 16 + 24 + 8, u64::MAX);
    scribble(&path, DATA + 16 + 48 + 8, 0);
    let mut reader = Reader::new(here.queue);
    let t0 = reader.begin();
    let mut records = Vec::new();
    merge(&mut reader, t0, &mut records);
    let stamps: Vec<_> = records.iter().skip(1).map(|it| (it.value(), it.stamp)).collect();
    assert_eq!(stamps, [(1, first), (2, t0), (3, t0)]);
    child.kill();
}
