//! Where a queue lives: a folder in memory, found by name.

use crate::lock::LifetimeLock;
use crate::os::{self, Map, PAGE};
use crate::words::{MapWords, Words};
use crate::{clock, clock::ClockKind};
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What a queue is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueName {
    /// Named after a file: the identity of its folder and its own name, so that every spelling of
    /// the path means one queue.
    File(PathBuf),
    /// A name that programs agree on: letters, digits, `.`, `_` and `-`, at most 64 of them.
    Named(String),
    /// A queue that only this process and its children know.
    Private,
}

/// The operating system refused, or something is not what it should be.
///
/// `{:?}` shows the text too: it is what `main` prints.
pub struct Error {
    message: String,
    source: Option<io::Error>,
}

impl Error {
    #[cold]
    pub(crate) fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), source: None }
    }

    #[cold]
    pub(crate) fn io(action: &str, path: &Path, source: io::Error) -> Error {
        let message = format!("{action} {}: {source}", path.display());
        Error { message, source: Some(source) }
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

/// The file whose lock is the lead.
pub(crate) const LEAD_FILE: &str = "lead";

/// The right to be a queue's writer; see [`Queue::try_lead`].
#[derive(Debug)]
pub struct Lead {
    _lock: LifetimeLock,
}

/// The environment variable that says where queues live.
pub const DIR_VARIABLE: &str = "ONEWRITER_DIR";

/// A queue's folder and its doorbell.
#[derive(Debug)]
pub struct Queue {
    dir: PathBuf,
    private: bool,
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
        let (root, diagnostic) = root()?;
        let dir = root.join(folder_name(name)?);
        make_private_dir(&dir)?;
        let bell = Bell::open(&dir)?;
        Ok(Queue { dir, private: *name == QueueName::Private, diagnostic, bell })
    }

    /// Opens the queue in this folder, for tests and tools. It is private unless the folder has the
    /// name of one that others find.
    pub fn open_in(dir: &Path) -> Result<Queue, Error> {
        make_private_dir(dir)?;
        let bell = Bell::open(dir)?;
        let name = dir.file_name().unwrap_or_default().as_encoded_bytes();
        let private = !name.starts_with(b"f-") && !name.starts_with(b"n-");
        Ok(Queue { dir: dir.to_owned(), private, diagnostic: None, bell })
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

    /// Asks the writer to write and flush everything put before `stamp`, and wakes it.
    pub fn request(&self, stamp: u64) {
        let word = self.bell.words().word(bell::REQUESTED);
        word.fetch_max(stamp, Ordering::SeqCst);
        self.bell.ring_always();
    }

    /// The latest moment that anybody asked for.
    #[must_use]
    pub fn requested(&self) -> u64 {
        self.bell.words().load(bell::REQUESTED, Ordering::SeqCst)
    }

    /// Everything put up to this moment is written and flushed.
    #[must_use]
    pub fn watermark(&self) -> u64 {
        self.bell.words().load(bell::WATERMARK, Ordering::Acquire)
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

    /// Takes the lead: the right to be this queue's writer, for as long as the value lives and at
    /// most as long as this process. `None` if somebody else has it.
    pub fn try_lead(&self) -> Result<Option<Lead>, Error> {
        let path = self.dir.join(LEAD_FILE);
        let fail = |err| Error::io("cannot take the queue's lead", &path, err);
        os::open_page(&path).map_err(fail)?;
        let lock = LifetimeLock::try_take(&path).map_err(fail)?;
        Ok(lock.map(|lock| Lead { _lock: lock }))
    }

    /// Removes the folder of a private queue, if nothing is left in it.
    pub fn remove_if_private(&self) {
        if !self.private {
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

fn root() -> Result<(PathBuf, Option<String>), Error> {
    let user = format!("onewriter-{}", os::user_id());
    if let Some(dir) = std::env::var_os(DIR_VARIABLE) {
        let root = PathBuf::from(dir).join(user);
        make_private_dir(&root)?;
        return Ok((root, None));
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    for parent in [Some(PathBuf::from("/dev/shm")), runtime].into_iter().flatten() {
        let root = parent.join(&user);
        if File::open(&parent).is_ok_and(|file| os::is_tmpfs(&file))
            && make_private_dir(&root).is_ok()
        {
            return Ok((root, None));
        }
    }
    let root = std::env::temp_dir().join(user);
    make_private_dir(&root)?;
    let diagnostic = format!(
        "no writable tmpfs in /dev/shm or XDG_RUNTIME_DIR: queues live on disk in {}, where a put \
         may wait for the disk; set {DIR_VARIABLE} to a folder in memory",
        root.display()
    );
    Ok((root, Some(diagnostic)))
}

/// Makes the folder, parents too, for this user alone; an existing one is checked.
fn make_private_dir(dir: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|err| Error {
        message: format!(
            "cannot make the queue's folder {}: {err}; set {DIR_VARIABLE} to a folder of your own",
            dir.display()
        ),
        source: Some(err),
    })?;
    let meta = fs::symlink_metadata(dir)
        .map_err(|err| Error::io("cannot look at the queue's folder", dir, err))?;
    if !meta.is_dir() {
        return Err(Error::new(format!(
            "{} is not a folder but must be one: remove it, or set {DIR_VARIABLE}",
            dir.display()
        )));
    }
    if meta.uid() != os::user_id() {
        return Err(Error::new(format!(
            "{} belongs to user {}, not to user {}: remove it, or set {DIR_VARIABLE}",
            dir.display(),
            meta.uid(),
            os::user_id()
        )));
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(Error::new(format!(
            "{} is open to other users (mode {:o}): `chmod 700` it",
            dir.display(),
            meta.permissions().mode() & 0o7777
        )));
    }
    Ok(())
}

fn folder_name(name: &QueueName) -> Result<String, Error> {
    match name {
        QueueName::File(path) => file_folder_name(path),
        QueueName::Named(name) => {
            let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
                return Err(Error::new(format!(
                    "queue name {name:?}: use 1 to 64 letters, digits, '.', '_' or '-'"
                )));
            }
            Ok(format!("n-{name}"))
        }
        QueueName::Private => {
            let id = os::random_id().map_err(|err| Error::new(format!("no random id: {err}")))?;
            Ok(format!("p-{id:032x}"))
        }
    }
}

fn file_folder_name(path: &Path) -> Result<String, Error> {
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let meta = fs::metadata(parent)
        .map_err(|err| Error::io("cannot look at the log file's folder", parent, err))?;
    let name = path
        .file_name()
        .ok_or_else(|| Error::new(format!("{} does not name a file", path.display())))?;
    let mut text = format!("f-{:x}-{:x}-", meta.dev(), meta.ino());
    for byte in name.as_encoded_bytes().iter().take(96) {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                text.push(char::from(*byte));
            }
            byte => text.push_str(&format!("%{byte:02x}")),
        }
    }
    Ok(text)
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
    pub(crate) clock: ClockKind,
}

impl Bell {
    fn open(dir: &Path) -> Result<Bell, Error> {
        let path = dir.join(bell::FILE);
        let fail = |err| Error::io("cannot open the doorbell", &path, err);
        if !path.exists() {
            Bell::create(dir, &path).map_err(fail)?;
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(fail)?;
        let len = file.metadata().map_err(fail)?.len();
        if len != PAGE as u64 {
            return Err(Error::new(format!(
                "{} has {len} bytes, not {PAGE}: it is no doorbell; remove the folder",
                path.display()
            )));
        }
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
        Ok(Bell { map, clock })
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
        let linked = fs::hard_link(&temp, path);
        let _ = fs::remove_file(&temp);
        match linked {
            Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
            _ => Ok(()),
        }
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

    /// Wakes the writer out of a pause too.
    fn ring_always(&self) {
        let words = self.words();
        words.word(bell::CALLS).fetch_add(1, Ordering::SeqCst);
        os::futex_wake(words.low_half(bell::CALLS), 1);
        ring(words);
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
