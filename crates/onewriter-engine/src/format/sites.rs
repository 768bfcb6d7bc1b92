//! What a formatter has prepared for each call site.

use onewriter_record::Site;
use std::sync::Arc;

/// Call sites with the same last bits of their number share a slot; the newest has it.
const SLOTS: usize = 4_096;

/// A bounded cache by call site, for formatters. A clone starts empty.
///
/// ```
/// use onewriter_engine::{format::Sites, testing::Sample};
/// let mut targets = Sites::new();
/// let sample = Sample::new("hello");
/// let shown = targets.get(sample.record().site, |site| site.target.to_uppercase());
/// assert_eq!(*shown, sample.record().target().to_uppercase());
/// ```
#[derive(Debug)]
pub struct Sites<T> {
    slots: Vec<Option<Slot<T>>>,
}

#[derive(Debug)]
struct Slot<T> {
    /// Kept alive, so that its address means no other site.
    site: Arc<Site>,
    made: T,
}

impl<T> Sites<T> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Sites<T> {
        Sites { slots: Vec::new() }
    }

    /// What was made for this site, making it if need be.
    #[inline]
    pub fn get(&mut self, site: &Arc<Site>, make: impl FnOnce(&Site) -> T) -> &T {
        let index = site.number % SLOTS;
        let known = self.slots.get(index).and_then(Option::as_ref);
        if !known.is_some_and(|slot| Arc::ptr_eq(&slot.site, site)) {
            self.fill(index, Slot { site: Arc::clone(site), made: make(site) });
        }
        match &self.slots[index] {
            Some(slot) => &slot.made,
            None => unreachable!("the slot was found or filled above"),
        }
    }

    #[cold]
    fn fill(&mut self, index: usize, slot: Slot<T>) {
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(slot);
    }
}

impl<T> Default for Sites<T> {
    fn default() -> Sites<T> {
        Sites::new()
    }
}

impl<T> Clone for Sites<T> {
    fn clone(&self) -> Sites<T> {
        Sites::new()
    }
}
