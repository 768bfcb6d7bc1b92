//! A lane: a bounded buffer and a thread of its own for a sink that may stall.
