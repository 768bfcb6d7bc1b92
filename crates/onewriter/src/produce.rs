//! A process that only produces.

use crate::callsite;
use onewriter_record::{ControlRecord, LevelFilter, Thread};
use onewriter_ring::{Error, JoinOptions, Queue, QueueName};

/// Joins the queue of this name without being able to write it: records go to the process that has
/// its sinks, and wait in shared memory while there is none. Records of `level` and above are put.
///
/// This is all that a build without the feature `embedded` offers; it links neither formatters nor
/// sinks. A program that has sinks uses `builder` instead.
///
/// ```no_run
/// onewriter::join("shop", onewriter::Level::Info)?;
/// onewriter::info!("order {} placed", 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A name that is not 1 to 64 letters, digits, `.`, `_` or `-`; what the operating system refused.
pub fn join(name: &str, level: impl Into<LevelFilter>) -> Result<(), Error> {
    let queue = Queue::open(&QueueName::Named(name.to_owned()))?;
    let options = JoinOptions { introduction: introduce_thread, ..JoinOptions::default() };
    onewriter_ring::join(0, queue, options)?;
    let level = level.into();
    callsite::set_interest(move |of, _| level.admits(of));
    Ok(())
}

/// The body of the frame that says which thread puts from here on.
pub(crate) fn introduce_thread(id: u64) -> Vec<u8> {
    let name = std::thread::current().name().unwrap_or_default().into();
    let mut body = Vec::new();
    ControlRecord::Thread(Thread { id, name }).encode(&mut body);
    body
}
