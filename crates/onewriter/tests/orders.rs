//! What a handle is asked for happens between the records put before the call and those after it.

use onewriter::{FlightOptions, IntoSink, Level, Overflow, TextFormat, info, sink, trace};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(30);

/// A process has one logger: these tests take turns.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_rotation_parts_what_was_put_before_it_from_what_is_put_after() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.log");
    let format = TextFormat::pattern("{message}").unwrap();
    let log = onewriter::builder().sink(sink::file(&path).format(format)).install().unwrap();
    for number in 0..3 {
        info!("before {number}");
        log.rotate().unwrap();
    }
    info!("after");
    log.shutdown(LONG).unwrap();
    for number in 0..3 {
        let rotated = folder.path().join(format!("shop.{}.log", number + 1));
        assert_eq!(std::fs::read_to_string(rotated).unwrap(), format!("before {number}\n"));
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "after\n");
}

#[test]
fn a_dump_writes_what_was_put_before_it_and_no_more() {
    let _turn = turn();
    let (memory, lines) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{message}").unwrap());
    let recorder = sink::Flight::new(memory, FlightOptions::default()).unwrap();
    let log = onewriter::builder().sink(recorder.level(Level::Trace)).install().unwrap();
    trace!("before");
    log.dump().unwrap();
    trace!("after");
    log.complete(LONG).unwrap();
    assert_eq!(lines.take(), ["before"]);
    log.shutdown(LONG).unwrap();
}

#[test]
fn a_drain_tells_of_every_loss_and_names_the_thread() {
    let _turn = turn();
    let (go, stalled) = mpsc::channel::<()>();
    let gate = sink::function(move |_| {
        let _ = stalled.recv();
        Ok(())
    });
    let (memory, lines) = sink::memory();
    let memory = memory.format(TextFormat::pattern("{message}").unwrap());
    let log = onewriter::builder()
        .memory(64 << 10)
        .overflow(Overflow::drop_newest())
        .sink(gate)
        .sink(memory)
        .install()
        .unwrap();
    let thread = std::thread::Builder::new().name("shop".to_owned());
    let thread = thread.spawn(|| (0..50_000).for_each(|number| info!("order {number}"))).unwrap();
    thread.join().unwrap();
    drop(go);
    log.complete(LONG).unwrap();

    let lines = lines.take();
    let own = format!("threads shop of process {}: ", std::process::id());
    let (told, orders): (Vec<&String>, Vec<_>) =
        lines.iter().partition(|line| line.contains(" records lost: "));
    assert!(told.iter().all(|line| line.contains(&own)), "{told:?}");
    let lost = |line: &&String| line.split(' ').next().unwrap().parse::<usize>().unwrap();
    assert_eq!(told.iter().map(lost).sum::<usize>() + orders.len(), 50_000);
    log.shutdown(LONG).unwrap();
}
