//! Waiting until everything is written.

use crate::produce::{end_of, is_written_by_others, missing, waiting};
use onewriter_engine::publish::Published;
use onewriter_engine::{Error, ErrorKind, Writer, guard};
use onewriter_ring::{Queue, Survey};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Waits until everything put into the queues of these writers before now is written and flushed.
pub(crate) fn wait(writers: &[Writer], deadline: Duration) -> Result<(), Error> {
    if guard::on_sink_thread() {
        return Err(Error::new(
            ErrorKind::Incomplete,
            "complete() was called by a sink: the writer cannot wait for itself",
        ));
    }
    let wanted = onewriter_ring::now();
    let until = end_of(deadline);
    writers.iter().for_each(|writer| writer.queue().request(wanted));
    let is_late =
        |writer: &&Writer| !writer.queue().wait_until_written(wanted, until, || writer.is_here());
    match writers.iter().find(is_late) {
        Some(writer) => Err(incomplete(writer, deadline)),
        None => Ok(()),
    }
}

/// The same for a queue that this process has joined without being able to write it.
pub(crate) fn wait_for_others(queue: &Queue, deadline: Duration) -> Result<(), Error> {
    if is_written_by_others(queue, deadline) {
        return Ok(());
    }
    Err(too_late(deadline, &of_another(queue)))
}

fn incomplete(writer: &Writer, deadline: Duration) -> Error {
    too_late(deadline, &missing_in(writer.queue(), Some(writer)))
}

/// What of a queue is not written. `writer` is the one that this process has for it.
pub fn missing_in(queue: &Queue, writer: Option<&Writer>) -> String {
    match writer.filter(|writer| writer.is_here() && writer.leads()) {
        Some(writer) => of_own(writer),
        None => of_another(queue),
    }
}

fn too_late(deadline: Duration, what: &str) -> Error {
    let text = format!("not everything was written within {deadline:?}: {what}");
    Error::new(ErrorKind::Incomplete, text)
}

/// What this process's own writer has not done.
fn of_own(writer: &Writer) -> String {
    let stats = writer.stats();
    let records = stats.accepted - stats.written.min(stats.accepted);
    format!(
        "{records} records are read and not written, about {} bytes wait{}",
        stats.waiting_bytes,
        failing(&writer.failing())
    )
}

/// What is missing where another process writes, or nobody.
fn of_another(queue: &Queue) -> String {
    let Ok(survey) = Survey::of(queue.dir()) else {
        return "the writer is another process, and its queue cannot be looked at".to_owned();
    };
    let writer = survey.published.as_deref().and_then(Published::parse);
    let Some(writer) = writer.filter(|_| survey.is_led) else { return missing(&survey) };
    let sinks = writer.stats.sinks.iter().filter(|sink| sink.pending_bytes > 0);
    let sinks: Vec<_> = sinks.map(|sink| sink.name.clone()).collect();
    format!(
        "the writer, process {} ({}), has not got so far, it may be stopped; {}{}",
        writer.process,
        writer.name,
        waiting(&survey),
        failing(&sinks)
    )
}

fn failing(sinks: &[String]) -> String {
    match sinks {
        [] => String::new(),
        sinks => format!("; sinks that cannot write: {}", sinks.join(", ")),
    }
}

/// The future of [`complete_async`](crate::complete_async): needs no particular runtime.
///
/// A thread of its own waits, so that it completes at its deadline even if the writer is stuck.
#[must_use = "a future does nothing until it is awaited"]
pub struct Completion {
    start: Option<Box<dyn FnOnce() -> Result<(), Error> + Send>>,
    shared: Arc<Mutex<Outcome>>,
}

#[derive(Default)]
struct Outcome {
    result: Option<Result<(), Error>>,
    waker: Option<Waker>,
}

impl Completion {
    pub(crate) fn new(wait: impl FnOnce() -> Result<(), Error> + Send + 'static) -> Completion {
        Completion { start: Some(Box::new(wait)), shared: Arc::default() }
    }
}

impl Future for Completion {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let shared = Arc::clone(&self.shared);
        let mut outcome = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(result) = outcome.result.take() {
            return Poll::Ready(result);
        }
        outcome.waker = Some(cx.waker().clone());
        drop(outcome);
        let Some(wait) = self.start.take() else { return Poll::Pending };
        let inner = Arc::clone(&shared);
        let spawned =
            std::thread::Builder::new().name("onewriter-wait".to_owned()).spawn(move || {
                let result = wait();
                let mut outcome = inner.lock().unwrap_or_else(PoisonError::into_inner);
                outcome.result = Some(result);
                let waker = outcome.waker.take();
                drop(outcome);
                if let Some(waker) = waker {
                    waker.wake();
                }
            });
        match spawned {
            Ok(_) => Poll::Pending,
            Err(err) => {
                let text = format!("cannot start a thread to wait on: {err}");
                Poll::Ready(Err(Error::new(ErrorKind::Io, text)))
            }
        }
    }
}
