//! Files that are cut while they are mapped: their pages become zeros instead of the process's end.
//!
//! A load beyond the end of a mapped file raises SIGBUS. Whoever can write to a file can cut it, so
//! no check beforehand helps. One handler, installed with the first mapping, knows the ranges that
//! this crate has mapped: it puts zeros over the rest of the range, notes from which offset on, and
//! returns. Owners of a map ask it after they have read; see [`Range::cut`]. Any other fault belongs
//! to the handler that was there before.
//!
//! Everything that the handler touches is an atomic in static memory.

use std::cell::UnsafeCell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Mappings of a process at most: those of as many segments as a reader opens, and as many more.
const MAX_RANGES: usize = 8192;
/// A slot that somebody is filling; no mapping begins here.
const TAKEN: usize = 1;
/// Nothing is cut.
const WHOLE: usize = usize::MAX;

struct Slot {
    /// The first address; 0 for a free slot.
    start: AtomicUsize,
    end: AtomicUsize,
    /// The offset from which on zeros stand in the file's place.
    cut: AtomicUsize,
}

static SLOTS: [Slot; MAX_RANGES] = [const {
    Slot { start: AtomicUsize::new(0), end: AtomicUsize::new(0), cut: AtomicUsize::new(WHOLE) }
}; MAX_RANGES];
/// No slot from here on was ever used.
static USED: AtomicUsize = AtomicUsize::new(0);
/// What is told that the mapping which begins here was cut; a `fn(usize)`, 0 for none.
static LISTENER: AtomicUsize = AtomicUsize::new(0);

/// A range that the handler knows, until the value is dropped.
#[derive(Debug)]
pub(crate) struct Range(usize);

impl Range {
    /// Makes a mapping known.
    pub(crate) fn watch(start: usize, len: usize) -> io::Result<Range> {
        install();
        let free = SLOTS.iter().position(|slot| {
            let taken = slot.start.compare_exchange(0, TAKEN, Ordering::Acquire, Ordering::Relaxed);
            taken.is_ok()
        });
        let number = free.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        let slot = &SLOTS[number];
        slot.end.store(start + len, Ordering::Relaxed);
        slot.cut.store(WHOLE, Ordering::Relaxed);
        USED.fetch_max(number + 1, Ordering::Relaxed);
        slot.start.store(start, Ordering::Release);
        Ok(Range(number))
    }

    /// The offset from which on this process sees zeros, because the file was cut; `None` as long as
    /// nothing was read beyond its end.
    #[inline]
    pub(crate) fn cut(&self) -> Option<usize> {
        // The fault is taken by the thread that reads, before its load returns.
        match SLOTS[self.0].cut.load(Ordering::Relaxed) {
            WHOLE => None,
            offset => Some(offset),
        }
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        SLOTS[self.0].start.store(0, Ordering::Release);
    }
}

/// Has `listener` called by the handler, on the thread that met the cut, with the address at which
/// the mapping begins. It may use atomics and nothing else.
pub(crate) fn listen(listener: fn(usize)) {
    LISTENER.store(listener as usize, Ordering::Release);
}

/// The range that holds an address, as a slot and its first and last address.
fn find(address: usize) -> Option<(&'static Slot, usize, usize)> {
    SLOTS.iter().take(USED.load(Ordering::Relaxed)).find_map(|slot| {
        let start = slot.start.load(Ordering::Acquire);
        let end = slot.end.load(Ordering::Acquire);
        // The same start again: no other range has taken the slot between the two loads.
        let is_one = start > TAKEN && start == slot.start.load(Ordering::Acquire);
        (is_one && (start..end).contains(&address)).then_some((slot, start, end))
    })
}

