//! A look at queues from outside: what is there, who lives, what waits. It changes nothing, waits
//! for nothing, and holds up nobody.
//!
//! Files are read and not mapped: one that shrinks meanwhile gives fewer bytes and no signal.
//! Nothing is believed: what a file says is checked, and is only ever shown.
//!
//! Whether somebody holds a lock is asked in memory by trying to share it: the segment of a process
//! that lives refuses, and of one that is dead nobody wants the lock but others who ask. The lead is
//! asked in the same way; who tries to take it in that moment finds it taken, and tries again or
//! waits in the kernel until the question is over. On other filesystems a lock may go with its
//! descriptor, and whoever takes one looks whether it could be taken twice: a question in that moment
//! would be a wrong answer. There the kernel's list of locks is read instead.

use crate::journal;
use crate::lead::LEAD_FILE;
use crate::os::{self, PAGE};
use crate::place::{self, DIR_VARIABLE, QueueName};
use crate::segment::{CONTROL_START, MAGIC, MAX_RINGS, VERSION, header, side_prefix};
use crate::spsc::{CONTROL_WORDS, DATA_LEN, HEAD, LOST, TAIL};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file in which a queue's writer says who it is; see `docs/format.md`.
pub const WRITER_FILE: &str = "writer";
/// No more of it is read.
const PUBLISHED_MAX: u64 = 256 << 10;

/// What a queue is called, by its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SurveyedName {
    /// Named after a file: its folder's device and inode, and its own name. Of a long
    /// one the beginning stands there, `~` and a number of the whole.
    File {
        /// The device.
        dev: u64,
        /// The inode of the folder.
        ino: u64,
        /// The file's name.
        name: String,
    },
    /// A name that programs agree on.
    Named(String),
    /// A process's own, by its random number.
    Private(String),
    /// No queue's folder.
    Other(String),
}

/// What was seen of a queue.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The folder.
    pub dir: PathBuf,
    /// What it is called.
    pub name: SurveyedName,
    /// Whether somebody has the lead.
    pub is_led: bool,
    /// What its writer has published, or the one before.
    pub published: Option<String>,
    /// How long ago it has published something or shown that it goes on, which it does at least once
    /// a second.
    pub beat: Option<Duration>,
    /// The processes that put.
    pub segments: Vec<SurveyedSegment>,
    /// Sinks that were about to write.
    pub pending_journals: usize,
    /// Processes that wait for the lead, as far as the kernel tells.
    pub waiting_for_lead: Vec<u32>,
}

/// What was seen of a process's segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SurveyedSegment {
    /// Its 128 random bits.
    pub id: u128,
    /// The process, by its own account.
    pub process: u32,
    /// Its name, by its own account.
    pub name: String,
    /// Whether it lives.
    pub is_alive: bool,
    /// Rings that it has.
    pub rings: usize,
    /// Bytes committed and not released: what is to be written, or is written and not yet confirmed.
    pub waiting: u64,
    /// Records that it could not put.
    pub lost: u64,
    /// Side files of large records.
    pub side_files: usize,
    /// What it takes of the memory, in bytes.
    pub allocated: u64,
}

impl Survey {
    /// The folders in which queues of this user may be, of those that exist: that of
    /// `$ONEWRITER_DIR` if it is set, else all in which [`Queue::open`](crate::Queue::open) would put one.
    #[must_use]
    pub fn roots() -> Vec<PathBuf> {
        let user = format!("onewriter-{}", os::user_id());
        let parents = match std::env::var_os(DIR_VARIABLE) {
            Some(dir) => vec![PathBuf::from(dir)],
            None => {
                let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
                let shm = Some(PathBuf::from("/dev/shm"));
                [shm, runtime, Some(std::env::temp_dir())].into_iter().flatten().collect()
            }
        };
        let mut roots: Vec<_> = parents.into_iter().map(|parent| parent.join(&user)).collect();
        roots.dedup();
        roots.retain(|root| is_own_folder(root));
        roots
    }

    /// Looks at all queues of a root, in the order of their names.
    ///
    /// # Errors
    /// The root cannot be read.
    pub fn all(root: &Path) -> io::Result<Vec<Survey>> {
        let mut dirs: Vec<_> = fs::read_dir(root)?.flatten().map(|entry| entry.path()).collect();
        dirs.sort();
        let locks = Locks::read();
        let queues = dirs.iter().filter(|dir| is_own_folder(dir));
        let seen = queues.filter_map(|dir| Survey::of_with(dir, &locks).ok());
        Ok(seen.filter(|survey| !matches!(survey.name, SurveyedName::Other(_))).collect())
    }

