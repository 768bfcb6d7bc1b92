//! Processes that died, and one that only stands still.

mod queue;

use onewriter_ring::{Corrupt, Queue, Reader, put, try_put};
use queue::child::{Child, pipe};
use queue::{joined, never_wait};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

fn put_value(value: u64) {
    put(0, 20, 1, 8, |frame| frame.word(value)).unwrap();
}

#[test]
fn a_record_that_its_process_never_finished_is_told_once_with_its_size() {
    let mut here = joined(never_wait());
    let (mut half_way, mut tell) = pipe();
    // SAFETY: the child puts, and stops for ever in the middle of a large record.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        put_value(1);
        put(0, 20, 2, 1 << 20, |frame| frame.word(2)).unwrap();
        let _ = put(0, 20, 3, 300_008, |frame| {
            frame.word(3);
            tell.write_all(&[1]).unwrap();
            loop {
                std::thread::park();
            }
        });
    }
    half_way.read_exact(&mut [0]).unwrap();
    // SAFETY: the child is not yet waited for, so the number is still its own.
    unsafe {
        libc::kill(pid, libc::SIGKILL);
        libc::waitpid(pid, std::ptr::null_mut(), 0);
    }
    let tags: Vec<_> = here.drain().iter().map(|it| (it.tag, it.value())).collect();
    assert_eq!(tags, [(1, 1), (2, 2)]);
    here.reader.remove_dead_segments();
    let damage = here.reader.take_damage();
    let found: Vec<_> = damage.iter().map(|it| (it.process, it.what, it.count, it.bytes)).collect();
    assert_eq!(found, [(pid as u32, Corrupt::Unfinished, 1, 300_008)]);
    assert_eq!((here.files("s-"), here.files("b-")), (vec![], vec![]));
    here.reader.remove_dead_segments();
    assert_eq!(here.reader.take_damage(), []);
}

#[test]
fn what_a_dead_process_has_lost_is_told_before_its_segment_goes() {
    let mut here = joined(never_wait());
    let child = Child::that(|| put_value(1));
    assert_eq!(here.values(), [1]);
    child.kill();
    let dying = Child::that(|| {
        let large = vec![0; 1000];
        let mut lost = 0;
        while lost < 7 {
            lost += u64::from(try_put(0, 20, 1, 1000, |frame| frame.bytes(&large)).is_err());
        }
    });
    here.drain();
    dying.kill();
    // It is dead and drained; what it has lost is not told.
    here.reader.remove_dead_segments();
    assert_eq!(here.files("s-").len(), 1);
    let mut count = 0;
    here.reader.losses(|_, losses| count += losses.count);
    assert_eq!(count, 7);
    // It is read: whoever reads next would not know of it.
    here.reader.remove_dead_segments();
    assert_eq!(here.files("s-").len(), 1);
    here.reader.tell_losses();
    here.reader.remove_dead_segments();
    assert_eq!(here.files("s-"), [""; 0]);
}

#[test]
fn what_was_left_in_the_making_goes_after_a_minute_unless_its_maker_lives() {
    let here = joined(never_wait());
    let dir = here.queue.dir();
    let made = |name: &str| File::create_new(dir.join(name)).unwrap();
    let alive = made(".s-alive");
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::flock(alive.as_raw_fd(), libc::LOCK_EX) }, 0);
    for name in [".s-dead", ".bell-dead", ".s-pipe", "b-0123-1", "notes", ".notes"] {
        made(name);
    }
    fs::remove_file(dir.join(".s-pipe")).unwrap();
    std::os::unix::fs::symlink("/dev/null", dir.join(".s-pipe")).unwrap();
    let names = || {
        let mut names = here.files("");
        names.sort();
        names
    };
    let all =
        [".bell-dead", ".notes", ".s-alive", ".s-dead", ".s-pipe", "b-0123-1", "bell", "notes"];
    let now = SystemTime::now();
    for seconds in [0, 59] {
        here.reader.sweep(now + Duration::from_secs(seconds));
        assert_eq!(names(), all, "after {seconds} s");
    }
    // A clock that was set back by an hour.
    here.reader.sweep(now - Duration::from_secs(3600));
    assert_eq!(names(), all);
    here.reader.sweep(now + Duration::from_secs(70));
    assert_eq!(names(), [".notes", ".s-alive", "bell", "notes"]);
    drop(alive);
    here.reader.sweep(now + Duration::from_secs(70));
    assert_eq!(names(), [".notes", "bell", "notes"]);
}

