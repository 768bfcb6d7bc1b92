//! `cargo xtask test`: everything the gate runs.

use crate::cargo::{cargo, root};
use crate::steps::{Red, Steps};
use crate::{fuzz, proof, python};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Cheap and telling steps first. The benches' peers are never built here: a hundred foreign crates
/// say nothing about ours.
pub fn test(steps: &mut Steps) -> Result<(), Red> {
    // Five times what the slowest step takes on two busy cores.
    steps.limit(Duration::from_secs(30 * 60));
    steps.step("format", &mut cargo(["fmt", "--all", "--check"]))?;
    steps.step(
        "clippy",
        &mut clippy(["--all-targets", "--workspace", "--exclude", "onewriter-benches"]),
    )?;
    steps.step(
        "clippy, benches",
        &mut clippy(["--all-targets", "-p", "onewriter-benches", "--no-default-features"]),
    )?;
    steps.step(
        "clippy, the producer alone",
        &mut clippy(["-p", "onewriter", "--lib", "--no-default-features"]),
    )?;
    let tests = ["test", "--workspace", "--exclude", "onewriter-benches", "--no-fail-fast"];
    steps.step("tests and doctests", &mut cargo(tests))?;
    examples(steps)?;
    python::test(steps)?;
    proof::loom(steps)?;
    proof::shuttle(steps)?;
    fuzz::run(steps, 5)
}

fn clippy<const N: usize>(which: [&str; N]) -> Command {
    let mut command = cargo(["clippy", "--quiet"]);
    command.args(which).args(["--", "-D", "warnings"]);
    command
}

/// Runs each example as its own step, in an empty folder of its own, where its queues live too: so it
/// leaves nothing in shared memory.
fn examples(steps: &mut Steps) -> Result<(), Red> {
    let build = ["build", "--quiet", "-p", "onewriter-examples", "--bins", "--examples"];
    steps.step("examples are built", &mut cargo(build))?;
    for program in executables(cargo(build)) {
        let name = program.file_name().unwrap_or_default().display().to_string();
        let folder = root().join("target/example-runs").join(&name);
        if let Err(error) = emptied(&folder) {
            return steps.red(&format!("{}: {error}", folder.display()));
        }
        let mut command = Command::new(&program);
        command.current_dir(&folder).env("ONEWRITER_DIR", &folder);
        steps.step(&format!("example {name}"), &mut command)?;
    }
    Ok(())
}

/// The programs that a cargo build made, in the order of their names.
fn executables(mut build: Command) -> Vec<PathBuf> {
    let Ok(output) = build.arg("--message-format=json").output() else { return Vec::new() };
    let report = String::from_utf8_lossy(&output.stdout);
    let mut found: Vec<PathBuf> = report
        .lines()
        .filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'))
        .map(|(path, _)| PathBuf::from(path))
        .collect();
    found.sort();
    found
}

fn emptied(folder: &Path) -> std::io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)
}
