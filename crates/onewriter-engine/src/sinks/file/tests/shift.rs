//! Names that move up at each rotation, and a time behind the whole name.

use super::{World, assert_files};
use crate::sinks::file::disk::{Disk, RealDisk};
use crate::sinks::file::{FileBuilder, Names, file};
use std::fs;
use std::io;
use std::path::Path;

fn shifting(configure: fn(FileBuilder) -> FileBuilder) -> World {
    World::new(move |file| configure(file.rotation("2 B").names(Names::shifted())))
}

#[test]
fn the_first_number_is_the_newest_and_each_rotation_moves_all_up() {
    let mut world = shifting(|file| file);
    world.run("write a b c; restart; write d");
    assert_files(
        &world,
        "shop.log: d
         shop.log.1: c
         shop.log.2: b
         shop.log.3: a",
    );
    world.run("put shop.log.10 x; write e; rotate");
    assert_files(
        &world,
        "shop.log:
         shop.log.1: e
         shop.log.10: x
         shop.log.2: d
         shop.log.3: c
         shop.log.4: b
         shop.log.5: a",
    );
}

#[test]
fn those_beyond_the_number_that_is_kept_go() {
    let mut world = shifting(|file| file.keep(2));
    world.run("write a b c d e; tick");
    assert_files(
        &world,
        "shop.log: e
         shop.log.1: d
         shop.log.2: c",
    );
}

#[test]
fn by_age_and_by_bytes_the_highest_numbers_go_first() {
    let mut world = shifting(|file| file.keep_bytes(6));
    world.run("write a b c d e; tick");
    assert_files(&world, "shop.log: e \n shop.log.1: d \n shop.log.2: c");
    let mut world = World::new(|file| {
        let day = std::time::Duration::from_secs(86_400);
        file.rotation("daily").names(Names::shifted()).keep_for(2 * day)
    });
    world.run("write a; wait 86400; write b; wait 86400; write c; wait 86400; write d; tick");
    assert_files(&world, "shop.log: d \n shop.log.1: c \n shop.log.2: b");
}

#[test]
fn a_gap_is_closed_by_the_next_rotation() {
    let mut world = shifting(|file| file);
    world.run("put shop.log.1 d; put shop.log.2 c; put shop.log.4 b; put shop.log.5 a; write e f");
    assert_files(
        &world,
        "shop.log: f
         shop.log.1: e
         shop.log.2: d
         shop.log.3: c
         shop.log.4: b
         shop.log.5: a",
    );
}

#[test]
fn what_somebody_else_has_under_such_a_name_is_passed_over() {
    let mut world = shifting(|file| file.keep(3));
    fs::create_dir(world.path("shop.log.1")).unwrap();
    std::os::unix::fs::symlink("nowhere", world.path("shop.log.3")).unwrap();
    fs::create_dir(world.path("shop.log.4.gz")).unwrap();
    let foreign = ["shop.log.old", "shop.log.1x", "shop.log.01", "shop.log.0", "shop.1.log"];
    for name in foreign {
        fs::write(world.path(name), "foreign").unwrap();
    }
    world.run("write a b c d e; tick");
    for (number, line) in [(2, "d\n"), (5, "c\n"), (6, "b\n")] {
        assert_eq!(fs::read_to_string(world.path(&format!("shop.log.{number}"))).unwrap(), line);
    }
    assert!(!world.path("shop.log.7").exists());
    for name in foreign {
        assert_eq!(fs::read_to_string(world.path(name)).unwrap(), "foreign", "{name}");
    }
    assert!(world.path("shop.log.1").is_dir() && world.path("shop.log.4.gz").is_dir());
    assert!(world.path("shop.log.3").is_symlink());
}

/// A disk on which a rename to this name fails.
struct Stuck(&'static str);

impl Disk for Stuck {
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        match to.ends_with(self.0) {
            true => Err(io::ErrorKind::PermissionDenied.into()),
            false => RealDisk.rename(from, to),
        }
    }
}

