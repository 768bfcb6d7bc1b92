//! `fork` while other threads log.
//!
//! The child has only the thread that forked. A lock that another thread held at that moment would
//! stay held for ever, so that the child's first record of a new call site would hang: therefore the
//! thread that forks takes all locks of this crate first.
//!
//! The child puts into its parent's queues, and its first put into one makes it stand by for the lead
//! of that queue: when the parent ends, as a daemon's does, the child writes.

use crate::callsite::{Registry, registry};
use crate::dynamic::{Places, places};
#[cfg(feature = "embedded")]
use crate::install::{Installed, handle, installed};
#[cfg(feature = "embedded")]
use crate::logger;
#[cfg(feature = "tracing")]
use crate::tracing::{AllKnown, all_known};
use onewriter_ring::ForkHooks;
use std::cell::RefCell;
use std::sync::MutexGuard;

/// All locks, in the order in which they are taken where several are.
struct Held {
    #[cfg(feature = "embedded")]
    _logger: Option<logger::Held>,
    _registry: MutexGuard<'static, Registry>,
    #[cfg(feature = "tracing")]
    _known: MutexGuard<'static, Option<AllKnown>>,
    _places: MutexGuard<'static, Option<Places>>,
    #[cfg(feature = "embedded")]
    installed: MutexGuard<'static, Option<Installed>>,
}

thread_local! {
    static HELD: RefCell<Option<Held>> = const { RefCell::new(None) };
}

/// Makes children that are forked from now on find no lock held. Called before each lock.
pub(crate) fn survive() {
    static HOOKS: ForkHooks = ForkHooks { before: hold, after: let_go };
    onewriter_ring::around_fork(&HOOKS);
}

fn hold() {
    // The hooks may be registered twice; a thread that forks in its last destructors takes the risk.
    if HELD.try_with(|held| held.borrow().is_some()).unwrap_or(false) {
        return;
    }
    #[cfg(feature = "embedded")]
    let installed = installed();
    let places = places();
    #[cfg(feature = "tracing")]
    let known = all_known();
    let registry = registry();
    #[cfg(feature = "embedded")]
    let logger = installed.as_ref().map(|installed| installed.logger().hold());
    let held = Held {
        #[cfg(feature = "embedded")]
        _logger: logger,
        _registry: registry,
        #[cfg(feature = "tracing")]
        _known: known,
        _places: places,
        #[cfg(feature = "embedded")]
        installed,
    };
    let _ = HELD.try_with(|slot| slot.replace(Some(held)));
}

fn let_go() {
    let held = HELD.try_with(RefCell::take).ok().flatten();
    #[cfg(feature = "embedded")]
    if held.as_ref().and_then(|held| held.installed.as_ref()).is_some_and(Installed::is_forked) {
        crate::signals::let_go();
    }
    drop(held);
}

/// Stands by for the queue in this slot, in a forked child. It is called within a put: what may wait
/// is left to a thread of its own.
#[cfg(feature = "embedded")]
pub(crate) fn stand_by(slot: usize) {
    let thread = std::thread::Builder::new().name("onewriter-heir".to_owned());
    let inherit = move || {
        if let Ok(handle) = handle() {
            handle.logger().inherit(slot);
        }
    };
    // Without threads the child only puts, and others write.
    let _ = thread.spawn(inherit);
}
