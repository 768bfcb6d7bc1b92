//! The format-string macro of onewriter.
