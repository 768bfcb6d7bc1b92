use super::*;
use crate::ErrorKind;
use crate::testing::Sample;
use onewriter_record::Value;

fn parsed(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|err| panic!("{err}"))
}

fn passes(filter: &str, level: Level, target: &str) -> bool {
    let sample = Sample::new("hello").level(level).target(target);
    let filter = parsed(filter);
    let admitted = filter.admits(&sample.record());
    assert_eq!(Matcher::new(filter).admits(&sample.record()), admitted);
    admitted
}

#[test]
fn the_longest_target_decides_at_its_borders() {
    let rows = [
        ("info", Level::Info, "anything", true),
        ("info", Level::Debug, "anything", false),
        ("info,foo=debug", Level::Debug, "foo", true),
        ("info,foo=debug", Level::Debug, "foo::bar", true),
        ("info,foo=debug", Level::Debug, "foo.bar", true),
        ("info,foo=debug", Level::Debug, "foobar", false),
        ("info,foo=debug", Level::Debug, "fo", false),
        ("foo=debug,foo::bar=off", Level::Error, "foo::bar::baz", false),
        ("foo::bar=off,foo=debug", Level::Error, "foo::bar::baz", false),
        ("foo=debug", Level::Error, "other", false),
        ("foo", Level::Trace, "foo", true),
        ("foo=", Level::Trace, "foo", true),
        ("foo=warn,foo=debug", Level::Debug, "foo", true),
        ("debug,warn", Level::Debug, "foo", false),
        ("off,foo=25", Level::new(25), "foo", true),
        ("off,foo=25", Level::new(24), "foo", false),
        (" info , foo = debug ,", Level::Debug, "foo", true),
        ("my-crate=debug,WARN", Level::Debug, "my-crate", true),
    ];
    for (filter, level, target, expected) in rows {
        assert_eq!(passes(filter, level, target), expected, "{filter} on {level:?} {target}");
    }
}

#[test]
fn brackets_add_what_stands_in_a_span_or_has_a_field() {
    let sample = Sample::new("hello")
        .level(Level::Debug)
        .field("user", "alice")
        .field("n", 7_u8)
        .context(&[("tenant", Value::Str("blue, \"green\""))])
        .span("request", &[("id", Value::U64(42)), ("ok", Value::Bool(true))])
        .span("query", &[("ms", Value::F64(1.5))]);
    let rows = [
        ("warn", false),
        ("warn,[request]=debug", true),
        ("warn,[request]", true),
        ("warn,[request]=info", false),
        ("warn,[other]=debug", false),
        ("warn,shop::orders[query]=debug", true),
        ("warn,shop::other[query]=debug", false),
        ("warn,[request{id=42}]=debug", true),
        ("warn,[request{id=43}]=debug", false),
        ("warn,[query{id=42}]=debug", false),
        ("warn,[request{id=42,ok=true}]=debug", true),
        ("warn,[request{id=42,ok=false}]=debug", false),
        ("warn,[request{id}]=debug", true),
        ("warn,[request{nothing}]=debug", false),
        ("warn,[{ms=1.5}]=debug", true),
        ("warn,[{user}]=debug", true),
        ("warn,[{user=alice}]=debug", true),
        ("warn,[{user=ali}]=debug", false),
        ("warn,[{user=a[a-z]{4}}]=debug", true),
        ("warn,[{user=\"alice\", n=7}]=debug", true),
        ("warn,[{user=\"a.*\"}]=debug", false),
        ("warn,[{user=alice,id=42}]=debug", false),
        ("warn,[{tenant=\"blue, \\\"green\\\"\"}]=debug", true),
        ("[request]=debug", true),
    ];
    for (filter, expected) in rows {
        assert_eq!(parsed(filter).admits(&sample.record()), expected, "{filter}");
        let mut matcher = Matcher::new(parsed(filter));
        assert_eq!(matcher.admits(&sample.record()), expected, "{filter}");
    }
}

#[test]
fn a_rule_with_a_field_of_a_span_takes_nothing_away() {
    assert!(passes("debug,[request]=error", Level::Debug, "shop"));
}

#[test]
fn the_expression_after_the_slash_is_sought_in_the_message() {
    let late = Sample::new("order {} took {} ms").arg(7).arg("many");
    let rows = [
        ("info/took", true),
        ("info/^order 7 took many ms$", true),
        ("info/order [89]", false),
        ("warn/took", false),
        ("/took", true),
        ("info/a/b|order", true),
    ];
    for (filter, expected) in rows {
        assert_eq!(parsed(filter).admits(&late.record()), expected, "{filter}");
    }
}

