//! One error type: what was being done, what is wrong with which value, what would be right.

use std::fmt;
use std::path::Path;

/// The classes of errors, for programs; the text is for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A setting that cannot be: an impossible size, a malformed pattern, an unknown key.
    Config,
    /// The operating system refused.
    Io,
    /// There is no room, and the policy is to say so.
    Full,
    /// The logger has been shut down, or was never installed.
    Closed,
    /// A deadline passed before everything was written.
    Incomplete,
    /// A sink or a callback panicked.
    Panic,
}

/// An error of the engine.
///
/// ```
/// use onewriter_engine::{Error, ErrorKind};
/// let err = Error::config("rotation size \"0 MB\" is zero: give at least \"1 KB\"");
/// assert_eq!(err.kind(), ErrorKind::Config);
/// assert!(err.to_string().starts_with("rotation size"));
/// ```
///
/// `{:?}` shows the text too, since that is what `main` prints of an error that it returns; `{:#?}` shows
/// the parts.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<std::io::Error>,
}

impl Error {
    /// An error of this kind with this text.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// A setting that cannot be.
    #[cold]
    pub fn config(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Config, message)
    }

    /// What the operating system refused: `action` is a phrase such as "cannot open the log file". A
    /// limit of this process that is behind it is named.
    #[cold]
    pub fn io(action: &str, path: &Path, source: std::io::Error) -> Error {
        let mut message = format!("{action} {}: {source}", path.display());
        if let Some(limit) = onewriter_ring::limit_behind(&source) {
            message = format!("{message}: {limit}");
        }
        Error(Box::new(Inner { kind: ErrorKind::Io, message, source: Some(source) }))
    }

    /// The same error with what the operating system said, for programs that look at it.
    #[cold]
    #[must_use]
    pub fn with_source(mut self, source: std::io::Error) -> Error {
        self.0.source = Some(source);
        self
    }

    /// The class of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether a setting is wrong.
    #[must_use]
    pub fn is_config(&self) -> bool {
        self.0.kind == ErrorKind::Config
    }

    /// The error of the operating system, if it was one.
    #[must_use]
    pub fn io_error(&self) -> Option<&std::io::Error> {
        self.0.source.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !f.alternate() {
            return f.write_str(&self.0.message);
        }
        let Inner { kind, message, source } = &*self.0;
        f.debug_struct("Error")
            .field("kind", kind)
            .field("message", message)
            .field("source", source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|err| err as _)
    }
}
