//! What a program does with its logger while it runs: complete, filters, sinks, statistics, faults.

use onewriter::{
    Error, ErrorKind, Filter, Guard, IntoSink, Level, LevelFilter, Overflow, TextFormat, debug,
    error, info, sink, warn,
};
use onewriter_tests::{Gate, PATIENCE, Place, Talk, alone, assert_same, lines, numbered};
use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

fn plain() -> TextFormat {
    TextFormat::pattern("{message}").expect("a pattern")
}

/// A logger with a sink in memory whose lines are the messages.
fn in_memory() -> (Guard, impl Fn() -> Vec<String>) {
    let (memory, lines) = sink::memory();
    let log = onewriter::builder().sink(memory.format(plain())).install();
    let log = log.expect("the logger can be installed");
    (log, move || lines.lines())
}

/// A function sink that says what it gets, and does with it what `then` does.
fn tells(
    then: impl Fn(&str) -> Result<(), Error> + Send + 'static,
) -> (impl IntoSink, Arc<Mutex<Vec<String>>>) {
    let taken = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&taken);
    let mut format = plain();
    let sink = sink::function(move |record: &onewriter::Record<'_>| {
        let mut line = Vec::new();
        onewriter::Format::format(&mut format, record, &mut line);
        let line = String::from_utf8(line).expect("UTF-8").trim_end().to_owned();
        then(&line)?;
        own.lock().expect("whole").push(line);
        Ok(())
    });
    (sink.named("teller"), taken)
}

#[track_caller]
fn end(log: Guard) {
    log.shutdown(PATIENCE).expect("everything is written");
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

#[test]
fn complete_returns_when_all_that_was_put_before_is_written() {
    let _alone = alone();
    let (log, lines) = in_memory();
    for n in 0..200 {
        info!("line {n}");
        onewriter::complete(PATIENCE).expect("the sink takes everything");
        assert_eq!(lines().len(), n + 1);
    }
    end(log);
}

#[test]
fn a_deadline_of_zero_asks_and_does_not_wait() {
    let _alone = alone();
    let gate = Arc::new(Gate::default());
    let own = Arc::clone(&gate);
    let (sink, taken) = tells(move |_| {
        own.pass();
        Ok(())
    });
    let log = onewriter::builder().sink(sink).install().expect("the logger can be installed");
    info!("it waits at the gate");
    let err = onewriter::complete(Duration::ZERO).expect_err("nothing is written");
    assert_eq!(err.kind(), ErrorKind::Incomplete);
    let text = err.to_string();
    assert!(text.starts_with("not everything was written within 0ns: "), "{text}");
    gate.open();
    onewriter::complete(PATIENCE).expect("the gate is open");
    assert_eq!(*taken.lock().expect("whole"), ["it waits at the gate"]);
    end(log);
}

#[test]
fn complete_from_many_threads_at_once_returns_in_each_for_its_own_records() {
    let _alone = alone();
    let (log, lines) = in_memory();
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let lines = &lines;
            scope.spawn(move || {
                for n in 0..20 {
                    info!("thread {thread} {n}");
                    onewriter::complete(PATIENCE).expect("the sink takes everything");
                    let wanted = format!("thread {thread} {n}");
                    assert!(lines().contains(&wanted), "{wanted} is not there");
                }
            });
        }
    });
    end(log);
}

#[test]
fn complete_can_be_awaited_without_a_runtime() {
    let _alone = alone();
    let (log, lines) = in_memory();
    for n in 0..20 {
        info!("line {n}");
        block_on(onewriter::complete_async(PATIENCE)).expect("the sink takes everything");
        assert_eq!(lines().len(), n + 1);
    }
    end(log);
    let err = block_on(onewriter::complete_async(PATIENCE)).expect_err("it was shut down");
    assert_eq!(err.kind(), ErrorKind::Closed);
}

