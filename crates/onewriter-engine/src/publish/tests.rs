use super::*;
use crate::format::{Format, JsonFormat, LogfmtFormat, Precision, TextFormat, Zone};
use std::os::unix::fs::PermissionsExt;

fn published() -> Published {
    let sink = SinkStats {
        name: "file /var/log/shop.log".to_owned(),
        taken: 10,
        dropped: 1,
        errors: 2,
        pending_bytes: 30,
        rotations: 4,
        last_error: Some("cannot write: No space left".to_owned()),
        ..SinkStats::default()
    };
    let stats = Stats {
        accepted: 11,
        written: 10,
        lost: 3,
        unreadable: 4,
        waiting_bytes: 500,
        oldest: Duration::from_millis(6),
        sinks: vec![sink, SinkStats { name: "function".to_owned(), ..SinkStats::default() }],
        ..Stats::default()
    };
    Published {
        process: 4711,
        name: "shop".to_owned(),
        since: 1_764_155_881_000_000_000,
        takeovers: 2,
        has_ended: false,
        stats,
        settings: vec![Some("file = \"/var/log/shop.log\"\nkeep = 7\n".to_owned()), None],
    }
}

#[test]
fn what_is_published_is_read_again() {
    let published = published();
    let text = published.text();
    assert_eq!(
        text,
        "onewriter writer 1\nprocess 4711 shop\nsince 1764155881000000000\ntakeovers 2\n\
         accepted 11\nwritten 10\nlost 3\nunreadable 4\nwaiting 500\noldest 6000000\n\
         sink file /var/log/shop.log\ntaken 10\ndropped 1\nerrors 2\npending 30\n\
         rotations 4\nerror cannot write: No space left\nset file = \"/var/log/shop.log\"\nset keep = 7\n\
         sink function\ntaken 0\ndropped 0\nerrors 0\npending 0\nend\n"
    );
    assert_eq!(Published::parse(&text), Some(published));
}

#[test]
fn what_is_not_whole_or_no_number_is_refused_and_what_is_new_is_passed_over() {
    let text = published().text();
    for end in 0..text.len() {
        assert_eq!(Published::parse(&text[..end]), None, "{end} bytes");
    }
    assert_eq!(Published::parse(&text.replace("taken 10", "taken ten")), None);
    assert_eq!(Published::parse(&text.replace("writer 1", "writer 2")), None);
    let later = text.replace("lost 3\n", "lost 3\nmood good\n");
    assert_eq!(Published::parse(&later), Some(published()));
}

#[test]
fn a_name_with_a_newline_forges_no_line() {
    let mut published = published();
    published.stats.sinks[1].name = "function\nlost 99\x1b[2J".to_owned();
    let read = Published::parse(&published.text()).unwrap();
    assert_eq!(read.stats.sinks[1].name, "function lost 99 [2J");
    assert_eq!(read.stats.lost, 3);
}

#[test]
fn a_writer_that_has_nothing_new_to_say_shows_that_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut publisher = Publisher::new(dir.path());
    publisher.publish(&Stats::default(), Vec::new());
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let file = fs::File::options().write(true).open(dir.path().join(FILE)).unwrap();
    file.set_modified(long_ago).unwrap();
    publisher.publish(&Stats::default(), Vec::new());
    // The same file: nothing was written.
    assert_ne!(file.metadata().unwrap().modified().unwrap(), long_ago);
}

#[test]
fn a_change_is_published_for_this_user_alone_and_the_queue_counts_its_writers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    let mut first = Publisher::new(dir.path());
    first.publish(&Stats { accepted: 1, ..Stats::default() }, Vec::new());
    let found = read_in(dir.path()).unwrap();
    assert_eq!((found.takeovers, found.stats.accepted), (0, 1));
    assert_eq!((found.process, found.has_ended), (std::process::id(), false));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // Nothing new: nothing is written.
    fs::remove_file(&path).unwrap();
    first.publish(&Stats { accepted: 1, ..Stats::default() }, Vec::new());
    assert!(!path.exists());
    first.end();
    first.publish(&Stats { accepted: 2, ..Stats::default() }, Vec::new());
    assert!(read_in(dir.path()).unwrap().has_ended);
    let mut second = Publisher::new(dir.path());
    second.publish(&Stats::default(), Vec::new());
    let found = read_in(dir.path()).unwrap();
    assert_eq!((found.takeovers, found.has_ended), (1, false));
}

