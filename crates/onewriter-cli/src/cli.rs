//! What can be typed.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use onewriter_engine::sinks::terminal::Color;

use crate::select::FieldTest;
use onewriter_record::LevelFilter;

const CODES: &str = "\
Exit codes:
  0         done; for check and demo: nothing is missing
  1         check and demo: something is lost, doubled, torn or out of order; recover: something
            waits that only its own program can write
  2         a wrong flag, variable or configuration file; nothing was done
  3         a file could not be read or written
  126, 127  run: the program cannot be executed, or does not exist
  128+n     run: the program was ended by signal n
  141       the reader of standard output went away";

const EXAMPLES: &str = "\
Examples:
  onewriter demo
  make 2>&1 | onewriter pipe --file build.log --rotate '10 MB' --keep 5
  onewriter run --file shop.log --format json -- ./shop --port 8080
  onewriter tail -f --level warn shop.log
  onewriter stat
  onewriter check shop.log";

/// Everyone logs. One writes.
///
/// Records from every thread of a program, or every line of any program, go through one queue to
/// one writer: nothing interleaves, nothing waits, nothing that was accepted is lost.
#[derive(Debug, Parser)]
#[command(name = "onewriter", version, disable_help_subcommand = true, after_help = EXAMPLES)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{CODES}"), max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Use colour: auto (on a terminal), always, never
    #[arg(long = "color", alias = "colour", value_enum, default_value_t, global = true)]
    #[arg(value_name = "WHEN", hide_possible_values = true, display_order = 900)]
    pub colour: Colour,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    /// As the terminal sink has it, so that all of onewriter decides alike.
    #[must_use]
    pub fn color(self) -> Color {
        match self {
            Colour::Auto => Color::Auto,
            Colour::Always => Color::Always,
            Colour::Never => Color::Never,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Log from many processes that are killed again and again; then count every record
    Demo(Demo),
    /// One of the processes of `demo`
    #[command(hide = true)]
    DemoWorker(DemoWorker),
    /// Write standard input, line by line, to a file, the terminal, or both
    Pipe(Pipe),
    /// Run a program; every line of its output becomes a record
    Run(Run),
    /// Write what other programs put, as a service of its own
    Serve(Serve),
    /// Show the lines of a log, filtered, and follow it as it grows
    Tail(Tail),
    /// Show all queues: who puts, who writes, what waits, what is lost
    Stat(Stat),
    /// Write what dead processes have left
    Recover(Recover),
    /// Prove a log complete, in order and whole
    Check(Check),
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (of a command), or write all pages into a directory
    Man(Man),
}

/// Arguments of `man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  onewriter man tail | man -l -
  onewriter man --dir ~/.local/share/man/man1")]
pub struct Man {
    /// The command; without one, the page of onewriter itself
    pub command: Option<String>,

    /// Write all pages into this directory instead
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub dir: Option<PathBuf>,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  onewriter demo
  onewriter demo --processes 8 --threads 2 --kills 100
  onewriter demo --json | jq .takeover_max_ms
  onewriter demo --dir /tmp/demo && onewriter check --ticket ticket /tmp/demo",
    after_long_help = "\
What happens:
  Several processes, half of them started and half of them forked, log to one file at once, from many
  threads and through each of the three Rust doors: the macros of onewriter, the `log` facade, and
  the `tracing` layer. One of them writes; the file is rotated and compressed meanwhile. Again and
  again one of them is killed with SIGKILL: the one that writes, another one, a forked child. Then
  every line is read back and counted.

  Each record has the number of its producer, its own number there, and a ticket, drawn from one
  counter of all processes right before the put. Beside the log each thread notes which puts have
  returned. So missing, doubled and torn records are found, and every record that stands before one
  whose put had returned before its own began. A put that was killed before it returned may be there.

  The progress goes to standard error. The exit code is 1 if anything is missing; the files are
  then left where they are.

Examples:
  onewriter demo
  onewriter demo --processes 8 --threads 2 --kills 100
  onewriter demo --json | jq .takeover_max_ms
  onewriter demo --dir /tmp/demo && onewriter check --ticket ticket /tmp/demo"
)]
pub struct Demo {
    /// Processes, half of them forked by the others
    #[arg(long, value_name = "N", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=64))]
    pub processes: u64,

