//! onewriter beside its peers.
//!
//! `peer PEER MODE DIR` measures one logger in one way, in a process of its own, and prints one JSON
//! object; `compare` runs them in turn and writes the report. The method is that of the field's own
//! benchmarks (Quill's latency shape), so that figures can be held against theirs. `endings` ends
//! programs and counts their lines; `processes` measures what other processes cost.

pub mod clock;
pub mod crew;
pub mod latency;
pub mod limits;
pub mod load;
pub mod peer;
pub mod peers;
pub mod process;
pub mod report;
pub mod stall;

/// The comparison: which runs, in which order, and what comes out of them.
pub mod compare;
/// How programs end, and what of their lines is there then.
pub mod endings;
/// Many processes of onewriter: latency, load, take-over, idleness, forks.
pub mod processes;
