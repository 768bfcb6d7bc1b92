//! What is measured, on whom, and how much of it.

use std::path::PathBuf;

/// Printed for `--help` and after a wrong argument.
pub const USAGE: &str = "\
usage: cargo xtask bench [--quick] [--only ROW]... [--sessions N] [--out DIR]

  --quick        one short session with the peers that the goals name
  --only ROW     one row; rows: latency, latency-sleep, latency-2, throughput-1, throughput-2,
                 disabled, lone, idle, stall, limits
  --sessions N   how often everything is run (default 3)
  --out DIR      where report.json and report.svg go (default target/bench)
";

/// What the command line asked for.
pub struct Options {
    /// One short session with few peers.
    pub quick: bool,
    /// How often the rows are run.
    pub sessions: usize,
    /// Where the report goes.
    pub out: PathBuf,
    only: Vec<String>,
}

impl Options {
    /// Reads the arguments; an error names the argument and what would be right.
    pub fn parse(args: &[String]) -> Result<Options, String> {
        let out = PathBuf::from("target/bench");
        let mut options = Options { quick: false, sessions: 0, out, only: Vec::new() };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let mut value = || rest.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--quick" => options.quick = true,
                "--only" => options.only.push(known_row(value()?)?),
                "--out" => options.out = value()?.into(),
                "--sessions" => {
                    let text = value()?;
                    let number = text.parse().ok().filter(|n| *n > 0);
                    options.sessions =
                        number.ok_or_else(|| format!("--sessions {text:?} is not 1 or more"))?;
                }
                other => return Err(format!("unknown argument {other:?}")),
            }
        }
        if options.sessions == 0 {
            options.sessions = if options.quick { 1 } else { 3 };
        }
        Ok(options)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(|row| match self.only.as_slice() {
            [] => !row.only_when_asked,
            only => only.iter().any(|name| name == row.mode),
        })
    }
}

fn known_row(name: &str) -> Result<String, String> {
    if ROWS.iter().any(|row| row.mode == name) {
        return Ok(name.to_owned());
    }
    let known: Vec<_> = ROWS.iter().map(|row| row.mode).collect();
    Err(format!("--only {name:?} is no row; rows are {}", known.join(", ")))
}

/// One way of measuring, and whom it is measured on.
pub(super) struct Row {
    pub mode: &'static str,
    pub title: &'static str,
    /// Our rows, of which one is run before each peer.
    pub ours: &'static [&'static str],
    peers: &'static [&'static str],
    /// In each session; otherwise in the first only.
    pub repeats: bool,
    only_when_asked: bool,
    amount: u64,
    quick_amount: u64,
}

impl Row {
    pub fn amount(&self, quick: bool) -> u64 {
        if quick { self.quick_amount } else { self.amount }
    }

    pub fn peers(&self, quick: bool) -> Vec<&'static str> {
        const KEPT: [&str; 6] =
            ["nothing", "tracing-appender", "low_latency_log", "spdlog-rs", "env_logger", "limits"];
        let kept = |name: &str| KEPT.contains(&name.split('/').next().unwrap_or_default());
        self.peers.iter().copied().filter(|name| !quick || kept(name)).collect()
    }
}

const DOORS: &[&str] =
    &["onewriter/strict", "onewriter/relaxed", "onewriter/log", "onewriter/tracing"];

/// In the order of the best known results, so that the table's ends are seen early.
const LATENCY_PEERS: &[&str] = &[
    "tracing-appender/lossy",
    "low_latency_log",
    "nothing",
    "quicklog",
    "spdlog-rs",
    "slog-async/block",
    "logforth/unbounded",
    "fast_log/unbounded",
    "flexi_logger/async",
    "flexi_logger/buffer",
    "ftlog/drop",
    "env_logger",
    "tracing-subscriber",
    "tracing-appender/block",
];

const LOAD_PEERS: &[&str] = &[
    "tracing-appender/block",
    "low_latency_log",
    "spdlog-rs",
    "tracing-appender/lossy",
    "quicklog",
    "fast_log/unbounded",
    "fast_log/bounded",
    "flexi_logger/async",
    "flexi_logger/buffer",
    "slog-async/block",
    "slog-async/drop",
    "ftlog/block",
    "ftlog/drop",
    "logforth/unbounded",
    "logforth/block",
    "env_logger",
    "tracing-subscriber",
    "tracing-appender/block",
];

