//! Open files whose descriptors the program may close.
//!
//! A program that closes all descriptors, to become a daemon, closes ours too, and a file that it opens
//! next gets the same number. So a descriptor that is kept is looked at before it is used: whatever is
//! not the file that it was is left alone, and the file is opened again by its name.

use crate::os;
use std::fs::{File, Metadata};
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Which file a descriptor was opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) dev: u64,
    pub(crate) ino: u64,
}

impl Identity {
    pub(crate) fn of(file: &File) -> io::Result<Identity> {
        file.metadata().map(|meta| Identity { dev: meta.dev(), ino: meta.ino() })
    }

    /// Whether that is the same file.
    pub(crate) fn is_of(self, meta: &Metadata) -> bool {
        (meta.dev(), meta.ino()) == (self.dev, self.ino)
    }

    /// Whether this number still is a descriptor of the file. May be called in a forked child.
    pub(crate) fn is(self, number: RawFd) -> bool {
        // SAFETY: all zero bits are a valid stat, and the kernel fills it; a number that is no
        // descriptor is an error.
        unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            let found = libc::fstat(number, &raw mut stat) == 0;
            found && (stat.st_dev, stat.st_ino) == (self.dev, self.ino)
        }
    }

    /// Closes the file, unless its number is another one's.
    pub(crate) fn close(self, file: &File) {
        let number = file.as_raw_fd();
        if self.is(number) {
            // SAFETY: it still is what the caller opened and does not use any more.
            drop(unsafe { OwnedFd::from_raw_fd(number) });
        }
    }
}

/// A file in a queue's folder that is kept open.
#[derive(Debug)]
pub(crate) struct Steady {
    file: ManuallyDrop<File>,
    path: PathBuf,
    identity: Identity,
}

impl Steady {
    /// Keeps a file that has this name, or will have it.
    pub(crate) fn new(file: File, path: PathBuf) -> io::Result<Steady> {
        let identity = Identity::of(&file)?;
        Ok(Steady { file: ManuallyDrop::new(file), path, identity })
    }

    /// Does something with the file.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
        if self.identity.is(self.file.as_raw_fd()) {
            return work(&self.file);
        }
        let file = os::open_own(&self.path)?;
        if Identity::of(&file)? != self.identity {
            return Err(io::ErrorKind::NotFound.into());
        }
        work(&file)
    }

    /// Whether this is what is known of the file.
    pub(crate) fn is(&self, meta: &Metadata) -> bool {
        self.identity.is_of(meta)
    }

    /// Closes it. Nobody is at work [`with`](Steady::with) it.
    pub(crate) fn close(&self) {
        self.identity.close(&self.file);
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> io::Result<u64> {
        self.with(|file| file.metadata().map(|meta| meta.len()))
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.identity.close(&self.file);
    }
}
