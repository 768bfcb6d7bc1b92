//! What the user says about a file sink.

use super::compress::Compression;
use super::disk::{Disk, RealDisk};
use super::names::{Names, Scheme};
use super::open::{Access, Live};
use super::retention::Keep;
use super::rotation::{Rotation, Schedule};
use super::size::ByteSize;
use super::{FileSink, Settings, settings};
use crate::error::Error;
use crate::format::{Format, TextFormat};
use crate::sink::SinkSpec;
use crate::sinks::{Common, IntoSink, common_settings, format_settings};
use jiff::tz::TimeZone;
use onewriter_record::Level;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// When the file's bytes are forced to the disk itself (`fdatasync`).
///
/// Without it, what is written survives every end of the process, but not the end of the machine:
/// Linux writes it out within about 30 seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fsync {
    /// Never: the kernel decides. The default, as in all peers.
    #[default]
    Never,
    /// At most this long after a write.
    Every(Duration),
    /// After each batch with a record of this level or above in it.
    From(Level),
    /// After each batch.
    Batch,
}

/// What happens to records while the file cannot be written: disk full, quota, I/O error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiskFull {
    /// They wait, first in the sink and then in the rings, until there is room; what the rings
    /// cannot hold is up to the overflow policy. The default.
    #[default]
    Wait,
    /// Each batch that cannot be written is dropped whole, and counted.
    Drop,
}

/// Settings of a file sink; made by [`file()`].
pub struct FileBuilder {
    path: PathBuf,
    pub(super) format: Box<dyn Format>,
    pub(super) rotation: Rotation,
    pub(super) names: Names,
    pub(super) utc: bool,
    pub(super) zone: Option<TimeZone>,
    pub(super) keep: Option<usize>,
    pub(super) keep_for: Option<Duration>,
    pub(super) keep_bytes: Option<ByteSize>,
    pub(super) compression: Option<Compression>,
    pub(super) link: Option<PathBuf>,
    pub(super) access: Access,
    pub(super) fsync: Fsync,
    disk_full: DiskFull,
    pub(super) common: Common,
}

common_settings!(FileBuilder);
format_settings!(FileBuilder);

impl IntoSink for FileBuilder {
    fn into_sink(mut self) -> Result<SinkSpec, Error> {
        let common = std::mem::take(&mut self.common);
        let twin = self.twin();
        let settings = self.settings();
        let sink = self.build()?;
        let path = sink.path().to_owned();
        let file = (!sink.is_stream()).then(|| path.clone());
        let settings = settings.and_then(|lines| settings::with_file(&path, &lines));
        let respawn = twin.map(|mut twin| {
            // Wherever the working directory has gone meanwhile.
            twin.path = path;
            let twin = Mutex::new(twin);
            common.respawn(move || {
                let twin = twin.lock().unwrap_or_else(PoisonError::into_inner).twin();
                twin.ok_or_else(|| Error::config("the formatter has no twin"))?.build()
            })
        });
        let mut spec = common.apply(sink)?;
        spec.file = file;
        spec.respawn = respawn;
        spec.settings = settings;
        Ok(spec)
    }
}

/// A sink that appends to this file, and makes it and its folders if they are missing.
///
/// By default it writes text, never rotates, keeps everything, lets the kernel decide when bytes reach the disk,
/// and waits while the disk is full. A pipe or a device (`/dev/stdout`, a FIFO) may stand in place
/// of a file: it is written as a stream, without rotation and without the promise of *exactly* once.
/// While nobody reads a pipe, records wait as on a full disk.
///
/// ```
/// use onewriter_engine::sinks::file::{self, Compression, Rotation};
/// let sink = file::file("shop.log")
///     .rotation(Rotation::size("100 MB").or(Rotation::daily()))
///     .keep(7)
///     .compress(Compression::Gzip);
/// # let _ = sink;
/// ```
#[must_use]
pub fn file(path: impl Into<PathBuf>) -> FileBuilder {
    FileBuilder {
        path: path.into(),
        format: Box::new(TextFormat::full()),
        rotation: Rotation::never(),
        names: Names::index(),
        utc: false,
        zone: None,
        keep: None,
        keep_for: None,
        keep_bytes: None,
        compression: None,
        link: None,
        access: Access::default(),
        fsync: Fsync::Never,
        disk_full: DiskFull::Wait,
        common: Common::default(),
    }
}

impl FileBuilder {
    /// Formats records with this formatter; without one, [`TextFormat::full`].
    #[must_use]
    pub fn format(mut self, format: impl Format + 'static) -> FileBuilder {
        self.format = Box::new(format);
        self
    }

