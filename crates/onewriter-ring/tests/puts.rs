//! What a process puts and its writer reads: sizes, growth, budgets, threads' ends, leaving.

mod queue;

use onewriter_ring::{
    JoinOptions, MAX_RECORD, PutError, Queue, SILENT, join, leave, mark_thread, put, register,
    silenced, take_lost_unseen, thread_mark, try_put,
};
use queue::{Joined, joined, never_wait};
use std::cell::RefCell;
use std::sync::{Arc, Barrier};

fn put_value(value: u64) -> Result<(), PutError> {
    put(0, 20, 1, 8, |frame| frame.word(value))
}

/// Bytes that differ from place to place.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 31 + at / 251) as u8).collect()
}

#[test]
fn records_of_every_size_up_to_64_mib_come_out_as_they_went_in() {
    let mut here = joined(JoinOptions::default());
    let kib = 1 << 10;
    let sizes = [0, 1, 7, 8, 9, 2_031, 2_032, 2_040, 8 * kib, 17 * kib, 256 * kib, MAX_RECORD];
    for size in sizes {
        let bytes = pattern(size);
        let padded = size.next_multiple_of(8);
        assert_eq!(put(0, 20, 7, padded, |frame| frame.bytes(&bytes)), Ok(()), "{size} bytes");
        let records = here.drain();
        assert_eq!(records.len(), 1, "{size} bytes");
        assert_eq!((records[0].tag, records[0].body.len()), (7, padded));
        assert!(
            records[0].body[..size] == bytes && records[0].body[size..].iter().all(|b| *b == 0)
        );
        assert_eq!(here.files("b-"), [""; 0], "the side file went with its record");
    }
    assert_eq!(here.reader.take_damage(), []);
}

#[test]
fn a_record_above_64_mib_is_refused_with_its_size_and_counted() {
    let mut here = joined(never_wait());
    take_lost_unseen(0);
    let refused = put(0, 20, 1, MAX_RECORD + 8, |_| panic!("nothing is filled"));
    assert_eq!(refused, Err(PutError::TooLarge { len: MAX_RECORD + 8 }));
    let message = "the record has 67108872 bytes, at most 67108864 are possible";
    assert_eq!(refused.unwrap_err().to_string(), message);
    assert_eq!(take_lost_unseen(0), 1);
    assert_eq!(here.values(), []);
}

#[test]
fn a_frame_that_is_filled_in_part_ends_in_zeros_and_one_filled_too_far_is_cut() {
    let mut here = joined(never_wait());
    for round in 0..1_000 {
        put(0, 20, 1, 24, |frame| frame.word(round)).unwrap();
        put(0, 20, 1, 8, |frame| (0..9).for_each(|_| frame.word(u64::MAX))).unwrap();
        let bodies: Vec<_> = here.drain().into_iter().map(|record| record.body).collect();
        let first = [round.to_le_bytes(), [0; 8], [0; 8]].concat();
        assert_eq!(bodies, [first, vec![255; 8]]);
    }
}

#[test]
fn a_ring_wraps_as_often_as_it_must() {
    let mut here = joined(never_wait());
    // 8 KiB rings; bodies of 0 to 120 bytes reach the wrap at every distance.
    let mut expected = Vec::new();
    let mut records = Vec::new();
    for value in 0..20_000u64 {
        put(0, 20, 1, 8 * (1 + value as usize % 16), |frame| frame.word(value)).unwrap();
        expected.push(value);
        if value % 50 == 49 {
            records.extend(here.values());
        }
    }
    assert_eq!(records, expected);
    assert_eq!(here.reader.counts(), (1, 1), "one ring was enough");
}

#[test]
fn a_full_ring_is_followed_by_larger_ones_and_nothing_changes_its_place() {
    let mut here = joined(never_wait());
    let accepted = (0..).take_while(|value| put_value(*value).is_ok()).count() as u64;
    // 8 KiB, 64 KiB and 1 MiB, less the reserve for urgent records, at 24 bytes each.
    assert!((43_700..43_900).contains(&accepted), "{accepted} records of 24 bytes");
    assert_eq!(here.values(), (0..accepted).collect::<Vec<_>>());
    assert_eq!(here.reader.counts(), (1, 3));
    assert_eq!(here.losses().count, 1);
}

