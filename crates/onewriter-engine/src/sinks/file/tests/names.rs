use super::*;

fn scheme(file: &str, names: Names) -> Scheme {
    in_zone(file, names, "UTC0")
}

fn in_zone(file: &str, names: Names, zone: &str) -> Scheme {
    Scheme::new(Path::new(file), &names, TimeZone::posix(zone).unwrap()).unwrap()
}

fn nanos(text: &str) -> u64 {
    u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_nanosecond()).unwrap()
}

fn next(scheme: &Scheme, time: &str, taken: &[&str]) -> String {
    let taken: Vec<Parsed> = taken.iter().map(|name| scheme.parse(name).unwrap()).collect();
    scheme.next(nanos(time), taken.iter()).base
}

const NOON: &str = "2026-06-15T12:00:00.123456789Z";

#[test]
fn an_index_goes_on_from_the_highest_compressed_or_not() {
    let scheme = scheme("log/shop.log", Names::index());
    assert_eq!(next(&scheme, NOON, &[]), "shop.1.log");
    assert_eq!(next(&scheme, NOON, &["shop.2.log", "shop.10.log.gz", "shop.9.log"]), "shop.11.log");
    assert_eq!(next(&scheme, NOON, &["shop.7.log.zst.tmp"]), "shop.8.log");
}

#[test]
fn the_number_stands_before_the_extension_if_there_is_one() {
    for (file, expected) in [
        ("shop.log", "shop.1.log"),
        ("shop", "shop.1"),
        (".shop", ".shop.1"),
        ("shop.json.log", "shop.json.1.log"),
        ("shop.gz", "shop.1.gz"),
    ] {
        assert_eq!(next(&scheme(file, Names::index()), NOON, &[]), expected);
    }
}

#[test]
fn a_time_that_is_taken_gets_the_next_number() {
    let scheme = scheme("shop.log", Names::time("%Y-%m-%d"));
    assert_eq!(next(&scheme, NOON, &[]), "shop.2026-06-15.log");
    assert_eq!(next(&scheme, NOON, &["shop.2026-06-14.log"]), "shop.2026-06-15.log");
    assert_eq!(next(&scheme, NOON, &["shop.2026-06-15.log.gz"]), "shop.2026-06-15.1.log");
    // Not the first that is free: that would look older than .4.
    assert_eq!(next(&scheme, NOON, &["shop.2026-06-15.4.log"]), "shop.2026-06-15.5.log");
}

#[test]
fn a_time_that_is_appended_stands_behind_the_whole_name_and_its_number_behind_it() {
    let appended = scheme("log/shop.log", Names::appended("%Y-%m-%d"));
    assert_eq!(next(&appended, NOON, &[]), "shop.log.2026-06-15");
    assert_eq!(next(&appended, NOON, &["shop.log.2026-06-15.gz"]), "shop.log.2026-06-15.1");
    assert_eq!(next(&appended, NOON, &["shop.log.2026-06-15.1"]), "shop.log.2026-06-15.2");
    let plain = scheme("shop", Names::appended("%H"));
    assert_eq!(next(&plain, NOON, &["shop.12"]), "shop.12.1");
}

#[test]
fn a_shifted_number_stands_behind_the_whole_name() {
    for (file, expected) in [("log/shop.log", "shop.log.7"), ("shop", "shop.7"), (".a", ".a.7")] {
        let scheme = scheme(file, Names::shifted());
        assert_eq!(scheme.shifted(7).base, expected);
        assert_eq!(scheme.parse(expected), Some(scheme.shifted(7)));
        assert_eq!(scheme.parse(&format!("{expected}.gz")).unwrap().base, expected);
        assert!(is_shifted_name(Path::new(file), &Path::new("log").join(expected)));
    }
}

