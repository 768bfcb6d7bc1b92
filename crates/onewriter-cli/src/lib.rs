//! The shell door of onewriter: the `onewriter` command.
//!
//! The library exists so that the parts can be tested and fuzzed ([`config::Raw::parse`],
//! [`json::members`], [`entry::Entry::parse`]); its interface is the command's, not a promise.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod cli;
mod commands;
pub mod config;
mod engine_door;
pub mod entry;
mod exit;
mod feed;
pub mod files;
mod follow;
pub mod json;
pub mod lines;
pub mod moment;
mod notify;
mod output;
mod queues;
pub mod select;
pub mod tally;

pub use exit::{Exit, Failure};
pub use follow::Follower;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};

use clap::Parser;

use cli::Cli;
use output::Output;

/// Runs the command with these arguments, the name of the program first.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let mut err = io::stderr();
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(wrong) => {
            // Help and version are no errors, and go to standard output.
            let exit = if wrong.use_stderr() { Exit::USAGE } else { Exit::DONE };
            return wrong.print().map_or_else(|err| Failure::from(err).exit, |()| exit);
        }
    };
    let stdout = io::stdout();
    let colour = cli.colour.color().resolve(|name| std::env::var_os(name), stdout.is_terminal());
    let live = err.is_terminal();
    let mut out = BufWriter::with_capacity(64 * 1024, stdout.lock());
    let mut output = Output { out: &mut out, err: &mut err, colour, live };
    let done = commands::run(cli.command, &mut output);
    let done = done.and_then(|exit| out.flush().map(|()| exit).map_err(Failure::from));
    done.unwrap_or_else(|failure| {
        if !failure.message.is_empty() {
            // There is nowhere left to report that standard error is closed.
            let _ = writeln!(err, "onewriter: {failure}");
        }
        failure.exit
    })
}
