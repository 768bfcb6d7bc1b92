//! The exact bytes of each format.

use super::line_of;
use crate::format::{Format, JsonFormat, LogfmtFormat, Precision, TextFormat, Zone};
use crate::testing::Sample;
use onewriter_record::{Bytes, ErrorChain, Level, Pairs, Value};
use std::time::{Duration, UNIX_EPOCH};

fn order() -> Sample {
    Sample::new("order {} placed")
        .arg(7)
        .field("customer", "c-42")
        .field("total", 19.9)
        .context(&[("request", Value::Str("r 1"))])
        .span("shop", &[("a", Value::U8(1)), ("b", Value::Bool(true))])
        .span("order", &[])
        .backtrace("0: main\n1: start\n")
}

#[track_caller]
fn pattern_gives(pattern: &str, sample: &Sample, expected: &str) {
    let format = TextFormat::pattern(pattern).unwrap_or_else(|err| panic!("{err}"));
    assert_eq!(line_of(format, sample), format!("{expected}\n"));
}

#[test]
fn full_is_everything_on_one_line() {
    assert_eq!(
        line_of(TextFormat::default(), &order()),
        "2026-11-21T08:05:09.123456789Z INFO  [main] shop::orders: order 7 placed customer=c-42 \
         total=19.9 request=\"r 1\" [shop{a=1 b=true}:order] backtrace=\"0: main\\n1: start\\n\"\n"
    );
}

#[test]
fn compact_is_short() {
    assert_eq!(
        line_of(TextFormat::compact(), &order()),
        "08:05:09.123 INFO  order 7 placed customer=c-42 total=19.9\n"
    );
}

#[test]
fn pretty_has_a_line_for_each_thing() {
    assert_eq!(
        line_of(TextFormat::pretty(), &order()),
        "2026-11-21T08:05:09.123456789Z INFO  shop::orders: order 7 placed
    customer=c-42
    total=19.9
    request=\"r 1\"
    [shop{a=1 b=true}:order]
    at src/orders.rs:7 on thread main of shop (4711)
    0: main
    1: start
"
    );
}

#[test]
fn color_is_written_only_where_it_is_asked_for() {
    let format = TextFormat::pattern("{time:%H} {level:>6} {target} {message}");
    let format = format.expect("a right pattern").with_color(true);
    let sample = Sample::new("m").level(Level::Error);
    assert_eq!(
        line_of(format.clone(), &sample),
        "\x1b[2m08\x1b[0m \x1b[1;31m ERROR\x1b[0m \x1b[2mshop::orders\x1b[0m m\n"
    );
    assert_eq!(line_of(format.with_color(false), &sample), "08  ERROR shop::orders m\n");
}

#[test]
fn each_placeholder_shows_its_thing() {
    let sample = order().named_level(Level::new(25), "NOTICE");
    pattern_gives("{level} {level_number} {level:<8}|", &sample, "NOTICE 25 NOTICE  |");
    pattern_gives("{module} {file}:{line:>4}", &sample, "shop::orders src/orders.rs:   7");
    pattern_gives("{thread}/{thread_id} {process}/{process_id}", &sample, "main/11 shop/4711");
    pattern_gives("{{{message:-^18}}}", &sample, "{--order 7 placed--}");
    pattern_gives(
        "{fields:.>30}|{context:8}|",
        &sample,
        "..... customer=c-42 total=19.9| request=\"r 1\"|",
    );
    pattern_gives(
        "{field.total:>5}|{field.request}|{field.a}|{field.x:3}|",
        &sample,
        " 19.9|\"r 1\"|1|   |",
    );
    pattern_gives("{time:<35}|", &sample, "2026-11-21T08:05:09.123456789Z     |");
    pattern_gives("äö{message}", &sample, "äöorder 7 placed");
    pattern_gives("", &sample, "");
    let unnamed = Sample::new("").thread(5, "").process(6, "");
    pattern_gives("{thread}/{process}{fields}{context}{spans}{backtrace}", &unnamed, "5/6");
}

#[test]
fn placeholders_stand_in_any_order_and_more_than_once() {
    let sample = Sample::new("m {}").arg(1).field("a", 2);
    pattern_gives(
        "{fields} {message} {fields}{fields} {message}",
        &sample,
        " a=2 m 1  a=2 a=2 m 1",
    );
}

#[test]
fn padding_counts_characters_not_bytes() {
    pattern_gives("{message:é^7}|", &Sample::new("äöü"), "ééäöüéé|");
}

