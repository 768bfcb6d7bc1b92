//! Lines for people: a pattern with placeholders.
