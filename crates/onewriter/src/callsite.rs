//! Call sites: their level test, and the filter that decides it.
//!
//! Each call site holds the filter's answer in a byte of its own, a bit for each queue that wants its
//! records, so that a call below the level costs one relaxed load. When the filter changes, [`set_interest`] writes the bytes of all call
//! sites that have been reached so far.

use crate::put;
use onewriter_record::{Level, SiteDef};
use std::cell::Cell;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

const NEVER: u8 = 0;
const UNREGISTERED: u8 = 0x80;

/// The queues that want something: a bit for each slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Queues(u8);

/// Bit 7 says that nobody was asked yet.
pub(crate) const MAX_QUEUES: usize = 7;
const _: () = assert!(MAX_QUEUES <= onewriter_ring::MAX_QUEUES);

impl Queues {
    pub(crate) const NONE: Queues = Queues(NEVER);

    /// The queues whose slots stand in `slots`.
    #[cfg(feature = "embedded")]
    pub(crate) fn of(slots: impl Iterator<Item = usize>) -> Queues {
        Queues(slots.fold(NEVER, |queues, slot| queues | 1 << slot))
    }

    pub(crate) fn is_none(self) -> bool {
        self == Queues::NONE
    }

    /// The slot, if one queue wants it: as nearly always.
    #[inline(always)]
    pub(crate) fn only(self) -> Option<usize> {
        let is_one = self.0.is_power_of_two();
        is_one.then_some(self.0.trailing_zeros() as usize)
    }

    /// Calls `put` with each slot; the first failure, if there is one.
    pub(crate) fn each<E>(self, mut put: impl FnMut(usize) -> Result<(), E>) -> Result<(), E> {
        let (mut left, mut result) = (self.0, Ok(()));
        while left != 0 {
            let put = put(left.trailing_zeros() as usize);
            if result.is_ok() {
                result = put;
            }
            left &= left - 1;
        }
        result
    }
}

impl From<bool> for Queues {
    /// The first queue, or none.
    fn from(yes: bool) -> Queues {
        Queues(u8::from(yes))
    }
}

/// The static part of a call of a logging macro. What a put looks at stands first, in one cache line.
#[repr(C)]
pub struct CallSite {
    interest: AtomicU8,
    level: u8,
    /// The number in the ring's table of call sites; 0 until it is entered there.
    id: AtomicU32,
    def: SiteDef<'static>,
}

impl CallSite {
    /// A call site that nobody has reached.
    #[must_use]
    pub const fn new(def: SiteDef<'static>) -> CallSite {
        let level = match def.level {
            Some(level) => level,
            None => Level::Info,
        };
        CallSite {
            interest: AtomicU8::new(UNREGISTERED),
            level: level.number(),
            id: AtomicU32::new(0),
            def,
        }
    }

    /// Whether records of this call site are wanted by anyone.
    #[inline(always)]
    pub fn is_enabled(&'static self) -> bool {
        let interest = self.interest.load(Relaxed);
        interest != NEVER && (interest != UNREGISTERED || self.meet())
    }

    /// The queues that want its records; none before it was met.
    #[inline(always)]
    pub(crate) fn queues(&self) -> Queues {
        Queues(self.interest.load(Relaxed) & !UNREGISTERED)
    }

    /// Its level, for the overflow policy.
    #[inline(always)]
    pub(crate) fn level_number(&self) -> u8 {
        self.level
    }

    /// Its number in the ring's table.
    #[inline(always)]
    pub(crate) fn id(&self) -> u32 {
        self.id.load(Relaxed)
    }

    /// What it stands for.
    pub(crate) fn def(&self) -> &SiteDef<'static> {
        &self.def
    }

    fn level(&self) -> Level {
        Level::new(self.level)
    }

    /// The first call: asks the filter. Threads that come here together find the same answer.
    #[cold]
    #[inline(never)]
    fn meet(&'static self) -> bool {
        if ASKING.get() {
            // A filter function that logs must not be asked about its own logging for ever.
            return false;
        }
        let mut registry = registry();
        if !registry.sites.iter().any(|known| std::ptr::eq(*known, self)) {
            registry.sites.push(self);
        }
        let change = registry.change();
        drop(registry);
        change.apply(self)
    }

    /// Enters it in the ring's table if it is not there yet; 0 if that is not possible now.
    pub(crate) fn enter_table(&self) -> u32 {
        if self.id() == 0 {
            let mut bytes = Vec::new();
            self.def.encode(&mut bytes);
            self.id.store(put::register(&bytes).unwrap_or(0), Relaxed);
        }
        self.id()
    }
}

