//! The page that all programs of a round share: which threads there are, and which puts have
//! returned. What a program has stored there survives its death.

use onewriter_ring::testing::SharedWords;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const STOP: usize = 0;
const HOLD: usize = 8;
const HEARTBEAT: usize = 16;
const N_SLOTS: usize = 24;
const N_PROCESSES: usize = 32;
const TOTAL: usize = 40;
const ALLOWED: usize = 48;
const LIVE: usize = 56;
/// So many processes are enough.
const CROWD: u64 = 24;
const PROCESSES: usize = 64;
const MAX_PROCESSES: usize = 1 << 13;
const SLOTS: usize = PROCESSES + MAX_PROCESSES;
const MAX_SLOTS: usize = 1 << 14;
const SLOT_WORDS: usize = 8;
/// Programs end by themselves if nobody has looked after them for so long.
const FORSAKEN: Duration = Duration::from_secs(90);

/// The page.
#[derive(Debug)]
pub struct Ledger {
    words: SharedWords,
}

impl Ledger {
    /// Opens it, or makes it.
    pub fn open(path: &Path) -> io::Result<Ledger> {
        let words = SharedWords::open(path, SLOTS + MAX_SLOTS * SLOT_WORDS)?;
        Ok(Ledger { words })
    }

    /// Asks all programs to end.
    pub fn stop(&self) {
        self.words.word(STOP).store(1, Ordering::Release);
    }

    /// Whether the programs are to end.
    pub fn is_over(&self) -> bool {
        self.words.word(STOP).load(Ordering::Relaxed) != 0
    }

    /// Says that somebody looks after the programs.
    pub fn beat(&self) {
        self.words.word(HEARTBEAT).store(seconds(), Ordering::Relaxed);
    }

    /// Whether whoever looks after the programs is gone.
    pub fn is_forsaken(&self) -> bool {
        let beat = self.words.word(HEARTBEAT).load(Ordering::Relaxed);
        seconds() > beat + FORSAKEN.as_secs()
    }

    /// Asks all threads to pause, or lets them go on; the number names the pause.
    pub fn hold(&self, number: u64) {
        self.words.word(HOLD).store(number, Ordering::SeqCst);
    }

    /// The pause that is asked for; 0 for none.
    pub fn held(&self) -> u64 {
        self.words.word(HOLD).load(Ordering::SeqCst)
    }

    /// Counts records that are put; true if there were more than are allowed by now.
    pub fn spend(&self, records: u64) -> bool {
        let total = self.words.word(TOTAL).fetch_add(records, Ordering::Relaxed);
        total > self.words.word(ALLOWED).load(Ordering::Relaxed)
    }

    /// Lets so many records be put at full speed, from the beginning.
    pub fn allow(&self, records: u64) {
        self.words.word(ALLOWED).store(records, Ordering::Relaxed);
    }

    /// Says how many processes live.
    pub fn set_live(&self, count: u64) {
        self.words.word(LIVE).store(count, Ordering::Relaxed);
    }

    /// Whether there are enough processes.
    pub fn is_crowded(&self) -> bool {
        self.words.word(LIVE).load(Ordering::Relaxed) >= CROWD
    }

    /// Enters a process; its number, if there is room.
    pub fn enter_process(&self) -> Option<usize> {
        let number = self.words.word(N_PROCESSES).fetch_add(1, Ordering::SeqCst) as usize;
        let at = PROCESSES + number;
        (number < MAX_PROCESSES).then_some(())?;
        self.words.word(at).store(u64::from(std::process::id()), Ordering::Release);
        Some(number)
    }

    /// How many processes there have been.
    pub fn n_processes(&self) -> usize {
        (self.words.word(N_PROCESSES).load(Ordering::SeqCst) as usize).min(MAX_PROCESSES)
    }

    /// The id of a process; `None` before it is known.
    pub fn process(&self, number: usize) -> Option<u32> {
        let id = self.words.word(PROCESSES + number).load(Ordering::Acquire) as u32;
        (id != 0).then_some(id)
    }

    /// Enters a thread of a process; `None` if there is no room.
    pub fn enter_thread(&self, process: usize) -> Option<Slot<'_>> {
        let number = self.words.word(N_SLOTS).fetch_add(1, Ordering::SeqCst) as usize;
        (number < MAX_SLOTS).then_some(())?;
        let slot = self.slot(number);
        slot.word(1).store(process as u64 + 1, Ordering::Release);
        Some(slot)
    }

    /// How many threads there have been.
    pub fn n_slots(&self) -> usize {
        (self.words.word(N_SLOTS).load(Ordering::SeqCst) as usize).min(MAX_SLOTS)
    }

    /// What a thread has said.
    pub fn slot(&self, number: usize) -> Slot<'_> {
        Slot { ledger: self, number }
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What a thread says.
#[derive(Clone, Copy, Debug)]
pub struct Slot<'a> {
    ledger: &'a Ledger,
    /// Its number.
    pub number: usize,
}

impl<'a> Slot<'a> {
    fn word(&self, at: usize) -> &'a AtomicU64 {
        self.ledger.words.word(SLOTS + self.number * SLOT_WORDS + at)
    }

    /// Its first `n` puts have returned.
    pub fn returned(&self, n: u64) {
        self.word(0).store(n, Ordering::Release);
    }

    /// How many of its puts have returned.
    pub fn count(&self) -> u64 {
        self.word(0).load(Ordering::Acquire)
    }

    /// The number of its process.
    pub fn process(&self) -> Option<usize> {
        (self.word(1).load(Ordering::Acquire) as usize).checked_sub(1)
    }

    /// It is in this pause.
    pub fn rest(&self, pause: u64) {
        self.word(2).store(pause, Ordering::SeqCst);
    }

    /// Whether it is in this pause, or has ended.
    pub fn rests(&self, pause: u64) -> bool {
        self.word(2).load(Ordering::SeqCst) == pause || self.word(3).load(Ordering::SeqCst) != 0
    }

    /// It puts nothing more.
    pub fn end(&self) {
        self.word(3).store(1, Ordering::SeqCst);
    }
}
