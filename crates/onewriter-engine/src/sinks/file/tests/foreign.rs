//! Others who touch the file: `logrotate`, an editor, `cp /dev/null`, another program.

use super::{Plain, World, assert_files};
use crate::sink::{Intent, Sink};
use crate::sinks::file::{DiskFull, FileBuilder, Names, file};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

#[test]
fn after_a_rename_the_old_file_is_finished_and_the_path_opened_anew() {
    let mut world = World::new(|file| file);
    world.run("write a; mv shop.log shop.log.1; write b; tick; write c");
    assert_files(
        &world,
        "shop.log: c
         shop.log.1: a b",
    );
}

#[test]
fn a_sighup_takes_effect_without_a_tick() {
    let mut world = World::new(|file| file);
    world.run("write a; mv shop.log shop.log.1");
    world.record("b");
    world.run("reopen; write c; reopen; write d");
    assert_files(
        &world,
        "shop.log: c d
         shop.log.1: a b",
    );
}

#[test]
fn after_a_deletion_nothing_is_written_into_the_void() {
    let mut world = World::new(|file| file);
    world.run("write a; rm shop.log; write b c; rm shop.log; tick; write d");
    assert_files(&world, "shop.log: d");
    world.run("rm shop.log; write e f");
    assert_files(&world, "shop.log: e f");
}

#[test]
fn even_the_folder_is_made_again() {
    let mut world = World::new(|file| file);
    world.run("write a");
    let folder = world.dir.path().to_owned();
    fs::remove_dir_all(&folder).unwrap();
    world.run("write b; tick");
    assert_files(&world, "shop.log: b");
}

#[test]
fn after_a_truncation_the_file_goes_on_at_its_new_end() {
    let mut world = World::new(|file| file.rotation("8 B"));
    world.run("write a b c; truncate shop.log; write d; put shop.log x; write e");
    assert_files(&world, "shop.log: x e");
}

#[test]
fn what_another_program_appends_is_kept_and_its_half_line_is_ended() {
    let mut world = World::new(|file| file);
    world.run("write a");
    let mut other = fs::OpenOptions::new().append(true).open(world.path("shop.log")).unwrap();
    other.write_all(b"foreign\n").unwrap();
    world.run("write b");
    other.write_all(b"half").unwrap();
    world.run("write c");
    assert_eq!(fs::read_to_string(world.path("shop.log")).unwrap(), "a\nforeign\nb\nhalf\nc\n");
}

#[test]
fn a_torn_last_line_of_an_earlier_run_is_ended_first() {
    let mut world = World::new(|file| file);
    world.run("half shop.log to; write a b; write c");
    assert_eq!(fs::read_to_string(world.path("shop.log")).unwrap(), "to\na\nb\nc\n");
    world.run("rm shop.log; half shop.log ta; write d");
    assert_eq!(fs::read_to_string(world.path("shop.log")).unwrap(), "ta\nd\n");
}

#[test]
fn a_file_that_another_program_has_rotated_meanwhile_is_not_rotated_again() {
    let mut world = World::new(|file| file.rotation("4 B"));
    world.run("write a b; mv shop.log mine; put shop.log x; write c");
    assert_files(
        &world,
        "mine: a b
         shop.log: x c",
    );
}

