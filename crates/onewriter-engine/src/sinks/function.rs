//! A function as a sink.
