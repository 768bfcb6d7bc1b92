//! The flight recorder: the last records of all levels, written when something happens.
