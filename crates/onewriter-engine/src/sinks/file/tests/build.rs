//! What cannot be is refused before anything is written; what is made has the mode it should have.

use super::{Plain, World, assert_files};
use crate::error::Error;
use crate::sink::Sink;
use crate::sinks::file::disk::{Disk, RealDisk};
use crate::sinks::file::open::{Access, Live};
use crate::sinks::file::{DiskFull, FileBuilder, Fsync, Names, Rotation, file};
use crate::testing::check_sink;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::Duration;

/// Whoever opens a file finds it renamed, twice.
struct Rotated(usize);

impl Disk for Rotated {
    fn open(&mut self, path: &Path, access: &Access) -> std::io::Result<Live> {
        let live = RealDisk.open(path, access)?;
        if let Some(left) = self.0.checked_sub(1) {
            fs::rename(path, path.with_extension(left.to_string()))?;
            self.0 = left;
        }
        Ok(live)
    }
}

#[test]
fn a_file_that_is_rotated_while_it_is_opened_is_opened_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.log");
    let sink = file(&path).format(Plain).build_on(Box::new(Rotated(2))).unwrap();
    assert_eq!(sink.path(), path.canonicalize().unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    let always = file(&path).format(Plain).build_on(Box::new(Rotated(usize::MAX)));
    let err = always.err().unwrap().to_string();
    assert!(err.starts_with(&format!("cannot follow {}: No such file", path.display())), "{err}");
}

fn refusal(dir: &Path, configure: impl FnOnce(FileBuilder) -> FileBuilder) -> Error {
    let builder = configure(file(dir.join("shop.log")).format(Plain));
    let err = builder.build().err().expect("this must be refused");
    assert!(err.is_config(), "{err}");
    err
}

