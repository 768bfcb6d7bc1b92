//! Threads that put records through each of the Rust doors.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How much is put.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Threads for each door.
    pub threads: u64,
    /// Records for each thread.
    pub records: u64,
}

impl Load {
    /// All threads.
    pub fn producers(self) -> u64 {
        self.threads * DOORS.len() as u64
    }

    /// All records.
    pub fn total(self) -> u64 {
        self.producers() * self.records
    }
}

/// Puts one record: producer, number, ticket.
type Put = fn(u64, u64, u64);

/// The doors: the macros of onewriter itself, the `log` facade, the `tracing` layer.
pub const DOORS: [(&str, Put); 3] =
    [("onewriter", put_onewriter), ("log", put_log), ("tracing", put_tracing)];

fn put_onewriter(producer: u64, seq: u64, ticket: u64) {
    crate::engine_door::put(producer, seq, ticket);
}

fn put_log(producer: u64, seq: u64, ticket: u64) {
    log::info!(target: "demo", producer, seq, ticket; "order {seq} placed");
}

fn put_tracing(producer: u64, seq: u64, ticket: u64) {
    tracing::info!(target: "demo", producer, seq, ticket, "order {seq} placed");
}

/// The progress of all threads is counted in steps of this size: a shared counter for each record
/// would be what the demo measures.
const STEP: u64 = 4096;

/// The running threads.
pub struct Producers {
    threads: Vec<JoinHandle<u64>>,
    done: Arc<AtomicU64>,
    ended: Receiver<()>,
}

impl Producers {
    /// Starts all threads of all doors.
    ///
    /// # Errors
    /// If the system has no more threads.
    pub fn start(load: Load) -> io::Result<Producers> {
        let done = Arc::new(AtomicU64::new(0));
        let tickets = Arc::new(AtomicU64::new(0));
        // Dropped by each thread at its end: when all are gone, the receiver knows.
        let (alive, ended) = mpsc::channel();
        let threads = (0..load.producers()).map(|producer| {
            let (door, put) = DOORS[(producer % DOORS.len() as u64) as usize];
            let (done, tickets, alive) = (done.clone(), tickets.clone(), alive.clone());
            thread::Builder::new().name(format!("{door}-{producer}")).spawn(move || {
                let _alive: mpsc::Sender<()> = alive;
                for seq in 0..load.records {
                    // Drawn before the put begins: `check --ticket` compares them.
                    put(producer, seq, tickets.fetch_add(1, Ordering::SeqCst));
                    if seq % STEP == STEP - 1 {
                        done.fetch_add(STEP, Ordering::Relaxed);
                    }
                }
                load.records
            })
        });
        Ok(Producers { threads: threads.collect::<io::Result<_>>()?, done, ended })
    }

    /// Waits at most this long. Whether all threads have ended.
    pub fn wait(&self, at_most: Duration) -> bool {
        self.ended.recv_timeout(at_most) == Err(RecvTimeoutError::Disconnected)
    }

    /// About how many records have been put.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How many puts have returned; a thread that panicked counts as none.
    pub fn join(self) -> u64 {
        self.threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    }
}
