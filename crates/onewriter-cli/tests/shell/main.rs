//! The real binary, with exact outputs.

mod check;
mod demo;
mod guide;
mod help;
mod pipe;
mod run;
mod tail;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of its own, in which the command runs.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Stage {
        Stage { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        onewriter(self.dir.path(), args)
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args).stdin(Stdio::null()).output().unwrap())
    }
}

fn onewriter(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_onewriter"));
    command.args(args).current_dir(dir).env("TZ", "UTC").env_remove("NO_COLOR");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ONEWRITER_") {
            command.env_remove(name);
        }
    }
    command
}

/// How a command ended and what it said.
#[derive(Debug, PartialEq)]
struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ended {
    fn of(output: Output) -> Ended {
        Ended {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    #[track_caller]
    fn prints(&self, out: &str) {
        assert_eq!((self.code, self.out.as_str(), self.err.as_str()), (Some(0), out, ""));
    }

    /// Fails with this code and this sentence on standard error, and prints nothing.
    #[track_caller]
    fn refuses(&self, code: i32, message: &str) {
        let err = format!("onewriter: {message}\n");
        assert_eq!((self.code, self.out.as_str(), self.err.as_str()), (Some(code), "", &*err));
    }
}
