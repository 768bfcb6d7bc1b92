//! Floor 2 of onewriter: bytes in, bytes out, between threads and processes.
//!
//! This crate is an implementation detail of [`onewriter`](https://docs.rs/onewriter). It moves
//! frames of bytes; it does not know what a record is. All the unsafe code of the project is here.
//!
//! * A **ring** is one thread's single-producer single-consumer byte ring ([`spsc`]).
//! * A **segment** is one process's file in shared memory: its rings and its call-site table.
//! * A **queue** is a folder: the segments that feed one writer, and a doorbell.
//! * [`put`](put()) is the producer's side, [`Reader`] the writer's, [`JournalFile`] what a sink
//!   announces before it writes.
#![deny(missing_docs)]

mod alone;
mod clock;
mod exit;
mod fault;
mod handle;
mod join;
mod journal;
mod lead;
mod lock;
mod os;
mod place;
mod put;
mod queue;
mod reader;
mod segment;
mod sites;
mod spin;
pub mod spsc;
mod steady;
mod survey;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod wiped;
mod words;

pub use alone::Alone;
pub use clock::{ClockKind, Order, now, wall_pair};
pub use exit::{ForkHooks, around_fork, at_exit};
pub(crate) use exit::{at_fork, n_forks};
pub use handle::{mark_thread, thread_mark};
pub use join::{
    JoinOptions, MAX_QUEUES, Overflow, SILENT, count_lost_unseen, join, joined_queue, leave,
    leave_queue, let_memory_go, register, silenced, take_lost_unseen,
};
pub use journal::{JournalFile, Pending, Place};
pub use lead::{Candidate, Lead, Standing};
pub use os::{block_write_signals, limit_behind};
pub use place::{DIR_VARIABLE, QueueName, stable_hash};
pub use put::{
    INTRODUCTION_TAG, MAX_RECORD, PutError, RingFrame, URGENT_LEVEL, ask_put, put, try_put,
};
pub use queue::{Error, Queue};
pub use reader::{Cursor, Damage, FrameRef, Reader, RingId};
pub use spsc::{Corrupt, Losses};
pub use survey::{Survey, SurveyedName, SurveyedSegment, WRITER_FILE, published};
pub use wiped::process_token;
pub use words::{HeapWords, MapWords, Words};
