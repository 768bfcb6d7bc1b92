//! What holds for every record, tried on many.

mod exact;

use super::*;
use crate::testing::Sample;
use onewriter_record::{Bytes, Encode, ErrorChain, Level, Pairs, Rendered, Value};
use proptest::prelude::*;
use std::time::{Duration, UNIX_EPOCH};

fn message_of(sample: &Sample) -> String {
    let mut out = Vec::new();
    message(&sample.record(), &mut out);
    String::from_utf8(out).expect("a message is UTF-8")
}

fn line_of(mut format: impl Format, sample: &Sample) -> String {
    let mut out = b"what is there stays\n".to_vec();
    format.format(&sample.record(), &mut out);
    let text = String::from_utf8(out).expect("a line is UTF-8");
    text.strip_prefix("what is there stays\n").expect("what is there stays").to_owned()
}

/// Compares each of these formats of one value with `format!`.
macro_rules! same {
    ($value:expr, $($text:literal)*) => { $(
        let sample = Sample::new($text).arg($value);
        prop_assert_eq!(message_of(&sample), format!($text, $value), "{}", $text);
    )* };
}

macro_rules! same_integer {
    ($value:expr) => {
        same!($value, "{}" "{:?}" "{:x}" "{:X}" "{:o}" "{:b}" "{:e}" "{:E}" "{:#x}" "{:#X}" "{:#o}"
            "{:#b}" "{:x?}" "{:X?}" "{:#x?}" "{:#?}" "{:+}" "{:+?}" "{:5}" "{:<5}" "{:^9}" "{:>9}"
            "{:*^9}" "{:é<40}" "{:05}" "{:+09}" "{:#010x}" "{:#06b}" "{:<09}" "{:-^+40}" "{:.3e}"
            "{:+12.1E}" "{:012e}" "{:#060o}" "{:.2}" "{:+#x}" "a{:3}b");
    };
}

macro_rules! same_float {
    ($value:expr) => {
        same!($value, "{}" "{:?}" "{:e}" "{:E}" "{:#?}" "{:+}" "{:+?}" "{:5}" "{:<25}" "{:^29}"
            "{:>9}" "{:*^9}" "{:é<30}" "{:05}" "{:+09}" "{:<09}" "{:.0}" "{:.1}" "{:.3}" "{:+.2}"
            "{:8.3}" "{:08.3}" "{:>+12.1}" "{:.3e}" "{:+20.1E}" "{:020e}" "{:.2?}" "{:030?}");
    };
}

