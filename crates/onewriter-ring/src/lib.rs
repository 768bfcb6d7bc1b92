//! Floor 2 of onewriter: bytes in, bytes out.
