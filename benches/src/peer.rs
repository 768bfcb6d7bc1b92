//! One logger under test.

use std::path::{Path, PathBuf};

/// Where a logger writes, and in which of its configurations.
pub struct Setup {
    /// An empty folder.
    pub dir: PathBuf,
    /// The part of the peer's name after the first `/`: `tracing-appender/block` gives `block`.
    pub variant: String,
    /// At how many bytes the file is to be rotated, for the peers that can. Nothing is deleted.
    pub rotation: Option<u64>,
}

impl Setup {
    /// The file that the logger writes; a FIFO where a sink that does not move is measured.
    pub fn file(&self) -> PathBuf {
        self.dir.join(FILE)
    }

    /// The same as text, for loggers that take no path.
    pub fn file_name(&self) -> String {
        self.file().display().to_string()
    }

    /// Whether the peer runs in this configuration.
    pub fn is(&self, variant: &str) -> bool {
        self.variant == variant
    }
}

/// The name of the file in its folder.
pub const FILE: &str = "bench.log";

/// A logger, set up and running.
pub trait Peer: Sync + Sized {
    /// Whether levels can be switched off while the program runs.
    const LEVELS: bool = true;
    /// Whether more than one thread may log.
    const THREADS: bool = true;

    /// Sets the logger up at level INFO.
    fn start(setup: &Setup) -> Self;
    /// Logs the line of the comparison at INFO.
    fn line(&self, i: u64, j: u64, d: f64);
    /// Logs the same line at DEBUG, which is switched off.
    fn below(&self, i: u64, j: u64, d: f64);
    /// Drains and closes; returns what the logger says that it dropped, if it says so.
    fn finish(self) -> Option<u64>;
}

/// An empty call: what the harness itself costs.
pub struct Nothing;

impl Peer for Nothing {
    fn start(_: &Setup) -> Nothing {
        Nothing
    }

    #[inline(always)]
    fn line(&self, i: u64, j: u64, d: f64) {
        std::hint::black_box((i, j, d));
    }

    #[inline(always)]
    fn below(&self, i: u64, j: u64, d: f64) {
        std::hint::black_box((i, j, d));
    }

    fn finish(self) -> Option<u64> {
        None
    }
}

/// Lines of the comparison in all of the run's files.
pub fn lines_in(dir: &Path) -> u64 {
    files(dir).iter().map(|path| count_lines(path)).sum()
}

/// Bytes in all of the run's files.
pub fn bytes_in(dir: &Path) -> u64 {
    files(dir).iter().filter_map(|path| path.metadata().ok()).map(|meta| meta.len()).sum()
}

/// The run's files, rotated ones too.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("bench"));
    // A link to the current file would count it twice.
    let real = ours.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    real.map(|entry| entry.path()).collect()
}

fn count_lines(path: &Path) -> u64 {
    use std::io::BufRead;
    let Ok(file) = std::fs::File::open(path) else { return 0 };
    let mut reader = std::io::BufReader::with_capacity(1 << 20, file);
    let mut line = Vec::new();
    let mut lines = 0;
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        lines += u64::from(is_whole(&line));
        line.clear();
    }
    lines
}

/// Whether this is one line of the comparison from its message to its end.
pub fn is_whole(line: &[u8]) -> bool {
    let mark = b"Logging int: ";
    line.ends_with(b"\n") && line.windows(mark.len()).filter(|window| window == mark).count() == 1
}