#[test]
fn what_would_forge_a_line_is_shown_not_written() {
    let evil = "a\nb\r\t\u{1b}[31m\u{0}\u{7f}\u{85}\u{2028}\u{202e}é✓ C:\\dir";
    let shown = "a\\nb\\r\\t\\x1b[31m\\x00\\x7f\\u{85}\\u{2028}\\u{202e}é✓ C:\\dir";
    let sample = Sample::new("{}").arg(evil).target(evil).thread(1, evil);
    pattern_gives("{message}|{target}|{thread}", &sample, &format!("{shown}|{shown}|{shown}"));
    pattern_gives("{message}", &Sample::new(evil), shown);
    let sample = Sample::new("").field("k\n=", evil).field("", "");
    let quoted = shown.replace("C:\\dir", "C:\\\\dir");
    pattern_gives("{fields}", &sample, &format!(" k__=\"{quoted}\" _=\"\""));
}

#[test]
fn a_further_line_of_a_message_is_indented_in_pretty() {
    let sample = Sample::new("first\n2026 ERROR {}").arg("forged\nline");
    let format = TextFormat::pattern("{message}").expect("a right pattern").with_lines(true);
    assert_eq!(line_of(format, &sample), "first\n    2026 ERROR forged\n    line\n");
}

#[test]
fn the_digits_of_the_second_are_chosen() {
    let time = |precision| {
        let format = TextFormat::pattern("{time}").expect("a right pattern");
        line_of(format.with_precision(precision), &Sample::new(""))
    };
    assert_eq!(time(Precision::Seconds), "2026-11-21T08:05:09Z\n");
    assert_eq!(time(Precision::Millis), "2026-11-21T08:05:09.123Z\n");
    assert_eq!(time(Precision::Micros), "2026-11-21T08:05:09.123456Z\n");
    assert_eq!(time(Precision::Nanos), "2026-11-21T08:05:09.123456789Z\n");
    let sample = Sample::new("");
    pattern_gives(
        "{time:%H:%M:%S%.f|%3N|%f|%%f|%6f %s}",
        &sample,
        "08:05:09.123456789|123|123456789|%f|123456 1795248309",
    );
}

#[test]
fn the_zone_is_right_over_a_change_of_the_clocks() {
    let berlin = Zone::named("Europe/Berlin").expect("a zone of the database");
    let mut format = TextFormat::pattern("{time}").expect("a right pattern").with_zone(berlin);
    let mut out = Vec::new();
    // 2026-10-25T01:00:00Z: 03:00 becomes 02:00. Times may also go back.
    let change = 1_792_890_000;
    for (second, nanos) in [(change - 1, 999_999_999), (change, 0), (change - 1, 5), (change, 7)] {
        let time = second * 1_000_000_000 + nanos;
        format.format(&Sample::new("").time(time).record(), &mut out);
    }
    assert_eq!(
        String::from_utf8_lossy(&out),
        "2026-10-25T02:59:59.999999999+02:00
2026-10-25T02:00:00.000000000+01:00
2026-10-25T02:59:59.000000005+02:00
2026-10-25T02:00:00.000000007+01:00
"
    );
}

#[test]
fn local_time_is_that_of_the_machine() {
    let format = TextFormat::pattern("{time:%F %T %z}").expect("a right pattern");
    let time = jiff::Timestamp::from_second(1_795_248_309).expect("within the range");
    let local = time.to_zoned(jiff::tz::TimeZone::system());
    assert_eq!(
        line_of(format.with_zone(Zone::Local), &Sample::new("")),
        format!("{}\n", local.strftime("%F %T %z"))
    );
}

/// What a message may have whatever its record holds, and at most one argument more.
const SHORT: usize = (128 << 10) + 70_000;

#[test]
fn a_template_cannot_blow_a_short_record_up() {
    let text = "x".repeat(1 << 20);
    let sample = Sample::new(&"{0}".repeat(1_000)).arg(&text);
    let message = super::message_of(&sample);
    // Sixteen times the record, and 128 KiB that nobody asks about: it ends with the argument there.
    assert_eq!(message.len(), (17 << 20) + "{cut}".len());
    assert!(message.ends_with("x{cut}"));
    let padded = Sample::new(&"{:65535}".repeat(2_000));
    let padded = (0..2_000).fold(padded, |sample, _| sample.arg(1));
    let message = super::message_of(&padded);
    assert!(message.len() < SHORT + 16 * 2_000 * 9, "{}", message.len());
    assert!(message.ends_with("1{cut}"));
    // The record holds none of them.
    let missing = Sample::new(&"{:65535}".repeat(30_000));
    let message = super::message_of(&missing);
    assert!(message.len() < SHORT, "{}", message.len());
    assert!(message.ends_with("{missing}{cut}"));
}

