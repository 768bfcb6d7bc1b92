//! A disk that is full, slow of hand or broken.

use super::{SECOND, World, assert_files};
use crate::error::ErrorKind;
use crate::sink::Sink;
use crate::sinks::file::disk::{Disk, RealDisk};
use crate::sinks::file::open::{Access, Live};
use crate::sinks::file::{DiskFull, FileBuilder, Fsync};
use onewriter_record::Level;
use rustix::io::Errno;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What fails from now on, and what was asked for.
#[derive(Default)]
struct Plan {
    /// So many bytes fit; what is beyond them fails with this.
    room: Option<(usize, Errno)>,
    /// At most this many bytes go in one call, and each second call is interrupted.
    short: Option<usize>,
    is_interrupted: bool,
    sync: Option<Errno>,
    rename: Option<Errno>,
    open: Option<Errno>,
    set_len: Option<Errno>,
    n_syncs: usize,
}

#[derive(Clone, Default)]
struct Faulty(Arc<Mutex<Plan>>);

impl Faulty {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap()
    }

    fn fill(&self, room: usize, errno: Errno) {
        self.plan().room = Some((room, errno));
    }

    fn mend(&self) {
        *self.plan() = Plan::default();
    }
}

fn check(errno: Option<Errno>) -> io::Result<()> {
    errno.map_or(Ok(()), |errno| Err(errno.into()))
}

impl Disk for Faulty {
    fn write_at(&mut self, file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
        let mut plan = self.plan();
        let mut len = bytes.len();
        if let Some(short) = plan.short {
            plan.is_interrupted = !plan.is_interrupted;
            if plan.is_interrupted {
                return Err(Errno::INTR.into());
            }
            len = len.min(short);
        }
        if let Some((room, errno)) = &mut plan.room {
            if *room == 0 {
                return Err((*errno).into());
            }
            len = len.min(*room);
            *room -= len;
        }
        RealDisk.write_at(file, &bytes[..len], at)
    }

    fn set_len(&mut self, file: &File, len: u64) -> io::Result<()> {
        check(self.plan().set_len)?;
        RealDisk.set_len(file, len)
    }

    fn sync(&mut self, _: &File) -> io::Result<()> {
        let mut plan = self.plan();
        plan.n_syncs += 1;
        check(plan.sync)
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        check(self.plan().rename)?;
        RealDisk.rename(from, to)
    }

    fn open(&mut self, path: &Path, access: &Access) -> io::Result<Live> {
        check(self.plan().open)?;
        RealDisk.open(path, access)
    }
}

fn world(configure: impl Fn(FileBuilder) -> FileBuilder + 'static) -> (World, Faulty) {
    let mut world = World::new(configure);
    let disk = Faulty::default();
    world.open_on(disk.clone());
    (world, disk)
}

fn text(world: &World) -> String {
    std::fs::read_to_string(world.path("shop.log")).unwrap()
}

#[test]
fn short_and_interrupted_writes_are_carried_on() {
    let (mut world, disk) = world(|file| file);
    disk.plan().short = Some(3);
    world.run("write alpha beta gamma; write delta");
    assert_files(&world, "shop.log: alpha beta gamma delta");
}

#[test]
fn while_the_disk_is_full_records_wait_and_the_half_line_is_written_over() {
    for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::IO, Errno::ROFS] {
        let (mut world, disk) = world(|file| file);
        world.run("write first");
        disk.fill(4, errno);
        world.record("second");
        let err = world.commit().unwrap_err();
        assert_eq!(err.kind(), ErrorKind::Io);
        assert_eq!(err.io_error().unwrap().raw_os_error(), Some(errno.raw_os_error()));
        assert!(err.to_string().starts_with("cannot write to the log file /"), "{err}");
        assert_eq!(text(&world), "first\nseco");
        world.record("third");
        world.record("fourth");
        assert!(world.commit().is_err());
        assert_eq!(world.call(|sink, _| sink.pending()), "second\nthird\nfourth\n".len());
        // What is staged does not change, and stands for its own records only.
        assert_eq!(world.stage.lock().intent.as_ref().unwrap().1, b"second\n");
        assert_eq!(world.stage.lock().released, 2);
        disk.mend();
        world.commit().unwrap();
        assert_files(&world, "shop.log: first second third fourth");
        assert_eq!(world.stage.lock().released, 4);
        assert_eq!(world.call(|sink, _| (sink.pending(), sink.take_dropped())), (0, 0));
    }
}

