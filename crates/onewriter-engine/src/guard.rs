//! What keeps a sink's faults and its own logging where they are.

use crate::error::{Error, ErrorKind};
use onewriter_record::{ORIGIN_MAX, ORIGIN_SHIFT};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The mark of the thread that calls sink `number`; sinks from the 62nd on share one.
pub(crate) fn mark(number: usize) -> u32 {
    (number as u32 + 1).min(ORIGIN_MAX - 1) << ORIGIN_SHIFT
}

/// The mark of this thread; on the writer's thread, while it calls a sink, that of the sink.
pub(crate) fn thread_mark() -> u32 {
    onewriter_ring::thread_mark()
}

/// Gives this thread, which is marked already, the mark of a sink that it runs.
pub(crate) fn run_as(mark: u32) {
    debug_assert!(on_sink_thread(), "only a thread that has entered runs sinks");
    // Without a mark the sink was called by a test or a program of its own, not by the router.
    onewriter_ring::mark_thread(if mark == 0 { ORIGIN_MAX << ORIGIN_SHIFT } else { mark });
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

/// Calls a sink; a panic in it becomes an error of kind [`ErrorKind::Panic`] with its message.
///
/// The sink is called again for the next record: one that panics must leave itself in a state in
/// which that does no harm. With `panic = "abort"` the process ends, as it says.
///
/// ```
/// use onewriter_engine::guard::catch;
/// let err = catch("function", || panic!("no {}", "luck")).unwrap_err();
/// assert_eq!(err.to_string(), "sink function panicked: no luck");
/// ```
pub fn catch(name: &str, call: impl FnOnce() -> Result<(), Error>) -> Result<(), Error> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("it gave no message");
        Err(Error::new(ErrorKind::Panic, format!("sink {name} panicked: {text}")))
    })
}
