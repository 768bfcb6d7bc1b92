//! What a round does: all of it follows from its seed. Only the moments are the machine's.

use super::seed::{Seed, mix};
use std::fmt;
use std::time::Duration;

/// What is special about a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One file.
    Plain,
    /// Rotated and compressed, in small pieces.
    Rotation,
    /// Two files, and a memory and a function sink beside them.
    Beside,
    /// The disk is full now and then.
    FullDisk,
    /// Files may not grow beyond a limit now and then.
    Quota,
    /// Others empty the file, and append to it.
    Foreign,
}

/// All kinds.
pub const KINDS: [Kind; 6] =
    [Kind::Plain, Kind::Rotation, Kind::Beside, Kind::FullDisk, Kind::Quota, Kind::Foreign];

/// What happens to the programs, or to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// SIGKILL for one of the live processes.
    KillWorker(u64),
    /// SIGKILL for the process that writes.
    KillWriter,
    /// SIGSTOP for one of the live processes, and SIGCONT so many milliseconds later.
    StopWorker(u64, u64),
    /// The same for the process that writes.
    StopWriter(u64),
    /// No room on the disk for so many milliseconds.
    Choke(u64),
    /// A program that only recovers, killed so many milliseconds after its start.
    KillRecoverer(u64),
    /// Everybody pauses, all is written and counted; then others touch the files.
    Pause,
}

/// A round.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its seed.
    pub seed: u64,
    /// What is special about it.
    pub kind: Kind,
    /// How long its programs run.
    pub length: Duration,
    /// Programs that are started by `exec`, and started anew when they are killed.
    pub workers: u64,
    /// Records put at full speed, in all.
    pub budget: u64,
    /// The size at which the file is rotated.
    pub rotation: Option<&'static str>,
    /// How rotated files are compressed.
    pub packing: Packing,
    /// Memory for the rings of a process.
    pub memory: usize,
    /// Now and then a record that goes through a side file.
    pub is_large: bool,
    /// All sinks are in one queue of a name; otherwise each file has its own.
    pub is_named: bool,
    /// The round ends with SIGKILL for all.
    pub ends_with_kills: bool,
    /// What happens when.
    pub actions: Vec<(Duration, Action)>,
}

/// How rotated files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not at all.
    None,
    /// As gzip.
    Gzip,
    /// As zstd.
    Zstd,
}

impl Plan {
    /// The plan of round `number` of `seed`.
    pub fn new(seed: u64, number: u64, is_short: bool) -> Plan {
        let round = mix(seed ^ mix(number + 1));
        let mut seed = Seed::new(round);
        // Every kind comes once before any comes twice.
        let kind = KINDS[((number + seed.next() * u64::from(number >= 6)) % 6) as usize];
        let millis = if is_short { 1_500 } else { seed.within(20_000..40_000) };
        let rotates = match kind {
            Kind::Rotation => true,
            Kind::Quota => false,
            _ => seed.one_in(2),
        };
        let rotation = rotates.then(|| seed.pick(&["40 KB", "300 KB", "2 MB"]));
        let packing = match kind {
            Kind::Rotation => seed.pick(&[Packing::Gzip, Packing::Zstd, Packing::None]),
            _ => seed.pick(&[Packing::None, Packing::None, Packing::Gzip]),
        };
        let workers = if is_short { seed.within(2..4) } else { seed.within(1..9) };
        let mut plan = Plan {
            seed: round,
            kind,
            length: Duration::from_millis(millis),
            workers,
            budget: millis
                * if kind == Kind::FullDisk || rotation == Some("40 KB") { 15 } else { 100 },
            rotation,
            packing,
            memory: seed.pick(&[128 << 10, 1 << 20, 16 << 20]),
            is_large: seed.one_in(2),
            is_named: seed.one_in(3),
            ends_with_kills: seed.one_in(2),
            actions: Vec::new(),
        };
        plan.actions = plan.schedule(&mut seed);
        plan
    }

    fn schedule(&self, seed: &mut Seed) -> Vec<(Duration, Action)> {
        let mut actions = Vec::new();
        let mut at = 300;
        while at < self.length.as_millis() as u64 {
            actions.push((Duration::from_millis(at), self.action(seed)));
            at += seed.within(30..400);
        }
        actions
    }

