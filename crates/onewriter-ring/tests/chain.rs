//! Handlers of SIGBUS that a program had before its queue: a fault that is not the queue's is theirs.
//!
//! A process has its handler once, so this file has one test, which forks before anything is mapped.

mod queue;

use onewriter_ring::Queue;
use queue::folder;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

const PAGE: usize = 4096;

/// The program's own mapping of a file that is cut.
static MINE: AtomicPtr<libc::c_void> = AtomicPtr::new(ptr::null_mut());
static CALLS: AtomicU32 = AtomicU32::new(0);

fn mend() {
    CALLS.fetch_add(1, Ordering::SeqCst);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: over the program's own page.
    unsafe { libc::mmap(MINE.load(Ordering::SeqCst), PAGE, access, flags, -1, 0) };
}

extern "C" fn plain(_: libc::c_int) {
    mend();
}

extern "C" fn with_info(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the kernel's own, handed on.
    if unsafe { (*info).si_addr() } == MINE.load(Ordering::SeqCst) {
        mend();
    }
}

fn install(handler: libc::sighandler_t, flags: libc::c_int) {
    // SAFETY: zeros are a valid action, and the handlers of this file live as long as the program.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler;
        action.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut()), 0);
    }
}

/// Maps a file of the program's own, cuts it and reads it: what was read.
fn fault_of_its_own(dir: &Path) -> u8 {
    let file = File::options().read(true).write(true).create_new(true).open(dir.join("own"));
    let file = file.unwrap();
    file.set_len(PAGE as u64).unwrap();
    // SAFETY: a new mapping, which is read after its file was cut: that is what is tested.
    unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let mapped =
            libc::mmap(ptr::null_mut(), PAGE, access, libc::MAP_SHARED, file.as_raw_fd(), 0);
        assert_ne!(mapped, libc::MAP_FAILED);
        MINE.store(mapped, Ordering::SeqCst);
        file.set_len(0).unwrap();
        ptr::read_volatile(mapped.cast::<u8>())
    }
}

/// The queue's doorbell is cut and read: nobody but the queue hears of it.
fn fault_of_the_queue(dir: &Path) {
    let queue = Queue::open_in(&dir.join("queue")).unwrap();
    let bell = File::options().write(true).open(dir.join("queue/bell")).unwrap();
    bell.set_len(0).unwrap();
    assert_eq!(queue.watermark(), 0);
}

/// How a child ends that does this: its exit code, or the signal, negative.
fn ending(work: impl FnOnce(&Path) -> i32) -> i32 {
    let dir = folder();
    // SAFETY: the child leaves by `_exit`; the status is one integer.
    unsafe {
        let pid = libc::fork();
        assert!(pid >= 0);
        if pid == 0 {
            let worked =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(dir.path())));
            libc::_exit(worked.unwrap_or(99));
        }
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
        match libc::WIFSIGNALED(status) {
            true => -libc::WTERMSIG(status),
            false => libc::WEXITSTATUS(status),
        }
    }
}

fn both_faults(dir: &Path) -> i32 {
    fault_of_the_queue(dir);
    assert_eq!(CALLS.load(Ordering::SeqCst), 0, "the queue's fault is none of the program's");
    assert_eq!(fault_of_its_own(dir), 0);
    CALLS.load(Ordering::SeqCst) as i32
}

fn sent(dir: &Path) -> i32 {
    fault_of_the_queue(dir);
    // SAFETY: a signal to itself.
    unsafe { libc::raise(libc::SIGBUS) };
    7
}

#[test]
fn a_fault_that_is_not_the_queues_goes_to_the_handler_that_was_there_before() {
    type WithInfo = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
    let plain_handler = (plain as extern "C" fn(libc::c_int)) as libc::sighandler_t;
    let info_handler = (with_info as WithInfo) as libc::sighandler_t;

    let with_info = ending(|dir| {
        install(info_handler, libc::SA_SIGINFO);
        both_faults(dir)
    });
    assert_eq!(with_info, 1, "one call, with the address");
    let plain = ending(|dir| {
        install(plain_handler, 0);
        both_faults(dir)
    });
    assert_eq!(plain, 1, "one call");
    let once = ending(|dir| {
        install(plain_handler, libc::SA_RESETHAND);
        assert_eq!(both_faults(dir), 1);
        std::fs::remove_file(dir.join("own")).unwrap();
        fault_of_its_own(dir).into()
    });
    assert_eq!(once, -libc::SIGBUS, "a handler for one fault, and then the default");

    let rusts = ending(both_faults);
    assert_eq!(rusts, -libc::SIGBUS, "the standard library's, which looks for stack overflows");
    let default = ending(|dir| {
        install(libc::SIG_DFL, 0);
        both_faults(dir)
    });
    assert_eq!(default, -libc::SIGBUS, "no handler: the fault ends the program as ever");
    let sent_by_default = ending(|dir| {
        install(libc::SIG_DFL, 0);
        sent(dir)
    });
    assert_eq!(sent_by_default, -libc::SIGBUS, "a signal that was sent ends it too");
    let ignored = ending(|dir| {
        install(libc::SIG_IGN, 0);
        sent(dir)
    });
    assert_eq!(ignored, 7, "a signal that is sent and ignored changes nothing");
    let ignored_fault = ending(|dir| {
        install(libc::SIG_IGN, 0);
        both_faults(dir)
    });
    assert_eq!(ignored_fault, -libc::SIGBUS, "a fault cannot be ignored");
}
