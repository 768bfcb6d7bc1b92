//! The only place that knows how the engine is set up.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use onewriter::{
    Builder, Compression, Error, ErrorKind, Format, Fsync, Guard, IntoSink, JsonFormat,
    LevelFilter, LogfmtFormat, Names, Overflow, Rotation, Stats, TextFormat, sink,
};
use onewriter_engine::sinks::file::{ByteSize, FileBuilder};
use onewriter_engine::sinks::terminal::Terminal;
use onewriter_engine::{OnNotice, SinkSpec, Trap, Writer, WriterOptions};
use onewriter_ring::{Queue, QueueName};

use crate::config::{Compress, FilePlan, FormatPlan, FsyncPlan, Plan};
use crate::exit::{Exit, Failure};

/// How long a put waits for room: longer than anything that is not broken.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the end waits for what is still in the queue.
const DEADLINE: Duration = Duration::from_secs(60);
/// When the demo's file is rotated.
const DEMO_SIZE: u64 = 128 << 20;

/// Checks a rotation text.
pub fn checked_rotation(text: &str) -> Result<String, String> {
    text.parse::<Rotation>().map(|_| text.to_owned()).map_err(|err| err.to_string())
}

/// Checks what rotated files are called.
pub fn checked_names(text: &str) -> Result<String, String> {
    text.parse::<Names>().map(|_| text.to_owned()).map_err(|err| err.to_string())
}

/// Checks a text pattern.
pub fn check_pattern(pattern: &str) -> Result<(), String> {
    TextFormat::pattern(pattern).map(drop).map_err(|err| err.to_string())
}

/// A number of bytes as people write it.
pub fn bytes(text: &str) -> Option<u64> {
    ByteSize::from(text).bytes()
}

/// The engine with the sinks of a plan, for as long as this lives.
pub struct Engine {
    guard: Guard,
}

impl Engine {
    /// Starts it. `abandoned` is called when nobody reads what is written any more.
    pub fn start(
        plan: &Plan,
        abandoned: impl Fn() + Send + Sync + 'static,
    ) -> Result<Engine, Failure> {
        let is_alone = plan.file.is_none() && plan.stdout != plan.stderr;
        let mut builder = patient().on_error(move |err| {
            let closed = |err: &io::Error| err.kind() == io::ErrorKind::BrokenPipe;
            if is_alone && err.io_error().is_some_and(closed) {
                abandoned();
            } else {
                // There is nowhere left to report that standard error is closed.
                let _ = writeln!(io::stderr(), "onewriter: {err}");
            }
        });
        for sink in sinks(plan)? {
            builder = builder.sink(sink);
        }
        Ok(Engine { guard: builder.install().map_err(failure)? })
    }

    /// Waits until everything is written, at most a minute, and ends it.
    pub fn finish(self) -> Result<(), Failure> {
        let completed = onewriter::complete(DEADLINE);
        // What could not be written in a minute will not be in a second one; but the writer's
        // thread is asked to end, and files to close.
        let left = if completed.is_ok() { DEADLINE } else { Duration::from_secs(1) };
        let ended = self.guard.shutdown(left);
        completed.and(ended).map_err(failure)
    }
}

/// The sinks of a plan, open.
fn sinks(plan: &Plan) -> Result<Vec<SinkSpec>, Failure> {
    let mut sinks = Vec::new();
    if let Some(file) = &plan.file {
        let sink = file_sink(file, plan)?.level(plan.min_level);
        sinks.push(sink.into_sink().map_err(failure)?);
    }
    for (is_wanted, terminal) in [(plan.stdout, sink::stdout()), (plan.stderr, sink::stderr())] {
        if is_wanted {
            let sink = terminal_sink(terminal, plan)?.level(plan.min_level);
            sinks.push(sink.into_sink().map_err(failure)?);
        }
    }
    Ok(sinks)
}

/// A writer without a producer: it writes what others put.
pub struct Scribe {
    writer: Writer,
}

