//! Signals that drain or reopen.

use crate::install::{Handle, end_at_exit};
use onewriter_engine::{Error, ErrorKind};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag::register_conditional_default;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use std::sync::atomic::{AtomicBool, Ordering};

/// This process was forked: the thread that waits for signals is its parent's.
static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// From now on the signals do what they do by default; for a forked child.
pub(crate) fn let_go() {
    IS_CHILD.store(true, Ordering::SeqCst);
}

/// Starts the thread that waits for signals: `drain` for SIGTERM and SIGINT, `reopen` for SIGHUP.
pub(crate) fn watch(handle: Handle, drain: bool, reopen: bool) -> Result<(), Error> {
    let ending = [SIGTERM, SIGINT];
    let wanted = ending.iter().filter(|_| drain).chain([SIGHUP].iter().filter(|_| reopen));
    let fail =
        |err: std::io::Error| Error::new(ErrorKind::Io, format!("cannot watch for signals: {err}"));
    let mut signals = Signals::new(wanted.clone().copied()).map_err(fail)?;
    // A child may install a logger of its own, with a thread of its own.
    IS_CHILD.store(false, Ordering::SeqCst);
    for signal in wanted {
        register_conditional_default(*signal, &IS_CHILD).map_err(fail)?;
    }
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
