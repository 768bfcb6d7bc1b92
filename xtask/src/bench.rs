//! `cargo xtask bench`: builds the comparison with fat LTO and hands it the arguments.

use crate::cargo::cargo;
use crate::steps::{Red, Steps};

pub fn run(steps: &mut Steps, args: &[String]) -> Result<(), Red> {
    let build = ["build", "--profile", "bench", "-p", "onewriter-benches", "--bins"];
    steps.step("the runners are built", &mut cargo(build))?;
    let mut compare = cargo(["run", "--quiet", "--profile", "bench", "-p", "onewriter-benches"]);
    compare.args(["--bin", "compare", "--"]).args(args);
    steps.step("bench", &mut compare)
}
