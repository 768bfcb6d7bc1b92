use super::*;
use crate::sinks::file::Names;
use crate::sinks::file::tests::{World, assert_files};
use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

fn not_stopped() -> io::Result<()> {
    Ok(())
}

fn pack(path: &Path, kind: Compression, go_on: GoOn<'_>) -> io::Result<()> {
    Pack { kind, live: None, go_on }.run(path)
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
    pack(&path, Compression::Gzip, &not_stopped).unwrap();
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
    pack(&world.path("shop.2.log"), Compression::Gzip, &not_stopped).unwrap();
    world.run("put shop.2.log b; half shop.9.log.gz.tmp junk");
    // The very file: of the time that its compressed form has.
    let time = fs::metadata(world.path("shop.2.log.gz")).unwrap().modified().unwrap();
    File::options().write(true).open(world.path("shop.2.log")).unwrap().set_modified(time).unwrap();
    world.run("tick; stop");
    assert_files(
        &world,
        "shop.1.log.gz: a
         shop.2.log.gz: b
         shop.3.log.gz: c
         shop.log:",
    );
}

#[test]
fn a_name_that_was_given_is_not_given_again_though_the_folder_does_not_show_it() {
    let mut world = packing();
    world.run("write a b; stop");
    // As a look at the folder may find it while the file is replaced by its compressed form.
    let (packed, aside) = (world.path("shop.1.log.gz"), world.path("aside"));
    world.run("write c");
    fs::rename(&packed, &aside).unwrap();
    fs::rename(world.path("shop.2.log.gz"), world.path("aside2")).unwrap_or_default();
    world.run("write d e; stop");
    fs::rename(&aside, &packed).unwrap();
    let listing = world.listing();
    for line in ["shop.1.log.gz: a\n", "shop.3.log.gz: c\n", "shop.4.log.gz: d\n"] {
        assert!(listing.contains(line), "{listing}");
    }
}

#[test]
fn a_file_beside_a_compressed_one_of_its_name_and_another_time_is_another_file() {
    let mut world = packing();
    world.run("at 2026-01-02T03:04:05Z; write a b; stop");
    world.run("at 2026-01-02T03:04:09Z; put shop.1.log other; tick; stop");
    assert_files(
        &world,
        "shop.1.log.gz: a
         shop.2.log.gz: other
         shop.log: b",
    );
}

#[test]
fn a_compression_that_is_stopped_leaves_the_original_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.1.log");
    fs::write(&path, "a\n").unwrap();
    let err = pack(&path, Compression::Gzip, &|| Err(io::ErrorKind::TimedOut.into())).unwrap_err();
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
    let mut packer = Packer::start(Compression::Gzip, None).unwrap();
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
    let err = pack(&path, Compression::Gzip, &not_stopped).unwrap_err();
    assert_eq!(err.kind(), io::ErrorKind::NotFound);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

/// Compresses `shop.1.log` and does something at a step; whether it came to that step.
fn pack_and_at(world: &World, step: usize, act: impl Fn() -> io::Result<()>) -> bool {
    pack_path_and_at(&world.path("shop.1.log"), None, step, act)
}

fn pack_path_and_at(
    path: &Path,
    live: Option<&Path>,
    step: usize,
    act: impl Fn() -> io::Result<()>,
) -> bool {
    let (n_steps, has_acted) = (Cell::new(0), Cell::new(false));
    let go_on = || {
        n_steps.set(n_steps.get() + 1);
        if n_steps.get() == step {
            has_acted.set(true);
            return act();
        }
        Ok(())
    };
    let pack = Pack { kind: Compression::Gzip, live, go_on: &go_on };
    // Where it panics, nothing is tidied up, as in a kill.
    let _ = catch_unwind(AssertUnwindSafe(|| pack.run(path)));
    has_acted.get()
}

#[test]
fn whatever_step_a_compression_is_killed_at_the_next_start_completes_it() {
    let killed_at = |step| {
        let mut world = packing();
        world.run("put shop.1.log a; put shop.log b");
        let killed = pack_and_at(&world, step, || resume_unwind(Box::new("killed")));
        world.run("tick; stop");
        assert_eq!(world.listing(), "shop.1.log.gz: a\nshop.log: b\n", "killed at step {step}");
        killed
    };
    assert_eq!((1..).take_while(|step| killed_at(*step)).count(), 6);
}

#[test]
fn whatever_step_retention_deletes_the_original_at_it_is_not_brought_back() {
    for step in 1..=5 {
        let world = packing();
        fs::write(world.path("shop.1.log"), "a\n").unwrap();
        assert!(pack_and_at(&world, step, || fs::remove_file(world.path("shop.1.log"))));
        assert_eq!(world.listing(), "", "deleted at step {step}");
    }
}

