//! Lines for people: a pattern with placeholders.

use super::Format;
use super::escape::{CONTINUATION, Indented, OneLine, Style};
use super::line::{Line, Pad};
use super::message::Compiled;
use super::pairs;
use super::pattern::{self, Part, Placed};
use super::sites::Sites;
use super::time::{Precision, TimeText, Zone};
use crate::error::Error;
use onewriter_record::{Level, Record, SectionKind, Site, Value, Values};

const FULL: &str =
    "{time} {level:<5} [{thread}] {target}: {message}{fields}{context}{spans}{backtrace}";
const COMPACT: &str = "{time:%H:%M:%S%.3f} {level:<5} {message}{fields}";
const PRETTY: &str = "{time} {level:<5} {target}: {message}{fields}{context}{spans}\n    \
                      at {file}:{line} on thread {thread} of {process} ({process_id}){backtrace}";

/// Records as lines of text, by a pattern.
///
/// A pattern is text with placeholders; `{{` and `}}` are braces.
///
/// ```text
/// placeholder = "{" name [ ":" [ [ fill ] align ] [ width ] ] "}"
///             | "{time:" strftime "}"
/// align       = "<" | "^" | ">"        width = 0 to 1000 characters
/// ```
///
/// | name | stands for |
/// | --- | --- |
/// | `time` | RFC 3339 with the chosen precision and zone, or by `strftime` (`%.3f`: digits of the second) |
/// | `level`, `level_number` | `INFO`, `20` |
/// | `target`, `module`, `file`, `line` | of the call site |
/// | `thread`, `thread_id` | the thread's name (its id if it has none), its id |
/// | `process`, `process_id` | the program's name (the process id if it has none), the process id |
/// | `message` | the message |
/// | `fields`, `context` | ` key=value` for each, with a space before it; nothing if there are none |
/// | `spans` | ` [outer{a=1}:inner]`; nothing if there are none |
/// | `field.NAME` | the value of one field, else of the context, else of the innermost span; empty if nobody has it |
/// | `backtrace` | ` backtrace="..."`; nothing if there is none |
///
/// **Nobody forges a line.** In all that comes from the program, control characters, line and
/// paragraph separators and marks of the reading direction are shown, not written: `\n`, `\r`,
/// `\t`, `\x1b`, `\u{202e}`. A backslash stands as it is, so that paths stay readable.
///
/// ```
/// use onewriter_engine::{Format, format::TextFormat, testing::Sample};
/// let sample = Sample::new("order {} placed").arg(7).field("customer", "c 42");
/// let mut format = TextFormat::pattern("{level:>6} {field.customer} | {message}{fields}")?;
/// let mut out = Vec::new();
/// format.format(&sample.record(), &mut out);
/// assert_eq!(out, b"  INFO \"c 42\" | order 7 placed customer=\"c 42\"\n");
/// # Ok::<(), onewriter_engine::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TextFormat {
    parts: Vec<Placed>,
    /// The pattern, or the name of a preset; empty if a file of settings cannot say it.
    written: String,
    look: Look,
    precision: Precision,
    zone: Zone,
    ops: Vec<Op>,
    sites: Sites<SiteText>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Look {
    color: bool,
    multiline: bool,
}

/// A step in writing a line.
#[derive(Clone, Debug)]
enum Op {
    /// The segment of this number, prepared for each call site.
    Site(usize),
    Fixed(&'static [u8]),
    Time(TimeText),
    Message,
    Fields,
    Thread,
    Other(Part),
    /// A part that only a record with sections has.
    OfSections(Part),
    /// Here begins what is padded.
    Mark,
    Pad(Pad),
}

/// What the call site alone decides.
#[derive(Debug)]
struct SiteText {
    segments: Vec<Vec<u8>>,
    message: Compiled,
    /// ` key=` of each field.
    keys: Vec<Vec<u8>>,
}

impl Default for TextFormat {
    fn default() -> TextFormat {
        TextFormat::full()
    }
}

impl TextFormat {
    /// Everything about a record on one line, the default:
    /// `2026-11-21T08:05:09.123456789Z INFO  [main] shop::orders: order 7 placed customer=c-42`.
    ///
    /// Its pattern is
    /// `{time} {level:<5} [{thread}] {target}: {message}{fields}{context}{spans}{backtrace}`.
    #[must_use]
    pub fn full() -> TextFormat {
        TextFormat::preset("text", FULL, Look::default())
    }

