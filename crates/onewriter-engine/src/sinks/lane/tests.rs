use super::*;
use crate::guard::on_sink_thread;
use crate::sink::NoJournal;
use crate::sinks::function::function;
use crate::sinks::memory::{Lines, memory};
use crate::testing::Sample;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

/// A sink that takes a record only when the test lets it.
struct Gated {
    inner: crate::sinks::memory::Memory,
    entered: Sender<()>,
    go: Receiver<()>,
}

impl Sink for Gated {
    fn name(&self) -> String {
        "gated".to_owned()
    }

    fn record(&mut self, record: &Record<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = self.entered.send(());
        // A test that has ended lets everything pass.
        let _ = self.go.recv();
        self.inner.record(record, cx)
    }

    fn commit(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.commit(cx)
    }
}

struct Gate {
    lines: Lines,
    entered: Receiver<()>,
    go: Sender<()>,
}

fn gated(options: LaneOptions) -> (Lane, Gate) {
    let (inner, lines) = memory();
    let ((entered, has_entered), (go, may_go)) = (channel(), channel());
    let lane = Lane::new(Gated { inner, entered, go: may_go }, options).unwrap();
    (lane, Gate { lines, entered: has_entered, go })
}

fn put(sink: &mut impl Sink, n: usize) {
    let mut cx = Context { now: 0, journal: &mut NoJournal };
    sink.record(&Sample::new("{}").arg(n).record(), &mut cx).unwrap();
}

fn commit(sink: &mut impl Sink) -> Result<(), Error> {
    sink.commit(&mut Context { now: 0, journal: &mut NoJournal })
}

fn flush(sink: &mut impl Sink) -> Result<(), Error> {
    sink.flush(&mut Context { now: 0, journal: &mut NoJournal })
}

fn tails(lines: &[String]) -> Vec<usize> {
    lines.iter().filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
}

const SMALL: LaneOptions =
    LaneOptions { bytes: 4 << 10, on_full: OnFull::Drop, deadline: Some(Duration::from_secs(60)) };

#[test]
fn a_stalled_sink_delays_nobody_and_the_loss_stands_at_its_place() {
    let (mut lane, gate) = gated(SMALL);
    for n in 0..1000 {
        put(&mut lane, n);
        commit(&mut lane).unwrap();
    }
    let lost = lane.take_dropped() as usize;
    assert!(lost > 900 && lost < 1000, "{lost}");
    assert_eq!(lane.take_dropped(), 0);
    drop(gate.go);
    flush(&mut lane).unwrap();
    put(&mut lane, 1000);
    flush(&mut lane).unwrap();
    let lines = gate.lines.lines();
    let mut expected: Vec<_> = (0..1000 - lost).collect();
    expected.push(1000);
    assert_eq!(tails(&lines), expected);
    let notice = format!(
        "WARN  [0] onewriter: {lost} records lost for gated: its lane of 4096 bytes is full"
    );
    assert!(lines[1000 - lost].ends_with(&notice), "{}", lines[1000 - lost]);
    assert_eq!(lines.len(), expected.len() + 1);
}