    fn action(&self, seed: &mut Seed) -> Action {
        match (seed.within(0..100), self.kind) {
            (0..30, _) => Action::KillWorker(seed.next()),
            (30..55, _) => Action::KillWriter,
            (55..62, _) => Action::StopWorker(seed.next(), seed.within(1..500)),
            (62..68, _) => Action::StopWriter(seed.within(1..500)),
            (68..72, _) => Action::KillRecoverer(seed.within(0..40)),
            (72..74, _) | (_, Kind::Foreign) => Action::Pause,
            (_, Kind::FullDisk | Kind::Quota) => Action::Choke(seed.within(50..1_000)),
            _ => Action::KillWriter,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.kind {
            Kind::Plain => "one file",
            Kind::Rotation => "rotation",
            Kind::Beside => "two files and more",
            Kind::FullDisk => "a full disk",
            Kind::Quota => "a quota",
            Kind::Foreign => "foreign hands",
        };
        write!(f, "{name}, {} workers, {:.0} s", self.workers, self.length.as_secs_f32())?;
        if let Some(size) = self.rotation {
            write!(f, ", rotated at {size}")?;
        }
        match self.packing {
            Packing::None => Ok(()),
            Packing::Gzip => f.write_str(", gzip"),
            Packing::Zstd => f.write_str(", zstd"),
        }?;
        f.write_str(if self.is_large { ", large records" } else { "" })
    }
}

/// What one thread of a worker does.
#[derive(Clone, Debug)]
pub struct Life {
    /// Records after which it ends by itself; none: it goes on.
    pub records: Option<u64>,
    /// Never at full speed.
    pub is_slow: bool,
}

/// What one process does.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its threads.
    pub threads: Vec<Life>,
    /// Records of the first thread between two children.
    pub fork_every: Option<u64>,
    /// How it ends when its threads have ended.
    pub ending: Ending,
    /// Its own numbers.
    pub seed: Seed,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// `exit`, which drains.
    Exit,
    /// `abort`.
    Abort,
    /// SIGKILL for itself.
    Kill,
}

/// How a process comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Birth {
    /// `fork`.
    Fork,
    /// `fork` twice: its parent is gone at once.
    Daemon,
    /// `exec`.
    Exec,
}

impl Part {
    /// The part of a worker that was started by `exec`.
    pub fn worker(seed: u64) -> Part {
        let mut seed = Seed::new(seed);
        let n_threads = seed.within(1..4);
        let threads =
            (0..n_threads).map(|_| Life { records: None, is_slow: seed.one_in(4) }).collect();
        let fork_every = (!seed.one_in(3)).then(|| seed.within(500..20_000));
        Part { threads, fork_every, ending: Ending::Exit, seed }
    }

    /// The part of a child.
    pub fn child(mut seed: Seed) -> Part {
        let n_threads = seed.within(1..3);
        let life = |seed: &mut Seed| Life {
            records: Some(seed.pick(&[1, 20, 1_000, 10_000, 1 << 40])),
            is_slow: seed.one_in(2),
        };
        let threads = (0..n_threads).map(|_| life(&mut seed)).collect();
        let fork_every = seed.one_in(5).then(|| seed.within(500..5_000));
        let ending = seed.pick(&[Ending::Exit, Ending::Exit, Ending::Abort, Ending::Kill]);
        Part { threads, fork_every, ending, seed }
    }

    /// How the next child comes to be, and its numbers.
    pub fn next_child(&mut self) -> (Birth, Seed) {
        let birth = self.seed.pick(&[Birth::Fork, Birth::Fork, Birth::Daemon, Birth::Exec]);
        (birth, Seed::new(self.seed.next()))
    }
}

/// How long the padding of a record is: the record says who put it and which it is.
pub fn padding(slot: u64, n: u64, is_large: bool) -> usize {
    match n {
        n if is_large && n % 5_000 == 4_999 => 300_000,
        n if n % 200 == 199 => 3_000,
        _ => (mix(slot ^ n << 20) % 64) as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_decides_all_of_a_round_and_the_first_six_are_of_all_kinds() {
        for number in 0..12 {
            let [one, two] = [(); 2].map(|()| format!("{:?}", Plan::new(7, number, false)));
            assert_eq!(one, two);
        }
        let kinds: Vec<Kind> = (0..6).map(|number| Plan::new(7, number, true).kind).collect();
        assert_eq!(kinds, KINDS);
        assert_ne!(Plan::new(7, 1, false).actions, Plan::new(8, 1, false).actions);
    }
}
