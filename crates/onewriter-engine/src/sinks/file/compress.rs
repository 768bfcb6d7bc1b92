//! Compression of rotated files, on a thread of its own and at low priority.
//!
//! A file is compressed into `NAME.gz.tmp`, synced, renamed to `NAME.gz`, and only then is the
//! original removed. So a compressed file is whole wherever the process was cut off, and what was
//! left over is known by its name: a `.tmp` file is removed, an original beside its compressed file
//! is removed, an original without one is compressed again.
//!
//! The original is locked meanwhile: of two writers with one folder one compresses it, and a write that
//! somebody has still to finish in it waits.
//!
//! Where names move (`Names::shifted`), a file may get another name while it is compressed. A
//! rotation does not wait for that: it would hold up the writer for as long as a compression takes.
//! Instead the first and the last step of a compression are done in a turn of the live file, as
//! rotations are. The last one looks for the original by its identity, so that the compressed file takes
//! its place in the order, wherever that is by then.

use super::disk::{Disk, RealDisk};
use super::hold::unlock;
use super::names::is_shifted_name;
use super::open::find;
use crate::error::Error;
use onewriter_ring::Alone;
use std::collections::HashSet;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How rotated files are compressed.
///
/// Each needs the cargo feature of its name: `gzip` (on by default) or `zstd`. Without it, the sink
/// cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `shop.1.log.gz`, at gzip's usual level 6.
    Gzip,
    /// `shop.1.log.zst`, at zstd's usual level 3.
    Zstd,
}

/// Asked before each step; fails when told to stop.
type GoOn<'a> = &'a dyn Fn() -> io::Result<()>;

impl Compression {
    pub(super) const ALL: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

    pub(super) fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    pub(super) fn suffix(self) -> &'static str {
        match self {
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        }
    }

    pub(super) fn check(self) -> Result<(), Error> {
        let (name, is_built) = match self {
            Compression::Gzip => ("gzip", cfg!(feature = "gzip")),
            Compression::Zstd => ("zstd", cfg!(feature = "zstd")),
        };
        if is_built {
            return Ok(());
        }
        Err(Error::config(format!(
            "compression {name} is not in this build: turn on the cargo feature `{name}`"
        )))
    }

    /// Copies all of `from` into `to`, compressed.
    fn encode(self, from: &File, to: File, go_on: GoOn<'_>) -> io::Result<File> {
        match self {
            #[cfg(feature = "gzip")]
            Compression::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(to, flate2::Compression::new(6));
                copy(from, &mut encoder, go_on)?;
                encoder.finish()
            }
            #[cfg(feature = "zstd")]
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(to, 3)?;
                copy(from, &mut encoder, go_on)?;
                encoder.finish()
            }
            #[cfg(not(all(feature = "gzip", feature = "zstd")))]
            _ => {
                let _ = (from, to, go_on);
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }
}

#[cfg_attr(not(any(feature = "gzip", feature = "zstd")), expect(dead_code, reason = "no encoder"))]
fn copy(mut from: &File, to: &mut impl Write, go_on: GoOn<'_>) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        go_on()?;
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(n) => to.write_all(&chunk[..n])?,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// How files are compressed.
struct Pack<'a> {
    kind: Compression,
    /// The live file, where rotated ones change their names.
    live: Option<&'a Path>,
    go_on: GoOn<'a>,
}

impl Pack<'_> {
    /// Compresses one file and removes the original.
    fn run(&self, path: &Path) -> io::Result<()> {
        let go_on = self.go_on;
        let (source, temp, file) = self.begin(path)?;
        let written = self.kind.encode(&source, file, go_on).and_then(|file| {
            let meta = source.metadata()?;
            // Only root may give files away; for others the owner is right already.
            let _ = fchown(&file, Some(meta.uid()), Some(meta.gid()));
            file.set_permissions(meta.permissions())?;
            file.set_modified(meta.modified()?)?;
            go_on()?;
            file.sync_all()?;
            go_on()?;
            self.replace(path, &source, &temp, &file)
        });
        if written.is_err() {
            let _ = fs::remove_file(&temp);
        }
        written
    }

    /// Locks the original and makes the temporary file.
    fn begin(&self, path: &Path) -> io::Result<(Alone, PathBuf, File)> {
        let _turn = self.take_turn()?;
        let source = Alone::open(|| File::open(path))?;
        if !RealDisk.try_lock(&source) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        check_at(path, &source)?;
        let temp = with_suffix(&with_suffix(path, self.kind.suffix()), ".tmp");
        (self.go_on)()?;
        // Not one that a kill has left, nor one that somebody else still fills.
        let _ = fs::remove_file(&temp);
        // A temporary file that others could read before it has its final mode would leak.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temp)?;
        Ok((source, temp, file))
    }

    /// Puts the compressed file in the place of the original.
    fn replace(&self, path: &Path, source: &File, temp: &Path, file: &File) -> io::Result<()> {
        let _turn = self.take_turn()?;
        check_at(temp, file)?;
        let place = match self.live {
            None => path.to_owned(),
            Some(live) => {
                let folder = live.parent().unwrap_or(Path::new("/"));
                let is_ours = |path: &Path| is_shifted_name(live, path);
                find(folder, id(&source.metadata()?), is_ours)?.ok_or(io::ErrorKind::NotFound)?
            }
        };
        // Retention may have removed the original meanwhile: then this must not bring it back.
        check_at(&place, source)?;
        RealDisk.rename(temp, &with_suffix(&place, self.kind.suffix()))?;
        (self.go_on)()?;
        fs::remove_file(place)
    }

    /// Keeps names from moving; `None` where they do not.
    fn take_turn(&self) -> io::Result<Option<Turn>> {
        const PAUSE: Duration = Duration::from_millis(1);
        let Some(live) = self.live else { return Ok(None) };
        loop {
            match Turn::take(live) {
                Err(err)
                    if matches!(
                        err.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::NotFound
                    ) => {}
                turn => return turn.map(Some),
            }
            (self.go_on)()?;
            thread::sleep(PAUSE);
        }
    }
}

