//! Names that move: `shop.log.1` is always the newest of the rotated files.
//!
//! The highest moves first, and each to a name that is free, so that a kill leaves all files in
//! their order and at most a gap in the numbers. The next rotation moves those below the gap only,
//! which closes it.
//!
//! All of it is done in a turn, like whatever else goes by these names: retention, and the first and
//! the last step of a compression.

use super::FileSink;
use super::compress::{Compression, with_suffix};
use super::retention::{Folder, Rotated};
use std::io;
use std::path::{Path, PathBuf};

impl FileSink {
    /// Gives the live file at `path` the lowest name, which the others make free; where it is then.
    pub(super) fn shift(&mut self, path: &Path, found: &Folder) -> io::Result<PathBuf> {
        let mut files = found.rotated.iter().rev().peekable();
        let mut moving = Vec::new();
        let mut number = 1;
        loop {
            if let Some(file) = files.next_if(|file| file.name.number == number) {
                moving.push(file);
            } else if !is_taken(&self.place(number)) {
                break;
            }
            number += 1;
        }
        let mut free = self.place(number);
        for file in moving.into_iter().rev() {
            self.move_up(file, &free)?;
            free = self.place(file.name.number);
        }
        self.disk.rename(path, &free)?;
        if let Some(packer) = &mut self.upkeep.packer {
            packer.forget();
        }
        Ok(free)
    }

    fn place(&self, number: u64) -> PathBuf {
        self.settings.folder().join(self.settings.scheme.shifted(number).base)
    }

    fn move_up(&mut self, file: &Rotated, to: &Path) -> io::Result<()> {
        let plain = match &file.plain {
            // The rest of a compression that was cut off: two renames could be cut off too, and
            // would leave its records under two numbers.
            Some(plain) if file.is_packed() => {
                gone_is_fine(self.disk.remove(plain))?;
                None
            }
            plain => plain.as_ref().map(|plain| (plain, to.to_owned())),
        };
        let compressed = file.compressed.iter().map(|from| {
            let extension = from.extension().unwrap_or_default().to_string_lossy();
            (from, with_suffix(to, &format!(".{extension}")))
        });
        for (from, to) in plain.into_iter().chain(compressed) {
            gone_is_fine(self.disk.rename(from, &to))?;
        }
        Ok(())
    }
}

/// Whether something has this name that is no rotated file of ours: a folder, a link, the live file
/// under a second name.
fn is_taken(plain: &Path) -> bool {
    let forms = Compression::ALL.iter().map(|kind| with_suffix(plain, kind.suffix()));
    std::iter::once(plain.to_owned()).chain(forms).any(|form| form.symlink_metadata().is_ok())
}

/// Another program may delete files at any time.
fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
