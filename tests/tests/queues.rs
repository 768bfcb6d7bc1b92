//! Several queues in one process: levels, sinks that come later, losses, and the way back to none.

use onewriter::{
    Filter, Format, Guard, Handle, Level, LevelFilter, Overflow, PutError, Record, TextFormat, sink,
};
use onewriter::{info, log, try_info};
use onewriter_ring::{Survey, SurveyedName};
use onewriter_tests::{Gate, PATIENCE, Place, alone, assert_same, lines, numbered};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn plain() -> TextFormat {
    TextFormat::pattern("{message}").expect("a pattern")
}

fn path(place: &Place, name: &str) -> PathBuf {
    place.dir().join(name)
}

#[track_caller]
fn complete(log: &Handle) {
    log.complete(PATIENCE).expect("every sink takes everything");
}

#[track_caller]
fn end(log: Guard) {
    log.shutdown(PATIENCE).expect("everything is written");
}

/// What is seen of this process from outside in the queue of a file, or in its private one: rings,
/// bytes that wait, records that were lost.
fn seen(file: Option<PathBuf>) -> (usize, u64, u64) {
    let is_it = |survey: &Survey| match &file {
        Some(file) => survey.is_of_file(file),
        None => matches!(survey.name, SurveyedName::Private(_)),
    };
    let roots = Survey::roots();
    let queues = roots.iter().flat_map(|root| Survey::all(root).expect("it can be looked at"));
    let segments = queues.filter(is_it).flat_map(|survey| survey.segments);
    let own = segments.filter(|segment| segment.process == std::process::id());
    own.fold((0, 0, 0), |sum, it| (sum.0 + it.rings, sum.1 + it.waiting, sum.2 + it.lost))
}

#[test]
fn a_record_that_one_queue_alone_wants_never_enters_another() {
    let _alone = alone();
    for for_file in [false, true] {
        let place = Place::default();
        let (memory, kept) = sink::memory();
        let log = onewriter::builder()
            .sink(sink::file(place.log()).format(plain()).filter(only("file")))
            .sink(memory.format(plain()))
            .install()
            .expect("the logger can be installed");
        log.set_sink_filter(1, only("terminal")).expect("it runs");
        for n in 0..100 {
            match for_file {
                true => info!(target: "file", "line {n}"),
                false => info!(target: "terminal", "line {n}"),
            }
            info!(target: "nobody", "not wanted {n}");
        }
        complete(&log);
        let (file, private) = (seen(Some(place.log())), seen(None));
        let (used, unused) = if for_file { (file, private) } else { (private, file) };
        assert_eq!((used, unused), ((1, 0, 0), (0, 0, 0)));
        let stats = log.stats();
        assert_eq!((stats.accepted, stats.written, stats.lost), (100, 100, 0));
        let taken: Vec<u64> = stats.sinks.iter().map(|sink| sink.taken).collect();
        assert_eq!(taken, if for_file { [100, 0] } else { [0, 100] });
        end(log);
        let (used, unused) = match for_file {
            true => (place.lines(), kept.lines()),
            false => (kept.lines(), place.lines()),
        };
        assert_same(&used, &numbered("line", 100));
        assert_eq!(unused, [""; 0]);
    }
}

fn only(target: &str) -> Filter {
    Filter::parse(&format!("off,{target}=trace")).expect("a filter")
}

const LEVELS: [Level; 5] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];

/// One record through each door at each level, always by the same call sites; what they say.
fn through_all_doors(n: usize) -> Vec<(Level, String)> {
    let mut said = Vec::new();
    for level in LEVELS {
        log!(level, "own {n}");
        match level {
            Level::Trace => (log::trace!("log {n}"), tracing::trace!("tracing {n}")),
            Level::Debug => (log::debug!("log {n}"), tracing::debug!("tracing {n}")),
            Level::Info => (log::info!("log {n}"), tracing::info!("tracing {n}")),
            Level::Warn => (log::warn!("log {n}"), tracing::warn!("tracing {n}")),
            _ => (log::error!("log {n}"), tracing::error!("tracing {n}")),
        };
        said.extend(["own", "log", "tracing"].map(|door| (level, format!("{door} {n}"))));
    }
    said
}