#[test]
fn a_ring_that_was_left_for_a_larger_one_serves_the_next_thread() {
    let mut here = joined(never_wait());
    (0..1_000).for_each(|value| put_value(value).unwrap());
    let mut records = here.drain();
    std::thread::spawn(|| put_value(1_000).unwrap()).join().unwrap();
    records.extend(here.drain());
    assert_eq!(
        records.iter().map(queue::Record::value).collect::<Vec<_>>(),
        (0..=1_000).collect::<Vec<_>>()
    );
    assert_eq!(here.reader.counts(), (1, 2));
    assert_eq!(records[1_000].ring, records[0].ring);
}

#[test]
fn a_thread_that_takes_over_a_full_ring_is_introduced_before_its_first_record() {
    // 64 KiB, one ring of 8 KiB each: nothing grows.
    let options = JoinOptions {
        budget: 64 << 10,
        introduction: |_| std::thread::current().name().unwrap_or("none").as_bytes().to_vec(),
        ..never_wait()
    };
    let mut here = joined(options);
    let named = |name: &str, work: fn() -> Vec<u64>| {
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(work).unwrap().join().unwrap()
    };
    let fill = || (0..).take_while(|value| put_value(*value).is_ok()).collect();
    for _ in 0..6 {
        named("filler", fill);
    }
    assert_eq!(named("nextone", || vec![u64::from(put_value(7).is_ok())]), [0], "it is full");
    here.drain();
    here.introductions.clear();
    assert_eq!(named("nextone", || vec![u64::from(put_value(7).is_ok())]), [1]);
    assert_eq!(here.values(), [7]);
    assert_eq!(here.introductions, [b"nextone\0"]);
}

#[test]
fn when_the_budget_is_used_up_threads_share_a_ring_that_was_kept_for_them() {
    let options = JoinOptions { budget: 64 << 10, ..never_wait() };
    let mut here = joined(options);
    let all_put = Arc::new(Barrier::new(21));
    let threads: Vec<_> = (0..20)
        .map(|value| {
            let all_put = Arc::clone(&all_put);
            std::thread::spawn(move || {
                let result = put_value(value);
                all_put.wait();
                result
            })
        })
        .collect();
    all_put.wait();
    let results: Vec<_> = threads.into_iter().map(|it| it.join().unwrap()).collect();
    assert_eq!(results, [Ok(()); 20]);
    let records = here.drain();
    let mut values: Vec<u64> = records.iter().map(queue::Record::value).collect();
    values.sort_unstable();
    assert_eq!(values, (0..20).collect::<Vec<_>>());
    // Seven of their own, one shared by the thirteen others, each introduced.
    assert_eq!(here.reader.counts(), (1, 8));
    assert!(here.introductions.len() >= 20);
}

