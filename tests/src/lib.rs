//! Helpers of the process tests.
