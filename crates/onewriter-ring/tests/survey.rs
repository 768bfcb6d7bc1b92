//! A look at queues from outside.

mod queue;

use onewriter_ring::{
    Cursor, JoinOptions, JournalFile, Place, Queue, Survey, SurveyedName, published, put,
};
use queue::child::Child;
use queue::{folder, joined};
use std::fs;

#[test]
fn a_living_process_is_seen_with_what_waits_and_without_its_reader_noticing() {
    let mut joined = joined(JoinOptions::default());
    put(0, 20, 1, 8, |frame| frame.word(7)).unwrap();
    let survey = Survey::of(joined.queue.dir()).unwrap();
    assert_eq!((survey.is_led, survey.pending_journals, &survey.published), (false, 0, &None));
    let [segment] = &*survey.segments else { panic!("{survey:?}") };
    assert_eq!((segment.process, segment.is_alive), (std::process::id(), true));
    assert!(segment.name.starts_with("survey-"), "{}", segment.name);
    assert_eq!((segment.rings, segment.lost, segment.side_files), (1, 0, 0));
    // The thread's introduction, and the record: a header and a word each, at least.
    assert!(segment.waiting >= 24 && segment.waiting == survey.waiting(), "{}", segment.waiting);
    assert!(survey.is_abandoned());
    assert_eq!(joined.values(), [7]);
    assert_eq!(Survey::of(joined.queue.dir()).unwrap().waiting(), 0);
}

#[test]
fn a_large_record_is_a_side_file_and_the_lead_is_seen_while_it_is_held() {
    let joined = joined(JoinOptions::default());
    put(0, 20, 1, 1 << 20, |frame| frame.word(7)).unwrap();
    let lead = joined.queue.try_lead().unwrap().expect("nobody else wants it");
    let survey = Survey::of(joined.queue.dir()).unwrap();
    assert_eq!((survey.is_led, survey.segments[0].side_files), (true, 1));
    assert!(!survey.is_abandoned());
    drop(lead);
    assert!(!Survey::of(joined.queue.dir()).unwrap().is_led);
    // The question is over: the lead can be had.
    assert!(joined.queue.try_lead().unwrap().is_some());
}

#[test]
fn the_dead_are_told_from_the_living() {
    let dir = folder();
    let root = dir.path().to_owned();
    let child = Child::that(|| {
        let queue = Queue::open_in(&root.join("n-shop")).unwrap();
        onewriter_ring::join(0, queue, JoinOptions::default()).unwrap();
        put(0, 20, 1, 8, |frame| frame.word(7)).unwrap();
    });
    let look = || Survey::all(&root).unwrap();
    let alive = look();
    assert_eq!(alive.len(), 1);
    assert_eq!(alive[0].name, SurveyedName::Named("shop".to_owned()));
    assert!(alive[0].segments[0].is_alive);
    assert_eq!(alive[0].segments[0].process, child.pid.cast_unsigned());
    child.kill();
    let dead = look();
    assert!(!dead[0].segments[0].is_alive);
    assert_eq!(dead[0].waiting(), alive[0].waiting());
}

#[test]
fn a_write_that_was_announced_and_not_confirmed_is_seen() {
    let dir = folder();
    let queue = Queue::open_in(dir.path()).unwrap();
    let mut journal = JournalFile::open(&queue, 1).unwrap();
    let look = || Survey::of(dir.path()).unwrap().pending_journals;
    assert_eq!(look(), 0);
    let none: [Cursor; 0] = [];
    journal.intend(Place { dev: 1, ino: 2, base: 3 }, b"line\n", none.into_iter()).unwrap();
    assert_eq!(look(), 1);
    journal.confirm();
    assert_eq!(look(), 0);
}

#[test]
fn what_is_no_queue_and_no_segment_is_passed_over_and_nothing_is_believed() {
    let dir = folder();
    let shop = dir.path().join("n-shop");
    for sub in ["n-shop", "other"] {
        fs::create_dir(dir.path().join(sub)).unwrap();
    }
    fs::write(dir.path().join("n-file"), "x").unwrap();
    std::os::unix::fs::symlink("/", dir.path().join("n-link")).unwrap();
    fs::write(shop.join("s-0"), "short").unwrap();
    fs::write(shop.join("j-0"), "short").unwrap();
    fs::create_dir(shop.join("s-2")).unwrap();
    fs::write(shop.join("writer"), [0xff, 0xfe]).unwrap();
    // A header that promises more rings and a longer name than there can be.
    let mut header = vec![0xff; 4096];
    header[..8].copy_from_slice(b"ONEWRSEG");
    header[8..16].copy_from_slice(&2_u64.to_le_bytes());
    fs::write(shop.join("s-1"), header).unwrap();
    let found = Survey::all(dir.path()).unwrap();
    let names: Vec<_> = found.iter().map(|survey| &survey.name).collect();
    assert_eq!(names, [&SurveyedName::Named("shop".to_owned())]);
    let [segment] = &*found[0].segments else { panic!("{found:?}") };
    assert_eq!((segment.rings, segment.waiting, segment.is_alive), (0, 0, false));
    assert_eq!(segment.name.chars().count(), 64);
    assert_eq!((found[0].pending_journals, &found[0].published), (0, &None));
    assert_eq!(published(&shop.join("nothing")), None);
}

#[test]
fn a_queue_is_found_by_its_file() {
    let dir = folder();
    let file = dir.path().join("shop 1.log");
    let meta = fs::metadata(dir.path()).unwrap();
    let (dev, ino) = {
        use std::os::unix::fs::MetadataExt;
        (meta.dev(), meta.ino())
    };
    let queue = dir.path().join(format!("f-{dev:x}-{ino:x}-shop%201.log"));
    fs::create_dir(&queue).unwrap();
    let survey = Survey::of(&queue).unwrap();
    assert!(survey.is_of_file(&file));
    assert!(!survey.is_of_file(&dir.path().join("shop 2.log")));
    assert!(!survey.is_of_file(std::path::Path::new("/nowhere/shop 1.log")));
}
