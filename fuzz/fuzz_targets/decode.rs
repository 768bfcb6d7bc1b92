//! Arbitrary bytes as a call site, a control record and a record's body: an error or values, never a
//! panic, and no endless iteration.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onewriter_record::{Body, ControlRecord, Site};

fuzz_target!(|bytes: &[u8]| {
    let _ = ControlRecord::decode(bytes);
    let _ = Site::decode(bytes, 1);
    let Some((first, rest)) = bytes.split_first() else { return };
    let n_values = usize::from(first & 15);
    let body = Body::new(rest, first & 128 != 0);
    assert!(body.values(n_values).count() <= n_values);
    for section in body.sections(n_values) {
        assert!(section.entries.count() <= rest.len());
    }
});
