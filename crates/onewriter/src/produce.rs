//! A process that only produces.

use crate::callsite;
use onewriter_record::{ControlRecord, LevelFilter, Thread};
use onewriter_ring::{Error, JoinOptions, Queue, QueueName, Survey, SurveyedName};
use std::fmt;
use std::time::{Duration, Instant};

/// Joins the queue of this name without being able to write it: records go to the process that has
/// its sinks, and wait in shared memory while there is none. Records of `level` and above are put.
///
/// This is all that a build without the feature `embedded` offers; it links neither formatters nor
/// sinks. A program that has sinks uses `builder` instead.
///
/// ```no_run
/// let shop = onewriter::join("shop", onewriter::Level::Info)?;
/// onewriter::info!("order {} placed", 7);
/// // It is safe whatever happens to this program; whether it is written yet, this says.
/// shop.complete(std::time::Duration::from_secs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A name that is not 1 to 64 letters, digits, `.`, `_` or `-`; what the operating system refused.
pub fn join(name: &str, level: impl Into<LevelFilter>) -> Result<Producer, Error> {
    let queue = Queue::open(&QueueName::Named(name.to_owned()))?;
    let options = JoinOptions { introduction: introduce_thread, ..JoinOptions::default() };
    let queue = onewriter_ring::join(0, queue, options)?;
    let level = level.into();
    callsite::set_interest(move |of, _| level.admits(of));
    Ok(Producer { queue })
}

/// A queue that this process puts into and another one writes: what [`join`] returns.
#[derive(Clone, Copy)]
pub struct Producer {
    queue: &'static Queue,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("queue", &self.queue.dir()).finish()
    }
}

impl Producer {
    /// Waits until everything that any process put into this queue before this call is written and
    /// flushed, at most `deadline`. A deadline of zero only asks.
    ///
    /// # Errors
    /// [`Incomplete`] says what is missing: nothing of it is lost, it waits for a writer.
    pub fn complete(&self, deadline: Duration) -> Result<(), Incomplete> {
        if is_written_by_others(self.queue, deadline) {
            return Ok(());
        }
        let what = Survey::of(self.queue.dir()).map(|survey| missing(&survey));
        let what = what.unwrap_or_else(|_| "its queue cannot be looked at".to_owned());
        Err(Incomplete(format!("not everything was written within {deadline:?}: {what}")))
    }
}

/// Waits until everything put before now into a queue that this process cannot write is written.
pub(crate) fn is_written_by_others(queue: &Queue, deadline: Duration) -> bool {
    let wanted = onewriter_ring::now();
    queue.request(wanted);
    queue.wait_until_written(wanted, end_of(deadline), || false)
}

/// When a wait that begins now is over.
pub(crate) fn end_of(deadline: Duration) -> Instant {
    Instant::now() + deadline.min(Duration::from_secs(1 << 30))
}

/// Not everything was written before the deadline of [`Producer::complete`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incomplete(String);

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Incomplete {}

/// What waits in a queue.
pub(crate) fn waiting(survey: &Survey) -> String {
    let n_waiting = survey.segments.iter().filter(|segment| segment.waiting > 0).count();
    format!("about {} bytes of {n_waiting} processes wait", survey.waiting())
}

/// What a queue that others write has waiting, and who could write it.
pub(crate) fn missing(survey: &Survey) -> String {
    let waiting = waiting(survey);
    match (survey.is_led, &survey.name) {
        (true, _) => format!("the writer is another process; {waiting}"),
        (false, SurveyedName::Private(_)) => {
            format!("the process that could write it has ended; {waiting}")
        }
        (false, _) => format!(
            "nobody writes; {waiting} for the next program with these sinks, or for `onewriter \
             recover`"
        ),
    }
}

/// The body of the frame that says which thread puts from here on.
pub fn introduce_thread(id: u64) -> Vec<u8> {
    let name = std::thread::current().name().unwrap_or_default().into();
    let mut body = Vec::new();
    ControlRecord::Thread(Thread { id, name }).encode(&mut body);
    body
}
