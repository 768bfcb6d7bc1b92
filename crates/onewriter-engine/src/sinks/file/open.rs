//! Opening the live file: folders, mode, owner, what kind of file it is, and the `current` link.

use onewriter_ring::Alone;
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt, FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown,
    symlink,
};
use std::path::{Path, PathBuf};

/// Who may read what we make.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Access {
    pub(super) mode: Option<u32>,
    pub(super) owner: Option<(u32, u32)>,
}

/// The open file.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) file: Alone,
    pub(super) dev: u64,
    pub(super) ino: u64,
    /// Its size when it was opened.
    pub(super) len: u64,
    /// The time of its newest byte when it was opened, in nanoseconds since 1970.
    pub(super) modified: u64,
    /// A pipe, a terminal, `/dev/null`: no offsets, no rotation.
    pub(super) is_stream: bool,
    /// A pipe that must be opened anew before it can be written: nobody read it when it was opened,
    /// or it is no longer the one at the path.
    pub(super) is_unread: bool,
}

impl Live {
    fn new(file: Alone) -> io::Result<Live> {
        let meta = file.metadata()?;
        let modified = modified(&meta);
        let is_stream = !meta.is_file();
        let is_unread = fcntl_getfl(&*file)?.contains(OFlags::PATH);
        let (dev, ino, len) = (meta.dev(), meta.ino(), meta.len());
        Ok(Live { dev, ino, len, modified, is_stream, is_unread, file })
    }

    /// Which file it is.
    pub(super) fn id(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }

    /// The time of its newest record, as far as the file tells; 0 if it has none.
    pub(super) fn newest(&self) -> u64 {
        if self.len > 0 { self.modified } else { 0 }
    }

    /// Whether the `len` bytes of the file end in the middle of a line. A file that cannot be read
    /// is taken to be whole.
    pub(super) fn is_torn(&self, len: u64) -> bool {
        let mut last = [b'\n'];
        len > 0 && self.file.read_at(&mut last, len - 1).is_ok() && last != [b'\n']
    }
}

pub(super) fn modified(meta: &fs::Metadata) -> u64 {
    let secs = u64::try_from(meta.mtime()).unwrap_or(0);
    secs.saturating_mul(1_000_000_000) + u64::try_from(meta.mtime_nsec()).unwrap_or(0)
}

/// Opens the file, making it and its folders if they are missing. Never waits: not for a reader of
/// a pipe either.
pub(super) fn open(path: &Path, access: &Access) -> io::Result<Live> {
    Live::new(Alone::open(|| open_file(path, access))?)
}

fn open_file(path: &Path, access: &Access) -> io::Result<File> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(meta) if meta.file_type().is_fifo() => return open_pipe(path),
        Ok(meta) if !meta.is_file() => {
            let flags = OFlags::NOCTTY.bits().cast_signed();
            return OpenOptions::new().write(true).custom_flags(flags).open(path);
        }
        _ => {}
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        make_folders(folder, access)?;
    }
    create(path, access)
}

/// A pipe takes bytes only while somebody reads it: with a reading end of our own it would take them
/// always, and lose them. One that nobody reads is opened by name alone, which keeps its identity.
fn open_pipe(path: &Path) -> io::Result<File> {
    let open = |flags: OFlags| {
        OpenOptions::new().write(true).custom_flags(flags.bits().cast_signed()).open(path)
    };
    match open(OFlags::NONBLOCK) {
        Err(err) if err.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => open(OFlags::PATH),
        pipe => pipe,
    }
}

fn make_folders(folder: &Path, access: &Access) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    if let Some(mode) = access.mode {
        // Who may read the file may enter its folder.
        builder.mode(mode | (mode & 0o444) >> 2 | 0o300);
    }
    builder.recursive(true).create(folder).map_err(|err| match in_the_way(folder) {
        // The kernel says "File exists" and not which.
        Some(file) => {
            let text = format!("{} is not a directory", file.display());
            io::Error::new(io::ErrorKind::NotADirectory, text)
        }
        None => err,
    })
}

/// What stands where a folder is needed.
fn in_the_way(folder: &Path) -> Option<&Path> {
    let there = folder.ancestors().find(|path| path.symlink_metadata().is_ok())?;
    (!there.is_dir()).then_some(there)
}

fn create(path: &Path, access: &Access) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    let mut made = options.clone();
    made.create_new(true).mode(access.mode.unwrap_or(0o666));
    match made.open(path) {
        Ok(file) => {
            if let Some(mode) = access.mode {
                file.set_permissions(Permissions::from_mode(mode))?;
            }
            if let Some((uid, gid)) = access.owner {
                fchown(&file, Some(uid), Some(gid))?;
            }
            Ok(file)
        }
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => match options.open(path) {
            // Write-only files are rare, but a mode that the user may want.
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {
                OpenOptions::new().write(true).open(path)
            }
            // A symbolic link to a file that is not there yet.
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                options.create(true).truncate(false).open(path)
            }
            file => file,
        },
        Err(err) => Err(err),
    }
}

/// The file of this device and inode, under whatever name in the folder that will do.
pub(super) fn find(
    folder: &Path,
    id: (u64, u64),
    will_do: impl Fn(&Path) -> bool,
) -> io::Result<Option<PathBuf>> {
    let is_it = |meta: fs::Metadata| meta.is_file() && (meta.dev(), meta.ino()) == id;
    let mut entries = fs::read_dir(folder)?.flatten();
    let found = entries.find(|entry| entry.metadata().is_ok_and(is_it) && will_do(&entry.path()));
    Ok(found.map(|entry| entry.path()))
}

/// Makes `link` lead to `target`, in one step for whoever follows it.
pub(super) fn link(link: &Path, target: &Path) -> io::Result<()> {
    if fs::read_link(link).is_ok_and(|current| current == target) {
        return Ok(());
    }
    let mut temp = link.as_os_str().to_owned();
    temp.push(".tmp");
    let temp = PathBuf::from(temp);
    let _ = fs::remove_file(&temp);
    symlink(target, &temp)?;
    fs::rename(&temp, link)
}

/// Makes the names in a folder survive a loss of power.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