#[test]
fn a_budget_that_no_segment_can_have_is_refused_by_its_number() {
    let _here = joined(never_wait());
    let dir = queue::folder();
    for budget in [0, (64 << 10) - 1, (1 << 30) + 1, usize::MAX] {
        let options = JoinOptions { budget, ..never_wait() };
        let error = join(0, Queue::open_in(dir.path()).unwrap(), options).unwrap_err();
        let expected =
            format!("a budget of {budget} bytes for rings: it must be from 65536 to 1073741824");
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(put_value(1), Ok(()), "the queue joined before is still joined");
}

/// Puts when its thread's other destructors have run or are about to.
struct LastWord(u64);

impl Drop for LastWord {
    fn drop(&mut self) {
        put_value(self.0).expect("a destructor may put");
    }
}

thread_local! {
    static EARLY: RefCell<Option<LastWord>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<LastWord>> = const { RefCell::new(None) };
}

#[test]
fn destructors_of_thread_locals_put_before_and_after_the_ring_was_given_back() {
    let mut here = joined(never_wait());
    std::thread::spawn(|| {
        EARLY.set(Some(LastWord(2)));
        put_value(1).unwrap();
        LATE.set(Some(LastWord(3)));
    })
    .join()
    .unwrap();
    let mut values = here.values();
    values.sort_unstable();
    assert_eq!(values, [1, 2, 3]);
}

#[test]
fn after_leaving_puts_are_refused_and_after_joining_again_they_go_into_the_new_queue() {
    let mut first = joined(never_wait());
    assert_eq!(register(b"a call site"), Some(1));
    put_value(1).unwrap();
    leave();
    assert_eq!(put_value(2), Err(PutError::Closed));
    assert_eq!(
        put_value(2).unwrap_err().to_string(),
        "no logger is installed, or it was shut down"
    );
    assert_eq!(std::thread::spawn(|| put_value(2)).join().unwrap(), Err(PutError::Closed));
    assert_eq!(first.values(), [1]);

    let dir = queue::folder();
    let queue = join(0, Queue::open_in(dir.path()).unwrap(), never_wait()).unwrap();
    put_value(3).unwrap();
    assert_eq!(register(b"another"), Some(2), "numbers go on");
    let mut reader = onewriter_ring::Reader::new(queue);
    let mut records = Vec::new();
    let t0 = reader.begin();
    queue::merge(&mut reader, t0, &mut records);
    assert_eq!(records.last().map(queue::Record::value), Some(3));
    let mut sites = Vec::new();
    reader.new_sites(0, |site| sites.push(site.to_vec()));
    assert_eq!(sites, [&b"a call site"[..], b"another"]);
    assert_eq!(first.values(), []);
}

#[test]
fn a_writer_that_leaves_removes_its_own_drained_segment_and_no_other() {
    let mut here = joined(never_wait());
    put_value(1).unwrap();
    leave();
    here.reader.begin();
    here.reader.remove_drained_segments();
    assert_eq!(here.files("s-").len(), 1, "it is not drained");
    assert_eq!(here.values(), [1]);
    here.reader.remove_drained_segments();
    assert_eq!(here.files("s-"), [""; 0]);
    here.queue.remove_if_private();
    assert!(!here.queue.dir().exists());
}

#[test]
fn marked_threads_put_with_their_mark_and_neither_grow_nor_wait() {
    let mut here = joined(JoinOptions::default());
    std::thread::spawn(|| {
        assert_eq!(thread_mark(), 0);
        mark_thread(1 << 30);
        assert_eq!(thread_mark(), 1 << 30);
        let accepted = (0..).take_while(|value| put_value(*value).is_ok()).count();
        assert!((300..342).contains(&accepted), "one ring of 8 KiB: {accepted}");
        mark_thread(0);
        put_value(1_000).expect("without the mark the ring grows");
    })
    .join()
    .unwrap();
    let tags: Vec<u32> = here.drain().iter().map(|it| it.tag).collect();
    assert!(tags[..tags.len() - 1].iter().all(|tag| *tag == 1 << 30 | 1), "{tags:?}");
    assert_eq!(tags.last(), Some(&1));
}

#[test]
fn a_silent_thread_puts_nothing_and_is_counted() {
    let mut here = joined(never_wait());
    take_lost_unseen(0);
    std::thread::spawn(|| {
        put_value(1).unwrap();
        mark_thread(SILENT);
        assert_eq!(put_value(2), Err(PutError::Full));
        assert_eq!(try_put(0, 50, 1, 0, |_| ()), Err(PutError::Full));
    })
    .join()
    .unwrap();
    assert_eq!(here.values(), [1]);
    assert_eq!((take_lost_unseen(0), silenced()), (0, 2));
}

#[test]
fn each_ring_begins_with_the_introduction_of_its_thread() {
    let options =
        JoinOptions { introduction: |id| format!("thread {id}").into_bytes(), ..never_wait() };
    let mut here: Joined = joined(options);
    put_value(1).unwrap();
    assert_eq!(here.values(), [1]);
    // SAFETY: asks for a number.
    let id = unsafe { libc::gettid() };
    let mut expected = format!("thread {id}").into_bytes();
    expected.resize(expected.len().next_multiple_of(8), 0);
    assert_eq!(here.introductions, [expected]);
}
