//! Arbitrary text as a pattern, a template and a filter, and arbitrary bytes as the record that they
//! are used on: an error or a line that ends, never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onewriter_engine::filter::Filter;
use onewriter_engine::{Format, JsonFormat, LogfmtFormat, TextFormat};
use onewriter_record::{Body, Process, Record, Site, Template, Thread};
use std::sync::Arc;

fuzz_target!(|input: (&str, &[u8], &[u8])| {
    let (text, site, body) = input;
    let _ = text.parse::<Template>();
    let _ = Filter::parse(text);
    let pattern = TextFormat::pattern(text);
    let Ok(site) = Site::decode(site, 1) else { return };
    let (site, thread, process) =
        (Arc::new(site), Arc::new(Thread::default()), Arc::new(Process::default()));
    let record = Record {
        time: body.len() as u64 * 1_000_000_007,
        site: &site,
        thread: &thread,
        process: &process,
        body: Body::new(body, true),
    };
    if let Ok(mut pattern) = pattern {
        line(&mut pattern, &record);
    }
    line(&mut JsonFormat::default(), &record);
    line(&mut LogfmtFormat::default(), &record);
});

/// One line, whatever the record says: nobody forges another.
fn line(format: &mut dyn Format, record: &Record<'_>) {
    let mut out = Vec::new();
    format.format(record, &mut out);
    assert_eq!(out.last(), Some(&b'\n'));
}