/// The turn of a live file, taken by a thread that does not write it.
struct Turn(Alone);

impl Turn {
    /// Fails where there are no locks: then nothing would keep the names from moving.
    fn take(live: &Path) -> io::Result<Turn> {
        use rustix::fs::{FlockOperation, flock};
        let file = Alone::open(|| File::open(live))?;
        flock(&*file, FlockOperation::NonBlockingLockExclusive)?;
        let turn = Turn(file);
        // Whoever had the lock may have rotated the file.
        check_at(live, &turn.0)?;
        Ok(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        unlock(&self.0);
    }
}

fn id(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Fails unless the path leads to this file.
fn check_at(path: &Path, file: &File) -> io::Result<()> {
    match id(&fs::symlink_metadata(path)?) == id(&file.metadata()?) {
        true => Ok(()),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Whether somebody is at work on this temporary file: then its original is locked.
pub(super) fn is_in_work(temp: &Path) -> bool {
    let original = temp.with_extension("").with_extension("");
    // The lock goes with the descriptor.
    Alone::open(|| File::open(&original)).is_ok_and(|file| !RealDisk.try_lock(&file))
}

/// The thread that compresses, and what it has been given.
pub(super) struct Packer {
    jobs: Option<Sender<PathBuf>>,
    results: Receiver<(PathBuf, io::Result<()>)>,
    /// What was handed over and is not done.
    given: HashSet<PathBuf>,
    /// What is tried again at the next start only.
    failed: HashSet<PathBuf>,
    n_open: usize,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Packer {
    /// With the live file where rotated ones change their names.
    pub(super) fn start(kind: Compression, live: Option<PathBuf>) -> io::Result<Packer> {
        let (jobs, queue) = mpsc::channel::<PathBuf>();
        let (done, results) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let work = move || {
            // Only of this thread: on Linux a nice value is a thread's own.
            let _ = rustix::process::setpriority_process(None, 10);
            for path in queue {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let go_on = || match stopped.load(Ordering::Relaxed) {
                    true => Err(io::ErrorKind::TimedOut.into()),
                    false => Ok(()),
                };
                let result = Pack { kind, live: live.as_deref(), go_on: &go_on }.run(&path);
                if done.send((path, result)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("onewriter-pack".into()).spawn(work)?;
        let (given, failed) = (HashSet::new(), HashSet::new());
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Packer { jobs, results, given, failed, n_open: 0, stop, thread })
    }

    pub(super) fn give(&mut self, path: PathBuf) {
        if let Some(jobs) = &self.jobs
            && !self.failed.contains(&path)
            && self.given.insert(path.clone())
            && jobs.send(path).is_ok()
        {
            self.n_open += 1;
        }
    }

    /// The names have moved: what failed has another one now.
    pub(super) fn forget(&mut self) {
        self.failed.clear();
    }

    /// What was finished since the last call: how many files, and the first failure.
    pub(super) fn collect(&mut self) -> (usize, Option<Error>) {
        let mut finished = 0;
        let mut failure = None;
        while let Ok((path, result)) = self.results.try_recv() {
            self.n_open -= 1;
            self.given.remove(&path);
            match result.map_err(|err| (err.kind(), err)) {
                // Somebody else does it: the next look at the folder tells.
                Err((io::ErrorKind::ResourceBusy, _)) => continue,
                Ok(()) | Err((io::ErrorKind::NotFound, _)) => {}
                Err((_, err)) => {
                    failure.get_or_insert(Error::io("cannot compress", &path, err));
                    self.failed.insert(path);
                }
            }
            finished += 1;
        }
        (finished, failure)
    }

    /// Ends the thread: what is not compressed within `limit` is left to the next start.
    pub(super) fn finish(&mut self, limit: Duration) {
        self.jobs = None;
        let end = Instant::now() + limit;
        while self.n_open > 0 {
            let left = end.saturating_duration_since(Instant::now());
            if self.results.recv_timeout(left).is_err() {
                break;
            }
            self.n_open -= 1;
        }
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Packer {
    fn drop(&mut self) {
        self.finish(Duration::from_secs(1));
    }
}

#[cfg(all(test, feature = "gzip"))]
#[path = "tests/compress.rs"]
mod tests;
