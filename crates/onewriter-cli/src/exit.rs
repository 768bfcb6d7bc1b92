//! How a command ends: an exit code, and a message where there is one.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The exit codes of `onewriter`, the same for all commands.
///
/// | code | meaning |
/// | --- | --- |
/// | 0 | done; for `check` and `demo`: nothing is missing |
/// | 1 | `check` and `demo`: something is lost, doubled, torn or out of order; `recover`: something waits that only its own program can write |
/// | 2 | a wrong flag, variable or configuration file; nothing was done |
/// | 3 | a file could not be read or written |
/// | 126, 127 | `run`: the program cannot be executed, or does not exist |
/// | 128 + n | `run`: the program was ended by signal n |
/// | 141 | the reader of standard output went away (as after SIGPIPE); no message |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Done.
    pub const DONE: Exit = Exit(0);
    /// The verdict is not green.
    pub const MISS: Exit = Exit(1);
    /// Something that was typed or configured is wrong.
    pub const USAGE: Exit = Exit(2);
    /// The operating system refused.
    pub const IO: Exit = Exit(3);
    /// The program exists and cannot be executed.
    pub const CANNOT_EXECUTE: Exit = Exit(126);
    /// There is no such program.
    pub const NOT_FOUND: Exit = Exit(127);
    /// Nobody reads standard output any more.
    pub const BROKEN_PIPE: Exit = Exit(141);

    /// Ended by this signal, as shells say it.
    #[must_use]
    pub fn of_signal(signal: i32) -> Exit {
        Exit(u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX))
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.0)
    }
}

/// Why a command ended early.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What is said on standard error, without the leading `onewriter: `; empty for silence.
    pub message: String,
}

impl Failure {
    /// Something that was typed or configured is wrong.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::USAGE, message: message.into() }
    }

    /// The operating system refused `action` (such as "cannot read") on `path`.
    #[must_use]
    pub fn io(action: &str, path: &Path, err: &io::Error) -> Failure {
        Failure { exit: Exit::IO, message: format!("{action} {}: {err}", path.display()) }
    }

    /// The operating system refused something that has no path, such as a thread.
    #[must_use]
    pub fn system(action: &str, err: &io::Error) -> Failure {
        Failure { exit: Exit::IO, message: format!("{action}: {err}") }
    }
}

impl From<io::Error> for Failure {
    /// An error of the output: errors of named files are made by [`Failure::io`].
    fn from(err: io::Error) -> Failure {
        if err.kind() == io::ErrorKind::BrokenPipe {
            return Failure { exit: Exit::BROKEN_PIPE, message: String::new() };
        }
        Failure { exit: Exit::IO, message: format!("cannot write the output: {err}") }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
