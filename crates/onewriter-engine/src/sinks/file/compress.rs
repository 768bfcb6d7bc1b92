//! Compression of rotated files, on a thread of its own and at low priority.
//!
//! A file is compressed into `NAME.gz.tmp`, synced, renamed to `NAME.gz`, and only then is the
//! original removed. So a compressed file is whole wherever the process was cut off, and what was
//! left over is known by its name: a `.tmp` file is removed, an original beside its compressed file
//! is removed, an original without one is compressed again.
//!
//! The original is locked meanwhile: of two writers with one folder one compresses it, and a write that
//! somebody has still to finish in it waits.

use super::disk::{Disk, RealDisk};
use crate::error::Error;
use onewriter_ring::Alone;
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
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

/// Compresses one file and removes the original.
fn pack(path: &Path, kind: Compression, go_on: GoOn<'_>) -> io::Result<()> {
    let source = Alone::open(|| File::open(path))?;
    let meta = source.metadata()?;
    if !RealDisk.try_lock(&source) {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let is_there = || fs::symlink_metadata(path).map(|it| (it.dev(), it.ino()));
    if is_there()? != (meta.dev(), meta.ino()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let target = with_suffix(path, kind.suffix());
    let temp = with_suffix(&target, ".tmp");
    go_on()?;
    // A temporary file that others could read before it has its final mode would leak.
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&temp)?;
    let written = kind.encode(&source, file, go_on).and_then(|file| {
        // Only root may give files away; for others the owner is right already.
        let _ = fchown(&file, Some(meta.uid()), Some(meta.gid()));
        file.set_permissions(meta.permissions())?;
        file.set_modified(meta.modified()?)?;
        go_on()?;
        file.sync_all()?;
        go_on()?;
        // Retention may have removed the original meanwhile: then this must not bring it back.
        is_there()?;
        fs::rename(&temp, &target)
    });
    if let Err(err) = written {
        let _ = fs::remove_file(&temp);
        return Err(err);
    }
    go_on()?;
    fs::remove_file(path)
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
    /// Everything that was handed over: what failed is tried again at the next start only.
    given: HashSet<PathBuf>,
    n_open: usize,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Packer {
    pub(super) fn start(kind: Compression) -> io::Result<Packer> {
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
                let result = pack(&path, kind, &go_on);
                if done.send((path, result)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("onewriter-pack".into()).spawn(work)?;
        let given = HashSet::new();
        Ok(Packer { jobs: Some(jobs), results, given, n_open: 0, stop, thread: Some(thread) })
    }

    pub(super) fn give(&mut self, path: PathBuf) {
        if let Some(jobs) = &self.jobs
            && self.given.insert(path.clone())
            && jobs.send(path).is_ok()
        {
            self.n_open += 1;
        }
    }

    /// What was finished since the last call: how many files, and the first failure.
    pub(super) fn collect(&mut self) -> (usize, Option<Error>) {
        let mut finished = 0;
        let mut failure = None;
        while let Ok((path, result)) = self.results.try_recv() {
            self.n_open -= 1;
            let gone = |err: &io::Error| err.kind() == io::ErrorKind::NotFound;
            match result {
                // Somebody else does it: the next look at the folder tells.
                Err(err) if err.kind() == io::ErrorKind::ResourceBusy => {
                    self.given.remove(&path);
                    continue;
                }
                Ok(()) => drop(self.given.remove(&path)),
                Err(err) if gone(&err) => drop(self.given.remove(&path)),
                Err(err) => {
                    failure.get_or_insert(Error::io("cannot compress", &path, err));
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
