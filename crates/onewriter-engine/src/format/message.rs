//! The message of a record: its template and its arguments.

use super::escape::{Raw, Style};
use super::line::Line;
use super::python;
use super::sites::Sites;
use super::value::{CUT, Plan, plain, with_spec};
use onewriter_record::{
    ArgRef, Conversion, Count, Piece, PySpec, Record, Site, Spec, Value, Values, prefix,
};

/// Appends the message of a record, unescaped, as `format!` would have written it.
///
/// For sinks that are functions, and for filters. What has been rendered by the caller stands as it
/// is. An argument that broken bytes do not hold is shown as `{missing}`. What the call site alone could
/// blow up is cut, and `{cut}` stands there: a message that is longer than 128 KiB and sixteen times
/// its record, and the literal text of a template behind its first 64 KiB.
///
/// ```
/// use onewriter_engine::{format, testing::Sample};
/// let sample = Sample::new("{:>5.1} of {total:#x}".replace("total", "1").as_str())
///     .arg(1.25)
///     .named_arg("total", 255);
/// let mut out = Vec::new();
/// format::message(&sample.record(), &mut out);
/// assert_eq!(out, b"  1.2 of 0xff");
/// ```
pub fn message(record: &Record<'_>, out: &mut Vec<u8>) {
    let compiled = Compiled::new::<Raw>(record.site);
    let mut values = record.body.values(record.site.n_values());
    Line::append(out, |line| compiled.put::<Raw>(&mut values, line));
}

/// What [`message`] does, for a formatter that meets the same call sites again and again.
#[derive(Clone, Debug, Default)]
pub struct Messages {
    sites: Sites<Compiled>,
}

impl Messages {
    /// Appends the message of a record.
    pub fn put(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let compiled = self.sites.get(record.site, Compiled::new::<Raw>);
        let mut values = record.body.values(record.site.n_values());
        Line::append(out, |line| compiled.put::<Raw>(&mut values, line));
    }
}

/// A template made ready for one style: its literals are escaped, its specifications known.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    steps: Box<[Step]>,
    last: Box<[u8]>,
    in_order: bool,
    n_args: usize,
}

/// A literal and the argument after it.
#[derive(Clone, Debug)]
struct Step {
    literal: Box<[u8]>,
    index: usize,
    how: How,
}

/// How an argument is shown.
#[derive(Clone, Debug)]
enum How {
    /// As `{}` shows it.
    Plain,
    Spec(Spec),
    Python(Conversion, PySpec),
}

impl Compiled {
    pub(super) fn new<S: Style>(site: &Site) -> Compiled {
        let mut steps = Vec::new();
        let mut literal = Vec::new();
        let mut room = MAX_LITERAL;
        for piece in &site.template.pieces {
            match piece {
                Piece::Literal(text) => {
                    Line::append(&mut literal, |line| put_literal::<S>(line, text, &mut room));
                }
                Piece::Arg(arg, spec) => steps.push(Step {
                    literal: std::mem::take(&mut literal).into(),
                    index: index(arg, site),
                    how: if spec.is_plain() { How::Plain } else { How::Spec(spec.clone()) },
                }),
                Piece::Python(index, conversion, spec) => steps.push(Step {
                    literal: std::mem::take(&mut literal).into(),
                    index: *index,
                    how: How::Python(*conversion, *spec),
                }),
            }
        }
        Compiled {
            steps: steps.into(),
            last: literal.into(),
            in_order: site.in_order,
            n_args: site.args.len(),
        }
    }

    /// Appends the message. `values` are those of the record; its arguments are taken from them.
    #[inline(always)]
    pub(super) fn put<S: Style>(&self, values: &mut Values<'_>, line: &mut Line<'_>) {
        let end = line.at() + MAX_MESSAGE + MAX_GROWTH * values.len_in_bytes();
        if self.in_order {
            for step in &self.steps {
                if line.at() > end {
                    return line.put(CUT.as_bytes());
                }
                line.put(&step.literal);
                let value = values.next();
                match (&step.how, value) {
                    (How::Plain, Some(value)) => plain::<S>(line, &value),
                    // Of the same look in both languages, and the most frequent.
                    (How::Python(_, spec), Some(Value::I64(v))) if spec.is_plain() => {
                        line.signed(v)
                    }
                    (How::Python(_, spec), Some(Value::Str(text))) if spec.is_plain() => {
                        S::text(line, text);
                    }
                    (_, None) => line.put(MISSING),
                    (how, Some(value)) => {
                        line.aside(|line| shown::<S>(line, how, &value, (&[], end)));
                    }
                }
            }
        } else {
            let mut rest = *values;
            line.aside(|line| self.put_out_of_order::<S>(&mut rest, end, line));
            *values = rest;
        }
        line.put(&self.last);
    }

