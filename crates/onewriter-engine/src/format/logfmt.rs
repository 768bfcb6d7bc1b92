//! logfmt: `key=value` pairs on one line.
