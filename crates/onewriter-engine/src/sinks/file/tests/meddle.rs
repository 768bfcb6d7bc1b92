//! Others who touch the file at the worst moments: between the announcement of a batch and its write,
//! in its middle, between the write and its confirmation, while it is repeated. And others who take
//! the file's lock.

use super::{World, listing};
use crate::sink::{Intent, Sink};
use crate::sinks::file::disk::{Disk, RealDisk};
use crate::sinks::file::{DiskFull, FileBuilder};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// What somebody else does in the folder.
type Act = fn(&Path);

fn append(dir: &Path) {
    let mut file = OpenOptions::new().append(true).open(dir.join("shop.log")).unwrap();
    file.write_all(b"foreign\n").unwrap();
}

fn truncate(dir: &Path) {
    fs::copy(dir.join("shop.log"), dir.join("shop.log.1")).unwrap();
    File::options().write(true).truncate(true).open(dir.join("shop.log")).unwrap();
}

fn rename(dir: &Path) {
    fs::rename(dir.join("shop.log"), dir.join("shop.log.1")).unwrap();
}

fn create(dir: &Path) {
    rename(dir);
    fs::write(dir.join("shop.log"), "").unwrap();
}

fn delete(dir: &Path) {
    fs::remove_file(dir.join("shop.log")).unwrap();
}

/// Somebody acts before the next write goes through, or in its middle.
#[derive(Clone, Default)]
struct Meddler(Arc<Mutex<Plan>>);

#[derive(Default)]
struct Plan {
    act: Option<(std::path::PathBuf, Act)>,
    /// So many bytes are written before.
    after: usize,
    /// And then this comes back instead of a short write.
    fails: Option<Errno>,
    /// Called in the middle of the next turn.
    probe: Option<Box<dyn FnOnce() + Send>>,
    n_pauses: usize,
}

impl Disk for Meddler {
    fn write_at(&mut self, file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut plan = self.0.lock().unwrap();
        if let Some(probe) = plan.probe.take() {
            probe();
        }
        let Some((dir, act)) = plan.act.take() else { return RealDisk.write_at(file, bytes, at) };
        let after = plan.after;
        RealDisk.write_at(file, &bytes[..after], at)?;
        act(&dir);
        match plan.fails.take() {
            Some(errno) => Err(errno.into()),
            None if after > 0 => Ok(after),
            None => RealDisk.write_at(file, bytes, at),
        }
    }

    fn pause(&mut self) {
        self.0.lock().unwrap().n_pauses += 1;
    }
}

fn world(configure: impl Fn(FileBuilder) -> FileBuilder + 'static) -> (World, Meddler) {
    let mut world = World::new(configure);
    let disk = Meddler::default();
    world.open_on(disk.clone());
    world.run("write a b");
    (world, disk)
}

/// Somebody acts after so many bytes of a batch; then it is tried again until it is written.
fn meddled(act: Act, after: usize, fails: Option<Errno>) -> String {
    let (mut world, disk) = world(|file| file);
    *disk.0.lock().unwrap() =
        Plan { act: Some((world.dir.path().to_owned(), act)), after, fails, ..Plan::default() };
    for line in ["ccc", "ddd", "eee"] {
        world.record(line);
    }
    for _ in 0..3 {
        let _ = world.commit();
    }
    assert_eq!(world.call(|sink, _| sink.pending()), 0);
    world.run("tick; write f");
    world.listing()
}

#[test]
fn who_acts_between_the_announcement_and_the_write() {
    // What is appended in this instant is written over: nobody has asked for the lock.
    assert_eq!(meddled(append, 0, None), "shop.log: a b ccc ddd eee f\n");
    assert_eq!(
        meddled(truncate, 0, None),
        "shop.log: \0\0\0\0ccc ddd eee f\nshop.log.1: a b\n",
        "a gap of zero bytes"
    );
    let renamed = "shop.log: f\nshop.log.1: a b ccc ddd eee\n";
    assert_eq!(meddled(rename, 0, None), renamed);
    assert_eq!(meddled(create, 0, None), renamed);
    // The batch goes with the file.
    assert_eq!(meddled(delete, 0, None), "shop.log: f\n");
}

#[test]
fn who_acts_in_the_middle_of_a_write() {
    for fails in [None, Some(Errno::NOSPC), Some(Errno::DQUOT), Some(Errno::IO)] {
        let parted = "shop.log: a b ccc ddforeign ddd eee f\n";
        assert_eq!(meddled(append, 6, fails), parted, "{fails:?}");
        let parted = "shop.log: a b ccc foreign ddd eee f\n";
        assert_eq!(meddled(append, 4, fails), parted, "{fails:?}");
        let emptied = "shop.log: ccc ddd eee f\nshop.log.1: a b ccc dd\n";
        assert_eq!(meddled(truncate, 6, fails), emptied, "{fails:?}");
        let renamed = "shop.log: f\nshop.log.1: a b ccc ddd eee\n";
        assert_eq!(meddled(rename, 6, fails), renamed, "{fails:?}");
        assert_eq!(meddled(create, 6, fails), renamed, "{fails:?}");
    }
    // Deleted to make room: the whole batch is written anew.
    assert_eq!(meddled(delete, 6, Some(Errno::NOSPC)), "shop.log: ccc ddd eee f\n");
}

