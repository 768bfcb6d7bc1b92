//! Wall time as text, fast: the second is cached, only its digits change.
