//! One file for each command.

mod check;
mod demo;
mod manual;
mod pipe;
mod recover;
mod run;
mod serve;
mod stat;
mod tail;

use std::fs;
use std::path::Path;

use crate::cli::{Command, Settings};
use crate::config::{self, Plan, Raw};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Runs a command.
pub fn run(command: Command, output: &mut Output<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args, output),
        Command::DemoWorker(args) => demo::worker::run(&args),
        Command::Pipe(args) => pipe::run(&args, output),
        Command::Run(args) => run::run(&args, output),
        Command::Serve(args) => serve::run(&args, output),
        Command::Stat(args) => stat::run(&args, output),
        Command::Recover(args) => recover::run(&args, output),
        Command::Tail(args) => tail::run(&args, output),
        Command::Check(args) => check::run(args, output),
        Command::Completions { shell } => manual::completions(shell, output),
        Command::Man(args) => manual::run(&args, output),
    }
}

/// The plan of `pipe` and `run`; `None` if it was only to be printed.
fn plan(settings: &Settings, output: &mut Output<'_>) -> Result<Option<Plan>, Failure> {
    let mut flags = Raw::default();
    for (name, value) in settings.given() {
        flags.put_flag(name, value).map_err(Failure::usage)?;
    }
    flags.set_config_file(settings.config.clone());
    // A variable that is no UTF-8 is none of ours, or is wrong in a way its key's message shows.
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    });
    let plan = Plan::new(&config::gather(flags, variables)?).map_err(Failure::usage)?;
    if settings.print_config {
        write!(output.out, "{plan}")?;
        return Ok(None);
    }
    Ok(Some(plan))
}

/// Makes a directory for what a command writes, if it is not there.
fn make_directory(dir: &Path) -> Result<(), Failure> {
    fs::create_dir_all(dir).map_err(|err| match dir.exists() {
        // The kernel says "File exists".
        true => Failure::usage(format!(
            "{} is not a directory: give one, or the path of one that does not exist",
            dir.display()
        )),
        false => Failure::io("cannot make the directory", dir, &err),
    })
}