macro_rules! same_text {
    ($value:expr) => {
        same!($value, "{}" "{:?}" "{:#?}" "{:5}" "{:<5}" "{:^9}" "{:>9}" "{:*^9}" "{:é>7}" "{:05}"
            "{:10?}" "{:.2}" "{:.0}" "{:6.3}" "{:>6.3}" "{:_^6.1}" "{{{}}}");
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn integers_are_written_as_format_writes_them(
        wide in any::<i128>(), shift in 0..128_u32, unsigned in any::<u128>(),
    ) {
        let (wide, unsigned) = (wide >> shift, unsigned >> shift);
        same_integer!(wide);
        same_integer!(unsigned);
        same_integer!(wide as i64);
        same_integer!(wide as i32);
        same_integer!(wide as i16);
        same_integer!(wide as i8);
        same_integer!(unsigned as u64);
        same_integer!(unsigned as u32);
        same_integer!(unsigned as u16);
        same_integer!(unsigned as u8);
    }

    #[test]
    fn floats_are_written_as_format_writes_them(
        any in any::<f64>(), bits in any::<u64>(), n in -1_000_000_i64..1_000_000, e in -25..25,
    ) {
        same_float!(any);
        same_float!(f64::from_bits(bits));
        same_float!(any as f32);
        same_float!(n as f64 / 1000.0);
        same_float!(n as f64);
        same_float!((n as f64) * 10_f64.powi(e));
        same_float!(2_f64.powi(e * 40));
        same_float!([f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0][n.unsigned_abs() as usize % 4]);
    }

    #[test]
    fn texts_are_written_as_format_writes_them(text in any::<String>(), c in any::<char>()) {
        same_text!(text.as_str());
        same_text!(c);
        same_text!(text.len() > 5);
    }

    #[test]
    fn durations_are_written_as_format_writes_them(nanos in any::<u64>(), shift in 0..64_u32) {
        let value = Duration::from_nanos(nanos >> shift);
        same!(value, "{:?}" "{:.1?}" "{:.0?}" "{:+?}" "{:20?}" "{:>20.3?}" "{:*^20?}");
    }

    #[test]
    fn lists_and_maps_are_written_as_format_writes_them(
        list in prop::collection::vec(any::<i32>(), 0..4),
        texts in prop::collection::vec(any::<String>(), 0..3),
        map in prop::collection::btree_map(any::<String>(), any::<u8>(), 0..3),
    ) {
        same!(list.as_slice(), "{:?}" "{:#?}" "{:x?}" "{:#x?}" "{:05?}" "{:+?}");
        same!(texts.as_slice(), "{:?}" "{:#?}");
        same!([list.as_slice(), &[]], "{:?}" "{:#?}");
        let sample = Sample::new("{:?} {:#?}").arg(&map).arg(&map);
        let sample = message_of(&sample);
        prop_assert_eq!(sample, format!("{map:?} {map:#?}"));
    }

    #[test]
    fn width_and_precision_come_from_arguments(
        value in any::<f64>(), width in 0_usize..40, precision in 0_usize..20,
    ) {
        let sample = Sample::new("{0:1$.2$}|{0:>+1$}|{0:.2$e}|{0}");
        let sample = sample.arg(value).arg(width).arg(precision);
        let expected = format!("{0:1$.2$}|{0:>+1$}|{0:.2$e}|{0}", value, width, precision);
        prop_assert_eq!(message_of(&sample), expected);
        let sample = Sample::new("{:.*}!{}").arg(precision).arg(value).arg("end");
        prop_assert_eq!(message_of(&sample), format!("{:.*}!{}", precision, value, "end"));
    }

    #[test]
    fn json_is_valid_and_faithful_for_every_record(record in records()) {
        for format in [
            JsonFormat::new(),
            JsonFormat::new().with_flat_fields(true).with_source(true),
            JsonFormat::new().with_thread(false).with_process(false),
        ] {
            let line = line_of(format, &record.sample());
            let inner = line.strip_suffix('\n').expect("a line ends");
            prop_assert!(!inner.contains('\n'), "{line}");
            let parsed: serde_json::Value = serde_json::from_str(inner).expect(inner);
            prop_assert_eq!(&parsed["message"], &message_of(&record.sample()));
            prop_assert_eq!(&parsed["target"], &record.target);
        }
    }

    #[test]
    fn text_and_logfmt_are_one_line_without_hidden_characters(record in records()) {
        let sample = record.sample();
        let pattern = "{process}{thread}{module}{file}{field.a}{message:^9}{fields:>9}\
                       {context}{spans}{backtrace}";
        for line in [
            line_of(TextFormat::full(), &sample),
            line_of(TextFormat::compact(), &sample),
            line_of(TextFormat::pattern(pattern).expect(pattern), &sample),
            line_of(LogfmtFormat::new().with_source(true), &sample),
        ] {
            let inner = line.strip_suffix('\n').expect("a line ends");
            prop_assert!(!inner.contains(escape::is_hidden), "{inner:?}");
        }
        for line in line_of(TextFormat::pretty(), &sample).lines().skip(1) {
            prop_assert!(line.starts_with("    ") && !line.contains(escape::is_hidden), "{line:?}");
        }
    }

    #[test]
    fn broken_bytes_give_a_line_and_no_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), has_sections in any::<bool>(),
    ) {
        let sample = Sample::new("{} {1:>5}").arg(1).arg(2).field("a", 3);
        let mut record = sample.record();
        record.body = onewriter_record::Body::new(&bytes, has_sections);
        let mut out = Vec::new();
        TextFormat::full().format(&record, &mut out);
        LogfmtFormat::new().format(&record, &mut out);
        let start = out.len();
        JsonFormat::new().format(&record, &mut out);
        prop_assert!(serde_json::from_slice::<serde_json::Value>(&out[start..]).is_ok());
    }
}

/// A record of anything.
#[derive(Clone, Debug)]
struct Anything {
    target: String,
    texts: Vec<String>,
    values: Vec<Owned>,
}

#[derive(Clone, Debug)]
enum Owned {
    Null,
    Bool(bool),
    I64(i64),
    Wide(i128),
    Unsigned(u128),
    F32(f32),
    F64(f64),
    Text(String),
    Bytes(Vec<u8>),
    Wtf8(Vec<u8>),
    Time(u32),
    Span(u64),
    Error(String),
    List(Vec<String>),
    Map(Vec<(String, f64)>),
}

