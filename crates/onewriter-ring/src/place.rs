//! Where a queue lives: a folder in memory, found by name.

use crate::os;
use crate::queue::Error;
use std::fs::{self, DirBuilder, File};
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
}

/// The environment variable that says where queues live.
pub const DIR_VARIABLE: &str = "ONEWRITER_DIR";

/// The folder of the queue of this name, made if it is not there, and what the user should know
/// about where it is.
pub(crate) fn find(name: &QueueName) -> Result<(PathBuf, Option<String>), Error> {
    let (root, diagnostic) = root()?;
    let dir = root.join(folder_name(name)?);
    make_private_dir(&dir)?;
    Ok((dir, diagnostic))
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
pub(crate) fn make_private_dir(dir: &Path) -> Result<(), Error> {
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
