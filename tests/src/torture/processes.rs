//! Which processes there are, and which of them writes.

use super::ledger::Ledger;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The processes of a round. All of them are descendants of this one, and nobody else collects the
/// dead: so no id means another process than the one that it was given to.
#[derive(Debug, Default)]
pub struct Processes {
    /// Entered in the ledger and not collected.
    known: Vec<u32>,
    collected: BTreeSet<u32>,
    entered: usize,
    /// Started by this process.
    own: BTreeSet<u32>,
}

impl Processes {
    /// This process has started one.
    pub fn started(&mut self, id: u32) {
        self.own.insert(id);
    }

    /// How many of those that this process has started are not collected.
    pub fn n_own(&self) -> usize {
        self.own.len()
    }

    /// Collects the dead and looks who is new. False if there is no child any more.
    pub fn look(&mut self, ledger: &Ledger) -> bool {
        let mut has_children = true;
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((id, _))) => {
                    let id = id.as_raw_nonzero().get() as u32;
                    self.collected.insert(id);
                    self.own.remove(&id);
                }
                Ok(None) => break,
                Err(_) => {
                    has_children = false;
                    break;
                }
            }
        }
        while self.entered < ledger.n_processes()
            && let Some(process) = ledger.process(self.entered)
        {
            self.known.push(process);
            self.entered += 1;
        }
        let collected = &self.collected;
        self.known.retain(|id| !collected.contains(id));
        has_children
    }

    /// How many are entered and not collected.
    pub fn n_known(&self) -> u64 {
        self.known.len() as u64
    }

    /// Those that live.
    pub fn live(&self) -> Vec<u32> {
        self.known.iter().copied().filter(|id| is_alive(*id)).collect()
    }

    /// Whether this one lives.
    pub fn lives(&self, id: u32) -> bool {
        !self.collected.contains(&id) && is_alive(id)
    }
}

/// Whether there is such a process and it has not ended.
fn is_alive(id: u32) -> bool {
    // The name stands in brackets and may hold anything.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
}

/// Sends a signal to one of the round's processes.
pub fn signal(id: u32, signal: Signal) {
    if let Some(id) = Pid::from_raw(id as i32) {
        // It may have ended: then it is not collected yet, and the signal has no effect.
        let _ = kill_process(id, signal);
    }
}

/// Kills it and waits until it is dead; false if it was already.
pub fn kill(id: u32) -> bool {
    if !is_alive(id) {
        return false;
    }
    signal(id, Signal::KILL);
    let until = Instant::now() + Duration::from_secs(10);
    while is_alive(id) && Instant::now() < until {
        std::thread::sleep(Duration::from_micros(50));
    }
    true
}

/// All files in a folder and the folders in it.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files_in(&path)),
            path => found.push(path),
        }
    }
    found
}

/// The process that writes the log whose queue is in this folder: whoever holds the lock of the
/// lead.
pub fn writer(queues: &Path) -> Option<u32> {
    let is_ours = |path: &PathBuf| {
        let queue = path.parent().unwrap_or(path).to_string_lossy();
        path.ends_with("lead") && ["shop.log", "n-torture"].iter().any(|name| queue.ends_with(name))
    };
    let leads = files_in(queues).into_iter().filter(is_ours);
    let inodes: Vec<String> =
        leads.filter_map(|path| Some(format!(":{}", fs::metadata(path).ok()?.ino()))).collect();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, "FLOCK", _, "WRITE", id, file, ..]
                if inodes.iter().any(|inode| file.ends_with(inode)) =>
            {
                id.parse().ok()
            }
            _ => None,
        }
    })
}