    /// When the file is rotated: a [`Rotation`], or its text such as `"100 MB or daily"`.
    #[must_use]
    pub fn rotation(mut self, rotation: impl Into<Rotation>) -> FileBuilder {
        self.rotation = rotation.into();
        self
    }

    /// What rotated files are called; by default `shop.1.log`, `shop.2.log`, and so on.
    #[must_use]
    pub fn names(mut self, names: Names) -> FileBuilder {
        self.names = names;
        self
    }

    /// Rotates by, and names after, the clock of UTC.
    #[must_use]
    pub fn utc(mut self) -> FileBuilder {
        self.utc = true;
        self
    }

    /// Rotates by, and names after, the local clock (`TZ` or `/etc/localtime`): the default.
    #[must_use]
    pub fn local_time(mut self) -> FileBuilder {
        self.utc = false;
        self
    }

    /// Keeps this many rotated files, the newest; at least 1.
    #[must_use]
    pub fn keep(mut self, count: usize) -> FileBuilder {
        self.keep = Some(count);
        self
    }

    /// Deletes rotated files whose newest record is older than this.
    #[must_use]
    pub fn keep_for(mut self, age: Duration) -> FileBuilder {
        self.keep_for = Some(age);
        self
    }

    /// Deletes the oldest rotated files until all of them and the live file together take no more
    /// than this. The live file itself is never deleted.
    #[must_use]
    pub fn keep_bytes(mut self, size: impl Into<ByteSize>) -> FileBuilder {
        self.keep_bytes = Some(size.into());
        self
    }

    /// Compresses rotated files in the background.
    ///
    /// A flush does not wait for it. At the end of the sink, up to one second is given to what is
    /// being compressed; the rest is done at the next start.
    #[must_use]
    pub fn compress(mut self, compression: Compression) -> FileBuilder {
        self.compression = Some(compression);
        self
    }

    /// Keeps a symbolic link here that leads to the live file.
    #[must_use]
    pub fn current_link(mut self, link: impl Into<PathBuf>) -> FileBuilder {
        self.link = Some(link.into());
        self
    }

    /// The mode of files that the sink makes, such as `0o640`, whatever the umask; folders that it
    /// makes can be entered by whoever may read the files. By default 0o666 less the umask.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> FileBuilder {
        self.access.mode = Some(mode);
        self
    }

    /// The owner of files that the sink makes. Only root may give files away.
    #[must_use]
    pub fn owner(mut self, uid: u32, gid: u32) -> FileBuilder {
        self.access.owner = Some((uid, gid));
        self
    }

    /// When bytes are forced to the disk; by default [`Fsync::Never`].
    #[must_use]
    pub fn fsync(mut self, fsync: Fsync) -> FileBuilder {
        self.fsync = fsync;
        self
    }

    /// What happens while the file cannot be written; by default [`DiskFull::Wait`].
    #[must_use]
    pub fn disk_full(mut self, policy: DiskFull) -> FileBuilder {
        self.disk_full = policy;
        self
    }

    #[cfg(test)]
    pub(super) fn zone(mut self, zone: TimeZone) -> FileBuilder {
        self.zone = Some(zone);
        self
    }

    /// The same settings once more, but for a filter and a lane, if the formatter has a twin. It goes
    /// on in the file as it is: a rotation at the start was for the first one.
    fn twin(&self) -> Option<FileBuilder> {
        Some(FileBuilder {
            path: self.path.clone(),
            format: self.format.twin()?,
            rotation: self.rotation.clone().without_start(),
            names: self.names.clone(),
            utc: self.utc,
            zone: self.zone.clone(),
            keep: self.keep,
            keep_for: self.keep_for,
            keep_bytes: self.keep_bytes.clone(),
            compression: self.compression,
            link: self.link.clone(),
            access: self.access,
            fsync: self.fsync,
            disk_full: self.disk_full,
            common: Common::default(),
        })
    }

    /// Checks everything and opens the file.
    ///
    /// An error names the setting, its value and what would be right
    /// ([`ErrorKind::Config`](crate::ErrorKind::Config)), or says what the operating system refused.
    pub fn build(self) -> Result<FileSink, Error> {
        self.build_on(Box::new(RealDisk))
    }

    pub(super) fn build_on(mut self, mut disk: Box<dyn Disk>) -> Result<FileSink, Error> {
        self.rotation.check()?;
        let keep = self.checked_keep()?;
        self.check_rest()?;
        let zone = self.zone.take().unwrap_or_else(|| match self.utc {
            true => TimeZone::UTC,
            false => TimeZone::system(),
        });
        Scheme::new(&self.path, &self.names, zone.clone())?;
        let name = format!("file {}", self.path.display());
        let (live, path) = open_followed(&self.path, &self.access, disk.as_mut())?;
        let scheme = Scheme::new(&path, &self.names, zone.clone())?;
        let link = self.link.map(|link| checked_link(link, &path, &scheme)).transpose()?;
        let settings = Settings {
            name,
            path,
            scheme,
            link,
            keep,
            access: self.access,
            compression: self.compression,
            fsync: self.fsync,
            disk_full: self.disk_full,
        };
        settings.set_link()?;
        Ok(FileSink::new(settings, self.format, Schedule::new(self.rotation, zone), disk, live))
    }

    fn checked_keep(&self) -> Result<Keep, Error> {
        if self.keep == Some(0) {
            return Err(Error::config(
                "keep(0) would delete each file as soon as it is rotated: give at least 1",
            ));
        }
        let nanos = |age: Duration| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        let age = self.keep_for.map(nanos);
        if age.is_some_and(|age| age < 1_000_000_000) {
            return Err(Error::config(format!(
                "keep_for({:?}) would delete each file as soon as it is rotated: give at least 1 \
                 second",
                self.keep_for.unwrap_or_default()
            )));
        }
        let bytes = self.keep_bytes.as_ref().map(|size| size.checked("keep_bytes"));
        let bytes = bytes.transpose().map_err(Error::config)?;
        Ok(Keep { count: self.keep, age, bytes })
    }

    fn check_rest(&self) -> Result<(), Error> {
        if self.path.file_name().is_none() {
            return Err(Error::config(format!(
                "log file {:?} is no file name: give a path such as \"log/shop.log\"",
                self.path
            )));
        }
        if let Some(mode) = self.access.mode.filter(|mode| mode & !0o777 != 0 || mode & 0o200 == 0)
        {
            return Err(Error::config(format!(
                "mode {mode:#o} of the log file: give permissions that let the owner write, such \
                 as 0o640"
            )));
        }
        if self.fsync == Fsync::Every(Duration::ZERO) {
            return Err(Error::config(
                "fsync every 0 ns: give at least 1 ms, or Fsync::Batch for each batch",
            ));
        }
        self.compression.map_or(Ok(()), Compression::check)
    }
}

