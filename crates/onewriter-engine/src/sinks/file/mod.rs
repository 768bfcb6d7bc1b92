//! Files that rotate, compress and expire.
