//! Standing by again and again: alone in its process, because it counts threads.

mod queue;

use onewriter_ring::{Queue, Standing};
use std::fs;
use std::sync::mpsc;

/// How many threads of this process block on a lock for the lead.
fn n_waiting() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.trim() == "onewriter-next").count()
}

#[test]
fn a_seat_is_taken_again_and_no_thread_is_left_for_each_who_left() {
    let dir = queue::folder();
    let queue = Queue::open_in(dir.path()).unwrap();
    let lead = queue.try_lead().unwrap().unwrap();
    for _ in 0..20 {
        drop(queue.stand_by(|| ()).unwrap());
    }
    let (call, called) = mpsc::channel();
    let candidate = queue.stand_by(move || call.send(()).unwrap_or_default()).unwrap();
    // The name is the thread's own first act.
    while n_waiting() == 0 {
        std::thread::yield_now();
    }
    assert_eq!(n_waiting(), 1);
    drop(lead);
    called.recv().unwrap();
    let Standing::Leads(lead) = candidate.take() else { panic!("called and not in the lead") };
    drop(lead);
    // One who has left does not get in the way.
    assert!(queue.try_lead().unwrap().is_some());
}
