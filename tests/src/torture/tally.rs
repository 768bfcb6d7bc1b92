//! The verdict on one file and what it was rotated to: reads the lines and counts.

use super::ledger::Ledger;
use super::plan::padding;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Examples that are kept of what is wrong.
const EXAMPLES: usize = 8;

/// What is wrong with the lines, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Lines of records.
    pub written: u64,
    /// Puts that had returned and have no line.
    pub lost: u64,
    /// Lines of a record that has one already.
    pub doubled: u64,
    /// Lines that nobody has put.
    pub torn: u64,
    /// Lines that stand before one that must stand before them.
    pub misordered: u64,
    /// Lines that tell of a record in which its process was killed.
    pub unfinished: u64,
    /// What is wrong with the first of them.
    pub examples: Vec<String>,
}

impl Counts {
    fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(text());
        }
    }
}

/// One thread's lines.
#[derive(Debug, Default)]
struct Seen {
    /// The number behind the highest that was found.
    next: u64,
    /// Below it, what was not found.
    missing: BTreeMap<u64, u64>,
}

impl Seen {
    /// Takes `n` out of what is missing; false if it is not.
    fn find(&mut self, n: u64) -> bool {
        let Some((&from, &to)) = self.missing.range(..=n).next_back() else { return false };
        if n >= to {
            return false;
        }
        self.missing.remove(&from);
        for (from, to) in [(from, n), (n + 1, to)] {
            if from < to {
                self.missing.insert(from, to);
            }
        }
        true
    }
}

/// Reads a log, again and again.
#[derive(Debug)]
pub struct Tally {
    folder: PathBuf,
    /// The name of the log without its ending.
    stem: &'static str,
    is_large: bool,
    threads: Vec<Seen>,
    /// Rotated files up to this number are counted.
    counted: u64,
    /// So much of the file after them is counted.
    offset: u64,
    /// Files that were moved away, and how much of them is counted.
    moved: Vec<(PathBuf, u64)>,
    /// Lines of others that were found, and that were appended.
    foreign: (u64, u64),
    /// What was found.
    pub counts: Counts,
}

impl Tally {
    /// Of `stem.log` in a folder, whose first `offset` bytes are not ours.
    pub fn new(folder: &Path, stem: &'static str, is_large: bool, offset: u64) -> Tally {
        Tally {
            folder: folder.to_owned(),
            stem,
            is_large,
            threads: Vec::new(),
            counted: 0,
            offset,
            moved: Vec::new(),
            foreign: (0, 0),
            counts: Counts::default(),
        }
    }