#[test]
fn what_is_malformed_is_refused_with_its_place_and_an_example() {
    let level = "use trace, debug, info, warn, error, off or a number from 1 to 254, as in \
                 \"info,my_crate::db=debug\"";
    let rule = "a rule is target=level, as in \"info,my_crate::db=debug\"";
    let scope = "brackets hold a span and its fields, as in \"my_crate[request{user=7}]=debug\"";
    let rows = [
        ("", 1, format!("there is no rule: {level}")),
        (" , ", 1, format!("there is no rule: {level}")),
        ("info,foo=loud", 10, format!("\"loud\" is no level: {level}")),
        ("ü=debug,foo=loud", 13, format!("\"loud\" is no level: {level}")),
        ("foo=debug=info", 5, format!("\"debug=info\" is no level: {level}")),
        ("255", 1, format!("\"255\" is no level: {level}")),
        ("foo=0", 5, format!("\"0\" is no level: {level}")),
        (
            "inof",
            1,
            "\"inof\" is no level: use \"info\", or \"inof=trace\" for a target of that name"
                .to_owned(),
        ),
        ("=debug", 1, format!("no target before the '=': {rule}")),
        ("foo bar=debug", 4, format!("' ' cannot stand in a target: {rule}")),
        ("foo[bar", 4, format!("the '[' is not closed: {scope}")),
        ("foo[{a=1]", 9, format!("the ']' closes nothing: {scope}")),
        ("foo]=info", 4, format!("the ']' closes nothing: {scope}")),
        ("info,[]=debug", 7, format!("the brackets are empty: {scope}")),
        ("[a{b=1}c]=debug", 9, format!("no '}}' before the ']': {scope}")),
        ("[a=1]=debug", 3, format!("'=' cannot stand in a span's name: {scope}")),
        ("[a]b[c]=debug", 3, format!("']' cannot stand in a span's name: {scope}")),
        ("[a{\"b\"=1}]=debug", 4, format!("'\"' cannot stand in a field's name: {scope}")),
        ("[a{}]=debug", 4, format!("a field has no name: {scope}")),
        ("[a{=3}]=debug", 4, format!("a field has no name: {scope}")),
        ("[a{b=}]=debug", 6, format!("no value after the '=': {scope}")),
        (
            "[a{b=\"c}]=debug",
            6,
            "the quote is not closed: write a quoted value as in \
             \"[request{user=\\\"alice\\\"}]=debug\""
                .to_owned(),
        ),
        (
            "[a]debug",
            4,
            "\"debug\" follows the ']': write \"=\" and a level, or nothing".to_owned(),
        ),
        ("[a]=loud", 5, format!("\"loud\" is no level: {level}")),
        (
            "warn,[a]=off",
            10,
            "a rule with brackets only adds, it cannot be \"off\": leave it out, or use a level, \
             as in \"warn,[request]=debug\""
                .to_owned(),
        ),
    ];
    for (text, column, why) in rows {
        let err = Filter::parse(text).expect_err(text);
        assert_eq!(err.to_string(), format!("filter {text:?}, column {column}: {why}"));
        assert_eq!(err.kind(), ErrorKind::Config);
    }
}

#[test]
fn a_bad_expression_is_refused_with_its_place() {
    let err = Filter::parse("info/a(").unwrap_err().to_string();
    assert!(err.starts_with("filter \"info/a(\", column 6: \"a(\" is no regular expression ("));
    assert!(err.ends_with("use one of the crate regex-lite, as in \"info/time(d )?out\""), "{err}");
    let err = Filter::parse("[a{b=*}]=info").unwrap_err().to_string();
    assert!(err.contains("column 6: \"*\" is no regular expression ("), "{err}");
}

#[test]
fn display_gives_a_text_that_parses_to_the_same() {
    let rows = [
        ("INFO", "info"),
        ("25", "25"),
        ("off", "off"),
        ("foo=debug, info", "info,foo=debug"),
        ("foo", "foo=all"),
        (
            "warn,a::b[c{d=1,e=\"x\\\\\\\"y\",f=g.*,h,i=1.0,j=true}]",
            "warn,a::b[c{d=1,e=\"x\\\\\\\"y\",f=g.*,h,i=1.0,j=true}]=all",
        ),
        ("info/a/b", "info/a/b"),
        ("[{a}]", "[{a}]=all"),
    ];
    for (text, shown) in rows {
        assert_eq!(parsed(text).to_string(), shown);
        assert_eq!(parsed(shown).to_string(), shown);
    }
}

