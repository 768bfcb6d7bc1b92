//! A queue: its folder, its doorbell and its lead.

use crate::lead::LEAD_FILE;
use crate::os::{self, Map, PAGE};
use crate::place::{self, QueueName};
use crate::steady::Identity;
use crate::words::{MapWords, Words};
use crate::{clock, clock::ClockKind};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// The operating system refused, or something is not what it should be.
///
/// `{:?}` shows the text too: it is what `main` prints.
pub struct Error {
    pub(crate) message: String,
    pub(crate) source: Option<io::Error>,
    is_setting: bool,
}

impl Error {
    #[cold]
    pub(crate) fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), source: None, is_setting: false }
    }

    /// The caller gave what cannot be.
    #[cold]
    pub(crate) fn setting(message: impl Into<String>) -> Error {
        Error { message: message.into(), source: None, is_setting: true }
    }

    /// Whether the caller gave what cannot be, a name or a size, and the system refused nothing.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        self.is_setting
    }

    #[cold]
    pub(crate) fn io(action: &str, path: &Path, source: io::Error) -> Error {
        let message = format!("{action} {}: {}", path.display(), os::said(&source));
        Error { message, source: Some(source), is_setting: false }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|err| err as _)
    }
}

/// A queue's folder and its doorbell.
#[derive(Debug)]
pub struct Queue {
    dir: PathBuf,
    diagnostic: Option<String>,
    pub(crate) bell: Bell,
}

impl Queue {
    /// Opens the queue of this name, making it if it is not there.
    ///
    /// Queues live under `$ONEWRITER_DIR` if that is set, else in `/dev/shm`, else in
    /// `$XDG_RUNTIME_DIR`, else in the folder for temporary files; the last is on a disk, where
    /// records survive the process but puts may wait for the disk, and [`Queue::diagnostic`] says
    /// so.
    pub fn open(name: &QueueName) -> Result<Queue, Error> {
        let (dir, diagnostic) = place::find(name)?;
        // Its first put needs it. As long as a process has one thread it costs nothing, later the kernel
        // waits for all processors, some 10 ms.
        os::register_barrier();
        let bell = Bell::open(&dir)?;
        Ok(Queue { dir, diagnostic, bell })
    }