    /// Threads for each of the three doors in each process
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=64))]
    pub threads: u64,

    /// Records in all, about
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub records: u64,

    /// How often a process is killed, evenly over all records
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=1_000))]
    pub kills: u64,

    /// Write the files into this empty directory, and keep them
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Arguments of a process of `demo`.
#[derive(Debug, Args)]
pub struct DemoWorker {
    /// The directory of the log and of the counters
    pub dir: PathBuf,

    /// Threads for each door
    #[arg(long)]
    pub threads: u64,

    /// Children that it forks
    #[arg(long)]
    pub forks: u64,
}

/// Arguments of `pipe`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  make 2>&1 | onewriter pipe --file build.log --rotate '10 MB' --keep 5 --compress gzip
  ./shop | onewriter pipe --parse json --format json --file shop.log --stderr
  journalctl -f | onewriter pipe --config pipe.toml",
    after_long_help = "\
What becomes of a line:
  Each line is a record. A last line without newline is kept. A line longer than --max-line becomes
  several records, each but the first with the field `continued`. Bytes that are not UTF-8 are
  written as \\xNN, and the record has the field `escaped`. With --parse json, a line that is a JSON
  object gives its level, target, message and fields; its own time becomes `original_time`.

  While the sinks cannot keep up, pipe stops reading, so that whoever writes waits: nothing is lost.

Ending:
  At the end of the input; SIGTERM and SIGHUP write out what was read and end with 128 + n. SIGINT
  is left to the program that writes (as `tee -i` does); a second one ends pipe too.

Settings come from flags, else from ONEWRITER_... variables (--max-line is ONEWRITER_MAX_LINE), else
from the file given by --config (max-line = \"64 KiB\"), else they are the defaults.

Examples:
  make 2>&1 | onewriter pipe --file build.log --rotate '10 MB' --keep 5 --compress gzip
  ./shop | onewriter pipe --parse json --format json --file shop.log --stderr
  journalctl -f | onewriter pipe --config pipe.toml"
)]
pub struct Pipe {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would replace the help of the command")]
    pub settings: Settings,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  onewriter run --file shop.log --format json -- ./shop --port 8080
  onewriter run --config shop.toml -- ./shop",
    after_long_help = "\
What becomes of the output:
  Each line of the program's standard output and standard error is a record with the fields
  `stream` (stdout or stderr) and `pid`; the target is the name of the program. Lines are treated as
  by pipe. Standard input is the program's own.

Signals and ending:
  INT, TERM, HUP, QUIT, USR1, USR2 and WINCH are passed on to the program, except those that the
  terminal has sent to it already. The exit code is the program's; 128 + n if signal n ended it; 126
  if it cannot be executed, 127 if it does not exist. Children of the program that still hold its
  output are waited for, for the time of --grace; what they write later is not recorded.

Settings come from flags, else from ONEWRITER_... variables (--max-line is ONEWRITER_MAX_LINE), else
from the file given by --config (max-line = \"64 KiB\"), else they are the defaults.

Examples:
  onewriter run --file shop.log --format json -- ./shop --port 8080
  onewriter run --config shop.toml -- ./shop"
)]
pub struct Run {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a comment here would replace the help of the command")]
    pub settings: Settings,

    /// The program and its arguments
    #[arg(required_unless_present = "print_config", last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Settings that `pipe` and `run` share. All values are texts here: they are checked together with
/// those of the variables and the file.
#[derive(Debug, Default, Args)]
pub struct Settings {
    /// Take settings from this TOML file
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<String>,
    /// Print the settings as they hold, each with its origin, and end
    #[arg(long)]
    pub print_config: bool,

    /// Append to this file
    #[arg(short, long, value_name = "PATH", help_heading = "Sinks")]
    pub file: Option<String>,
    /// Write to standard output [default: if there is no other sink]
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", help_heading = "Sinks")]
    pub stdout: Option<String>,
    /// Write to standard error
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", help_heading = "Sinks")]
    pub stderr: Option<String>,
    /// text, compact, pretty, json, logfmt, or a pattern such as "{time} {message}" [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Sinks")]
    pub format: Option<String>,
    /// The same as --format json
    #[arg(long, conflicts_with = "format", help_heading = "Sinks")]
    pub json: bool,
    /// Write this level and above only [default: all]
    #[arg(long, value_name = "LEVEL", help_heading = "Sinks")]
    pub min_level: Option<String>,