/// The writer is killed after so many bytes of a batch, somebody acts, and the next one takes over.
fn killed_and(act: Act, after: usize) -> String {
    let (mut world, _) = world(|file| file);
    world.run("stop");
    let meta = fs::metadata(world.path("shop.log")).unwrap();
    let intent = Intent { dev: meta.dev(), ino: meta.ino(), base: meta.len() };
    let batch = b"ccc\nddd\neee\n";
    let mut file = OpenOptions::new().append(true).open(world.path("shop.log")).unwrap();
    file.write_all(&batch[..after]).unwrap();
    act(world.dir.path());
    world.redo(intent, batch).unwrap();
    assert!(world.stage.lock().intent.is_none(), "it is confirmed");
    world.run("stop; write f").listing()
}

#[test]
fn who_acts_after_a_kill_and_before_the_next_writer() {
    for after in [0, 4] {
        let parted =
            ["shop.log: a b foreign ccc ddd eee f\n", "shop.log: a b ccc foreign ddd eee f\n"];
        assert_eq!(killed_and(append, after), parted[after / 4]);
    }
    assert_eq!(killed_and(append, 6), "shop.log: a b ccc ddforeign ddd eee f\n");
    // Written and not confirmed.
    assert_eq!(killed_and(append, 12), "shop.log: a b ccc ddd eee foreign f\n");
    for after in [0, 4, 6, 12] {
        let copied = listing_of_copy(after);
        assert_eq!(killed_and(truncate, after), copied);
        // The next writer makes the file at its start, and finishes the old one.
        let renamed = "shop.log: f\nshop.log.1: a b ccc ddd eee\n";
        assert_eq!(killed_and(rename, after), renamed);
        assert_eq!(killed_and(create, after), renamed);
        assert_eq!(killed_and(delete, after), "shop.log: ccc ddd eee f\n");
    }
}

fn listing_of_copy(after: usize) -> String {
    let copied = "a\nb\nccc\nddd\neee\n"[..4 + after].trim_end().replace('\n', " ");
    format!("shop.log: ccc ddd eee f\nshop.log.1: {copied}\n")
}

#[test]
fn under_drop_foreign_bytes_behind_half_a_batch_are_not_cut_off() {
    let (mut world, disk) = world(|file| file.disk_full(DiskFull::Drop));
    let act: Option<(_, Act)> = Some((world.dir.path().to_owned(), append));
    *disk.0.lock().unwrap() = Plan { act, after: 6, fails: Some(Errno::NOSPC), ..Plan::default() };
    for line in ["ccc", "ddd", "eee"] {
        world.record(line);
    }
    assert!(world.commit().is_err());
    let nothing: Option<(_, Act)> = Some((world.dir.path().to_owned(), |_| ()));
    *disk.0.lock().unwrap() =
        Plan { act: nothing, after: 2, fails: Some(Errno::NOSPC), ..Plan::default() };
    world.commit().unwrap();
    assert_eq!(world.listing(), "shop.log: a b ccc ddforeign\n");
    assert_eq!(world.call(|sink, _| (sink.pending(), sink.take_dropped())), (0, 2));
    world.run("write f");
    assert_eq!(listing(world.dir.path()), "shop.log: a b ccc ddforeign f\n");
}

#[test]
fn while_another_program_holds_the_files_lock_records_wait_and_only_a_long_wait_is_reported() {
    let (mut world, disk) = world(|file| file.rotation("4 B"));
    let other = File::open(world.path("shop.log")).unwrap();
    flock(&other, FlockOperation::LockExclusive).unwrap();
    world.record("c");
    for attempt in 1..=9 {
        let result = world.commit();
        assert_eq!(world.call(|sink, _| sink.pending()), 2);
        assert_eq!(disk.0.lock().unwrap().n_pauses % 20, 0, "no wait is longer than 20 pauses");
        assert_eq!(result.is_ok(), attempt < 8, "{attempt}");
        if let Err(err) = result {
            let text = err.to_string();
            assert!(text.starts_with("cannot write yet to /"), "{text}");
            assert!(text.ends_with("another program holds its lock"), "{text}");
        }
    }
    world.record("d");
    flock(&other, FlockOperation::Unlock).unwrap();
    world.commit().unwrap();
    // The rotation that was due is made up for a second after it.
    assert_eq!(world.listing(), "shop.log: a b c d\n");
    world.run("wait 1; write e");
    assert_eq!(world.listing(), "shop.1.log: a b c d\nshop.log: e\n");
}

#[test]
fn a_file_that_another_writer_has_rotated_meanwhile_is_left_to_it() {
    let (mut world, _) = world(|file| file.rotation("8 B"));
    world.run("write c");
    // It rotates, writes on, and this writer, whose file was nearly full, does not rotate again.
    create(world.dir.path());
    append(world.dir.path());
    world.run("write ddd");
    assert_eq!(world.listing(), "shop.log: foreign ddd\nshop.log.1: a b c\n");
}
