//! The doorbell that the dead and the broken leave behind.

mod queue;

use onewriter_ring::{Queue, Reader, now};
use queue::folder;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn a_watermark_and_a_request_of_a_moment_to_come_are_not_believed() {
    let dir = folder();
    let queue: &'static Queue = Box::leak(Box::new(Queue::open_in(dir.path()).unwrap()));
    // From here on this process's clock is that of the queue.
    let _reader = Reader::new(queue);
    // Ticks or nanoseconds, it is more than an hour.
    let (before, hour) = (now(), 20_000_000_000_000);
    // As after a restart of the machine, where the folder is on a disk: the clock began anew.
    queue.publish_watermark(before + hour);
    assert_eq!(queue.watermark(), 0, "nothing is said to be written");
    queue.request(before + hour);
    let requested = queue.requested();
    assert!((before..now()).contains(&requested), "it counts as asked for now");
    assert_eq!(queue.requested(), requested, "once");
    let wanted = now();
    queue.request(wanted);
    assert_eq!(queue.requested(), wanted);
    queue.publish_watermark(wanted);
    assert_eq!(queue.watermark(), wanted);
}

/// Whether a thread of this process waits in the kernel.
fn is_asleep(thread: u64) -> bool {
    let path = format!("/proc/self/task/{thread}/stat");
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('S'))
}

#[test]
fn a_request_wakes_a_writer_whom_a_killed_producer_had_only_half_woken() {
    const STATE: u64 = 16;
    const SLEEPING: u64 = 1;
    let dir = folder();
    let queue = Queue::open_in(dir.path()).unwrap();
    let bell = File::options().read(true).write(true).open(dir.path().join("bell"));
    let bell = bell.unwrap();
    let state = || {
        let mut word = [0; 8];
        bell.read_exact_at(&mut word, 8 * STATE).unwrap();
        u64::from_le_bytes(word)
    };
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let queue = &queue;
        scope.spawn(move || {
            let thread = std::fs::read_link("/proc/thread-self").unwrap();
            tell.send(thread.file_name().unwrap().to_str().unwrap().parse().unwrap()).unwrap();
            queue.sleep(Duration::from_secs(3600), || true);
        });
        let thread = told.recv().unwrap();
        while state() != SLEEPING || !is_asleep(thread) {
            std::thread::yield_now();
        }
        // A producer stores this, and is killed before it wakes anybody.
        bell.write_all_at(&0_u64.to_le_bytes(), 8 * STATE).unwrap();
        queue.request(now());
    });
}
