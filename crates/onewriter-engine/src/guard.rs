//! Which threads are the writer's and the sinks' own.

use onewriter_record::{ORIGIN_MAX, ORIGIN_SHIFT};
use std::marker::PhantomData;

/// The mark of the thread that calls sink `number`; sinks from the 62nd on share one.
pub(crate) fn mark(number: usize) -> u32 {
    (number as u32 + 1).min(ORIGIN_MAX - 1) << ORIGIN_SHIFT
}

/// Whether this thread is the writer's or a lane's, between [`enter`] and the end of its value.
///
/// What is logged there comes from a sink or a callback: handed to the same queue it would make the
/// writer wait for itself, or feed each record back for ever. The doors ask, and put such records
/// aside.
///
/// ```
/// use onewriter_engine::guard::{enter, on_sink_thread};
/// assert!(!on_sink_thread());
/// let here = enter();
/// assert!(on_sink_thread());
/// drop(here);
/// assert!(!on_sink_thread());
/// ```
#[inline]
#[must_use]
pub fn on_sink_thread() -> bool {
    onewriter_ring::thread_mark() != 0
}

/// Marks this thread as one that runs sinks, until the value is dropped.
#[must_use = "the mark ends with the value"]
pub fn enter() -> SinkThread {
    let before = onewriter_ring::thread_mark();
    onewriter_ring::mark_thread(ORIGIN_MAX << ORIGIN_SHIFT);
    SinkThread { before, not_send: PhantomData }
}

/// The mark of [`enter`]; marks may be nested.
#[derive(Debug)]
pub struct SinkThread {
    before: u32,
    not_send: PhantomData<*const ()>,
}

impl Drop for SinkThread {
    fn drop(&mut self) {
        onewriter_ring::mark_thread(self.before);
    }
}