#[test]
fn interest_and_max_level_promise_no_less_than_what_passes() {
    use Interest::{Always, Never, Sometimes};
    let rows = [
        ("info", Level::Info, "a", Always),
        ("info", Level::Debug, "a", Never),
        ("info,a=debug", Level::Debug, "a::b", Always),
        ("info,a=debug", Level::Debug, "b", Never),
        ("info,[x]=debug", Level::Debug, "b", Sometimes),
        ("info,[x]=debug", Level::Trace, "b", Never),
        ("info,a[x]=debug", Level::Debug, "b", Never),
        ("info/x", Level::Info, "b", Sometimes),
        ("info/x", Level::Debug, "b", Never),
    ];
    for (text, level, target, expected) in rows {
        assert_eq!(parsed(text).interest(level, target), expected, "{text} {level:?} {target}");
    }
    assert_eq!(parsed("warn,a=debug,[x]=trace").max_level(), Level::Trace.into());
    assert_eq!(parsed("a=warn").max_level(), Level::Warn.into());
    assert_eq!(parsed("off").max_level(), LevelFilter::OFF);
    assert_eq!(parsed("/x").max_level(), LevelFilter::ALL);
    let never = |_: &Record<'_>| false;
    assert_eq!(Filter::function(never).max_level(), LevelFilter::ALL);
    assert_eq!(Filter::function(never).interest(Level::Error, "a"), Sometimes);
}

#[test]
fn filters_combine() {
    let hello = Sample::new("hello").level(Level::Info).target("a");
    let truth = |passes: bool| Filter::function(move |_| passes);
    let both = parsed("a=debug").and(truth(true));
    assert!(both.admits(&hello.record()));
    assert_eq!(both.interest(Level::Debug, "a"), Interest::Sometimes);
    assert_eq!(both.interest(Level::Trace, "a"), Interest::Never);
    assert_eq!(both.max_level(), Level::Debug.into());
    assert!(!parsed("a=debug").and(truth(false)).admits(&hello.record()));
    let either = parsed("warn").or(parsed("a=info"));
    assert!(either.admits(&hello.record()));
    assert_eq!(either.interest(Level::Info, "b"), Interest::Never);
    assert_eq!(either.interest(Level::Error, "b"), Interest::Always);
    assert_eq!(either.max_level(), Level::Info.into());
    assert_eq!(either.and(truth(true)).to_string(), "(warn or a=info) and <function>");
}

#[test]
fn a_matcher_asks_once_for_each_call_site_and_anew_after_a_change() {
    let db = Sample::new("x").level(Level::Debug).target("db").site_number(3);
    let web = Sample::new("x").level(Level::Debug).target("web").site_number(0);
    let mut matcher = Matcher::new(parsed("info,db=debug"));
    for _ in 0..2 {
        assert!(matcher.admits(&db.record()));
        assert!(!matcher.admits(&web.record()));
    }
    assert_eq!(matcher.sites.len(), 4);
    matcher.set(parsed("info,web=debug"));
    assert!(!matcher.admits(&db.record()));
    assert!(matcher.admits(&web.record()));
    assert_eq!(matcher.filter().to_string(), "info,web=debug");
}

#[test]
fn a_variable_that_is_not_set_is_no_filter() {
    assert!(Filter::from_env("ONEWRITER_TEST_NOT_SET").is_ok_and(|filter| filter.is_none()));
}

#[test]
fn a_refusal_names_the_variable() {
    // Cargo sets this one for each test, and prose is no filter.
    let err = Filter::from_env("CARGO_PKG_DESCRIPTION").unwrap_err().to_string();
    let start = "environment variable CARGO_PKG_DESCRIPTION: filter \"Floor 3";
    assert!(err.starts_with(start), "{err}");
}

#[test]
fn a_filter_goes_to_any_thread() {
    fn any_thread<T: Send + Sync + Clone>() {}
    any_thread::<Filter>();
}

proptest::proptest! {
    #[test]
    fn any_text_is_refused_or_is_shown_as_what_it_means(
        text in r#"([a-cA-Zü:.0-9 ,=\[\]{}()"/\\*$-]|info|warn|foo|::|\[a\{b=|\}\]=){0,20}"#,
    ) {
        match Filter::parse(&text) {
            Ok(filter) => {
                let shown = filter.to_string();
                let again = Filter::parse(&shown).map(|filter| filter.to_string());
                proptest::prop_assert_eq!(again.ok(), Some(shown));
            }
            Err(err) => proptest::prop_assert!(err.to_string().starts_with("filter \"")),
        }
    }
}
