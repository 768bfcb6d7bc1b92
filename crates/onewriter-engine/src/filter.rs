//! Filters: which records pass, by level, target, field or function.