#[test]
fn a_rename_that_fails_leaves_all_in_order_and_the_live_file_is_written_on() {
    for (stuck, left) in [
        ("shop.log.4", "shop.log: d e\nshop.log.1: c\nshop.log.2: b\nshop.log.3: a\n"),
        ("shop.log.2", "shop.log: d e\nshop.log.1: c\nshop.log.3: b\nshop.log.4: a\n"),
        ("shop.log.1", "shop.log: d e\nshop.log.2: c\nshop.log.3: b\nshop.log.4: a\n"),
    ] {
        let mut world = shifting(|file| file);
        world.run("write a b c d");
        world.open_on(Stuck(stuck));
        world.record("e");
        world.commit().unwrap();
        let err = world.tick().unwrap_err().to_string();
        let path = fs::canonicalize(world.path("shop.log")).unwrap();
        assert_eq!(
            err,
            format!("cannot rotate the log file {}: permission denied", path.display())
        );
        assert_eq!(world.listing(), left);
        // Ten seconds later it goes well, and no gap is left.
        world.run("restart; wait 11; write f");
        assert_files(
            &world,
            "shop.log: f
             shop.log.1: d e
             shop.log.2: c
             shop.log.3: b
             shop.log.4: a",
        );
    }
}

#[test]
fn a_file_that_vanishes_in_the_middle_of_a_rotation_does_not_stop_it() {
    struct Vanishing;
    impl Disk for Vanishing {
        fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
            if from.ends_with("shop.log.2") {
                fs::remove_file(from)?;
            }
            RealDisk.rename(from, to)
        }
    }
    let mut world = shifting(|file| file);
    world.run("write a b c d");
    world.open_on(Vanishing);
    world.run("write e");
    assert_files(
        &world,
        "shop.log: e
         shop.log.1: d
         shop.log.2: c
         shop.log.4: a",
    );
}

#[test]
fn two_writers_with_one_file_move_each_file_once() {
    let configure = |file: FileBuilder| file.rotation("4 B").names(Names::shifted()).keep(9);
    let mut world = World::new(configure);
    world.run("write a b");
    let other = configure(file(world.path("shop.log")).format(super::Plain)).build().unwrap();
    for texts in ["c d", "e f", "g h", "i"] {
        world.run(&format!("write {texts}"));
    }
    let first = world.sink.replace(other);
    world.run("write j k l");
    world.sink = first;
    world.run("write m n");
    let mut order = String::new();
    for number in (1..=9).rev() {
        order += &fs::read_to_string(world.path(&format!("shop.log.{number}"))).unwrap_or_default();
    }
    order += &fs::read_to_string(world.path("shop.log")).unwrap();
    assert_eq!(order.replace('\n', ""), "abcdefghijklmn");
}

#[test]
fn a_time_is_appended_to_the_whole_name_and_a_number_to_a_time_that_is_taken() {
    let mut world =
        World::new(|file| file.rotation("2 B or daily").names(Names::appended("%Y-%m-%d")).keep(4));
    world.run("at 2026-11-28T12:00:00Z; write a b c d; wait 86400; write e; wait 86400; write f");
    world.run("tick");
    assert_files(
        &world,
        "shop.log: f
         shop.log.2026-11-28.1: b
         shop.log.2026-11-28.2: c
         shop.log.2026-11-28.3: d
         shop.log.2026-11-29: e",
    );
}

#[test]
fn a_file_of_several_hours_has_the_time_of_its_newest_record() {
    let mut world = World::new(|file| file.rotation("6 h").names(Names::appended("%F_%H")));
    world.run("at 2026-11-28T06:10:00Z; write a; wait 18000; write b; wait 3600; write c");
    assert_files(
        &world,
        "shop.log: c
         shop.log.2026-11-28_11: a b",
    );
}
