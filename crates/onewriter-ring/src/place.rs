//! Where a queue lives: a folder in memory, found by name.

use crate::os;
use crate::queue::{Error, bell};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

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
    /// The same with such a name, for processes that are told it. It goes with the last of them.
    Passing(String),
}

/// The environment variable that says where queues live.
pub const DIR_VARIABLE: &str = "ONEWRITER_DIR";

/// What a queue and its first program need at least: a segment with its first rings, and a journal
/// that takes one batch.
const LEAST_ROOM: u64 = 640 << 10;

/// A folder in which this user's queues may live.
struct Room {
    /// How the user knows it: a path, or a variable and its value.
    label: String,
    parent: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `ONEWRITER_DIR`: made if it is not there, on whatever file system.
    Chosen,
    /// Of use only if it is in memory.
    Memory,
    /// The folder for temporary files: of use wherever it is.
    Temporary,
}

/// The folder of the queue of this name, made if it is not there, and what the user should know
/// about where it is.
///
/// Where `ONEWRITER_DIR` is set, it is there. Otherwise a queue that exists is used where it is, in
/// the first room that has it: so programs find each other though a room was full when one of them
/// began. A new one is made in the first room that takes it.
pub(crate) fn find(name: &QueueName) -> Result<(PathBuf, Option<String>), Error> {
    let name = folder_name(name)?;
    let rooms = rooms()?;
    if let Some((at, room)) = rooms.iter().enumerate().find(|(_, room)| room.has(&name)) {
        check_private(&room.root())?;
        let dir = room.folder(&name);
        check_private(&dir)?;
        let diagnostic = match room.look() {
            Err(why) => Some(is_short(&dir, &why)),
            Ok(()) => (at > 0).then(|| stays(&dir, &rooms[0].label)),
        };
        return Ok((dir, diagnostic));
    }
    let mut passed = Vec::new();
    for room in &rooms {
        match room.make(&name)? {
            Ok(dir) => {
                let diagnostic = (!passed.is_empty()).then(|| passed_over(&passed, &dir));
                return Ok((dir, diagnostic));
            }
            Err(why) => passed.push(why),
        }
    }
    let reasons = passed.join("; ");
    Err(Error::new(format!(
        "no room for a queue: {reasons}; or set {DIR_VARIABLE} to another folder"
    )))
}

/// Where a queue may live, in the order of preference. All programs of a user must see the same:
/// those that depend on variables come last.
fn rooms() -> Result<Vec<Room>, Error> {
    if let Some(parent) = variable(DIR_VARIABLE) {
        let label = format!("{DIR_VARIABLE}={}", parent.display());
        if parent.is_relative() {
            return Err(Error::new(format!(
                "{label} is no absolute path: programs in other folders would not find the queue"
            )));
        }
        return Ok(vec![Room { label, parent, kind: Kind::Chosen }]);
    }
    let plain = |parent: PathBuf, kind| Room { label: parent.display().to_string(), parent, kind };
    let mut rooms = vec![plain(PathBuf::from("/dev/shm"), Kind::Memory)];
    if let Some(parent) = variable("XDG_RUNTIME_DIR").filter(|path| path.is_absolute()) {
        let label = format!("XDG_RUNTIME_DIR={}", parent.display());
        rooms.push(Room { label, parent, kind: Kind::Memory });
    }
    rooms.push(plain(std::env::temp_dir(), Kind::Temporary));
    Ok(rooms)
}

/// An empty variable counts as none.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Whether this is the folder of a private queue, by its name.
pub(crate) fn is_private_name(dir: &Path) -> bool {
    dir.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"p-"))
}

fn root_name() -> String {
    format!("onewriter-{}", os::user_id())
}

/// Whether queues of this user live in this folder, and nothing else does.
pub(crate) fn is_root(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| *name == *root_name())
}