    /// The file that is written.
    pub fn live(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.stem))
    }

    /// Counts what has come since the last time.
    pub fn read(&mut self) -> io::Result<()> {
        // The writer leaves a file that was moved when it notices: more may come.
        for at in 0..self.moved.len() {
            let (path, offset) = self.moved[at].clone();
            self.moved[at].1 += self.file(&path, offset)?;
        }
        for (number, path) in self.rotated() {
            self.file(&path, self.offset)?;
            (self.offset, self.counted) = (0, number);
        }
        if self.live().exists() {
            self.offset += self.file(&self.live(), self.offset)?;
        }
        Ok(())
    }

    /// Rotated files that are not counted, the oldest first.
    fn rotated(&self) -> BTreeMap<u64, PathBuf> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(rest) = name.strip_prefix(self.stem).and_then(|it| it.strip_prefix('.'))
            else {
                continue;
            };
            let Some((number, ending)) = rest.split_once('.') else { continue };
            let Some(number) = number.parse().ok().filter(|number| *number > self.counted) else {
                continue;
            };
            // Where there are both, the compressed one is whole.
            match ending {
                "log.gz" | "log.zst" => drop(found.insert(number, entry.path())),
                "log" => drop(found.entry(number).or_insert(entry.path())),
                _ => {}
            }
        }
        found
    }

    /// Counts the lines of a file behind its first `offset` bytes; how many bytes they have.
    fn file(&mut self, path: &Path, offset: u64) -> io::Result<u64> {
        let mut reader = opened(path, offset)?;
        let mut line = Vec::new();
        let mut len = 0;
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(len);
            }
            len += read as u64;
            let text = std::str::from_utf8(&line).ok().and_then(|line| line.strip_suffix('\n'));
            match text.and_then(|text| self.parse(text)) {
                Some(Line::Record(record)) => self.record(record, path),
                Some(Line::Foreign(n)) if n == self.foreign.0 => self.foreign.0 += 1,
                // What its process was killed in was not accepted; that it is told is right.
                Some(Line::Unfinished) => self.counts.unfinished += 1,
                _ => {
                    self.counts.torn += 1;
                    let shown: String = String::from_utf8_lossy(&line).chars().take(120).collect();
                    let path = path.display();
                    self.counts.example(|| format!("torn or unknown in {path}: {shown:?}"));
                }
            }
        }
    }

    fn parse(&self, text: &str) -> Option<Line> {
        let words: Vec<&str> = text.splitn(7, ' ').collect();
        let number = |text: &str| text.parse::<u64>().ok();
        match words[..] {
            ["torture", slot, n, "after", other, seen, rest] => {
                let (slot, n) = (number(slot)?, number(n)?);
                let padding = padding(slot, n, self.is_large);
                let is_whole = rest.len() == padding + 1
                    && rest.ends_with('.')
                    && rest.bytes().take(padding).all(|byte| byte == b'x');
                let (other, seen) = (number(other)?, number(seen)?);
                is_whole.then_some(Line::Record(Record { slot, n, other, seen }))
            }
            ["foreign", n] => Some(Line::Foreign(number(n)?)),
            ["process", pid, "died", "while", "it", "put", rest] => {
                number(pid)?;
                let bytes =
                    rest.strip_prefix("a record of ")?.strip_suffix(" bytes: it is lost")?;
                number(bytes).map(|_| Line::Unfinished)
            }
            _ => None,
        }
    }

    fn thread(&mut self, slot: u64) -> &mut Seen {
        let slot = (slot as usize).min(1 << 20);
        if self.threads.len() <= slot {
            self.threads.resize_with(slot + 1, Seen::default);
        }
        &mut self.threads[slot]
    }

    fn record(&mut self, record: Record, path: &Path) {
        self.counts.written += 1;
        let Record { slot, n, other, seen } = record;
        if other != slot {
            let found = self.thread(other).next;
            if found < seen {
                self.counts.misordered += 1;
                self.counts.example(|| {
                    format!(
                        "{slot} {n} stands before {other} {found}, whose put had returned first, in {}",
                        path.display()
                    )
                });
            }
        }
        let thread = self.thread(slot);
        if n >= thread.next {
            if n > thread.next {
                thread.missing.insert(thread.next, n);
            }
            thread.next = n + 1;
        } else if thread.find(n) {
            self.counts.misordered += 1;
            self.counts.example(|| format!("{slot} {n} stands too late, in {}", path.display()));
        } else {
            self.counts.doubled += 1;
            self.counts.example(|| format!("{slot} {n} stands twice, in {}", path.display()));
        }
    }

    /// Everything that had returned is to be there by now: counts what is not.
    pub fn settle(&mut self, ledger: &Ledger) {
        let (found, appended) = self.foreign;
        if found < appended {
            self.counts.lost += appended - found;
            self.counts.example(|| format!("{found} of {appended} foreign lines are there"));
            self.foreign.0 = appended;
        }
        for number in 0..ledger.n_slots() {
            let promised = ledger.slot(number).count();
            let thread = self.thread(number as u64);
            let mut gaps: Vec<(u64, u64)> =
                std::mem::take(&mut thread.missing).into_iter().collect();
            if thread.next < promised {
                gaps.push((thread.next, promised));
                thread.next = promised;
            }
            let found = thread.next;
            // One more: a put that had committed and not returned when its thread was killed.
            if found > promised + 1 {
                self.counts.torn += 1;
                self.counts.example(|| format!("{number} has {found} lines and put {promised}"));
            }
            for (from, to) in gaps {
                self.counts.lost += to - from;
                self.counts.example(|| format!("{number} {from} to {to} is lost"));
            }
        }
    }

    /// Somebody has emptied the file, or removed it.
    pub fn was_emptied(&mut self) {
        self.offset = 0;
    }

    /// Somebody has moved the file there.
    pub fn was_moved(&mut self, path: PathBuf) {
        self.moved.push((path, std::mem::take(&mut self.offset)));
    }

    /// The number of the next line that another program appends; it has to be there from now on.
    pub fn next_foreign(&mut self) -> u64 {
        self.foreign.1 += 1;
        self.foreign.1 - 1
    }
}

enum Line {
    Record(Record),
    Foreign(u64),
    Unfinished,
}

/// What a line says.
struct Record {
    slot: u64,
    n: u64,
    other: u64,
    seen: u64,
}

/// The text of a file behind its first `offset` bytes. One that was compressed since it was listed
/// is found under its new name.
fn opened(path: &Path, offset: u64) -> io::Result<Box<dyn BufRead>> {
    let names = ["", ".gz", ".zst"].map(|ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    });
    let path = names.iter().find(|name| name.exists()).unwrap_or(&names[0]);
    let mut file = File::open(path)?;
    let mut text: Box<dyn BufRead> = match path.extension().and_then(|it| it.to_str()) {
        Some("gz") => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(file))),
        Some("zst") => Box::new(BufReader::new(zstd::Decoder::new(file)?)),
        _ => {
            io::Seek::seek(&mut file, io::SeekFrom::Start(offset))?;
            return Ok(Box::new(BufReader::with_capacity(1 << 18, file)));
        }
    };
    io::copy(&mut (&mut text).take(offset), &mut io::sink())?;
    Ok(text)
}
