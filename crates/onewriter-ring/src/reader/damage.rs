//! What was wrong in shared memory, in words for the log.

use crate::queue::bell;
use crate::spsc::Corrupt;
use std::fmt;
use std::path::Path;

/// Something in shared memory was not what a living producer writes.
///
/// Displayed, it is the line for the log: what was found, what it costs, what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The process, by its own account; 0 if none is known.
    pub process: u32,
    /// The name of the file in the queue's folder.
    pub file: String,
    /// What was wrong.
    pub what: Corrupt,
    /// How often, since it was last told.
    pub count: u64,
    /// Bytes of records given up.
    pub bytes: u64,
}

impl Damage {
    pub(super) fn of_file(path: &Path, what: Corrupt) -> Damage {
        Damage { process: 0, file: file_name(path), what, count: 1, bytes: 0 }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

impl Damage {
    /// What a process's segment has, or lacks.
    fn of_process(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { file, what, count, bytes, .. } = self;
        match what {
            Corrupt::Tail => write!(
                f,
                "a ring in {file} says that it ends where it cannot end: it is read no more"
            ),
            Corrupt::Ring => {
                write!(f, "a ring in {file} says that it lies where it cannot lie: it is not read")
            }
            Corrupt::SideFile => write!(
                f,
                "the bodies of {count} large records of {file} are lost: their side files are \
                 missing, too short, or not its own"
            ),
            Corrupt::Truncated => write!(
                f,
                "{file} was cut while it was in use: {bytes} bytes of records were given up"
            ),
            Corrupt::Quarantined => write!(
                f,
                "{file} was found broken too often: it is read no more, and {bytes} bytes were \
                 given up; end that process"
            ),
            _ => {
                write!(f, "{file} holds something that is no record: {bytes} bytes were given up")
            }
        }
    }

    /// What a dead process never finished.
    fn unfinished(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { process, count, bytes, .. } = self;
        match count {
            1 => write!(
                f,
                "process {process} died while it put a record of {bytes} bytes: it is lost"
            ),
            _ => write!(
                f,
                "process {process} died while it put {count} records of {bytes} bytes together: \
                 they are lost"
            ),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { process, file, what, .. } = self;
        match what {
            Corrupt::Segment => write!(f, "{file} is called like a segment and is none")?,
            Corrupt::Owner { uid, expected } => {
                write!(f, "{file} belongs to user {uid}, not to user {expected} like its folder")?
            }
            Corrupt::Links { count } => {
                write!(f, "{file} has {count} names, and a segment has one")?;
            }
            Corrupt::TooMany { most } => {
                return write!(
                    f,
                    "{most} processes have segments in this queue and more want to join: their \
                     records wait until others have ended"
                );
            }
            Corrupt::Truncated if file == bell::FILE => {
                return f.write_str(
                    "the doorbell was cut while it was in use: records are still written, up to a \
                     second later; end all programs of this queue when you can",
                );
            }
            Corrupt::Unfinished => return self.unfinished(f),
            _ => {
                write!(f, "process {process}: ")?;
                return self.of_process(f);
            }
        }
        write!(f, ": it is now called bad-{file}: look where it comes from, and remove it")
    }
}

/// What was found and not taken yet. The same of the same file is one entry: whoever scribbles
/// without end fills no memory and writes no more than one line each time it is told.
#[derive(Debug, Default)]
pub(super) struct DamageLog(Vec<Damage>);

impl DamageLog {
    pub(super) fn add(&mut self, damage: Damage) {
        let same = |it: &&mut Damage| it.what == damage.what && it.file == damage.file;
        match self.0.iter_mut().find(same) {
            Some(known) => {
                known.count += damage.count;
                known.bytes = known.bytes.saturating_add(damage.bytes);
            }
            None => self.0.push(damage),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    #[track_caller]
    fn says(what: Corrupt, count: u64, expected: &str) {
        let damage = Damage { process: 7, file: "s-1".to_owned(), what, count, bytes: 128 };
        assert_eq!(damage.to_string(), expected);
    }

    #[test]
    fn what_a_segment_has_or_lacks_is_told_with_its_process_and_what_it_costs() {
        says(
            Corrupt::Tail,
            1,
            "process 7: a ring in s-1 says that it ends where it cannot end: it is read no more",
        );
        says(
            Corrupt::Ring,
            1,
            "process 7: a ring in s-1 says that it lies where it cannot lie: it is not read",
        );
        says(
            Corrupt::Frame,
            1,
            "process 7: s-1 holds something that is no record: 128 bytes were given up",
        );
        says(
            Corrupt::SideFile,
            3,
            "process 7: the bodies of 3 large records of s-1 are lost: their side files are missing, \
             too short, or not its own",
        );
        says(
            Corrupt::Truncated,
            1,
            "process 7: s-1 was cut while it was in use: 128 bytes of records were given up",
        );
        says(
            Corrupt::Quarantined,
            1,
            "process 7: s-1 was found broken too often: it is read no more, and 128 bytes were given \
             up; end that process",
        );
    }

    #[test]
    fn what_a_dead_process_never_finished_is_told_with_its_size() {
        let one = "process 7 died while it put a record of 128 bytes: it is lost";
        says(Corrupt::Unfinished, 1, one);
        let two = "process 7 died while it put 2 records of 128 bytes together: they are lost";
        says(Corrupt::Unfinished, 2, two);
    }

    #[test]
    fn what_is_no_segment_is_told_with_the_reason_and_its_new_name() {
        let aside = "it is now called bad-s-1: look where it comes from, and remove it";
        let reason = "s-1 is called like a segment and is none";
        says(Corrupt::Segment, 1, &format!("{reason}: {aside}"));
        let reason = "s-1 belongs to user 12, not to user 0 like its folder";
        says(Corrupt::Owner { uid: 12, expected: 0 }, 1, &format!("{reason}: {aside}"));
        let reason = "s-1 has 2 names, and a segment has one";
        says(Corrupt::Links { count: 2 }, 1, &format!("{reason}: {aside}"));
        says(
            Corrupt::TooMany { most: 4096 },
            1,
            "4096 processes have segments in this queue and more want to join: their records wait \
             until others have ended",
        );
    }

    #[test]
    fn the_same_damage_of_the_same_file_is_told_once_with_its_count() {
        let mut log = DamageLog::default();
        let damage = |file: &str, what, bytes| Damage {
            process: 7,
            file: file.to_owned(),
            what,
            count: 1,
            bytes,
        };
        for _ in 0..1000 {
            log.add(damage("s-1", Corrupt::SideFile, 8));
        }
        log.add(damage("s-2", Corrupt::SideFile, u64::MAX));
        log.add(damage("s-2", Corrupt::SideFile, 1));
        log.add(damage("s-1", Corrupt::Frame, 16));
        let found = log.take();
        let found: Vec<_> = found.iter().map(|it| (it.file.as_str(), it.count, it.bytes)).collect();
        assert_eq!(found, [("s-1", 1000, 8000), ("s-2", 2, u64::MAX), ("s-1", 1, 16)]);
        assert_eq!(log.take(), []);
    }
}