#[test]
fn settings_that_cannot_be_are_refused_by_name_and_make_no_file() {
    type Configure = fn(FileBuilder) -> FileBuilder;
    let table: [(Configure, &str); 10] = [
        (
            |f| f.names(Names::shifted()).keep(0),
            "keep(0) would delete each file as soon as it is rotated: give at least 1",
        ),
        (
            |f| f.keep_for(Duration::from_millis(10)),
            "keep_for(10ms) would delete each file as soon as it is rotated: give at least 1 second",
        ),
        (|f| f.keep_bytes(0), "keep_bytes 0 is zero: give at least 1 byte, such as \"100 MB\""),
        (
            |f| f.keep_bytes("ten"),
            "keep_bytes: \"ten\" is no size: give a number and a unit, such as \"100 MB\" or \
             \"1.5 GiB\"",
        ),
        (
            |f| f.rotation(Rotation::size(0)),
            "rotation size 0 is zero: give at least 1 byte, such as \"100 MB\"",
        ),
        (
            |f| f.rotation("sometimes"),
            "rotation \"sometimes\" is not known: give a size (\"100 MB\"), an interval (\"1 \
             day\"), a time (\"12:00\", \"monday at 00:00\"), or one of hourly, daily, weekly, \
             monthly, start, never",
        ),
        (
            |f| f.names(Names::time("old")),
            "name template \"old\" holds no time, so all rotated files would have one name: use \
             for example \"%Y-%m-%d_%H-%M-%S\"",
        ),
        (
            |f| f.mode(0o440),
            "mode 0o440 of the log file: give permissions that let the owner write, such as 0o640",
        ),
        (
            |f| f.mode(0o10640),
            "mode 0o10640 of the log file: give permissions that let the owner write, such as \
             0o640",
        ),
        (
            |f| f.fsync(Fsync::Every(Duration::ZERO)),
            "fsync every 0 ns: give at least 1 ms, or Fsync::Batch for each batch",
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (configure, message) in table {
        assert_eq!(refusal(dir.path(), configure).to_string(), message);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "{message}");
    }
}

#[test]
fn what_every_sink_must_do_a_file_does_too() {
    type Configure = fn(FileBuilder) -> FileBuilder;
    let configurations: [Configure; 5] = [
        |f| f.text(),
        |f| f.json().fsync(Fsync::Batch),
        |f| f.logfmt().rotation("1 KB").disk_full(DiskFull::Drop),
        |f| f.rotation("hourly or start").names(Names::time("%F")).local_time(),
        |f| f.rotation("hourly or 1 KB").names(Names::appended("%F")),
    ];
    for configure in configurations {
        let make = || {
            let dir = tempfile::tempdir().unwrap();
            (configure(file(dir.path().join("shop.log"))).build().unwrap(), dir)
        };
        check_sink(make, |dir| {
            // By index, and by time: `shop.2026-11-21.1.log` comes after `shop.2026-11-21.log`.
            let mut files: Vec<_> =
                fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort_by_key(|path| {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let words = name.strip_suffix(".log").unwrap_or(&name).rsplit('.');
                let number = words.take(1).find_map(|it| it.parse::<u64>().ok()).unwrap_or(0);
                (name == "shop.log", number)
            });
            files.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
        });
    }
}

#[test]
fn a_directory_as_file_is_refused_with_a_file_that_would_do() {
    let dir = tempfile::tempdir().unwrap();
    let err = file(dir.path()).format(Plain).build().err().unwrap();
    let dir = dir.path().display();
    assert_eq!(
        err.to_string(),
        format!(
            "log file {dir} is a directory: give the name of a file in it, such as {dir}/app.log"
        )
    );
}

#[test]
fn a_file_where_a_folder_is_needed_is_named() {
    let temp = tempfile::tempdir().unwrap();
    let (notes, link) = (temp.path().join("notes"), temp.path().join("link"));
    fs::write(&notes, "").unwrap();
    symlink("nowhere", &link).unwrap();
    for (at, log) in [
        (&notes, notes.join("shop.log")),
        (&notes, notes.join("more/shop.log")),
        (&link, link.join("shop.log")),
    ] {
        let err = file(&log).format(Plain).build().err().unwrap();
        assert!(err.is_config());
        let (log, at) = (log.display(), at.display());
        assert_eq!(
            err.to_string(),
            format!(
                "log file {log}: {at} is not a directory: give another path, or move that file away"
            )
        );
    }
}

#[test]
fn a_path_without_a_name_is_refused() {
    let err = file("..").format(Plain).build().err().unwrap();
    assert_eq!(
        err.to_string(),
        "log file \"..\" is no file name: give a path such as \"log/shop.log\""
    );
}

#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join(std::ffi::OsStr::from_bytes(b"shop\xff.log"));
    let err = file(path).format(Plain).build().err().unwrap().to_string();
    let dir = temp.path().display();
    let expected = format!(
        "log file \"{dir}/shop\\xFF.log\" has no name in UTF-8, after which rotated files are named: \
         give another name"
    );
    assert_eq!(err, expected);
    let folder = temp.path().join(std::ffi::OsStr::from_bytes(b"shop\xff"));
    assert!(file(folder.join("shop.log")).format(Plain).build().is_ok());
}

#[test]
fn what_the_system_refuses_is_reported_with_the_path() {
    // A name that is too long, for root too.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x".repeat(300));
    let err = file(&path).format(Plain).build().err().unwrap();
    assert_eq!(err.kind(), crate::ErrorKind::Io);
    let message = err.to_string();
    let expected = format!("cannot open the log file {}: ", path.display());
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn a_folder_without_permission_is_reported() {
    let err = file("/proc/shop.log").format(Plain).build().err().unwrap().to_string();
    assert!(err.starts_with("cannot open the log file /proc/shop.log: "), "{err}");
}

#[test]
fn a_link_that_would_replace_a_file_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine"), "x").unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    for (link, why) in [
        ("shop.log", "is the log file itself"),
        ("mine", "is a file or a folder, and no link"),
        ("shop.7.log", "has the name of a rotated file"),
    ] {
        let err = refusal(&root, |f| f.current_link(root.join(link)));
        assert_eq!(
            err.to_string(),
            format!(
                "current link {} {why}: give a name that is free, such as current.log",
                root.join(link).display()
            )
        );
    }
    assert_eq!(fs::read_to_string(dir.path().join("mine")).unwrap(), "x");
}

