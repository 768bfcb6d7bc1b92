//! Records for tests: of formatters, filters and sinks, yours and ours.
//!
//! Nothing here is used by the engine itself. What is malformed panics: in a test that is the
//! clearest message.

mod check;
mod passes;

pub use check::{Faulty, Written, check_sink, check_wrapper};
pub use passes::drain_passes;

use onewriter_record::{
    ArgRef, Body, Count, Encode, Level, Out, Piece, Process, Record, SectionKind, Site, SiteDef,
    Template, Thread, Value, write_section,
};
use std::sync::Arc;

/// One record, built by hand and encoded as a put would encode it.
///
/// Without further words it is of level INFO, target and module `shop::orders`, file
/// `src/orders.rs` line 7, thread `main` (id 11), process `shop` (id 4711), put at
/// 2026-11-21T08:05:09.123456789Z, at call site number 0.
///
/// ```
/// use onewriter_engine::testing::Sample;
/// let sample = Sample::new("order {} placed").arg(7).field("customer", "c-42");
/// let record = sample.record();
/// assert_eq!(record.target(), "shop::orders");
/// assert_eq!(record.args().count(), 1);
/// assert_eq!(record.fields().next().map(|(name, _)| name), Some("customer"));
/// ```
#[derive(Clone, Debug)]
pub struct Sample {
    time: u64,
    site: Arc<Site>,
    thread: Arc<Thread>,
    process: Arc<Process>,
    args: Vec<Encoded>,
    fields: Vec<Encoded>,
    sections: Vec<u8>,
    body: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Encoded {
    tag: u8,
    bytes: Vec<u8>,
}

impl Encoded {
    fn new(value: &(impl Encode + ?Sized)) -> Encoded {
        let mut bytes = Vec::new();
        value.write(&mut bytes);
        Encoded { tag: value.tag() as u8, bytes }
    }
}

impl Sample {
    /// A record with this message. `{}` are numbered as the macros number them; named arguments
    /// must be written as numbers.
    #[must_use]
    pub fn new(template: &str) -> Sample {
        let template = numbered(template);
        let def = SiteDef {
            target: "shop::orders",
            module: "shop::orders",
            file: "src/orders.rs",
            line: 7,
            template: &template,
            ..SiteDef::default()
        };
        let mut site = Vec::new();
        def.encode(&mut site);
        let mut sample = Sample {
            time: 1_795_248_309_123_456_789,
            site: Arc::new(Site::decode(&site, 0).expect("what was just encoded is decoded")),
            thread: Arc::new(Thread { id: 11, name: "main".into() }),
            process: Arc::new(Process { id: 4711, name: "shop".into() }),
            args: Vec::new(),
            fields: Vec::new(),
            sections: Vec::new(),
            body: Vec::new(),
        };
        sample.encode();
        sample
    }

    /// The record itself.
    #[must_use]
    pub fn record(&self) -> Record<'_> {
        Record {
            time: self.time,
            site: &self.site,
            thread: &self.thread,
            process: &self.process,
            body: Body::new(&self.body, !self.sections.is_empty()),
        }
    }

    /// Adds an argument of the message.
    #[must_use]
    pub fn arg(self, value: impl Encode) -> Sample {
        self.named_arg("", value)
    }

    /// Adds an argument of the message that has a name.
    #[must_use]
    pub fn named_arg(mut self, name: &str, value: impl Encode) -> Sample {
        self.args.push(Encoded::new(&value));
        let names = with(&self.site.args, name);
        Arc::make_mut(&mut self.site).args = names;
        self.encode();
        self
    }

