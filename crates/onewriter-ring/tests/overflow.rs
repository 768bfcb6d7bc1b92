//! What a put does when there is no room, and what is said about it.

mod queue;

use onewriter_ring::{
    JoinOptions, Losses, MAX_RECORD, Overflow, PutError, ask_put, now, put, take_lost_unseen,
    try_put,
};
use queue::{Joined, joined, never_wait};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

fn put_at(level: u8, value: u64) -> Result<(), PutError> {
    put(0, level, 1, 8, |frame| frame.word(value))
}

/// Fills the calling thread's rings; how many records that took.
fn fill(level: u8) -> u64 {
    (0..).take_while(|value| try_put(0, level, 1, 8, |frame| frame.word(*value)).is_ok()).count()
        as u64
}

/// 64 KiB: a thread alone has its 8 KiB and cannot grow.
fn small(wait: fn(u8) -> Duration) -> JoinOptions {
    JoinOptions {
        budget: 64 << 10,
        overflow: Box::new(move |level| Overflow { wait: wait(level) }),
        ..JoinOptions::default()
    }
}

#[test]
fn losses_are_counted_exactly_by_class_with_the_first_and_the_last_moment() {
    let mut here = joined(never_wait());
    let accepted = fill(20);
    here.losses();
    let before = now();
    for level in [5, 9, 10, 20, 20, 29, 30] {
        assert_eq!(put_at(level, 0), Err(PutError::Full));
    }
    let after = now();
    let losses = here.losses();
    assert_eq!((losses.count, losses.by_class), (7, [2, 1, 3, 1, 0, 0, 0, 0]));
    assert!(before <= losses.first && losses.first < losses.last && losses.last <= after);
    assert_eq!(here.losses(), Losses::default(), "each is reported once");
    assert_eq!(here.values().len() as u64, accepted);
}

#[test]
fn the_losses_after_a_report_begin_after_it() {
    let mut here = joined(never_wait());
    fill(20);
    let first = here.losses();
    put_at(255, 0).unwrap();
    while put_at(255, 0).is_ok() {}
    let second = here.losses();
    assert_eq!(
        (second.count, second.by_class[6]),
        (1, 1),
        "level 255 is of the last class of levels"
    );
    assert!(first.last < second.first && second.first == second.last);
}

#[test]
fn whoever_takes_over_reports_what_was_not_told_and_nothing_else() {
    let mut here = joined(never_wait());
    fill(20);
    let mut count = 0;
    here.reader.begin();
    here.reader.losses(|_, losses| count += losses.count);
    assert_eq!(count, 1);
    here.reader = onewriter_ring::Reader::new(here.queue);
    here.reader.begin();
    assert_eq!(here.losses().by_class, [0, 0, 1, 0, 0, 0, 0, 0]);
    here.reader = onewriter_ring::Reader::new(here.queue);
    here.reader.begin();
    assert_eq!(here.losses(), Losses::default());
    assert_eq!(put_at(10, 0), Err(PutError::Full));
    assert_eq!(here.losses().by_class, [0, 1, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_sixteenth_of_a_ring_is_kept_for_levels_from_40_up() {
    let mut here = joined(small(|_| Duration::ZERO));
    let (usual, urgent) = std::thread::spawn(|| {
        let usual = fill(39);
        assert_eq!(put_at(39, 0), Err(PutError::Full));
        (usual, fill(40))
    })
    .join()
    .unwrap();
    // The rings of 8 KiB that grow into none of 64 KiB: 512 bytes are 21 records of 24 bytes.
    assert!((319..=321).contains(&usual), "{usual}");
    assert!((20..=22).contains(&urgent), "{urgent}");
    assert_eq!(here.values().len() as u64, usual + urgent);
}

#[test]
fn a_put_waits_until_there_is_room_and_goes_on() {
    let mut here = joined(small(|_| Duration::from_secs(3600)));
    // In a private queue that nobody leads no put waits for long.
    let _lead = here.queue.try_lead().unwrap().expect("nobody else leads");
    let (full, is_full) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let accepted = fill(20);
        full.send(accepted).unwrap();
        (accepted..accepted + 1_000).for_each(|value| put_at(20, value).unwrap());
    });
    let accepted = is_full.recv().unwrap();
    let mut values = Vec::new();
    while (values.len() as u64) < accepted + 1_000 {
        values.extend(here.pass().iter().map(queue::Record::value));
        std::thread::yield_now();
    }
    thread.join().unwrap();
    assert_eq!(values, (0..accepted + 1_000).collect::<Vec<_>>());
    assert_eq!(here.losses().count, 1, "the one that the try_ form refused");
}

#[test]
fn a_put_gives_up_at_its_deadline_and_is_counted() {
    let mut here = joined(small(|_| Duration::from_millis(1)));
    let accepted = fill(20);
    here.losses();
    assert_eq!(put_at(20, 0), Err(PutError::Full));
    assert_eq!(here.losses().count, 1);
    assert_eq!(here.values().len() as u64, accepted);
    assert_eq!(put_at(20, 9), Ok(()), "there is room again");
    assert_eq!(here.values(), [9]);
}

#[test]
fn what_was_waited_in_vain_is_not_waited_again_until_the_reader_moves_on() {
    let mut here = joined(small(|level| match level {
        20 => Duration::from_secs(1),
        _ => Duration::from_secs(3600),
    }));
    // In a private queue that nobody leads no put waits for long.
    let _lead = here.queue.try_lead().unwrap().expect("nobody else leads");
    let (done, is_done) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        fill(20);
        // One of them waits its second.
        let refused = (0..1_000).filter(|_| put_at(20, 0) == Err(PutError::Full)).count();
        done.send(refused).unwrap();
        // One that may wait longer does, for what is left of its time.
        let patient = put_at(30, 7);
        done.send(0).unwrap();
        patient
    });
    assert_eq!(is_done.recv_timeout(Duration::from_secs(60)), Ok(1_000));
    while is_done.try_recv().is_err() {
        here.pass();
        std::thread::yield_now();
    }
    assert_eq!(thread.join().unwrap(), Ok(()));
}

