//! JSON lines for machines.