/// The lines that a sink of this level gets of these records.
fn admitted(said: &[(Level, String)], sink: LevelFilter, all: LevelFilter) -> Vec<String> {
    let passes = |level: &Level| sink.admits(*level) && all.admits(*level);
    said.iter().filter(|(level, _)| passes(level)).map(|(_, line)| line.clone()).collect()
}

#[test]
fn filters_that_change_and_sinks_that_come_hold_at_once_in_every_queue_and_at_every_door() {
    let _alone = alone();
    let place = Place::default();
    let (memory, kept) = sink::memory();
    let log = onewriter::builder()
        .sink(sink::file(path(&place, "0")).format(plain()).level(Level::Error))
        .sink(onewriter::IntoSink::level(memory.format(plain()), Level::Error))
        .install()
        .expect("the logger can be installed");
    let off = LevelFilter::OFF;
    let [trace, debug, info, warn, error] = LEVELS.map(LevelFilter::from);
    let mut levels = vec![error, error];
    let mut all = LevelFilter::ALL;
    let mut wanted = vec![Vec::new(), Vec::new()];
    let steps: [(Option<usize>, LevelFilter); 14] = [
        (Some(0), info),
        (Some(1), trace),
        (Some(0), off),
        (None, warn),
        // The third sink, which comes now, and the fourth.
        (Some(2), trace),
        (None, debug),
        (Some(1), off),
        (Some(2), off),
        (Some(0), trace),
        (Some(3), info),
        (None, trace),
        (Some(2), warn),
        (None, off),
        (None, error),
    ];
    for (n, (sink, level)) in steps.into_iter().enumerate() {
        match sink {
            None => {
                log.set_level(level).expect("it runs");
                all = level;
            }
            Some(at) if at == levels.len() => {
                let file = sink::file(path(&place, &at.to_string())).format(plain());
                log.add_sink(file.level(level)).expect("it runs");
                levels.push(level);
                wanted.push(Vec::new());
            }
            Some(at) => {
                log.set_sink_filter(at, Filter::level(level)).expect("it runs");
                levels[at] = level;
            }
        }
        let said = through_all_doors(n);
        for (wanted, level) in wanted.iter_mut().zip(&levels) {
            wanted.extend(admitted(&said, *level, all));
        }
    }
    end(log);
    assert_same(&kept.lines(), &wanted[1]);
    for at in [0, 2, 3] {
        assert_same(&lines(&path(&place, &at.to_string())), &wanted[at]);
    }
}

#[test]
fn a_queue_that_comes_later_has_the_filter_that_holds_then() {
    let _alone = alone();
    let place = Place::default();
    let log = onewriter::builder().sink(sink::memory().0).level(Level::Info).install();
    let log = log.expect("the logger can be installed");
    log.set_level(Level::Error).expect("it runs");
    log.add_sink(sink::file(path(&place, "errors")).format(plain())).expect("it runs");
    let mut said = through_all_doors(0);
    log.set_level(Level::Trace).expect("it runs");
    log.add_sink(sink::file(path(&place, "all")).format(plain())).expect("it runs");
    let all = through_all_doors(1);
    end(log);
    said.retain(|(level, _)| *level == Level::Error);
    said.extend(all.iter().cloned());
    let texts = |said: Vec<(Level, String)>| said.into_iter().map(|it| it.1).collect::<Vec<_>>();
    assert_same(&lines(&path(&place, "errors")), &texts(said));
    assert_same(&lines(&path(&place, "all")), &texts(all));
}

fn too_many(n: usize) -> String {
    format!(
        "{n} queues, one for each file and one for all other sinks, and a process can have 7: give the \
         logger a name with `.name(\"shop\")`, then all its sinks share one"
    )
}

#[test]
fn a_file_has_one_sink_and_a_second_one_is_refused_whatever_it_is_called() {
    let _alone = alone();
    let place = Place::default();
    let file = || sink::file(path(&place, "one")).format(plain());
    let refused = format!(
        "two sinks write {}: give one of them another file, or leave it out",
        path(&place, "one").display()
    );
    let twice = onewriter::builder().sink(file()).sink(file()).install();
    assert_eq!(twice.err().expect("refused").to_string(), refused);
    let log = onewriter::builder().sink(file()).install().expect("one is enough");
    let link = path(&place, "link");
    std::os::unix::fs::symlink(path(&place, "one"), &link).expect("a link");
    let err = log.add_sink(sink::file(link).format(plain())).expect_err("refused");
    assert_eq!(err.to_string(), refused);
    log.add_sink(sink::file(path(&place, "two")).format(plain())).expect("another file");
    info!("once");
    end(log);
    assert_eq!(lines(&path(&place, "one")), ["once"]);
    assert_eq!(lines(&path(&place, "two")), ["once"]);
}

