//! The logging macros.

/// What the macros' expansion names. Not for direct use.
#[doc(hidden)]
pub mod __private {
    pub use crate::callsite::{CallSite, LeveledSite};
    pub use crate::capture::*;
    pub use crate::limit::{LimitState, admit};
    pub use crate::put::{put, put_limited, try_put, try_put_limited};
    pub use core::option::Option::{None, Some};
    pub use core::result::Result::Ok;
    pub use core::{file, format_args, line, module_path};
    pub use onewriter_macros::record;
    pub use onewriter_record::{Encode, SiteDef};
}

/// Puts a record of level TRACE: the finest detail. The grammar is that of [`info!`](crate::info!).
///
/// ```
/// onewriter::trace!("entering {}", "parse");
/// ```
#[macro_export]
macro_rules! trace {
    ($($arg:tt)*) => { $crate::__private::record!($crate; trace; $($arg)*) };
}

/// Puts a record of level DEBUG: for the developer. The grammar is that of [`info!`](crate::info!).
///
/// ```
/// onewriter::debug!("cache", hits = 17, misses = 2);
/// ```
#[macro_export]
macro_rules! debug {
    ($($arg:tt)*) => { $crate::__private::record!($crate; debug; $($arg)*) };
}

/// Puts a record of level INFO: the normal course of events.
///
/// ```text
/// info!( [target: T,] [limit: L,] ["format string", args...] [key = value, ...] )
/// ```
///
/// The format string and its arguments are those of [`format!`], checked by the compiler.
/// Arguments are borrowed, evaluated once, and only if the record is wanted. Numbers, strings,
/// durations and lists of these travel to the writer as they are and are formatted there; the
/// `Debug` and `Display` of other types run here.
///
/// A `key = value` that the format string names is an argument of the message; every other is a
/// field: `info!("order {n}", n = n)` has no field `n`, `info!("order {}", n, n = n)` has one. A field
/// is a value that can travel ([`Encode`](crate::Encode)), an error (with its
/// sources), or `key = ?value` and `key = %value` for the `Debug` and `Display` of anything.
/// A key is a name, a dotted name or a string literal.
///
/// `target:` is a constant; without it the module path is the target. `limit:` is a
/// [`Limit`](crate::Limit).
///
/// ```
/// use onewriter::{Limit, info};
///
/// let (path, ms) = ("/shop", 1.25);
/// info!("started");
/// info!("served {path} in {ms:.1} ms", status = 200, http.method = "GET");
/// info!("{:>8} of {total:#x}", 7, total = 255);
/// info!(user = "ann", address = ?([127, 0, 0, 1], 80));
/// info!(target: "audit", limit: Limit::once(), "first order from {path}");
/// ```
///
/// A mistake in the format string is an error at its place:
///
/// ```compile_fail
/// onewriter::info!("{} {}", 1);
/// ```
///
/// A type that cannot travel needs a `?` or `%` as a field:
///
/// ```compile_fail
/// struct Order;
/// onewriter::info!("placed", order = Order);
/// ```
#[macro_export]
macro_rules! info {
    ($($arg:tt)*) => { $crate::__private::record!($crate; info; $($arg)*) };
}

/// Puts a record of level WARN: something to look at. The grammar is that of [`info!`](crate::info!).
///
/// ```
/// onewriter::warn!("{} % of the disk is used", 93);
/// ```
#[macro_export]
macro_rules! warn {
    ($($arg:tt)*) => { $crate::__private::record!($crate; warn; $($arg)*) };
}

/// Puts a record of level ERROR: something failed. The grammar is that of [`info!`](crate::info!).
///
/// ```
/// if let Err(error) = std::fs::read("/no/such/file") {
///     onewriter::error!("cannot read the price list", error = error);
/// }
/// ```
#[macro_export]
macro_rules! error {
    ($($arg:tt)*) => { $crate::__private::record!($crate; error; $($arg)*) };
}

/// Puts a record of any level: `log!(level, ...)`, otherwise as [`info!`](crate::info!).
///
/// ```
/// use onewriter::{Level, log};
///
/// const NOTICE: Level = Level::new(25);
/// log!(NOTICE, "the price list has changed", lines = 12);
/// let level = if std::env::args().count() > 1 { Level::Info } else { Level::Debug };
/// log!(level, "started");
/// ```
#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::__private::record!($crate; log; $($arg)*) };
}

/// [`trace!`](crate::trace!) with an answer: see [`try_info!`](crate::try_info!).
#[macro_export]
macro_rules! try_trace {
    ($($arg:tt)*) => { $crate::__private::record!($crate; try_trace; $($arg)*) };
}

/// [`debug!`](crate::debug!) with an answer: see [`try_info!`](crate::try_info!).
#[macro_export]
macro_rules! try_debug {
    ($($arg:tt)*) => { $crate::__private::record!($crate; try_debug; $($arg)*) };
}

/// [`info!`](crate::info!) with an answer: `Ok(())`, or the [`PutError`](crate::PutError) that says
/// why the record was not accepted.
///
/// A record that the filter or a limit does not want is no error.
///
/// ```
/// if let Err(reason) = onewriter::try_info!("order {} placed", 7) {
///     eprintln!("not logged: {reason:?}");
/// }
/// ```
#[macro_export]
macro_rules! try_info {
    ($($arg:tt)*) => { $crate::__private::record!($crate; try_info; $($arg)*) };
}

/// [`warn!`](crate::warn!) with an answer: see [`try_info!`](crate::try_info!).
#[macro_export]
macro_rules! try_warn {
    ($($arg:tt)*) => { $crate::__private::record!($crate; try_warn; $($arg)*) };
}

/// [`error!`](crate::error!) with an answer: see [`try_info!`](crate::try_info!).
#[macro_export]
macro_rules! try_error {
    ($($arg:tt)*) => { $crate::__private::record!($crate; try_error; $($arg)*) };
}

/// [`log!`](crate::log!) with an answer: see [`try_info!`](crate::try_info!).
#[macro_export]
macro_rules! try_log {
    ($($arg:tt)*) => { $crate::__private::record!($crate; try_log; $($arg)*) };
}

#[cfg(all(doctest, feature = "embedded", feature = "log"))]
mod guide {
    /// In a crate of an older edition, temporaries of a call end with the call too.
    ///
    /// ```edition2021
    /// fn tail() {
    ///     let text = std::cell::RefCell::new(1);
    ///     onewriter::info!("{}", text.borrow())
    /// }
    /// fn try_tail() -> Result<(), onewriter::PutError> {
    ///     let text = std::cell::RefCell::new(1);
    ///     onewriter::try_info!("{text:?} {}", text.borrow())
    /// }
    /// let log = onewriter::builder().sink(onewriter::sink::memory().0).install()?;
    /// tail();
    /// try_tail()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    mod edition {}
}
