//! The onewriter command.
fn main() {}
