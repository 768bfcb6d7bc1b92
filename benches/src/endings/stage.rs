//! Starts the programs, lets them end, and counts.

use super::Row;
use super::count::{Count, Found};
use super::victim::{CHILDREN, LINES, PAIR_LINES, PATIENCE};
use crate::crew::{Ended, Place, Worker};
use std::io;
use std::time::{Duration, Instant};

/// The endings, as the victim and as the table call them.
pub const ENDINGS: [(&str, &str); 7] = [
    ("return", "return"),
    ("flush", "flush"),
    ("panic", "panic"),
    ("exit", "`process::exit`"),
    ("term", "SIGTERM"),
    ("abort", "`abort`"),
    ("kill", "SIGKILL"),
];

/// Whose lines are in the file at once even with nobody to write them later; the other endings leave
/// a process no moment.
const AT_ONCE: [&str; 5] = ["return", "flush", "panic", "exit", "term"];

/// Two programs write ten times as much, and rotate.
const PAIR_PATIENCE: Duration = Duration::from_secs(60);

/// One cell of the table: what each run gave.
#[derive(Default)]
pub struct Cell {
    pub runs: Vec<Count>,
    pub hung: usize,
    pub crashed: usize,
    pub refused: Option<String>,
}

impl Cell {
    fn is_full(&self, lines: u64) -> bool {
        let full = Count { lines, doubled: 0, torn: 0 };
        self.hung + self.crashed == 0 && self.runs.iter().all(|run| *run == full)
    }

