//! What the writer says about itself to everybody who looks at its queue: who it is, how its sinks
//! are set up, and what it has done.
//!
//! It stands in the file `writer` of the queue's folder, as lines of text; `docs/format.md` has the
//! words. Each version is a whole file that takes the place of the one before it, so a reader meets
//! no half of one, whenever it comes; and a writer that is killed leaves its last one, which says
//! how to write what it did not.

use crate::filter::Filter;
use crate::stats::{SinkStats, Stats};
use onewriter_record::{Level, LevelFilter};
use onewriter_ring::wall_pair;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file's name in the queue's folder.
pub const FILE: &str = onewriter_ring::WRITER_FILE;
/// Its first line.
const HEAD: &str = "onewriter writer 1";
const END: &str = "end";

/// What a writer has published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// Its process, by its own account.
    pub process: u32,
    /// The name of the process.
    pub name: String,
    /// Since when it writes: nanoseconds since 1970.
    pub since: u64,
    /// How often the queue has gone from one writer to another.
    pub takeovers: u64,
    /// Whether it has ended with everything written.
    pub has_ended: bool,
    /// What it has done.
    pub stats: Stats,
    /// The settings of each sink, in the order of the statistics, as lines of the command's
    /// configuration file; `None` if only the program knows them.
    pub settings: Vec<Option<String>>,
}

impl Published {
    /// Reads the text of the file; `None` if it is not whole, or of another version.
    ///
    /// ```
    /// use onewriter_engine::publish::Published;
    /// let text = "onewriter writer 1\nprocess 7 shop\nsince 5\ntakeovers 2\naccepted 9\nend\n";
    /// let published = Published::parse(text).unwrap();
    /// assert_eq!((published.process, published.name.as_str()), (7, "shop"));
    /// assert_eq!((published.takeovers, published.stats.accepted), (2, 9));
    /// assert_eq!(Published::parse("onewriter writer 2\nend\n"), None);
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Published> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next() != Some(HEAD) || lines.next_back() != Some(END) {
            return None;
        }
        let mut published = Published::default();
        for line in lines {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            published.take(key, value)?;
        }
        Some(published)
    }

    /// This process, and nothing else.
    pub(crate) fn of_us() -> Published {
        let exe = std::env::current_exe().ok();
        let name = exe.as_deref().and_then(Path::file_name).unwrap_or_default();
        Published {
            process: std::process::id(),
            name: name.to_string_lossy().into_owned(),
            ..Published::default()
        }
    }

    /// What is not known is passed over: a later version may say more.
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        let Published { stats, settings, .. } = self;
        match (key, stats.sinks.last_mut().zip(settings.last_mut())) {
            ("process", _) => {
                let (id, name) = value.split_once(' ')?;
                (self.process, self.name) = (id.parse().ok()?, name.to_owned());
            }
            ("since", _) => self.since = value.parse().ok()?,
            ("takeovers", _) => self.takeovers = value.parse().ok()?,
            ("ended", _) => self.has_ended = true,
            ("accepted", _) => stats.accepted = value.parse().ok()?,
            ("written", _) => stats.written = value.parse().ok()?,
            ("lost", _) => stats.lost = value.parse().ok()?,
            ("unreadable", _) => stats.unreadable = value.parse().ok()?,
            ("waiting", _) => stats.waiting_bytes = value.parse().ok()?,
            ("oldest", _) => stats.oldest = Duration::from_nanos(value.parse().ok()?),
            ("sink", _) => {
                stats.sinks.push(SinkStats { name: value.to_owned(), ..SinkStats::default() });
                settings.push(None);
            }
            ("taken", Some((sink, _))) => sink.taken = value.parse().ok()?,
            ("dropped", Some((sink, _))) => sink.dropped = value.parse().ok()?,
            ("errors", Some((sink, _))) => sink.errors = value.parse().ok()?,
            ("rotations", Some((sink, _))) => sink.rotations = value.parse().ok()?,
            ("pending", Some((sink, _))) => sink.pending_bytes = value.parse().ok()?,
            ("error", Some((sink, _))) => sink.last_error = Some(value.to_owned()),
            ("set", Some((_, settings))) => {
                let settings = settings.get_or_insert_default();
                settings.push_str(value);
                settings.push('\n');
            }
            _ => {}
        }
        Some(())
    }

    fn text(&self) -> String {
        let Published { process, name, since, takeovers, stats, .. } = self;
        let mut text = format!("{HEAD}\nprocess {process} {}\nsince {since}\n", one_line(name));
        let _ = writeln!(text, "takeovers {takeovers}");
        if self.has_ended {
            text.push_str("ended\n");
        }
        for (key, count) in [
            ("accepted", stats.accepted),
            ("written", stats.written),
            ("lost", stats.lost),
            ("unreadable", stats.unreadable),
            ("waiting", stats.waiting_bytes),
            ("oldest", u64::try_from(stats.oldest.as_nanos()).unwrap_or(u64::MAX)),
        ] {
            let _ = writeln!(text, "{key} {count}");
        }
        for (number, sink) in stats.sinks.iter().enumerate() {
            let SinkStats { name, taken, dropped, errors, pending_bytes, last_error, .. } = sink;
            let _ = write!(
                text,
                "sink {}\ntaken {taken}\ndropped {dropped}\nerrors {errors}\npending {pending_bytes}\n",
                one_line(name)
            );
            if sink.rotations > 0 {
                let _ = writeln!(text, "rotations {}", sink.rotations);
            }
            if let Some(error) = last_error {
                let _ = writeln!(text, "error {}", one_line(error));
            }
            for line in
                self.settings.get(number).iter().flat_map(|it| it.iter()).flat_map(|it| it.lines())
            {
                let _ = writeln!(text, "set {line}");
            }
        }
        let _ = writeln!(text, "{END}");
        text
    }
}

