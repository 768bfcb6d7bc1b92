//! The plan: every setting checked, every default explicit.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use onewriter_record::{Level, LevelFilter};

use super::keys::KEYS;
use super::raw::{Origin, Raw, Setting, Value};
use crate::moment;

/// The shortest piece into which a line is split.
const MIN_LINE: u64 = 16;
/// The longest: a record holds no more.
const MAX_LINE: u64 = 32 << 20;

/// What `pipe` and `run` do.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The file, if there is one.
    pub file: Option<FilePlan>,
    /// Whether records go to standard output; by default if they go nowhere else.
    pub stdout: bool,
    /// Whether records go to standard error.
    pub stderr: bool,
    /// How records are written.
    pub format: FormatPlan,
    /// What the sinks admit.
    pub min_level: LevelFilter,
    /// The level of a line.
    pub level: Level,
    /// Whether the level is taken from the line where it stands there.
    pub guess_level: bool,
    /// Who logs; `None`: the command chooses.
    pub target: Option<String>,
    /// What a line is.
    pub parse: Parse,
    /// Longer lines are split, in bytes.
    pub max_line: usize,
    /// How long `run` waits for the program's children that hold its output.
    pub grace: Duration,
    /// All settings as they hold, for printing.
    settings: Vec<Setting>,
}

/// The file and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct FilePlan {
    /// Where.
    pub path: PathBuf,
    /// When it is rotated, as the file sink reads it.
    pub rotate: String,
    /// What rotated files are called: `index`, `shifted`, `%Y-%m-%d` or `appended %Y-%m-%d`.
    pub names: String,
    /// Whether times are UTC; else local.
    pub utc: bool,
    /// How many rotated files are kept.
    pub keep: Option<usize>,
    /// How long rotated files are kept.
    pub keep_for: Option<Duration>,
    /// How many bytes are kept.
    pub keep_bytes: Option<u64>,
    /// How rotated files are compressed.
    pub compress: Option<Compress>,
    /// A symbolic link to the live file.
    pub link: Option<PathBuf>,
    /// The mode of new files.
    pub mode: Option<u32>,
    /// When bytes are forced to the disk.
    pub fsync: FsyncPlan,
}

/// How rotated files are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compress {
    /// As `.gz`.
    Gzip,
    /// As `.zst`.
    Zstd,
}

/// When bytes are forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsyncPlan {
    /// The kernel decides.
    Never,
    /// After each batch.
    Batch,
    /// After a batch with a record of this level or above.
    From(Level),
    /// At most this long after a write.
    Every(Duration),
}

/// How records are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatPlan {
    /// Everything on one line of text.
    Text,
    /// What fits into a narrow terminal.
    Compact,
    /// For people, on several lines.
    Pretty,
    /// JSON lines.
    Json,
    /// `name=value`.
    Logfmt,
    /// A text pattern with placeholders.
    Pattern(String),
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parse {
    /// A message.
    Lines,
    /// A JSON object with level, target, message and fields; any other line is a message.
    Json,
}

impl Plan {
    /// Checks all values.
    ///
    /// # Errors
    /// A sentence that names the source, the key, the value, and what would be right.
    pub fn new(raw: &Raw) -> Result<Plan, String> {
        let read = Read { raw };
        let file = read.text("file", |text| match text {
            "" => Err("is empty: name a file".into()),
            path => Ok(PathBuf::from(path)),
        })?;
        let stderr = read.is_on("stderr");
        let stdout = match raw.get("stdout") {
            Some(_) => read.is_on("stdout"),
            None => file.is_none() && !stderr,
        };
        if file.is_none() && !stderr && !stdout {
            return Err("there is no sink: give --file, --stdout or --stderr".into());
        }
        let file = file.map(|path| read.file(path)).transpose()?;
        if file.is_none() {
            read.refuse_without_file()?;
        }
        Ok(Plan {
            file,
            stdout,
            stderr,
            format: read.text("format", format)?.unwrap_or(FormatPlan::Text),
            min_level: read.text("min-level", parsed)?.unwrap_or(LevelFilter::ALL),
            level: read.text("level", parsed)?.unwrap_or(Level::Info),
            guess_level: read.is_on("guess-level"),
            target: read.text("target", |text| Ok(text.to_owned()))?,
            parse: read.text("parse", parse)?.unwrap_or(Parse::Lines),
            max_line: read.max_line()?,
            grace: read.text("grace", duration)?.unwrap_or_default(),
            settings: KEYS.iter().filter_map(|key| raw.or_default(key.name)).collect(),
        })
    }

    /// Whether both say the same, wherever it is written.
    #[must_use]
    pub fn is_same(&self, other: &Plan) -> bool {
        let bare = |plan: &Plan| Plan { settings: Vec::new(), ..plan.clone() };
        bare(self) == bare(other)
    }
}