#[test]
fn a_writer_that_stood_by_goes_on_where_the_other_one_ended() {
    let configure =
        |f: FileBuilder| f.rotation("6 B or daily").names(Names::time("%F")).format(Plain);
    let mut world = World::new(configure);
    for script in ["write a", "write a b c d", "write a; wait 86400; write b"] {
        // Opened long before it takes over.
        let standby = configure(file(world.path("shop.log"))).utc().build().unwrap();
        world.run(script);
        let before = world.listing();
        world.sink = Some(standby);
        world.run("write z; wait 100000000");
        assert_eq!(world.listing(), before.trim_end().to_owned() + " z\n", "{script}");
        world.sink = None;
        for entry in fs::read_dir(world.dir.path()).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

#[test]
fn a_repeated_write_finds_its_file_even_under_another_name() {
    let mut world = World::new(|file| file);
    world.run("write a b; stop");
    let meta = fs::metadata(world.path("shop.log")).unwrap();
    let intent = Intent { dev: meta.dev(), ino: meta.ino(), base: 2 };
    let mut redo = |script: &str, bytes: &[u8]| {
        world.run(script).redo(intent, bytes).unwrap();
        world.run("stop").listing()
    };
    // Half of it had been written, or all of it: the end is the same.
    assert_eq!(redo("", b"b\ncd\n"), "shop.log: a b cd\n");
    assert_eq!(redo("", b"b\ncd\n"), "shop.log: a b cd\n");
    let rotated = "shop.log: new\nshop.log.1: a b cd e\n";
    assert_eq!(redo("mv shop.log shop.log.1; put shop.log new", b"b\ncd\ne\n"), rotated);
}

#[test]
fn a_repeated_write_whose_file_is_gone_or_emptied_is_not_lost() {
    for script in [
        "truncate shop.log",
        "rm shop.log",
        "mv shop.log shop.log.1; truncate shop.log.1",
        "mv shop.log moved",
    ] {
        let mut world = World::new(|file| file);
        world.run("write a b; stop");
        let meta = fs::metadata(world.path("shop.log")).unwrap();
        let intent = Intent { dev: meta.dev(), ino: meta.ino(), base: 2 };
        world.run(script);
        if script.ends_with("moved") {
            let elsewhere = tempfile::tempdir_in(world.dir.path()).unwrap();
            fs::rename(world.path("moved"), elsewhere.path().join("moved")).unwrap();
            world.redo(intent, b"c\nd\n").unwrap();
        } else {
            world.redo(intent, b"c\nd\n").unwrap();
        }
        world.run("write e");
        let text = fs::read_to_string(world.path("shop.log")).unwrap();
        assert_eq!(text, "c\nd\ne\n", "{script}");
    }
}

fn make_pipe(world: &World) {
    let (mode, path) = (rustix::fs::Mode::from_raw_mode(0o600), world.path("shop.log"));
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// A reader that does not wait for a writer.
fn read_pipe(world: &World) -> fs::File {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    fs::OpenOptions::new().read(true).custom_flags(flags).open(world.path("shop.log")).unwrap()
}

/// What stands in the pipe now.
fn drain(reader: &mut fs::File) -> String {
    let mut found = vec![0; 1 << 20];
    let mut len = 0;
    while let Ok(n) = reader.read(&mut found[len..])
        && n > 0
    {
        len += n;
    }
    String::from_utf8(found[..len].to_vec()).unwrap()
}

#[test]
fn a_pipe_is_written_as_a_stream_and_a_full_one_holds_up_nobody() {
    let mut world = World::new(|file| file.rotation("2 B or start"));
    make_pipe(&world);
    let mut reader = read_pipe(&world);
    world.run("write a b; tick; rotate; write c");
    let line = "x".repeat(1023);
    for _ in 0..100 {
        world.record(&line);
    }
    // The pipe takes 64 KiB; the rest waits, and no thread with it.
    let err = world.commit().unwrap_err();
    assert_eq!(err.io_error().unwrap().kind(), std::io::ErrorKind::WouldBlock);
    let mut found = drain(&mut reader);
    world.commit().unwrap();
    found += &drain(&mut reader);
    assert!(found == format!("a\nb\nc\n{}", format!("{line}\n").repeat(100)));
    assert_eq!(world.call(|sink, _| sink.pending()), 0);
    drop(world.sink.take());
    assert_eq!(fs::read_dir(world.dir.path()).unwrap().count(), 1);
}

#[test]
fn records_wait_as_long_as_nobody_reads_the_pipe() {
    let mut world = World::new(|file| file);
    make_pipe(&world);
    // Nothing was put: there is nothing to complain of.
    world.commit().unwrap();
    world.record("a");
    let unread =
        format!("cannot write to {}: nobody reads the pipe", world.path("shop.log").display());
    assert_eq!(world.commit().unwrap_err().to_string(), unread);
    assert_eq!(world.call(|sink, cx| sink.flush(cx)).unwrap_err().to_string(), unread);
    assert_eq!(world.call(|sink, _| sink.pending()), 2);
    let mut reader = read_pipe(&world);
    world.run("write b");
    assert_eq!(drain(&mut reader), "a\nb\n");
}

#[test]
fn what_a_reader_that_left_has_not_read_is_the_next_ones() {
    let mut world = World::new(|file| file);
    make_pipe(&world);
    let reader = read_pipe(&world);
    world.run("write a");
    drop(reader);
    world.record("b");
    let unread =
        format!("cannot write to {}: nobody reads the pipe", world.path("shop.log").display());
    assert_eq!(world.commit().unwrap_err().to_string(), unread);
    assert_eq!(world.call(|sink, _| sink.pending()), 2);
    // Nor does a SIGHUP lose what stands in the pipe.
    world.call(|sink, cx| sink.reopen(cx)).unwrap_err();
    world.call(|sink, _| sink.open_again()).unwrap();
    let mut reader = read_pipe(&world);
    world.run("write c");
    assert_eq!(drain(&mut reader), "a\nb\nc\n");
}

#[test]
fn a_pipe_that_its_reader_makes_anew_is_found_and_nothing_is_made_in_its_place() {
    let mut world = World::new(|file| file);
    make_pipe(&world);
    let reader = read_pipe(&world);
    world.run("write a; rm shop.log");
    drop(reader);
    world.record("b");
    world.commit().unwrap_err();
    let gone = format!(
        "cannot open the log file {}: No such file or directory (os error 2)",
        world.path("shop.log").display()
    );
    assert_eq!(world.commit().unwrap_err().to_string(), gone);
    assert_files(&world, "");
    make_pipe(&world);
    world.commit().unwrap_err();
    let mut reader = read_pipe(&world);
    world.run("write c");
    assert_eq!(drain(&mut reader), "b\nc\n");
}

#[test]
fn a_file_that_stands_where_a_pipe_was_is_written_as_a_file() {
    let mut world = World::new(|file| file);
    make_pipe(&world);
    world.record("a");
    world.commit().unwrap_err();
    world.run("rm shop.log; half shop.log x; write b");
    assert_files(&world, "shop.log: x a b");
}

#[test]
fn what_nobody_reads_is_dropped_where_a_full_disk_drops() {
    let mut world = World::new(|file| file.disk_full(DiskFull::Drop));
    make_pipe(&world);
    world.record("a");
    world.commit().unwrap();
    assert_eq!(world.call(|sink, _| (sink.pending(), sink.take_dropped())), (0, 1));
    let mut reader = read_pipe(&world);
    world.run("write b");
    assert_eq!(drain(&mut reader), "b\n");
}

#[test]
fn a_device_that_is_full_holds_or_drops_by_policy() {
    use crate::sink::{Context, NoJournal};
    for (policy, expected) in [(DiskFull::Wait, (2, 0)), (DiskFull::Drop, (0, 1))] {
        let mut sink = file("/dev/full").format(Plain).disk_full(policy).build().unwrap();
        let mut cx = Context { now: 1, journal: &mut NoJournal };
        super::with_record(onewriter_record::Level::Info, 1, "a", |record| {
            sink.record(record, &mut cx).unwrap();
        });
        let result = sink.commit(&mut cx);
        assert_eq!(result.is_ok(), policy == DiskFull::Drop);
        assert_eq!((sink.pending(), sink.take_dropped()), expected);
        assert_eq!(sink.tick(&mut cx).is_ok(), policy == DiskFull::Wait);
    }
}