#[test]
fn more_than_seven_queues_are_refused_and_a_name_makes_one_of_them() {
    let _alone = alone();
    let place = Place::default();
    let with = |n_files: usize| {
        let file = |n: usize| sink::file(path(&place, &n.to_string())).format(plain());
        (0..n_files).fold(onewriter::builder(), |builder, n| builder.sink(file(n)))
    };
    let err = with(9).install().err().expect("refused");
    assert_eq!((err.kind(), err.to_string()), (onewriter::ErrorKind::Config, too_many(9)));
    let err = with(7).sink(sink::memory().0).install().err().expect("refused");
    assert_eq!(err.to_string(), too_many(8));
    // At the door: none of them was joined.
    let joined = |n: usize| {
        let (roots, file) = (Survey::roots(), path(&place, &n.to_string()));
        roots.iter().any(|root| Survey::folder_of_file(root, &file).is_some())
    };
    assert_eq!((0..9).find(|n| joined(*n)), None);
    // Two sinks of one queue are no further queue.
    let (one, ones) = sink::memory();
    let (two, twos) = sink::memory();
    let log = with(6).sink(one.format(plain())).sink(two.format(plain())).install();
    let log = log.expect("seven are not too many");
    info!("seven");
    let err = log.add_sink(sink::file(path(&place, "6"))).expect_err("refused");
    assert_eq!(err.to_string(), too_many(8));
    assert!((0..6).all(joined) && !joined(6));
    info!("still seven");
    end(log);
    // By a name they are one.
    let (memory, kept) = sink::memory();
    let name = format!("queues-{}", std::process::id());
    let log = with(8).sink(memory.format(plain())).name(&name).install();
    let log = log.expect("it is one queue");
    info!("one");
    log.add_sink(sink::file(path(&place, "8")).format(plain())).expect("it is the same queue");
    info!("and one more");
    end(log);
    let wanted = ["seven", "still seven", "one", "and one more"];
    for n in 0..9 {
        let from = [0, 2, 3][usize::from(n >= 6) + usize::from(n == 8)];
        assert_eq!(lines(&path(&place, &n.to_string())), wanted[from..], "file {n}");
    }
    assert_eq!(ones.lines(), wanted[..2]);
    assert_eq!(twos.lines(), wanted[..2]);
    assert_eq!(kept.lines(), wanted[2..]);
    remove_queue(&name);
}

/// The folder of a queue with a name stays.
fn remove_queue(name: &str) {
    let of_name = |survey: &Survey| survey.name == SurveyedName::Named(name.to_owned());
    for root in Survey::roots() {
        let queues = Survey::all(&root).expect("it can be looked at");
        for queue in queues.into_iter().filter(of_name) {
            std::fs::remove_dir_all(queue.dir).expect("it can be removed");
        }
    }
}

/// A formatter that stands at a gate.
struct Gated(Arc<Gate>, TextFormat);

impl Format for Gated {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.0.pass();
        self.1.format(record, out);
    }
}

/// Three queues, of two files and a sink in memory; that at `gated` stands at the gate.
struct Three {
    log: Guard,
    gate: Arc<Gate>,
    place: Place,
    kept: sink::Lines,
}

impl Three {
    fn new(gated: usize, overflow: Overflow) -> Three {
        let (place, gate) = (Place::default(), Arc::new(Gate::default()));
        let (memory, kept) = sink::memory();
        let format = |at: usize| -> Box<dyn Format> {
            if at == gated {
                Box::new(Gated(Arc::clone(&gate), plain()))
            } else {
                Box::new(plain())
            }
        };
        let log = onewriter::builder()
            .sink(sink::file(path(&place, "0")).format(format(0)))
            .sink(memory.format(format(1)))
            .sink(sink::file(path(&place, "2")).format(format(2)))
            .overflow(overflow)
            .memory(64 << 10)
            .install()
            .expect("the logger can be installed");
        Three { log, gate, place, kept }
    }

