//! What the kernel says about this process.

use rustix::thread::CpuSet;
use rustix::time::ClockId;
use std::fs;
use std::time::Duration;

/// A line of `/proc/PID/status` in KiB; 0 where it is missing.
pub fn status_kib(pid: &str, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    kib(&status, name)
}

/// The same, from a text that was read before.
pub fn kib(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// KiB in use on `/dev/shm`, by whoever; 0 where there is none.
pub fn shared_memory_kib() -> u64 {
    rustix::fs::statvfs("/dev/shm")
        .map_or(0, |fs| fs.f_blocks.saturating_sub(fs.f_bfree) * fs.f_frsize / 1024)
}

/// User and system time of all threads so far.
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

/// Binds the calling thread, and those it starts from now on, to one processor. Does nothing on a
/// machine that lacks it.
pub fn pin(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu);
    let _ = rustix::thread::sched_setaffinity(None, &set);
}
