//! Arbitrary text as a configuration file: an error that says something, or a plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onewriter_cli::config::{Plan, Raw};

fuzz_target!(|text: &str| {
    match Raw::parse(text) {
        Ok(raw) => {
            if let Err(message) = Plan::new(&raw) {
                assert!(!message.is_empty());
            }
        }
        Err(message) => assert!(!message.is_empty()),
    }
});
