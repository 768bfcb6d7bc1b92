//! Programs that are killed at any moment, in the middle of puts, writes, rotation, compression and
//! recovery: every put that had returned is in the files, once, whole, in order.

use onewriter_tests::{Place, lines};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Child;
use std::time::Instant;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
/// Kills of one run; the variable `ONEWRITER_KILLS` asks for more.
const KILLS: u64 = 30;
const THREADS: u64 = 2;

/// How many puts of a thread have returned.
fn returned(progress: &File, thread: u64) -> u64 {
    let mut bytes = [0; 8];
    progress.read_exact_at(&mut bytes, 8 * thread).expect("the progress file is long enough");
    u64::from_le_bytes(bytes)
}

/// Kills it once it has put so many records; none: at once.
fn kill_after(mut victim: Child, progress: &File, records: u64) {
    let begun = Instant::now();
    while (0..THREADS).map(|thread| returned(progress, thread)).sum::<u64>() < records {
        assert!(victim.try_wait().expect("it can be asked").is_none(), "it ended by itself");
        assert!(begun.elapsed() < onewriter_tests::PATIENCE, "it does not get on");
        std::thread::yield_now();
    }
    victim.kill().expect("it can be killed");
    victim.wait().expect("it ends");
}

/// Numbers that look random and are the same in each run.
fn scattered(round: u64) -> u64 {
    let mixed = (round + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32
}

/// `round R thread T n N`, as three numbers.
fn parsed(line: &str) -> (u64, u64, u64) {
    let line = line.split(" padding ").next().unwrap_or(line);
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["round", round, "thread", thread, "n", n] => {
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("torn: {line:?}"));
            (number(round), number(thread), number(n))
        }
        _ => panic!("torn: {line:?}"),
    }
}

/// How many puts of each round and thread have returned.
type Promised = BTreeMap<(u64, u64), u64>;

/// Starts programs one after the other and kills each; then one that only recovers.
fn chase(place: &Place, program: &str, last: &str) -> Promised {
    let kills = std::env::var("ONEWRITER_KILLS").map_or(KILLS, |n| n.parse().expect("a number"));
    let log = place.log();
    let log = log.to_str().expect("UTF-8");
    let mut promised = BTreeMap::new();
    for round in 0..kills {
        let path = place.dir().join(format!("progress-{round}"));
        fs::write(&path, [0; 8 * THREADS as usize]).expect("a file");
        let progress = File::open(&path).expect("the same file");
        let args = [program, log, path.to_str().expect("UTF-8"), &round.to_string()];
        let victim = place.command(VICTIM, &args).spawn().expect("the victim starts");
        // Some while they start or recover, most while they run.
        let records = if round % 6 == 5 { 0 } else { scattered(round) % 8_000 };
        kill_after(victim, &progress, records);
        for thread in 0..THREADS {
            promised.insert((round, thread), returned(&progress, thread));
        }
    }
    let last = place.command(VICTIM, &[last, log]).status().expect("it starts");
    assert!(last.success());
    assert_eq!(place.left_in_queues(), [""; 0]);
    promised
}

/// Every promised record stands in the lines once, whole, and in order.
#[track_caller]
fn keeps(promised: &Promised, lines: &[String]) {
    let mut found: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut newest = 0;
    // What a program was putting when it was killed is told.
    for line in lines.iter().filter(|line| !line.starts_with("process ")) {
        let (round, thread, n) = parsed(line);
        assert!(round >= newest, "round {round} stands after round {newest}");
        newest = round;
        let next = found.entry((round, thread)).or_default();
        assert_eq!(n, *next, "round {round} thread {thread}: lost, doubled or out of order");
        *next += 1;
    }
    for ((round, thread), promised) in promised {
        let found = found.get(&(*round, *thread)).copied().unwrap_or(0);
        // One more: the put that the kill has met after its commit.
        let fits = found == *promised || found == *promised + 1;
        assert!(fits, "round {round} thread {thread}: {found} of {promised} records");
    }
}

#[test]
fn what_was_put_before_a_sigkill_is_in_the_files_once_whole_and_in_order() {
    let place = Place::default();
    let promised = chase(&place, "chase", "recover");
    keeps(&promised, &place.all_lines());
}

#[test]
fn what_was_put_before_a_sigkill_is_in_each_of_two_files_once_whole_and_in_order() {
    let place = Place::default();
    let promised = chase(&place, "chase-two", "recover-two");
    keeps(&promised, &place.all_lines());
    keeps(&promised, &lines(&place.dir().join("beside.log")));
}
