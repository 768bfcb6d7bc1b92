//! A sink that does not move, and what each overflow policy then does: accepted and lost are what
//! was offered, the log says what is missing, and memory stays as it is.

use onewriter::{Guard, IntoSink, Level, Overflow, PutError, TextFormat, info, sink};
use onewriter::{try_error, try_info, try_warn, warn};
use onewriter_tests::{Gate, PATIENCE, alone};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What reached the sink: level and message.
type Taken = Arc<Mutex<Vec<(Level, String)>>>;

/// A logger whose only sink stands at a gate.
struct Stalled {
    log: Guard,
    gate: Arc<Gate>,
    taken: Taken,
}

impl Stalled {
    fn new(overflow: Overflow, memory: usize) -> Stalled {
        let gate = Arc::new(Gate::default());
        let taken = Taken::default();
        let (own_gate, own_taken) = (Arc::clone(&gate), Arc::clone(&taken));
        let mut format = TextFormat::pattern("{message}").expect("a pattern");
        let take = move |record: &onewriter::Record<'_>| {
            own_gate.pass();
            let mut line = Vec::new();
            onewriter::Format::format(&mut format, record, &mut line);
            let line = String::from_utf8(line).expect("UTF-8").trim_end().to_owned();
            own_taken.lock().expect("whole").push((record.level(), line));
            Ok(())
        };
        let log = onewriter::builder()
            .sink(sink::function(take).level(Level::Trace))
            .overflow(overflow)
            .memory(memory)
            .install()
            .expect("the logger can be installed");
        Stalled { log, gate, taken }
    }

    /// Opens the gate; what was accepted, without the loss lines, and these.
    fn end(self) -> (Vec<(Level, String)>, Vec<String>, u64) {
        self.gate.open();
        self.log.complete(PATIENCE).expect("the gate is open");
        let lost = self.log.stats().lost;
        self.log.shutdown(PATIENCE).expect("the gate is open");
        let taken = std::mem::take(&mut *self.taken.lock().expect("whole"));
        let (losses, records): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|(_, line)| line.contains(" records lost: "));
        (records, losses.into_iter().map(|(_, line)| line).collect(), lost)
    }
}

/// The records are `n 0`, `n 1`, ...: the newest were dropped.
#[track_caller]
fn are_a_beginning(records: &[(Level, String)]) {
    for (n, (_, line)) in records.iter().enumerate() {
        assert_eq!(*line, format!("n {n}"));
    }
}

