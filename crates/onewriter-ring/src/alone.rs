//! Open files that forked children do not get.
//!
//! A lock of `flock` belongs to the open file. A child that is forked has the same open file, and with
//! it the lock: if its parent is killed, nobody has the lock's turn as long as the child lives. So such
//! files are closed in the child, before anything of the program runs there. (`clone` without the C
//! library runs no handler: such a child keeps them until it ends or executes a program.)

use crate::steady::Identity;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

/// A descriptor to be closed in a forked child, if it still is the file that it was.
struct Slot {
    /// -1 where there is none.
    file: AtomicI32,
    dev: AtomicU64,
    ino: AtomicU64,
}

const FREE: i32 = -1;
/// It is being filled in.
const TAKEN: i32 = -2;

/// Files beyond this number are inherited.
static SLOTS: [Slot; 128] =
    [const { Slot { file: AtomicI32::new(FREE), dev: AtomicU64::new(0), ino: AtomicU64::new(0) } };
        128];

/// An open file that is closed in a child that this process forks.
#[derive(Debug)]
pub struct Alone {
    file: ManuallyDrop<File>,
    identity: Identity,
    slot: Option<usize>,
}

impl Alone {
    /// Opens a file with `open`, again and again as long as the process forks meanwhile.
    ///
    /// # Errors
    /// Those of `open`; a file that cannot be looked at.
    pub fn open(mut open: impl FnMut() -> io::Result<File>) -> io::Result<Alone> {
        loop {
            let before = crate::n_forks();
            let file = Alone::new(open()?)?;
            // A child that was forked in between has what nobody told it to close.
            if crate::n_forks() == before {
                return Ok(file);
            }
        }
    }

    /// Whether it still is that file: a program may have closed its descriptor, and opened another
    /// file under the same number. Then it must not be used.
    #[must_use]
    pub fn is_itself(&self) -> bool {
        self.identity.is(self.file.as_raw_fd())
    }

    fn new(file: File) -> io::Result<Alone> {
        static IS_DONE: AtomicBool = AtomicBool::new(false);
        // Without memory for it children inherit the files.
        crate::at_fork(&IS_DONE, None, None, Some(close_all));
        let identity = Identity::of(&file)?;
        let take = |slot: &Slot| {
            slot.file.compare_exchange(FREE, TAKEN, Ordering::SeqCst, Ordering::Relaxed).is_ok()
        };
        let slot = SLOTS.iter().position(take);
        if let Some(slot) = slot.map(|number| &SLOTS[number]) {
            slot.dev.store(identity.dev, Ordering::SeqCst);
            slot.ino.store(identity.ino, Ordering::SeqCst);
            slot.file.store(file.as_raw_fd(), Ordering::SeqCst);
        }
        Ok(Alone { file: ManuallyDrop::new(file), identity, slot })
    }
}

impl Deref for Alone {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let number = self.file.as_raw_fd();
        // In a forked child it is closed, and its number may be another file's.
        let is_open = self.slot.is_none_or(|slot| {
            let freed = (number, FREE);
            let slot = &SLOTS[slot].file;
            slot.compare_exchange(freed.0, freed.1, Ordering::SeqCst, Ordering::Relaxed).is_ok()
        });
        if is_open {
            self.identity.close(&self.file);
        }
    }
}

extern "C" fn close_all() {
    for slot in &SLOTS {
        let file = slot.file.swap(FREE, Ordering::SeqCst);
        let (dev, ino) = (slot.dev.load(Ordering::SeqCst), slot.ino.load(Ordering::SeqCst));
        if file >= 0 && (Identity { dev, ino }).is(file) {
            // SAFETY: the descriptor is this child's copy of one that an `Alone` of its parent owns;
            // the `Alone` that the child has finds the slot empty. `close` may be called here.
            unsafe { libc::close(file) };
        }
    }
}
