//! Files in the queue's folder that nobody will use: of processes killed while they made them.

use crate::lead::is_led;
use crate::lock::LifetimeLock;
use crate::place;
use std::fs::{self, DirEntry};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What is still in the making after this time was left by a process that is gone.
const MAKING_MAX: Duration = Duration::from_secs(60);

/// Removes what was left, as of `now`: segments and doorbells that never got their names, and side
/// files whose segment is gone.
pub(super) fn sweep(dir: &Path, now: SystemTime) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let side = name.strip_prefix("b-").or_else(|| name.strip_prefix("d-"));
        let is_left = match side.and_then(|rest| rest.rsplit_once('-')) {
            Some((segment, _)) => !dir.join(format!("s-{segment}")).exists(),
            None => name.starts_with(".s-") || name.starts_with(".bell-"),
        };
        if is_left && is_old(&entry, now) && !is_locked(&entry) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Removes the private queues beside this one that no process leads and in which none has a segment.
/// (A child that knows such a queue and has put nothing yet makes the folder anew.)
pub(super) fn sweep_private(beside: &Path, now: SystemTime) {
    let Some(root) = beside.parent().filter(|root| place::is_root(root)) else { return };
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let dir = entry.path();
        if place::is_private_name(&dir)
            && is_old(&entry, now)
            && !is_led(&dir)
            && !has_living_segment(&dir)
        {
            let _ = fs::remove_dir_all(dir);
        }
    }
}

fn has_living_segment(dir: &Path) -> bool {
    let segments = fs::read_dir(dir).into_iter().flatten().flatten();
    segments.into_iter().any(|entry| {
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        (name.starts_with("s-") || name.starts_with(".s-")) && is_locked(&entry)
    })
}

/// A file whose time lies in the future is not old.
fn is_old(entry: &DirEntry, now: SystemTime) -> bool {
    let changed = entry.metadata().and_then(|meta| meta.modified());
    changed.is_ok_and(|changed| now.duration_since(changed).is_ok_and(|age| age > MAKING_MAX))
}

/// Whether its maker lives. If that cannot be told it does.
fn is_locked(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_file() => LifetimeLock::is_held(&entry.path()).unwrap_or(true),
        // What is no file has no lock, and nobody of ours has made it.
        Ok(_) => false,
        Err(_) => true,
    }
}

/// A file that is no segment gets another name, so that it is met once.
pub(super) fn set_aside(path: &Path) {
    if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
        let _ = fs::rename(path, path.with_file_name(format!("bad-{name}")));
    }
}
