//! The clock of a queue: one domain for all its processes, ordered reads.
//!
//! A record's timestamp decides its place, so the read must not drift before what came earlier in
//! the program. Where the kernel itself trusts the processor's time-stamp counter, `rdtscp` waits
//! for all earlier instructions and costs 18 ns; elsewhere `clock_gettime(CLOCK_MONOTONIC)` does
//! the same in 23 ns. A bare `rdtsc` costs 10 ns and may run early: 0.05 % of hand-offs between
//! threads were inverted by it, by up to 120 ns.

use crate::os;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A span of time as it is kept in a word.
pub(crate) fn nanos(span: Duration) -> u64 {
    span.as_nanos().min(u128::from(u64::MAX)) as u64
}

/// What the timestamps of a queue count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockKind {
    /// Nanoseconds of `CLOCK_MONOTONIC`.
    Monotonic,
    /// Ticks of the processor's time-stamp counter.
    Tsc,
}

/// How exactly records of different threads are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// If one put returned before another began, it is written first. The default.
    #[default]
    Strict,
    /// Two puts of different threads that lie closer than about 0.3 us may be written in the wrong
    /// order; a put costs about 9 ns less where the time-stamp counter is used.
    Relaxed,
}

const MONOTONIC: u8 = 0;
const TSC_STRICT: u8 = 1;
const TSC_RELAXED: u8 = 2;

static MODE: AtomicU8 = AtomicU8::new(MONOTONIC);

/// The best clock of this machine.
pub(crate) fn best_kind() -> ClockKind {
    if tsc_is_trusted() { ClockKind::Tsc } else { ClockKind::Monotonic }
}

fn tsc_is_trusted() -> bool {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    cfg!(target_arch = "x86_64")
        && std::fs::read_to_string(path).is_ok_and(|name| name.trim() == "tsc")
}

/// Sets the clock of this process.
pub(crate) fn set(kind: ClockKind, order: Order) {
    let mode = match (kind, order) {
        (ClockKind::Monotonic, _) => MONOTONIC,
        (ClockKind::Tsc, Order::Strict) => TSC_STRICT,
        (ClockKind::Tsc, Order::Relaxed) => TSC_RELAXED,
    };
    MODE.store(mode, Ordering::Relaxed);
}

/// Reads the clock of this kind from now on, in a process that reads a queue and never joined one.
pub(crate) fn follow(kind: ClockKind) {
    if kind == ClockKind::Tsc {
        let mode = (MONOTONIC, TSC_STRICT);
        let _ = MODE.compare_exchange(mode.0, mode.1, Ordering::Relaxed, Ordering::Relaxed);
    }
}

/// The timestamp of a put.
#[inline(always)]
pub(crate) fn stamp() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        let mode = MODE.load(Ordering::Relaxed);
        if mode == TSC_STRICT {
            return rdtscp();
        }
        if mode == TSC_RELAXED {
            return rdtsc();
        }
    }
    monotonic()
}

#[cold]
#[inline(never)]
fn monotonic() -> u64 {
    os::monotonic()
}

/// The time now, read after everything before it and before everything after it.
#[must_use]
pub fn now() -> u64 {
    let is_tsc = MODE.load(Ordering::Relaxed) != MONOTONIC;
    read(if is_tsc { ClockKind::Tsc } else { ClockKind::Monotonic })
}

/// The same by the clock of this kind, whatever this process's own is.
pub(crate) fn read(kind: ClockKind) -> u64 {
    match kind {
        #[cfg(target_arch = "x86_64")]
        ClockKind::Tsc => {
            fence();
            let now = rdtsc();
            fence();
            now
        }
        _ => {
            std::sync::atomic::fence(Ordering::SeqCst);
            let now = os::monotonic();
            std::sync::atomic::fence(Ordering::SeqCst);
            now
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rdtscp() -> u64 {
    let mut cpu = 0;
    // SAFETY: the instruction exists wherever the kernel uses the counter as its clock source, and
    // it writes to `cpu` only.
    unsafe { std::arch::x86_64::__rdtscp(&raw mut cpu) }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn rdtsc() -> u64 {
    // SAFETY: reads a register.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(target_arch = "x86_64")]
fn fence() {
    // SAFETY: waits for earlier loads; SSE2 is part of x86-64.
    unsafe { std::arch::x86_64::_mm_lfence() }
}

/// A timestamp and the wall time at the same moment: the closest of a few readings.
#[must_use]
pub fn wall_pair() -> (u64, u64) {
    let read = || {
        let before = now();
        let wall = os::realtime();
        let after = now();
        (after - before, before + (after - before) / 2, wall)
    };
    let best = (0..5).map(|_| read()).min_by_key(|(gap, _, _)| *gap);
    best.map_or((0, 0), |(_, stamp, wall)| (stamp, wall))
}
