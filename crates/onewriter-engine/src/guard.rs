//! Which threads are the writer's and the sinks' own.

use std::cell::Cell;

thread_local! {
    static ON_SINK_THREAD: Cell<bool> = const { Cell::new(false) };
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
    // While the thread ends, its thread-locals are gone: then nobody runs sinks on it any more.
    ON_SINK_THREAD.try_with(Cell::get).unwrap_or(false)
}

/// Marks this thread as one that runs sinks, until the value is dropped.
#[must_use = "the mark ends with the value"]
pub fn enter() -> SinkThread {
    let before = on_sink_thread();
    let _ = ON_SINK_THREAD.try_with(|mark| mark.set(true));
    SinkThread { before, not_send: std::marker::PhantomData }
}

/// The mark of [`enter`]; marks may be nested.
#[derive(Debug)]
pub struct SinkThread {
    before: bool,
    not_send: std::marker::PhantomData<*const ()>,
}

impl Drop for SinkThread {
    fn drop(&mut self) {
        let _ = ON_SINK_THREAD.try_with(|mark| mark.set(self.before));
    }
}