#[test]
fn waiting_for_room_loses_nothing() {
    let (mut lane, gate) = gated(LaneOptions { on_full: OnFull::Wait, ..SMALL });
    let writer = std::thread::spawn(move || {
        for n in 0..1000 {
            put(&mut lane, n);
        }
        flush(&mut lane).map(|()| lane.take_dropped())
    });
    for _ in 0..1000 {
        gate.entered.recv().unwrap();
        gate.go.send(()).unwrap();
    }
    assert_eq!(writer.join().unwrap().unwrap(), 0);
    assert_eq!(tails(&gate.lines.lines()), (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_wait_past_its_deadline_drops_until_there_is_room() {
    let deadline = Some(Duration::from_millis(1));
    let (mut lane, gate) = gated(LaneOptions { on_full: OnFull::Wait, deadline, ..SMALL });
    for n in 0..1000 {
        put(&mut lane, n);
    }
    let lost = lane.take_dropped() as usize;
    assert!(lost > 900, "{lost}");
    lane.options.deadline = None;
    drop(gate.go);
    flush(&mut lane).unwrap();
    put(&mut lane, 1000);
    flush(&mut lane).unwrap();
    let lines = gate.lines.lines();
    assert_eq!(tails(&lines).len(), 1000 - lost + 1);
    assert_eq!(tails(&lines).last(), Some(&1000));
}

#[test]
fn a_record_larger_than_the_lane_passes_alone() {
    let (mut lane, gate) = gated(SMALL);
    drop(gate.go);
    let long = "7".repeat(10_000);
    let mut cx = Context { now: 0, journal: &mut NoJournal };
    lane.record(&Sample::new("{}").arg(&*long).record(), &mut cx).unwrap();
    flush(&mut lane).unwrap();
    assert!(gate.lines.lines()[0].ends_with(&long));
    assert_eq!(lane.take_dropped(), 0);
}

#[test]
fn a_flush_past_its_deadline_says_how_much_is_left() {
    let (mut lane, gate) = gated(LaneOptions { deadline: Some(Duration::from_millis(1)), ..SMALL });
    for n in 0..3 {
        put(&mut lane, n);
    }
    let err = flush(&mut lane).unwrap_err();
    assert_eq!(err.to_string(), "the lane of gated has 3 records left after 1ms");
    assert_eq!(err.kind(), ErrorKind::Incomplete);
    lane.options.deadline = None;
    drop(gate.go);
    flush(&mut lane).unwrap();
    assert_eq!(tails(&gate.lines.lines()), [0, 1, 2]);
}

#[test]
fn flush_with_a_deadline_of_zero_still_asks() {
    let (mut lane, gate) = gated(LaneOptions { deadline: Some(Duration::ZERO), ..SMALL });
    put(&mut lane, 1);
    assert!(flush(&mut lane).is_err());
    lane.options.deadline = None;
    drop(gate.go);
    flush(&mut lane).unwrap();
    assert_eq!(tails(&gate.lines.lines()), [1]);
}

#[test]
fn the_end_of_the_lane_writes_what_is_in_it() {
    let (mut lane, gate) = gated(SMALL);
    for n in 0..3 {
        put(&mut lane, n);
    }
    drop(gate.go);
    drop(lane);
    assert_eq!(tails(&gate.lines.lines()), [0, 1, 2]);
}

#[test]
fn the_end_of_the_lane_does_not_wait_for_ever() {
    let (mut lane, gate) = gated(LaneOptions { deadline: Some(Duration::from_millis(1)), ..SMALL });
    put(&mut lane, 0);
    commit(&mut lane).unwrap();
    gate.entered.recv().unwrap();
    drop(lane);
    assert!(gate.lines.lines().is_empty());
}

#[test]
fn the_end_does_not_wait_again_for_what_a_flush_has_waited_for_in_vain() {
    let (mut lane, gate) = gated(LaneOptions { deadline: Some(Duration::ZERO), ..SMALL });
    put(&mut lane, 0);
    assert!(flush(&mut lane).is_err());
    // For ever: this test would not end if the end waited.
    lane.options.deadline = None;
    drop(lane);
    assert!(gate.lines.lines().is_empty());
}

#[test]
fn errors_and_panics_are_reported_and_counted_and_the_next_record_is_written() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let inner = function(move |record| {
        assert!(on_sink_thread());
        match record.args().next() {
            Some(onewriter_record::Value::U64(1)) => Err(Error::config("one is bad")),
            Some(onewriter_record::Value::U64(2)) => panic!("two is worse"),
            other => {
                sees.lock().unwrap().push(format!("{other:?}"));
                Ok(())
            }
        }
    });
    let mut lane = Lane::new(inner, SMALL).unwrap();
    put(&mut lane, 2);
    let err = flush(&mut lane).unwrap_err();
    assert_eq!(err.to_string(), "sink function panicked: two is worse");
    assert_eq!(err.kind(), ErrorKind::Panic);
    for n in 0..4 {
        put(&mut lane, n);
    }
    let err = flush(&mut lane).unwrap_err();
    assert_eq!(err.to_string(), "one is bad (and 1 more errors)");
    commit(&mut lane).unwrap();
    assert_eq!(lane.take_dropped(), 3);
    assert_eq!(*seen.lock().unwrap(), ["Some(U64(0))", "Some(U64(3))"]);
}

/// Fails in its first commits, and writes down what it is asked.
struct Reluctant {
    asked: Arc<Mutex<Vec<&'static str>>>,
    refusals: usize,
    pending: usize,
}

impl Reluctant {
    fn asked(&self, what: &'static str) -> Result<(), Error> {
        self.asked.lock().unwrap().push(what);
        Ok(())
    }
}

impl Sink for Reluctant {
    fn name(&self) -> String {
        "reluctant".to_owned()
    }

    fn record(&mut self, _: &Record<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        self.pending += 1;
        self.asked("record")
    }

    fn commit(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        if self.refusals > 0 {
            self.refusals -= 1;
            return Err(Error::config("not yet"));
        }
        self.pending = 0;
        self.asked("commit")
    }

    fn pending(&self) -> usize {
        self.pending
    }

    fn flush(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.asked("flush")
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        assert_eq!(cx.now, 7);
        self.asked("tick")
    }

    fn reopen(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.asked("reopen")
    }

    fn rotate(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.asked("rotate")
    }

    fn dump(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.asked("dump")
    }
}

#[test]
fn rotations_behind_a_lane_and_a_flight_recorder_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let file = crate::sinks::file::file(dir.path().join("shop.log")).build().unwrap();
    let flight = crate::sinks::flight::Flight::new(file, Default::default()).unwrap();
    let mut lane = Lane::new(flight, SMALL).unwrap();
    let mut cx = Context { now: 0, journal: &mut NoJournal };
    for n in 0..2 {
        put(&mut lane, n);
        lane.dump(&mut cx).unwrap();
        lane.rotate(&mut cx).unwrap();
    }
    flush(&mut lane).unwrap();
    assert_eq!((lane.take_rotations(), lane.take_rotations()), (2, 0));
}

#[test]
fn a_commit_that_fails_is_repeated_before_anything_else() {
    let asked = Arc::<Mutex<Vec<_>>>::default();
    let inner = Reluctant { asked: Arc::clone(&asked), refusals: 2, pending: 0 };
    let mut lane = Lane::new(inner, SMALL).unwrap();
    put(&mut lane, 0);
    let err = flush(&mut lane).unwrap_err().to_string();
    assert_eq!(err, "not yet (and 1 more errors)");
    assert_eq!(*asked.lock().unwrap(), ["record", "commit", "flush"]);
    assert_eq!(lane.take_dropped(), 0);
}

#[test]
fn calls_reach_the_sink_in_their_place_among_the_records() {
    let asked = Arc::<Mutex<Vec<_>>>::default();
    let inner = Reluctant { asked: Arc::clone(&asked), refusals: 0, pending: 0 };
    let mut lane = Lane::new(inner, SMALL).unwrap();
    let mut cx = Context { now: 7, journal: &mut NoJournal };
    put(&mut lane, 0);
    lane.tick(&mut cx).unwrap();
    lane.reopen(&mut cx).unwrap();
    lane.rotate(&mut cx).unwrap();
    lane.dump(&mut cx).unwrap();
    lane.flush(&mut cx).unwrap();
    drop(lane);
    let expected = ["record", "commit", "tick", "reopen", "rotate", "dump", "flush"];
    assert_eq!(*asked.lock().unwrap(), expected);
}

/// A sink that logs for each record would otherwise feed itself for ever.
#[test]
fn the_sink_runs_under_the_mark_of_the_route_that_the_record_came_by() {
    let seen = Arc::<Mutex<Vec<u32>>>::default();
    let sees = Arc::clone(&seen);
    let inner = function(move |_| {
        sees.lock().unwrap().push(onewriter_ring::thread_mark());
        Ok(())
    });
    let mut lane = Lane::new(inner, SMALL).unwrap();
    let marks = [crate::guard::mark(3), onewriter_ring::SILENT, crate::guard::mark(3)];
    for mark in marks {
        onewriter_ring::mark_thread(mark);
        put(&mut lane, 0);
        put(&mut lane, 1);
    }
    flush(&mut lane).unwrap();
    onewriter_ring::mark_thread(0);
    assert_eq!(*seen.lock().unwrap(), marks.map(|mark| [mark; 2]).concat());
}

#[test]
fn too_small_a_lane_is_refused() {
    let err = Lane::new(memory().0, LaneOptions { bytes: 0, ..SMALL }).err();
    let expected = "lane of 0 bytes: give at least 4096, the default is 1048576";
    assert_eq!(err.map(|err| err.to_string()).as_deref(), Some(expected));
}
