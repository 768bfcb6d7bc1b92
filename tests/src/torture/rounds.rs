//! One round after the other, until the time is over.

use super::flags::Flags;
use super::plan::{KINDS, Plan};
use super::report::Totals;
use super::round::Round;
use super::seed::mix;
use rustix::process::{getpid, set_child_subreaper};
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;

/// Says that this process has mounts of its own.
const OWN_MOUNTS: &str = "ONEWRITER_TORTURE_MOUNTS";

/// Goes on in this program with mounts of its own, where the system lets us have them: as root, or
/// as the root of a user namespace. What is mounted ends with the last process.
fn with_own_mounts() {
    if std::env::var_os(OWN_MOUNTS).is_some() {
        return;
    }
    let works = |flags: &[&str]| {
        let tried = Command::new("unshare").args(flags).arg("true").output();
        tried.is_ok_and(|tried| tried.status.success())
    };
    let flags = [&["--mount"][..], &["--mount", "--map-root-user"]];
    if let (Some(flags), Ok(own)) =
        (flags.into_iter().find(|flags| works(flags)), std::env::current_exe())
    {
        let mut command = Command::new("unshare");
        command.args(flags).arg(own).args(std::env::args_os().skip(1)).env(OWN_MOUNTS, "1");
        let err = command.exec();
        eprintln!("torture: no mounts of its own: {err}");
    }
}

/// Whether a disk can be mounted that nobody else sees.
pub fn has_own_mounts() -> bool {
    std::env::var_os(OWN_MOUNTS).is_some()
}

/// All rounds that the flags ask for; the exit code.
pub fn run(flags: &Flags) -> io::Result<u8> {
    with_own_mounts();
    // Orphans become ours: we collect all that die.
    set_child_subreaper(Some(getpid()))?;
    let seed = flags.seed.unwrap_or_else(made_up);
    eprintln!("torture: seed {seed}");
    let mut totals = Totals::default();
    let begun = Instant::now();
    let first = flags.round.unwrap_or(0);
    for number in first.. {
        let over = match (flags.round, flags.is_short) {
            (Some(_), _) => number > first,
            (None, true) => number >= KINDS.len() as u64,
            (None, false) => begun.elapsed() >= Duration::from_secs(60 * flags.minutes),
        };
        if over {
            break;
        }
        let red = one(seed, number, flags.is_short, &mut totals)?;
        if let Some(place) = red.filter(|_| flags.keep) {
            eprintln!("torture: the folder is {}", place.keep().display());
        }
    }
    eprintln!("\n{totals}");
    if let Some(path) = &flags.json {
        std::fs::write(path, format!("{:#}\n", totals.json(seed)))?;
    }
    Ok(u8::from(!totals.is_green()))
}

/// Runs a round; the folder, if it is the first red one.
fn one(seed: u64, number: u64, is_short: bool, totals: &mut Totals) -> io::Result<Option<TempDir>> {
    let plan = Plan::new(seed, number, is_short);
    eprintln!("torture: round {number}: {plan}");
    let place = tempfile::Builder::new().prefix("onewriter-torture-").tempdir_in("/dev/shm")?;
    let length = if is_short { "short" } else { "long" };
    let args = [seed.to_string(), number.to_string(), length.to_owned()];
    let was_green = totals.is_green();
    Round::new(plan, args, place.path(), totals)?.run()?;
    totals.rounds += 1;
    eprintln!("torture: {}", totals.line());
    if was_green && !totals.is_green() {
        let short = if is_short { " --short" } else { "" };
        eprintln!("torture: again: cargo xtask torture --seed {seed} --round {number}{short}");
        return Ok(Some(place));
    }
    Ok(None)
}

fn made_up() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    mix(now.as_nanos() as u64) % 1_000_000
}