#[test]
fn complete_called_by_a_sink_is_refused_at_once() {
    let _alone = alone();
    let (sink, taken) = tells(|_| onewriter::complete(PATIENCE));
    let (errors, seen) = mpsc::channel();
    let log = onewriter::builder().sink(sink).on_error(move |err| {
        let _ = errors.send(err.to_string());
    });
    let log = log.install().expect("the logger can be installed");
    info!("one");
    log.complete(PATIENCE).expect("the record was offered");
    let wanted = "teller: complete() was called by a sink: the writer cannot wait for itself";
    assert_eq!(seen.recv_timeout(PATIENCE).as_deref(), Ok(wanted));
    assert!(taken.lock().expect("whole").is_empty());
    end(log);
}

#[test]
fn after_a_shutdown_everything_is_refused_with_the_reason() {
    let _alone = alone();
    let (log, lines) = in_memory();
    let handle = log.handle();
    info!("before");
    end(log);
    info!("after");
    let closed = [
        onewriter::complete(PATIENCE),
        onewriter::handle().map(|_| ()),
        handle.set_level(Level::Debug),
        handle.set_sink_filter(0, Filter::all()),
        handle.add_sink(sink::memory().0),
        handle.reopen(),
        handle.rotate(),
        handle.dump(),
    ];
    for (n, result) in closed.into_iter().enumerate() {
        let err = result.expect_err("it was shut down");
        assert_eq!(err.kind(), ErrorKind::Closed, "call {n}: {err}");
        let texts =
            ["no logger is installed, or it was shut down", "the writer has been shut down"];
        assert!(texts.contains(&err.to_string().as_str()), "call {n}: {err}");
    }
    assert_eq!(lines(), ["before"]);
}

#[test]
fn a_second_install_is_refused_and_one_after_a_shutdown_works() {
    let _alone = alone();
    let (log, first) = in_memory();
    let err = onewriter::builder().sink(sink::memory().0).install().err().expect("refused");
    assert_eq!(
        (err.kind(), err.to_string().as_str()),
        (
            ErrorKind::Config,
            "a logger is installed already: keep the guard of the first `install`, or end it with \
             `Guard::shutdown` before the second"
        )
    );
    info!("one");
    end(log);
    for _ in 0..20 {
        let (log, lines) = in_memory();
        info!("two");
        end(log);
        assert_eq!(lines(), ["two"]);
    }
    assert_eq!(first(), ["one"]);
}

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    let _alone = alone();
    let with = |change: fn(onewriter::Builder) -> onewriter::Builder| {
        let builder = change(onewriter::builder());
        builder.install().err().expect("refused").to_string()
    };
    assert_eq!(with(|it| it), "the logger has no sink: add one, such as `.sink(sink::stderr())`");
    assert_eq!(
        with(|it| it.sink(sink::memory().0).memory(1)),
        "memory of 1 bytes: give from 65536 to 1073741824"
    );
    assert_eq!(
        with(|it| it.sink(sink::memory().0).stats_every(Duration::ZERO)),
        "statistics every 0 s: give at least 1 ms"
    );
    let name = with(|it| it.sink(sink::memory().0).name("a/b"));
    assert!(name.contains("\"a/b\"") || name.contains("a/b"), "{name}");
}

#[test]
fn a_filter_that_changes_judges_each_record_by_the_moment_it_was_put() {
    let _alone = alone();
    let (log, lines) = in_memory();
    let mut wanted = Vec::new();
    for n in 0..200 {
        info!("info {n}");
        wanted.push(format!("info {n}"));
        log.set_level(Level::Warn).expect("it runs");
        info!("not wanted {n}");
        warn!("warn {n}");
        wanted.push(format!("warn {n}"));
        log.set_level(LevelFilter::OFF).expect("it runs");
        error!("not wanted {n}");
        log.set_filter(Filter::level(Level::Debug)).expect("it runs");
        debug!("debug {n}");
        wanted.push(format!("debug {n}"));
        log.set_sink_filter(0, Filter::level(Level::Error)).expect("it runs");
        warn!("not wanted {n}");
        log.set_sink_filter(0, Filter::all()).expect("it runs");
    }
    log.complete(PATIENCE).expect("the sink takes everything");
    assert_same(&lines(), &wanted);
    let err = log.set_sink_filter(7, Filter::all()).expect_err("there is no such sink");
    assert_eq!(err.to_string(), "there is no sink 7: there are 1, from 0");
    end(log);
}

