//! What every sink must do, as checks that anybody can run on a sink of their own.

use super::Sample;
use crate::error::{Error, ErrorKind};
use crate::format::message;
use crate::sink::{Context, NoJournal, Sink};
use onewriter_record::{Level, Record};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

/// Checks a sink against the rules that the writer relies on; panics with the rule that is broken.
///
/// `make` gives a new sink with a place of its own, and a handle of that place. `read_back` gives
/// everything that has been written there, oldest first, with all rotated files. The messages hold
/// only letters, digits and `-`, so that any formatter may be in use that shows the message.
///
/// 1. every record taken is written once and in order;
/// 2. a record is written whole or not at all;
/// 3. after a commit that succeeds nothing is pending;
/// 4. a commit with nothing to write writes nothing;
/// 5. flush returns after the bytes left us;
/// 6. flush, tick, reopen, rotate and dump may come at any time, and twice;
/// 7. the end of a sink loses nothing that was committed;
/// 8. nothing is counted as dropped where nothing was.
///
/// ```
/// use onewriter_engine::sinks::memory::memory;
/// use onewriter_engine::testing::check_sink;
/// check_sink(memory, |lines| lines.lines().join("\n"));
/// ```
pub fn check_sink<S: Sink, H>(make: impl Fn() -> (S, H), read_back: impl Fn(&H) -> String) {
    let cases: [fn(&mut Run<'_>); 5] = [order, whole, commits, calls, flushes];
    for case in cases {
        let (mut sink, handle) = make();
        let read = || read_back(&handle);
        let mut run = Run { sink: &mut sink, read: &read, put: Vec::new() };
        case(&mut run);
        let put = run.put;
        let dropped = sink.take_dropped();
        rule("nothing is counted as dropped where nothing was", dropped == 0, &dropped);
        drop(sink);
        expect("the end of a sink loses nothing that was committed", &read(), &put);
    }
}

/// A sink at work.
struct Run<'a> {
    sink: &'a mut dyn Sink,
    read: &'a dyn Fn() -> String,
    /// The messages so far.
    put: Vec<String>,
}

impl Run<'_> {
    fn call(
        &mut self,
        what: &str,
        call: impl FnOnce(&mut dyn Sink, &mut Context<'_>) -> Result<(), Error>,
    ) {
        let mut cx = Context { now: 1_795_248_309_123_456_789, journal: &mut NoJournal };
        let result = call(self.sink, &mut cx);
        rule(&format!("{what} succeeds where nothing is wrong"), result.is_ok(), &result);
    }

    fn put(&mut self, size: usize) {
        let message = format!("{}-{}-end", self.put.len(), "x".repeat(size));
        let sample = sample(&message, self.put.len() % 3);
        self.put.push(message);
        self.call("record", |sink, cx| sink.record(&sample.record(), cx));
    }

    fn commit(&mut self) {
        self.call("commit", |sink, cx| sink.commit(cx));
    }

    fn flush(&mut self) {
        self.call("flush", |sink, cx| sink.flush(cx));
    }

    fn expect(&self, name: &str) {
        expect(name, &(self.read)(), &self.put);
    }
}

/// Of level ERROR, so that a flight recorder holds nothing back.
fn sample(message: &str, site: usize) -> Sample {
    Sample::new("{}")
        .arg(message)
        .level(Level::Error)
        .target(["check::a", "check::b", "check::c"][site])
        .site_number(site + 1)
}

#[track_caller]
fn rule(name: &str, kept: bool, found: &dyn std::fmt::Debug) {
    assert!(kept, "broken rule: \"{name}\": {found:?}");
}

/// That the lines are these messages.
#[track_caller]
fn expect(name: &str, text: &str, put: &[String]) {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    for (idx, (line, message)) in lines.iter().zip(put).enumerate() {
        let once = line.matches(message.as_str()).count() == 1 && line.matches("-end").count() == 1;
        let shown: String = line.chars().take(200).collect();
        assert!(once, "broken rule: \"{name}\": line {idx} is not message {idx}: {shown:?}");
    }
    let (found, put) = (lines.len(), put.len());
    assert!(
        found == put,
        "broken rule: \"{name}\": {put} records were put, {found} lines are there"
    );
    assert!(text.is_empty() || put > 0, "broken rule: \"{name}\": bytes without a record");
}

fn order(run: &mut Run<'_>) {
    for n in 0..200 {
        run.put(n % 50);
        if n % 7 == 0 {
            run.commit();
        }
    }
    run.flush();
    run.expect("every record taken is written once and in order");
}

fn whole(run: &mut Run<'_>) {
    for size in [0, 1, 100, 4_095, 4_096, 65_537, 300_000, 3] {
        run.put(size);
    }
    run.flush();
    run.expect("a record is written whole or not at all");
}

fn commits(run: &mut Run<'_>) {
    for _ in 0..3 {
        run.commit();
        run.flush();
        run.expect("a commit with nothing to write writes nothing");
        run.put(10);
        run.commit();
        let pending = run.sink.pending();
        rule("after a commit that succeeds nothing is pending", pending == 0, &pending);
    }
}

fn calls(run: &mut Run<'_>) {
    for _ in 0..2 {
        run.put(10);
        run.call("tick", |sink, cx| sink.tick(cx));
        run.put(10);
        run.call("reopen", |sink, cx| sink.reopen(cx));
        run.put(10);
        run.call("rotate", |sink, cx| sink.rotate(cx));
        run.put(10);
        run.call("dump", |sink, cx| sink.dump(cx));
        run.flush();
        run.flush();
    }
    run.expect("flush, tick, reopen, rotate and dump may come at any time, and twice");
}

fn flushes(run: &mut Run<'_>) {
    for _ in 0..3 {
        run.put(20);
        run.put(20);
        run.flush();
        run.expect("flush returns after the bytes left us");
    }
}

/// Checks a sink that wraps another one, with one behind it that fails; panics with the rule that
/// is broken. `wrap` puts the sink under test in front of the one that is given.
///
/// 1. a failing record is reported once, counted once, and its neighbours are written;
/// 2. a panic in one record is visible, and does not stop the next;
/// 3. a commit that fails is reported and repeated, and loses nothing;
/// 4. every call reaches the sink behind.
///
/// ```
/// use onewriter_engine::sinks::lane::{Lane, LaneOptions};
/// use onewriter_engine::testing::check_wrapper;
/// check_wrapper(|faulty| Lane::new(faulty, LaneOptions::default()).unwrap());
/// ```
pub fn check_wrapper<S: Sink>(wrap: impl Fn(Faulty) -> S) {
    let wrapped = |refusals| {
        let (faulty, written) = Faulty::new();
        let faulty = faulty.refuse_commits(refusals);
        let calls = Arc::clone(&faulty.calls);
        (Observed::new(wrap(faulty)), written, calls)
    };
    let (mut sink, written, _) = wrapped(0);
    sink.put(&["0-end", "fail", "1-end"]);
    let name = "a failing record is reported once, counted once, and its neighbours are written";
    rule(name, sink.errors.len() == 1 && sink.lost() == 1, &sink.errors);
    expect(name, &written.text(), &["0-end".to_owned(), "1-end".to_owned()]);

    let (mut sink, written, _) = wrapped(0);
    sink.put(&["0-end", "panic", "1-end"]);
    let name = "a panic in one record is visible, and does not stop the next";
    rule(name, sink.errors == [ErrorKind::Panic], &sink.errors);
    expect(name, &written.text(), &["0-end".to_owned(), "1-end".to_owned()]);

    let (mut sink, written, _) = wrapped(2);
    sink.put(&["0-end", "1-end"]);
    let name = "a commit that fails is reported and repeated, and loses nothing";
    rule(name, !sink.errors.is_empty() && sink.lost() == 0, &sink.errors);
    expect(name, &written.text(), &["0-end".to_owned(), "1-end".to_owned()]);

    let (mut sink, _, calls) = wrapped(0);
    for call in [Sink::tick, Sink::reopen, Sink::rotate, Sink::dump] {
        sink.call(call);
    }
    sink.put(&[]);
    let calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
    rule(
        "every call reaches the sink behind",
        *calls == ["tick", "reopen", "rotate", "dump"],
        &calls,
    );
}

/// A sink with what it said, called as the writer calls it.
struct Observed<S> {
    sink: S,
    errors: Vec<ErrorKind>,
    /// Records that `record` itself refused, or panicked in.
    refused: u64,
}

impl<S: Sink> Observed<S> {
    fn new(sink: S) -> Observed<S> {
        Observed { sink, errors: Vec::new(), refused: 0 }
    }

    fn call(&mut self, call: impl FnOnce(&mut S, &mut Context<'_>) -> Result<(), Error>) -> bool {
        let mut cx = Context { now: 0, journal: &mut NoJournal };
        let sink = &mut self.sink;
        match catch_unwind(AssertUnwindSafe(|| call(sink, &mut cx).map_err(|err| err.kind()))) {
            Ok(Ok(())) => return true,
            Ok(Err(kind)) => self.errors.push(kind),
            Err(_) => self.errors.push(ErrorKind::Panic),
        }
        false
    }

    /// Puts these, then commits and flushes until both succeed.
    fn put(&mut self, messages: &[&str]) {
        for message in messages {
            let sample = sample(message, 0);
            let taken = self.call(|sink, cx| sink.record(&sample.record(), cx));
            self.refused += u64::from(!taken);
        }
        for _ in 0..10 {
            if self.call(|sink, cx| sink.commit(cx)) && self.call(|sink, cx| sink.flush(cx)) {
                return;
            }
        }
        rule("commit and flush succeed in the end", false, &self.errors);
    }

    fn lost(&mut self) -> u64 {
        self.refused + self.sink.take_dropped()
    }
}

/// A sink that fails where it is told to: it refuses a record with the message `fail`, and panics
/// at one with the message `panic`. Of the others it writes the message, a line for each.
#[derive(Default)]
pub struct Faulty {
    taken: String,
    written: Written,
    refusals: usize,
    calls: Arc<Mutex<Vec<&'static str>>>,
}

/// What a [`Faulty`] sink has written.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Mutex<String>>);

impl Written {
    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Faulty {
    /// The sink, and what it will have written.
    #[must_use]
    pub fn new() -> (Faulty, Written) {
        let faulty = Faulty::default();
        let written = faulty.written.clone();
        (faulty, written)
    }

    /// Lets the first `n` commits fail.
    #[must_use]
    pub fn refuse_commits(mut self, n: usize) -> Faulty {
        self.refusals = n;
        self
    }

    fn called(&self, name: &'static str) -> Result<(), Error> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        Ok(())
    }
}

impl Sink for Faulty {
    fn name(&self) -> String {
        "faulty".to_owned()
    }

    fn record(&mut self, record: &Record<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        let mut text = Vec::new();
        message(record, &mut text);
        match &*text {
            b"fail" => Err(Error::new(ErrorKind::Io, "told to fail")),
            b"panic" => panic!("told to panic"),
            _ => {
                self.taken += &String::from_utf8_lossy(&text);
                self.taken.push('\n');
                Ok(())
            }
        }
    }

    fn commit(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        if self.refusals > 0 {
            self.refusals -= 1;
            return Err(Error::new(ErrorKind::Io, "told to refuse the commit"));
        }
        let mut written = self.written.0.lock().unwrap_or_else(PoisonError::into_inner);
        written.push_str(&self.taken);
        self.taken.clear();
        Ok(())
    }

    fn pending(&self) -> usize {
        self.taken.len()
    }

    fn tick(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.called("tick")
    }

    fn reopen(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.called("reopen")
    }

    fn rotate(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.called("rotate")
    }

    fn dump(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        self.called("dump")
    }
}
