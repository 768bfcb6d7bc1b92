//! The flight recorder: the last records of all levels, written when something happens.

use crate::error::Error;
use crate::guard;
use crate::kept::Kept;
use crate::notice::Notices;
use crate::sink::{Context, Sink};
use onewriter_record::{Level, Record};

/// When the flight recorder writes, and how much it remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlightOptions {
    /// The memory for records that wait, in bytes: about 100 for a short record. Default 256 KiB,
    /// at least 4 KiB.
    pub bytes: usize,
    /// A record of this level or above is written at once, with all that wait before it.
    /// Default `ERROR`.
    pub trigger: Level,
}

impl Default for FlightOptions {
    fn default() -> FlightOptions {
        FlightOptions { bytes: 256 << 10, trigger: Level::Error }
    }
}

/// Keeps the last records in memory, and gives them to another sink when one of the chosen level
/// arrives, or when [`Sink::dump`] is called. Normal days cost no disk; the day of the error has
/// its `TRACE`.
///
/// What is written keeps its order, its times and its format; then the memory starts anew, so
/// nothing is written twice. Where older records had to be forgotten, one line before the others
/// says how many. There is no mark at the end: the record that triggered is the end.
///
/// Give this sink a filter that lets low levels through. What waits here is in the memory of the
/// process alone: if it is killed, so are they. At a normal end they are not written, call `dump`
/// for that. `spdlog`'s backtrace and Python's `MemoryHandler` do the same; the latter also writes
/// when full.
///
/// ```
/// use onewriter_engine::sinks::flight::{Flight, FlightOptions};
/// use onewriter_engine::sinks::memory::memory;
/// use onewriter_engine::testing::Sample;
/// use onewriter_engine::{Context, NoJournal, Sink};
/// use onewriter_record::Level;
///
/// let (inner, lines) = memory();
/// let mut sink = Flight::new(inner, FlightOptions::default())?;
/// let mut cx = Context { now: 0, journal: &mut NoJournal };
/// sink.record(&Sample::new("opened").level(Level::Trace).record(), &mut cx)?;
/// sink.commit(&mut cx)?;
/// assert!(lines.lines().is_empty());
///
/// sink.record(&Sample::new("broken").level(Level::Error).record(), &mut cx)?;
/// sink.commit(&mut cx)?;
/// assert_eq!(lines.lines().len(), 2);
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
pub struct Flight<S> {
    inner: S,
    options: FlightOptions,
    kept: Kept,
    forgotten: u64,
    /// Records that the inner sink refused and no error of `record` has stood for.
    refused: u64,
    notices: Notices,
}

impl<S: Sink> Flight<S> {
    /// A flight recorder in front of `inner`.
    ///
    /// # Errors
    /// Fewer than 4 KiB.
    pub fn new(inner: S, options: FlightOptions) -> Result<Flight<S>, Error> {
        if options.bytes < 4 << 10 {
            let bytes = options.bytes;
            return Err(Error::config(format!(
                "flight recorder of {bytes} bytes: give at least 4096, the default is 262144"
            )));
        }
        let notices = Notices::new();
        Ok(Flight { inner, options, kept: Kept::default(), forgotten: 0, refused: 0, notices })
    }

    fn keep(&mut self, record: &Record<'_>) {
        self.kept.push(record);
        // The newest stays, even where it alone is larger than the memory.
        while self.kept.size() > self.options.bytes && self.kept.len() > 1 {
            self.kept.pop_front();
            self.forgotten += 1;
        }
    }

    /// Gives everything to the inner sink, also where it fails or panics at one of the records; the
    /// first error is the one that is reported, the others are counted.
    fn release(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let name = self.inner.name();
        let mut kept = std::mem::take(&mut self.kept);
        let forgotten = std::mem::take(&mut self.forgotten);
        let mut result = Ok(());
        if forgotten > 0
            && let Some(first) = kept.records().next()
        {
            let text = format!("flight recorder: {forgotten} older records are forgotten");
            result = self.inner.record(&self.notices.record(first.time, &text), cx);
        }
        for record in kept.records() {
            let taken = guard::catch(&name, || self.inner.record(&record, cx));
            self.refused += u64::from(taken.is_err());
            result = result.and(taken);
        }
        kept.clear();
        self.kept = kept;
        result
    }
}

impl<S: Sink> Sink for Flight<S> {
    fn name(&self) -> String {
        format!("flight recorder before {}", self.inner.name())
    }

    fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.keep(record);
        if record.level() < self.options.trigger {
            return Ok(());
        }
        // The error stands for one record; the others are told by `take_dropped`.
        self.release(cx).inspect_err(|_| self.refused = self.refused.saturating_sub(1))
    }

    fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.commit(cx)
    }

    fn pending(&self) -> usize {
        self.inner.pending()
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.flush(cx)
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.tick(cx)
    }

    fn reopen(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.reopen(cx)
    }

    fn rotate(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.rotate(cx)
    }

    fn dump(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.release(cx)?;
        self.inner.dump(cx)?;
        self.inner.commit(cx)
    }

    fn take_dropped(&mut self) -> u64 {
        self.inner.take_dropped() + std::mem::take(&mut self.refused)
    }

    fn take_rotations(&mut self) -> u64 {
        self.inner.take_rotations()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::NoJournal;
    use crate::sinks::memory::{Lines, memory};
    use crate::testing::Sample;

    fn flight(bytes: usize) -> (Flight<impl Sink>, Lines) {
        let (inner, lines) = memory();
        let options = FlightOptions { bytes, ..FlightOptions::default() };
        (Flight::new(inner, options).unwrap(), lines)
    }

    fn put(sink: &mut impl Sink, level: Level, n: usize) {
        let mut cx = Context { now: 0, journal: &mut NoJournal };
        let sample = Sample::new("{}").arg(n).level(level).site_number(level.number().into());
        sink.record(&sample.record(), &mut cx).unwrap();
        sink.commit(&mut cx).unwrap();
    }

    fn tails(lines: &Lines) -> Vec<String> {
        let last = |line: String| line.rsplit(' ').next().unwrap_or_default().to_owned();
        lines.take().into_iter().map(last).collect()
    }

    #[test]
    fn an_error_brings_what_came_before_it_once_and_in_order() {
        let (mut sink, lines) = flight(1 << 16);
        put(&mut sink, Level::Trace, 1);
        put(&mut sink, Level::Warn, 2);
        assert!(lines.lines().is_empty());
        put(&mut sink, Level::Error, 3);
        assert_eq!(tails(&lines), ["1", "2", "3"]);
        put(&mut sink, Level::Debug, 4);
        put(&mut sink, Level::new(50), 5);
        assert_eq!(tails(&lines), ["4", "5"]);
    }

    #[test]
    fn the_oldest_are_forgotten_and_a_line_says_how_many() {
        let (mut sink, lines) = flight(4 << 10);
        for n in 1..=1000 {
            put(&mut sink, Level::Debug, n);
        }
        put(&mut sink, Level::Error, 1001);
        let written = lines.lines();
        let n_kept = written.len() - 1;
        let forgotten = 1001 - n_kept;
        assert!(n_kept > 20, "{n_kept}");
        let mark = format!(
            "WARN  [0] onewriter: flight recorder: {forgotten} older records are forgotten"
        );
        assert!(written[0].ends_with(&mark), "{}", written[0]);
        let expected: Vec<_> = (forgotten + 1..=1001).map(|n| n.to_string()).collect();
        assert_eq!(tails(&lines)[1..], expected);
    }

    #[test]
    fn a_record_larger_than_the_memory_is_kept_alone() {
        let (mut sink, lines) = flight(4 << 10);
        put(&mut sink, Level::Debug, 1);
        let mut cx = Context { now: 0, journal: &mut NoJournal };
        let long = "x".repeat(10_000);
        sink.record(&Sample::new("{}").arg(&*long).record(), &mut cx).unwrap();
        sink.dump(&mut cx).unwrap();
        let written = tails(&lines);
        assert_eq!(written, ["forgotten", &*long]);
    }

    #[test]
    fn dump_writes_on_demand_and_nothing_where_nothing_waits() {
        let (mut sink, lines) = flight(1 << 16);
        put(&mut sink, Level::Trace, 1);
        let mut cx = Context { now: 0, journal: &mut NoJournal };
        sink.flush(&mut cx).unwrap();
        assert!(lines.lines().is_empty());
        sink.dump(&mut cx).unwrap();
        assert_eq!(tails(&lines), ["1"]);
        sink.dump(&mut cx).unwrap();
        assert!(lines.lines().is_empty());
    }

    #[test]
    fn a_panic_at_one_of_the_kept_records_loses_that_one_alone() {
        let (faulty, written) = crate::testing::Faulty::new();
        let mut sink = Flight::new(faulty, FlightOptions::default()).unwrap();
        let mut cx = Context { now: 0, journal: &mut NoJournal };
        for message in ["1", "panic", "2", "fail", "3"] {
            let sample = Sample::new("{}").arg(message);
            sink.record(&sample.record(), &mut cx).unwrap();
        }
        let err = sink.dump(&mut cx).unwrap_err().to_string();
        assert_eq!(err, "sink faulty panicked: told to panic");
        sink.commit(&mut cx).unwrap();
        assert_eq!(written.text(), "1\n2\n3\n");
        assert_eq!(sink.take_dropped(), 2);
    }

    #[test]
    fn too_little_memory_is_refused() {
        let options = FlightOptions { bytes: 100, ..FlightOptions::default() };
        let err = Flight::new(memory().0, options).err().map(|err| err.to_string());
        let expected = "flight recorder of 100 bytes: give at least 4096, the default is 262144";
        assert_eq!(err.as_deref(), Some(expected));
    }
}