static ASKED: AtomicUsize = AtomicUsize::new(0);

#[test]
fn the_policy_is_asked_for_the_level_and_only_when_there_is_no_room() {
    let _here: Joined = joined(small(|level| {
        ASKED.fetch_add(usize::from(level), Ordering::Relaxed);
        Duration::ZERO
    }));
    let accepted = (0..).take_while(|value| put_at(21, *value).is_ok()).count();
    assert!(accepted > 300);
    assert_eq!(ASKED.load(Ordering::Relaxed), 21);
    try_put(0, 22, 1, 8, |_| ()).unwrap_err();
    assert_eq!(ASKED.load(Ordering::Relaxed), 21, "the try_ form never waits");
}

#[test]
fn leaving_ends_the_wait_of_a_put() {
    let here = joined(small(|_| Duration::from_secs(3600)));
    // In a private queue that nobody leads no put waits for long.
    let _lead = here.queue.try_lead().unwrap().expect("nobody else leads");
    let (full, is_full) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        fill(20);
        full.send(()).unwrap();
        put_at(20, 0)
    });
    is_full.recv().unwrap();
    onewriter_ring::leave();
    let refused = thread.join().unwrap().unwrap_err();
    assert!(matches!(refused, PutError::Full | PutError::Closed), "{refused:?}");
    drop(here);
}

#[test]
fn nothing_is_lost_unseen_while_every_thread_has_a_ring() {
    let mut here = joined(never_wait());
    take_lost_unseen(0);
    let accepted = fill(20);
    assert_eq!(take_lost_unseen(0), 0);
    assert_eq!(here.values().len() as u64, accepted);
}

#[test]
fn a_record_that_was_only_asked_for_is_not_lost_when_it_is_refused() {
    let mut here = joined(small(|_| Duration::ZERO));
    let ask = |value: u64| ask_put(0, 20, 1, 8, |frame| frame.word(value));
    let accepted = (0..).take_while(|value| ask(*value).is_ok()).count() as u64;
    assert_eq!(ask(accepted), Err(PutError::Full));
    let len = MAX_RECORD + 8;
    let too_large = ask_put(0, 20, 1, len, |_| unreachable!("nothing is written"));
    assert_eq!(too_large, Err(PutError::TooLarge { len }));
    assert_eq!((here.losses().count, take_lost_unseen(0)), (0, 0));
    assert_eq!(here.values().len() as u64, accepted);
    assert_eq!(ask(accepted), Ok(()), "the caller still has it, and there is room again");
    assert_eq!(here.values(), [accepted]);
}

/// A record for which a ring of 8 KiB is too small.
fn put_large(level: u8, len: usize) -> Result<(), PutError> {
    put(0, level, 1, len, |frame| frame.bytes(&[7; 8]))
}

#[test]
fn large_records_that_are_not_read_yet_take_as_much_as_the_rings_and_one_alone_what_it_needs() {
    let mut here = joined(small(|_| Duration::ZERO));
    let len = 21 << 10;
    assert_eq!(put_large(20, len), Ok(()));
    assert_eq!(put_large(20, len), Ok(()));
    assert_eq!(put_large(20, len), Err(PutError::Full), "a sixteenth of 64 KiB is kept for errors");
    assert_eq!(put_large(40, len), Ok(()));
    assert_eq!(put_large(40, len), Err(PutError::Full));
    assert_eq!(here.losses().count, 2);
    assert_eq!(here.files("b-").len(), 3);
    assert_eq!(here.drain().len(), 3);
    assert_eq!(put_large(20, 5 << 20), Ok(()), "nothing else waits");
    assert_eq!(put_large(40, len), Err(PutError::Full));
    assert_eq!(here.drain().len(), 1);
    assert_eq!(put_large(20, len), Ok(()));
    assert_eq!(here.drain().len(), 1);
}

#[test]
fn a_large_record_waits_until_the_reader_has_made_room_for_it() {
    let mut here = joined(small(|_| Duration::from_secs(60)));
    // In a private queue that nobody leads no put waits for long.
    let _lead = here.queue.try_lead().unwrap().expect("nobody else leads");
    assert_eq!(put_large(20, 50 << 10), Ok(()));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || tell.send(put_large(20, 50 << 10)));
        assert_eq!(
            told.recv_timeout(Duration::from_millis(100)),
            Err(mpsc::RecvTimeoutError::Timeout)
        );
        assert_eq!(here.drain().len(), 1);
        assert_eq!(told.recv(), Ok(Ok(())));
    });
    assert_eq!(here.drain().len(), 1);
    assert_eq!(here.losses().count, 0);
}