#[test]
fn a_sink_that_is_added_gets_what_is_put_after_it_and_nothing_before() {
    let _alone = alone();
    let (log, lines) = in_memory();
    let mut added = Vec::new();
    for n in 0..30 {
        info!("line {n}");
        let (memory, lines) = sink::memory();
        log.add_sink(memory.format(plain())).expect("it runs");
        added.push(lines);
    }
    info!("line 30");
    log.complete(PATIENCE).expect("the sinks take everything");
    let all = numbered("line", 31);
    assert_same(&lines(), &all);
    for (n, lines) in added.iter().enumerate() {
        assert_same(&lines.lines(), &all[n + 1..]);
    }
    end(log);
}

#[test]
fn rotate_and_reopen_act_on_what_was_complete_before() {
    let _alone = alone();
    let place = Place::default();
    let file = sink::file(place.log()).format(plain());
    let log = onewriter::builder().sink(file).install().expect("the logger can be installed");
    info!("one");
    log.complete(PATIENCE).expect("there is room");
    log.rotate().expect("it runs");
    log.complete(PATIENCE).expect("there is room");
    info!("two");
    log.complete(PATIENCE).expect("there is room");
    assert_eq!(lines(&place.dir().join("shop.1.log")), ["one"]);
    assert_eq!(log.stats().sinks[0].rotations, 1);
    fs::rename(place.log(), place.dir().join("moved")).expect("it can be renamed");
    log.reopen().expect("it runs");
    log.complete(PATIENCE).expect("there is room");
    info!("three");
    end(log);
    assert_eq!(lines(&place.dir().join("moved")), ["two"]);
    assert_eq!(place.lines(), ["three"]);
}

#[test]
fn dump_writes_what_a_flight_recorder_holds() {
    let _alone = alone();
    let (memory, lines) = sink::memory();
    let flight = sink::Flight::new(memory.format(plain()), onewriter::FlightOptions::default());
    let flight = flight.expect("the defaults are fine");
    let log = onewriter::builder().filter(Filter::level(Level::Trace)).sink(flight);
    let log = log.install().expect("the logger can be installed");
    debug!("held");
    log.complete(PATIENCE).expect("it is held");
    assert_eq!(lines.lines(), [""; 0]);
    log.dump().expect("it runs");
    log.complete(PATIENCE).expect("it is written");
    assert_eq!(lines.lines(), ["held"]);
    end(log);
}

#[test]
fn a_sink_that_fails_or_panics_loses_its_own_records_alone_and_says_so() {
    let _alone = alone();
    let (good, good_lines) = sink::memory();
    let (bad, bad_lines) = tells(|line| match line {
        "fails" => Err(Error::new(ErrorKind::Io, "no luck")),
        "panics" => panic!("no luck at all"),
        _ => Ok(()),
    });
    let errors = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&errors);
    let log = onewriter::builder()
        .sink(bad)
        .sink(good.format(plain()))
        .panic_hook(false)
        .on_error(move |err| own.lock().expect("whole").push((err.kind(), err.to_string())))
        .install()
        .expect("the logger can be installed");
    for line in ["one", "fails", "two", "panics", "three"] {
        info!("{line}");
    }
    log.complete(PATIENCE).expect("nothing is pending");
    let good_lines: Vec<_> =
        good_lines.lines().into_iter().filter(|line| !line.starts_with("thread '")).collect();
    assert_eq!(good_lines, ["one", "fails", "two", "panics", "three"]);
    let bad_lines: Vec<_> = bad_lines.lock().expect("whole").clone();
    assert_eq!(
        bad_lines.iter().filter(|line| !line.starts_with("thread '")).collect::<Vec<_>>(),
        ["one", "two", "three"]
    );
    let stats = log.stats();
    assert_eq!((stats.sinks[0].dropped, stats.sinks[0].errors), (2, 2));
    assert_eq!((stats.sinks[1].dropped, stats.sinks[1].errors), (0, 0));
    let last = "sink teller panicked: no luck at all";
    assert_eq!(stats.sinks[0].last_error.as_deref(), Some(last));
    // The second within a second is held back.
    assert_eq!(*errors.lock().expect("whole"), [(ErrorKind::Io, "teller: no luck".to_owned())]);
    end(log);
}

