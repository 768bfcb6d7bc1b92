//! Proofs of the ring: model checkers, sanitizers, Miri. Each has a target folder of its own, since
//! its compiler flags would throw the others' work away.

use crate::cargo::{cargo, host, nightly, nightly_has, root};
use crate::steps::{Red, Steps};
use std::process::Command;

const NO_NIGHTLY: &str = "the nightly toolchain is not installed";

pub fn loom(steps: &mut Steps) -> Result<(), Red> {
    steps.step("loom", &mut model("loom"))
}

pub fn shuttle(steps: &mut Steps) -> Result<(), Red> {
    steps.step("shuttle", &mut model("shuttle"))
}

/// Optimised, since a model runs a million times. Only the ring's own tests know the models.
fn model(name: &str) -> Command {
    let mut command = cargo(["test", "-p", "onewriter-ring", "--release", "--lib"]);
    command.env("RUSTFLAGS", format!("--cfg {name}"));
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_TARGET_DIR", root().join("target").join(name));
    command
}

/// The ring's tests, compiled with a sanitizer by nightly and its own std.
pub fn sanitize(steps: &mut Steps) -> Result<(), Red> {
    for sanitizer in ["thread", "address"] {
        let name = format!("{sanitizer} sanitizer");
        let tests = ["test", "-p", "onewriter-ring", "--lib", "--tests", "--target"];
        let Some(mut command) = nightly(tests) else {
            steps.not_run(&name, NO_NIGHTLY);
            continue;
        };
        command.arg(host());
        // Std is not rebuilt: that needs its sources. What std inlines into our code (locks, Arc) is
        // watched like our own, and thread starts and joins are intercepted; the rest of std is not.
        let flags = format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer");
        command.env("RUSTFLAGS", flags);
        command.env("CARGO_TARGET_DIR", root().join("target").join(sanitizer));
        steps.step(&name, &mut command)?;
    }
    Ok(())
}

/// Runs Miri where its component is installed. Where it is not, that is said, and nothing is claimed.
pub fn miri(steps: &mut Steps) -> Result<(), Red> {
    if !nightly_has("miri") {
        let why =
            "Miri is not installed (`rustup +nightly component add miri`); nothing was checked";
        steps.not_run("miri", why);
        return Ok(());
    }
    for package in ["onewriter-record", "onewriter-ring"] {
        let Some(mut command) = nightly(["miri", "test", "-p", package, "--lib"]) else { break };
        command.env("CARGO_TARGET_DIR", root().join("target/miri"));
        steps.step(&format!("miri, {package}"), &mut command)?;
    }
    Ok(())
}