/// Reads settings one by one, and says which one is wrong.
struct Read<'a> {
    raw: &'a Raw,
}

impl Read<'_> {
    fn text<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some(setting) = self.raw.or_default(name) else { return Ok(None) };
        let text = match &setting.value {
            Value::Text(text) => text.clone(),
            other => other.to_string(),
        };
        read(&text).map(Some).map_err(|why| format!("{setting}: {why}"))
    }

    fn is_on(&self, name: &str) -> bool {
        matches!(self.raw.get(name), Some(Setting { value: Value::Bool(true), .. }))
    }

    fn file(&self, path: PathBuf) -> Result<FilePlan, String> {
        Ok(FilePlan {
            path,
            rotate: self.text("rotate", crate::engine_door::checked_rotation)?.unwrap_or_default(),
            names: self.text("names", crate::engine_door::checked_names)?.unwrap_or_default(),
            utc: self.is_on("utc"),
            keep: self.text("keep", keep)?,
            keep_for: self.text("keep-for", duration)?,
            keep_bytes: self.text("keep-bytes", size)?,
            compress: self.text("compress", compress)?.flatten(),
            link: self.text("link", |text| Ok(PathBuf::from(text)))?,
            mode: self.text("mode", mode)?,
            fsync: self.text("fsync", fsync)?.unwrap_or(FsyncPlan::Never),
        })
    }

    /// Settings of a file that is not there are a mistake, not a wish.
    fn refuse_without_file(&self) -> Result<(), String> {
        const OF_FILES: [&str; 10] = [
            "rotate",
            "names",
            "utc",
            "keep",
            "keep-for",
            "keep-bytes",
            "compress",
            "link",
            "mode",
            "fsync",
        ];
        match OF_FILES.iter().find_map(|name| self.raw.get(name)) {
            Some(setting) => Err(format!("{setting}: there is no file: give --file")),
            None => Ok(()),
        }
    }

    fn max_line(&self) -> Result<usize, String> {
        let found = self.text("max-line", |text| match size(text)? {
            n @ MIN_LINE..=MAX_LINE => Ok(n as usize),
            _ => Err("is out of range: give 16 bytes to 32 MiB".into()),
        })?;
        Ok(found.unwrap_or(1 << 20))
    }
}

fn parsed<T: std::str::FromStr<Err = onewriter_record::ParseLevelError>>(
    text: &str,
) -> Result<T, String> {
    text.parse().map_err(|err: onewriter_record::ParseLevelError| err.to_string())
}

fn format(text: &str) -> Result<FormatPlan, String> {
    Ok(match text {
        "text" | "full" => FormatPlan::Text,
        "compact" => FormatPlan::Compact,
        "pretty" => FormatPlan::Pretty,
        "json" => FormatPlan::Json,
        "logfmt" => FormatPlan::Logfmt,
        pattern if pattern.contains('{') => {
            crate::engine_door::check_pattern(pattern)?;
            FormatPlan::Pattern(pattern.to_owned())
        }
        _ => {
            return Err(
                "is no format: give text, compact, pretty, json, logfmt, or a pattern such \
                        as \"{time} {message}\""
                    .into(),
            );
        }
    })
}

fn parse(text: &str) -> Result<Parse, String> {
    match text {
        "lines" => Ok(Parse::Lines),
        "json" => Ok(Parse::Json),
        _ => Err("is unknown: give lines or json".into()),
    }
}

fn compress(text: &str) -> Result<Option<Compress>, String> {
    match text {
        "none" => Ok(None),
        "gzip" | "gz" => Ok(Some(Compress::Gzip)),
        "zstd" | "zst" => Ok(Some(Compress::Zstd)),
        _ => Err("is unknown: give none, gzip or zstd".into()),
    }
}

fn fsync(text: &str) -> Result<FsyncPlan, String> {
    match text {
        "never" => return Ok(FsyncPlan::Never),
        "batch" => return Ok(FsyncPlan::Batch),
        _ => {}
    }
    if let Ok(level) = text.parse() {
        return Ok(FsyncPlan::From(level));
    }
    match moment::duration(text).and_then(|span| Duration::try_from(span).ok()) {
        Some(every) if !every.is_zero() => Ok(FsyncPlan::Every(every)),
        _ => Err("is unknown: give never, batch, a level such as error, or an interval such as 1s"
            .into()),
    }
}

fn keep(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => {
            Err("would delete each file as soon as it is rotated: give at least 1".into())
        }
        Ok(count) => Ok(count),
    }
}