    fn take(&mut self, outcome: io::Result<(Count, Trouble)>) {
        match outcome {
            Ok((count, trouble)) => {
                self.runs.push(count);
                self.hung += usize::from(trouble.hung > 0);
                self.crashed += usize::from(trouble.crashed > 0);
            }
            Err(error) => self.refused = Some(error.to_string()),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Trouble {
    hung: usize,
    crashed: usize,
}

/// All cells of a logger.
#[derive(Default)]
pub struct Results {
    pub at_once: Vec<Cell>,
    /// The same counted when the next program with that file has run.
    pub next: Vec<Cell>,
    /// The same counted with a second program that stands by.
    pub beside: Vec<Cell>,
    /// Children of which every line is there, once.
    pub forks: Cell,
    /// `None` if it does not rotate by size.
    pub pair: Option<Cell>,
}

impl Results {
    /// What is not full.
    pub fn missing(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let names = ENDINGS.iter().map(|(name, _)| *name);
        let judged = |name: &str| AT_ONCE.contains(&name);
        let at_once = names.clone().zip(&self.at_once).filter(|(name, _)| judged(name));
        for (when, cells) in [
            ("at once", at_once.collect::<Vec<_>>()),
            ("after the next program", names.clone().zip(&self.next).collect()),
            ("with one that stands by", names.zip(&self.beside).collect()),
        ] {
            let bad = cells.iter().filter(|(_, cell)| !cell.is_full(LINES));
            missing.extend(bad.map(|(name, cell)| format!("{name}, {when}: {:?}", cell.runs)));
        }
        if !self.forks.is_full(CHILDREN) {
            missing.push(format!("forked children: {:?}", self.forks.runs));
        }
        match &self.pair {
            Some(cell) if cell.is_full(2 * PAIR_LINES) => {}
            Some(cell) => missing.push(format!("two programs, rotating: {:?}", cell.runs)),
            None => missing.push("two programs, rotating: not run".to_owned()),
        }
        missing
    }
}

/// Plays everything with one logger.
pub fn play(row: &Row, runs: usize, place: &Place) -> io::Result<Results> {
    let cells = || ENDINGS.map(|_| Cell::default()).into();
    let mut results = Results { at_once: cells(), ..Results::default() };
    if row.has_heirs {
        (results.next, results.beside) = (cells(), cells());
    }
    for _ in 0..runs {
        for (k, (ending, _)) in ENDINGS.iter().enumerate() {
            let (at_once, next) = ending_of(row, ending, place);
            results.at_once[k].take(at_once);
            if row.has_heirs {
                results.next[k].take(next);
                results.beside[k].take(ending_beside(row, ending, place));
            }
        }
        results.forks.take(forks_of(row, place));
        if let Some(peer) = row.rotating {
            results.pair.get_or_insert_default().take(pair_of(peer, place));
        }
    }
    Ok(results)
}

type Outcome = io::Result<(Count, Trouble)>;

fn ending_of(row: &Row, ending: &str, place: &Place) -> (Outcome, Outcome) {
    let none = || Err(io::Error::other("did not run"));
    let victim = || -> Outcome {
        let dir = place.fresh()?.display().to_string();
        let mut victim = Worker::ready(place, &["victim", row.peer, &dir, ending])?;
        victim.tell("go")?;
        let trouble = trouble_of(victim.ended(PATIENCE)?);
        Ok((found(place), trouble))
    };
    let at_once = victim();
    if !row.has_heirs || at_once.is_err() {
        return (at_once, none());
    }
    let next = || -> Outcome {
        let dir = place.logs().display().to_string();
        let heir = Worker::ready(place, &["heir", row.peer, &dir, ""])?;
        let trouble = trouble_of(heir.end(PATIENCE)?);
        Ok((found(place), trouble))
    };
    (at_once, next())
}

fn ending_beside(row: &Row, ending: &str, place: &Place) -> Outcome {
    let dir = place.fresh()?.display().to_string();
    // The first to come is the writer: it is the writer that ends.
    let mut victim = Worker::ready(place, &["victim", row.peer, &dir, ending])?;
    let heir = Worker::ready(place, &["heir", row.peer, &dir, ""])?;
    victim.tell("go")?;
    let trouble = trouble_of(victim.ended(PATIENCE)?);
    let until = Instant::now() + PATIENCE;
    while found(place).lines < LINES && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let count = found(place);
    heir.end(PATIENCE)?;
    Ok((count, trouble))
}

fn found(place: &Place) -> Count {
    Found::read(place.logs()).count(|i, program| i < LINES && program == 0)
}

fn trouble_of(ended: Ended) -> Trouble {
    match ended {
        Ended::Hung => Trouble { hung: 1, crashed: 0 },
        // How it ended is what was asked of it.
        Ended::With(_) => Trouble::default(),
    }
}

fn forks_of(row: &Row, place: &Place) -> Outcome {
    let dir = place.fresh()?.display().to_string();
    let mut parent = Worker::ready(place, &["forks", row.peer, &dir, ""])?;
    let answer = parent.ask("go")?;
    let mut numbers = answer.split(' ').map(|number| number.parse().unwrap_or(0));
    let hung = numbers.next().unwrap_or(0);
    let crashed = numbers.next().unwrap_or(0);
    parent.end(PATIENCE)?;
    let found = Found::read(place.logs());
    let mut children = Count::default();
    for child in 1..=CHILDREN {
        let count = found.count(|i, j| i == child && j > 0);
        children.lines += u64::from(count.lines == CHILDREN);
        children.doubled += count.doubled;
        children.torn = count.torn;
    }
    Ok((children, Trouble { hung, crashed }))
}

fn pair_of(peer: &str, place: &Place) -> Outcome {
    let dir = place.fresh()?.display().to_string();
    let mut first = Worker::ready(place, &["pair", peer, &dir, "1"])?;
    let mut second = Worker::ready(place, &["pair", peer, &dir, "2"])?;
    first.tell("go")?;
    second.tell("go")?;
    let mut trouble = Trouble::default();
    for program in [&mut first, &mut second] {
        match program.ended(PAIR_PATIENCE)? {
            Ended::Hung => trouble.hung += 1,
            Ended::With(status) => trouble.crashed += usize::from(!status.success()),
        }
    }
    let count = Found::read(place.logs()).count(|i, k| i < PAIR_LINES && (1..=2).contains(&k));
    Ok((count, trouble))
}
