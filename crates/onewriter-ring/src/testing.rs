//! What the process tests need of the operating system and cannot have without unsafe code.

use crate::os::{self, Map};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// Splits the process: `None` in the child, the child's id in the parent.
///
/// For programs of the tests alone: in the child only the calling thread goes on, and whatever
/// another thread had locked stays locked.
pub fn fork() -> io::Result<Option<u32>> {
    // SAFETY: no memory is handed over. The child shares no address space, and what it may call is
    // what the test that forks is about.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child as u32)),
    }
}

/// Has `callback` called at exit, after those that are registered later and before those that were
/// registered earlier. False if the system has no room for it.
pub fn at_exit(callback: extern "C" fn()) -> bool {
    // SAFETY: a function lives as long as the program, and this one takes no argument.
    unsafe { libc::atexit(callback) == 0 }
}

/// Splits the process by the bare system call: no handler that `fork` would run in the C library
/// runs, neither before it nor in the child.
///
/// As in [`fork`], and on top of it: a lock of the C library (the allocator's) that another thread
/// holds stays held in the child.
pub fn bare_clone() -> io::Result<Option<u32>> {
    // SAFETY: with no flag but the signal at its end the child gets a copy of the address space, and
    // goes on with a copy of this stack, as after `fork`; no memory is handed over.
    match unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(None),
        child => Ok(Some(child as u32)),
    }
}

/// Words of a file that several processes share: counters of a test or a demonstration.
#[derive(Debug)]
pub struct SharedWords {
    map: Map,
}

impl SharedWords {
    /// Opens the file, which then has room for `len` words; new ones are 0.
    pub fn open(path: &Path, len: usize) -> io::Result<SharedWords> {
        let file = os::open_page(path)?;
        os::allocate(&file, 0, 8 * len)?;
        Ok(SharedWords { map: Map::shared(&file, 8 * len)? })
    }

    /// Word `at`. Panics if there is none.
    #[must_use]
    pub fn word(&self, at: usize) -> &AtomicU64 {
        self.map.words().word(at)
    }
}

/// Closes all descriptors from 3 up, as programs do that become a daemon, whoever uses them.
pub fn close_all_descriptors() {
    // SAFETY: no memory is involved. What is closed under its owners is what the test is about.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, 0);
    }
}
