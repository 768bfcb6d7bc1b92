//! onewriter: everyone logs, one writes.