#[test]
fn what_another_writer_compresses_is_left_to_it_at_every_step() {
    for step in 1..=6 {
        let mut world = packing();
        world.run("put shop.1.log a; put shop.log b");
        let other = std::cell::RefCell::new(packing());
        let (dir, other_dir) = (world.dir.path().to_owned(), other.borrow().dir.path().to_owned());
        fs::remove_dir(&other_dir).unwrap();
        std::os::unix::fs::symlink(&dir, &other_dir).unwrap();
        let came = pack_and_at(&world, step, || {
            // It starts, finds what is half done, is refused the file, and ends.
            other.borrow_mut().run("tick; stop");
            fs::symlink_metadata(dir.join("shop.1.log")).map(drop)
        });
        assert!(came);
        fs::remove_file(&other_dir).unwrap();
        assert_eq!(world.listing(), "shop.1.log.gz: a\nshop.log: b\n", "met at step {step}");
    }
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

fn shifting() -> World {
    World::new(|file| file.rotation("2 B").names(Names::shifted()))
}

/// The lines of all files, the oldest file first, and how many of these are compressed.
fn in_order(world: &World) -> (String, usize) {
    let listing = world.listing();
    let files = listing.lines().map(|line| line.split_once(": ").unwrap_or((line, "")));
    let mut files: Vec<_> = files.map(|(name, lines)| (number(name), lines)).collect();
    files.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let lines: Vec<_> = files.into_iter().map(|(_, lines)| lines).collect();
    (lines.join(" "), listing.matches(".gz: ").count())
}

fn number(name: &str) -> u64 {
    assert!(!name.ends_with(".tmp"), "{name}");
    let number = name.strip_prefix("shop.log.").unwrap_or("0");
    number.strip_suffix(".gz").unwrap_or(number).parse().unwrap()
}

#[test]
fn files_whose_names_move_are_compressed_and_move_on_compressed() {
    let mut world =
        World::new(|file| file.rotation("2 B").names(Names::shifted()).compress(Compression::Gzip));
    world.run("write a b c; stop; write d; stop");
    assert_files(
        &world,
        "shop.log: d
         shop.log.1.gz: c
         shop.log.2.gz: b
         shop.log.3.gz: a",
    );
}

#[test]
fn whatever_step_of_its_compression_a_file_moves_at_its_place_in_the_order_is_kept() {
    for step in 1..=6 {
        let mut world = shifting();
        world.run("write a b c");
        let (path, live) = (world.path("shop.log.1"), world.path("shop.log"));
        let other = std::cell::RefCell::new(world);
        assert!(pack_path_and_at(&path, Some(&live), step, || {
            // Where the compression has the turn, these wait.
            other.borrow_mut().run("write d e");
            Ok(())
        }));
        let mut world = other.into_inner();
        world.run("wait 2; write f; wait 2; write g");
        assert_eq!(in_order(&world), ("a b c d e f g".to_owned(), 1), "moved at step {step}");
        assert!(world.listing().contains(".gz: b\n"), "moved at step {step}");
    }
}

#[test]
fn whatever_step_a_compression_is_killed_at_nothing_is_lost_or_doubled_where_names_move() {
    let killed_at = |step| {
        let mut world = shifting();
        world.run("write a b c");
        let (path, live) = (world.path("shop.log.1"), world.path("shop.log"));
        let killed =
            pack_path_and_at(&path, Some(&live), step, || resume_unwind(Box::new("killed")));
        // The file moves before anybody has tidied up.
        world.run("write d e; stop");
        let configure = |file: crate::sinks::file::FileBuilder| {
            file.names(Names::shifted()).compress(Compression::Gzip)
        };
        let sink = configure(crate::sinks::file::file(&live)).build().unwrap();
        world.sink = Some(sink);
        world.run("tick; stop");
        assert_eq!(in_order(&world), ("a b c d e".to_owned(), 4), "killed at step {step}");
        killed
    };
    assert_eq!((1..).take_while(|step| killed_at(*step)).count(), 6);
}

#[test]
fn rotations_do_not_wait_for_the_thread_and_it_keeps_up_with_all_of_them() {
    let mut world =
        World::new(|file| file.rotation("2 B").names(Names::shifted()).compress(Compression::Gzip));
    let lines: Vec<String> = (0..60).map(|number| format!("{number:02}")).collect();
    for line in &lines {
        world.run(&format!("write {line}; wait 2; tick"));
    }
    let n_plain = |world: &World| world.listing().lines().count() - in_order(world).1;
    // The last second of a sink may be too short for what is left.
    for _ in 0..100 {
        world.run("stop");
        if n_plain(&world) == 1 {
            break;
        }
        world.run("tick");
    }
    assert_eq!(n_plain(&world), 1, "{}", world.listing());
    assert_eq!(in_order(&world).0, lines.join(" "));
}

#[test]
fn a_file_that_another_program_has_renamed_is_not_compressed() {
    let mut world = shifting();
    world.run("write a b c");
    let (path, live) = (world.path("shop.log.1"), world.path("shop.log"));
    assert!(pack_path_and_at(&path, Some(&live), 3, || {
        fs::rename(world.path("shop.log.1"), world.path("shop.log.bak"))
    }));
    assert_files(&world, "shop.log: c \n shop.log.2: a \n shop.log.bak: b");
}

#[test]
fn what_could_not_be_compressed_is_tried_again_when_it_has_moved() {
    let mut world =
        World::new(|file| file.rotation("2 B").names(Names::shifted()).compress(Compression::Gzip));
    fs::create_dir(world.path("shop.log.1.gz.tmp")).unwrap();
    world.run("write a b");
    let failed = loop {
        if let Err(err) = world.tick() {
            break err.to_string();
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(failed.starts_with("cannot compress"), "{failed}");
    world.run("write c; stop");
    assert!(world.path("shop.log.1").exists() && world.path("shop.log.2.gz").exists());
}

#[cfg(feature = "zstd")]
#[test]
fn zstd_files_are_read_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.1.log");
    let text = "a line that is repeated\n".repeat(50_000);
    fs::write(&path, &text).unwrap();
    pack(&path, Compression::Zstd, &not_stopped).unwrap();
    let packed = File::open(dir.path().join("shop.1.log.zst")).unwrap();
    assert!(zstd::decode_all(packed).unwrap() == text.as_bytes());
    assert!(!path.exists());
}
