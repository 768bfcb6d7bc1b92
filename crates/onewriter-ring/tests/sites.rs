//! The call-site table.

mod queue;

use onewriter_ring::{put, register};
use queue::{joined, never_wait};

#[test]
fn the_call_site_table_is_full_after_4_mib_and_says_so() {
    let mut here = joined(never_wait());
    let site = vec![b'x'; (64 << 10) - 8];
    let numbers: Vec<_> = (0..65).map(|_| register(&site)).collect();
    let expected: Vec<_> = (1..=64).map(Some).chain([None]).collect();
    assert_eq!(numbers, expected);
    put(0, 20, 1, 8, |frame| frame.word(1)).unwrap();
    assert_eq!(here.values(), [1]);
    let mut count = 0;
    here.reader.new_sites(0, |bytes| {
        assert!(bytes == site);
        count += 1;
    });
    assert_eq!(count, 64);
}