type Filter = Arc<dyn Fn(Level, &str) -> Queues + Send + Sync>;

/// The call sites that were reached, and the filter in force.
pub(crate) struct Registry {
    sites: Vec<&'static CallSite>,
    filter: Option<Filter>,
    generation: u64,
}

static REGISTRY: Mutex<Registry> =
    Mutex::new(Registry { sites: Vec::new(), filter: None, generation: 0 });

pub(crate) fn registry() -> MutexGuard<'static, Registry> {
    crate::fork::survive();
    // Nothing in here can be left half done by a panic.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A filter to be asked outside of the lock, because it is the user's code and may log.
struct Change {
    filter: Option<Filter>,
    generation: u64,
}

impl Registry {
    fn change(&self) -> Change {
        Change { filter: self.filter.clone(), generation: self.generation }
    }
}

thread_local! {
    /// Whether this thread is in a filter.
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

impl Change {
    fn ask(&self, level: Level, target: &str) -> Queues {
        let Some(filter) = &self.filter else { return Queues::NONE };
        let before = ASKING.replace(true);
        let wanted = filter(level, target);
        ASKING.set(before);
        wanted
    }

    /// Writes the filter's answer to the call site, unless a newer filter is in force by now.
    fn apply(mut self, site: &CallSite) -> bool {
        loop {
            let wanted = self.ask(site.level(), site.def.target);
            if !wanted.is_none() {
                site.enter_table();
            }
            let registry = registry();
            if registry.generation == self.generation {
                site.interest.store(wanted.0, Relaxed);
                return !wanted.is_none();
            }
            self = registry.change();
        }
    }
}

/// Makes `filter` decide, by level and target, into which queues call sites put records.
///
/// It is asked once for each call site, at its first call and again at each `set_interest`; before
/// the first `set_interest` nothing is put. It runs outside of all
/// locks; what it logs is put only if that call site was reached before.
pub(crate) fn set_interest<Q: Into<Queues>>(
    filter: impl Fn(Level, &str) -> Q + Send + Sync + 'static,
) {
    let filter = move |level: Level, target: &str| filter(level, target).into();
    let sites = {
        let mut registry = registry();
        registry.filter = Some(Arc::new(filter));
        registry.generation += 1;
        registry.sites.clone()
    };
    for site in sites {
        let change = registry().change();
        change.apply(site);
    }
    #[cfg(feature = "tracing")]
    tracing_core::callsite::rebuild_interest_cache();
}

/// Whether the filter in force admits this level and target.
#[cfg(any(feature = "log", feature = "tracing"))]
pub(crate) fn admits(level: Level, target: &str) -> bool {
    let change = registry().change();
    !change.ask(level, target).is_none()
}

/// A call site whose level is known only at the call: one call site for each level that occurs.
pub struct LeveledSite {
    def: SiteDef<'static>,
    standard: [OnceLock<&'static CallSite>; 5],
    custom: Mutex<Vec<&'static CallSite>>,
}

impl LeveledSite {
    /// The level of `def` is not used.
    #[must_use]
    pub const fn new(def: SiteDef<'static>) -> LeveledSite {
        LeveledSite {
            def,
            standard: [const { OnceLock::new() }; 5],
            custom: Mutex::new(Vec::new()),
        }
    }

    /// The call site of this level. At most 254 of them are made, and kept.
    #[inline]
    pub fn at(&self, level: Level) -> &'static CallSite {
        match Level::STANDARD.iter().position(|standard| *standard == level) {
            Some(at) => match self.standard[at].get() {
                Some(site) => site,
                None => self.standard_at(at, level),
            },
            None => self.custom_at(level),
        }
    }

    #[cold]
    fn standard_at(&self, at: usize, level: Level) -> &'static CallSite {
        // Under a lock that a thread that forks takes: a child never finds the other one taken.
        let _registry = registry();
        self.standard[at].get_or_init(|| self.make(level))
    }

    fn custom_at(&self, level: Level) -> &'static CallSite {
        let _registry = registry();
        let mut known = self.custom.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(site) = known.iter().find(|site| site.level() == level) {
            return site;
        }
        let site = self.make(level);
        known.push(site);
        site
    }

    fn make(&self, level: Level) -> &'static CallSite {
        Box::leak(Box::new(CallSite::new(SiteDef { level: Some(level), ..self.def })))
    }
}
