//! A lock that lives exactly as long as an address space.
//!
//! The kernel drops an open file's lock when the last reference to the open file goes. A mapping is
//! such a reference: so the lock is taken on a description of its own, one page of it is mapped and
//! kept out of forked children, and the descriptor is closed. The lock then survives programs that
//! close all descriptors, is not inherited by `fork`, and goes with exit, `exec` and SIGKILL.
//! Where the filesystem defeats this (overlayfs maps another file), the descriptor is kept.

use crate::os::{self, Map, PAGE};
use std::fs::File;
use std::io;
use std::path::Path;

/// The lock, held.
#[derive(Debug)]
pub(crate) struct LifetimeLock {
    _map: Map,
    _kept: Option<File>,
}

impl LifetimeLock {
    /// Takes the lock of an existing file of at least a page; `None` if somebody else has it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<LifetimeLock>> {
        let file = os::open_own(path)?;
        if !os::try_lock(&file)? {
            return Ok(None);
        }
        LifetimeLock::keep(file, path).map(Some)
    }

    /// Waits until the lock is free, and takes it; `None` where it would not live as long as the
    /// address space. Only on a thread with a descriptor table of its own.
    pub(crate) fn wait_for(path: &Path) -> io::Result<Option<LifetimeLock>> {
        let file = os::open_own(path)?;
        os::lock(&file)?;
        let lock = LifetimeLock::keep(file, path)?;
        Ok(if lock._kept.is_none() { Some(lock) } else { None })
    }

    /// Ties the lock on `file` to the address space.
    fn keep(file: File, path: &Path) -> io::Result<LifetimeLock> {
        let map = Map::shared(&file, PAGE)?;
        map.dont_fork()?;
        drop(file);
        let probe = os::open_own(path)?;
        // If the probe gets the lock then ours went with the descriptor: keep the probe's.
        let kept = if os::try_lock(&probe)? { Some(probe) } else { None };
        Ok(LifetimeLock { _map: map, _kept: kept })
    }

    /// Whether somebody holds the lock.
    pub(crate) fn is_held(path: &Path) -> io::Result<bool> {
        os::try_lock(&os::open_own(path)?).map(|free| !free)
    }
}
