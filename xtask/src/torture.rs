//! `cargo xtask torture`: builds the torture with optimisations and hands it the arguments.

use crate::cargo::{cargo, root};
use crate::steps::{Red, Steps};
use std::process::Command;

pub fn run(steps: &mut Steps, args: &[String]) -> Result<(), Red> {
    let build = ["build", "--quiet", "--release", "-p", "onewriter-tests", "--bin", "torture"];
    steps.step("the torture is built", &mut cargo(build))?;
    let mut torture = Command::new(root().join("target/release/torture"));
    steps.step("torture", torture.args(args))
}
