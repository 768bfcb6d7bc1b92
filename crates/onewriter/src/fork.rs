//! `fork` while other threads log.
//!
//! The child has only the thread that forked. A lock that another thread held at that moment would
//! stay held for ever, so that the child's first record of a new call site would hang: therefore the
//! thread that forks takes all locks of this crate first.

use crate::callsite::{Registry, registry};
use crate::dynamic::{Places, places};
use crate::install::{Installed, installed};
#[cfg(feature = "tracing")]
use crate::tracing::{AllKnown, all_known};
use onewriter_engine::Hold;
use std::cell::RefCell;
use std::sync::MutexGuard;

/// All locks, in the order in which they are taken where several are.
struct Held {
    _writer: Option<Hold>,
    _registry: MutexGuard<'static, Registry>,
    #[cfg(feature = "tracing")]
    _known: MutexGuard<'static, Option<AllKnown>>,
    _places: MutexGuard<'static, Option<Places>>,
    installed: MutexGuard<'static, Option<Installed>>,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Makes children that are forked from now on find no lock held.
pub(crate) fn survive() {
    onewriter_ring::around_fork(hold, let_go);
}

fn hold() {
    let installed = installed();
    let places = places();
    #[cfg(feature = "tracing")]
    let known = all_known();
    let registry = registry();
    let writer = installed.as_ref().map(|installed| installed.writer().hold());
    let held = Held {
        _writer: writer,
        _registry: registry,
        #[cfg(feature = "tracing")]
        _known: known,
        _places: places,
        installed,
    };
    // A thread that forks in its last destructors takes the risk.
    let _ = HELD.try_with(|slot| slot.replace(Some(held)));
}

fn let_go() {
    let held = HELD.try_with(RefCell::take).ok().flatten();
    let is_child =
        held.as_ref().and_then(|held| held.installed.as_ref()).is_some_and(Installed::is_forked);
    if is_child {
        crate::signals::let_go();
    }
}