/// Control characters become spaces: a name cannot forge a line.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Publishes, whenever something has changed.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    path: PathBuf,
    temp: PathBuf,
    current: Published,
    last: String,
}

impl Publisher {
    /// That of the writer which has just taken the lead in this folder.
    pub(crate) fn new(dir: &Path) -> Publisher {
        let path = dir.join(FILE);
        let current = Published {
            since: wall_pair().1,
            takeovers: read(&path).map_or(0, |before| before.takeovers.saturating_add(1)),
            ..Published::of_us()
        };
        // Only who has the lead writes it: one name will do.
        Publisher { temp: dir.join(format!(".{FILE}")), path, current, last: String::new() }
    }

    /// Publishes this, if it says anything new, else only that the writer goes on: by the time of the
    /// file. What cannot be published (no memory left) is not worth an error: the next change tries
    /// again.
    pub(crate) fn publish(&mut self, stats: &Stats, settings: Vec<Option<String>>) {
        self.current.stats.clone_from(stats);
        self.current.settings = settings;
        let text = self.current.text();
        if text == self.last {
            self.beat();
        } else if self.replace(&text).is_ok() {
            self.last = text;
        }
    }

    /// The writer leaves, and everything is written.
    pub(crate) fn end(&mut self) {
        self.current.has_ended = true;
    }

    fn beat(&self) {
        use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        let _ = utimensat(CWD, &self.path, &times, AtFlags::SYMLINK_NOFOLLOW);
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let nofollow = rustix::fs::OFlags::NOFOLLOW.bits().cast_signed();
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .custom_flags(nofollow)
            .open(&self.temp)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&self.temp, &self.path)
    }
}

/// What has been published in this folder, whoever has it now.
pub(crate) fn read_in(dir: &Path) -> Option<Published> {
    read(&dir.join(FILE))
}

fn read(path: &Path) -> Option<Published> {
    Published::parse(&onewriter_ring::published(path)?)
}

/// A sink's settings with the level that holds for it; `None` if they cannot be said in words.
pub(crate) fn with_level(
    settings: Option<&str>,
    global: Option<&Filter>,
    own: &Filter,
) -> Option<String> {
    let global = global.map_or(Some(LevelFilter::ALL), Filter::as_level)?;
    let level = own.as_level()?.max(global);
    let settings = settings?.to_owned();
    Some(match level {
        LevelFilter::ALL => settings,
        level => format!("{settings}min-level = {}\n", toml_string(&level_text(level))),
    })
}

/// A level as it is read: `warn`, `25`, `off`.
pub(crate) fn level_text(level: LevelFilter) -> String {
    let number = level.number();
    let standard = Level::STANDARD.iter().find(|it| it.number() == number);
    match (standard, number) {
        (Some(level), _) => level.name().to_ascii_lowercase(),
        (None, 0) => "all".to_owned(),
        (None, u8::MAX) => "off".to_owned(),
        (None, number) => number.to_string(),
    }
}

/// A TOML string.
pub(crate) fn toml_string(text: &str) -> String {
    let mut string = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => string.extend(['\\', char]),
            char if char.is_control() => {
                let _ = write!(string, "\\u{:04X}", char as u32);
            }
            char => string.push(char),
        }
    }
    string.push('"');
    string
}

/// What the sinks of this process have otherwise than those of the writer, as a sentence; `None` if
/// nothing that could be compared differs.
pub(crate) fn disagreement(own: &Published, writer: &Published) -> Option<String> {
    let mut wants = Vec::new();
    for settings in own.settings.iter().flatten() {
        let own = keys(settings);
        let Some((_, file)) = own.iter().find(|(key, _)| *key == "file") else { continue };
        let same = writer.settings.iter().flatten().map(|it| keys(it));
        let Some(theirs) = same.into_iter().find(|it| it.contains(&("file", *file))) else {
            // It may be there, and only its program knows how.
            if !writer.settings.is_empty() && writer.settings.iter().all(Option::is_some) {
                wants.push(format!("the file {file}, the writer has no such sink"));
            }
            continue;
        };
        wants.extend(
            difference(&own, &theirs)
                .map(|(mine, other)| format!("{mine} for {file}, the writer has {other}")),
        );
    }
    if wants.is_empty() {
        return None;
    }
    Some(format!(
        "process {} ({}) wants {}; the writer, process {} ({}), keeps its settings until it ends",
        own.process,
        own.name,
        wants.join("; and "),
        writer.process,
        writer.name
    ))
}

fn keys(settings: &str) -> Vec<(&str, &str)> {
    settings.lines().filter_map(|line| line.split_once(" = ")).collect()
}

/// What one has and the other has not, each way.
fn difference(own: &[(&str, &str)], theirs: &[(&str, &str)]) -> Option<(String, String)> {
    let names =
        own.iter().chain(theirs.iter().filter(|(key, _)| own.iter().all(|it| it.0 != *key)));
    let value = |of: &[(&str, &str)], key: &str| {
        let found = of.iter().find(|it| it.0 == key);
        found.map_or_else(|| format!("no {key}"), |(key, value)| format!("{key} {value}"))
    };
    let differing = names.map(|(key, _)| (value(own, key), value(theirs, key)));
    let (mine, other): (Vec<_>, Vec<_>) = differing.filter(|(mine, other)| mine != other).unzip();
    (!mine.is_empty()).then(|| (mine.join(" and "), other.join(" and ")))
}

#[cfg(test)]
#[path = "publish/tests.rs"]
mod tests;