    /// "100 MB", "15 min", daily, "monday at 06:30", start, or several joined by "or"
    #[arg(short, long, value_name = "WHEN", help_heading = "File")]
    pub rotate: Option<String>,
    /// Names of rotated files: index, shifted, %Y-%m-%d or appended %Y-%m-%d [default: index]
    #[arg(long, value_name = "NAMES", help_heading = "File")]
    pub names: Option<String>,
    /// Rotate and name by UTC, not by local time
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", help_heading = "File")]
    pub utc: Option<String>,
    /// Keep this many rotated files [default: all]
    #[arg(short, long, value_name = "N", help_heading = "File")]
    pub keep: Option<String>,
    /// Keep rotated files this long, such as "30 days"
    #[arg(long, value_name = "TIME", help_heading = "File")]
    pub keep_for: Option<String>,
    /// Keep at most this much in all, such as "10 GB"
    #[arg(long, value_name = "SIZE", help_heading = "File")]
    pub keep_bytes: Option<String>,
    /// Compress rotated files: none, gzip or zstd [default: none]
    #[arg(short = 'z', long, value_name = "HOW", help_heading = "File")]
    pub compress: Option<String>,
    /// Keep a symbolic link here that leads to the live file
    #[arg(long, value_name = "PATH", help_heading = "File")]
    pub link: Option<String>,
    /// The mode of new files, such as 640
    #[arg(long, value_name = "MODE", help_heading = "File")]
    pub mode: Option<String>,
    /// Force to disk: never, batch, a level such as error, an interval such as 1s [default: never]
    #[arg(long, value_name = "WHEN", help_heading = "File")]
    pub fsync: Option<String>,

    /// The level of the records [default: info]
    #[arg(short, long, value_name = "LEVEL", help_heading = "Records")]
    pub level: Option<String>,
    /// Take the level from the line where it stands there
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[arg(value_name = "BOOL", help_heading = "Records")]
    pub guess_level: Option<String>,
    /// The target of the records [default: pipe, or the name of the program]
    #[arg(short, long, value_name = "TARGET", help_heading = "Records")]
    pub target: Option<String>,
    /// What a line is: lines or json [default: lines]
    #[arg(long, value_name = "AS", help_heading = "Records")]
    pub parse: Option<String>,
    /// Split longer lines, 16 bytes to 32 MiB [default: 1 MiB]
    #[arg(long, value_name = "SIZE", help_heading = "Records")]
    pub max_line: Option<String>,
    /// run: wait this long for children that still hold the output [default: 2s]
    #[arg(long, value_name = "TIME", help_heading = "Records")]
    pub grace: Option<String>,
}

impl Settings {
    /// The flags that were given, by the names of their settings.
    #[must_use]
    pub fn given(&self) -> Vec<(&'static str, &str)> {
        let format = if self.json { Some("json") } else { self.format.as_deref() };
        let flags = [
            ("file", &self.file),
            ("stdout", &self.stdout),
            ("stderr", &self.stderr),
            ("min-level", &self.min_level),
            ("rotate", &self.rotate),
            ("names", &self.names),
            ("utc", &self.utc),
            ("keep", &self.keep),
            ("keep-for", &self.keep_for),
            ("keep-bytes", &self.keep_bytes),
            ("compress", &self.compress),
            ("link", &self.link),
            ("mode", &self.mode),
            ("fsync", &self.fsync),
            ("level", &self.level),
            ("guess-level", &self.guess_level),
            ("target", &self.target),
            ("parse", &self.parse),
            ("max-line", &self.max_line),
            ("grace", &self.grace),
        ];
        let given = flags.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        given.chain(format.map(|format| ("format", format))).collect()
    }
}

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  onewriter serve /etc/onewriter/shop.toml",
    after_long_help = "\
The configuration:
  Either the settings of one sink, with the keys of `pipe`; the queue is that of its file:

    file = \"/var/log/shop.log\"
    format = \"json\"
    rotate = \"100 MB or daily\"