fn text() -> impl Strategy<Value = String> {
    let nasty = "[ -~]{0,12}[\u{0}-\u{1f}\"\\\\=\u{7f}-\u{9f}é\u{2028}-\u{202e}\u{2066}-\u{2069}]{0,3}[a-z]{0,9}";
    prop_oneof![any::<String>(), nasty]
}

fn values() -> impl Strategy<Value = Owned> {
    prop_oneof![
        Just(Owned::Null),
        any::<bool>().prop_map(Owned::Bool),
        any::<i64>().prop_map(Owned::I64),
        any::<i128>().prop_map(Owned::Wide),
        any::<u128>().prop_map(Owned::Unsigned),
        any::<f32>().prop_map(Owned::F32),
        any::<u64>().prop_map(|bits| Owned::F64(f64::from_bits(bits))),
        text().prop_map(Owned::Text),
        any::<Vec<u8>>().prop_map(Owned::Bytes),
        any::<Vec<u8>>().prop_map(Owned::Wtf8),
        any::<u32>().prop_map(Owned::Time),
        any::<u64>().prop_map(Owned::Span),
        text().prop_map(Owned::Error),
        prop::collection::vec(text(), 0..3).prop_map(Owned::List),
        prop::collection::vec((text(), any::<f64>()), 0..3).prop_map(Owned::Map),
    ]
}

fn records() -> impl Strategy<Value = Anything> {
    let texts = prop::collection::vec(text(), 8);
    (text(), texts, prop::collection::vec(values(), 0..6))
        .prop_map(|(target, texts, values)| Anything { target, texts, values })
}

impl Anything {
    fn sample(&self) -> Sample {
        let name = |i: usize| self.texts[i % self.texts.len()].as_str();
        let literal = name(0).replace('{', "{{").replace('}', "}}");
        let template = format!("{literal}{}", "{} ".repeat(self.values.len()));
        let mut sample = Sample::new(&template)
            .target(&self.target)
            .at(name(1), 1)
            .thread(1, name(2))
            .process(2, name(3))
            .named_level(Level::new(25), name(4));
        for value in &self.values {
            sample = value.give(sample, |sample, value| sample.arg(value));
        }
        for (i, value) in self.values.iter().enumerate() {
            sample = value.give(sample, |sample, value| sample.field(name(i + 5), value));
        }
        let entries: Vec<_> = self.texts.iter().map(|text| (&**text, Value::Str(text))).collect();
        sample
            .dynamic_fields(&entries)
            .context(&entries)
            .span(name(5), &entries)
            .span(name(6), &[])
            .backtrace(name(7))
    }
}

impl Owned {
    fn give(&self, sample: Sample, give: impl Fn(Sample, Value<'_>) -> Sample) -> Sample {
        let mut bytes = Vec::new();
        let mut encode = |value: &dyn Fn(&mut Vec<u8>) -> u8| value(&mut bytes);
        macro_rules! tag {
            ($value:expr) => {
                encode(&|out| {
                    let value = $value;
                    value.write(out);
                    value.tag() as u8
                })
            };
        }
        let tag = match self {
            Owned::Null => tag!(None::<u8>),
            Owned::Bool(v) => tag!(*v),
            Owned::I64(v) => tag!(*v),
            Owned::Wide(v) => tag!(*v),
            Owned::Unsigned(v) => tag!(*v),
            Owned::F32(v) => tag!(*v),
            Owned::F64(v) => tag!(*v),
            Owned::Text(v) => tag!(Rendered(v)),
            Owned::Bytes(v) => tag!(Bytes(v)),
            Owned::Wtf8(v) => tag!(Value::Wtf8(v)),
            Owned::Time(v) => tag!(UNIX_EPOCH + Duration::from_secs((*v).into())),
            Owned::Span(v) => tag!(Duration::from_nanos(*v)),
            Owned::Error(v) => tag!(ErrorChain(&std::io::Error::other(v.clone()))),
            Owned::List(v) => tag!(v.as_slice()),
            Owned::Map(v) => {
                let pairs: Vec<_> = v.iter().map(|(key, value)| (&**key, *value)).collect();
                tag!(Pairs(&pairs))
            }
        };
        let value = onewriter_record::Decoder::new(&bytes).value(tag).expect("it was encoded");
        give(sample, value)
    }
}