#[test]
fn formats_say_their_setting_exactly_or_not_at_all() {
    let setting = |format: &dyn Format| format.setting();
    assert_eq!(setting(&TextFormat::full()).as_deref(), Some("text"));
    assert_eq!(setting(&TextFormat::compact()).as_deref(), Some("compact"));
    assert_eq!(setting(&TextFormat::pretty()).as_deref(), Some("pretty"));
    assert_eq!(setting(&JsonFormat::new()).as_deref(), Some("json"));
    assert_eq!(setting(&LogfmtFormat::new()).as_deref(), Some("logfmt"));
    let pattern = TextFormat::pattern("{level} {message}").unwrap();
    assert_eq!(setting(&pattern).as_deref(), Some("{level} {message}"));
    let others: [Box<dyn Format>; 8] = [
        Box::new(TextFormat::pattern("compact").unwrap()),
        Box::new(TextFormat::pattern("no brace").unwrap()),
        Box::new(TextFormat::full().with_color(true)),
        Box::new(TextFormat::pretty().with_lines(false)),
        Box::new(pattern.with_precision(Precision::Millis)),
        Box::new(JsonFormat::new().with_thread(false)),
        Box::new(JsonFormat::new().with_flat_fields(true)),
        Box::new(LogfmtFormat::new().with_zone(Zone::Local)),
    ];
    for (number, format) in others.into_iter().enumerate() {
        // The preset `compact` is not the text "compact".
        assert_eq!(format.setting(), None, "{number}");
    }
}

#[test]
fn the_level_that_holds_is_part_of_the_settings() {
    let with = |global: Option<&Filter>, own: &Filter| with_level(Some("keep = 7\n"), global, own);
    let (info, warn) = (Filter::level(Level::Info), Filter::level(Level::Warn));
    assert_eq!(with(None, &Filter::all()).as_deref(), Some("keep = 7\n"));
    assert_eq!(with(None, &info).as_deref(), Some("keep = 7\nmin-level = \"info\"\n"));
    assert_eq!(with(Some(&warn), &info).as_deref(), Some("keep = 7\nmin-level = \"warn\"\n"));
    let both = info.clone().and(warn);
    assert_eq!(with(None, &both).as_deref(), Some("keep = 7\nmin-level = \"warn\"\n"));
    let rules = Filter::parse("warn,shop::db=debug").unwrap();
    assert_eq!(with(Some(&rules), &info), None);
    assert_eq!(with_level(None, None, &info), None);
}

fn of(process: u32, settings: &[&str]) -> Published {
    let settings = settings.iter().map(|it| Some((*it).to_owned())).collect();
    Published { process, name: "shop".to_owned(), settings, ..Published::default() }
}

#[test]
fn processes_that_disagree_are_told_in_what() {
    let file = "file = \"/var/log/shop.log\"\n";
    let with = |more: &str| format!("{file}{more}");
    let own = of(123, &[&with("rotate = \"40 KB\"\n")]);
    let writer = of(99, &[&with("rotate = \"100 MB\"\nkeep = 7\n")]);
    assert_eq!(
        disagreement(&own, &writer).unwrap(),
        "process 123 (shop) wants rotate \"40 KB\" and no keep for \"/var/log/shop.log\", the writer \
         has rotate \"100 MB\" and keep 7; the writer, process 99 (shop), keeps its settings until \
         it ends"
    );
    assert_eq!(disagreement(&own, &own), None);
    let other = of(99, &["file = \"/var/log/other.log\"\n"]);
    assert_eq!(
        disagreement(&own, &other).unwrap(),
        "process 123 (shop) wants the file \"/var/log/shop.log\", the writer has no such sink; the \
         writer, process 99 (shop), keeps its settings until it ends"
    );
    // What only its program knows cannot be compared.
    let unknown = Published { settings: vec![None], ..of(99, &[]) };
    assert_eq!(disagreement(&own, &unknown), None);
}