  Or a queue with a name, which programs join by that, and its sinks:

    name = \"shop\"
    [[sink]]
    file = \"/var/log/shop.log\"
    [[sink]]
    file = \"/var/log/shop-errors.log\"
    min-level = \"error\"

Signals and ending:
  SIGTERM and SIGINT: what was put is written, then whoever stands by goes on; what is put later
  waits for the next writer. SIGHUP: files are opened anew, and the configuration is read again; a
  wrong one is refused, and the one before it holds.

As a service:
  READY=1 is sent to $NOTIFY_SOCKET when it writes, or stands by for another process that does; a
  watchdog of the manager is answered. Type=notify-reload fits.

Examples:
  onewriter serve /etc/onewriter/shop.toml"
)]
pub struct Serve {
    /// The configuration, a TOML file
    #[arg(value_name = "CONFIG")]
    pub config: PathBuf,
}

/// Arguments of `stat`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  onewriter stat
  onewriter stat --once /var/log/shop.log
  onewriter stat --json --once | jq .queues",
    after_long_help = "\
What is shown:
  Of each queue its writer and how often that has changed; records written, bytes that wait, records
  lost; each process that puts, by its own account, with its role; each sink.

  role  writer      writes the queue
        stands by   writes it when the writer ends
        producer    puts only
        dead        has ended; what it has left is written by the next writer, or by `recover`

  On a terminal the page is shown anew each second; elsewhere once, unless --watch is given. Looking
  holds up nobody.

Examples:
  onewriter stat
  onewriter stat --once /var/log/shop.log
  onewriter stat --json --once | jq .queues"
)]
pub struct Stat {
    /// Names of queues, or their log files [default: all of this user]
    #[arg(value_name = "QUEUE|FILE")]
    pub queues: Vec<String>,

    /// Look once
    #[arg(long)]
    pub once: bool,

    /// Look again and again, also where the output is no terminal
    #[arg(short, long, conflicts_with = "once")]
    pub watch: bool,

    /// How often
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub every: String,

    /// Print one JSON object for each look
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `recover`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  onewriter recover
  onewriter recover --dry-run
  onewriter recover /var/log/shop.log --format json",
    after_long_help = "\
What happens:
  Each queue that nobody writes and in which something waits is written to its files, with the
  settings of its last writer. A queue that has a writer is left to it. What a killed program had put
  is also written by the next program that logs to the same file: recover is for when there is none.

  Where the last writer had a formatter or a filter that only its program knows, recover says so and
  ends with 1; --format writes such a queue nevertheless, and --file one that has no file.

  Empty remains of queues whose processes are all dead are removed.

Examples:
  onewriter recover
  onewriter recover --dry-run
  onewriter recover /var/log/shop.log --format json"
)]
pub struct Recover {
    /// Names of queues, or their log files [default: all of this user]
    #[arg(value_name = "QUEUE|FILE")]
    pub queues: Vec<String>,

    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Write to this file, whatever the last writer did
    #[arg(long, value_name = "PATH")]
    pub file: Option<PathBuf>,

    /// Write in this format: text, compact, pretty, json, logfmt, or a pattern
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// Arguments of `tail`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  onewriter tail -f shop.log
  onewriter tail --level warn --since 10m shop.log
  onewriter tail --rotated --target shop::db --field 'ms>250' shop.log
  onewriter tail --since yesterday --until today --grep 'order \\d+' shop.log.3.gz",
    after_long_help = "\
What is read:
  Text lines (a time, within four words a level, optionally `target:`, then the message), JSON
  lines and logfmt, mixed at will; plain, gzip and zstd files. A line that is none of these
  continues the record above it (a backtrace) and is shown or hidden with it. Filters look at the
  first line of a record. JSON is shown as text on a terminal and as it stands otherwise; control
  characters are escaped on a terminal.

Following:
  A file that is renamed, rotated, removed, truncated or made anew is followed under its name; what
  was written before the change is shown first, and files that came and went in between are too. A
  file that does not exist yet is waited for.

Examples:
  onewriter tail -f shop.log
  onewriter tail --level warn --since 10m shop.log
  onewriter tail --rotated --target shop::db --field 'ms>250' shop.log
  onewriter tail --since yesterday --until today --grep 'order \\d+' shop.log.3.gz"
)]
pub struct Tail {
    /// The files, shown one after the other
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Wait for more, through rotations
    #[arg(short, long)]
    pub follow: bool,

