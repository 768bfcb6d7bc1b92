//! The real binary, with exact outputs.

mod check;
mod demo;
mod guide;
mod help;
mod pipe;
mod producer;
mod recover;
mod run;
mod serve;
mod stat;
mod tail;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A directory of its own, in which the command runs and has its queues.
struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    fn new() -> Stage {
        // As the command sees it, links resolved.
        let root = std::fs::canonicalize(std::env::temp_dir()).unwrap();
        Stage { dir: tempfile::tempdir_in(root).unwrap() }
    }

    /// The same in memory, for commands that look at queues.
    fn in_memory() -> Stage {
        let memory = Path::new("/dev/shm");
        if !memory.is_dir() {
            return Stage::new();
        }
        Stage {
            dir: tempfile::Builder::new().prefix("onewriter-test-").tempdir_in(memory).unwrap(),
        }
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
    command.env("ONEWRITER_DIR", dir.join(".queues"));
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
