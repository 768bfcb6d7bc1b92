//! The loggers, each set up as its own documentation says, with a thread and a target in its line
//! where its format has them.

#[cfg(feature = "peers")]
mod facade;
mod onewriter;
#[cfg(feature = "peers")]
mod own_macros;
mod tracing;

use crate::peer::{Nothing, Peer, Setup};
use serde_json::Value;

/// Something that can be done with any peer.
pub trait Measure {
    /// Does it.
    fn with<P: Peer>(self, setup: &Setup) -> Value;
}

/// Finds the peer by its name and measures it; `None` for a name that is not compiled in.
pub fn measure(name: &str, setup: &Setup, measure: impl Measure) -> Option<Value> {
    Some(match name {
        "nothing" => measure.with::<Nothing>(setup),
        "tracing-subscriber" => measure.with::<tracing::Synchronous>(setup),
        #[cfg(feature = "peers")]
        "tracing-appender" => measure.with::<tracing::Appender>(setup),
        #[cfg(feature = "peers")]
        "env_logger" => measure.with::<facade::Env>(setup),
        #[cfg(feature = "peers")]
        "flexi_logger" => measure.with::<facade::Flexi>(setup),
        #[cfg(feature = "peers")]
        "logforth" => measure.with::<facade::Logforth>(setup),
        #[cfg(feature = "peers")]
        "ftlog" => measure.with::<facade::Ftlog>(setup),
        #[cfg(feature = "peers")]
        "fast_log" => measure.with::<facade::FastLog>(setup),
        #[cfg(feature = "peers")]
        "slog-async" => measure.with::<own_macros::SlogAsync>(setup),
        #[cfg(feature = "peers")]
        "spdlog-rs" => measure.with::<own_macros::Spdlog>(setup),
        #[cfg(feature = "peers")]
        "emit_file" => measure.with::<own_macros::EmitFile>(setup),
        #[cfg(feature = "peers")]
        "low_latency_log" => measure.with::<own_macros::LowLatencyLog>(setup),
        #[cfg(feature = "peers")]
        "quicklog" => measure.with::<own_macros::Quicklog>(setup),
        _ => return onewriter::measure(name, setup, measure),
    })
}

/// The two calls, by whatever `info!` and `debug!` are in the module that uses this. The target is
/// given, so that no peer's lines are longer for the name of its module here.
macro_rules! calls {
    () => {
        #[inline(always)]
        fn line(&self, i: u64, j: u64, d: f64) {
            info!(target: "bench", "Logging int: {} int: {} double: {}", i, j, d);
        }

        #[inline(always)]
        fn below(&self, i: u64, j: u64, d: f64) {
            debug!(target: "bench", "Logging int: {} int: {} double: {}", i, j, d);
        }
    };
}
pub(crate) use calls;