/// How many records a loss line says in all, and of a level.
fn said(line: &str, level: &str) -> u64 {
    let before = line.split(&format!(" {level}")).next().unwrap_or_default();
    before.rsplit(['(', ' ']).next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[test]
fn drop_newest_never_waits_and_each_record_that_is_missing_is_counted_in_the_log() {
    let _alone = alone();
    let stalled = Stalled::new(Overflow::drop_newest(), 64 << 10);
    let from = jiff_now();
    for n in 0..5_000 {
        info!("n {n}");
    }
    let to = jiff_now();
    let (records, losses, lost) = stalled.end();
    are_a_beginning(&records);
    assert_eq!(records.len() as u64 + lost, 5_000);
    assert!(records.len() > 50, "an 8 KiB ring holds more than {}", records.len());
    let told: u64 = losses.iter().map(|line| said(line, "records")).sum();
    assert_eq!(told, lost, "{losses:?}");
    assert_eq!(losses.iter().map(|line| said(line, "INFO")).sum::<u64>(), lost);
    let line = &losses[0];
    let process = std::process::id();
    let thread = std::thread::current().name().expect("a test's name").to_owned();
    assert!(line.contains(&format!("threads {thread} of process {process}: ")), "{line}");
    let (_, span) = line.rsplit_once("; from ").expect("a span");
    let (first, last) = span.split_once(" to ").expect("an end");
    assert!(*from <= *first && first <= last && *last <= *to, "{from} {first} {last} {to}");
}

/// The wall time as the loss line writes it, UTC with milliseconds.
fn jiff_now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("1970");
    let (days, seconds) = (now.as_secs() / 86_400, now.as_secs() % 86_400);
    // Civil date from days, after Howard Hinnant.
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (doy - (153 * mp + 2) / 5 + 1, if mp < 10 { mp + 3 } else { mp - 9 });
    let year = yoe + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let millis = now.subsec_millis();
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

#[test]
fn block_waits_as_long_as_it_says_once_then_drops_and_counts() {
    let _alone = alone();
    let stalled = Stalled::new(Overflow::block(Duration::from_millis(20)), 64 << 10);
    let mut accepted = 0;
    while try_info!("n {}", accepted).is_ok() {
        accepted += 1;
    }
    let begun = Instant::now();
    for n in 0..5 {
        info!("n {}", accepted + n);
    }
    assert!(begun.elapsed() >= Duration::from_millis(20));
    let (records, losses, lost) = stalled.end();
    are_a_beginning(&records);
    assert_eq!(records.len(), accepted);
    // The one that was tried, the one that waited, and those behind it.
    assert_eq!(lost, 6, "{losses:?}");
    assert_eq!(losses.iter().map(|line| said(line, "records")).sum::<u64>(), 6);
}

#[test]
fn block_loses_nothing_if_the_sink_moves_on_within_the_deadline() {
    let _alone = alone();
    let stalled = Stalled::new(Overflow::block(PATIENCE), 64 << 10);
    let gate = Arc::clone(&stalled.gate);
    std::thread::scope(|scope| {
        let (full, when_full) = std::sync::mpsc::channel();
        scope.spawn(move || {
            let mut n = 0;
            while try_info!("n {n}").is_ok() {
                n += 1;
            }
            // The one that was refused is offered again, and waits.
            full.send(()).expect("the test listens");
            for n in n..n + 2_000 {
                info!("n {n}");
            }
        });
        when_full.recv().expect("the ring is full at last");
        gate.open();
    });
    let (records, _, lost) = stalled.end();
    are_a_beginning(&records);
    assert!(records.len() > 2_000);
    assert_eq!(lost, 1);
}

#[test]
fn then_drop_below_drops_what_is_below_after_the_deadline_and_lets_the_rest_wait() {
    let _alone = alone();
    let policy = Overflow::block(Duration::from_millis(5)).then_drop_below(Level::Warn);
    let stalled = Stalled::new(policy, 64 << 10);
    while try_error!("fill").is_ok() {}
    let gate = Arc::clone(&stalled.gate);
    std::thread::scope(|scope| {
        let (began, when_begun) = std::sync::mpsc::channel();
        let urgent = scope.spawn(move || {
            // Its own ring is full too.
            while try_warn!("fill").is_ok() {}
            began.send(()).expect("the test listens");
            warn!("it waited");
        });
        when_begun.recv().expect("it begins");
        for _ in 0..4 {
            info!("dropped");
        }
        assert!(!urgent.is_finished(), "a WARN was not to be dropped after the deadline");
        gate.open();
    });
    let (records, losses, lost) = stalled.end();
    assert_eq!(records.iter().filter(|(_, line)| line == "it waited").count(), 1);
    assert_eq!(records.iter().filter(|(_, line)| line == "dropped").count(), 0);
    // Four dropped, and the two that were tried until there was no room.
    assert_eq!(lost, 6);
    let told = |level| losses.iter().map(|line| said(line, level)).sum::<u64>();
    assert_eq!((told("INFO"), told("WARN"), told("ERROR")), (4, 1, 1));
}

#[test]
fn drop_at_once_below_does_not_wait_for_what_is_below() {
    let _alone = alone();
    let policy = Overflow::block(PATIENCE).drop_at_once_below(Level::Warn);
    let stalled = Stalled::new(policy, 64 << 10);
    let begun = Instant::now();
    for n in 0..2_000 {
        info!("n {n}");
    }
    assert!(begun.elapsed() < PATIENCE, "it waited");
    let (records, losses, lost) = stalled.end();
    are_a_beginning(&records);
    assert_eq!(records.len() as u64 + lost, 2_000);
    assert_eq!(losses.iter().map(|line| said(line, "INFO")).sum::<u64>(), lost);
}

#[test]
fn a_part_of_each_ring_is_kept_for_errors() {
    let _alone = alone();
    let stalled = Stalled::new(Overflow::block(PATIENCE), 64 << 10);
    let mut n_infos = 0;
    while try_info!("n {n_infos}").is_ok() {
        n_infos += 1;
    }
    assert_eq!(try_warn!("n {n_infos}"), Err(PutError::Full));
    let mut n_errors = 0;
    while try_error!("n {n_errors}").is_ok() {
        n_errors += 1;
    }
    assert_eq!(try_error!("n {n_errors}"), Err(PutError::Full));
    let (records, losses, lost) = stalled.end();
    assert!(n_errors >= 5, "a sixteenth of 8 KiB holds more than {n_errors} errors");
    assert_eq!(records.len(), n_infos + n_errors);
    are_a_beginning(&records[..n_infos]);
    assert!(records[n_infos..].iter().all(|(level, _)| *level == Level::Error));
    assert_eq!(lost, 4);
    let told = |level| losses.iter().map(|line| said(line, level)).sum::<u64>();
    assert_eq!((told("INFO"), told("WARN"), told("ERROR")), (1, 1, 2));
}

#[test]
fn threads_that_lose_records_are_named_in_the_loss_line() {
    let _alone = alone();
    let stalled = Stalled::new(Overflow::drop_newest(), 64 << 10);
    // Both live until both are done: a ring that its thread has left goes to the next thread.
    let done = Arc::new(std::sync::Barrier::new(2));
    let threads = [("one", 3), ("two", 4)].map(|(name, extra)| {
        let done = Arc::clone(&done);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || {
            while try_info!("fill").is_ok() {}
            (0..extra).for_each(|_| info!("dropped"));
            done.wait();
        });
        thread.expect("a thread")
    });
    threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
    let (_, losses, lost) = stalled.end();
    assert_eq!(lost, 9);
    // In one line, or in two if the writer looked in between.
    let process = std::process::id();
    for (thread, count) in [("one", 4), ("two", 5)] {
        let named = format!("{thread} of process {process}: {count}");
        assert_eq!(losses.iter().filter(|line| line.contains(&named)).count(), 1, "{losses:?}");
    }
    for line in &losses {
        let count = said(line, "records");
        let begin = format!("{count} records lost: the queue was full ({count} INFO); threads ");
        assert!(line.starts_with(&begin), "{line}");
    }
}

