//! Rotation, reopening, and what is done beside writing.

use super::compress::{Compression, Packer, is_in_work, with_suffix};
use super::hold::{is_busy, unlock};
use super::retention::{Folder, Rotated};
use super::{Cut, FileSink, Fsync, Settings, open};
use crate::error::Error;
use crate::sink::{Context, Sink};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const SECOND: u64 = 1_000_000_000;
/// How far a file's time may be from that of its newest record: the writer may be behind by a
/// second, and the kernel's clock for file times by some milliseconds.
const TICK: u64 = SECOND;
/// How long a rotation that failed is not tried again.
const RETRY: u64 = 10 * SECOND;
/// How often the folder is looked at without a reason.
const FOLDER: u64 = 60 * SECOND;

impl Settings {
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Whether the path leads to this file.
    pub(super) fn is_at_path(&self, file: (u64, u64)) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|meta| (meta.dev(), meta.ino()) == file)
    }

    pub(super) fn set_link(&self) -> Result<(), Error> {
        let Some(link) = &self.link else { return Ok(()) };
        let target = match self.path.file_name() {
            Some(name) if link.parent() == self.path.parent() => Path::new(name),
            _ => &self.path,
        };
        open::link(link, target).map_err(|err| Error::io("cannot make the link", link, err))
    }
}

/// Whether a rotated file of this name has been compressed.
fn is_compressed(plain: &Path) -> bool {
    let suffixes = Compression::ALL.iter().map(|kind| kind.suffix());
    suffixes.into_iter().any(|suffix| with_suffix(plain, suffix).exists())
}

impl FileSink {
    /// Whether the record that begins at `start` of the batch belongs into a new file.
    pub(super) fn is_due(&mut self, start: usize, time: u64) -> bool {
        if !self.is_started {
            // It may have stood by since it was opened, while another writer wrote and rotated.
            let looked = self.open_again();
            self.note(looked.err());
        }
        let is_empty = self.offset == 0 && start == 0;
        self.arm();
        if !self.is_started {
            self.is_started = true;
            self.schedule.restart(if is_empty { time } else { self.newest });
            self.arm();
            if self.schedule.rotation.is_at_start() && !is_empty {
                return true;
            }
        }
        let end = self.offset + self.batch.bytes.len() as u64;
        let is_big = self.schedule.rotation.max_size().is_some_and(|size| end > size);
        let is_late = time >= self.schedule.due;
        if is_empty && is_late {
            self.schedule.restart(time);
            self.arm();
        }
        !is_empty && (is_big || is_late)
    }

    /// Sets what `record` compares with.
    fn arm(&mut self) {
        self.look_time = self.schedule.due;
        self.look_size = self.schedule.rotation.max_size().unwrap_or(u64::MAX);
    }

    /// Rotates, unless the file is empty or somebody else has rotated it.
    pub(super) fn turn(&mut self, cut: Cut) -> Result<(), Error> {
        if self.live.is_stream || self.offset == 0 {
            return Ok(());
        }
        let turned = self.take_turn().and_then(|()| {
            let turned = self.turn_held(cut);
            self.end_turn();
            turned
        });
        if let Err(err) = turned {
            // The file goes on being written meanwhile.
            let (pause, is_quiet) = if is_busy(&err) { (SECOND, true) } else { (RETRY, false) };
            self.look_time = cut.time.saturating_add(pause);
            self.look_size = u64::MAX;
            return if is_quiet { Ok(()) } else { Err(err) };
        }
        self.schedule.restart(cut.time);
        self.arm();
        self.upkeep.looked_at_folder = None;
        self.settings.set_link()
    }

    fn turn_held(&mut self, cut: Cut) -> Result<(), Error> {
        if self.live.id() == cut.file { self.rename_and_open() } else { Ok(()) }
    }

    fn rename_and_open(&mut self) -> Result<(), Error> {
        if self.upkeep.unsynced.is_some() {
            self.sync()?;
        }
        let _ = self.disk.set_modified(&self.live.file, self.newest);
        let path = &self.settings.path.clone();
        if !self.settings.is_at_path(self.live.id()) {
            // Somebody else has rotated it.
            return self.open_again();
        }
        let fail = |err| Error::io("cannot rotate the log file", path, err);
        let folder = self.settings.folder();
        let found = Folder::read(folder, &self.settings.scheme, &self.live).map_err(fail)?;
        let last_name = self.upkeep.last_name.clone();
        let target = self.name_anew(path, &found).map_err(fail)?;
        let opened = self.open_again();
        // If there is no new file, what is written next still belongs into the old one.
        if opened.is_err() && self.disk.rename(&target, path).is_ok() {
            self.upkeep.last_name = last_name;
        } else {
            self.upkeep.rotations += 1;
        }
        if self.settings.fsync != Fsync::Never {
            let _ = open::sync_folder(self.settings.folder());
        }
        opened
    }

