//! A sink in memory, for tests.

use crate::error::Error;
use crate::format::{Format, TextFormat};
use crate::sink::{Context, Sink};
use onewriter_record::Record;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A sink that keeps its lines in memory, and the place where a test reads them.
///
/// Each record is one line without its newline, also where its text has several lines. Lines
/// appear when their batch is committed, as they would in a file.
///
/// ```
/// use onewriter_engine::sinks::memory::memory;
/// use onewriter_engine::testing::Sample;
/// use onewriter_engine::{Context, NoJournal, Sink};
///
/// let (mut sink, lines) = memory();
/// let mut cx = Context { now: 0, journal: &mut NoJournal };
/// sink.record(&Sample::new("order {} placed").arg(7).record(), &mut cx)?;
/// assert!(lines.lines().is_empty());
/// sink.commit(&mut cx)?;
/// assert!(lines.lines()[0].ends_with("order 7 placed"));
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
#[must_use]
pub fn memory() -> (Memory, Lines) {
    let lines = Lines::default();
    let sink = Memory {
        format: Box::new(TextFormat::full()),
        taken: Vec::new(),
        bytes: Vec::new(),
        keep: usize::MAX,
        lines: lines.clone(),
    };
    (sink, lines)
}

/// The sink of [`memory`].
pub struct Memory {
    format: Box<dyn Format>,
    /// Where the records in `bytes` end.
    taken: Vec<usize>,
    bytes: Vec<u8>,
    keep: usize,
    lines: Lines,
}

impl Memory {
    /// The formatter; without one, [`TextFormat::full`].
    #[must_use]
    pub fn format(mut self, format: impl Format + 'static) -> Memory {
        self.format = Box::new(format);
        self
    }

    /// Keeps only the newest `lines` lines; all without this. Older ones are forgotten and counted
    /// by [`Lines::forgotten`].
    #[must_use]
    pub fn keep(mut self, lines: usize) -> Memory {
        self.keep = lines;
        self
    }
}

impl Sink for Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn record(&mut self, record: &Record<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        self.format.format(record, &mut self.bytes);
        self.taken.push(self.bytes.len());
        Ok(())
    }

    fn commit(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        let mut stored = self.lines.lock();
        let mut start = 0;
        for end in self.taken.drain(..) {
            let line = String::from_utf8_lossy(&self.bytes[start..end]);
            stored.lines.push_back(line.strip_suffix('\n').unwrap_or(&line).to_owned());
            start = end;
        }
        self.bytes.clear();
        let too_many = stored.lines.len().saturating_sub(self.keep);
        stored.lines.drain(..too_many);
        stored.forgotten += too_many as u64;
        Ok(())
    }

    fn pending(&self) -> usize {
        self.bytes.len()
    }
}

/// The lines of a sink in memory; its clones see the same lines.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Stored>>);

#[derive(Debug, Default)]
struct Stored {
    lines: VecDeque<String>,
    forgotten: u64,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lines, oldest first.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    /// The lines, oldest first; afterwards there are none.
    #[must_use]
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().lines).into()
    }

    /// How many lines [`Memory::keep`] has made room from.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.lock().forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::NoJournal;
    use crate::testing::Sample;

    struct Targets;

    impl Format for Targets {
        fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
            out.extend_from_slice(record.target().as_bytes());
            out.extend_from_slice(b"\n\n");
        }
    }

    #[test]
    fn only_the_newest_lines_are_kept_and_the_others_counted() {
        let (sink, lines) = memory();
        let mut sink = sink.keep(2).format(Targets);
        let mut cx = Context { now: 0, journal: &mut NoJournal };
        for target in ["a", "b", "c"] {
            sink.record(&Sample::new("x").target(target).record(), &mut cx).unwrap();
        }
        assert_eq!(sink.pending(), 9);
        sink.commit(&mut cx).unwrap();
        assert_eq!(sink.pending(), 0);
        assert_eq!(lines.lines(), ["b\n", "c\n"]);
        assert_eq!(lines.forgotten(), 1);
        assert_eq!(lines.take().len(), 2);
        assert!(lines.lines().is_empty());
    }
}
