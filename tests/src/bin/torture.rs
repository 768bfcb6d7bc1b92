//! `cargo xtask torture`: see `tests/src/torture/mod.rs`.
#![forbid(unsafe_code)]

use onewriter_tests::torture::{Flags, recover, run, settle, work};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("work") => work(&args[1..]),
        Some("recover") => helper(recover(&args[1..])),
        Some("settle") => helper(settle(&args[1..])),
        _ => match Flags::parse(&args) {
            Ok(flags) => run(&flags).map_or_else(
                |err| {
                    eprintln!("torture: {err}");
                    ExitCode::FAILURE
                },
                ExitCode::from,
            ),
            Err(message) => {
                eprintln!("torture: {message}");
                ExitCode::from(2)
            }
        },
    }
}

fn helper(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}
