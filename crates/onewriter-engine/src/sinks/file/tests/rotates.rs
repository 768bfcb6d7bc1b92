use super::{World, assert_files};
use crate::sink::Sink;
use crate::sinks::file::{Names, Rotation};

#[test]
fn without_rotation_records_are_appended_in_order_over_restarts() {
    let mut world = World::new(|file| file);
    world.run("write a b c; wait 100000; write d; restart; write e; tick; write f");
    assert_files(&world, "shop.log: a b c d e f");
}

#[test]
fn a_record_that_would_exceed_the_size_begins_a_new_file() {
    let mut world = World::new(|file| file.rotation(Rotation::size(10)));
    // Five records of two bytes fill the file exactly.
    world.run("write a b c d e f g");
    assert_files(&world, "shop.1.log: a b c d e \n shop.log: f g");
}

#[test]
fn a_record_larger_than_the_size_has_a_file_of_its_own() {
    let mut world = World::new(|file| file.rotation("4 B"));
    world.run("write aaaaaaaaaa; write b c; write dddddddddd e");
    assert_files(
        &world,
        "shop.1.log: aaaaaaaaaa
         shop.2.log: b c
         shop.3.log: dddddddddd
         shop.log: e",
    );
}

#[test]
fn the_size_of_an_earlier_run_counts_and_its_index_goes_on() {
    let mut world = World::new(|file| file.rotation(Rotation::size(6)));
    world.run("write a b c d; restart; write e f; restart; write g");
    assert_files(
        &world,
        "shop.1.log: a b c
         shop.2.log: d e f
         shop.log: g",
    );
}

/// Each row: when, in which zone, what happens, what stands there in the end.
#[test]
fn rotation_by_time_is_decided_by_the_record() {
    let table = [
        (
            "1 hour",
            "at 2026-06-15T12:59:59Z; write a; wait 1; write b; wait 3599; write c; wait 1; write d",
            "shop.1.log: a
             shop.2.log: b c
             shop.log: d",
        ),
        // An hour without records leaves no empty file.
        (
            "1 hour",
            "at 2026-06-15T12:30:00Z; write a; at 2026-06-15T17:30:00Z; write b; wait 1; write c",
            "shop.1.log: a
             shop.log: b c",
        ),
        (
            "12:00",
            "at 2026-06-15T11:59:59Z; write a; wait 1; write b; wait 86399; write c; wait 1; write d",
            "shop.1.log: a
             shop.2.log: b c
             shop.log: d",
        ),
        // 2026-06-15 is a Monday.
        (
            "monday at 13:00",
            "at 2026-06-15T12:00:00Z; write a; wait 3600; write b; wait 604799; write c; wait 1; \
             write d",
            "shop.1.log: a
             shop.2.log: b c
             shop.log: d",
        ),
        (
            "monthly",
            "at 2026-06-15T12:00:00Z; write a; at 2026-06-30T23:59:59Z; write b; wait 1; write c",
            "shop.1.log: a b
             shop.log: c",
        ),
        // Whichever comes first; the size begins anew with each file.
        (
            "6 B or 1 hour",
            "at 2026-06-15T12:00:00Z; write a b; wait 3600; write c d e f; wait 3600; write g",
            "shop.1.log: a b
             shop.2.log: c d e
             shop.3.log: f
             shop.log: g",
        ),
    ];
    for (rotation, script, expected) in table {
        let mut world = World::new(move |file| file.rotation(rotation));
        world.run(script);
        assert_files(&world, expected);
    }
}

#[test]
fn one_batch_over_midnight_is_split_between_two_records() {
    let mut world = World::new(|file| file.rotation("daily").names(Names::time("%F")));
    world.run("at 2026-06-16T00:00:05Z");
    let midnight = super::time("2026-06-16T00:00:00Z");
    for (time, text) in
        [(midnight - 2, "a"), (midnight - 1, "b"), (midnight, "c"), (midnight + 1, "d")]
    {
        world.record_at(onewriter_record::Level::Info, time, text);
    }
    world.commit().unwrap();
    assert_files(
        &world,
        "shop.2026-06-15.log: a b
         shop.log: c d",
    );
}

