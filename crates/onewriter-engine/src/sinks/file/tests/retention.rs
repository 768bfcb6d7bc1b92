use super::*;
use crate::sink::Sink;
use crate::sinks::file::Names;
use crate::sinks::file::tests::{World, assert_files};
use std::time::Duration;

#[test]
fn the_newest_are_kept_by_index() {
    let mut world = World::new(|file| file.rotation("2 B").keep(2));
    world.run("write a b c; write d e f");
    assert_files(
        &world,
        "shop.4.log: d
         shop.5.log: e
         shop.log: f",
    );
}

#[test]
fn the_newest_are_kept_by_time_whatever_the_order_of_the_names() {
    let names = Names::time("%d-%m-%Y");
    let mut world = World::new(move |file| file.rotation("daily").names(names.clone()).keep(2));
    world.run("at 2026-06-29T12:00:00Z; write a; wait 86400; write b; wait 86400; write c");
    world.run("wait 86400; write d; tick");
    assert_files(
        &world,
        "shop.01-07-2026.log: c
         shop.30-06-2026.log: b
         shop.log: d",
    );
}

#[test]
fn those_older_than_the_age_go_at_rotation_and_by_the_tick() {
    let mut world =
        World::new(|file| file.rotation("daily").keep_for(Duration::from_secs(2 * 86_400)));
    world.run("at 2026-06-01T12:00:00Z; write a; wait 86400; write b; wait 86400; write c");
    assert_eq!(world.listing().lines().count(), 3);
    world.run("wait 86400; write d; tick");
    assert_files(
        &world,
        "shop.2.log: b
         shop.3.log: c
         shop.log: d",
    );
    // Nobody logs any more, and the files expire all the same; but not the live one.
    world.run("wait 43200; tick; wait 50000; tick; wait 50000; tick");
    assert_files(&world, "shop.4.log: d \n shop.log:");
    world.run("wait 5000000; tick");
    assert_files(&world, "shop.log:");
}

#[test]
fn the_oldest_go_until_all_fit_with_the_live_file() {
    let mut world = World::new(|file| file.rotation("5 B").keep_bytes(14));
    world.run("write aaaa bbbb cccc dddd");
    // Five bytes each: the newest one and the live file fit.
    assert_files(
        &world,
        "shop.3.log: cccc
         shop.log: dddd",
    );
}

#[test]
fn a_live_file_larger_than_the_budget_is_not_deleted() {
    let mut world = World::new(|file| file.rotation("hourly").keep_bytes(4));
    world.run("write aaaaaaaa; wait 3600; write bbbbbbbb; wait 60; tick");
    assert_files(&world, "shop.log: bbbbbbbb");
}

#[test]
fn at_start_the_rules_hold_for_the_files_of_earlier_runs() {
    let mut world = World::new(|file| file.keep(1));
    world.run("put shop.1.log a; put shop.2.log b; put shop.10.log c; tick");
    assert_files(
        &world,
        "shop.10.log: c
         shop.log:",
    );
}

#[test]
fn files_that_are_not_ours_are_never_touched() {
    let foreign = [
        "shop-error.log",
        "shop-error.1.log",
        "shop.log.1",
        "shop.0.log",
        "shop.01.log",
        "shop.1.txt",
        "shop.1.log.bak",
        "shop.1.log.xz",
        "shop.x.log",
        "ashop.1.log",
        "shop.2026-06-15.log",
        "shop.1.2.log",
        "SHOP.1.LOG",
        "shop.1.log.tmp",
    ];
    let mut world = World::new(|file| file.rotation("2 B").keep(1).keep_bytes(1));
    for name in foreign {
        fs::write(world.path(name), "old\n").unwrap();
    }
    fs::create_dir(world.path("shop.500.log")).unwrap();
    std::os::unix::fs::symlink("shop-error.log", world.path("shop.600.log")).unwrap();
    world.run("write a b c d; tick; wait 60; tick; wait 6000000; tick; stop");
    for name in foreign {
        assert_eq!(fs::read_to_string(world.path(name)).unwrap(), "old\n", "{name}");
    }
    assert!(world.path("shop.500.log").is_dir());
    assert!(world.path("shop.600.log").is_symlink());
    assert_eq!(fs::read_to_string(world.path("shop.log")).unwrap(), "d\n");
}

#[test]
fn a_second_name_of_the_live_file_is_not_a_rotated_file() {
    let mut world = World::new(|file| file.keep(1));
    world.run("write a; put shop.7.log old; put shop.8.log new");
    fs::hard_link(world.path("shop.log"), world.path("shop.9.log")).unwrap();
    world.run("tick");
    assert_files(
        &world,
        "shop.8.log: new
         shop.9.log: a
         shop.log: a",
    );
}

#[test]
fn a_file_beside_its_compressed_form_counts_once_and_goes_with_it() {
    let scheme = Scheme::new(Path::new("a.log"), &Names::index(), jiff::tz::TimeZone::UTC).unwrap();
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.1.log", "a.1.log.gz", "a.2.log", "a.3.log.zst", "a.3.log", "a.4.log.gz.tmp"] {
        fs::write(dir.path().join(name), "12345").unwrap();
    }
    let live = dir.path().join("a.log");
    let live = crate::sinks::file::open::open(&live, &Default::default()).unwrap();
    let found = Folder::read(dir.path(), &scheme, &live).unwrap();
    let names: Vec<_> = found.names().map(|name| name.base.as_str()).collect();
    assert_eq!(names, ["a.1.log", "a.2.log", "a.3.log"]);
    let keep = |count, bytes| Keep { count, age: None, bytes };
    let doomed = |keep: Keep, live| keep.doomed(&found.rotated, 0, live);
    assert_eq!(doomed(keep(Some(3), None), 0), 0);
    assert_eq!(doomed(keep(Some(2), None), 0), 1);
    assert_eq!(found.rotated[0].paths().count(), 2);
    // Ten, five and ten bytes, and those of the live file.
    assert_eq!(doomed(keep(None, Some(25)), 0), 0);
    assert_eq!(doomed(keep(None, Some(25)), 1), 1);
    assert_eq!(doomed(keep(None, Some(10)), 0), 2);
    assert_eq!(doomed(keep(None, Some(9)), 0), 3);
    assert_eq!(doomed(keep(Some(1), Some(100)), 0), 2);
    assert_eq!(found.partial, [dir.path().join("a.4.log.gz.tmp")]);
}

#[test]
fn the_strictest_rule_wins() {
    let mut world = World::new(|file| {
        file.rotation("2 B").keep(3).keep_bytes(1000).keep_for(Duration::from_secs(5))
    });
    world.run("write a b c d e");
    assert_eq!(world.listing().lines().count(), 4);
    world.run("wait 60; tick");
    assert_files(&world, "shop.log: e");
    assert_eq!(world.call(|sink, _| sink.take_dropped()), 0);
}