    /// What fits into a narrow terminal: `08:05:09.123 INFO  order 7 placed customer=c-42`.
    #[must_use]
    pub fn compact() -> TextFormat {
        TextFormat::preset("compact", COMPACT, Look::default())
    }

    /// Several lines for each record, for development: each field, span and line of a backtrace on
    /// an indented line of its own, and the place in the source.
    #[must_use]
    pub fn pretty() -> TextFormat {
        TextFormat::preset("pretty", PRETTY, Look { multiline: true, color: false })
    }

    /// Lines by a pattern of your own.
    ///
    /// An error names the wrong part, its place, and what would be right.
    ///
    /// ```
    /// use onewriter_engine::format::TextFormat;
    /// let err = TextFormat::pattern("{time} {levle} {message}").unwrap_err();
    /// assert_eq!(
    ///     err.to_string(),
    ///     "unknown placeholder \"levle\" at byte 8 of the pattern \"{time} {levle} {message}\": \
    ///      did you mean \"{level}\"?"
    /// );
    /// ```
    pub fn pattern(pattern: &str) -> Result<TextFormat, Error> {
        let parts = pattern::parse(pattern)?;
        for placed in &parts {
            if let Part::Time(Some(format)) = &placed.part
                && let Err(reason) = TimeText::strftime(format, &Zone::Utc)
            {
                let at = pattern.find(&**format).unwrap_or(0);
                let what = format!("bad time format {format:?} ({reason})");
                let right = "write one like \"{time:%Y-%m-%d %H:%M:%S%.6f}\"";
                return Err(pattern::wrong(pattern, at, &what, right));
            }
        }
        // A file of settings knows a pattern by its braces; "compact" there is the preset.
        let written = if pattern.contains('{') { pattern } else { "" };
        Ok(TextFormat::new(parts, written, Look::default()))
    }

    fn preset(name: &str, pattern: &str, look: Look) -> TextFormat {
        // The patterns above are right; a test says so.
        TextFormat::new(pattern::parse(pattern).unwrap_or_default(), name, look)
    }

    fn new(parts: Vec<Placed>, written: &str, look: Look) -> TextFormat {
        let (precision, zone) = (Precision::default(), Zone::default());
        let (ops, sites) = (Vec::new(), Sites::new());
        let written = written.to_owned();
        TextFormat { parts, written, look, precision, zone, ops, sites }.compiled()
    }

    /// Colours level, time and target with ANSI escapes; default off. A terminal sink asks for it.
    #[must_use]
    pub fn with_color(mut self, on: bool) -> TextFormat {
        self.look.color = on;
        self.compiled()
    }

    /// Gives fields, context, spans and further lines of messages and backtraces indented lines of
    /// their own; default off, except in [`pretty`](TextFormat::pretty). Each starts with four
    /// spaces, so that it cannot be taken for a record.
    #[must_use]
    pub fn with_lines(mut self, on: bool) -> TextFormat {
        self.look.multiline = on;
        self.compiled()
    }

    /// Sets the digits of the second in `{time}`; default [`Precision::Nanos`].
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> TextFormat {
        self.precision = precision;
        self.compiled()
    }

    /// Sets the time zone; default [`Zone::Utc`].
    #[must_use]
    pub fn with_zone(mut self, zone: Zone) -> TextFormat {
        self.zone = zone;
        self.compiled()
    }

    fn compiled(mut self) -> TextFormat {
        self.sites = Sites::new();
        let mut segments = 0;
        let mut ops = Vec::new();
        for group in self.parts.chunk_by(|a, b| a.part.is_of_site() && b.part.is_of_site()) {
            let Placed { part, pad } = &group[0];
            if part.is_of_site() {
                ops.push(Op::Site(segments));
                segments += 1;
                continue;
            }
            let is_dim = self.look.color && matches!(part, Part::Time(_));
            ops.extend(is_dim.then_some(Op::Fixed(DIM)));
            ops.extend(pad.map(|_| Op::Mark));
            ops.push(self.op(part));
            ops.extend(pad.map(Op::Pad));
            ops.extend(is_dim.then_some(Op::Fixed(RESET)));
        }
        self.ops = ops;
        self
    }

