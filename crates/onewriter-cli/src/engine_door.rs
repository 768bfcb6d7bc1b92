//! The only place that knows how the engine is set up.

use crate::config::Plan;
use crate::exit::Failure;

/// Checks a rotation text.
pub fn checked_rotation(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// Checks a text pattern.
pub fn check_pattern(_pattern: &str) -> Result<(), String> {
    Ok(())
}

/// A number of bytes as people write it.
pub fn bytes(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The engine, for as long as this lives.
pub struct Engine;

impl Engine {
    /// Starts it with the sinks of a plan.
    pub fn start(_plan: &Plan) -> Result<Engine, Failure> {
        Err(Failure::usage("the engine is not built in yet"))
    }

    /// Waits until everything is written.
    pub fn finish(self) -> Result<(), Failure> {
        Ok(())
    }
}
