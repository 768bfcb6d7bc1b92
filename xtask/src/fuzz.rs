//! Runs the fuzz targets of `fuzz/` without cargo-fuzz: the flags are its own, the rest is libFuzzer.

use crate::cargo::{cargo, host, nightly, root};
use crate::steps::{Red, Steps};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What libFuzzer needs to see which code an input reached.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions";

/// `--seconds N` for each target; without it a minute.
pub fn seconds(args: &[String]) -> Result<u64, String> {
    match args {
        [] => Ok(60),
        [flag, number] if flag == "--seconds" => match number.parse() {
            Ok(seconds) if seconds > 0 => Ok(seconds),
            _ => Err(format!("--seconds {number:?} is not a whole number above 0, such as 60")),
        },
        [flag] if flag == "--seconds" => Err("--seconds needs a number, such as 60".to_owned()),
        [other, ..] => Err(format!("fuzz takes --seconds N, got {other:?}")),
    }
}

/// Builds all targets and runs each from its corpus; a finding is left in `fuzz/artifacts`.
pub fn run(steps: &mut Steps, seconds: u64) -> Result<(), Red> {
    let targets = targets();
    if targets.is_empty() {
        return steps.red("fuzz/fuzz_targets has no target: nothing would be fuzzed");
    }
    steps.step("fuzz targets are built", &mut build())?;
    for target in targets {
        steps.step(&format!("fuzz {target}, {seconds} s"), &mut fuzzer(&target, seconds))?;
    }
    Ok(())
}

fn targets() -> Vec<String> {
    let listed = fs::read_dir(root().join("fuzz/fuzz_targets")).into_iter().flatten().flatten();
    let mut names: Vec<String> = listed
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".rs").map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// With nightly the address sanitizer watches too; stable fuzzes without it.
fn build() -> Command {
    let args = ["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml", "--bins"];
    let (mut command, flags) = match nightly(args) {
        Some(command) => {
            let abi = "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer";
            (command, format!("{COVERAGE} {abi}"))
        }
        None => (cargo(args), COVERAGE.to_owned()),
    };
    command.args(["--target", &host()]).env("RUSTFLAGS", flags);
    command.env("CARGO_TARGET_DIR", root().join("fuzz/target"));
    command
}

fn fuzzer(target: &str, seconds: u64) -> Command {
    let corpus = made(root().join("fuzz/corpus").join(target));
    let artifacts = made(root().join("fuzz/artifacts").join(target));
    let program = root().join("fuzz/target").join(host()).join("release").join(target);
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}")).args([
        "-verbosity=0",
        "-timeout=10",
        "-rss_limit_mb=2048",
    ]);
    command.arg(format!("-artifact_prefix={}/", artifacts.display())).arg("-print_final_stats=1");
    // What is found goes into the first folder; the second is read.
    let seeds = root().join("fuzz/seeds").join(target);
    command.arg(corpus).args(seeds.is_dir().then_some(seeds)).current_dir(root());
    command
}

/// The folder, created if it can be; if not, libFuzzer names it in its own error.
fn made(folder: PathBuf) -> PathBuf {
    let _ = fs::create_dir_all(&folder);
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<u64, String> {
        seconds(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_minute_is_the_default_and_any_positive_number_is_taken() {
        assert_eq!(parsed(&[]), Ok(60));
        assert_eq!(parsed(&["--seconds", "5"]), Ok(5));
    }

    #[test]
    fn bad_arguments_are_named_with_what_would_be_right() {
        let zero = "--seconds \"0\" is not a whole number above 0, such as 60";
        assert_eq!(parsed(&["--seconds", "0"]), Err(zero.to_owned()));
        let missing = "--seconds needs a number, such as 60";
        assert_eq!(parsed(&["--seconds"]), Err(missing.to_owned()));
        assert_eq!(parsed(&["--fast"]), Err("fuzz takes --seconds N, got \"--fast\"".to_owned()));
    }
}