    /// Gives a file the next name that no rotated file has or had; where it is then.
    ///
    /// A look at the folder may miss a file that is replaced by its compressed form in that moment.
    /// So a name that this sink has given is not given again, and one that is free is not taken where
    /// a compressed file has it.
    fn name_anew(&mut self, path: &Path, found: &Folder) -> io::Result<PathBuf> {
        let Settings { scheme, .. } = &self.settings;
        if scheme.is_shifted() {
            return self.shift(path, found);
        }
        let folder = self.settings.folder();
        let taken = found.taken().chain(&self.upkeep.last_name);
        let mut name = scheme.next(self.newest, taken);
        loop {
            let target = folder.join(&name.base);
            let renamed = match is_compressed(&target) {
                true => Err(io::ErrorKind::AlreadyExists.into()),
                false => self.disk.rename(path, &target),
            };
            match renamed {
                Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
                    name = scheme.after(&name)
                }
                Err(err) => return Err(err),
                Ok(()) => {
                    self.upkeep.last_name = Some(name);
                    return Ok(target);
                }
            }
        }
    }

    /// Goes on in whatever file is at the path now.
    pub(super) fn open_again(&mut self) -> Result<(), Error> {
        let path = &self.settings.path;
        let live = self
            .disk
            .open(path, &self.settings.access)
            .map_err(|err| Error::io("cannot open the log file", path, err))?;
        let is_other = live.id() != self.live.id();
        if live.is_unread && !is_other && self.live.file.is_itself() {
            // What stands in a pipe would go with its last open end.
            return Ok(());
        }
        self.offset = live.len;
        self.newest = live.newest();
        self.is_unsure = true;
        // Not only by closing it: a forked child may have it too.
        if self.live.file.is_itself() {
            unlock(&self.live.file);
        }
        self.live = live;
        if is_other && self.is_started && self.offset > 0 {
            // Whoever has rotated the file goes by the same clock.
            self.schedule.restart(self.clock.believe(self.newest));
            self.arm();
        }
        Ok(())
    }

    /// Where the file's time would mislead the next run about the newest record's period, corrects
    /// it: right before and right after the period's ends.
    pub(super) fn mark_period(&mut self) {
        let (due, since) = (self.schedule.due, self.schedule.since);
        let is_early = self.newest < since.saturating_add(TICK);
        let is_late = self.newest.max(self.clock.now).saturating_add(TICK) >= due;
        if due != u64::MAX && (is_early || is_late) {
            let _ = self.disk.set_modified(&self.live.file, self.newest);
        }
    }

    fn sync(&mut self) -> Result<(), Error> {
        let synced = self.disk.sync(&self.live.file);
        self.upkeep.unsynced = None;
        synced.map_err(|err| {
            self.upkeep.sync_failed = true;
            Error::io("cannot force to the disk", &self.settings.path, err)
        })
    }

    /// Syncs what a flush has to; reports a failure since the last flush even if a later sync went
    /// well, because Linux reports lost pages only once.
    pub(super) fn sync_rest(&mut self) -> Result<(), Error> {
        if self.upkeep.unsynced.is_some() {
            self.sync()?;
        }
        if std::mem::take(&mut self.upkeep.sync_failed) {
            let path = &self.settings.path;
            let lost = io::Error::other("an earlier fsync failed, what it covered may be lost");
            return Err(Error::io("cannot promise", path, lost));
        }
        Ok(())
    }

    /// All that `tick` does; reports the first trouble of it, or of what came before.
    pub(super) fn keep_up(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.clock.now = cx.now;
        if !self.live.is_stream {
            let results = [self.look_at_path(cx), self.rotate_idle(cx), self.sync_by_time(cx.now)];
            self.note(results.into_iter().find_map(Result::err));
            self.collect_packed();
            if self.upkeep.looked_at_folder.is_none_or(|at| cx.now.abs_diff(at) >= FOLDER) {
                self.tidy();
            }
        }
        self.upkeep.trouble.take().map_or(Ok(()), Err)
    }

    pub(super) fn note(&mut self, trouble: Option<Error>) {
        self.upkeep.trouble = self.upkeep.trouble.take().or(trouble);
    }

    /// Another file at the path, or none: the old one is finished, then the path is opened anew.
    fn look_at_path(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.settings.is_at_path(self.live.id()) {
            return Ok(());
        }
        self.reopen(cx)
    }

    /// Rotates a file that nobody writes to. While records come, their own times decide: some that
    /// belong into the old file may still be on their way.
    fn rotate_idle(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.schedule.follow(cx.now) {
            self.arm();
        }
        let is_idle = !std::mem::take(&mut self.is_busy) && self.pending() == 0;
        let is_late = cx.now >= self.look_time.saturating_add(SECOND);
        if is_idle && is_late && self.is_started && self.is_due(0, cx.now) {
            return self.turn(Cut { time: cx.now, file: self.live.id() });
        }
        Ok(())
    }

    fn sync_by_time(&mut self, now: u64) -> Result<(), Error> {
        if let (Fsync::Every(interval), Some(since)) = (self.settings.fsync, self.upkeep.unsynced)
            && u128::from(now.abs_diff(since)) >= interval.as_nanos()
        {
            return self.sync();
        }
        Ok(())
    }

    fn collect_packed(&mut self) {
        if let Some(packer) = &mut self.upkeep.packer {
            let (finished, failure) = packer.collect();
            self.note(failure);
            if finished > 0 {
                // A compressed file may let the folder fit again, or have outlived its time.
                self.upkeep.looked_at_folder = None;
            }
        }
    }

    /// Retention, and what is to be compressed.
    pub(super) fn tidy(&mut self) {
        self.upkeep.looked_at_folder = Some(self.clock.now);
        if self.settings.keep.is_all() && self.settings.compression.is_none() {
            return;
        }
        // Names that another writer moves meanwhile would be those of other files.
        if !self.settings.scheme.is_shifted() || self.live.is_stream {
            let trouble = self.tidy_folder();
            return self.note(trouble.err());
        }
        let tidied = self.take_turn().and_then(|()| {
            let tidied = self.tidy_folder();
            self.end_turn();
            tidied
        });
        match tidied {
            Err(err) if is_busy(&err) => self.upkeep.looked_at_folder = None,
            tidied => self.note(tidied.err()),
        }
    }

    fn tidy_folder(&mut self) -> Result<(), Error> {
        let folder = self.settings.folder();
        let found = Folder::read(folder, &self.settings.scheme, &self.live);
        self.tidy_found(found.map_err(|err| Error::io("cannot look at the folder", folder, err))?)
    }

    fn tidy_found(&mut self, mut found: Folder) -> Result<(), Error> {
        let mut result = Ok(());
        let n_doomed = self.settings.keep.doomed(&found.rotated, self.clock.now, self.offset);
        for file in found.rotated.drain(..n_doomed) {
            for path in file.paths() {
                result = result.and(self.remove(path));
            }
        }
        // Once the thread runs, such a file is its own.
        if self.upkeep.packer.is_none() {
            for path in found.partial.iter().filter(|path| !is_in_work(path)) {
                result = result.and(self.remove(path));
            }
        }
        let Some(kind) = self.settings.compression else { return result };
        for file in &found.rotated {
            let packed = self.what_to_pack(file, &found).and_then(|plain| match plain {
                Some(plain) => self.pack(kind, plain),
                None => Ok(()),
            });
            result = result.and(packed);
        }
        result
    }

    /// What of a rotated file is to be compressed.
    fn what_to_pack(&mut self, file: &Rotated, found: &Folder) -> Result<Option<PathBuf>, Error> {
        let Some(plain) = &file.plain else { return Ok(None) };
        if file.is_packed() {
            return self.remove(plain).map(|()| None);
        }
        if !file.is_other {
            return Ok(Some(plain.clone()));
        }
        // No name is given where names move, but at a rotation.
        if self.settings.scheme.is_shifted() {
            return Ok(None);
        }
        let renamed = self.name_anew(plain, found);
        renamed.map(Some).map_err(|err| Error::io("cannot rename the rotated file", plain, err))
    }

    fn pack(&mut self, kind: Compression, plain: PathBuf) -> Result<(), Error> {
        let packer = match &mut self.upkeep.packer {
            Some(packer) => packer,
            none => {
                let live = self.settings.scheme.is_shifted().then(|| self.settings.path.clone());
                let failed =
                    |err| Error::io("cannot start the thread that compresses", &plain, err);
                none.insert(Packer::start(kind, live).map_err(failed)?)
            }
        };
        packer.give(plain);
        Ok(())
    }

    fn remove(&mut self, path: &Path) -> Result<(), Error> {
        match self.disk.remove(path) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("cannot delete the rotated file", path, err))
            }
            _ => Ok(()),
        }
    }
}
