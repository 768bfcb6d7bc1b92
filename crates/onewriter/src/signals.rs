//! Signals that drain or reopen.

use crate::install::{Handle, end_at_exit};
use onewriter_engine::{Error, ErrorKind};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Starts the thread that waits for signals: `drain` for SIGTERM and SIGINT, `reopen` for SIGHUP.
pub(crate) fn watch(handle: Handle, drain: bool, reopen: bool) -> Result<(), Error> {
    let ending = [SIGTERM, SIGINT];
    let wanted = ending.iter().filter(|_| drain).chain([SIGHUP].iter().filter(|_| reopen));
    let fail =
        |err: std::io::Error| Error::new(ErrorKind::Io, format!("cannot watch for signals: {err}"));
    let mut signals = Signals::new(wanted.copied()).map_err(fail)?;
    let run = move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                // After a shutdown there is nothing to open.
                let _ = handle.reopen();
                continue;
            }
            // As at an exit: what is drained is not left in shared memory.
            end_at_exit();
            // Ends the process as the signal would have.
            let _ = emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new()
        .name("onewriter-signals".to_owned())
        .spawn(run)
        .map(|_| ())
        .map_err(fail)
}
