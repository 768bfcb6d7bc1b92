//! `cargo xtask python`: the wheel, and the Python tests on each CPython of this machine. And
//! `cargo xtask bench --python`, with the same wheel.

use crate::cargo::root;
use crate::steps::{Red, Steps};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What the tests need beside the wheel.
const TESTS_NEED: [&str; 3] = ["pytest>=8,<10", "freezegun>=1.5,<2", "mypy>=1.13,<3"];
const BUILD_NEEDS: &str = "maturin>=1.9,<2";
/// Whom the package is compared with; pip takes the newest.
const PEERS: [&str; 4] = ["--upgrade", "loguru", "concurrent-log-handler", "structlog"];
/// It has wheels for few versions of Python, and does not build on every machine.
const PEER_WITH_WHEELS: [&str; 4] = ["--upgrade", "--only-binary", ":all:", "picologging"];
/// The newest CPython that every peer can be installed for.
const COMPARED_ON: u32 = 12;
/// The oldest CPython that the wheel is for.
const OLDEST: u32 = 10;
/// The CPython (if it is not there, the newest) that gets the servers and frameworks which the package has
/// examples for: many packages and slow tests, so once is enough.
const ADOPTS: u32 = 11;

/// Builds the wheel once, which is good for every version, and runs `python/tests` on each CPython that is
/// found, in an environment of its own.
pub fn test(steps: &mut Steps) -> Result<(), Red> {
    let pythons = pythons();
    let Some(first) = pythons.values().next() else {
        return no_python(steps);
    };
    let wheel = wheel(steps, first, "tested")?;
    let adopts = pythons.get_key_value(&ADOPTS).or(pythons.last_key_value()).map(|(it, _)| it);
    for (minor, python) in &pythons {
        let name = format!("Python 3.{minor}");
        let home = environment(steps, &format!("tests-3.{minor}"), python, &TESTS_NEED)?;
        install(steps, &name, &home, &wheel)?;
        if adopts == Some(minor) {
            let mut with_extra = wheel.clone().into_os_string();
            with_extra.push("[tests-adopt]");
            let servers = format!("{name}, servers and frameworks");
            steps.step(&servers, pip_install(&home).arg(with_extra))?;
        }
        // Not the sources beside them: what was installed is what is tested.
        let mut tests = Command::new(home.join("bin/pytest"));
        tests.args(["-q", "-p", "no:cacheprovider", "python/tests"]);
        steps.proof(&format!("{name}, tests"), tests.current_dir(root()))?;
    }
    Ok(())
}

/// Runs a program of `benches/python` with the wheel and the other loggers, on the newest CPython that
/// all of them have.
pub fn bench(steps: &mut Steps, program: &str, args: &[String]) -> Result<(), Red> {
    let pythons = pythons();
    let known = pythons.range(..=COMPARED_ON).next_back().or(pythons.first_key_value());
    let Some((minor, python)) = known else {
        return no_python(steps);
    };
    let wheel = wheel(steps, python, "release")?;
    let home = environment(steps, "bench", python, &PEERS)?;
    if installed(&home, &PEER_WITH_WHEELS).is_err() {
        steps.not_run("picologging", &format!("it has no wheel for CPython 3.{minor} here"));
    }
    install(steps, "bench", &home, &wheel)?;
    let mut run = Command::new(home.join("bin/python"));
    run.arg(root().join("benches/python").join(program)).args(args);
    steps.step(program, run.env("PYTHONUNBUFFERED", "1").env_remove("PYTHONPATH"))
}

fn no_python(steps: &mut Steps) -> Result<(), Red> {
    steps.red(&format!(
        "no CPython 3.{OLDEST} or newer was found, neither as python3 or python3.N on the PATH nor \
         under ~/.pyenv/versions"
    ))
}

/// Puts the wheel into an environment in place of an older one.
fn install(steps: &mut Steps, name: &str, home: &Path, wheel: &Path) -> Result<(), Red> {
    let mut install = pip_install(home);
    install.args(["--no-deps", "--force-reinstall"]).arg(wheel);
    steps.step(&format!("{name}, the wheel is installed"), &mut install)
}

/// Installs what a run can do without.
fn installed(home: &Path, packages: &[&str]) -> Result<(), Red> {
    let output = pip_install(home).args(packages).stdin(Stdio::null()).output();
    output.ok().filter(|output| output.status.success()).map(|_| ()).ok_or(Red)
}

/// The CPythons of this machine by their minor version.
fn pythons() -> BTreeMap<u32, PathBuf> {
    let mut found = BTreeMap::new();
    let on_path = std::iter::once("python3".to_owned())
        .chain((OLDEST..30).map(|minor| format!("python3.{minor}")))
        .map(PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let versions = std::fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let kept = versions.map(|version| version.path().join("bin/python3"));
    for candidate in on_path.chain(kept) {
        if let Some((minor, path)) = version_of(&candidate) {
            found.entry(minor).or_insert(path);
        }
    }
    found
}

/// Its minor version and where it really is, if it is a CPython 3 that the wheel is for.
fn version_of(python: &Path) -> Option<(u32, PathBuf)> {
    let ask = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.executable)";
    let mut command = Command::new(python);
    let output = command.args(["-c", ask]).stderr(Stdio::null()).stdin(Stdio::null()).output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    let mut words = text.trim().splitn(4, ' ');
    let is_three = words.next() == Some("cpython") && words.next() == Some("3");
    let minor = words.next()?.parse().ok().filter(|minor| is_three && *minor >= OLDEST)?;
    Some((minor, PathBuf::from(words.next()?)))
}

/// An environment under `target/python` with these packages.
fn environment(
    steps: &mut Steps,
    name: &str,
    python: &Path,
    packages: &[&str],
) -> Result<PathBuf, Red> {
    let home = root().join("target/python").join(name);
    if !home.join("bin/python").exists() {
        let mut make = Command::new(python);
        steps.step(
            &format!("environment {name}"),
            make.args(["-m", "venv", "--clear"]).arg(&home),
        )?;
    }
    let what = format!("environment {name}: {}", packages.join(", "));
    steps.step(&what, pip_install(&home).args(packages))?;
    Ok(home)
}

fn pip_install(home: &Path) -> Command {
    let mut install = Command::new(home.join("bin/python"));
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    install
}

/// Builds the wheel with a profile of cargo's; its path.
fn wheel(steps: &mut Steps, python: &Path, profile: &str) -> Result<PathBuf, Red> {
    let home = environment(steps, "build", python, &[BUILD_NEEDS])?;
    let out = root().join("target/python/wheels");
    // An older wheel would be taken for the new one.
    let _ = std::fs::remove_dir_all(&out);
    let mut build = Command::new(home.join("bin/maturin"));
    build.args(["build", "--quiet", "--profile", profile]);
    build.arg("--interpreter").arg(home.join("bin/python"));
    build.arg("--out").arg(&out).current_dir(root());
    steps.step("the wheel is built", &mut build)?;
    let made = std::fs::read_dir(&out).into_iter().flatten().flatten().map(|entry| entry.path());
    match made.filter(|path| path.extension().is_some_and(|it| it == "whl")).collect::<Vec<_>>() {
        mut one if one.len() == 1 => Ok(one.remove(0)),
        several => {
            steps.red(&format!("maturin made {} wheels in {}", several.len(), out.display()))?;
            Err(Red)
        }
    }
}