#[test]
fn complete_names_the_sink_that_cannot_write() {
    let _alone = alone();
    struct Stuck(Arc<AtomicUsize>, usize);
    impl onewriter::Sink for Stuck {
        fn name(&self) -> String {
            "the stuck one".to_owned()
        }
        fn record(
            &mut self,
            _: &onewriter::Record<'_>,
            _: &mut onewriter::Context<'_>,
        ) -> Result<(), Error> {
            self.1 += 1;
            Ok(())
        }
        fn commit(&mut self, _: &mut onewriter::Context<'_>) -> Result<(), Error> {
            if self.0.load(Ordering::Relaxed) == 0 {
                return Err(Error::new(ErrorKind::Io, "the line is down"));
            }
            self.1 = 0;
            Ok(())
        }
        fn pending(&self) -> usize {
            self.1
        }
    }
    let is_up = Arc::new(AtomicUsize::new(0));
    let (memory, lines) = sink::memory();
    let log = onewriter::builder()
        .sink(Stuck(Arc::clone(&is_up), 0))
        .sink(memory.format(plain()))
        .on_error(|_| ())
        .install()
        .expect("the logger can be installed");
    for n in 0..3 {
        info!("line {n}");
    }
    let err = log.complete(Duration::from_millis(300)).expect_err("the sink is stuck");
    let text = err.to_string();
    assert!(text.starts_with("not everything was written within 300ms: 3 records are "), "{text}");
    assert!(text.ends_with("; sinks that cannot write: the stuck one"), "{text}");
    assert_eq!(lines.lines(), numbered("line", 3));
    is_up.store(1, Ordering::Relaxed);
    log.complete(PATIENCE).expect("the line is up");
    let stats = log.stats();
    assert_eq!((stats.accepted, stats.written), (3, 3));
    end(log);
}

#[test]
fn what_a_sink_logs_reaches_the_others_and_comes_to_an_end() {
    let _alone = alone();
    let (chatty, own) = tells(|line| {
        info!("about {line}");
        Ok(())
    });
    let (memory, lines) = sink::memory();
    let log = onewriter::builder().sink(chatty).sink(memory.format(plain())).install();
    let log = log.expect("the logger can be installed");
    for n in 0..100 {
        info!("line {n}");
    }
    log.complete(PATIENCE).expect("it comes to an end");
    log.complete(PATIENCE).expect("it comes to an end");
    assert_same(&own.lock().expect("whole").clone(), &numbered("line", 100));
    let lines = lines.lines();
    let (about, plain): (Vec<String>, Vec<String>) =
        lines.into_iter().partition(|line| line.starts_with("about "));
    assert_same(&plain, &numbered("line", 100));
    assert_same(&about, &numbered("about line", 100));
    end(log);
}

