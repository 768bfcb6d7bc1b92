//! Following a file that grows, is rotated, renamed, truncated or made anew.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::{Timestamp, Zoned};

use crate::entry::Entry;
use crate::exit::Failure;
use crate::files;
use crate::lines::{End, Lines};
use crate::moment;

/// A line that grows beyond this is given out in pieces.
pub const LINE_LIMIT: usize = 16 << 20;

/// Follows one file. It has no clock: whoever holds it decides when to [`poll`](Follower::poll).
pub struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// When the last file began that was read to its end, as long as its successor is not found.
    ended: Option<Timestamp>,
    partial: Vec<u8>,
}

struct Open {
    file: File,
    id: (u64, u64),
    at: u64,
}

/// Takes the lines, without their newlines.
pub type Take<'a> = dyn FnMut(&[u8]) -> Result<(), Failure> + 'a;

impl Follower {
    /// Follows `path`, from its beginning; it need not exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Follower {
        Follower { path: path.to_owned(), open: None, ended: None, partial: Vec::new() }
    }

    /// Gives out all whole lines that have come since the last call.
    ///
    /// A file that was renamed or removed is read to its end first; then the files that came and
    /// went since (several rotations between two calls), then the one that has the name now. A
    /// file that became shorter is read from its beginning.
    ///
    /// # Errors
    /// If a file cannot be read, and those of `take`.
    pub fn poll(&mut self, take: &mut Take<'_>) -> Result<(), Failure> {
        loop {
            self.read(take)?;
            let found = match std::fs::metadata(&self.path) {
                Ok(found) => found,
                Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(err) => return Err(self.failed(&err)),
            };
            let id = (found.dev(), found.ino());
            match &mut self.open {
                Some(open) if open.id == id && found.len() >= open.at => return Ok(()),
                Some(open) if open.id == id => {
                    open.at = 0;
                    self.end_line(take)?;
                }
                _ => self.switch(take)?,
            }
        }
    }

    /// Gives out a last line that has no newline yet.
    ///
    /// # Errors
    /// Those of `take`.
    pub fn end_line(&mut self, take: &mut Take<'_>) -> Result<(), Failure> {
        if !self.partial.is_empty() {
            take(&self.partial)?;
            self.partial.clear();
        }
        Ok(())
    }

    fn read(&mut self, take: &mut Take<'_>) -> Result<(), Failure> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut chunk = vec![0; 64 * 1024];
        open.file.seek(SeekFrom::Start(open.at)).map_err(|err| failed(&self.path, &err))?;
        loop {
            let len = match open.file.read(&mut chunk) {
                Ok(0) => return Ok(()),
                Ok(len) => len,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(failed(&self.path, &err)),
            };
            open.at += len as u64;
            let mut rest = &chunk[..len];
            while let Some(at) = memchr::memchr(b'\n', rest) {
                if self.partial.is_empty() {
                    take(&rest[..at])?;
                } else {
                    self.partial.extend_from_slice(&rest[..at]);
                    take(&self.partial)?;
                    self.partial.clear();
                }
                rest = &rest[at + 1..];
            }
            self.partial.extend_from_slice(rest);
            if self.partial.len() > LINE_LIMIT {
                take(&self.partial)?;
                self.partial.clear();
            }
        }
    }

    /// Ends the old file and opens the one that has the name now; before that is read, those that had
    /// it in between. It is opened first: what is rotated away from then on is it or comes behind it.
    fn switch(&mut self, take: &mut Take<'_>) -> Result<(), Failure> {
        if let Some(old) = self.open.take() {
            // What was written between the last read and the rename.
            self.open = Some(old);
            self.read(take)?;
            self.end_line(take)?;
            self.ended = self.open.take().and_then(|old| began(&old.file));
        }
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(err) => return Err(self.failed(&err)),
        };
        let found = file.metadata().map_err(|err| self.failed(&err))?;
        if found.is_dir() {
            return Err(files::open(&self.path).err().unwrap_or_else(|| Failure::usage("")));
        }
        if let Some(ended) = self.ended.take() {
            self.read_missed(ended, &file, take)?;
        }
        self.open = Some(Open { file, id: (found.dev(), found.ino()), at: 0 });
        Ok(())
    }

    /// The files that were rotated away before they could be seen under their first name: they began
    /// behind the one that has `ended`, and before the `next`.
    fn read_missed(
        &self,
        ended: Timestamp,
        next: &File,
        take: &mut Take<'_>,
    ) -> Result<(), Failure> {
        let paths = files::rotated_set(&self.path)?;
        // Behind the list: if the next one is on it by now, it has its first line.
        let (until, now) = (began(next), Zoned::now());
        let is_between = |time| time > ended && until.is_none_or(|until| time < until);
        for path in paths {
            if path == self.path || !files::first_time(&path, &now).is_some_and(is_between) {
                continue;
            }
            let mut lines = Lines::new(files::open(&path)?, LINE_LIMIT);
            while let Some((line, _)) = lines.next().map_err(|err| failed(&path, &err))? {
                take(line)?;
            }
        }
        Ok(())
    }

    fn failed(&self, err: &io::Error) -> Failure {
        failed(&self.path, err)
    }
}

