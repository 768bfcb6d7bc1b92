//! A function as a sink.

use crate::error::Error;
use crate::sink::{Context, Sink};
use onewriter_record::Record;

/// A sink that calls `take` for each record, on the writer's thread.
///
/// What the function returned `Ok` for counts as written. An error means that this record is lost
/// for this sink; it is reported and counted, and the next record is tried. A panic likewise. A
/// function that may wait belongs into a [lane](crate::sinks::lane), or everything waits for it.
///
/// ```
/// use onewriter_engine::sinks::function::function;
/// use onewriter_engine::testing::Sample;
/// use onewriter_engine::{Context, NoJournal, Sink};
/// use std::sync::mpsc;
///
/// let (send, targets) = mpsc::channel();
/// let mut sink = function(move |record| {
///     send.send(record.target().to_owned()).map_err(|_| onewriter_engine::Error::config("gone"))
/// });
/// let mut cx = Context { now: 0, journal: &mut NoJournal };
/// sink.record(&Sample::new("hello").record(), &mut cx)?;
/// assert_eq!(targets.try_recv().as_deref(), Ok("shop::orders"));
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
pub fn function<F>(take: F) -> Function<F>
where
    F: FnMut(&Record<'_>) -> Result<(), Error> + Send,
{
    Function { name: "function".to_owned(), take }
}

/// See [`function`].
pub struct Function<F> {
    name: String,
    take: F,
}

impl<F> Function<F> {
    /// The name in reports and statistics; `function` if not given.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Function<F> {
        self.name = name.into();
        self
    }
}

impl<F> Sink for Function<F>
where
    F: FnMut(&Record<'_>) -> Result<(), Error> + Send,
{
    fn name(&self) -> String {
        self.name.clone()
    }

    fn record(&mut self, record: &Record<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        (self.take)(record)
    }

    fn commit(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }
}