#[test]
fn names_are_written_as_they_are_read() {
    let table = [
        ("index", Names::index()),
        ("shifted", Names::shifted()),
        ("%Y-%m-%d", Names::time("%Y-%m-%d")),
        ("appended %Y-%m-%d", Names::appended("%Y-%m-%d")),
    ];
    for (text, names) in table {
        assert_eq!(text.parse::<Names>().unwrap(), names);
        assert_eq!(names.to_string(), text);
    }
    for text in ["", "shiftd", "Index", "appended", "2026"] {
        assert_eq!(
            text.parse::<Names>().unwrap_err().to_string(),
            format!(
                "names \"{text}\" are not known: give \"index\", \"shifted\", a time such as \
                 \"%Y-%m-%d\", or \"appended %Y-%m-%d\""
            )
        );
    }
    let err = "appended day".parse::<Names>().unwrap_err().to_string();
    assert!(err.starts_with("name template \"day\" holds no time"), "{err}");
}

#[test]
fn each_directive_means_what_it_means_in_strftime() {
    for (template, expected) in [
        ("%Y-%m-%d_%H-%M-%S", "2026-06-15_12-00-00"),
        ("%F", "2026-06-15"),
        ("%y%j", "26166"),
        ("%d.%m.%Y", "15.06.2026"),
        ("%H%z", "12+0000"),
        ("%S.%3f %6f %9f", "00.123 123456 123456789"),
        ("%Y%%", "2026%"),
    ] {
        let scheme = scheme("shop.log", Names::time(template));
        let name = format!("shop.{expected}.log");
        assert_eq!(next(&scheme, NOON, &[]), name);
        assert_eq!(scheme.parse(&name).unwrap().time, expected, "{template}");
    }
}

#[test]
fn in_the_repeated_hour_the_offset_tells_the_files_apart() {
    let scheme = in_zone("shop.log", Names::time("%F_%H-%M"), "EST5EDT,M3.2.0,M11.1.0");
    let names = [
        ("2026-11-01T00:30:00-04:00", "shop.2026-11-01_00-30.log"),
        ("2026-11-01T01:30:00-04:00", "shop.2026-11-01_01-30-0400.log"),
        ("2026-11-01T01:30:00-05:00", "shop.2026-11-01_01-30-0500.log"),
        ("2026-11-01T02:30:00-05:00", "shop.2026-11-01_02-30.log"),
    ];
    for (time, name) in names {
        assert_eq!(next(&scheme, time, &[]), name);
        assert!(scheme.parse(name).is_some(), "{name}");
    }
    // A day is a day, in whichever offset.
    let daily = in_zone("shop.log", Names::time("%F"), "EST5EDT,M3.2.0,M11.1.0");
    assert_eq!(next(&daily, "2026-11-01T01:30:00-05:00", &[]), "shop.2026-11-01.log");
    assert!(daily.parse("shop.2026-11-01-0500.log").is_none());
}

#[test]
fn names_that_are_not_exactly_ours_are_foreign() {
    let by_index = scheme("app.log", Names::index());
    for name in [
        "app.log",
        "app-error.log",
        "app-error.1.log",
        "app.1.log.bak",
        "app.01.log",
        "app.0.log",
        "app.+1.log",
        "app..log",
        "app.1.2.log",
        "app.1.txt",
        "app.1",
        "xapp.1.log",
        "app.1.log.xz",
        "app.1.log.tmp",
        "app.2026-06-15.log",
        "app.99999999999999999999.log",
        "app.log.gz",
    ] {
        assert_eq!(by_index.parse(name), None, "{name}");
    }
    let by_time = scheme("app.log", Names::time("%Y-%m-%d"));
    for name in [
        "app.log",
        "app.1.log",
        "app.2026-06-1.log",
        "app.2026-06-15.log.old",
        "app.2026-06-15.0.log",
        "app-error.2026-06-15.log",
        "app.2026-06-15-x.log",
        "app.2026-06-15.",
        "app.२०२६-06-15.log",
    ] {
        assert_eq!(by_time.parse(name), None, "{name}");
    }
    let shifted = scheme("app.log", Names::shifted());
    for name in [
        "app.log",
        "app.log.old",
        "app.log.1x",
        "app.log.0",
        "app.log.01",
        "app.log.1.1",
        "app.log.1.xz",
        "app.log.gz",
        "app.1.log",
        "app.log.2026-06-15",
        "xapp.log.1",
    ] {
        assert_eq!(shifted.parse(name), None, "{name}");
        assert!(!is_shifted_name(Path::new("app.log"), Path::new(name)), "{name}");
    }
    let appended = scheme("app.log", Names::appended("%Y-%m-%d"));
    for name in ["app.log.1", "app.log.2026-06-15.0", "app.log.2026-06-15.x", "app.2026-06-15.log"]
    {
        assert_eq!(appended.parse(name), None, "{name}");
    }
}

