//! Thread and process at the end of a line, kept from record to record.

use super::line::Line;
use onewriter_record::{Process, Record, Thread, Value};

/// Which of the two are written, and what was written last.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) thread: bool,
    pub(super) process: bool,
    of: Option<(Thread, Process)>,
    text: Vec<u8>,
}

impl Origin {
    pub(super) const fn new(thread: bool, process: bool) -> Origin {
        Origin { thread, process, of: None, text: Vec::new() }
    }

    /// Appends `thread`, `thread_id`, `process`, `process_id`, each by `write`.
    #[inline]
    pub(super) fn put(
        &mut self,
        record: &Record<'_>,
        line: &mut Line<'_>,
        write: impl Fn(&mut Line<'_>, &str, &Value<'_>),
    ) {
        let known = self
            .of
            .as_ref()
            .is_some_and(|(thread, process)| thread == record.thread && process == record.process);
        if !known {
            self.render(record, write);
        }
        line.put(&self.text);
    }

    #[cold]
    fn render(&mut self, record: &Record<'_>, write: impl Fn(&mut Line<'_>, &str, &Value<'_>)) {
        self.of = Some((record.thread.clone(), record.process.clone()));
        self.text.clear();
        let line = &mut Line::open(&mut self.text);
        if self.thread {
            write(line, "thread", &Value::Str(&record.thread.name));
            write(line, "thread_id", &Value::U64(record.thread.id));
        }
        if self.process {
            write(line, "process", &Value::Str(&record.process.name));
            write(line, "process_id", &Value::U32(record.process.id));
        }
    }
}
