//! Forked children: their puts, their call sites, the lock of their parent's segment.

mod queue;

use onewriter_ring::{put, register};
use queue::child::{Child, pipe};
use queue::{joined, never_wait};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// A child that inherits another test's pipe would hold it open.
static ONE_FORK_AT_A_TIME: Mutex<()> = Mutex::new(());

fn put_value(value: u64) {
    put(0, 20, 1, 8, |frame| frame.word(value)).unwrap();
}

#[test]
fn a_childs_first_put_makes_a_segment_of_its_own_and_leaves_its_parents_alone() {
    let _turn = ONE_FORK_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut here = joined(never_wait());
    put_value(1);
    let child = Child::that(|| (10..20).for_each(put_value));
    put_value(2);
    assert_eq!(here.files("s-").len(), 2);
    let records = here.drain();
    let of = |segment| {
        let own = records.iter().filter(|it| it.ring.segment == segment);
        own.map(queue::Record::value).collect::<Vec<_>>()
    };
    let mut both = [of(0), of(1)];
    both.sort();
    assert_eq!(both, [vec![1, 2], (10..20).collect()]);
    let all: Vec<u64> = records.iter().map(queue::Record::value).collect();
    assert_eq!(all, [&[1][..], &(10..20).collect::<Vec<_>>(), &[2]].concat(), "in real-time order");
    let processes: Vec<u32> = (0..2).map(|it| here.reader.process(it).unwrap().0).collect();
    assert!(processes.contains(&(child.pid as u32)) && processes.contains(&std::process::id()));
    child.kill();
}

#[test]
fn a_child_that_puts_nothing_costs_nothing() {
    let _turn = ONE_FORK_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut here = joined(never_wait());
    put_value(1);
    let child = Child::that(|| ());
    assert_eq!(here.files("s-").len(), 1);
    child.kill();
    put_value(2);
    assert_eq!(here.values(), [1, 2]);
}

#[test]
fn a_childs_child_has_a_segment_too() {
    let _turn = ONE_FORK_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut here = joined(never_wait());
    put_value(1);
    let child = Child::that(|| {
        put_value(2);
        let grandchild = Child::that(|| put_value(3));
        put_value(4);
        grandchild.kill();
    });
    put_value(5);
    let records = here.drain();
    assert_eq!(records.iter().map(queue::Record::value).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let segments: HashSet<u32> = records.iter().map(|it| it.ring.segment).collect();
    assert_eq!(segments.len(), 3);
    child.kill();
}

#[test]
fn call_sites_keep_their_numbers_in_a_child() {
    let _turn = ONE_FORK_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut here = joined(never_wait());
    put_value(1);
    let first = register(b"from the parent").unwrap();
    let child = Child::that(|| {
        put_value(2);
        assert_eq!(register(b"from the child"), Some(first + 1));
    });
    assert_eq!(register(b"later, from the parent"), Some(first + 1));
    here.drain();
    let mut tables: Vec<Vec<Vec<u8>>> = (0..2)
        .map(|segment| {
            let mut sites = Vec::new();
            here.reader.new_sites(segment, |site| sites.push(site.to_vec()));
            sites.split_off(first as usize - 1)
        })
        .collect();
    tables.sort();
    assert_eq!(tables[0], [&b"from the parent"[..], b"from the child"]);
    assert_eq!(tables[1], [&b"from the parent"[..], b"later, from the parent"]);
    child.kill();
}

/// Whether somebody holds the lock of the segment.
fn is_locked(path: &Path) -> bool {
    use std::os::fd::AsRawFd;
    let file = File::options().read(true).write(true).open(path).expect("the segment");
    // SAFETY: no memory is involved.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) != 0 }
}

#[test]
fn the_lock_of_a_segment_survives_closed_descriptors_and_goes_with_sigkill_whoever_lives_on() {
    let _turn = ONE_FORK_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let here = joined(never_wait());
    let (mut lives, tell) = pipe();
    let child = Child::that(|| {
        put_value(1);
        // Its own child inherits everything but the lock.
        let grandchild = Child::that(|| ());
        (&tell).write_all(&grandchild.pid.to_le_bytes()).unwrap();
        std::mem::forget(grandchild);
        // A daemon that closes what it does not know, but for the pipes of this test.
        close_all_but_pipes();
    });
    let mut number = [0; 4];
    lives.read_exact(&mut number).unwrap();
    let names = here.files("s-");
    assert_eq!(names.len(), 1);
    let path = here.queue.dir().join(&names[0]);
    assert!(is_locked(&path), "the child lives");
    child.kill();
    assert!(!is_locked(&path), "the child is dead; its child, which lives, does not hold the lock");
    // SAFETY: the grandchild waits on a pipe; init collects it.
    unsafe { libc::kill(i32::from_le_bytes(number), libc::SIGKILL) };
}

fn close_all_but_pipes() {
    for fd in 3..1024 {
        // SAFETY: all zero bits are a valid `stat`; the kernel fills it if `fd` is open.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        // SAFETY: as above.
        let is_open = unsafe { libc::fstat(fd, &raw mut stat) } == 0;
        if is_open && stat.st_mode & libc::S_IFMT != libc::S_IFIFO {
            // SAFETY: this child uses none of them any more.
            unsafe { libc::close(fd) };
        }
    }
}

#[test]
fn a_dead_childs_records_are_read_and_then_its_segment_is_removed() {
    let _turn = ONE_FORK_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut here = joined(never_wait());
    let child = Child::that(|| {
        put_value(7);
        put(0, 20, 2, 1 << 20, |frame| frame.word(8)).unwrap();
    });
    child.kill();
    std::fs::write(here.queue.dir().join(side_name(&here.files("s-")[0])), b"never referred to")
        .unwrap();
    assert_eq!(here.files("b-").len(), 2);
    assert_eq!(here.values(), [7, 8]);
    // The dead are looked for once a second.
    while here.reader.counts().0 != 0 {
        here.reader.begin();
        std::thread::yield_now();
    }
    assert_eq!(here.files(""), ["bell"]);
}

fn side_name(segment: &str) -> String {
    segment.replace("s-", "b-") + "-77"
}

#[test]
fn a_writer_that_leaves_does_not_take_another_processs_segment_for_its_own() {
    let _turn = ONE_FORK_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut here = joined(never_wait());
    let own = u64::from(std::process::id());
    let child = Child::that(|| put_value(1));
    // In another container the child could well have this process's number: word 4 of the header.
    let path = here.queue.dir().join(&here.files("s-")[0]);
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &own.to_le_bytes(), 32).unwrap();
    assert_eq!(here.values(), [1]);
    assert_eq!(here.reader.process(0).map(|it| u64::from(it.0)), Some(own));
    here.reader.remove_drained_segments();
    assert!(path.exists());
    child.kill();
}
