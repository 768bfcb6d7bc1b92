//! Word memory: the only way in which this crate touches memory that others can write.
//!
//! No Rust reference to plain data ever points into a shared mapping. A ring is driven through
//! [`Words`], so that loom, shuttle and Miri drive the same protocol on heap memory.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory made of 64-bit words that several threads or processes read and write atomically.
pub trait Words {
    /// Reads word `at`.
    fn load(&self, at: usize, order: Ordering) -> u64;
    /// Writes word `at`.
    fn store(&self, at: usize, word: u64, order: Ordering);
}

/// Words in a mapping.
///
/// All zero bits are a valid value that has no words: the state that `fork` leaves behind.
#[derive(Clone, Copy, Debug)]
pub struct MapWords<'a> {
    base: *const AtomicU64,
    len: usize,
    life: PhantomData<&'a AtomicU64>,
}

// SAFETY: the words are atomics; a shared pointer to atomics may be used from any thread.
unsafe impl Send for MapWords<'_> {}
// SAFETY: as above.
unsafe impl Sync for MapWords<'_> {}

impl<'a> MapWords<'a> {
    /// No words at all.
    pub(crate) const NONE: MapWords<'static> =
        MapWords { base: std::ptr::null(), len: 0, life: PhantomData };

    /// The `len` words at `base`.
    ///
    /// # Safety
    /// `base` is aligned to eight bytes and the words are mapped, readable and writable, for as
    /// long as the value or a copy of it is used. Everybody else accesses them atomically, as words.
    pub(crate) const unsafe fn new(base: *const u64, len: usize) -> Self {
        MapWords { base: base.cast(), len, life: PhantomData }
    }

    /// How many words there are.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// A part of these words.
    pub(crate) fn part(&self, start: usize, len: usize) -> Self {
        assert!(start <= self.len && len <= self.len - start, "a part within the mapping");
        // SAFETY: checked: start + len words lie inside, so the pointer stays inside the mapping.
        MapWords { base: unsafe { self.base.add(start) }, len, life: PhantomData }
    }

    /// Word `at` itself, for a futex.
    pub(crate) fn word(&self, at: usize) -> &'a AtomicU64 {
        assert!(at < self.len, "a word within the mapping");
        // SAFETY: inside the mapping, aligned, and an atomic: others may change it at any time.
        unsafe { &*self.base.add(at) }
    }

    /// The low half of word `at`, for a futex.
    pub(crate) fn low_half(&self, at: usize) -> *const u32 {
        let word: *const AtomicU64 = self.word(at);
        // On a big-endian machine the low half is the second one.
        word.cast::<u32>().wrapping_add(if cfg!(target_endian = "big") { 1 } else { 0 })
    }
}

impl Words for MapWords<'_> {
    #[inline(always)]
    fn load(&self, at: usize, order: Ordering) -> u64 {
        debug_assert!(at < self.len);
        // SAFETY: `at < len`: callers mask data positions by the capacity, which is `len` words,
        // and control words are constants below the length of the control block.
        unsafe { &*self.base.add(at) }.load(order)
    }

    #[inline(always)]
    fn store(&self, at: usize, word: u64, order: Ordering) {
        debug_assert!(at < self.len);
        // SAFETY: as in `load`.
        unsafe { &*self.base.add(at) }.store(word, order);
    }
}

/// Words on the heap, for tests and tools: the same protocol without a mapping.
#[derive(Debug)]
pub struct HeapWords(Box<[AtomicU64]>);

impl HeapWords {
    /// `len` words of zero.
    #[must_use]
    pub fn zeroed(len: usize) -> HeapWords {
        HeapWords((0..len).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Words for HeapWords {
    fn load(&self, at: usize, order: Ordering) -> u64 {
        self.0[at].load(order)
    }

    fn store(&self, at: usize, word: u64, order: Ordering) {
        self.0[at].store(word, order);
    }
}

impl<W: Words + ?Sized> Words for &W {
    #[inline(always)]
    fn load(&self, at: usize, order: Ordering) -> u64 {
        (**self).load(at, order)
    }

    #[inline(always)]
    fn store(&self, at: usize, word: u64, order: Ordering) {
        (**self).store(at, word, order);
    }
}

impl<W: Words + ?Sized> Words for std::sync::Arc<W> {
    fn load(&self, at: usize, order: Ordering) -> u64 {
        (**self).load(at, order)
    }

    fn store(&self, at: usize, word: u64, order: Ordering) {
        (**self).store(at, word, order);
    }
}