#[test]
fn rotation_at_start_happens_before_the_first_record_of_a_run() {
    let mut world = World::new(|file| file.rotation(Rotation::start()));
    world.run("write a; write b; restart; tick; restart; write c; write d; restart; write e");
    assert_files(
        &world,
        "shop.1.log: a b
         shop.2.log: c d
         shop.log: e",
    );
}

#[test]
fn a_boundary_that_passed_between_two_runs_is_noticed() {
    let mut world = World::new(|file| file.rotation("daily").names(Names::time("%F")));
    world.run("at 2026-06-15T23:00:00Z; write a; stop; at 2026-06-16T08:00:00Z; write b; restart; write c");
    assert_files(
        &world,
        "shop.2026-06-15.log: a
         shop.log: b c",
    );
}

#[test]
fn a_batch_that_is_written_after_midnight_does_not_hide_the_boundary_from_the_next_run() {
    let mut world = World::new(|file| file.rotation("daily").names(Names::time("%F")));
    world.run("at 2026-06-15T23:59:59Z");
    world.record("a");
    world.run("at 2026-06-16T00:00:01Z");
    world.commit().unwrap();
    // As after SIGKILL: nothing of the sink runs any more.
    std::mem::forget(world.sink.take());
    world.run("write b");
    assert_files(
        &world,
        "shop.2026-06-15.log: a
         shop.log: b",
    );
}

#[test]
fn the_first_batch_of_a_period_dates_the_file_for_the_next_run() {
    let mut world = World::new(|file| file.rotation("hourly"));
    world.run("at 2026-06-15T12:59:59Z; write a; wait 1; write b");
    std::mem::forget(world.sink.take());
    world.run("wait 3599; write c; wait 1; write d");
    assert_files(
        &world,
        "shop.1.log: a
         shop.2.log: b c
         shop.log: d",
    );
}

#[test]
fn a_file_that_nobody_writes_to_is_rotated_by_the_tick_and_an_empty_one_is_not() {
    let mut world = World::new(|file| file.rotation("hourly"));
    world.run("at 2026-06-15T12:30:00Z; write a; tick; wait 1800; tick; wait 1; tick");
    assert_files(
        &world,
        "shop.1.log: a
         shop.log:",
    );
    world.run("wait 7200; tick; wait 7200; tick; tick; write b");
    assert_files(
        &world,
        "shop.1.log: a
         shop.log: b",
    );
}

#[test]
fn while_records_come_the_tick_leaves_rotation_to_them() {
    let mut world = World::new(|file| file.rotation("hourly"));
    world.run("at 2026-06-15T12:30:00Z; write a; tick; at 2026-06-15T13:00:05Z");
    // The writer is behind: these were put before the hour ended.
    let before = super::time("2026-06-15T12:59:59Z");
    world.record_at(onewriter_record::Level::Info, before, "b");
    world.commit().unwrap();
    world.run("tick");
    world.record_at(onewriter_record::Level::Info, before + 1, "c");
    world.run("write d");
    assert_files(
        &world,
        "shop.1.log: a b c
         shop.log: d",
    );
}

const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

#[test]
fn the_repeated_hour_has_two_files_by_time_and_each_is_known_after_a_restart() {
    let mut world =
        World::in_zone(NEW_YORK, |file| file.rotation("hourly").names(Names::time("%F_%H-%M")));
    world.run(
        "at 2026-11-01T00:30:00-04:00; write a; wait 3600; write b; wait 3600; restart; write c;
         wait 3600; write d",
    );
    assert_files(
        &world,
        "shop.2026-11-01_00-30.log: a
         shop.2026-11-01_01-30-0400.log: b
         shop.2026-11-01_01-30-0500.log: c
         shop.log: d",
    );
}

#[test]
fn a_time_of_day_that_comes_twice_rotates_once_and_one_that_is_skipped_rotates_too() {
    let mut world = World::in_zone(BERLIN, |file| file.rotation("02:30"));
    world.run(
        "at 2026-10-25T02:00:00+02:00; write a; wait 1800; write b; wait 3600; write c; wait 3600;
         write d; wait 82800; write e",
    );
    assert_files(
        &world,
        "shop.1.log: a
         shop.2.log: b c d
         shop.log: e",
    );
    let mut world = World::in_zone(BERLIN, |file| file.rotation("02:30"));
    world.run(
        "at 2026-03-29T01:59:00+01:00; write a; wait 60; write b; wait 1800; write c; wait 80000;
         write d",
    );
    assert_files(
        &world,
        "shop.1.log: a b
         shop.log: c d",
    );
}

