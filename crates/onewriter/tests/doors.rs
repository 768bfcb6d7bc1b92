//! The three doors lead into one queue, in one order, from every place of a thread's life.
#![cfg(all(feature = "embedded", feature = "log", feature = "tracing"))]

use std::fmt;
use std::time::Duration;

/// A type that is rendered on the caller, in buffers that are gone when the thread ends.
struct Rendered(u8);

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Logs when its thread ends.
struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        onewriter::info!("own {} {:?}", 4, Rendered(4));
        log::info!("log {:?}", Rendered(5));
        tracing::info!(n = 6, "tracing {:?}", Rendered(6));
    }
}

thread_local! {
    static AT_END: AtEnd = const { AtEnd };
}

#[test]
fn records_of_all_doors_come_in_order_even_from_a_thread_that_ends() {
    let (memory, lines) = onewriter::sink::memory();
    let log = onewriter::builder().sink(memory).install().unwrap();
    let thread = std::thread::spawn(|| {
        AT_END.with(|_| ());
        let _span = tracing::info_span!("request", id = 17).entered();
        onewriter::info!("own {} {:?}", 1, Rendered(1));
        log::info!(k = 2; "log {:?}", Rendered(2));
        onewriter::context::with([("task", 3)], || tracing::info!(n = 3, "tracing"));
    });
    thread.join().unwrap();
    log.complete(Duration::from_secs(10)).unwrap();
    let lines = lines.lines();
    let messages: Vec<&str> =
        lines.iter().filter_map(|line| line.split_once("doors: ").map(|(_, text)| text)).collect();
    assert_eq!(
        messages,
        [
            "own 1 r1 [request{id=17}]",
            "log r2 k=2 [request{id=17}]",
            "tracing n=3 task=3 [request{id=17}]",
            "own 4 r4",
            "log r5",
            "tracing r6 n=6",
        ]
    );
}
