//! A writer that is killed at any step while a producer puts, and the one after it.

use super::super::takeover::{Dead, Disk, Flaw, Life, World, Writer};
use super::{LoomWords, put, ring};
use crate::spsc::Producer;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use std::sync::Arc;

fn words(len: usize) -> Arc<LoomWords> {
    Arc::new(LoomWords((0..len).map(|_| AtomicU64::new(0)).collect()))
}

const FIRST: u64 = 2;
const SECOND: u64 = 4;

/// One producer puts two records and asks once whether they are written; a writer with so many steps
/// to live, and one that ends by itself. Whether the first one did.
fn lives(n_steps: usize, divisors: &[u64], flaw: Flaw) -> bool {
    let disks = divisors.iter().map(|divisor| Disk::new(words(8), *divisor, 0)).collect();
    let world = Arc::new(World { rings: vec![ring(8)], disks, bell: words(2), flaw });
    // Relaxed: a clock makes nothing visible.
    let clock = Arc::new(AtomicU64::new(1));
    let (theirs, time) = (Arc::clone(&world), Arc::clone(&clock));
    let puts = thread::spawn(move || {
        let producer = Producer::new(theirs.rings[0].clone());
        for value in [FIRST, SECOND] {
            let stamp = time.fetch_add(1, Ordering::Relaxed);
            assert!(put(&producer, stamp, value, 1));
        }
        let wanted = time.fetch_add(1, Ordering::Relaxed);
        theirs.request(0, wanted);
        if theirs.is_complete(wanted) {
            for disk in &theirs.disks {
                assert_eq!(disk.records(), admitted(disk), "written when it is said to be");
            }
        }
    });
    let tick = || clock.fetch_add(1, Ordering::Relaxed);
    let life = Life::new(n_steps);
    let first = Writer::take_over(&world, &life).and_then(|mut writer| writer.pass(tick));
    let mut puts = Some(puts);
    let life = Life::new(usize::MAX);
    let last: Result<(), Dead> = Writer::take_over(&world, &life).and_then(|mut writer| {
        writer.pass(tick)?;
        puts.take().into_iter().for_each(|it| it.join().unwrap());
        while writer.pass(tick)? {}
        writer.leave();
        Ok(())
    });
    last.expect("it lives as long as it likes");
    for disk in &world.disks {
        assert_eq!(disk.records(), admitted(disk), "each record once");
    }
    first.is_ok()
}

fn admitted(disk: &Disk<Arc<LoomWords>>) -> Vec<u64> {
    [FIRST, SECOND].into_iter().filter(|value| disk.admits(*value)).collect()
}

/// The model for each number of steps, until the first writer always ends by itself.
fn at_every_step(divisors: &'static [u64], flaw: Flaw) {
    let mut is_cut = true;
    let mut n_steps = 0;
    while is_cut {
        let cut = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let was_cut = Arc::clone(&cut);
        loom::model(move || {
            let ended = lives(n_steps, divisors, flaw);
            cut.fetch_or(!ended, std::sync::atomic::Ordering::Relaxed);
        });
        is_cut = was_cut.load(std::sync::atomic::Ordering::Relaxed);
        n_steps += 1;
    }
    assert!(n_steps > 10, "{n_steps} steps are no writer");
}

#[test]
fn loom_whatever_step_a_writer_is_killed_at_a_sink_has_each_record_once() {
    at_every_step(&[1], Flaw::None);
}

#[test]
fn loom_whatever_step_a_writer_is_killed_at_each_of_two_sinks_has_its_records_once() {
    at_every_step(&[1, 4], Flaw::None);
}

#[test]
#[should_panic(expected = "each record once")]
fn loom_space_that_is_given_back_before_the_sinks_have_it_is_noticed() {
    at_every_step(&[1], Flaw::ReleasesFirst);
}

#[test]
#[should_panic(expected = "each record once")]
fn loom_a_writer_that_reads_into_a_sink_what_it_has_is_noticed() {
    at_every_step(&[1], Flaw::SkipsNothing);
}

#[test]
#[should_panic(expected = "written when it is said to be")]
fn loom_a_watermark_before_its_records_is_noticed() {
    at_every_step(&[1], Flaw::PublishesFirst);
}