#[test]
fn the_day_of_25_hours_is_one_file() {
    let mut world = World::in_zone(BERLIN, |file| file.rotation("daily").names(Names::time("%F")));
    world.run(
        "at 2026-10-25T00:00:00+02:00; write a; wait 86400; write b; wait 3599; write c; wait 1;
         write d",
    );
    assert_files(
        &world,
        "shop.2026-10-25.log: a b c
         shop.log: d",
    );
}

#[test]
fn a_time_that_comes_again_gets_a_number_and_overwrites_nothing() {
    let mut world = World::new(|file| file.rotation("4 B").names(Names::time("%F")));
    world.run("write a b c d; stop; write e f g; restart; write h i");
    assert_files(
        &world,
        "shop.2026-06-15.1.log: c d
         shop.2026-06-15.2.log: e f
         shop.2026-06-15.3.log: g h
         shop.2026-06-15.log: a b
         shop.log: i",
    );
}

#[test]
fn a_clock_that_goes_back_rotates_neither_again_nor_never() {
    let mut world = World::new(|file| file.rotation("hourly"));
    world.run(
        "at 2026-06-15T12:59:59Z; write a; wait 1; write b; at 2026-06-15T12:59:30Z; write c;",
    );
    world.run("tick; wait 40; write d; at 2026-06-15T12:59:59Z; write e; wait 2; write f");
    assert_files(
        &world,
        "shop.1.log: a
         shop.log: b c d e f",
    );
    // Years ahead and back: one file for the jump, then hours again.
    world.run(
        "at 2040-01-01T00:00:00Z; tick; write g; at 2026-06-15T13:30:00Z; write h; tick; write i",
    );
    world.run("wait 3600; write j");
    assert_files(
        &world,
        "shop.1.log: a
         shop.2.log: b c d e f
         shop.3.log: g h i
         shop.log: j",
    );
}

#[test]
fn a_record_from_the_future_does_not_rotate() {
    let mut world = World::new(|file| file.rotation("daily"));
    world.run("write a; tick");
    world.record_at(onewriter_record::Level::Info, u64::MAX, "b");
    world.run("write c; wait 1; write d; wait 40000; tick; write e; wait 80000; tick; write f");
    assert_files(
        &world,
        "shop.1.log: a b c d e
         shop.log: f",
    );
}

#[test]
fn on_demand_a_file_with_records_is_rotated_and_an_empty_one_is_not() {
    let mut world = World::new(|file| file);
    world.run("rotate; write a b; rotate; rotate; write c; rotate");
    assert_files(
        &world,
        "shop.1.log: a b
         shop.2.log: c
         shop.log:",
    );
}

#[test]
fn each_rotation_is_counted_once_and_one_that_did_not_happen_is_not() {
    for names in [Names::index(), Names::shifted()] {
        let mut world = World::new(move |file| file.rotation("4 B").names(names.clone()));
        world
            .run("rotate; write a b c d e; rotate; rotate; mv shop.log mine; put shop.log x; tick");
        assert_eq!(world.call(|sink, _| sink.take_rotations()), 3);
        assert_eq!(world.call(|sink, _| sink.take_rotations()), 0);
    }
}

#[test]
fn what_stands_at_the_next_name_is_not_overwritten() {
    let mut world = World::new(|file| file.rotation("4 B"));
    std::fs::create_dir(world.path("shop.1.log")).unwrap();
    world.run("write a b c; stop");
    std::fs::remove_dir(world.path("shop.1.log")).unwrap();
    assert_files(
        &world,
        "shop.2.log: a b
         shop.log: c",
    );
}

#[test]
fn a_batch_of_any_size_is_held_to_a_bound() {
    let mut world = World::new(|file| file);
    let line = "x".repeat(999);
    for _ in 0..1000 {
        world.record(&line);
        assert!(world.call(|sink, _| sink.pending()) <= (256 << 10) + 1000);
    }
    world.commit().unwrap();
    assert_eq!(std::fs::metadata(world.path("shop.log")).unwrap().len(), 1_000_000);
}
