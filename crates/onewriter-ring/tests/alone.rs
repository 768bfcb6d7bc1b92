//! Open files that forked children do not get, and their locks.

mod queue;

use onewriter_ring::Alone;
use queue::child::Child;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Descriptors are numbered for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn open(path: &Path) -> Alone {
    Alone::open(|| File::options().read(true).write(true).create(true).truncate(false).open(path))
        .unwrap()
}

fn try_lock(file: &File) -> bool {
    // SAFETY: no memory is involved.
    unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) == 0 }
}

fn is_open(file: i32) -> bool {
    // SAFETY: no memory is involved.
    unsafe { libc::fcntl(file, libc::F_GETFD) >= 0 }
}

#[test]
fn a_lock_goes_with_its_holder_though_a_child_lives_that_was_forked_under_it() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = queue::folder();
    let path = dir.path().join("file");
    let file = open(&path);
    let number = file.as_raw_fd();
    assert!(try_lock(&file));
    let child = Child::that(|| assert!(!is_open(number)));
    assert!(!try_lock(&open(&path)), "the holder lives and has it");
    drop(file);
    assert!(try_lock(&open(&path)), "the child has it");
    child.kill();
}

#[test]
fn a_number_that_is_another_file_by_now_stays_open_in_a_child() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = queue::folder();
    let file = open(&dir.path().join("file"));
    let number = file.as_raw_fd();
    // What a program does that closes all descriptors and opens its own.
    let other = File::create(dir.path().join("other")).unwrap().into_raw_fd();
    // SAFETY: `number` is open, and becomes another name of `other`.
    assert_eq!(unsafe { libc::dup2(other, number) }, number);
    let child = Child::that(|| assert!(is_open(number)));
    child.kill();
    // SAFETY: nobody else owns it.
    drop(unsafe { File::from_raw_fd(other) });
}