fn page_size() -> usize {
    // SAFETY: asks for a number; async-signal-safe on Linux.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

/// Puts zeros over a part of a range that begins with a page, for ever; false if the system refuses. The
/// handler goes on to know the range: another thread may have met its end just before.
pub(crate) fn cover(from: usize, len: usize) -> bool {
    // SAFETY: the range was mapped by `Map::shared`, whose owner is at work with it on this thread and
    // so keeps it mapped. Zeros are words like any others, and nothing in a mapping is believed.
    let made = unsafe {
        libc::mmap(
            ptr::with_exposed_provenance_mut(from),
            len.next_multiple_of(page_size()),
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    made != libc::MAP_FAILED
}

/// Puts zeros from the page of the address to the end of its range; false if it is none of ours.
fn mend(address: usize) -> bool {
    let Some((slot, start, end)) = find(address) else { return false };
    let from = address - address % page_size();
    // Pages beyond the end of the file are all alike: one call for the rest of the range, so that a
    // cut of a gigabyte is one fault and not a quarter of a million.
    if !cover(from, end - from) {
        return false;
    }
    slot.cut.fetch_min(from - start, Ordering::Relaxed);
    let listener = LISTENER.load(Ordering::Acquire);
    if listener != 0 {
        // SAFETY: only `listen` stores here, and it stores a `fn(usize)`.
        unsafe { std::mem::transmute::<usize, fn(usize)>(listener)(start) };
    }
    true
}

/// The action that was there before ours.
struct Previous(UnsafeCell<MaybeUninit<libc::sigaction>>);

// SAFETY: written once, before the handler that reads it is installed.
unsafe impl Sync for Previous {}

static PREVIOUS: Previous = Previous(UnsafeCell::new(MaybeUninit::zeroed()));
static INSTALLED: AtomicBool = AtomicBool::new(false);

fn install() {
    if INSTALLED.load(Ordering::Relaxed) || INSTALLED.swap(true, Ordering::Relaxed) {
        return;
    }
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = handle;
    // SAFETY: `swap` lets one thread in here. The old action is stored before the handler that uses
    // it can run, all zeros are a valid `sigaction`, and the handler lives as long as the program.
    unsafe {
        let before = PREVIOUS.0.get().cast::<libc::sigaction>();
        if libc::sigaction(libc::SIGBUS, ptr::null(), before) != 0 {
            return;
        }
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        // What the handler before ours had blocked while it ran is blocked while we call it.
        action.sa_mask = (*before).sa_mask;
        // On the alternate stack where there is one: Rust's own handler looks for an overflow of
        // the usual one.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigaction(libc::SIGBUS, &raw const action, ptr::null_mut());
    }
}

extern "C" fn handle(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel hands over a valid siginfo, which has an address if the code is positive:
    // then the kernel has raised the signal and nobody has sent it. `errno` is this thread's.
    unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let is_fault = (*info).si_code > 0;
        if !(is_fault && mend((*info).si_addr().addr())) {
            hand_on(is_fault, signal, info, context);
        }
        *errno = before;
    }
}

/// Does what would have been done without us.
///
/// # Safety
/// Only in the handler, with its arguments.
unsafe fn hand_on(
    is_fault: bool,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: stored before the handler was installed; what it names was a handler of the form that
    // its flags say, and is called as the kernel would have called it.
    unsafe {
        let before = (*PREVIOUS.0.get()).assume_init_ref();
        match before.sa_sigaction {
            libc::SIG_IGN if !is_fault => {}
            libc::SIG_DFL | libc::SIG_IGN => end_by(signal, is_fault),
            handler => {
                if before.sa_flags & libc::SA_RESETHAND != 0 {
                    set_default(signal);
                }
                if before.sa_flags & libc::SA_SIGINFO != 0 {
                    std::mem::transmute::<
                        usize,
                        extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void),
                    >(handler)(signal, info, context);
                } else {
                    std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(handler)(signal);
                }
            }
        }
    }
}

/// Lets the signal end the process, as it does by default.
fn end_by(signal: libc::c_int, is_fault: bool) {
    set_default(signal);
    if !is_fault {
        // A fault comes again by itself, with its address. What was sent is sent again, and comes
        // when the handler returns.
        // SAFETY: no memory is involved.
        unsafe { libc::raise(signal) };
    }
}

fn set_default(signal: libc::c_int) {
    // SAFETY: all zeros are a valid `sigaction`: the default action.
    unsafe {
        let action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}
