//! Thread and process at the end of a line, kept from record to record.

use super::line::Line;
use onewriter_record::{Process, Record, Thread, Value};
use std::sync::Arc;

/// Which of the two are written, and what was written last.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) thread: bool,
    pub(super) process: bool,
    of: Option<(Arc<Thread>, Arc<Process>)>,
    text: Vec<u8>,
}

impl Origin {
    pub(super) const fn new(thread: bool, process: bool) -> Origin {
        Origin { thread, process, of: None, text: Vec::new() }
    }

    /// Appends `thread`, `thread_id`, `process`, `process_id`, each by `write`.
    #[inline(always)]
    pub(super) fn put(
        &mut self,
        record: &Record<'_>,
        line: &mut Line<'_>,
        write: impl Fn(&mut Line<'_>, &str, &Value<'_>),
    ) {
        let known = self
            .of
            .as_ref()
            .is_some_and(|(t, p)| Arc::ptr_eq(t, record.thread) && Arc::ptr_eq(p, record.process));
        if !known {
            self.render(record, write);
        }
        line.put(&self.text);
    }

    #[cold]
    fn render(&mut self, record: &Record<'_>, write: impl Fn(&mut Line<'_>, &str, &Value<'_>)) {
        self.of = Some((Arc::clone(record.thread), Arc::clone(record.process)));
        self.text.clear();
        let (has_thread, has_process) = (self.thread, self.process);
        Line::append(&mut self.text, |line| {
            if has_thread {
                write(line, "thread", &Value::Str(&record.thread.name));
                write(line, "thread_id", &Value::U64(record.thread.id));
            }
            if has_process {
                write(line, "process", &Value::Str(&record.process.name));
                write(line, "process_id", &Value::U32(record.process.id));
            }
        });
    }
}