/// Without low_latency_log and logforth, whose files cannot be a FIFO.
const STALL_PEERS: &[&str] = &[
    "tracing-appender/block",
    "tracing-appender/lossy",
    "spdlog-rs",
    "flexi_logger/async",
    "flexi_logger/buffer",
    "slog-async/block",
    "slog-async/drop",
    "ftlog/block",
    "ftlog/drop",
    "fast_log/unbounded",
    "quicklog",
];

const PLAIN: Row = Row {
    mode: "",
    title: "",
    ours: &["onewriter/strict"],
    peers: LATENCY_PEERS,
    repeats: true,
    only_when_asked: false,
    amount: 0,
    quick_amount: 0,
};

const ROWS: &[Row] = &[
    Row {
        mode: "limits",
        title: "what no logger can beat here",
        ours: &[],
        peers: &["limits"],
        ..PLAIN
    },
    Row {
        mode: "latency",
        title: "ns for a call, batches of 20 calls 2 ms apart, one producer",
        ours: DOORS,
        amount: 1500,
        quick_amount: 300,
        ..PLAIN
    },
    Row {
        mode: "latency-sleep",
        title: "the same, the producer sleeps between batches",
        ours: DOORS,
        amount: 1500,
        quick_amount: 300,
        only_when_asked: true,
        ..PLAIN
    },
    Row {
        mode: "latency-2",
        title: "the same, two producers, nothing bound to a processor",
        ours: DOORS,
        amount: 1500,
        quick_amount: 300,
        only_when_asked: true,
        ..PLAIN
    },
    Row {
        mode: "throughput-1",
        title: "lines per second until all is on file, one producer",
        ours: &[
            "onewriter/strict",
            "onewriter/json",
            "onewriter/relaxed",
            "onewriter/log",
            "onewriter/tracing",
        ],
        peers: LOAD_PEERS,
        amount: 2_000_000,
        quick_amount: 2_000_000,
        ..PLAIN
    },
    Row {
        mode: "throughput-2",
        title: "lines per second until all is on file, two producers",
        ours: &["onewriter/strict", "onewriter/json"],
        peers: LOAD_PEERS,
        amount: 2_000_000,
        quick_amount: 2_000_000,
        ..PLAIN
    },
    Row {
        mode: "disabled",
        title: "ns of a call below the level, its loop included",
        ours: DOORS,
        peers: &["nothing", "tracing-appender/lossy", "spdlog-rs", "slog-async/drop", "env_logger"],
        amount: 20_000_000,
        quick_amount: 5_000_000,
        ..PLAIN
    },
    Row {
        mode: "lone",
        title: "ms from a lone call until its line is in the file",
        peers: &["tracing-appender/lossy", "low_latency_log", "spdlog-rs", "flexi_logger/async"],
        amount: 200,
        quick_amount: 60,
        repeats: false,
        ..PLAIN
    },
    Row {
        mode: "idle",
        title: "percent of one processor while nobody logs",
        peers: &["tracing-appender/lossy", "low_latency_log", "spdlog-rs", "flexi_logger/async"],
        amount: 10,
        quick_amount: 3,
        repeats: false,
        ..PLAIN
    },
    Row {
        mode: "stall",
        title: "a sink that does not move for 2 s, a million records offered",
        ours: &["onewriter/block", "onewriter/drop", "onewriter/fail", "onewriter/strict"],
        peers: STALL_PEERS,
        amount: 1_000_000,
        quick_amount: 1_000_000,
        repeats: false,
        ..PLAIN
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, String> {
        Options::parse(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_quick_run_is_one_session_with_the_peers_that_the_goals_name() {
        let options = parse(&["--quick", "--only", "latency"]).ok();
        let options = options.expect("these arguments are right");
        assert_eq!(options.sessions, 1);
        let rows: Vec<_> = options.rows().collect();
        assert_eq!(rows.len(), 1);
        assert_eq!(
            rows[0].peers(true),
            [
                "tracing-appender/lossy",
                "low_latency_log",
                "nothing",
                "spdlog-rs",
                "env_logger",
                "tracing-appender/block",
            ]
        );
    }

    #[test]
    fn wrong_arguments_are_named_with_what_would_be_right() {
        let said = |args: &[&str]| parse(args).err().unwrap_or_default();
        assert!(
            said(&["--only", "speed"]).starts_with("--only \"speed\" is no row; rows are limits")
        );
        assert_eq!(said(&["--sessions", "0"]), "--sessions \"0\" is not 1 or more");
        assert_eq!(said(&["--sessions"]), "--sessions needs a value");
        assert_eq!(said(&["--fast"]), "unknown argument \"--fast\"");
    }
}