fn mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text.trim_start_matches("0o"), 8) {
        Ok(mode) if mode <= 0o777 && mode & 0o200 != 0 => Ok(mode),
        _ => Err("is no mode: give octal permissions that let the owner write, such as 640".into()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span = moment::duration(text).and_then(|span| Duration::try_from(span).ok());
    span.ok_or_else(|| "is no span of time: give one such as 500ms, 10m, 1h30m, 30 days".into())
}

/// A size in bytes: `1048576`, `64 KiB`, `100 MB`, `1.5 GiB`.
fn size(text: &str) -> Result<u64, String> {
    crate::engine_door::bytes(text).filter(|&bytes| bytes > 0).ok_or_else(|| {
        "is no size: give a number and a unit, such as \"64 KiB\" or \"100 MB\"".to_owned()
    })
}

impl fmt::Display for Plan {
    /// As a TOML file that says the same, with the origin of each value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for key in &KEYS {
            let set = self.settings.iter().find(|setting| setting.key == key);
            let Some(setting) = set else {
                writeln!(f, "# {} is not set", key.name)?;
                continue;
            };
            let origin = match &setting.origin {
                Origin::Flag => format!("--{}", key.name),
                Origin::Variable => key.variable(),
                Origin::File(file, line) => format!("{file}:{line}"),
                Origin::Default => "default".to_owned(),
            };
            let value = match &setting.value {
                Value::Text(text) => toml::Value::String(text.clone()).to_string(),
                other => other.to_string(),
            };
            writeln!(f, "{} = {value}  # {origin}", key.name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, message: &str) {
        let raw = Raw::parse(text).unwrap();
        assert_eq!(Plan::new(&raw).unwrap_err(), format!("onewriter.toml:1: {message}"));
    }

    #[test]
    fn each_wrong_value_is_named_with_what_would_be_right() {
        let level = "use trace, debug, info, warn, error or a number from 1 to 254";
        refused("level = \"loud\"", &format!("level = \"loud\": unknown level \"loud\": {level}"));
        refused("min-level = \"x\"", &format!("min-level = \"x\": unknown level \"x\": {level}"));
        refused(
            "format = \"xml\"",
            "format = \"xml\": is no format: give text, compact, pretty, json, logfmt, or a pattern \
             such as \"{time} {message}\"",
        );
        refused("parse = \"xml\"", "parse = \"xml\": is unknown: give lines or json");
        refused("max-line = 3", "max-line = 3: is out of range: give 16 bytes to 32 MiB");
        let size = "is no size: give a number and a unit, such as \"64 KiB\" or \"100 MB\"";
        refused("max-line = \"long\"", &format!("max-line = \"long\": {size}"));
        let span = "is no span of time: give one such as 500ms, 10m, 1h30m, 30 days";
        refused("grace = \"-1s\"", &format!("grace = \"-1s\": {span}"));
        refused("keep = 7", "keep = 7: there is no file: give --file");
        refused("file = \"\"", "file = \"\": is empty: name a file");
    }

    #[test]
    fn each_wrong_value_of_a_file_is_named_with_what_would_be_right() {
        let refused = |text: &str, message: &str| {
            let raw = Raw::parse(&format!("{text}\nfile = \"a.log\"")).unwrap();
            assert_eq!(
                Plan::new(&raw).unwrap_err(),
                format!("onewriter.toml:1: {text}: {message}")
            );
        };
        refused("keep = 0", "would delete each file as soon as it is rotated: give at least 1");
        refused("compress = \"lz4\"", "is unknown: give none, gzip or zstd");
        refused(
            "fsync = \"often\"",
            "is unknown: give never, batch, a level such as error, or an interval such as 1s",
        );
        let names = "names \"shiftd\" are not known: give \"index\", \"shifted\", a time such as \
                     \"%Y-%m-%d\", or \"appended %Y-%m-%d\"";
        refused("names = \"shiftd\"", names);
        let mode = "is no mode: give octal permissions that let the owner write, such as 640";
        refused("mode = \"444\"", mode);
        refused("mode = \"rw\"", mode);
    }

    #[test]
    fn no_sink_at_all_is_refused() {
        let raw = Raw::parse("stdout = false").unwrap();
        let message = "there is no sink: give --file, --stdout or --stderr";
        assert_eq!(Plan::new(&raw).unwrap_err(), message);
    }

    #[test]
    fn the_printed_plan_is_toml_that_says_the_same() {
        let text = "file = \"a \\\"b\\\".log\"\nkeep = 7\nstderr = true\nmax-line = 65536\n";
        let plan = Plan::new(&Raw::parse(text).unwrap()).unwrap();
        let printed = plan.to_string();
        assert!(printed.contains("keep = 7  # onewriter.toml:2\n"), "{printed}");
        assert!(printed.contains("grace = \"2s\"  # default\n"), "{printed}");
        let again = Plan::new(&Raw::parse(&printed).unwrap()).unwrap();
        assert_eq!(Plan { settings: Vec::new(), ..again }, Plan { settings: Vec::new(), ..plan });
    }
}
