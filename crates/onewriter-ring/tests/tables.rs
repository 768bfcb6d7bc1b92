//! Call-site tables of several segments: registration while queues are joined and left, and while
//! children are forked.

mod queue;

use onewriter_ring::{INTRODUCTION_TAG, Queue, join, put, register};
use queue::child::Child;
use queue::{files, folder, joined, never_wait};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

const THREADS: usize = 3;
const SITES: usize = 400;

/// Bytes of many lengths, each once.
fn site(thread: usize, number: usize) -> Vec<u8> {
    let mut bytes = format!("site {number} of {thread}").into_bytes();
    bytes.resize(bytes.len() + number % 11, b'.');
    bytes
}

/// The table of a segment's file, as `docs/format.md` has it.
fn table(path: &Path) -> Vec<Vec<u8>> {
    const TABLE_LEN: usize = 48;
    const TABLE_START: usize = 1_052_672;
    let bytes = std::fs::read(path).unwrap();
    let word = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
    let (mut at, end) = (TABLE_START, TABLE_START + word(8 * TABLE_LEN));
    let mut entries = Vec::new();
    while at < end {
        let len = word(at);
        entries.push(bytes[at + 8..at + 8 + len].to_vec());
        at += 8 + len.next_multiple_of(8);
    }
    assert_eq!(at, end, "entries stand one behind the other");
    entries
}

/// The tables of a queue's segments, behind the first `base` entries.
fn tables(dir: &Path, base: u32) -> Vec<Vec<Vec<u8>>> {
    let table = |name: &String| table(&dir.join(name)).split_off(base as usize);
    files(dir, "s-").iter().map(table).collect()
}

/// Registers call sites and puts records that refer to them, into whatever queues there are.
fn registers(thread: usize, n_done: &AtomicUsize) -> Vec<(u32, Vec<u8>)> {
    let numbered = |number| {
        let bytes = site(thread, number);
        let number = register(&bytes).expect("there is room");
        put(0, 20, number, 8, |frame| frame.word(7)).expect("there is room");
        // It may just have been left.
        let _ = put(1, 20, number, 8, |frame| frame.word(7));
        (number, bytes)
    };
    let numbers = (0..SITES).map(numbered).collect();
    n_done.fetch_add(1, Ordering::SeqCst);
    numbers
}

/// By number, behind `base`; each number was given once.
fn in_order(base: u32, mut numbers: Vec<(u32, Vec<u8>)>) -> Vec<Vec<u8>> {
    numbers.sort();
    let (numbers, sites): (Vec<u32>, Vec<Vec<u8>>) = numbers.into_iter().unzip();
    assert!(numbers.into_iter().eq(base + 1..=base + (THREADS * SITES) as u32));
    sites
}

/// A call site before those of a test; its number: another test may have registered some before.
fn base() -> u32 {
    register(b"the first").expect("there is room")
}

#[test]
fn numbers_are_the_same_in_all_segments_whoever_joins_meanwhile_and_no_record_is_ahead_of_its_entry()
 {
    let mut here = joined(never_wait());
    let base = base();
    let (n_done, start) = (AtomicUsize::new(0), Barrier::new(THREADS + 1));
    let mut folders = Vec::new();
    let mut n_published: HashMap<u32, u32> = HashMap::new();
    let numbers = std::thread::scope(|scope| {
        let spawn = |thread| {
            let (n_done, start) = (&n_done, &start);
            scope.spawn(move || {
                start.wait();
                registers(thread, n_done)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        start.wait();
        while n_done.load(Ordering::SeqCst) < THREADS {
            let dir = folder();
            join(1, Queue::open_in(dir.path()).unwrap(), never_wait()).unwrap();
            put(1, 20, INTRODUCTION_TAG, 0, |_| ()).unwrap();
            folders.push(dir);
            for record in here.pass() {
                let published = n_published.entry(record.ring.segment).or_default();
                here.reader.new_sites(record.ring.segment, |_| *published += 1);
                assert!(record.tag <= *published, "{} of {published} entries", record.tag);
            }
        }
        threads.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let sites = in_order(base, numbers);
    assert!(tables(here.queue.dir(), base) == [&sites[..]]);
    for (number, dir) in folders.iter().enumerate() {
        for table in tables(dir.path(), base) {
            assert!(sites.starts_with(&table), "queue {number} has other numbers");
        }
    }
    let last = folders.last().expect("one was joined");
    assert!(tables(last.path(), base) == [sites]);
}

#[test]
fn a_child_that_is_forked_while_others_register_goes_on_behind_what_it_has_inherited() {
    let here = joined(never_wait());
    let base = base();
    let (n_done, start) = (AtomicUsize::new(0), Barrier::new(THREADS + 1));
    let other = folder();
    join(1, Queue::open_in(other.path()).unwrap(), never_wait()).unwrap();
    let numbers = std::thread::scope(|scope| {
        let spawn = |thread| {
            let (n_done, start) = (&n_done, &start);
            scope.spawn(move || {
                start.wait();
                registers(thread, n_done)
            })
        };
        let threads: Vec<_> = (0..THREADS).map(spawn).collect();
        start.wait();
        for child in 0..10 {
            let name = format!("a site of child {child}").into_bytes();
            let in_both = move || {
                let number = register(&name).unwrap();
                assert_eq!(register(&name), Some(number + 1));
                put(0, 20, number, 8, |frame| frame.word(u64::from(number))).unwrap();
                put(1, 20, number, 8, |frame| frame.word(u64::from(number))).unwrap();
            };
            Child::that(in_both).kill();
        }
        threads.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let sites = in_order(base, numbers);
    let by_child = |dir: &Path| {
        let mut by_child = HashMap::new();
        for table in tables(dir, base) {
            let own = table.iter().position(|entry| entry.starts_with(b"a site of child"));
            let (inherited, own) = table.split_at(own.unwrap_or(table.len()));
            assert!(sites.starts_with(inherited), "what is inherited keeps its numbers");
            let name = own.first().cloned().unwrap_or_default();
            assert!(own.is_empty() && table == sites || own == [name.clone(), name.clone()]);
            assert!(by_child.insert(name, table).is_none(), "one segment for each process");
        }
        by_child
    };
    let (one, two) = (by_child(here.queue.dir()), by_child(other.path()));
    assert_eq!(one.len(), 11, "ten children and their parent");
    assert!(one == two, "a process has the same table in both queues");
}
