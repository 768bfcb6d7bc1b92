//! The only place that knows how the engine is set up.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use onewriter::{
    Builder, Compression, Error, ErrorKind, Format, Fsync, Guard, JsonFormat, LevelFilter,
    LogfmtFormat, Names, Overflow, Rotation, TextFormat, sink,
};
use onewriter_engine::sinks::file::{ByteSize, FileBuilder};
use onewriter_engine::sinks::terminal::Terminal;

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
        if let Some(file) = &plan.file {
            builder = builder.sink(file_sink(file, plan)?.level(plan.min_level));
        }
        for (is_wanted, terminal) in [(plan.stdout, sink::stdout()), (plan.stderr, sink::stderr())]
        {
            if is_wanted {
                builder = builder.sink(terminal_sink(terminal, plan)?.level(plan.min_level));
            }
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
        .fsync(match file.fsync {
            FsyncPlan::Never => Fsync::Never,
            FsyncPlan::Batch => Fsync::Batch,
            FsyncPlan::From(level) => Fsync::From(level),
            FsyncPlan::Every(every) => Fsync::Every(every),
        });
    if file.names != "index" {
        sink = sink.names(Names::time(&file.names));
    }
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

/// What the engine counted.
pub struct Counts {
    /// Puts that returned.
    pub accepted: u64,
    /// Records that it knows it lost.
    pub lost: u64,
}

/// The engine as the demo needs it: one rotated, compressed file of JSON lines, and all doors.
pub struct Demo {
    guard: Guard,
}

impl Demo {
    /// Starts it on this file.
    pub fn start(log: &Path) -> Result<Demo, Failure> {
        let sink = sink::file(log)
            .json()
            .rotation(Rotation::size(DEMO_SIZE))
            .compress(Compression::Gzip)
            .level(LevelFilter::ALL);
        Ok(Demo { guard: patient().sink(sink).install().map_err(failure)? })
    }

    /// Waits until everything is written, and ends it.
    pub fn finish(self, returned: u64) -> Result<Counts, Failure> {
        let handle = self.guard.handle();
        self.guard.shutdown(DEADLINE).map_err(failure)?;
        let lost = handle.stats().lost;
        Ok(Counts { accepted: returned.saturating_sub(lost), lost })
    }
}

/// A record through the macros.
pub fn put(producer: u64, seq: u64, ticket: u64) {
    onewriter::info!(
        target: "demo", "order {} placed", seq,
        producer = producer, seq = seq, ticket = ticket
    );
}