#[cfg(not(feature = "zstd"))]
#[test]
fn a_compression_that_is_not_built_in_is_refused_with_its_feature() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        refusal(dir.path(), |f| f.compress(crate::sinks::file::Compression::Zstd)).to_string(),
        "compression zstd is not in this build: turn on the cargo feature `zstd`"
    );
}

#[cfg(not(feature = "gzip"))]
#[test]
fn gzip_that_is_not_built_in_is_refused_with_its_feature() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(
        refusal(dir.path(), |f| f.compress(crate::sinks::file::Compression::Gzip)).to_string(),
        "compression gzip is not in this build: turn on the cargo feature `gzip`"
    );
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_and_folders_are_made_with_the_mode_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/shop.log");
    let mut world = World::new({
        let path = path.clone();
        move |_| file(&path).format(Plain).mode(0o646).rotation("2 B")
    });
    world.run("write a b");
    assert_eq!(mode(&path), 0o646);
    assert_eq!(mode(&dir.path().join("a/b/shop.1.log")), 0o646);
    assert_eq!(mode(&dir.path().join("a/b")) & 0o711, 0o711);
}

#[test]
fn a_file_that_is_there_keeps_its_mode() {
    let mut world = World::new(|f| f.mode(0o600));
    world.run("put shop.log x");
    fs::set_permissions(world.path("shop.log"), fs::Permissions::from_mode(0o664)).unwrap();
    world.run("write a");
    assert_eq!(mode(&world.path("shop.log")), 0o664);
}

#[test]
fn the_owner_is_given_or_the_refusal_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shop.log");
    let is_root = rustix::process::geteuid().is_root();
    match file(&path).format(Plain).owner(12345, 54321).build() {
        Ok(_) => {
            assert!(is_root);
            let meta = fs::metadata(&path).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (12345, 54321));
        }
        Err(err) => {
            assert!(!is_root, "{err}");
            assert!(err.to_string().starts_with("cannot open the log file"), "{err}");
        }
    }
}

#[test]
fn the_current_link_leads_to_the_live_file_and_replaces_an_older_link() {
    let dir = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(dir.path()).unwrap();
    symlink("nowhere", root.join("current.log")).unwrap();
    fs::create_dir(root.join("elsewhere")).unwrap();
    for link in ["current.log", "elsewhere/current"] {
        let link = root.join(link);
        let to = link.clone();
        let path = root.join("shop.log");
        let mut world =
            World::new(move |_| file(&path).format(Plain).rotation("2 B").current_link(&to));
        world.run("write a b c");
        assert_eq!(fs::read_to_string(&link).unwrap(), "c\n");
        fs::remove_file(&link).unwrap();
        world.run("write d");
        assert_eq!(fs::read_to_string(&link).unwrap(), "d\n");
    }
    // In one folder the link holds the name only: the folder may be mounted elsewhere.
    assert_eq!(fs::read_link(root.join("current.log")).unwrap(), Path::new("shop.log"));
}

#[test]
fn through_a_link_the_file_is_rotated_and_not_the_link() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link.log");
    let mut world = World::new({
        let link = link.clone();
        move |_| file(&link).format(Plain).rotation("2 B")
    });
    symlink(world.path("shop.log"), &link).unwrap();
    world.run("write a b");
    assert_files(
        &world,
        "shop.1.log: a
         shop.log: b",
    );
    assert_eq!(fs::read_to_string(&link).unwrap(), "b\n");
}

#[test]
fn the_name_says_the_path_as_it_was_given() {
    let sink = file("/dev/null").format(Plain).build().unwrap();
    assert_eq!(sink.name(), "file /dev/null");
}