#[test]
fn statistics_are_exact_after_complete() {
    let _alone = alone();
    let (one, _) = sink::memory();
    let (two, _) = sink::memory();
    let log = onewriter::builder().sink(one.level(Level::Warn)).sink(two).install();
    let log = log.expect("the logger can be installed");
    for _ in 0..30 {
        info!("an info");
    }
    for _ in 0..12 {
        warn!("a warning");
    }
    log.complete(PATIENCE).expect("the sinks take everything");
    let stats = log.stats();
    assert_eq!((stats.accepted, stats.written, stats.lost, stats.unreadable), (42, 42, 0, 0));
    assert_eq!((stats.waiting_bytes, stats.oldest), (0, Duration::ZERO));
    assert_eq!((stats.segments, stats.rings), (1, 1));
    let taken: Vec<_> = stats.sinks.iter().map(|sink| (sink.taken, sink.dropped)).collect();
    assert_eq!(taken, [(12, 0), (42, 0)]);
    end(log);
}

#[test]
fn a_line_of_statistics_appears_as_often_as_asked_for() {
    let _alone = alone();
    let (send, seen) = mpsc::channel();
    let (sink, _) = tells(move |line| {
        send.send(line.to_owned()).map_err(|_| Error::new(ErrorKind::Io, "nobody listens"))
    });
    let log = onewriter::builder().sink(sink).stats_every(Duration::from_millis(100)).install();
    let log = log.expect("the logger can be installed");
    info!("one");
    assert_eq!(seen.recv_timeout(PATIENCE).as_deref(), Ok("one"));
    for _ in 0..2 {
        let line = seen.recv_timeout(PATIENCE).expect("a line of statistics");
        let begin =
            "statistics: accepted 1, written 1, lost 0 (full 0, unplaced 0), unreadable 0, ";
        assert!(line.starts_with(begin), "{line}");
        assert!(line.contains("; teller: taken "), "{line}");
    }
    end(log);
}

/// Ticks of processor time that a process has used.
fn ticks(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("it lives");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<&str> = fields.split(' ').collect();
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
}

#[test]
fn an_idle_program_uses_no_processor() {
    let place = Place::default();
    let log = place.log();
    let args = ["talk", log.to_str().expect("UTF-8")];
    let mut idle = Talk::start(place.command(env!("CARGO_BIN_EXE_victim"), &args));
    assert_eq!(idle.ask("put line 10"), "ok");
    assert_eq!(idle.ask("complete 60000"), "ok");
    let (_keep, never) = mpsc::channel::<()>();
    // The writer's pauses grow for some 60 ms; then it sleeps.
    let _ = never.recv_timeout(Duration::from_millis(300));
    let before = ticks(idle.id());
    let _ = never.recv_timeout(Duration::from_secs(2));
    let used = ticks(idle.id()) - before;
    assert!(used <= 1, "{used} ticks of 10 ms in 2 s");
    assert!(idle.end().success());
}

#[test]
fn an_overflow_policy_never_holds_up_the_writers_own_thread() {
    let _alone = alone();
    // More than the ring of the writer's thread can hold, before it can read any of it.
    let (chatty, _) = tells(|_| {
        for n in 0..10_000 {
            info!("about {n}");
        }
        Ok(())
    });
    let (memory, lines) = sink::memory();
    let log = onewriter::builder()
        .sink(chatty)
        .sink(memory.format(plain()))
        .overflow(Overflow::block(PATIENCE * 60))
        .install()
        .expect("the logger can be installed");
    info!("line");
    log.complete(PATIENCE).expect("it did not wait for itself");
    log.complete(PATIENCE).expect("it did not wait for itself");
    let about = lines.lines().iter().filter(|line| line.starts_with("about ")).count() as u64;
    assert!(about > 10);
    assert_eq!(about + log.stats().lost, 10_000);
    // The line about the loss reaches the chatty sink too; what it says about that goes nowhere.
    while log.stats().silenced < 10_000 {
        log.complete(PATIENCE).expect("it did not wait for itself");
    }
    assert_eq!(about + log.stats().lost, 10_000);
    end(log);
}
