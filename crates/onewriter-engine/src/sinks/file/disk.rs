//! The few operations on files whose failure must be testable.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The operating system; tests put a disk in its place that fails where they say.
pub(super) trait Disk: Send {
    fn write_at(&mut self, file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
        file.write_at(bytes, at)
    }

    /// Writes to something that has no offsets: a pipe, a terminal.
    fn write(&mut self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    fn set_len(&mut self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Says that the newest record in the file is of `time`.
    fn set_modified(&mut self, file: &File, time: u64) -> io::Result<()> {
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(time))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        rename_noreplace(from, to)
    }

    fn open(&mut self, path: &Path, access: &super::open::Access) -> io::Result<super::open::Live> {
        super::open::open(path, access)
    }

    /// Takes the file's lock if nobody has it. Where there are no locks, nobody has it.
    fn try_lock(&mut self, file: &File) -> bool {
        use rustix::fs::{FlockOperation, flock};
        use rustix::io::Errno;
        flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
    }

    /// Lets the one who has the lock get on.
    fn pause(&mut self) {
        std::thread::sleep(Duration::from_micros(250));
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

pub(super) struct RealDisk;

impl Disk for RealDisk {}

/// Renames, but never over another file.
fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        // Filesystems that do not know the flag (NFS, some FUSE ones): the queue has one writer, so
        // that nobody of ours makes the name between the two calls.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => match fs::symlink_metadata(to) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(err) if err.kind() == io::ErrorKind::NotFound => fs::rename(from, to),
            Err(err) => Err(err),
        },
        Err(err) => Err(err.into()),
    }
}