    fn lines(&self, at: usize) -> Vec<String> {
        if at == 1 { self.kept.lines() } else { lines(&path(&self.place, &at.to_string())) }
    }

    /// How many lines are whole while the writer may be in the middle of one.
    fn n_lines(&self, at: usize) -> usize {
        if at == 1 {
            return self.kept.lines().len();
        }
        let text = std::fs::read(path(&self.place, &at.to_string())).expect("it can be read");
        text.iter().filter(|byte| **byte == b'\n').count()
    }

    /// Waits until the other two have written so many lines.
    fn wait_for(&self, gated: usize, count: usize) {
        let until = Instant::now() + PATIENCE;
        while (0..3).any(|at| at != gated && self.n_lines(at) < count) {
            assert!(Instant::now() < until, "{count} lines are not there");
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_queue_that_is_full_loses_and_tells_its_own_records_alone_and_is_what_a_try_form_answers() {
    let _alone = alone();
    for gated in 0..3 {
        let three = Three::new(gated, Overflow::drop_newest());
        let mut answers = Vec::new();
        for n in 0..1_000 {
            answers.push(try_info!("line {n}"));
            if n % 20 == 19 {
                three.wait_for(gated, n + 1);
            }
        }
        let accepted = answers.iter().take_while(|answer| answer.is_ok()).count();
        assert!(accepted > 50, "an 8 KiB ring holds more than {accepted}");
        assert!(answers[accepted..].iter().all(|answer| *answer == Err(PutError::Full)));
        let lost = 1_000 - accepted;
        assert_eq!(three.log.stats().lost, 0, "nothing but the stalled one has lost any");
        three.gate.open();
        complete(&three.log);
        assert_eq!(three.log.stats().lost, lost as u64);
        for at in 0..3 {
            let lines = three.lines(at);
            let (told, lines): (Vec<_>, Vec<_>) =
                lines.into_iter().partition(|line| line.contains(" records lost: "));
            if at == gated {
                assert_same(&lines, &numbered("line", accepted));
                let said =
                    |line: &String| line.split(' ').next().and_then(|n| n.parse::<usize>().ok());
                assert_eq!(told.iter().filter_map(said).sum::<usize>(), lost, "{told:?}");
            } else {
                assert_same(&lines, &numbered("line", 1_000));
                assert_eq!(told, [""; 0], "sink {at} tells what sink {gated} has lost");
            }
        }
        end(three.log);
    }
}

#[test]
fn complete_waits_for_the_slowest_of_several_queues() {
    let _alone = alone();
    for gated in 0..3 {
        let three = Three::new(gated, Overflow::block(PATIENCE));
        info!("line 0");
        three.wait_for(gated, 1);
        let err = three.log.complete(Duration::ZERO).expect_err("one stands at the gate");
        assert_eq!(err.kind(), onewriter::ErrorKind::Incomplete);
        assert_eq!(three.lines(gated), [""; 0]);
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| three.log.complete(PATIENCE));
            three.gate.open();
            waits.join().expect("it ends").expect("the gate is open");
        });
        for n in 1..100 {
            (0..3).for_each(|at| assert_same(&three.lines(at), &numbered("line", n)));
            info!("line {n}");
            complete(&three.log);
        }
        end(three.log);
    }
}

/// A logger with so many queues: a sink in memory and files of this round.
fn with_queues(place: &Place, round: usize, count: usize) -> (Guard, sink::Lines, Vec<PathBuf>) {
    let (memory, kept) = sink::memory();
    let files: Vec<PathBuf> =
        (1..count).map(|n| path(place, &format!("round-{round}-{n}"))).collect();
    let builder = onewriter::builder().overflow(Overflow::block(PATIENCE));
    // Sometimes first, sometimes last: call sites change their queues' places.
    let (first, last) = files.split_at(if round.is_multiple_of(2) { 0 } else { files.len() });
    let add = |builder: onewriter::Builder, file: &PathBuf| {
        builder.sink(sink::file(file).format(plain()))
    };
    let builder = first.iter().fold(builder, add).sink(memory.format(plain()));
    let log = last.iter().fold(builder, add).install();
    (log.expect("the logger can be installed"), kept, files)
}

