//! A process that only reads: it has joined no queue, so this file has one test.

mod queue;

use onewriter_ring::{Queue, Reader, put};
use queue::child::Child;
use queue::{files, never_wait};

#[test]
fn a_process_that_only_reads_merges_by_the_clock_of_the_queue() {
    let dir = queue::folder();
    // This process joins no queue before the reader is made: the child does.
    let child = Child::that(|| {
        onewriter_ring::join(0, Queue::open_in(dir.path()).unwrap(), never_wait()).unwrap();
        (1..=3).for_each(|value| put(0, 20, 1, 8, |frame| frame.word(value)).unwrap());
    });
    let queue: &'static Queue = Box::leak(Box::new(Queue::open_in(dir.path()).unwrap()));
    let mut reader = Reader::new(queue);
    let mut records = Vec::new();
    let t0 = reader.begin();
    queue::merge(&mut reader, t0, &mut records);
    let values: Vec<u64> = records.iter().skip(1).map(queue::Record::value).collect();
    assert_eq!(values, [1, 2, 3]);
    assert!(records.iter().all(|it| it.stamp <= t0));
    assert_eq!(files(dir.path(), "s-").len(), 1);
    child.kill();
}
