//! Torture: programs that log to one file at full speed, and whatever can happen to them.
//!
//! * `seed.rs`: numbers that are the same for the same seed; `flags.rs`: what the user asks for
//! * `plan.rs`: what a round does, all of it from its seed
//! * `ledger.rs`: the shared page in which each thread says which puts have returned
//! * `worker.rs`: the programs that log, fork and end; `setup.rs`: their logger
//! * `rounds.rs`, `round.rs`: starts, kills and stops them; `processes.rs`: which there are, and who writes
//! * `tally.rs`: reads the files and counts; `report.rs`: sums up

mod flags;
mod ledger;
mod plan;
mod processes;
mod report;
mod round;
mod rounds;
mod seed;
mod setup;
mod tally;
mod worker;

pub use flags::{Flags, HELP};
pub use rounds::run;
pub use setup::{recover, settle};
pub use worker::work;
