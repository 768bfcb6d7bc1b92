use super::*;
use crate::sinks::file::tests::{World, assert_files};
use std::os::unix::fs::PermissionsExt;

fn not_stopped() -> AtomicBool {
    AtomicBool::new(false)
}

fn packing() -> World {
    World::new(|file| file.rotation("2 B").compress(Compression::Gzip).mode(0o640))
}

#[test]
fn rotated_files_are_compressed_and_read_back_the_same() {
    let mut world = packing();
    // The end of the sink waits for the thread.
    world.run("write a b c; stop");
    assert_files(
        &world,
        "shop.1.log.gz: a
         shop.2.log.gz: b
         shop.log: c",
    );
    world.run("write d; stop");
    assert!(world.listing().contains("shop.3.log.gz: c\n"));
}

#[test]
fn a_compressed_file_keeps_mode_and_time() {
    let mut world = packing();
    world.run("at 2026-01-02T03:04:05Z; write a b; stop");
    let meta = fs::metadata(world.path("shop.1.log.gz")).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o640);
    assert_eq!(meta.mtime(), 1_767_323_045);
}

#[test]
fn ten_megabytes_survive_the_round_trip() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("big.log");
    let text: Vec<u8> = (0..10_000_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
    fs::write(&path, &text).unwrap();
    pack(&path, Compression::Gzip, &not_stopped()).unwrap();
    assert!(!path.exists());
    let packed = File::open(dir.path().join("big.log.gz")).unwrap();
    let mut found = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut found).unwrap();
    assert!(found == text);
}

#[test]
fn what_a_kill_left_is_cleared_up_or_done_again_at_the_next_start() {
    let mut world = packing();
    // Cut off while it was compressing, and after it had renamed but not yet removed.
    world.run("put shop.1.log a; half shop.1.log.gz.tmp junk; put shop.2.log b; put shop.3.log c");
    pack(&world.path("shop.2.log"), Compression::Gzip, &not_stopped()).unwrap();
    world.run("put shop.2.log b; half shop.9.log.gz.tmp junk; tick; stop");
    assert_files(
        &world,
        "shop.1.log.gz: a
         shop.2.log.gz: b
         shop.3.log.gz: c
         shop.log:",
    );
}

#[test]
fn a_compression_that_is_stopped_leaves_the_original_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.1.log");
    fs::write(&path, "a\n").unwrap();
    let err = pack(&path, Compression::Gzip, &AtomicBool::new(true)).unwrap_err();
    assert_eq!(err.kind(), io::ErrorKind::TimedOut);
    let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["shop.1.log"]);
}

#[test]
fn a_failure_is_reported_once_and_the_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.1.log");
    fs::write(&path, "a\n").unwrap();
    // Where the temporary file should be made, there is a folder.
    fs::create_dir(dir.path().join("shop.1.log.gz.tmp")).unwrap();
    let mut packer = Packer::start(Compression::Gzip).unwrap();
    packer.give(path.clone());
    packer.give(path.clone());
    assert_eq!(packer.n_open, 1);
    packer.jobs = None;
    packer.thread.take().unwrap().join().unwrap();
    let (finished, failure) = packer.collect();
    assert_eq!(finished, 1);
    let failure = failure.unwrap().to_string();
    assert!(failure.starts_with(&format!("cannot compress {}: ", path.display())), "{failure}");
    assert_eq!(packer.n_open, 0);
    assert_eq!(fs::read(&path).unwrap(), b"a\n");
}

#[test]
fn a_file_that_retention_has_deleted_is_not_brought_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.1.log");
    let err = pack(&path, Compression::Gzip, &not_stopped()).unwrap_err();
    assert_eq!(err.kind(), io::ErrorKind::NotFound);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_compressed_file_counts_for_retention_and_its_index_is_not_given_again() {
    let mut world = World::new(|file| file.rotation("2 B").compress(Compression::Gzip).keep(2));
    world.run("write a b c; stop; write d; stop; write e; stop");
    assert_files(
        &world,
        "shop.3.log.gz: c
         shop.4.log.gz: d
         shop.log: e",
    );
}

#[cfg(feature = "zstd")]
#[test]
fn zstd_files_are_read_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.1.log");
    let text = "a line that is repeated\n".repeat(50_000);
    fs::write(&path, &text).unwrap();
    pack(&path, Compression::Zstd, &not_stopped()).unwrap();
    let packed = File::open(dir.path().join("shop.1.log.zst")).unwrap();
    assert!(zstd::decode_all(packed).unwrap() == text.as_bytes());
    assert!(!path.exists());
}
