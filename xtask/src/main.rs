//! The project's own commands: `cargo xtask test` and its parts.
#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod fuzz;
mod gate;
mod proof;
mod python;
mod steps;
mod torture;

use std::process::ExitCode;
use steps::{Red, Steps};

const HELP: &str = "\
usage: cargo xtask COMMAND

  test                  everything the gate runs; ends with `N passed, N failed`
  bench [ARGS]          the comparison with other loggers (--quick, --only ROW; see bench --help)
  bench --processes     what onewriter costs when it is many processes (see bench --processes --help)
  bench --python [ARGS] the Python package beside other loggers (--quick, --only ROW; see bench --python
                        --help); with --faults what is left of a log when something goes wrong
  endings [ARGS]        what is left of the lines of programs that end, by logger (see endings --help)
  fuzz [--seconds N]    each fuzz target for N seconds (default 60)
  loom                  the ring's models, every interleaving
  shuttle               the ring's models, long random schedules
  sanitize              the ring's tests under the thread and address sanitizers (nightly)
  torture [ARGS]        programs that are killed while they log, and the verdict (--minutes N, --seed S;
                        see torture --help)
  python                the wheel, and the Python tests on each CPython 3.10 or newer of this machine
  miri                  the ring's and the record's tests under Miri, where it is installed
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let command = args.first().map_or("", String::as_str);
    let rest = args.get(1..).unwrap_or_default();
    if matches!(command, "" | "help" | "-h" | "--help") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if let Err(message) = takes_args(command, rest) {
        eprintln!("xtask: {message}\n\n{HELP}");
        return ExitCode::from(2);
    }
    let mut steps = Steps::new(&cargo::root());
    let outcome = run(command, rest, &mut steps);
    if !matches!(command, "bench" | "endings" | "torture") {
        steps.summary();
    }
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(command: &str, rest: &[String], steps: &mut Steps) -> Result<(), Red> {
    match command {
        "test" => gate::test(steps),
        "bench" => bench::run(steps, rest),
        "endings" => bench::endings(steps, rest),
        "fuzz" => fuzz::run(steps, fuzz::seconds(rest).unwrap_or(60)),
        "loom" => proof::loom(steps),
        "shuttle" => proof::shuttle(steps),
        "torture" => torture::run(steps, rest),
        "sanitize" => proof::sanitize(steps),
        "python" => python::test(steps),
        _ => proof::miri(steps),
    }
}

/// Refuses unknown commands, and arguments that the command would ignore.
fn takes_args(command: &str, rest: &[String]) -> Result<(), String> {
    match command {
        "bench" | "endings" | "torture" => Ok(()),
        "fuzz" => fuzz::seconds(rest).map(|_| ()),
        "test" | "loom" | "shuttle" | "sanitize" | "python" | "miri" => match rest.first() {
            None => Ok(()),
            Some(arg) => Err(format!("{command} takes no argument, got {arg:?}")),
        },
        other => Err(format!("unknown command {other:?}")),
    }
}