impl Scribe {
    /// Starts the writer of a queue with the sinks of these plans; what it says itself in the log is
    /// said to `on_notice` too.
    pub fn start(
        queue: &Place<'_>,
        plans: &[Plan],
        on_notice: Option<OnNotice>,
    ) -> Result<Scribe, Failure> {
        let mut specs = Vec::new();
        for plan in plans {
            specs.extend(sinks(plan)?);
        }
        let queue = match queue {
            Place::Folder(dir) => Queue::open_in(dir),
            Place::Named(name) => Queue::open(&QueueName::Named((*name).to_owned())),
            Place::OfFile => {
                let file = specs.iter().find_map(|spec| spec.file.clone()).ok_or_else(|| {
                    Failure::usage(
                        "the queue of a file is named after it, and this is a pipe or a device: \
                         give name = \"shop\"",
                    )
                })?;
                Queue::open(&QueueName::File(file))
            }
        };
        let queue = queue.map_err(|err| Failure { exit: Exit::IO, message: err.to_string() })?;
        let options = WriterOptions {
            sinks: specs,
            trap: Trap::new(|err| {
                // There is nowhere left to report that standard error is closed.
                let _ = writeln!(io::stderr(), "onewriter: {err}");
            }),
            on_disagreement: Some(|text| {
                let _ = writeln!(io::stderr(), "onewriter: {text}");
            }),
            on_notice,
            ..WriterOptions::default()
        };
        // A queue is looked at by threads that may outlive this; there are few of them.
        let queue: &'static Queue = Box::leak(Box::new(queue));
        Ok(Scribe { writer: Writer::start(queue, options).map_err(failure)? })
    }

    /// Waits until it is the one that writes, at most so long; whether it is.
    pub fn wait_for_lead(&self, timeout: Duration) -> bool {
        self.writer.wait_for_lead(timeout)
    }

    /// Has the files opened anew.
    pub fn reopen(&self) -> Result<(), Failure> {
        self.writer.reopen().map_err(failure)
    }

    /// Whether the writer does its work, as far as its sinks let it, or stands by.
    pub fn is_well(&self, patience: Duration) -> bool {
        !self.wait_for_lead(Duration::ZERO)
            || Scribe::complete(&self.writer, patience)
            || !self.writer.failing().is_empty()
    }

    /// Waits until everything that was put before is written, at most so long; whether it is.
    fn complete(writer: &Writer, timeout: Duration) -> bool {
        let queue = writer.queue();
        let (now, until) = (onewriter_ring::now(), Instant::now() + timeout);
        queue.request(now);
        while queue.watermark() < now {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            queue.wait_for_watermark(now, left);
        }
        true
    }

    /// Writes what was put before this call, and hands over: who stands by goes on. What the sinks
    /// have taken, by sink; and those that could not write.
    pub fn finish(&self) -> Result<Stats, Failure> {
        let is_leading = self.wait_for_lead(Duration::ZERO);
        let completed = !is_leading || Scribe::complete(&self.writer, DEADLINE);
        // Producers may never pause: what they put from here on is their next writer's.
        let _ = self.writer.stop(Duration::ZERO);
        let ended = self.writer.stop(DEADLINE);
        if completed && ended {
            return Ok(self.writer.stats());
        }
        let failing = self.writer.failing();
        Err(Failure {
            exit: Exit::IO,
            message: format!(
                "not everything was written within {} s; sinks that failed: {}; the rest waits in \
                 the queue",
                DEADLINE.as_secs(),
                if failing.is_empty() { "none".to_owned() } else { failing.join(", ") }
            ),
        })
    }
}

