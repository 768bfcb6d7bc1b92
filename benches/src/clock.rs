//! The time-stamp counter, read in order, and what one tick is in nanoseconds.

use std::time::Instant;

/// Reads the counter after all earlier instructions are done.
#[inline(always)]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        let mut cpu = 0;
        // SAFETY: every x86-64 processor that runs Linux has rdtscp; it writes only to `cpu`.
        unsafe { std::arch::x86_64::__rdtscp(&mut cpu) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        static BEGAN: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
        BEGAN.elapsed().as_nanos() as u64
    }
}

/// Reads the counter without waiting for earlier instructions.
#[inline(always)]
pub fn bare_ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 processor has rdtsc, and Linux leaves it usable.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(not(target_arch = "x86_64"))]
    ticks()
}

/// Nanoseconds of one tick, measured over the life of a run.
pub struct Scale {
    ticks: u64,
    time: Instant,
}

impl Scale {
    /// Begins to measure.
    pub fn begin() -> Scale {
        Scale { ticks: ticks(), time: Instant::now() }
    }

    /// Nanoseconds of one tick since [`begin`](Scale::begin).
    pub fn end(&self) -> f64 {
        let ticks = ticks().wrapping_sub(self.ticks).max(1);
        self.time.elapsed().as_nanos() as f64 / ticks as f64
    }
}