#[test]
fn call_sites_keep_their_numbers_through_fifty_loggers_of_one_two_and_three_queues() {
    let _alone = alone();
    let place = Place::default();
    for round in 0..50 {
        let (log, kept, files) = with_queues(&place, round, 1 + round % 3);
        let mut wanted = Vec::new();
        for n in 0..10 {
            let said = through_all_doors(n);
            wanted.extend(admitted(&said, Level::Info.into(), LevelFilter::ALL));
            // A call site that nobody has met.
            log::info!(target: &format!("target {round} {n}"), "new {n}");
            wanted.push(format!("new {n}"));
        }
        if round % 5 == 4 {
            let late = path(&place, &format!("round-{round}-late"));
            log.add_sink(sink::file(&late).format(plain())).expect("it runs");
            let said = through_all_doors(10);
            let said = admitted(&said, Level::Info.into(), LevelFilter::ALL);
            wanted.extend(said.iter().cloned());
            end(log);
            assert_same(&lines(&late), &said);
        } else {
            end(log);
        }
        assert_same(&kept.lines(), &wanted);
        for file in files {
            assert_same(&lines(&file), &wanted);
        }
    }
}

#[test]
fn a_thread_that_logs_all_the_time_has_no_gap_in_any_queue_of_loggers_that_come_and_go() {
    let _alone = alone();
    let place = Place::default();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends = Ends(&is_over);
        scope.spawn(|| {
            let mut n = 0;
            while !is_over.load(Ordering::Relaxed) {
                info!("noise {n}");
                n += 1;
                std::thread::yield_now();
            }
        });
        for round in 0..50 {
            let (log, kept, files) = with_queues(&place, round, 1 + round % 3);
            complete(&log);
            end(log);
            let all = files.iter().map(|file| lines(file)).chain([kept.lines()]);
            let all: Vec<Vec<u64>> = all.map(|lines| numbers(&lines)).collect();
            for own in &all {
                let is_whole = own.windows(2).all(|pair| pair[0] + 1 == pair[1]);
                assert!(is_whole, "round {round}: a gap or a double in {own:?}");
                // The first and the last may have met the beginning and the end of the logger.
                let first = |own: &Vec<u64>| own.first().copied().unwrap_or_default();
                let differ = first(own).abs_diff(first(&all[0]));
                assert!(own.len() < 2 || all[0].len() < 2 || differ < 2, "round {round}: {all:?}");
                assert!(own.len().abs_diff(all[0].len()) <= 2, "round {round}: {all:?}");
            }
        }
    });
}

/// Ends the thread that logs, whatever becomes of the test.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The numbers of lines `noise N`. A put that waits for room when its logger ends gives up, and is told.
fn numbers(lines: &[String]) -> Vec<u64> {
    let lines = match lines {
        [lines @ .., last] if last.starts_with("1 records lost: ") => lines,
        lines => lines,
    };
    let number = |line: &String| line.strip_prefix("noise ").and_then(|n| n.parse::<u64>().ok());
    lines.iter().map(|line| number(line).unwrap_or_else(|| panic!("{line:?}"))).collect()
}

/// A formatter that logs about what it formats.
struct Chatty(TextFormat);

impl Format for Chatty {
    fn format(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        info!("formatted");
        self.0.format(record, out);
    }
}

#[test]
fn sinks_of_several_queues_that_log_about_each_other_come_to_an_end() {
    let _alone = alone();
    let place = Place::default();
    let (memory, kept) = sink::memory();
    let log = onewriter::builder()
        .sink(sink::file(path(&place, "0")).format(Chatty(plain())))
        .sink(memory.format(Chatty(plain())))
        .sink(sink::file(path(&place, "2")).format(plain()))
        .overflow(Overflow::block(PATIENCE))
        .install()
        .expect("the logger can be installed");
    for n in 0..100 {
        info!("line {n}");
    }
    // What the first two log while this waits, and what that brings.
    (0..3).for_each(|_| complete(&log));
    let split = |lines: Vec<String>| -> (Vec<String>, Vec<String>) {
        lines.into_iter().partition(|line| line == "formatted")
    };
    let all = [lines(&path(&place, "0")), kept.lines(), lines(&path(&place, "2"))].map(split);
    let counts = all.each_ref().map(|(formatted, _)| formatted.len());
    // Each says it once for each line, and not to itself.
    assert_eq!(counts, [100, 100, 200]);
    all.iter().for_each(|(_, plain)| assert_same(plain, &numbered("line", 100)));
    end(log);
}