/// Which queue.
pub enum Place<'a> {
    /// That of the first file among the sinks.
    OfFile,
    /// That of this name.
    Named(&'a str),
    /// That in this folder.
    Folder(&'a Path),
}

/// A logger that would rather wait than lose.
fn patient() -> Builder {
    onewriter::builder().overflow(Overflow::block(PATIENCE)).level(LevelFilter::ALL)
}

fn failure(err: Error) -> Failure {
    let exit = if err.kind() == ErrorKind::Config { Exit::USAGE } else { Exit::IO };
    Failure { exit, message: err.to_string() }
}

fn file_sink(file: &FilePlan, plan: &Plan) -> Result<FileBuilder, Failure> {
    let mut sink = sink::file(&file.path)
        .format(format(&plan.format, false)?)
        .rotation(Rotation::from(file.rotate.as_str()))
        .names(file.names.parse().map_err(failure)?)
        .fsync(match file.fsync {
            FsyncPlan::Never => Fsync::Never,
            FsyncPlan::Batch => Fsync::Batch,
            FsyncPlan::From(level) => Fsync::From(level),
            FsyncPlan::Every(every) => Fsync::Every(every),
        });
    if file.utc {
        sink = sink.utc();
    }
    if let Some(count) = file.keep {
        sink = sink.keep(count);
    }
    if let Some(age) = file.keep_for {
        sink = sink.keep_for(age);
    }
    if let Some(bytes) = file.keep_bytes {
        sink = sink.keep_bytes(bytes);
    }
    if let Some(compress) = file.compress {
        sink = sink.compress(match compress {
            Compress::Gzip => Compression::Gzip,
            Compress::Zstd => Compression::Zstd,
        });
    }
    if let Some(link) = &file.link {
        sink = sink.current_link(link);
    }
    if let Some(mode) = file.mode {
        sink = sink.mode(mode);
    }
    Ok(sink)
}

/// On the writer's own thread: while nobody reads, puts wait.
fn terminal_sink(terminal: Terminal, plan: &Plan) -> Result<Terminal, Failure> {
    let (plain, coloured) = (format(&plan.format, false)?, format(&plan.format, true)?);
    Ok(terminal.format_with(|is_coloured| if is_coloured { coloured } else { plain }).inline())
}

fn format(plan: &FormatPlan, is_coloured: bool) -> Result<Box<dyn Format>, Failure> {
    let text = |format: TextFormat| Box::new(format.with_color(is_coloured));
    Ok(match plan {
        FormatPlan::Text => text(TextFormat::full()),
        FormatPlan::Compact => text(TextFormat::compact()),
        FormatPlan::Pretty => text(TextFormat::pretty()),
        FormatPlan::Json => Box::new(JsonFormat::new()),
        FormatPlan::Logfmt => Box::new(LogfmtFormat::new()),
        FormatPlan::Pattern(pattern) => text(TextFormat::pattern(pattern).map_err(failure)?),
    })
}

/// The logger of a process of the demo: one rotated, compressed file of JSON lines, and all doors.
pub struct DemoLog {
    guard: Guard,
}

impl DemoLog {
    /// Starts it on this file.
    pub fn start(log: &Path) -> Result<DemoLog, Failure> {
        let sink = sink::file(log)
            .json()
            .rotation(Rotation::size(DEMO_SIZE))
            .compress(Compression::Gzip)
            .level(LevelFilter::ALL);
        Ok(DemoLog { guard: patient().sink(sink).install().map_err(failure)? })
    }

    /// Waits until everything is written, whoever put it, and ends it; what it counted as lost.
    pub fn finish(self) -> Result<u64, Failure> {
        self.guard.complete(DEADLINE).map_err(failure)?;
        let handle = self.guard.handle();
        self.guard.shutdown(DEADLINE).map_err(failure)?;
        Ok(handle.stats().lost)
    }
}

/// A record through the macros.
pub fn put(producer: u64, seq: u64, ticket: u64) {
    onewriter::info!(
        target: "demo", "order {} placed", seq,
        producer = producer, seq = seq, ticket = ticket
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Raw;

    #[test]
    fn the_settings_that_a_sink_publishes_are_read_as_the_plan_that_made_it() {
        let temp = tempfile::tempdir().unwrap();
        let dir = std::fs::canonicalize(temp.path()).unwrap();
        let tables = [
            "",
            "format = \"compact\"\nkeep = 1",
            "format = \"pretty\"\nfsync = \"batch\"\nutc = true",
            "format = \"json\"\nrotate = \"1.5 KiB or 90 s or mon or start\"\nfsync = \"error\"",
            "format = \"logfmt\"\nkeep-for = \"30 days\"\nfsync = \"1s\"\nkeep-bytes = 12345",
            "format = \"{level} \\\"{message}\\\"\"\nnames = \"%Y-%m-%d\"\ncompress = \"zstd\"",
            "mode = \"640\"\nkeep-for = \"1500ms\"\ncompress = \"gzip\"",
            "names = \"shifted\"\nkeep = 5",
            "names = \"appended %Y-%m-%d\"",
        ];
        for (number, table) in tables.into_iter().enumerate() {
            let file = dir.join(format!("a {number}.log"));
            let link = dir.join(format!("current-{number}"));
            let text = format!("{table}\nfile = {file:?}\nlink = {link:?}\n");
            let plan = Plan::new(&Raw::parse(&text).unwrap()).unwrap();
            let settings = sinks(&plan).unwrap().remove(0).settings.unwrap();
            let again = Plan::new(&Raw::parse(&settings).unwrap()).unwrap();
            // Rotations have several texts; the sink's is the canonical one.
            let read = |plan: &Plan| {
                let file = plan.file.clone().unwrap();
                let rotation: Rotation = file.rotate.parse().unwrap();
                (rotation, FilePlan { rotate: String::new(), ..file }, plan.format.clone())
            };
            assert_eq!(read(&again), read(&plan), "{settings}");
            let canonical = sinks(&again).unwrap().remove(0).settings.unwrap();
            assert_eq!(canonical, settings);
        }
    }
}
