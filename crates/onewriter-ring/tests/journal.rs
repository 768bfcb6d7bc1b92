//! The journal of a sink in its file: what the one who takes over finds.

mod queue;

use onewriter_ring::{Cursor, JournalFile, Pending, Place, Queue};
use queue::folder;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

const PLACE: Place = Place { dev: 5, ino: 6, base: 7_000_000_000 };

fn cursor(ring: u32) -> Cursor {
    Cursor { segment: u128::MAX - u128::from(ring), ring, pos: 1 << 40 }
}

fn open(dir: &Path, key: u64) -> JournalFile {
    JournalFile::open(&Queue::open_in(dir).unwrap(), key).unwrap()
}

#[test]
fn a_write_is_pending_from_its_intent_to_its_confirmation_for_everybody() {
    let dir = folder();
    let mut journal = open(dir.path(), 1);
    assert_eq!(journal.pending(), None);
    for len in [0, 1, 8, 100_001] {
        let bytes: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let cursors: Vec<Cursor> = (0..len as u32 % 100).map(cursor).collect();
        journal.intend(PLACE, &bytes, cursors.iter().copied()).unwrap();
        let expected = Some(Pending { place: PLACE, bytes });
        assert_eq!(journal.pending(), expected);
        let successor = open(dir.path(), 1);
        assert_eq!((successor.pending(), successor.cursors()), (expected, cursors.clone()));
        journal.confirm();
        assert_eq!(journal.pending(), None);
        let successor = open(dir.path(), 1);
        assert_eq!((successor.pending(), successor.cursors()), (None, cursors));
    }
}

#[test]
fn what_is_left_of_a_parted_write_is_pending_for_everybody_with_the_cursors_of_the_whole() {
    let dir = folder();
    let mut journal = open(dir.path(), 1);
    let rest = Place { base: 12, ..PLACE };
    let refused = journal.part(rest, 0, false).unwrap_err();
    assert_eq!(refused.to_string(), "no write of 0 bytes or more is announced");
    let cursors: Vec<Cursor> = (0..5_000).map(cursor).collect();
    let lines = "a line\n".repeat(20_000);
    journal.intend(PLACE, lines.as_bytes(), cursors.iter().copied()).unwrap();
    assert!(journal.part(rest, lines.len() + 1, false).is_err());
    journal.part(rest, 7 * 9_999, true).unwrap();
    let left = format!("\n{}", "a line\n".repeat(10_001));
    for journal in [&journal, &open(dir.path(), 1)] {
        let pending = journal.pending().unwrap();
        assert_eq!(pending.place, rest);
        assert!(pending.bytes == left.as_bytes());
        assert_eq!(journal.cursors(), cursors);
    }
    journal.confirm();
    assert_eq!((journal.pending(), journal.cursors()), (None, cursors));
}

#[test]
fn each_key_has_a_journal_of_its_own() {
    let dir = folder();
    open(dir.path(), 1).intend(PLACE, b"one", [].into_iter()).unwrap();
    assert_eq!(open(dir.path(), 2).pending(), None);
    assert_eq!(open(dir.path(), 1).pending().map(|it| it.bytes), Some(b"one".to_vec()));
    assert_eq!(queue::files(dir.path(), "j-").len(), 2);
}

#[test]
fn as_many_cursors_as_rings_are_possible_have_room_and_no_more() {
    let dir = folder();
    let mut journal = open(dir.path(), 1);
    let most = (2 << 20) / 32;
    journal.intend(PLACE, b"x", (0..most).map(cursor)).unwrap();
    assert_eq!(journal.cursors().len(), most as usize);
    journal.confirm();
    let refused = journal.intend(PLACE, b"x", (0..=most).map(cursor)).unwrap_err();
    assert_eq!(refused.to_string(), "more rings than a journal has room for");
    assert_eq!((journal.pending(), journal.cursors().len()), (None, most as usize));
}

#[test]
fn a_journal_of_another_version_is_refused_and_says_what_to_do() {
    let dir = folder();
    let mut journal = open(dir.path(), 1);
    journal.intend(PLACE, b"kept", [].into_iter()).unwrap();
    let path = dir.path().join("j-0000000000000001");
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.write_all_at(&2u64.to_le_bytes(), 8).unwrap();
    let refused = JournalFile::open(&Queue::open_in(dir.path()).unwrap(), 1).unwrap_err();
    let expected = format!(
        "{} was made by another version of onewriter: remove it once its records are safe",
        path.display()
    );
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn whatever_the_words_of_a_journal_say_it_is_read_or_not_pending() {
    let dir = folder();
    let path = dir.path().join("j-0000000000000001");
    open(dir.path(), 1).intend(PLACE, b"some bytes", [cursor(1)].into_iter()).unwrap();
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    for word in 8..32 {
        for scribbled in [0, 2, 4096, 1 << 30, 1 << 62, u64::MAX] {
            let mut before = [0; 8];
            file.read_exact_at(&mut before, 8 * word).unwrap();
            file.write_all_at(&scribbled.to_le_bytes(), 8 * word).unwrap();
            let journal = open(dir.path(), 1);
            assert!(journal.cursors().len() <= 65_536);
            assert!(journal.pending().is_none_or(|pending| pending.bytes.len() <= 65_536));
            file.write_all_at(&before, 8 * word).unwrap();
        }
    }
    assert_eq!(open(dir.path(), 1).pending().map(|it| it.bytes), Some(b"some bytes".to_vec()));
}

#[test]
fn a_file_that_is_no_journal_becomes_an_empty_one() {
    let dir = folder();
    let path = dir.path().join("j-0000000000000001");
    drop(Queue::open_in(dir.path()).unwrap());
    fs::write(&path, [1; 9000]).unwrap();
    let mut journal = open(dir.path(), 1);
    assert_eq!(journal.pending(), None);
    journal.intend(PLACE, b"new", [].into_iter()).unwrap();
    assert_eq!(journal.pending().map(|it| it.bytes), Some(b"new".to_vec()));
}