#[test]
fn side_files_of_a_living_process_are_not_swept() {
    let mut here = joined(never_wait());
    let child = Child::that(|| put(0, 20, 1, 1 << 20, |frame| frame.word(5)).unwrap());
    here.reader.sweep(SystemTime::now() + Duration::from_secs(3600));
    assert_eq!(here.values(), [5]);
    child.kill();
}

#[test]
fn a_process_that_is_stopped_is_not_dead() {
    let mut here = joined(never_wait());
    let (mut told, mut tell) = pipe();
    let (mut go, mut let_go) = pipe();
    // SAFETY: the child puts, waits, puts and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        (0..100).for_each(put_value);
        tell.write_all(&[1]).unwrap();
        go.read_exact(&mut [0]).unwrap();
        (100..200).for_each(put_value);
        tell.write_all(&[2]).unwrap();
        loop {
            std::thread::park();
        }
    }
    let signal = |signal: libc::c_int| {
        // SAFETY: the child is not yet waited for, so the number is still its own.
        assert_eq!(unsafe { libc::kill(pid, signal) }, 0);
    };
    told.read_exact(&mut [0]).unwrap();
    signal(libc::SIGSTOP);
    let mut status = 0;
    // SAFETY: the status is one integer.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) }, pid);
    assert!(libc::WIFSTOPPED(status));
    let expected = |range: std::ops::Range<u64>| range.collect::<Vec<_>>();
    assert_eq!(here.values(), expected(0..100), "what it had put is written");
    here.reader.remove_dead_segments();
    assert_eq!(here.files("s-").len(), 1, "its segment stays");
    let_go.write_all(&[1]).unwrap();
    signal(libc::SIGCONT);
    told.read_exact(&mut [0]).unwrap();
    assert_eq!(here.values(), expected(100..200), "it goes on in the same segment");
    signal(libc::SIGKILL);
    // SAFETY: ends the child that was killed.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    here.reader.remove_dead_segments();
    assert_eq!(here.files("s-"), [""; 0]);
    assert_eq!(here.reader.take_damage(), []);
}

#[test]
fn private_queues_whose_processes_are_all_gone_are_swept() {
    // Alone: a child of another test would inherit the lock that is let go below.
    let _alone = joined(never_wait());
    let root = queue::folder();
    // SAFETY: asks for a number.
    let user = unsafe { libc::geteuid() };
    let root = root.path().join(format!("onewriter-{user}"));
    fs::create_dir(&root).unwrap();
    fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let open = |name: &str| -> &'static Queue {
        Box::leak(Box::new(Queue::open_in(&root.join(name)).unwrap()))
    };
    let here = Reader::new(open("n-shop"));
    let (led, _gone) = (open("p-led"), open("p-gone"));
    let lead = led.try_lead().unwrap().unwrap();
    let segment = |dir: &str| {
        File::create(root.join(dir).join("s-0123456789abcdef0123456789abcdef")).unwrap()
    };
    let _dead = segment("p-gone");
    open("p-child");
    let alive = segment("p-child");
    // SAFETY: no memory is involved.
    assert_eq!(unsafe { libc::flock(alive.as_raw_fd(), libc::LOCK_EX) }, 0);
    let names = || {
        let entries = fs::read_dir(&root).unwrap().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let now = SystemTime::now();
    here.sweep(now + Duration::from_secs(30));
    assert_eq!(names(), ["n-shop", "p-child", "p-gone", "p-led"]);
    here.sweep(now + Duration::from_secs(70));
    assert_eq!(names(), ["n-shop", "p-child", "p-led"]);
    drop((lead, alive));
    here.sweep(now + Duration::from_secs(70));
    assert_eq!(names(), ["n-shop"]);
    // Whoever still knows it makes its folder anew.
    assert!(led.try_lead().unwrap().is_some());
}
