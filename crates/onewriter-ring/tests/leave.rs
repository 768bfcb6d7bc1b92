//! Leaving one queue of several.

mod queue;

use onewriter_ring::{
    JoinOptions, MAX_QUEUES, PutError, Queue, Reader, join, leave_queue, let_memory_go, put,
};
use queue::{files, folder, joined, merge};
use std::fs;

fn put_in(slot: usize, value: u64) -> Result<(), PutError> {
    put(slot, 20, 1, 8, |frame| frame.word(value))
}

/// Bytes of a mapping of a file whose path begins so, in this process.
fn mapped(path: &str) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let sizes = maps.lines().filter(|line| line.contains(path)).map(|line| {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        usize::from_str_radix(to, 16).unwrap() - usize::from_str_radix(from, 16).unwrap()
    });
    sizes.sum()
}

#[test]
fn a_queue_that_is_left_takes_no_more_and_the_others_go_on() {
    let mut stays = joined(JoinOptions::default());
    let dir = folder();
    let last = MAX_QUEUES - 1;
    let open = || Queue::open_in(dir.path()).unwrap();
    let queue = join(last, open(), JoinOptions::default()).unwrap();
    put_in(last, 1).unwrap();
    leave_queue(last);
    assert_eq!(put_in(last, 2), Err(PutError::Closed));
    put_in(0, 3).unwrap();
    assert_eq!(stays.values(), [3]);

    // What was put is there for whoever writes the queue, though the process has let its memory go.
    let segments = format!("{}/s-", dir.path().display());
    assert!(mapped(&segments) > 0);
    let_memory_go(last);
    assert_eq!(mapped(&segments), 0);
    let mut reader = Reader::new(queue);
    let (t0, mut records) = (reader.begin(), Vec::new());
    merge(&mut reader, t0, &mut records);
    reader.release();
    assert_eq!(records.last().map(queue::Record::value), Some(1));

    // As that of a dead process its segment goes when it is drained, and leaves no damage.
    reader.remove_dead_segments();
    assert_eq!(files(dir.path(), "s-"), [""; 0]);
    assert_eq!(reader.take_damage(), []);
    drop(reader);

    join(last, open(), JoinOptions::default()).unwrap();
    put_in(last, 4).unwrap();
    let_memory_go(last);
    assert!(mapped(&segments) > 0, "a queue that is joined keeps its memory");
    put_in(last, 5).unwrap();
    leave_queue(last);
    let_memory_go(last);
    leave_queue(MAX_QUEUES);
    let_memory_go(MAX_QUEUES);
}

#[test]
fn a_writer_that_leaves_keeps_what_its_process_puts_into_the_same_queue_by_another_join() {
    let mut goes = joined(JoinOptions::default());
    let queue = Queue::open_in(goes.queue.dir()).unwrap();
    join(1, queue, JoinOptions::default()).unwrap();
    put_in(0, 1).unwrap();
    put_in(1, 2).unwrap();
    assert_eq!(goes.values(), [1, 2]);
    leave_queue(0);
    goes.reader.remove_drained_segments();
    put_in(1, 3).unwrap();
    assert_eq!(goes.values(), [3]);
}