#[test]
fn under_drop_a_batch_that_does_not_fit_leaves_no_half_line_and_is_counted() {
    let (mut world, disk) = world(|file| file.disk_full(DiskFull::Drop));
    world.run("write first");
    disk.fill(9, Errno::NOSPC);
    world.run("write second third");
    assert_eq!(text(&world), "first\n");
    assert_eq!(world.call(|sink, _| (sink.pending(), sink.take_dropped())), (0, 2));
    world.run("write fourth");
    let err = world.tick().unwrap_err().to_string();
    assert!(err.ends_with("No space left on device (os error 28)"), "{err}");
    assert!(world.tick().is_ok());
    disk.mend();
    world.run("write fifth");
    assert_eq!(text(&world), "first\nfifth\n");
    assert_eq!(world.call(|sink, _| (sink.take_dropped(), sink.take_dropped())), (1, 0));
}

#[test]
fn a_half_line_that_cannot_be_taken_back_is_not_left_behind_by_drop() {
    let (mut world, disk) = world(|file| file.disk_full(DiskFull::Drop));
    disk.fill(3, Errno::IO);
    disk.plan().set_len = Some(Errno::IO);
    world.record("first");
    let err = world.commit().unwrap_err().to_string();
    assert!(err.starts_with("cannot take back half a line from /"), "{err}");
    assert_eq!(world.call(|sink, _| sink.pending()), 6);
    disk.mend();
    world.run("write second");
    assert_files(&world, "shop.log: first second");
}

#[test]
fn rotation_waits_for_what_must_be_written_before_it() {
    let (mut world, disk) = world(|file| file.rotation("hourly"));
    world.run("at 2026-06-15T12:59:00Z; write a");
    disk.fill(1, Errno::NOSPC);
    world.record("b");
    world.run("wait 60");
    world.record("c");
    world.record("d");
    assert!(world.commit().is_err());
    disk.mend();
    world.commit().unwrap();
    assert_files(
        &world,
        "shop.1.log: a b
         shop.log: c d",
    );
}

#[test]
fn who_empties_the_file_to_make_room_finds_no_hole_in_it() {
    let (mut world, disk) = world(|file| file);
    world.run("write first");
    disk.fill(3, Errno::NOSPC);
    world.record("second");
    assert!(world.commit().is_err());
    world.record("third");
    world.run("truncate shop.log");
    disk.mend();
    world.commit().unwrap();
    assert_eq!(text(&world), "second\nthird\n");
    assert_eq!(world.stage.lock().released, 3);
}

#[test]
fn who_deletes_the_file_to_make_room_gets_the_room() {
    let (mut world, disk) = world(|file| file);
    world.run("write first");
    disk.fill(3, Errno::NOSPC);
    world.record("second");
    assert!(world.commit().is_err());
    world.record("third");
    // The old file takes its room until the sink lets go of it: the next attempt must.
    world.run("rm shop.log");
    assert!(world.commit().is_err());
    assert_eq!(text(&world), "");
    disk.mend();
    world.commit().unwrap();
    assert_eq!(text(&world), "second\nthird\n");
}

#[test]
fn a_file_that_cannot_be_renamed_is_written_on_and_rotated_later() {
    let (mut world, disk) = world(|file| file.rotation("4 B"));
    disk.plan().rename = Some(Errno::ACCESS);
    world.run("write a b c d e f g");
    let err = world.tick().unwrap_err().to_string();
    assert!(err.starts_with("cannot rotate the log file /"), "{err}");
    disk.mend();
    world.run("wait 9; write h; tick");
    assert_files(&world, "shop.log: a b c d e f g h");
    world.run("wait 1; write i j; tick");
    assert_files(
        &world,
        "shop.1.log: a b c d e f g h
         shop.log: i j",
    );
}

