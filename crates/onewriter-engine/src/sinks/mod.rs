//! The sinks, one file each.

pub mod file;
pub mod flight;
pub mod function;
pub mod lane;
pub mod memory;
pub mod terminal;