fn failed(path: &Path, err: &io::Error) -> Failure {
    Failure::io("cannot read", path, err)
}

/// The time of the first line of an open file, whatever its name is by now.
fn began(file: &File) -> Option<Timestamp> {
    let mut head = vec![0; 64 * 1024];
    let len = file.read_at(&mut head, 0).ok()?;
    let mut lines = Lines::new(&head[..len], len);
    let Ok(Some((line, End::Newline))) = lines.next() else { return None };
    let entry = Entry::parse(std::str::from_utf8(line).ok()?)?;
    moment::of_line(&entry.time?, &Zoned::now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    struct Stage {
        dir: tempfile::TempDir,
        follower: Follower,
    }

    impl Stage {
        fn new() -> Stage {
            let dir = tempfile::tempdir().unwrap();
            let follower = Follower::new(&dir.path().join("x.log"));
            Stage { dir, follower }
        }

        fn append(&self, name: &str, text: &str) {
            let path = self.dir.path().join(name);
            let mut file = File::options().create(true).append(true).open(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn rename(&self, from: &str, to: &str) {
            fs::rename(self.dir.path().join(from), self.dir.path().join(to)).unwrap();
        }

        fn poll(&mut self) -> Vec<String> {
            let mut found = Vec::new();
            let mut take = |line: &[u8]| {
                found.push(String::from_utf8(line.to_vec()).unwrap());
                Ok(())
            };
            self.follower.poll(&mut take).unwrap();
            found
        }
    }

    #[test]
    fn a_file_that_does_not_exist_yet_is_waited_for() {
        let mut stage = Stage::new();
        assert_eq!(stage.poll(), [""; 0]);
        stage.append("x.log", "one\ntw");
        assert_eq!(stage.poll(), ["one"]);
        stage.append("x.log", "o\n");
        assert_eq!(stage.poll(), ["two"]);
        assert_eq!(stage.poll(), [""; 0]);
    }

    #[test]
    fn a_renamed_file_is_read_to_its_end_before_the_new_one() {
        let mut stage = Stage::new();
        stage.append("x.log", "one\n");
        assert_eq!(stage.poll(), ["one"]);
        stage.append("x.log", "two\nthree");
        stage.rename("x.log", "x.log.1");
        assert_eq!(stage.poll(), ["two"]);
        stage.append("x.log.1", "!\n");
        stage.append("x.log", "four\n");
        assert_eq!(stage.poll(), ["three!", "four"]);
    }

    #[test]
    fn a_removed_and_a_truncated_file_start_anew() {
        let mut stage = Stage::new();
        stage.append("x.log", "one\ntwo\n");
        assert_eq!(stage.poll(), ["one", "two"]);
        File::create(stage.dir.path().join("x.log")).unwrap().write_all(b"three\n").unwrap();
        assert_eq!(stage.poll(), ["three"]);
        fs::remove_file(stage.dir.path().join("x.log")).unwrap();
        assert_eq!(stage.poll(), [""; 0]);
        stage.append("x.log", "four\n");
        assert_eq!(stage.poll(), ["four"]);
    }

    #[test]
    fn rotations_while_no_file_has_the_name_lose_nothing() {
        let line = |n: u8| format!("2026-11-21T08:00:0{n}Z INFO x: {n}\n");
        let mut stage = Stage::new();
        stage.append("x.log", &line(1));
        assert_eq!(stage.poll().len(), 1);
        stage.rename("x.log", "x.3.log");
        assert_eq!(stage.poll(), [""; 0]);
        stage.append("x.log", &line(2));
        stage.rename("x.log", "x.2.log");
        stage.append("x.log", &line(3));
        let expected: Vec<String> = (2..4).map(|n| line(n).trim_end().to_owned()).collect();
        assert_eq!(stage.poll(), expected);
    }

    #[test]
    fn several_rotations_between_two_polls_lose_nothing() {
        let line = |n: u8| format!("2026-11-21T08:00:0{n}Z INFO x: {n}\n");
        let mut stage = Stage::new();
        stage.append("x.log", &line(1));
        assert_eq!(stage.poll().len(), 1);
        stage.rename("x.log", "x.2.log");
        stage.append("x.log", &line(2));
        stage.rename("x.log", "x.1.log");
        let zipped = zstd::encode_all(line(3).as_bytes(), 1).unwrap();
        fs::write(stage.dir.path().join("x.9.log.zst"), zipped).unwrap();
        stage.append("x.log", &line(4));
        let expected: Vec<String> = (2..5).map(|n| line(n).trim_end().to_owned()).collect();
        assert_eq!(stage.poll(), expected);
    }
}