#[test]
fn if_the_new_file_cannot_be_opened_the_old_one_gets_its_name_back() {
    let (mut world, disk) = world(|file| file.rotation("4 B"));
    disk.plan().open = Some(Errno::MFILE);
    world.run("write a b c");
    assert_files(&world, "shop.log: a b c");
    let err = world.tick().unwrap_err().to_string();
    assert!(err.starts_with("cannot open the log file /"), "{err}");
    assert!(err.contains(": Too many open files (os error 24)"), "{err}");
    disk.mend();
    world.run("wait 10; write d; tick");
    assert_files(
        &world,
        "shop.1.log: a b c
         shop.log: d",
    );
}

#[test]
fn a_staging_that_fails_leaves_everything_pending_and_in_order() {
    for rotation in ["4 B", "never"] {
        let (mut world, _) = world(move |file| file.rotation(rotation));
        world.run("write a");
        world.stage.lock().is_full = true;
        let mut expected = "a\n".to_owned();
        for i in 0..400 {
            let line = format!("{i:03}{}", "x".repeat(997));
            world.record(&line);
            expected += &format!("{line}\n");
        }
        assert_eq!(world.commit().unwrap_err().to_string(), "no room to stage");
        assert_eq!(world.call(|sink, _| sink.pending()), expected.len() - 2);
        world.record("b");
        world.stage.lock().is_full = false;
        world.run("write c");
        let files = ["shop.1.log", "shop.2.log", "shop.log"];
        let read = |name| std::fs::read_to_string(world.path(name)).unwrap_or_default();
        assert!(files.map(read).concat() == format!("{expected}b\nc\n"), "{rotation}");
    }
}

#[test]
fn a_dropped_batch_leaves_the_torn_line_before_it_to_the_next() {
    let (mut world, disk) = world(|file| file.disk_full(DiskFull::Drop));
    world.run("half shop.log to");
    disk.fill(2, Errno::NOSPC);
    world.run("write a");
    disk.mend();
    world.run("write b");
    assert_eq!(text(&world), "to\nb\n");
}

#[test]
fn fsync_comes_when_it_was_asked_for() {
    let table: [(Fsync, [usize; 4]); 4] = [
        // After an info, after an error, after two seconds, after a flush that follows an info.
        (Fsync::Never, [0, 0, 0, 0]),
        (Fsync::Batch, [1, 2, 2, 3]),
        (Fsync::From(Level::Error), [0, 1, 1, 2]),
        (Fsync::Every(Duration::from_secs(2)), [0, 0, 1, 2]),
    ];
    for (fsync, expected) in table {
        let (mut world, disk) = world(move |file| file.fsync(fsync));
        let mut found = [0; 4];
        world.run("write a; wait 1; tick");
        found[0] = disk.plan().n_syncs;
        world.record_at(Level::Error, world.now, "b");
        world.commit().unwrap();
        found[1] = disk.plan().n_syncs;
        world.now += SECOND;
        world.tick().unwrap();
        world.tick().unwrap();
        found[2] = disk.plan().n_syncs;
        world.record("c");
        world.call(|sink, cx| sink.flush(cx)).unwrap();
        world.call(|sink, cx| sink.flush(cx)).unwrap();
        found[3] = disk.plan().n_syncs;
        assert_eq!(found, expected, "{fsync:?}");
    }
}

#[test]
fn a_batch_whose_fsync_fails_is_written_and_synced_again() {
    let (mut world, disk) = world(|file| file.fsync(Fsync::Batch));
    disk.plan().sync = Some(Errno::IO);
    world.record("a");
    assert!(world.commit().is_err());
    assert_eq!(world.call(|sink, _| sink.pending()), 2);
    // The kernel may have dropped the page: only a second write brings it back.
    std::fs::write(world.path("shop.log"), "\0\0").unwrap();
    disk.mend();
    world.commit().unwrap();
    assert_files(&world, "shop.log: a");
    assert_eq!(disk.plan().n_syncs, 1);
}

