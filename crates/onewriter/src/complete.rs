//! Waiting until everything is written.

use onewriter_engine::publish::Published;
use onewriter_engine::{Error, ErrorKind, Writer, guard};
use onewriter_ring::{Queue, Survey, SurveyedName};
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
        let mut was_orphaned = false;
        while queue.watermark() < wanted {
            let left = until.saturating_duration_since(Instant::now());
            // At two looks: between a parent's end and a child that takes over there is a moment.
            let is_orphaned = !writer.is_here() && queue.is_orphaned();
            if left.is_zero() || is_orphaned && was_orphaned {
                return Err(incomplete(writer, deadline));
            }
            was_orphaned = is_orphaned;
            queue.wait_for_watermark(wanted, left.min(SLICE));
        }
    }
    Ok(())
}

fn incomplete(writer: &Writer, deadline: Duration) -> Error {
    let what = match writer.is_here() && writer.leads() {
        true => of_own(writer),
        false => of_another(writer.queue()),
    };
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
    let n_waiting = survey.segments.iter().filter(|segment| segment.waiting > 0).count();
    let waiting = format!("about {} bytes of {n_waiting} processes wait", survey.waiting());
    let writer = survey.published.as_deref().and_then(Published::parse);
    match (survey.is_led, survey.name, writer) {
        (true, _, Some(writer)) => {
            let sinks = writer.stats.sinks.iter().filter(|sink| sink.pending_bytes > 0);
            let sinks: Vec<_> = sinks.map(|sink| sink.name.clone()).collect();
            format!(
                "the writer, process {} ({}), has not got so far, it may be stopped; {waiting}{}",
                writer.process,
                writer.name,
                failing(&sinks)
            )
        }
        (true, _, None) => format!("the writer is another process; {waiting}"),
        (false, SurveyedName::Private(_), _) => {
            format!("the process that could write it has ended; {waiting}")
        }
        (false, ..) => format!(
            "nobody writes; {waiting} for the next program with these sinks, or for `onewriter \
             recover`"
        ),
    }
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
