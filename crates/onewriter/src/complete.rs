//! Waiting until everything is written.

use onewriter_engine::{Error, ErrorKind, Writer, guard};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// How long one wait lasts before the deadline is looked at again.
const SLICE: Duration = Duration::from_millis(100);

/// Waits until everything put into the queues of these writers before now is written and flushed.
pub(crate) fn wait(writers: &[Writer], deadline: Duration) -> Result<(), Error> {
    if guard::on_sink_thread() {
        return Err(Error::new(
            ErrorKind::Incomplete,
            "complete() was called by a sink: the writer cannot wait for itself",
        ));
    }
    let wanted = onewriter_ring::now();
    let until = Instant::now() + deadline.min(Duration::from_secs(1 << 30));
    writers.iter().for_each(|writer| writer.queue().request(wanted));
    for writer in writers {
        let queue = writer.queue();
        while queue.watermark() < wanted {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(incomplete(writer, deadline));
            }
            queue.wait_for_watermark(wanted, left.min(SLICE));
        }
    }
    Ok(())
}

fn incomplete(writer: &Writer, deadline: Duration) -> Error {
    let what = if writer.is_here() && writer.leads() {
        let stats = writer.stats();
        let failing = writer.failing();
        let sinks = if failing.is_empty() {
            String::new()
        } else {
            format!("; sinks that cannot write: {}", failing.join(", "))
        };
        let records = stats.accepted - stats.written.min(stats.accepted);
        format!(
            "{records} records are read and not written, about {} bytes wait{sinks}",
            stats.waiting_bytes
        )
    } else {
        "the writer is another process, or there is none".to_owned()
    };
    let text = format!("not everything was written within {deadline:?}: {what}");
    Error::new(ErrorKind::Incomplete, text)
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