#[test]
fn a_flush_reports_an_earlier_fsync_that_failed_even_if_it_can_sync_now() {
    let (mut world, disk) = world(|file| file.fsync(Fsync::Every(Duration::from_secs(1))));
    world.run("write a");
    disk.plan().sync = Some(Errno::IO);
    world.now += SECOND;
    let err = world.tick().unwrap_err().to_string();
    assert!(err.starts_with("cannot force to the disk /"), "{err}");
    disk.mend();
    world.record("b");
    let err = world.call(|sink, cx| sink.flush(cx)).unwrap_err().to_string();
    assert!(err.ends_with("an earlier fsync failed, what it covered may be lost"), "{err}");
    assert!(world.call(|sink, cx| sink.flush(cx)).is_ok());
}

#[test]
fn a_repeated_write_that_finds_the_disk_full_waits_for_the_next_commit() {
    use crate::sink::Intent;
    use std::os::unix::fs::MetadataExt;
    let (mut world, disk) = world(|file| file.fsync(Fsync::Batch));
    world.run("write a");
    world.open_on(disk.clone());
    let meta = std::fs::metadata(world.path("shop.log")).unwrap();
    let intent = Intent { dev: meta.dev(), ino: meta.ino(), base: 2 };
    disk.fill(1, Errno::NOSPC);
    let err = world.redo(intent, b"bb\ncc\n").unwrap_err().to_string();
    assert!(err.starts_with("cannot write to the log file /"), "{err}");
    assert_eq!(world.call(|sink, _| sink.pending()), 6);
    disk.mend();
    let mut journal = crate::sink::NoJournal;
    let mut cx = crate::sink::Context { now: world.now, journal: &mut journal };
    world.sink.as_mut().unwrap().commit(&mut cx).unwrap();
    assert_eq!(disk.plan().n_syncs, 1);
    world.run("write d");
    assert_eq!(text(&world), "a\nbb\ncc\nd\n");
}

#[test]
fn a_repeated_write_that_finds_the_disk_full_waits_even_if_the_file_was_rotated_meanwhile() {
    use crate::sink::Intent;
    use std::os::unix::fs::MetadataExt;
    for script in ["", "mv shop.log shop.2.log"] {
        let mut world = World::new(|file| file.rotation("4 B"));
        world.run("write old; stop");
        // It stands by from here on.
        let disk = Faulty::default();
        world.open_on(disk.clone());
        let standby = world.sink.take();
        world.run("write a; stop");
        let meta = std::fs::metadata(world.path("shop.log")).unwrap();
        let intent = Intent { dev: meta.dev(), ino: meta.ino(), base: 2 };
        world.run(script);
        world.sink = standby;
        disk.fill(1, Errno::NOSPC);
        world.redo(intent, b"bb\ncc\n").unwrap_err();
        assert_eq!(world.call(|sink, _| sink.pending()), 6);
        disk.mend();
        let mut journal = crate::sink::NoJournal;
        let mut cx = crate::sink::Context { now: world.now, journal: &mut journal };
        world.sink.as_mut().unwrap().commit(&mut cx).unwrap();
        world.run("write d");
        assert_files(
            &world,
            "shop.1.log: old
             shop.2.log: a bb cc
             shop.log: d",
        );
    }
}

#[test]
fn a_formatter_that_panics_leaves_no_half_line() {
    use crate::format::Format;
    use crate::sink::{Context, NoJournal};
    struct Fragile;
    impl Format for Fragile {
        fn format(&mut self, record: &onewriter_record::Record<'_>, out: &mut Vec<u8>) {
            out.extend_from_slice(b"half of ");
            assert!(record.time != 13, "thirteen");
            out.extend_from_slice(b"a line\n");
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.log");
    let mut sink = crate::sinks::file::file(&path).format(Fragile).build().unwrap();
    let mut cx = Context { now: 1, journal: &mut NoJournal };
    for time in 12..15 {
        let taken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            super::with_record(Level::Info, time, "", |record| sink.record(record, &mut cx))
        }));
        assert_eq!(taken.is_err(), time == 13);
    }
    sink.commit(&mut cx).unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), "half of a line\nhalf of a line\n");
}