#[test]
fn the_items_of_a_list_cannot_all_be_padded_without_end() {
    for template in ["{:65535?}", "{:#65535?}", "{:.65535?}", "{0:65535?}{0:1}"] {
        let sample = Sample::new(template).arg(vec![0.5; 10_000]);
        let message = super::message_of(&sample);
        assert!(message.len() < SHORT + 16 * 10_000 * 16, "{template}: {}", message.len());
        assert!(message.contains("{cut}"), "{template}");
    }
    let sample = Sample::new("{:5?}").arg(vec![0.5; 10_000]);
    assert!(!super::message_of(&sample).contains("{cut}"), "what is usual is never cut");
}

#[test]
fn literal_text_of_a_template_is_shown_up_to_64_kib() {
    let sample = Sample::new(&format!("{}{{}}{}", "a".repeat(40_000), "\u{e4}".repeat(40_000)));
    let message = super::message_of(&sample.arg(7));
    let expected =
        format!("{}7{}{{cut}}", "a".repeat(40_000), "\u{e4}".repeat(((64 << 10) - 40_000) / 2));
    assert_eq!(message, expected);
}

#[test]
fn a_bad_time_format_is_refused_with_its_place() {
    let err = TextFormat::pattern("{level} {time:%Y-%!}").unwrap_err();
    assert!(err.is_config());
    let text = err.to_string();
    assert!(text.starts_with("bad time format \"%Y-%!\" ("), "{text}");
    let end = "at byte 14 of the pattern \"{level} {time:%Y-%!}\": write one like \
               \"{time:%Y-%m-%d %H:%M:%S%.6f}\"";
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn json_has_its_keys_in_their_order() {
    let json = JsonFormat::new().with_source(true).with_precision(Precision::Seconds);
    assert_eq!(
        line_of(json, &order()),
        "{\"time\":\"2026-11-21T08:05:09Z\",\"level\":\"INFO\",\"target\":\"shop::orders\",\
         \"file\":\"src/orders.rs\",\"line\":7,\"module\":\"shop::orders\",\
         \"message\":\"order 7 placed\",\"fields\":{\"customer\":\"c-42\",\"total\":19.9},\
         \"context\":{\"request\":\"r 1\"},\
         \"spans\":[{\"name\":\"shop\",\"fields\":{\"a\":1,\"b\":true}},{\"name\":\"order\"}],\
         \"backtrace\":\"0: main\\n1: start\\n\",\
         \"thread\":\"main\",\"thread_id\":11,\"process\":\"shop\",\"process_id\":4711}\n"
    );
}

fn bare_json() -> JsonFormat {
    JsonFormat::new().with_thread(false).with_process(false).with_precision(Precision::Seconds)
}

#[track_caller]
fn json_gives(sample: &Sample, expected: &str) {
    let line = line_of(bare_json(), sample);
    let start =
        "{\"time\":\"2026-11-21T08:05:09Z\",\"level\":\"INFO\",\"target\":\"shop::orders\",";
    assert_eq!(line, format!("{start}{expected}}}\n"));
}

#[test]
fn json_writes_each_value_as_documented() {
    let inner = std::io::Error::other("inner");
    let sample = Sample::new("")
        .field("null", None::<u8>)
        .field("i64", i64::MIN)
        .field("u64", u64::MAX)
        .field("i128", i128::MIN)
        .field("small", 5_u128)
        .field("f", 1.0)
        .field("tiny", 1e-300)
        .field("nan", f64::NAN)
        .field("inf32", f32::INFINITY)
        .field("bytes", Bytes(b"\x00\xff"))
        .field("time", UNIX_EPOCH + Duration::from_nanos(1_500_000_000))
        .field("span", Duration::from_millis(1_500))
        .field("whole", Duration::from_secs(2))
        .field("err", ErrorChain(&inner))
        .field("list", vec!["a", "\"b\""])
        .field("none", Vec::<u8>::new())
        .field("map", Pairs(&[("k", 1), ("l", 2)]))
        .field("empty", Pairs::<u8>(&[]))
        .field("char", '\u{1}')
        .field("wtf8", Value::Wtf8(b"a\xed\xa0\x80b\xff"));
    json_gives(
        &sample,
        "\"message\":\"\",\"fields\":{\"null\":null,\"i64\":-9223372036854775808,\
         \"u64\":18446744073709551615,\"i128\":\"-170141183460469231731687303715884105728\",\
         \"small\":5,\"f\":1.0,\"tiny\":1e-300,\"nan\":null,\"inf32\":null,\"bytes\":\"00ff\",\
         \"time\":\"1970-01-01T00:00:01.5Z\",\"span\":1.5,\"whole\":2,\
         \"err\":{\"message\":\"inner\",\"sources\":[]},\"list\":[\"a\",\"\\\"b\\\"\"],\"none\":[],\
         \"map\":{\"k\":1,\"l\":2},\"empty\":{},\"char\":\"\\u0001\",\"wtf8\":\"a\u{fffd}b\u{fffd}\"}",
    );
}

#[test]
fn json_names_that_are_taken_get_an_underscore() {
    let sample = Sample::new("m")
        .field("a", 1)
        .field("a", 2)
        .dynamic_fields(&[("a", Value::U8(3)), ("level", Value::U8(4))]);
    json_gives(&sample, "\"message\":\"m\",\"fields\":{\"a\":1,\"a_\":2,\"a__\":3,\"level\":4}");
    assert_eq!(
        line_of(bare_json().with_flat_fields(true), &sample),
        "{\"time\":\"2026-11-21T08:05:09Z\",\"level\":\"INFO\",\"target\":\"shop::orders\",\
         \"message\":\"m\",\"a\":1,\"a_\":2,\"a__\":3,\"level_\":4}\n"
    );
}

#[test]
fn json_fields_that_only_the_call_knew_open_the_object() {
    let sample = Sample::new("m").dynamic_fields(&[("a", Value::Null)]);
    json_gives(&sample, "\"message\":\"m\",\"fields\":{\"a\":null}");
}

#[test]
fn logfmt_writes_everything_in_order() {
    assert_eq!(
        line_of(LogfmtFormat::new().with_source(true), &order()),
        "time=2026-11-21T08:05:09.123456789Z level=INFO target=shop::orders file=src/orders.rs \
         line=7 module=shop::orders msg=\"order 7 placed\" customer=c-42 total=19.9 \
         request=\"r 1\" spans=\"shop{a=1 b=true}:order\" backtrace=\"0: main\\n1: start\\n\" \
         thread=main thread_id=11 process=shop process_id=4711\n"
    );
}

#[test]
fn logfmt_quotes_what_a_bare_value_cannot_hold() {
    let sample = Sample::new("say \"hi\" \\o/")
        .field("a b", "")
        .field("eq", "a=b")
        .field("path", "C:\\dir")
        .field("umlaut", "äö")
        .field("list", vec![1, 2])
        .field("null", None::<u8>)
        .field("wtf8", Value::Wtf8(b"\xff"))
        .field("wide", u128::MAX)
        .field("float", 0.5_f32);
    let format = LogfmtFormat::new().with_thread(false).with_process(false);
    assert_eq!(
        line_of(format.with_precision(Precision::Seconds), &sample),
        "time=2026-11-21T08:05:09Z level=INFO target=shop::orders msg=\"say \\\"hi\\\" \\\\o/\" \
         a_b=\"\" eq=\"a=b\" path=C:\\dir umlaut=äö list=\"[1, 2]\" null=null wtf8=\"\u{fffd}\" \
         wide=340282366920938463463374607431768211455 float=0.5\n"
    );
}

#[test]
fn a_site_with_the_number_of_another_is_not_taken_for_it() {
    let mut format = TextFormat::pattern("{target} {message}").expect("a right pattern");
    let mut out = Vec::new();
    for number in [3, 3 + 4_096, 3] {
        let target = number.to_string();
        let sample = Sample::new(&format!("m{number}")).target(&target).site_number(number);
        format.format(&sample.record(), &mut out);
    }
    assert_eq!(String::from_utf8_lossy(&out), "3 m3\n4099 m4099\n3 m3\n");
}

#[test]
fn a_thread_that_changes_its_name_is_shown_by_the_new_one() {
    let mut format = bare_json().with_thread(true);
    let mut out = Vec::new();
    for name in ["a", "b\"", "a"] {
        out.clear();
        format.format(&Sample::new("").thread(1, name).record(), &mut out);
        let end = format!("\"thread\":{name:?},\"thread_id\":1}}\n");
        assert!(String::from_utf8_lossy(&out).ends_with(&end));
    }
}

#[test]
fn ties_of_the_shortest_digits_are_those_of_the_standard_library() {
    for value in [798_000_145_398_522.2_f64, 2_f64.powi(-44), 5e-324, 9_007_199_254_740_993.0] {
        for value in [value, value + value / 3.0, 4_503_599_627_370_497.5, 1_125_899_906_842_624.1]
        {
            let sample = Sample::new("{}").arg(value);
            assert_eq!(super::message_of(&sample), value.to_string());
        }
    }
}

#[test]
fn a_caller_rendered_argument_stands_as_it_is() {
    let sample = Sample::new("{:>9?}|{}").arg(onewriter_record::Rendered("Foo { a: 1 }")).arg(1);
    assert_eq!(super::message_of(&sample), "Foo { a: 1 }|1");
}

#[test]
fn an_argument_that_is_not_there_is_shown_as_missing() {
    let sample = Sample::new("{} {:>5} {0}").arg(1);
    assert_eq!(super::message_of(&sample), "1 {missing} 1");
}