    fn op(&self, part: &Part) -> Op {
        match part {
            Part::Time(format) => Op::Time(self.time(format.as_deref())),
            Part::Message => Op::Message,
            Part::Fields => Op::Fields,
            Part::Thread => Op::Thread,
            Part::Context | Part::Spans | Part::Backtrace => Op::OfSections(part.clone()),
            _ => Op::Other(part.clone()),
        }
    }

    fn time(&self, format: Option<&str>) -> TimeText {
        let rfc3339 = || TimeText::rfc3339(self.precision, &self.zone);
        // What is wrong with a format was said when the pattern was read.
        format.map_or_else(rfc3339, |format| {
            TimeText::strftime(format, &self.zone).unwrap_or_else(|_| rfc3339())
        })
    }
}

impl Format for TextFormat {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let (parts, look) = (&self.parts, self.look);
        let site = self.sites.get(record.site, |site| SiteText::new(parts, look, site));
        let mut line = Line::open(out);
        let all = record.body.values(record.site.n_values());
        let (mut values, mut args_taken, mut mark) = (all, false, 0);
        for op in &mut self.ops {
            match op {
                Op::Site(segment) => line.put(&site.segments[*segment]),
                Op::Fixed(text) => line.put(text),
                Op::Time(time) => time.put(record.time, &mut line),
                Op::Message => {
                    values = all;
                    message(&mut line, &mut values, site, look);
                    args_taken = true;
                }
                Op::Fields => {
                    if !args_taken {
                        values = all;
                        values.by_ref().take(record.site.args.len()).for_each(drop);
                    }
                    fields(&mut line, &mut values, site, record, look);
                    args_taken = false;
                }
                Op::Thread => name_or_id(&mut line, &record.thread.name, record.thread.id),
                Op::Other(part) => line.aside(|line| other(line, part, record)),
                Op::OfSections(_) if !record.body.has_sections() => {}
                Op::OfSections(part) => line.aside(|line| of_sections(line, part, record, look)),
                Op::Mark => mark = line.at(),
                Op::Pad(pad) => line.aside(|line| line.pad(mark, *pad)),
            }
        }
        line.byte(b'\n');
        line.close();
    }

    fn twin(&self) -> Option<Box<dyn Format>> {
        Some(Box::new(self.clone()))
    }

    fn setting(&self) -> Option<String> {
        let TextFormat { written, look, precision, zone, .. } = self;
        let is_plain = (*precision, zone) == (Precision::default(), &Zone::default())
            && (look.color, look.multiline) == (false, written == "pretty")
            && !written.is_empty();
        is_plain.then(|| written.clone())
    }
}

#[inline(always)]
fn message(line: &mut Line<'_>, values: &mut Values<'_>, site: &SiteText, look: Look) {
    if look.multiline {
        let mut rest = *values;
        line.aside(|line| site.message.put::<Indented>(&mut rest, line));
        *values = rest;
    } else {
        site.message.put::<OneLine>(values, line);
    }
}

#[inline(always)]
fn fields(
    line: &mut Line<'_>,
    values: &mut Values<'_>,
    site: &SiteText,
    record: &Record<'_>,
    look: Look,
) {
    if !site.keys.is_empty() {
        for (key, value) in site.keys.iter().zip(values) {
            line.put(key);
            pairs::value(line, &value);
        }
    }
    if record.body.has_sections() {
        line.aside(|line| dynamic_fields(line, record, look));
    }
}

fn dynamic_fields(line: &mut Line<'_>, record: &Record<'_>, look: Look) {
    let sections = record.body.sections(record.site.n_values());
    for section in sections.filter(|section| section.kind == SectionKind::Fields) {
        entries(line, section.entries, look);
    }
}

fn entries<'a>(
    line: &mut Line<'_>,
    entries: impl Iterator<Item = (&'a str, Value<'a>)>,
    look: Look,
) {
    for (name, value) in entries {
        line.put(look.separator());
        pairs::key(line, name);
        line.byte(b'=');
        pairs::value(line, &value);
    }
}

