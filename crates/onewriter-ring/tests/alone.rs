//! Open files that forked children do not get, and their locks.

mod queue;

use onewriter_ring::Alone;
use queue::child::Child;
use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd};
use std::path::Path;
use std::process::Command;
use std::sync::{Barrier, Mutex, PoisonError};

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

/// One race of the next test, in a process that has never opened such a file.
#[test]
fn one_race_of_a_fork_and_the_first_file() {
    let Some(path) = std::env::var_os(RACE) else { return };
    let path = Path::new(&path);
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            drop(open(path));
        });
        start.wait();
        // SAFETY: the child opens a file and leaves by `_exit`; the alarm ends it if it waits.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::alarm(20);
                drop(open(path));
                libc::_exit(0);
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            assert_eq!(status, 0, "the child opens the file");
        }
    });
}

const RACE: &str = "ONEWRITER_TEST_RACE";

#[test]
fn a_child_forked_while_its_parent_opens_the_first_file_does_not_wait_for_ever() {
    // A program that is started has all descriptors for a moment.
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = queue::folder();
    for _ in 0..300 {
        let race = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "one_race_of_a_fork_and_the_first_file"])
            .env(RACE, dir.path().join("file"))
            .output()
            .unwrap();
        assert!(race.status.success(), "{}", String::from_utf8_lossy(&race.stdout));
    }
}