    /// Opens the queue in this folder, for tests and tools.
    pub fn open_in(dir: &Path) -> Result<Queue, Error> {
        place::make_private_dir(dir)?;
        let bell = Bell::open(dir)?;
        Ok(Queue { dir: dir.to_owned(), diagnostic: None, bell })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What timestamps count in this queue.
    #[must_use]
    pub fn clock(&self) -> ClockKind {
        self.bell.clock
    }

    /// What the user should know about where the queue lives, if anything.
    #[must_use]
    pub fn diagnostic(&self) -> Option<&str> {
        self.diagnostic.as_deref()
    }

    /// Asks the writer to write and flush everything put before `stamp`, and wakes it. What this process
    /// has lost with a segment that somebody has cut or removed is known to the writer then.
    pub fn request(&self, stamp: u64) {
        crate::join::look_in(self);
        let word = self.bell.words().word(bell::REQUESTED);
        word.fetch_max(stamp, Ordering::SeqCst);
        self.bell.ring_always();
    }

    /// The latest moment that anybody asked for. One to come is nobody's: it counts as asked for now,
    /// once.
    #[must_use]
    pub fn requested(&self) -> u64 {
        let word = self.bell.words().word(bell::REQUESTED);
        let requested = word.load(Ordering::SeqCst);
        let now = clock::read(self.bell.clock);
        if requested <= now {
            return requested;
        }
        match word.compare_exchange(requested, now, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => now,
            Err(other) => other.min(now),
        }
    }

    /// Everything put up to this moment is written and flushed. A moment to come is not believed: the
    /// folder is on a disk and older than the machine's last start, or somebody has scribbled.
    #[must_use]
    pub fn watermark(&self) -> u64 {
        let watermark = self.bell.words().load(bell::WATERMARK, Ordering::Acquire);
        if watermark <= clock::read(self.bell.clock) { watermark } else { 0 }
    }

    /// Publishes the watermark and wakes those who wait for it.
    pub fn publish_watermark(&self, stamp: u64) {
        let words = self.bell.words();
        words.store(bell::WATERMARK, stamp, Ordering::Release);
        words.word(bell::EVENTS).fetch_add(1, Ordering::SeqCst);
        os::futex_wake(words.low_half(bell::EVENTS), i32::MAX);
    }

    /// Waits until the watermark may have moved, or the time is over.
    pub fn wait_for_watermark(&self, wanted: u64, timeout: Duration) {
        let words = self.bell.words();
        let seen = words.load(bell::EVENTS, Ordering::SeqCst);
        if self.watermark() < wanted {
            os::futex_wait(words.low_half(bell::EVENTS), seen as u32, timeout);
        }
    }

    /// Waits until everything put before `wanted`, which was asked for by [`request`](Queue::request), is
    /// written and flushed; false if it is not at `end`, or if nobody will ever write this queue.
    /// `writes_here` says whether this process has a writer.
    pub fn wait_until_written(
        &self,
        wanted: u64,
        end: Instant,
        writes_here: impl Fn() -> bool,
    ) -> bool {
        /// How long one wait lasts before all that is looked at again.
        const SLICE: Duration = Duration::from_millis(100);
        let mut was_orphaned = false;
        while self.watermark() < wanted {
            let left = end.saturating_duration_since(Instant::now());
            // At two looks: between a parent's end and a child that takes over there is a moment.
            let is_orphaned = !writes_here() && self.is_orphaned();
            if left.is_zero() || is_orphaned && was_orphaned {
                return false;
            }
            was_orphaned = is_orphaned;
            self.wait_for_watermark(wanted, left.min(SLICE));
        }
        true
    }

    /// The writer's pause: sleeps for `timeout` without a doorbell, unless `is_idle` finds
    /// something. A request wakes it, a put does not.
    pub fn pause(&self, timeout: Duration, is_idle: impl FnOnce() -> bool) {
        self.bell.pause(timeout, is_idle);
    }

    /// The writer's sleep: arms the doorbell, lets `is_idle` look once more, and sleeps until
    /// somebody puts a record or asks for something, or the time is over.
    pub fn sleep(&self, timeout: Duration, is_idle: impl FnOnce() -> bool) {
        self.bell.sleep(timeout, is_idle);
    }

    /// Whether only the process that made it and its children know it.
    pub(crate) fn is_private(&self) -> bool {
        place::is_private_name(&self.dir)
    }

    /// Whether another program has made this queue anew: the doorbell in the folder is not the one that is
    /// open here. What stands in the folder is read by whoever has that one.
    pub(crate) fn is_others(&self) -> bool {
        let bell = fs::symlink_metadata(self.dir.join(bell::FILE));
        bell.is_ok_and(|meta| !self.bell.identity.is_of(&meta))
    }

    /// Whether a reader of this queue would find another segment: the folder is where it was (and this
    /// process still sees it), and nobody else's.
    pub(crate) fn takes_segments(&self) -> bool {
        self.dir.is_dir() && !self.is_others()
    }

    /// Does something in the folder. That of a private queue may have been swept away while no
    /// process had a segment in it: then it is made anew.
    pub(crate) fn in_folder<T>(&self, mut work: impl FnMut() -> io::Result<T>) -> io::Result<T> {
        match work() {
            Err(err) if err.kind() == io::ErrorKind::NotFound && self.is_private() => {
                place::make_private_dir(&self.dir).map_err(io::Error::other)?;
                work()
            }
            done => done,
        }
    }

    /// Removes the folder of a private queue, if nothing is left in it.
    pub fn remove_if_private(&self) {
        if !self.is_private() {
            return;
        }
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let known = [bell::FILE, LEAD_FILE, crate::WRITER_FILE];
            if known.contains(&&*name) || name.starts_with(crate::journal::PREFIX) {
                let _ = fs::remove_file(entry.path());
            }
        }
        // Fails if a segment is left: then somebody still has records in it.
        let _ = fs::remove_dir(&self.dir);
    }
}

/// The words of the doorbell page, and who touches them.
pub(crate) mod bell {
    /// The file's name.
    pub(crate) const FILE: &str = "bell";
    pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"ONEWBELL");
    pub(crate) const VERSION: u64 = 1;
    pub(crate) const MAGIC_AT: usize = 0;
    pub(crate) const VERSION_AT: usize = 1;
    /// 0 for the monotonic clock, 1 for the time-stamp counter.
    pub(crate) const CLOCK_AT: usize = 2;
    /// [`AWAKE`] or [`SLEEPING`]: the writer's; read by every put.
    pub(crate) const STATE: usize = 16;
    /// All records up to this stamp are written and flushed: the writer's.
    pub(crate) const WATERMARK: usize = 32;
    /// Counts changes of the watermark: a futex.
    pub(crate) const EVENTS: usize = 33;
    /// Counts segments made: producers'.
    pub(crate) const JOINS: usize = 48;
    /// The latest stamp that `complete` waits for: anybody's.
    pub(crate) const REQUESTED: usize = 64;
    /// Counts requests: a futex on which the writer pauses.
    pub(crate) const CALLS: usize = 65;

    pub(crate) const AWAKE: u64 = 0;
    /// Asleep until woken.
    pub(crate) const SLEEPING: u64 = 1;
}

/// The page that a queue's producers and its writer share.
#[derive(Debug)]
pub(crate) struct Bell {
    map: Map,
    identity: Identity,
    pub(crate) clock: ClockKind,
}

