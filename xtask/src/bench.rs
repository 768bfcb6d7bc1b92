//! `cargo xtask bench` and `cargo xtask endings`: build the runners with fat LTO and hand them the
//! arguments.

use crate::cargo::cargo;
use crate::python;
use crate::steps::{Red, Steps};

/// Where the runners without the other loggers are built: with them, the features of crates that both
/// use would differ, and each of the two would throw the other's work away.
const ALONE: &str = "target/bench-alone";

/// The comparison; with `--processes` what onewriter costs when it is many processes; with `--python`
/// that of the Python package, or with `--python --faults` what is left of its logs.
pub fn run(steps: &mut Steps, args: &[String]) -> Result<(), Red> {
    if args.iter().any(|arg| arg == "--python") {
        let faults = args.iter().any(|arg| arg == "--faults");
        let args: Vec<String> = args
            .iter()
            .filter(|arg| !matches!(arg.as_str(), "--python" | "--faults"))
            .cloned()
            .collect();
        let program = if faults { "faults.py" } else { "compare.py" };
        return python::bench(steps, program, &args);
    }
    if args.iter().any(|arg| arg == "--processes") {
        return processes(steps, args);
    }
    let build = ["build", "--profile", "bench", "-p", "onewriter-benches", "--bins"];
    steps.step("the runners are built", &mut cargo(build))?;
    let mut compare = cargo(["run", "--quiet", "--profile", "bench", "-p", "onewriter-benches"]);
    compare.args(["--bin", "compare", "--"]).args(args);
    steps.step("bench", &mut compare)
}

/// Builds no other logger: none takes part.
fn processes(steps: &mut Steps, args: &[String]) -> Result<(), Red> {
    let alone = |verb| {
        let mut command = cargo([verb, "--profile", "bench", "-p", "onewriter-benches"]);
        command.args(["--no-default-features", "--bin", "processes", "--target-dir", ALONE]);
        command
    };
    steps.step("the runner is built", &mut alone("build"))?;
    let args = args.iter().filter(|arg| *arg != "--processes");
    let mut run = alone("run");
    run.args(["--quiet", "--"]).args(args);
    steps.step("bench --processes", &mut run)
}

/// How programs end with each logger, and what of their lines is there then.
pub fn endings(steps: &mut Steps, args: &[String]) -> Result<(), Red> {
    let mut endings = cargo(["run", "--profile", "bench", "-p", "onewriter-benches"]);
    endings.args(["--bin", "endings", "--"]).args(args);
    steps.step("endings", &mut endings)
}
