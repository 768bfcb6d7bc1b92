//! A forked child that does its work and waits for its end.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;

/// The ends of a pipe: to read from, to write to.
pub fn pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors, which nobody else owns.
    unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    }
}

/// A child process that has done `work` and lives until [`Child::kill`].
pub struct Child {
    pub pid: libc::pid_t,
    _hold: File,
}

impl Child {
    pub fn that(work: impl FnOnce()) -> Child {
        let (mut done, mut tell) = pipe();
        let (mut held, hold) = pipe();
        // SAFETY: the child runs `work` and leaves by `_exit`, past all destructors.
        let pid = unsafe { libc::fork() };
        assert!(pid >= 0);
        if pid == 0 {
            let worked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_ok();
            drop(hold);
            let _ = tell.write_all(&[u8::from(worked)]);
            let _ = held.read(&mut [0]);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(0) };
        }
        drop(tell);
        let mut worked = [0];
        done.read_exact(&mut worked).expect("the child says that it is done");
        assert_eq!(worked, [1], "the child's work succeeds");
        Child { pid, _hold: hold }
    }

    pub fn kill(self) {
        // SAFETY: the child is not yet waited for, so the number is still its own.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), 0);
        }
    }
}
