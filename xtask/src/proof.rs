//! Proofs of the ring: model checkers, sanitizers, Miri. Each has a target folder of its own, since
//! its compiler flags would throw the others' work away.

use crate::cargo::{cargo, host, nightly, nightly_has, root};
use crate::steps::{Red, Steps};
use std::process::Command;

const NO_NIGHTLY: &str = "the nightly toolchain is not installed";

pub fn loom(steps: &mut Steps) -> Result<(), Red> {
    steps.proof("loom", &mut model("loom"))
}

pub fn shuttle(steps: &mut Steps) -> Result<(), Red> {
    steps.proof("shuttle", &mut model("shuttle"))
}

/// Optimised, since a model runs a million times. Only the ring's own tests know the models.
fn model(name: &str) -> Command {
    let mut command = cargo(["test", "-p", "onewriter-ring", "--release", "--lib"]);
    command.env("RUSTFLAGS", format!("--cfg {name}"));
    command.env("CARGO_PROFILE_RELEASE_LTO", "off");
    command.env("CARGO_TARGET_DIR", root().join("target").join(name));
    command
}

const HANDS_ON: &str = "a_fault_that_is_not_the_queues_goes_to_the_handler_that_was_there_before";

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
        // Std is not rebuilt: that needs its sources. Thread starts and joins are intercepted, and
        // with some optimisation std's atomics are inlined into our code and watched like our own;
        // without it, the sanitizer would see races in every Arc.
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1");
        let flags = format!("-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer");
        command.env("RUSTFLAGS", flags);
        command.env("CARGO_TARGET_DIR", root().join("target").join(sanitizer));
        // Queues, segments and handles live until the process ends: signal handlers and destructors
        // of threads may still put. Their addresses are kept in memory that the search skips.
        command.env("ASAN_OPTIONS", "detect_leaks=0");
        let suppressions = root().join("xtask/tsan.suppressions");
        command.env("TSAN_OPTIONS", format!("suppressions={}", suppressions.display()));
        // The sanitizers have a handler of SIGBUS of their own, which puts ours off: what depends on ours
        // cannot be tested beside it.
        command.args(["--no-fail-fast", "--", "--skip", HANDS_ON, "--skip", "cut"]);
        steps.proof(&name, &mut command)?;
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
        steps.proof(&format!("miri, {package}"), &mut command)?;
    }
    Ok(())
}
