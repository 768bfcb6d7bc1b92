//! Writers that are killed at random steps, one after the other, while producers put and wait.

use super::super::takeover::{Dead, Disk, Flaw, Life, World, Writer};
use super::{Call, ShuttleWords, check, put, ring, tick};
use crate::spsc::Producer;
use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;
use std::sync::Arc;

const PRODUCERS: u64 = 2;
const PUTS: u64 = 7;
const SCHEDULES: usize = 6_000;
/// More steps than a writer of everything takes.
const STEPS: usize = 120;

type Shared = World<Arc<ShuttleWords>>;

fn words(len: usize) -> Arc<ShuttleWords> {
    Arc::new(ShuttleWords((0..len).map(|_| AtomicU64::new(0)).collect()))
}

fn world(disks: &[(u64, u32)], flaw: Flaw) -> Shared {
    let disk = |(divisor, trouble): &(u64, u32)| Disk::new(words(64), *divisor, *trouble);
    World {
        rings: (0..PRODUCERS).map(|_| ring(16)).collect(),
        disks: disks.iter().map(disk).collect(),
        bell: words(1 + PRODUCERS as usize),
        flaw,
    }
}

/// Puts everything, and in the middle and at the end waits until it is written.
fn produce(world: &Shared, producer: u64, clock: &AtomicU64) -> Vec<Call> {
    let handle = Producer::new(world.rings[producer as usize].clone());
    let mut calls = Vec::new();
    while (calls.len() as u64) < PUTS {
        let number = calls.len() as u64;
        let began = tick(clock);
        let stamp = tick(clock);
        if !put(&handle, stamp, value(producer, number), 1 + (number as usize) % 3) {
            thread::yield_now();
            continue;
        }
        let returned = tick(clock);
        calls.push(Call { producer, number, began, returned });
        if number == PUTS / 2 || number == PUTS - 1 {
            complete(world, producer, number, tick(clock));
        }
    }
    calls
}

fn value(producer: u64, number: u64) -> u64 {
    1000 * producer + number + 1
}

fn complete(world: &Shared, producer: u64, number: u64, wanted: u64) {
    world.request(producer as usize, wanted);
    while !world.is_complete(wanted) {
        thread::yield_now();
    }
    for disk in &world.disks {
        let records = disk.records();
        let put = (0..=number).map(|number| value(producer, number));
        for value in put.filter(|value| disk.admits(*value)) {
            assert!(
                records.contains(&value),
                "{value} is written when it is said to be, each record once"
            );
        }
    }
}

/// The life of a writer: until it is killed, or everything is written.
fn write(
    world: &Shared,
    n_steps: usize,
    clock: &AtomicU64,
    n_done: &AtomicU64,
) -> Result<(), Dead> {
    let life = Life::new(n_steps);
    let mut writer = Writer::take_over(world, &life)?;
    loop {
        // First whether they are done, then whether there is anything.
        let all_put = n_done.load(Ordering::SeqCst) == PRODUCERS;
        let is_busy = writer.pass(|| tick(clock))?;
        if all_put && !is_busy {
            writer.leave();
            return Ok(());
        }
        thread::yield_now();
    }
}

fn run(disks: &[(u64, u32)], flaw: Flaw) {
    let clock = Arc::new(AtomicU64::new(1));
    let n_done = Arc::new(AtomicU64::new(0));
    let world = Arc::new(world(disks, flaw));
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let (world, clock, n_done) = (world.clone(), clock.clone(), n_done.clone());
            thread::spawn(move || {
                let calls = produce(&world, producer, &clock);
                n_done.fetch_add(1, Ordering::SeqCst);
                calls
            })
        })
        .collect();
    let n_writers = thread_rng().gen_range(1..=4);
    let lives = (1..n_writers).map(|_| thread_rng().gen_range(0..STEPS)).chain([usize::MAX]);
    for n_steps in lives.collect::<Vec<_>>() {
        if write(&world, n_steps, &clock, &n_done).is_ok() {
            break;
        }
    }
    let mut calls: Vec<Call> = Vec::new();
    producers.into_iter().for_each(|it| calls.extend(it.join().expect("a producer ends")));
    for disk in &world.disks {
        let admitted = |call: &&Call| disk.admits(value(call.producer, call.number));
        let expected: Vec<Call> = calls.iter().filter(admitted).copied().collect();
        let found: Vec<u64> = disk.records().iter().map(|value| value - 1).collect();
        check(&expected, &found);
    }
}

#[test]
fn shuttle_a_sink_has_each_record_once_in_order_whatever_steps_its_writers_are_killed_at() {
    shuttle::check_random(|| run(&[(1, 0)], Flaw::None), SCHEDULES);
}

#[test]
fn shuttle_two_sinks_have_each_record_once_while_one_fails_at_times_and_writers_are_killed() {
    shuttle::check_random(|| run(&[(1, 0), (2, 3)], Flaw::None), SCHEDULES);
}

#[test]
fn shuttle_the_same_with_the_other_sink_failing_and_few_preemptions() {
    shuttle::check_pct(|| run(&[(1, 4), (2, 0)], Flaw::None), SCHEDULES, 3);
}

/// The models notice what they are there for.
mod flaws {
    use super::*;

    fn with(flaw: Flaw) {
        shuttle::check_random(move || run(&[(1, 0), (1, 2)], flaw), SCHEDULES);
    }

    #[test]
    #[should_panic(expected = "each record once")]
    fn shuttle_space_that_is_given_back_before_the_sinks_have_it_is_noticed() {
        with(Flaw::ReleasesFirst);
    }

    #[test]
    #[should_panic(expected = "each record once")]
    fn shuttle_a_writer_that_reads_into_a_sink_what_it_has_is_noticed() {
        with(Flaw::SkipsNothing);
    }

    #[test]
    #[should_panic(expected = "each record once")]
    fn shuttle_cursors_that_are_not_carried_on_are_noticed() {
        with(Flaw::CarriesNoCursors);
    }

    #[test]
    #[should_panic(expected = "is written when it is said to be")]
    fn shuttle_a_watermark_before_its_records_is_noticed() {
        with(Flaw::PublishesFirst);
    }
}