    #[inline(never)]
    fn put_out_of_order<S: Style>(&self, values: &mut Values<'_>, end: usize, line: &mut Line<'_>) {
        let args: Vec<_> = values.by_ref().take(self.n_args).collect();
        for step in &self.steps {
            if line.at() > end {
                return line.put(CUT.as_bytes());
            }
            line.put(&step.literal);
            match args.get(step.index) {
                Some(value) => shown::<S>(line, &step.how, value, (&args, end)),
                None => line.put(MISSING),
            }
        }
    }
}

const MISSING: &[u8] = b"{missing}";

/// How long a message may be whatever its record holds. Beyond, it may be [`MAX_GROWTH`] times as long
/// as the record: a template repeats and pads, and a record of 16 bytes must not become a line of
/// megabytes, thousands of times in one ring.
const MAX_MESSAGE: usize = 128 << 10;
/// Escaping makes six bytes of one, `{:#?}` indents.
const MAX_GROWTH: usize = 16;
/// Bytes of literal text in a template that are shown.
const MAX_LITERAL: usize = 64 << 10;

/// Appends literal text, as far as there is room left for it.
fn put_literal<S: Style>(line: &mut Line<'_>, text: &str, room: &mut usize) {
    let shown = prefix(text, *room);
    S::text(line, shown);
    *room -= shown.len();
    if shown.len() < text.len() {
        *room = 0;
        line.put(CUT.as_bytes());
    }
}

/// The number of an argument; one that is out of range for what the site cannot name.
fn index(arg: &ArgRef, site: &Site) -> usize {
    match arg {
        ArgRef::Index(index) => *index,
        ArgRef::Name(name) => {
            site.args.iter().position(|arg| **arg == **name).unwrap_or(usize::MAX)
        }
        ArgRef::Next => usize::MAX,
    }
}

fn shown<S: Style>(
    line: &mut Line<'_>,
    how: &How,
    value: &Value<'_>,
    (args, end): (&[Value<'_>], usize),
) {
    let spec = match how {
        How::Plain => return plain::<S>(line, value),
        How::Python(conversion, spec) => {
            return S::text(line, &python::formatted(value, *conversion, spec));
        }
        How::Spec(spec) => spec,
    };
    let plan = Plan {
        room: end.saturating_sub(line.at()),
        fill: spec.fill,
        align: spec.align,
        plus: spec.plus,
        alternate: spec.alternate,
        zero: spec.zero,
        width: count(&spec.width, args),
        precision: count(&spec.precision, args),
        kind: spec.kind,
    };
    S::text(line, &with_spec(value, &plan));
}

/// At most what a literal could say: a record cannot ask for gigabytes of padding.
const MAX_COUNT: usize = 65_535;

fn count(count: &Count, args: &[Value<'_>]) -> Option<usize> {
    let arg = match count {
        Count::Literal(number) => return Some((*number).min(MAX_COUNT)),
        Count::Arg(ArgRef::Index(index)) => args.get(*index)?,
        Count::None | Count::Star | Count::Arg(_) => return None,
    };
    let number = match *arg {
        Value::U64(v) => usize::try_from(v).unwrap_or(MAX_COUNT),
        Value::U32(v) => v as usize,
        Value::U16(v) => v.into(),
        Value::U8(v) => v.into(),
        Value::I32(v) => usize::try_from(v).unwrap_or(0),
        Value::I64(v) => usize::try_from(v).unwrap_or(0),
        _ => return None,
    };
    Some(number.min(MAX_COUNT))
}