fn other(line: &mut Line<'_>, part: &Part, record: &Record<'_>) {
    match part {
        Part::ThreadId => line.decimal(record.thread.id),
        Part::Process => name_or_id(line, &record.process.name, record.process.id.into()),
        Part::ProcessId => line.decimal(record.process.id.into()),
        Part::Field(name) => one_field(line, record, name),
        _ => {}
    }
}

fn of_sections(line: &mut Line<'_>, part: &Part, record: &Record<'_>, look: Look) {
    match part {
        Part::Context => entries(line, record.context(), look),
        Part::Spans => spans(line, record, look),
        Part::Backtrace => backtrace(line, record, look),
        _ => {}
    }
}

#[inline(always)]
fn name_or_id(line: &mut Line<'_>, name: &str, id: u64) {
    if name.is_empty() {
        line.decimal(id);
    } else {
        OneLine::text(line, name);
    }
}

fn one_field(line: &mut Line<'_>, record: &Record<'_>, wanted: &str) {
    let named = |(name, value): (&str, _)| (name == wanted).then_some(value);
    let found = record.fields().find_map(named).or_else(|| record.context().find_map(named));
    let inner = || record.spans().filter_map(|mut span| span.entries.find_map(named)).last();
    if let Some(value) = found.or_else(inner) {
        pairs::value(line, &value);
    }
}

fn spans(line: &mut Line<'_>, record: &Record<'_>, look: Look) {
    if record.spans().next().is_some() {
        line.put(look.separator());
        line.byte(b'[');
        pairs::spans(line, record);
        line.byte(b']');
    }
}

fn backtrace(line: &mut Line<'_>, record: &Record<'_>, look: Look) {
    let Some(text) = record.backtrace() else { return };
    line.put(look.separator());
    if look.multiline {
        Indented::text(line, text.trim_end());
    } else {
        line.put(b"backtrace=");
        pairs::string(line, text);
    }
}

impl SiteText {
    #[cold]
    fn new(parts: &[Placed], look: Look, site: &Site) -> SiteText {
        let groups = parts.chunk_by(|a, b| a.part.is_of_site() && b.part.is_of_site());
        let segment = |group: &[Placed]| {
            let mut segment = Vec::new();
            Line::append(&mut segment, |line| {
                group.iter().for_each(|placed| site_part(line, placed, site, look));
            });
            segment
        };
        let segments = groups.filter(|group| group[0].part.is_of_site()).map(segment).collect();
        let key = |name: &str| {
            let mut text = look.separator().to_vec();
            Line::append(&mut text, |line| pairs::key(line, name));
            text.push(b'=');
            text
        };
        let message = if look.multiline {
            Compiled::new::<Indented>(site)
        } else {
            Compiled::new::<OneLine>(site)
        };
        SiteText { segments, message, keys: site.fields.iter().map(|name| key(name)).collect() }
    }
}

fn site_part(line: &mut Line<'_>, placed: &Placed, site: &Site, look: Look) {
    let color = match placed.part {
        Part::Level if look.color => Some(color_of(site.level)),
        Part::Target if look.color => Some(DIM),
        _ => None,
    };
    line.put(color.unwrap_or_default());
    let start = line.at();
    match &placed.part {
        Part::Literal(text) => line.put(text.as_bytes()),
        Part::Level => OneLine::text(line, &site.level_name),
        Part::LevelNumber => line.decimal(site.level.number().into()),
        Part::Target => OneLine::text(line, &site.target),
        Part::Module => OneLine::text(line, &site.module),
        Part::File => OneLine::text(line, &site.file),
        Part::Line => line.decimal(site.line.into()),
        _ => {}
    }
    if let Some(pad) = placed.pad {
        line.pad(start, pad);
    }
    line.put(color.map(|_| RESET).unwrap_or_default());
}

const DIM: &[u8] = b"\x1b[2m";
const RESET: &[u8] = b"\x1b[0m";

fn color_of(level: Level) -> &'static [u8] {
    match level.number() {
        0..=9 => b"\x1b[35m",
        10..=19 => b"\x1b[34m",
        20..=29 => b"\x1b[32m",
        30..=39 => b"\x1b[33m",
        _ => b"\x1b[1;31m",
    }
}

impl Look {
    /// What stands before each field.
    fn separator(self) -> &'static [u8] {
        if self.multiline { CONTINUATION } else { b" " }
    }
}