/// How often a file is opened again that another writer renames whenever it is open.
const MAX_RENAMES: usize = 1000;

/// Opens the file, and finds its path: absolute, whatever the working directory becomes; and a link's
/// own target, so that rotation renames the file and not the link.
fn open_followed(
    path: &Path,
    access: &Access,
    disk: &mut dyn Disk,
) -> Result<(Live, PathBuf), Error> {
    let mut tries = 0..MAX_RENAMES;
    loop {
        let live = disk.open(path, access).map_err(|err| open_error(path, err))?;
        let followed = match live.is_stream {
            true => std::path::absolute(path),
            false => std::fs::canonicalize(path),
        };
        match followed {
            Ok(followed) => return Ok((live, followed)),
            // Another process has rotated it in this moment: opening makes it anew.
            Err(err) if err.kind() == std::io::ErrorKind::NotFound && tries.next().is_some() => {}
            Err(err) => return Err(Error::io("cannot follow", path, err)),
        }
    }
}

fn open_error(path: &Path, err: std::io::Error) -> Error {
    if err.kind() == std::io::ErrorKind::IsADirectory {
        return Error::config(format!(
            "log file {} is a directory: give the name of a file in it, such as {}",
            path.display(),
            path.join("app.log").display()
        ));
    }
    if err.kind() == std::io::ErrorKind::NotADirectory {
        return Error::config(format!(
            "log file {}: {err}: give another path, or move that file away",
            path.display()
        ));
    }
    Error::io("cannot open the log file", path, err)
}

fn checked_link(link: PathBuf, path: &Path, scheme: &Scheme) -> Result<PathBuf, Error> {
    let link = std::path::absolute(&link).map_err(|err| Error::io("cannot follow", &link, err))?;
    let why = match std::fs::symlink_metadata(&link) {
        _ if link == path => "is the log file itself",
        Ok(meta) if !meta.is_symlink() => "is a file or a folder, and no link",
        _ if link.parent() == path.parent() && is_rotated_name(&link, scheme) => {
            "has the name of a rotated file"
        }
        _ => return Ok(link),
    };
    Err(Error::config(format!(
        "current link {} {why}: give a name that is free, such as current.log",
        link.display()
    )))
}

fn is_rotated_name(path: &Path, scheme: &Scheme) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| scheme.parse(name).is_some())
}