/// Bytes of memory that the files of this process's segments occupy.
fn shared_memory() -> u64 {
    use std::os::unix::fs::MetadataExt;
    let maps = std::fs::read_to_string("/proc/self/maps").expect("its own maps");
    let mut segments: Vec<&str> =
        maps.lines().filter_map(|line| line.split_whitespace().last()).collect();
    segments.retain(|path| path.contains("/s-"));
    segments.sort_unstable();
    segments.dedup();
    let blocks = |path: &&str| std::fs::metadata(path).map_or(0, |meta| 512 * meta.blocks());
    segments.iter().map(blocks).sum()
}

#[test]
fn memory_stays_within_its_bounds_while_a_million_records_find_no_room() {
    let _alone = alone();
    let before = shared_memory();
    let stalled = Stalled::new(Overflow::drop_newest(), 1 << 20);
    let mut sizes = Vec::new();
    for n in 0..1_000_000 {
        info!("n {n}");
        if n % 250_000 == 100_000 {
            sizes.push(shared_memory() - before);
        }
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "it grows: {sizes:?}");
    assert!(sizes[0] <= (1 << 20) + (128 << 10), "{} bytes", sizes[0]);
    let (records, _, lost) = stalled.end();
    are_a_beginning(&records);
    assert_eq!(records.len() as u64 + lost, 1_000_000);
}
