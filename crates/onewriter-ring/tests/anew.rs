//! Somebody cuts, removes or writes over the segment of a process that lives: it makes a new one and
//! goes on there, and what was lost with the old one is counted.

mod queue;

use onewriter_ring::{
    JoinOptions, Overflow, PutError, Reader, now, put, register, take_lost_unseen, try_put,
};
use queue::child::Child;
use queue::{Joined, files, joined, never_wait};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const PAGE: u64 = 4096;
const DATA: u64 = PAGE + 4096 * 256 + (4 << 20);

fn put_value(value: u64) -> Result<(), PutError> {
    put(0, 20, 1, 8, |frame| frame.word(value))
}

fn put_all(values: impl IntoIterator<Item = u64>) {
    values.into_iter().for_each(|value| put_value(value).unwrap());
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    files(dir, "s-").into_iter().map(|name| dir.join(name)).collect()
}

/// The one segment in the queue's folder.
fn segment(here: &Joined) -> PathBuf {
    let mut found = segments(here.queue.dir());
    assert_eq!(found.len(), 1);
    found.remove(0)
}

fn cut(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

/// What was lost with segments, after the passes that the reader needs to see it, by process.
fn lost(reader: &mut Reader) -> Vec<(u32, u64)> {
    // One meets what the process says, the next one lets the old segment go.
    reader.begin();
    reader.begin();
    reader.take_lost_segments()
}

fn sites(reader: &mut Reader, segment: u32) -> Vec<Vec<u8>> {
    let mut sites = Vec::new();
    reader.new_sites(segment, |site| sites.push(site.to_vec()));
    sites
}

#[test]
fn a_process_whose_segment_is_cut_goes_on_in_another_and_what_was_not_read_is_counted() {
    for len in [0, PAGE, DATA] {
        let mut here = joined(never_wait());
        let site = register(b"before the cut").unwrap();
        put_all(1..=5);
        assert_eq!(here.values(), [1, 2, 3, 4, 5], "{len} bytes");
        put_all(6..=8);
        let path = segment(&here);
        cut(&path, len);
        // It is in the middle of its put when it meets the cut.
        assert_eq!(put_value(9), Err(PutError::Cut), "{len} bytes");
        put_all(10..=12);
        assert_eq!(register(b"behind the cut"), Some(site + 1), "{len} bytes");
        assert_eq!(here.values(), [10, 11, 12], "{len} bytes");
        let process = std::process::id();
        assert_eq!(lost(&mut here.reader), [(process, 4)], "{len} bytes: 6 to 9");
        assert_eq!((here.reader.counts(), path.exists()), ((1, 1), false), "{len} bytes");
        let known = sites(&mut here.reader, 1);
        assert_eq!(known[site as usize - 1..], [&b"before the cut"[..], b"behind the cut"]);
        assert_eq!(take_lost_unseen(0), 0);
        assert_eq!(lost(&mut here.reader), []);
    }
    let expected = "the file with the record was cut, removed or written over by somebody: the next \
                    record goes into a new one";
    assert_eq!(PutError::Cut.to_string(), expected);
}

#[test]
fn every_thread_goes_on_and_what_was_refused_before_is_counted_too() {
    let mut here = joined(never_wait());
    let other = Worker::start();
    put_all([1]);
    other.put(2).unwrap();
    let mut values = here.values();
    values.sort_unstable();
    assert_eq!(values, [1, 2]);
    // Marked threads have no second ring: this one is full soon.
    onewriter_ring::mark_thread(1 << 31);
    let fits = (0..).take_while(|_| put_value(3).is_ok()).count() as u64;
    onewriter_ring::mark_thread(0);
    other.put(4).unwrap();
    cut(&segment(&here), 0);
    assert_eq!(other.put(5), Err(PutError::Cut));
    // This thread learns it before it writes anything.
    put_all([6]);
    other.put(7).unwrap();
    assert_eq!(here.values(), [6, 7]);
    // The ones that fitted, the one that did not, 4 and 5.
    assert_eq!(lost(&mut here.reader), [(std::process::id(), fits + 3)]);
}

/// A thread that puts what it is told to.
struct Worker(std::sync::mpsc::Sender<(u64, std::sync::mpsc::Sender<Result<(), PutError>>)>);

impl Worker {
    fn start() -> Worker {
        let (sender, orders) =
            std::sync::mpsc::channel::<(u64, std::sync::mpsc::Sender<Result<(), PutError>>)>();
        std::thread::spawn(move || {
            orders.iter().for_each(|(value, answer)| answer.send(put_value(value)).unwrap());
        });
        Worker(sender)
    }

    fn put(&self, value: u64) -> Result<(), PutError> {
        let (sender, answer) = std::sync::mpsc::channel();
        self.0.send((value, sender)).unwrap();
        answer.recv().unwrap()
    }
}

#[test]
fn a_child_has_its_parents_call_sites_though_the_parents_segment_is_cut() {
    let mut here = joined(never_wait());
    let site = register(b"of the parent").unwrap();
    put_all([1]);
    cut(&segment(&here), 0);
    let child = Child::that(|| {
        put_all([2]);
        assert_eq!(register(b"of the child"), Some(site + 1));
    });
    here.reader.begin();
    let tables = [0, 1].map(|segment| sites(&mut here.reader, segment));
    let table = tables.iter().find(|table| !table.is_empty()).expect("the child's");
    assert_eq!(table[site as usize - 1..], [&b"of the parent"[..], b"of the child"]);
    child.kill();
}

#[test]
fn a_child_that_is_forked_while_a_call_site_is_added_has_whole_ones_alone_and_adds_its_own() {
    let here = joined(never_wait());
    let first = register(b"the first").unwrap();
    let done = AtomicBool::new(false);
    let n_known = AtomicU64::new(first.into());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) && n_known.load(Ordering::Relaxed) < 10_000 {
                let next = n_known.load(Ordering::Relaxed) + 1;
                let number = register(format!("site {next:0>100}").as_bytes());
                assert_eq!(number.map(u64::from), Some(next));
                n_known.store(next, Ordering::Relaxed);
            }
        });
        for _ in 0..20 {
            let before = n_known.load(Ordering::Relaxed);
            Child::that(|| {
                put_all([1]);
                let number = register(b"of the child").unwrap();
                assert!(u64::from(number) > before);
                let mut reader = Reader::new(here.queue);
                reader.begin();
                let is_own = |it: &u32| reader.process(*it).unwrap().0 == std::process::id();
                let own = (0..reader.counts().0 as u32).find(is_own).unwrap();
                let mut table = sites(&mut reader, own).split_off(first as usize - 1);
                assert_eq!(table.pop().unwrap(), b"of the child");
                assert_eq!(table.len() as u32, number - first);
                assert_eq!(table.remove(0), b"the first");
                for (site, n) in table.iter().zip(first + 1..) {
                    assert_eq!(*site, format!("site {n:0>100}").as_bytes());
                }
            })
            .kill();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_segment_that_is_removed_is_read_to_its_end_by_whoever_has_it_open_and_the_next_has_a_name() {
    let mut here = joined(never_wait());
    put_all([1, 2]);
    assert_eq!(here.values(), [1, 2]);
    let path = segment(&here);
    fs::remove_file(&path).unwrap();
    put_all([3]);
    here.queue.request(now());
    put_all([4]);
    assert_ne!(segment(&here), path);
    assert_eq!(here.values(), [3, 4]);
    assert_eq!(lost(&mut here.reader), []);
    assert_eq!(here.reader.counts(), (1, 1), "the old one is let go");
}

#[test]
fn a_removed_segment_serves_on_as_long_as_no_other_can_be_made() {
    let queue = queue::folder();
    let dir = queue.path().join("f-0");
    let mut here = queue::joined_in(&dir, never_wait());
    put_all([1]);
    assert_eq!(here.values(), [1]);
    let path = segment(&here);
    let aside = queue.path().join("aside");
    fs::rename(&dir, &aside).unwrap();
    put_all([2]);
    here.queue.request(now());
    put_all([3]);
    assert_eq!(here.values(), [2, 3]);
    fs::remove_file(aside.join(path.file_name().unwrap())).unwrap();
    fs::rename(&aside, &dir).unwrap();
    here.queue.request(now());
    put_all([4]);
    assert_ne!(segment(&here), path);
    assert_eq!(here.values(), [4]);
    assert_eq!(lost(&mut here.reader), []);
}

#[test]
fn what_was_in_a_removed_segment_that_no_reader_can_see_is_counted_by_the_next_one() {
    let mut here = joined(never_wait());
    put_all([1]);
    assert_eq!(here.values(), [1]);
    put_all([2, 3]);
    fs::remove_file(segment(&here)).unwrap();
    here.queue.request(now());
    let mut next = Reader::new(here.queue);
    assert_eq!(lost(&mut next), [(std::process::id(), 2)], "1 was read by the one before");
    assert_eq!(lost(&mut next), []);
    put_all([4]);
    fs::remove_file(segment(&here)).unwrap();
    // This one was made and lost while the reader lives, and it never saw it.
    here.queue.request(now());
    put_all([5]);
    fs::remove_file(segment(&here)).unwrap();
    here.queue.request(now());
    assert_eq!(lost(&mut next), [(std::process::id(), 1)]);
}

#[test]
fn puts_find_out_by_themselves_that_their_segment_has_no_name_any_more() {
    let mut here = joined(never_wait());
    put_all([0]);
    fs::remove_file(segment(&here)).unwrap();
    here.reader.begin();
    let mut n_put = 1;
    while segments(here.queue.dir()).is_empty() {
        put_all([n_put]);
        n_put += 1;
        here.reader.begin();
    }
    put_all([n_put]);
    let read = here.values();
    // The reader never had the first one open.
    assert_eq!(read.last(), Some(&n_put));
    assert_eq!(lost(&mut here.reader), [(std::process::id(), n_put + 1 - read.len() as u64)]);
}

#[test]
fn a_dead_process_whose_segment_was_removed_is_noticed_by_the_open_file() {
    let mut here = joined(never_wait());
    let child = Child::that(|| put_all([1]));
    here.reader.begin();
    fs::remove_file(segment(&here)).unwrap();
    here.reader.remove_dead_segments();
    assert_eq!(here.reader.counts(), (1, 1), "it lives");
    assert_eq!(here.values(), [1]);
    child.kill();
    here.reader.remove_dead_segments();
    assert_eq!(here.reader.counts(), (0, 0));
    assert_eq!(here.reader.take_damage(), []);
}

/// What happened to the puts of some threads.
#[derive(Default)]
struct Calls {
    done: AtomicBool,
    n_calls: AtomicU64,
}

impl Calls {
    /// Puts numbers from `first` on until it is done.
    fn put_on(&self, first: u64) {
        for value in first.. {
            if self.done.load(Ordering::Relaxed) {
                break;
            }
            let _ = put_value(value);
            self.n_calls.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// While two threads put, `hurt` is done to the segment so often, each time to another one. Returns how
/// many records were put or refused, and those that were read.
fn hurt_under_load(here: &mut Joined, times: usize, hurt: impl Fn(&Path)) -> (u64, Vec<u64>) {
    let calls = Calls::default();
    let mut read = Vec::new();
    std::thread::scope(|scope| {
        let threads = [1 << 40, 2 << 40].map(|first| {
            let calls = &calls;
            scope.spawn(move || calls.put_on(first))
        });
        let mut known: Vec<PathBuf> = Vec::new();
        for _ in 0..times {
            let path = loop {
                read.extend(here.pass().iter().map(queue::Record::value));
                let mut found = segments(here.queue.dir()).into_iter();
                if let Some(path) = found.find(|path| !known.contains(path)) {
                    break path;
                }
            };
            hurt(&path);
            known.push(path);
        }
        calls.done.store(true, Ordering::Relaxed);
        while !threads.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            read.extend(here.pass().iter().map(queue::Record::value));
        }
    });
    // What was hurt last may not be noticed yet.
    here.queue.request(now());
    read.extend(here.values());
    (calls.n_calls.into_inner(), read)
}

#[track_caller]
fn assert_each_is_read_or_counted(hurt: impl Fn(&Path)) {
    let mut here = joined(never_wait());
    take_lost_unseen(0);
    let (n_calls, read) = hurt_under_load(&mut here, 20, hurt);
    let refused = here.losses().count + take_lost_unseen(0);
    let lost: u64 = lost(&mut here.reader).iter().map(|(_, count)| count).sum();
    let distinct: HashSet<_> = read.iter().collect();
    assert_eq!(distinct.len(), read.len(), "nothing is read twice");
    assert_eq!(read.len() as u64 + lost + refused, n_calls);
    assert_eq!(here.reader.counts().0, 1, "all others are let go");
}

#[test]
fn each_record_is_read_or_counted_though_segments_are_cut_under_load() {
    assert_each_is_read_or_counted(|path| cut(path, 0));
}

#[test]
fn each_record_is_read_or_counted_though_segments_are_removed_under_load() {
    assert_each_is_read_or_counted(|path| fs::remove_file(path).unwrap());
}

/// A policy under which a put that waits for what never comes does not end.
fn wait_for_ever() -> JoinOptions {
    let wait = Duration::from_secs(1 << 20);
    JoinOptions { overflow: Box::new(move |_| Overflow { wait }), ..JoinOptions::default() }
}

/// Writes random words over the whole file.
fn write_over(path: &Path, seed: &mut u64) {
    let Ok(file) = File::options().write(true).open(path) else { return };
    let len = file.metadata().unwrap().len();
    let words = (0..len / 8).map(|_| {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    });
    file.write_all_at(&words.flat_map(u64::to_le_bytes).collect::<Vec<_>>(), 0).unwrap();
}

#[test]
fn whoever_writes_over_a_segment_holds_no_put_up_and_the_next_segment_is_read_exactly_once() {
    let mut here = joined(wait_for_ever());
    let seed = std::cell::Cell::new(88_172_645_463_325_252);
    let hurt = |path: &Path| {
        let mut state = seed.get();
        write_over(path, &mut state);
        seed.set(state);
    };
    // Each put has returned when this does.
    hurt_under_load(&mut here, 10, hurt);
    put_all(2..10_000);
    let read = here.values();
    let read: Vec<_> = read.into_iter().filter(|value| (2..10_000).contains(value)).collect();
    assert!(read == (2..10_000).collect::<Vec<_>>(), "each once, in order");
}

#[test]
fn a_segment_that_grows_while_others_look_whether_it_is_there_is_not_given_up() {
    const N: u64 = 150;
    let here = joined(never_wait());
    let n_left = AtomicU64::new(N);
    let (n_left, queue) = (&n_left, here.queue);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || {
                while n_left.load(Ordering::Relaxed) > 0 {
                    queue.request(now());
                }
            });
        }
        // Each thread takes rings of its own, for which the file becomes longer, and keeps them.
        for value in 0..N {
            scope.spawn(move || {
                let large = vec![0; 3_000];
                let put = put_value(value)
                    .and_then(|()| try_put(0, 20, 1, 3_000, |frame| frame.bytes(&large)));
                n_left.fetch_sub(1, Ordering::Relaxed);
                while n_left.load(Ordering::Relaxed) > 0 {
                    std::thread::yield_now();
                }
                assert_eq!(put, Ok(()));
            });
        }
    });
    assert_eq!(here.files("s-").len(), 1);
}