impl Bell {
    fn open(dir: &Path) -> Result<Bell, Error> {
        let path = dir.join(bell::FILE);
        let fail = |err| Error::io("cannot open the doorbell", &path, err);
        if fs::symlink_metadata(&path).is_err() {
            Bell::create(dir, &path).map_err(fail)?;
        }
        let file = os::open_own(&path).map_err(fail)?;
        let len = file.metadata().map_err(fail)?.len();
        if len != PAGE as u64 {
            return Err(Error::new(format!(
                "{} has {len} bytes, not {PAGE}: it is no doorbell; remove the folder",
                path.display()
            )));
        }
        let identity = Identity::of(&file).map_err(fail)?;
        let map = Map::shared(&file, PAGE).map_err(fail)?;
        let word = |at| map.words().load(at, Ordering::Relaxed);
        if word(bell::MAGIC_AT) != bell::MAGIC {
            return Err(Error::new(format!(
                "{} is no doorbell; remove the folder",
                path.display()
            )));
        }
        if word(bell::VERSION_AT) != bell::VERSION {
            return Err(Error::new(format!(
                "{} was made by another version of onewriter (format {}, this is {}): end those \
                 programs, or give the queue another name",
                path.display(),
                word(bell::VERSION_AT),
                bell::VERSION
            )));
        }
        let clock = if word(bell::CLOCK_AT) == 1 { ClockKind::Tsc } else { ClockKind::Monotonic };
        Ok(Bell { map, identity, clock })
    }

    /// Makes the page whole before it has its name: nobody sees half of it.
    fn create(dir: &Path, path: &Path) -> io::Result<()> {
        let temp = dir.join(format!(".bell-{:032x}", os::random_id()?));
        let file =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&temp)?;
        os::allocate(&file, 0, PAGE)?;
        let map = Map::shared(&file, PAGE)?;
        let clock = u64::from(clock::best_kind() == ClockKind::Tsc);
        for (at, word) in [
            (bell::VERSION_AT, bell::VERSION),
            (bell::CLOCK_AT, clock),
            (bell::MAGIC_AT, bell::MAGIC),
        ] {
            map.words().store(at, word, Ordering::Relaxed);
        }
        let Err(err) = os::rename_new(&temp, path) else { return Ok(()) };
        let _ = fs::remove_file(&temp);
        if err.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(err) }
    }

    pub(crate) fn words(&self) -> MapWords<'_> {
        self.map.words()
    }

    /// The words for thread handles.
    ///
    /// # Safety
    /// The bell is never dropped while they are used.
    pub(crate) unsafe fn words_forever(&self) -> MapWords<'static> {
        // SAFETY: passed on to the caller.
        unsafe { self.map.words_forever() }
    }

    /// Whether the page was cut: then this process sees a page of its own, and nobody wakes it.
    pub(crate) fn is_cut(&self) -> bool {
        self.map.cut().is_some()
    }

    /// Wakes the writer out of a pause too.
    fn ring_always(&self) {
        let words = self.words();
        words.word(bell::CALLS).fetch_add(1, Ordering::SeqCst);
        os::futex_wake(words.low_half(bell::CALLS), 1);
        ring(words);
        // Whoever rang before may have been killed before it woke the writer.
        os::futex_wake(words.low_half(bell::STATE), 1);
    }

    /// Writes no word that a put reads: a put's copy of that line stays good over all pauses.
    fn pause(&self, timeout: Duration, is_idle: impl FnOnce() -> bool) {
        let words = self.words();
        let calls = words.load(bell::CALLS, Ordering::SeqCst);
        if is_idle() {
            os::futex_wait(words.low_half(bell::CALLS), calls as u32, timeout);
        }
    }

    fn sleep(&self, timeout: Duration, is_idle: impl FnOnce() -> bool) {
        let words = self.words();
        words.store(bell::STATE, bell::SLEEPING, Ordering::SeqCst);
        // SYNC POINT bell: a producer stores its tail and then loads the state, with no fence
        // between; the barrier here runs one on its processor. Either the producer sees the state,
        // or `is_idle` sees its tail.
        os::barrier();
        if is_idle() {
            os::futex_wait(words.low_half(bell::STATE), bell::SLEEPING as u32, timeout);
        }
        words.store(bell::STATE, bell::AWAKE, Ordering::SeqCst);
    }
}

/// Wakes the writer if it sleeps until woken: the cold end of a put.
#[cold]
#[inline(never)]
pub(crate) fn ring(words: MapWords<'_>) {
    let state = words.word(bell::STATE);
    let asleep =
        state.compare_exchange(bell::SLEEPING, bell::AWAKE, Ordering::SeqCst, Ordering::Relaxed);
    if asleep.is_ok() {
        os::futex_wake(words.low_half(bell::STATE), 1);
    }
}