    /// Looks at one queue.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn of(dir: &Path) -> io::Result<Survey> {
        Survey::of_with(dir, &Locks::read())
    }

    fn of_with(dir: &Path, locks: &Locks) -> io::Result<Survey> {
        let folder = dir.file_name().unwrap_or_default().to_string_lossy();
        let lead = dir.join(LEAD_FILE);
        let mut survey = Survey {
            dir: dir.to_owned(),
            name: name_of(&folder),
            is_led: is_locked(&lead, locks),
            published: published(&dir.join(WRITER_FILE)),
            beat: age(&dir.join(WRITER_FILE)),
            segments: Vec::new(),
            pending_journals: 0,
            waiting_for_lead: locks.waiting(&lead),
        };
        let names: Vec<String> = fs::read_dir(dir)?
            .flatten()
            .filter_map(|it| it.file_name().into_string().ok())
            .collect();
        for name in &names {
            let path = dir.join(name);
            if name.starts_with("s-") {
                let Some(mut segment) = segment(&path, locks) else { continue };
                let prefix = side_prefix(&path);
                segment.side_files = names.iter().filter(|it| it.starts_with(&prefix)).count();
                survey.segments.push(segment);
            } else if name.starts_with(journal::PREFIX) && is_pending(&path) {
                survey.pending_journals += 1;
            }
        }
        survey.segments.sort_by_key(|segment| (segment.process, segment.id));
        Ok(survey)
    }

    /// Whether this is the queue of a file.
    #[must_use]
    pub fn is_of_file(&self, path: &Path) -> bool {
        let name = place::folder_name(&QueueName::File(path.to_owned()));
        name.is_ok_and(|name| self.dir.file_name().is_some_and(|dir| *dir == *name))
    }

    /// The folder below this root of the queue of a file, if it has one.
    #[must_use]
    pub fn folder_of_file(root: &Path, path: &Path) -> Option<PathBuf> {
        let name = place::folder_name(&QueueName::File(path.to_owned())).ok()?;
        Some(root.join(name)).filter(|dir| dir.is_dir())
    }

    /// Bytes that are to be written.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.segments.iter().map(|segment| segment.waiting).sum()
    }

    /// Whether something is to be written or tidied up and nobody is there who would.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        !self.is_led
            && (self.pending_journals > 0
                || self.segments.iter().any(|it| !it.is_alive || it.waiting > 0))
    }
}

/// What stands in a file that a writer has published; `None` if there is none, or no text.
#[must_use]
pub fn published(path: &Path) -> Option<String> {
    let mut text = String::new();
    open(path).ok()?.take(PUBLISHED_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// How long ago the file was written; nothing if its time is to come.
fn age(path: &Path) -> Option<Duration> {
    let modified = fs::symlink_metadata(path).ok()?.modified().ok()?;
    Some(modified.elapsed().unwrap_or_default())
}

fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(file)
}

fn is_own_folder(dir: &Path) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|meta| meta.is_dir() && meta.uid() == os::user_id())
}

fn name_of(folder: &str) -> SurveyedName {
    let other = || SurveyedName::Other(folder.to_owned());
    match folder.split_at_checked(2) {
        Some(("f-", rest)) => file_name(rest).unwrap_or_else(other),
        Some(("n-", name)) => SurveyedName::Named(name.to_owned()),
        Some(("p-", id)) => SurveyedName::Private(id.to_owned()),
        _ => other(),
    }
}

fn file_name(rest: &str) -> Option<SurveyedName> {
    let mut parts = rest.splitn(3, '-');
    let dev = u64::from_str_radix(parts.next()?, 16).ok()?;
    let ino = u64::from_str_radix(parts.next()?, 16).ok()?;
    let mut pieces = parts.next()?.split('%');
    let mut name = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        name.push(u8::from_str_radix(digits, 16).ok()?);
        name.extend_from_slice(rest.as_bytes());
    }
    Some(SurveyedName::File { dev, ino, name: String::from_utf8_lossy(&name).into_owned() })
}

/// Words of a piece of a file; fewer if it ends before.
fn words(file: &File, at: usize, len: usize) -> Vec<u64> {
    let mut bytes = vec![0; len];
    let mut n_read = 0;
    while n_read < len {
        match file.read_at(&mut bytes[n_read..], (at + n_read) as u64) {
            Ok(0) | Err(_) => break,
            Ok(n) => n_read += n,
        }
    }
    bytes.truncate(n_read);
    let (words, _) = bytes.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word)).collect()
}

