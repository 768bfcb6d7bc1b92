//! onewriter through each of its doors.

use super::Measure;
use crate::peer::Setup;
use serde_json::Value;

/// Measures one of our rows; `None` for a name that is none.
pub fn measure(_name: &str, _setup: &Setup, _measure: impl Measure) -> Option<Value> {
    None
}