    /// Adds a field whose name the call site knows.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl Encode) -> Sample {
        self.fields.push(Encoded::new(&value));
        let names = with(&self.site.fields, name);
        Arc::make_mut(&mut self.site).fields = names;
        self.encode();
        self
    }

    /// Adds fields whose names only the call knew.
    #[must_use]
    pub fn dynamic_fields(self, entries: &[(&str, Value<'_>)]) -> Sample {
        self.section(SectionKind::Fields, "", entries)
    }

    /// Adds key-values of the thread or task.
    #[must_use]
    pub fn context(self, entries: &[(&str, Value<'_>)]) -> Sample {
        self.section(SectionKind::Context, "", entries)
    }

    /// Adds a span, inside those added before.
    #[must_use]
    pub fn span(self, name: &str, entries: &[(&str, Value<'_>)]) -> Sample {
        self.section(SectionKind::Span, name, entries)
    }

    /// Adds the text of a backtrace.
    #[must_use]
    pub fn backtrace(self, text: &str) -> Sample {
        self.section(SectionKind::Backtrace, text, &[])
    }

    /// Sets the level and its standard name.
    #[must_use]
    pub fn level(self, level: Level) -> Sample {
        self.named_level(level, level.name())
    }

    /// Sets the level and a name of its own.
    #[must_use]
    pub fn named_level(mut self, level: Level, name: &str) -> Sample {
        Arc::make_mut(&mut self.site).level = level;
        Arc::make_mut(&mut self.site).level_name = name.into();
        self
    }

    /// Sets target and module.
    #[must_use]
    pub fn target(mut self, target: &str) -> Sample {
        Arc::make_mut(&mut self.site).target = target.into();
        Arc::make_mut(&mut self.site).module = target.into();
        self
    }

    /// Sets the source file and the line in it.
    #[must_use]
    pub fn at(mut self, file: &str, line: u32) -> Sample {
        Arc::make_mut(&mut self.site).file = file.into();
        Arc::make_mut(&mut self.site).line = line;
        self
    }

    /// Sets the number of the call site.
    #[must_use]
    pub fn site_number(mut self, number: usize) -> Sample {
        Arc::make_mut(&mut self.site).number = number;
        self
    }

    /// Sets the wall time, in nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn time(mut self, nanos: u64) -> Sample {
        self.time = nanos;
        self
    }

    /// Sets the thread.
    #[must_use]
    pub fn thread(mut self, id: u64, name: &str) -> Sample {
        self.thread = Arc::new(Thread { id, name: name.into() });
        self
    }

    /// Sets the process.
    #[must_use]
    pub fn process(mut self, id: u32, name: &str) -> Sample {
        self.process = Arc::new(Process { id, name: name.into() });
        self
    }

    fn section(mut self, kind: SectionKind, name: &str, entries: &[(&str, Value<'_>)]) -> Sample {
        write_section(kind, name, entries, &mut self.sections);
        self.encode();
        self
    }

    fn encode(&mut self) {
        let in_order = self.site.template.is_in_order(self.args.len());
        Arc::make_mut(&mut self.site).in_order = in_order;
        let values = || self.args.iter().chain(&self.fields);
        self.body.clear();
        self.body.bytes(&values().map(|value| value.tag).collect::<Vec<u8>>());
        for value in values() {
            self.body.extend_from_slice(&value.bytes);
        }
        self.body.extend_from_slice(&self.sections);
    }
}

fn with(names: &[Box<str>], name: &str) -> Box<[Box<str>]> {
    names.iter().cloned().chain([name.into()]).collect()
}

/// Gives `{}` and `.*` the numbers that the macros would give them.
fn numbered(text: &str) -> String {
    let mut template: Template = text.parse().unwrap_or_else(|err| panic!("{text:?}: {err}"));
    let mut next = 0..;
    for piece in &mut template.pieces {
        if let Piece::Arg(arg, spec) = piece {
            if spec.precision == Count::Star {
                let index = next.next().unwrap_or_default();
                spec.precision = Count::Arg(ArgRef::Index(index));
            }
            if *arg == ArgRef::Next {
                *arg = ArgRef::Index(next.next().unwrap_or_default());
            }
        }
    }
    template.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_a_sample_comes_out_of_its_record() {
        let sample = Sample::new("{:.*} {}")
            .arg(3_usize)
            .arg(2.5)
            .named_arg("who", "me")
            .field("a", 1)
            .dynamic_fields(&[("b", Value::Null)])
            .context(&[("c", Value::Bool(true))])
            .span("outer", &[("d", Value::U8(4))])
            .backtrace("0: main");
        let record = sample.record();
        assert_eq!(record.site.template.to_string(), "{1:.0$} {2}");
        let args: Vec<_> = record.args().collect();
        assert_eq!(args, [Value::U64(3), Value::F64(2.5), Value::Str("me")]);
        let fields: Vec<_> = record.fields().collect();
        assert_eq!(fields, [("a", Value::I32(1)), ("b", Value::Null)]);
        assert_eq!(record.context().collect::<Vec<_>>(), [("c", Value::Bool(true))]);
        assert_eq!(record.spans().map(|span| span.name).collect::<Vec<_>>(), ["outer"]);
        assert_eq!(record.backtrace(), Some("0: main"));
    }
}