fn segment(path: &Path, locks: &Locks) -> Option<SurveyedSegment> {
    let file = open(path).ok()?;
    let header = words(&file, 0, PAGE);
    let word = |at: usize| header.get(at).copied().unwrap_or(0);
    if (word(header::MAGIC_AT), word(header::VERSION_AT)) != (MAGIC, VERSION) {
        return None;
    }
    let name = (0..header::NAME_WORDS).flat_map(|at| word(header::NAME + at).to_le_bytes());
    let name: Vec<u8> = name.take(word(header::NAME_LEN) as usize).collect();
    let mut segment = SurveyedSegment {
        id: u128::from(word(header::ID)) | u128::from(word(header::ID + 1)) << 64,
        process: word(header::PROCESS_ID) as u32,
        name: String::from_utf8_lossy(&name).into_owned(),
        is_alive: is_locked(path, locks),
        allocated: 512 * file.metadata().ok()?.blocks(),
        ..SurveyedSegment::default()
    };
    let n_rings = (word(header::N_RINGS) as usize).min(MAX_RINGS);
    let controls = words(&file, CONTROL_START, n_rings * CONTROL_WORDS * 8);
    for control in controls.chunks_exact(CONTROL_WORDS) {
        segment.rings += 1;
        // The head may have been read after the tail; and no ring holds more than its data.
        let waiting = control[TAIL].saturating_sub(control[HEAD]).min(control[DATA_LEN]);
        segment.waiting = segment.waiting.saturating_add(waiting);
        segment.lost = segment.lost.saturating_add(control[LOST]);
    }
    Some(segment)
}

fn is_pending(path: &Path) -> bool {
    open(path).is_ok_and(|file| {
        let words = words(&file, 0, PAGE);
        words.first() == Some(&journal::MAGIC)
            && words.get(journal::STATE).is_some_and(|state| state & journal::PENDING != 0)
    })
}

/// Whether somebody holds the lock of this file; what cannot be asked counts as held.
fn is_locked(path: &Path, locks: &Locks) -> bool {
    match open(path) {
        Ok(file) if os::file_system(&file).is_ok_and(|it| it.is_memory) => {
            !os::try_share_lock(&file)
        }
        Ok(_) => locks.is_held(path),
        Err(err) => err.kind() != io::ErrorKind::NotFound,
    }
}

/// The kernel's list of locks, as far as this process may see it: in a container those of other
/// containers are not in it.
struct Locks(String);

impl Locks {
    fn read() -> Locks {
        Locks(fs::read_to_string("/proc/locks").unwrap_or_default())
    }

    /// `1: FLOCK  ADVISORY  WRITE 4711 00:1b:5678 0 EOF`; `->` stands before who waits.
    fn entries(&self, path: &Path) -> impl Iterator<Item = (bool, u32)> {
        let inode = fs::metadata(path).map_or(0, |meta| meta.ino()).to_string();
        self.0.lines().filter_map(move |line| {
            let mut fields = line.split_whitespace().skip(1).peekable();
            let waits = fields.next_if(|field| *field == "->").is_some();
            let is_flock = fields.next() == Some("FLOCK");
            let process = fields.nth(2)?.parse().unwrap_or(0);
            let is_it = fields.next()?.rsplit(':').next() == Some(&*inode);
            (is_flock && is_it).then_some((waits, process))
        })
    }

    fn is_held(&self, path: &Path) -> bool {
        self.0.is_empty() || self.entries(path).any(|(waits, _)| !waits)
    }

    fn waiting(&self, path: &Path) -> Vec<u32> {
        self.entries(path).filter(|(waits, _)| *waits).map(|(_, process)| process).collect()
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_are_read_as_they_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let meta = fs::metadata(dir.path()).unwrap();
        let (dev, ino) = (meta.dev(), meta.ino());
        let file = |name: &str| SurveyedName::File { dev, ino, name: name.to_owned() };
        assert_eq!(name_of(&format!("f-{dev:x}-{ino:x}-shop-1.log")), file("shop-1.log"));
        assert_eq!(name_of(&format!("f-{dev:x}-{ino:x}-a%20%c3%b6%25.log")), file("a ö%.log"));
        assert_eq!(name_of("n-shop"), SurveyedName::Named("shop".to_owned()));
        assert_eq!(name_of("p-00ff"), SurveyedName::Private("00ff".to_owned()));
        for other in ["", "f", "f-", "f-x-1-a", "f-1-2-a%", "f-1-2-a%zz", "ö", "s-1"] {
            assert_eq!(name_of(other), SurveyedName::Other(other.to_owned()));
        }
    }

    #[test]
    fn locks_are_read_as_the_kernel_lists_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let ino = file.as_file().metadata().unwrap().ino();
        let locks = Locks(format!(
            "1: POSIX  ADVISORY  WRITE 1 00:1b:{ino} 0 EOF\n\
             2: FLOCK  ADVISORY  WRITE 2 00:1b:{ino}7 0 EOF\n\
             3: FLOCK  ADVISORY  WRITE 3 00:1b:{ino} 0 EOF\n\
             3: -> FLOCK  ADVISORY  WRITE 4 00:1b:{ino} 0 EOF\n\
             nonsense\n"
        ));
        let entries: Vec<_> = locks.entries(file.path()).collect();
        assert_eq!(entries, [(false, 3), (true, 4)]);
        assert_eq!((locks.is_held(file.path()), locks.waiting(file.path())), (true, vec![4]));
    }
}
