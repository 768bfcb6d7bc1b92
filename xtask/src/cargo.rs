//! Which cargo to call, and where.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The cargo that runs this program, in the repository's root.
pub fn cargo<const N: usize>(args: [&str; N]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// The nightly cargo, if rustup has one. Nothing is downloaded to find out.
pub fn nightly<const N: usize>(args: [&str; N]) -> Option<Command> {
    static FOUND: std::sync::OnceLock<Option<PathBuf>> = std::sync::OnceLock::new();
    let cargo = FOUND.get_or_init(find_nightly).as_ref()?;
    let mut command = Command::new(cargo);
    // Set by the stable cargo that runs this program; they would send nightly to stable's compiler.
    command.env_remove("RUSTC").env_remove("RUSTDOC").env_remove("CARGO");
    command.env("RUSTUP_TOOLCHAIN", "nightly").args(args).current_dir(root());
    Some(command)
}

fn find_nightly() -> Option<PathBuf> {
    let listed = Command::new("rustup").args(["toolchain", "list"]).output().ok()?;
    let names = String::from_utf8_lossy(&listed.stdout);
    names.lines().any(|line| line.starts_with("nightly")).then_some(())?;
    let found = Command::new("rustup").args(["which", "cargo", "--toolchain", "nightly"]).output();
    let path = String::from_utf8(found.ok()?.stdout).ok()?;
    let rustc = PathBuf::from(path.trim());
    rustc.is_file().then_some(rustc)
}

/// Whether the nightly toolchain has this cargo subcommand.
pub fn nightly_has(subcommand: &str) -> bool {
    nightly([subcommand, "--version"]).is_some_and(|mut command| {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    })
}

/// The triple of this machine, as sanitizers and fuzzing need it.
pub fn host() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}