#[test]
fn the_state_of_a_compression_is_in_the_name() {
    let scheme = scheme("app.log", Names::index());
    let state = |name| scheme.parse(name).map(|parsed| (parsed.base, parsed.state));
    let base = || "app.3.log".to_owned();
    assert_eq!(state("app.3.log"), Some((base(), State::Plain)));
    assert_eq!(state("app.3.log.gz"), Some((base(), State::Compressed)));
    assert_eq!(state("app.3.log.zst"), Some((base(), State::Compressed)));
    assert_eq!(state("app.3.log.gz.tmp"), Some((base(), State::Partial)));
}

#[test]
fn templates_that_cannot_be_say_why() {
    let cases = [
        (
            "old",
            "name template \"old\" holds no time, so all rotated files would have one name: use \
             for example \"%Y-%m-%d_%H-%M-%S\"",
        ),
        (
            "%%Y%z",
            "name template \"%%Y%z\" holds no time, so all rotated files would have one name: use \
             for example \"%Y-%m-%d_%H-%M-%S\"",
        ),
        (
            "%Y/%m",
            "name template \"%Y/%m\" holds a '/' or a zero byte: rotated files stay in the folder \
             of the log file",
        ),
        (
            "%Y-%b",
            "name template \"%Y-%b\" holds a directive that is not known: give some of %Y %m %d \
             %H %M %S %y %j %F %z %3f %6f %9f %%",
        ),
        (
            "%Y-%",
            "name template \"%Y-%\" holds a directive that is not known: give some of %Y %m %d \
             %H %M %S %y %j %F %z %3f %6f %9f %%",
        ),
    ];
    for (template, message) in cases {
        let names = Names::time(template);
        let err = Scheme::new(Path::new("a.log"), &names, TimeZone::UTC).err().unwrap();
        assert_eq!(err.to_string(), message);
    }
}

proptest::proptest! {
    #[test]
    fn every_name_that_is_given_is_recognized(
        secs in 0_u64..8_000_000_000,
        number in 0_u64..1_000_000,
        template in 0_usize..5,
        zone in 0_usize..3,
    ) {
        let template = ["%F", "%Y-%m-%d_%H-%M-%S", "%j.%y %z", "%d%m%Y%H", "%S.%9f"][template];
        let zone = ["UTC0", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"][zone];
        for names in [Names::index(), Names::time(template), Names::appended(template)] {
            let scheme = in_zone("shop.log", names, zone);
            let first = scheme.next(secs * 1_000_000_000, std::iter::empty());
            let name = scheme.numbered(first.time, first.number + number);
            proptest::prop_assert_eq!(scheme.parse(&name.base), Some(name.clone()));
            let packed = format!("{}.gz", name.base);
            proptest::prop_assert_eq!(scheme.parse(&packed).map(|p| p.base), Some(name.base));
        }
    }

    #[test]
    fn no_name_in_a_folder_makes_the_parser_fail(name in "\\PC*", dots in "[a.0-9%z-]{0,20}") {
        let appended = Names::appended("%F_%H%z");
        for names in [Names::index(), Names::time("%F_%H%z"), Names::shifted(), appended] {
            let scheme = in_zone("a.log", names, "UTC0");
            let behind = format!("a.log.{dots}");
            for name in [&name, &format!("a.{dots}.log"), &format!("a.{name}.log.gz"), &behind] {
                let _ = scheme.parse(name);
            }
        }
    }
}
