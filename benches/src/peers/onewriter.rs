//! onewriter through each of its doors, and with each of its overflow policies.

use super::{Measure, calls};
use crate::peer::{Peer, Setup};
use onewriter::{Guard, JsonFormat, Level, Order, Overflow, Rotation, sink};
use serde_json::Value;
use std::cell::Cell;
use std::time::Duration;

/// Longer than any stall here: a run that must lose nothing waits instead.
const PATIENT: Duration = Duration::from_secs(30);

/// Measures one of our rows; `None` for a name that is none.
pub fn measure(name: &str, setup: &Setup, measure: impl Measure) -> Option<Value> {
    if name != "onewriter" {
        return None;
    }
    Some(match setup.variant.as_str() {
        "strict" | "relaxed" | "json" | "block" | "drop" | "signals" => {
            measure.with::<own::Door>(setup)
        }
        "fail" => measure.with::<Fallible>(setup),
        "log" => measure.with::<through_log::Door>(setup),
        "tracing" => measure.with::<through_tracing::Door>(setup),
        _ => return None,
    })
}

fn install(setup: &Setup) -> Guard {
    let file = sink::file(setup.file());
    let file = match setup.is("json") {
        true => file.format(JsonFormat::new().with_process(false)),
        false => file.text(),
    };
    let file = match setup.rotation {
        Some(bytes) => file.rotation(Rotation::size(bytes)),
        None => file,
    };
    let order = if setup.is("relaxed") { Order::Relaxed } else { Order::Strict };
    let overflow = match setup.variant.as_str() {
        "block" => Overflow::default(),
        "drop" => Overflow::drop_newest(),
        _ => Overflow::block(PATIENT),
    };
    let mut builder = onewriter::builder().sink(file).level(Level::Info);
    if setup.is("signals") {
        builder = builder.drain_on_signals();
    }
    builder.order(order).overflow(overflow).install().expect("nothing else is installed")
}

/// Drains, ends, and says what was not accepted.
fn end(guard: Guard) -> Option<u64> {
    let _ = guard.complete(PATIENT);
    let lost = guard.stats().lost;
    guard.shutdown(PATIENT).expect("the file takes everything");
    Some(lost)
}

/// One door: whatever `info!` and `debug!` its module brings in.
macro_rules! door {
    ($(#[$doc:meta])* $name:ident, $macros:path) => {
        $(#[$doc])*
        mod $name {
            use super::*;
            use $macros as source;
            use source::{debug, info};

            pub struct Door(Guard);

            impl Peer for Door {
                fn start(setup: &Setup) -> Door {
                    Door(install(setup))
                }

                calls!();

                fn finish(self) -> Option<u64> {
                    end(self.0)
                }
            }
        }
    };
}

door!(/** The own macros. */ own, ::onewriter);
door!(/** The `log` facade. */ through_log, ::log);
door!(/** `tracing` events. */ through_tracing, ::tracing);

thread_local! {
    static REFUSED: Cell<u64> = const { Cell::new(0) };
}

/// The forms that fail to the caller, who counts.
struct Fallible(Guard);

impl Peer for Fallible {
    const THREADS: bool = false;

    fn start(setup: &Setup) -> Fallible {
        Fallible(install(setup))
    }

    #[inline(always)]
    fn line(&self, i: u64, j: u64, d: f64) {
        let put =
            onewriter::try_info!(target: "bench", "Logging int: {} int: {} double: {}", i, j, d);
        if put.is_err() {
            REFUSED.set(REFUSED.get() + 1);
        }
    }

    fn below(&self, _: u64, _: u64, _: f64) {}

    fn finish(self) -> Option<u64> {
        end(self.0);
        Some(REFUSED.get())
    }
}
