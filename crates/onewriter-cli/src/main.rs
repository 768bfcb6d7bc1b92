//! The `onewriter` command: everything is in the library beside it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    onewriter_cli::main(std::env::args_os()).into()
}
