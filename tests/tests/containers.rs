//! Programs that share the log file and no shared memory, as two containers with one volume do: they
//! do not know of each other, and take turns.

use onewriter_tests::{PATIENCE, Place, assert_same, numbered};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Instant;

const VICTIM: &str = env!("CARGO_BIN_EXE_victim");
const LINES: usize = 100_000;
/// The size at which the programs rotate.
const SIZE: u64 = 40_000;

/// Starts a program whose queues are its own.
fn contained(place: &Place, name: &str, args: &[&str]) -> Child {
    let queues = place.dir().join(format!("queues-{name}"));
    fs::create_dir_all(&queues).expect("a folder");
    let mut command: Command = place.command(VICTIM, args);
    command.env("ONEWRITER_DIR", queues).spawn().expect("the program starts")
}

/// The rotated files, without those that are being compressed.
fn rotated(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.dir()).expect("the folder can be read").flatten();
    let names = entries.map(|entry| entry.path()).filter(|path| path.is_file());
    names.filter(|path| path.file_name().is_some_and(|name| name != "shop.log")).collect()
}

fn of(name: &str, lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| line.starts_with(name)).cloned().collect()
}

#[test]
fn two_containers_with_one_volume_write_every_line_once_whole_in_order_and_rotate_once() {
    let place = Place::default();
    let log = place.log();
    let log = log.to_str().expect("UTF-8");
    let count = LINES.to_string();
    let names = ["alpha", "beta"];
    let programs = names.map(|name| contained(&place, name, &["container", log, name, &count]));
    for mut program in programs {
        assert!(program.wait().expect("it ends").success());
    }
    let lines = place.all_lines();
    for name in names {
        assert_same(&of(name, &lines), &numbered(name, LINES));
    }
    assert_eq!(lines.len(), 2 * LINES);
    let files = rotated(&place);
    let bytes: u64 = lines.iter().map(|line| line.len() as u64 + 1).sum();
    // Rotated by one of them, a file has its size but for a line; the other one's last batch may
    // have made it larger.
    let most = (bytes / (SIZE - 100)) as usize;
    assert!((most / 2..=most).contains(&files.len()), "{} files, at most {most}", files.len());
    for path in files {
        assert!(fs::metadata(&path).expect("it is there").len() > 1_000, "{}", path.display());
    }
}

/// How many puts of a thread have returned.
fn returned(progress: &File, thread: u64) -> u64 {
    let mut bytes = [0; 8];
    progress.read_exact_at(&mut bytes, 8 * thread).expect("the progress file is long enough");
    u64::from_le_bytes(bytes)
}

/// `round R thread T n N`, if the line is whole.
fn parsed(line: &str) -> Option<(u64, u64, u64)> {
    let (head, padding) = line.split_once(" padding ")?;
    let words: Vec<u64> = head.split(' ').filter_map(|word| word.parse().ok()).collect();
    let &[round, thread, n] = &words[..] else { panic!("torn: {head:?}") };
    let whole = if n % 1_000 == 999 { 300_000 } else { 0 };
    (padding.len() == whole).then_some((round, thread, n))
}

#[test]
fn a_container_that_is_killed_again_and_again_beside_another_loses_and_doubles_nothing() {
    const KILLS: u64 = 8;
    let place = Place::default();
    let log = place.log();
    let log = log.to_str().expect("UTF-8");
    let mut promised = BTreeMap::new();
    let mut beside = Vec::new();
    for round in 0..KILLS {
        let name = format!("beside{round}");
        beside.push((
            name.clone(),
            contained(&place, "b", &["container-plain", log, &name, "20000"]),
        ));
        let path = place.dir().join(format!("progress-{round}"));
        fs::write(&path, [0; 16]).expect("a file");
        let progress = File::open(&path).expect("the same file");
        let args = ["chase-plain", log, path.to_str().expect("UTF-8"), &round.to_string()];
        let mut victim = contained(&place, "a", &args);
        let begun = Instant::now();
        while returned(&progress, 0) + returned(&progress, 1) < 3_000 + 700 * round {
            assert!(begun.elapsed() < PATIENCE, "it does not get on");
            std::thread::yield_now();
        }
        victim.kill().expect("it can be killed");
        victim.wait().expect("it ends");
        for thread in 0..2 {
            promised.insert((round, thread), returned(&progress, thread));
        }
    }
    for (_, program) in &mut beside {
        assert!(program.wait().expect("it ends").success());
    }
    let mut last = contained(&place, "a", &["recover", log]);
    assert!(last.wait().expect("it ends").success());

    let lines = place.all_lines();
    for (name, _) in &beside {
        assert_same(&of(&format!("{name} "), &lines), &numbered(name, 20_000));
    }
    let mut found: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut n_halves = 0;
    // What a program was putting when it was killed is told.
    let is_other = |line: &&String| line.starts_with("beside") || line.starts_with("process ");
    for line in lines.iter().filter(|line| !is_other(line)) {
        // What a kill in the middle of a write has left before the other one went on.
        let Some((round, thread, n)) = parsed(line) else {
            n_halves += 1;
            continue;
        };
        let next = found.entry((round, thread)).or_default();
        assert_eq!(n, *next, "round {round} thread {thread}: lost, doubled or out of order");
        *next += 1;
    }
    assert!(n_halves <= KILLS, "{n_halves} half lines");
    for (who, promised) in &promised {
        let found = found.get(who).copied().unwrap_or(0);
        assert!(found == *promised || found == *promised + 1, "{who:?}: {found} of {promised}");
    }
}