    /// Show the last N lines that pass [default: 10, or all with --rotated or a filter]
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,

    /// Show the rotated files of each file first, oldest first
    #[arg(short, long)]
    pub rotated: bool,

    /// How a line is shown [default: text on a terminal, else raw]
    #[arg(long, value_enum, value_name = "FORM")]
    pub show: Option<Show>,

    /// This level and above: trace, debug, info, warn, error, or a number
    #[arg(short, long, value_name = "LEVEL", help_heading = "Filters")]
    pub level: Option<LevelFilter>,

    /// This target and those below it; may be given several times
    #[arg(short, long, value_name = "TARGET", help_heading = "Filters")]
    pub target: Vec<String>,

    /// A condition such as status=500, who!=ann, ms>2.5; may be given several times
    #[arg(long, value_name = "CONDITION", help_heading = "Filters")]
    pub field: Vec<FieldTest>,

    /// From this time: 2026-11-21T08:00:00Z, "2026-11-21 08:00", 08:00, 10m, yesterday
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub since: Option<String>,

    /// Before this time, in the same forms
    #[arg(long, value_name = "TIME", help_heading = "Filters")]
    pub until: Option<String>,

    /// A regular expression somewhere in the line
    #[arg(short, long, value_name = "REGEX", help_heading = "Filters")]
    pub grep: Option<String>,
}

/// How `tail` shows a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Show {
    /// As it stands in the file.
    Raw,
    /// JSON as readable text, everything else as it stands.
    Text,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
#[command(
    after_help = "\
Examples:
  onewriter check shop.log
  onewriter check --producer worker --seq n --first 1 logs/
  onewriter check --json shop.log | jq .lost",
    after_long_help = "\
What is counted:
  lost        numbers of a producer that are missing between its first and its last
  doubled     numbers that stand there already
  torn        lines that are not whole: cut off, without a newline at the end, or (JSON always;
              text and logfmt if a field stands there twice) with another line inside
  misordered  numbers that stand after a larger one of the same producer
  overtaken   with --ticket: records before which another stands whose put began only after theirs
              had returned
  backwards   lines whose time is before the time of the line above: a miss with --strict-time
              only, since a put that is interrupted may stand after later ones without harm
  Whole lines without a sequence number are counted and left alone.

Memory stays constant: of each producer the last 4096 gaps are kept open for late numbers; one that
comes later still counts as doubled.

Examples:
  onewriter check shop.log
  onewriter check --producer worker --seq n --first 1 logs/
  onewriter check --json shop.log | jq .lost"
)]
pub struct Check {
    /// The live files, each with its rotated ones; or directories, each with all its files
    #[arg(required = true, value_name = "FILE|DIR")]
    pub paths: Vec<PathBuf>,

    /// Read the named files only, in this order, without their rotated ones
    #[arg(long)]
    pub alone: bool,

    /// Print one JSON object
    #[arg(long)]
    pub json: bool,

    /// The field that names the producer [default: producer, else thread]
    #[arg(long, value_name = "FIELD", help_heading = "Sequence")]
    pub producer: Option<String>,

    /// The field with the sequence number
    #[arg(long, value_name = "FIELD", default_value = "seq", help_heading = "Sequence")]
    pub seq: String,

    /// The field with a ticket: drawn from one counter of all producers right before each put
    #[arg(long, value_name = "FIELD", help_heading = "Sequence")]
    pub ticket: Option<String>,

    /// The first number of each producer [default: the first that is found]
    #[arg(long, value_name = "N", help_heading = "Sequence")]
    pub first: Option<u64>,

    /// The last number of each producer [default: the last that is found]
    #[arg(long, value_name = "N", help_heading = "Sequence")]
    pub last: Option<u64>,

    /// How many producers there must be [default: those that are found]
    #[arg(long, value_name = "N", help_heading = "Sequence")]
    pub producers: Option<u64>,

    /// Times that go back are a miss
    #[arg(long, help_heading = "Sequence")]
    pub strict_time: bool,
}
