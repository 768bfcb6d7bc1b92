//! A lock that lives exactly as long as an address space.
//!
//! The kernel drops an open file's lock when the last reference to the open file goes. A mapping is
//! such a reference: so the lock is taken on a description of its own, one page of it is mapped and
//! kept out of forked children, and the descriptor is closed. The lock then survives programs that
//! close all descriptors, is not inherited by `fork`, and goes with exit, `exec` and SIGKILL.
//! Where the filesystem defeats this (overlayfs maps another file), the descriptor is kept, and
//! closed in children that are forked by `fork`.

use crate::alone::Alone;
use crate::os::{self, Map, PAGE};
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The lock, held.
#[derive(Debug)]
pub(crate) struct LifetimeLock {
    _map: Map,
    _kept: Option<Alone>,
}

impl LifetimeLock {
    /// Takes the lock of an existing file of at least a page; `None` if somebody else has it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<LifetimeLock>> {
        // A child that is forked in this moment must not have the lock.
        let file = Alone::open(|| os::open_own(path))?;
        if !os::try_lock(&file)? {
            return Ok(None);
        }
        LifetimeLock::keep(file, path).map(Some)
    }

    /// Waits until the lock is free, and takes it; `None` where it would not live as long as the
    /// address space. Only on a thread with a descriptor table of its own.
    pub(crate) fn wait_for(path: &Path) -> io::Result<Option<LifetimeLock>> {
        let file = Alone::open(|| os::open_own(path))?;
        if !lasts(path, &file)? {
            return Ok(None);
        }
        os::lock(&file)?;
        LifetimeLock::keep(file, path).map(Some)
    }

    /// Ties the lock on `file` to the address space.
    fn keep(file: Alone, path: &Path) -> io::Result<LifetimeLock> {
        let mut map = Map::shared(&file, PAGE)?;
        map.dont_fork()?;
        let kept = if lasts(path, &file)? { None } else { Some(file) };
        Ok(LifetimeLock { _map: map, _kept: kept })
    }

    /// Whether somebody holds the lock.
    pub(crate) fn is_held(path: &Path) -> io::Result<bool> {
        os::try_lock(&os::open_own(path)?).map(|free| !free)
    }
}

/// Whether a mapping of the file keeps its lock. It does in memory. Elsewhere it is found out on a
/// file that nobody else knows: a lock that others want must not be let go for that.
fn lasts(path: &Path, file: &File) -> io::Result<bool> {
    if os::file_system(file)?.is_memory {
        return Ok(true);
    }
    let probe = path.with_file_name(format!(".lock-{:032x}", os::random_id()?));
    let lasts = File::create_new(&probe).and_then(|file| {
        os::try_lock(&file)?;
        let _map = Map::shared(&file, PAGE)?;
        drop(file);
        os::try_lock(&File::open(&probe)?).map(|free| !free)
    });
    let _ = fs::remove_file(probe);
    lasts
}
