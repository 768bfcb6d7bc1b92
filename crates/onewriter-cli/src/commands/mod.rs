//! One file for each command.

mod check;
mod manual;
mod tail;

use crate::cli::Command;
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Runs a command.
pub fn run(command: Command, output: &mut Output<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Tail(args) => tail::run(&args, output),
        Command::Check(args) => check::run(args, output),
        Command::Completions { shell } => manual::completions(shell, output),
        Command::Man(args) => manual::run(&args, output),
    }
}