impl Room {
    fn root(&self) -> PathBuf {
        self.parent.join(root_name())
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Whether this user has a queue of this name here. What others have put here is none.
    fn has(&self, name: &str) -> bool {
        let is_own = |path: &Path| {
            fs::symlink_metadata(path)
                .is_ok_and(|meta| meta.is_dir() && meta.uid() == os::user_id())
        };
        let dir = self.folder(name);
        is_own(&self.root()) && is_own(&dir) && dir.join(bell::FILE).exists()
    }

    /// Makes a queue's folder, or says why not and what would help. Something planted is an error
    /// of its own: whoever planted it is not to choose where this user's queues live.
    fn make(&self, name: &str) -> Result<Result<PathBuf, String>, Error> {
        if let Err(why) = self.look() {
            return Ok(Err(why));
        }
        for dir in [self.root(), self.folder(name)] {
            if let Err(err) = make_dir(&dir) {
                let (label, dir) = (&self.label, dir.display());
                return Ok(Err(format!("{label}: cannot make {dir}: {}", os::said(&err))));
            }
            check_private(&dir)?;
        }
        Ok(Ok(self.folder(name)))
    }

    /// Whether a queue fits here.
    fn look(&self) -> Result<(), String> {
        let label = &self.label;
        let made = if self.kind == Kind::Chosen { make_dir(&self.parent) } else { Ok(()) };
        let system = made
            .and_then(|()| File::open(&self.parent))
            .and_then(|parent| os::file_system(&parent))
            .map_err(|err| match os::limit_behind(&err) {
                Some(limit) => format!("{label}: {err}: {limit}"),
                None => format!("{label}: {err}: a tmpfs should be there"),
            })?;
        if self.kind == Kind::Memory && !system.is_memory {
            return Err(format!("{label} is on a disk: a tmpfs should be there"));
        }
        if system.free < LEAST_ROOM {
            return Err(format!(
                "{label} has {} KiB free, a queue needs {} KiB: make room there, or make it larger \
                 (`docker run --shm-size`, an emptyDir's sizeLimit)",
                system.free >> 10,
                LEAST_ROOM >> 10
            ));
        }
        Ok(())
    }
}

/// The diagnostic of a queue whose room would not be taken for a new one.
fn is_short(dir: &Path, why: &str) -> String {
    format!(
        "{why}; the queue is in {} already and stays there: while it has no room, records wait or are \
         dropped as the overflow policy says",
        dir.display()
    )
}

/// The diagnostic of a queue that is not where it would be made today.
fn stays(dir: &Path, first: &str) -> String {
    format!(
        "the queue is in {}, where it was made when {first} could not take it; to move it, end its \
         programs and remove that folder",
        dir.display()
    )
}

/// The diagnostic of a queue that could not be made where it should be.
fn passed_over(passed: &[String], dir: &Path) -> String {
    let is_memory =
        File::open(dir).and_then(|dir| os::file_system(&dir)).is_ok_and(|system| system.is_memory);
    let waits = if is_memory { "" } else { " on a disk, for which a put may wait" };
    format!(
        "{}; the queue is in {}{waits}: give all programs that log there the same {DIR_VARIABLE}, a \
         folder in memory",
        passed.join("; "),
        dir.display()
    )
}

/// Makes the folder, parents too, for this user alone; an existing one is checked.
pub(crate) fn make_private_dir(dir: &Path) -> Result<(), Error> {
    make_dir(dir).map_err(|err| {
        let cure = format!("; set {DIR_VARIABLE} to a folder of your own");
        let mut error = Error::io("cannot make the queue's folder", dir, err);
        error.message.push_str(&cure);
        error
    })?;
    check_private(dir)
}

/// Makes the folder, unless something has its name.
fn make_dir(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(dir) {
        Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
        _ => Ok(()),
    }
}

/// Whether the folder is one, this user's, and for him alone.
fn check_private(dir: &Path) -> Result<(), Error> {
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

pub(crate) fn folder_name(name: &QueueName) -> Result<String, Error> {
    match name {
        QueueName::File(path) => file_folder_name(path),
        QueueName::Named(name) => Ok(format!("n-{}", checked(name)?)),
        QueueName::Passing(name) => Ok(format!("p-{}", checked(name)?)),
        QueueName::Private => {
            let id = os::random_id().map_err(|err| Error::new(format!("no random id: {err}")))?;
            Ok(format!("p-{id:032x}"))
        }
    }
}

fn checked(name: &str) -> Result<&str, Error> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 64 || !name.chars().all(allowed) {
        return Err(Error::setting(format!(
            "queue name {name:?}: use 1 to 64 letters, digits, '.', '_' or '-'"
        )));
    }
    Ok(name)
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
    Ok(format!("f-{:x}-{:x}-{}", meta.dev(), meta.ino(), file_part(name.as_encoded_bytes())))
}

/// What of a file's name is more than this is replaced by a number of the whole name, so that the
/// folder's name is none that is too long, and no two files have the same.
const NAME_MAX: usize = 120;

/// A file's name in that of a folder.
fn file_part(name: &[u8]) -> String {
    let mut text = String::new();
    for byte in name {
        let before = text.len();
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {
                text.push(char::from(*byte));
            }
            byte => text.push_str(&format!("%{byte:02x}")),
        }
        if text.len() > NAME_MAX {
            text.truncate(before);
            text.push_str(&format!("~{:016x}", stable_hash(name)));
            break;
        }
    }
    text
}

/// A number of these bytes that is the same in every build: 64-bit FNV-1a.
#[must_use]
pub fn stable_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_long_names_have_folders_of_their_own() {
        let long = |last: &str| [&[b'x'; 200], last.as_bytes()].concat();
        let (one, two) = (file_part(&long("1.log")), file_part(&long("2.log")));
        assert_ne!(one, two);
        assert_eq!(one.len(), NAME_MAX + 17);
        let strange = file_part(&[0xff; 255]);
        assert!(strange.len() <= NAME_MAX + 17 && strange.starts_with("%ff%ff"), "{strange}");
        assert_eq!(file_part(b"shop 1.log"), "shop%201.log");
        assert_eq!(stable_hash(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
