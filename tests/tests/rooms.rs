//! Small rooms: where queues live when memory is short, missing or not shared, and that the logger
//! works there or says exactly what to change.
//!
//! Each test makes the room in a mount namespace of its own. That takes root; without it the tests
//! say that they were skipped.

use onewriter_tests::{Talk, assert_same, lines, numbered};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const ROOMER: &str = env!("CARGO_BIN_EXE_roomer");

/// A mount namespace that a shell keeps, and a folder on the disk outside.
struct Room {
    keeper: Child,
    disk: tempfile::TempDir,
}

impl Room {
    /// Makes it and runs `script` in it as root; `None`, and the reason is printed, where that is not
    /// allowed. `$DISK` is the folder outside.
    fn new(script: &str) -> Option<Room> {
        if !can_unshare() {
            return None;
        }
        let disk = tempfile::tempdir().expect("a folder on the disk");
        fs::create_dir(disk.path().join("tmp")).expect("a folder for temporary files");
        fs::create_dir(disk.path().join("logs")).expect("a log volume");
        let script = format!("set -e; {script}; echo made; exec cat");
        let mut keeper = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .env("DISK", disk.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare starts");
        let mut made = String::new();
        let output = keeper.stdout.as_mut().expect("its output");
        BufReader::new(output).read_line(&mut made).expect("its answer");
        assert_eq!(made, "made\n", "the room can be made");
        Some(Room { keeper, disk })
    }

    fn log(&self) -> PathBuf {
        self.disk.path().join("logs/shop.log")
    }

    fn temp(&self) -> PathBuf {
        self.disk.path().join("tmp")
    }

    /// A command in the room; its folder for temporary files is on the disk.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target", &self.keeper.id().to_string(), "--"]).args(args);
        command.env("TMPDIR", self.temp()).env("DISK", self.disk.path());
        command.env_remove("ONEWRITER_DIR").env_remove("XDG_RUNTIME_DIR");
        command
    }

    fn roomer(&self, policy: &str) -> Command {
        self.command(&[ROOMER, self.log().to_str().expect("UTF-8"), policy])
    }

    fn start(&self, policy: &str) -> Talk {
        Talk::start(self.roomer(policy))
    }

    /// A shell script in the room.
    #[track_caller]
    fn run(&self, script: &str) {
        let status = self.command(&["sh", "-ec", script]).status().expect("a shell");
        assert!(status.success(), "{script}: {status}");
    }

    /// The folder of the log's queue below a folder for all queues.
    fn queue_in(&self, parent: &str) -> String {
        use std::os::unix::fs::MetadataExt;
        let meta = fs::metadata(self.disk.path().join("logs")).expect("the log's folder");
        format!("{parent}/onewriter-0/f-{:x}-{:x}-shop.log", meta.dev(), meta.ino())
    }

    /// What every room must be good for: it logs, all is written, and it was told exactly this.
    #[track_caller]
    fn works(&self, talk: &mut Talk, queue: &str, told: &str) {
        assert_eq!(talk.ask("where"), queue);
        assert_eq!(talk.ask("told"), told);
        assert_eq!(talk.ask("put line 2000"), "ok");
        assert_eq!(talk.ask("complete 60000"), "ok");
        assert_same(&lines(&self.log()), &numbered("line", 2_000));
        assert_eq!(talk.ask("told"), told, "nothing else went wrong");
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // The shell ends when nobody writes to it any more, and its mounts go with it.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// Whether this process may make a mount namespace and mount in it; says so if not.
fn can_unshare() -> bool {
    let script = "mount -t tmpfs none /dev/shm";
    let tried = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", script])
        .output();
    let why = match tried {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(err) => format!("unshare: {err}"),
    };
    eprintln!("skipped: no mount namespace can be made here, which takes root ({why})");
    false
}

/// What is told when a place was passed over and the queue is on the disk.
fn on_disk(reasons: &str, queue: &str) -> String {
    format!(
        "{reasons}; the queue is in {queue} on a disk, for which a put may wait: give all programs \
         that log there the same ONEWRITER_DIR, a folder in memory"
    )
}

#[test]
fn sixty_four_megabytes_of_shared_memory_are_enough() {
    let Some(room) = Room::new("mount -t tmpfs -o size=64m none /dev/shm") else { return };
    let mut talk = room.start("wait");
    room.works(&mut talk, &room.queue_in("/dev/shm"), "");
    assert!(talk.end().success());
}

#[test]
fn shared_memory_that_is_too_small_is_passed_over_and_said_so() {
    let Some(room) = Room::new("mount -t tmpfs -o size=64k none /dev/shm") else { return };
    let queue = room.queue_in(room.temp().to_str().expect("UTF-8"));
    let why = "/dev/shm has 64 KiB free, a queue needs 640 KiB: make room there, or make it larger \
               (`docker run --shm-size`, an emptyDir's sizeLimit)";
    let mut talk = room.start("wait");
    room.works(&mut talk, &queue, &on_disk(why, &queue));
    assert!(talk.end().success());
}

#[test]
fn a_queue_stays_where_it_was_made_when_there_is_room_again_until_its_folder_is_removed() {
    let Some(room) = Room::new("mount -t tmpfs -o size=1m none /dev/shm") else { return };
    room.run("head -c 1000000 /dev/zero > /dev/shm/other");
    let queue = room.queue_in(room.temp().to_str().expect("UTF-8"));
    let first = room.start("wait");
    room.run("rm /dev/shm/other");
    let mut second = room.start("wait");
    let told = format!(
        "the queue is in {queue}, where it was made when /dev/shm could not take it; to move it, end \
         its programs and remove that folder"
    );
    room.works(&mut second, &queue, &told);
    // The same writer, though the programs began under different conditions.
    assert!(first.end().success());
    assert!(second.end().success());
    fs::remove_dir_all(room.temp().join("onewriter-0")).expect("nobody uses it");
    let mut third = room.start("wait");
    assert_eq!(third.ask("where"), room.queue_in("/dev/shm"));
    assert_eq!(third.ask("told"), "");
    // Once it is complete it writes, and has its journal.
    assert_eq!(third.ask("complete 60000"), "ok");
    // And what is in memory is found there when that is full again.
    room.run(FILL);
    let mut fourth = room.start("wait");
    assert_eq!(fourth.ask("where"), room.queue_in("/dev/shm"));
    assert!(third.end().success());
    assert!(fourth.end().success());
}

#[test]
fn missing_shared_memory_is_passed_over_and_said_so() {
    let hidden = "mount -t tmpfs none /dev; mknod /dev/null c 1 3; mknod /dev/urandom c 1 9";
    let Some(room) = Room::new(hidden) else { return };
    let queue = room.queue_in(room.temp().to_str().expect("UTF-8"));
    let mut talk = room.start("wait");
    let why = "/dev/shm: No such file or directory (os error 2): a tmpfs should be there";
    room.works(&mut talk, &queue, &on_disk(why, &queue));
    assert!(talk.end().success());
}

#[test]
fn shared_memory_on_a_disk_is_passed_over_and_said_so() {
    let Some(room) = Room::new("mount --bind $DISK/logs /dev/shm") else { return };
    let queue = room.queue_in(room.temp().to_str().expect("UTF-8"));
    let mut talk = room.start("wait");
    let why = "/dev/shm is on a disk: a tmpfs should be there";
    room.works(&mut talk, &queue, &on_disk(why, &queue));
    assert!(talk.end().success());
}

#[test]
fn the_runtime_folder_serves_where_shared_memory_cannot_be_written() {
    let script =
        "mkdir $DISK/run; mount -t tmpfs none $DISK/run; mount -t tmpfs -o ro none /dev/shm";
    let Some(room) = Room::new(script) else { return };
    let run = room.disk.path().join("run");
    let mut command = room.roomer("wait");
    command.env("XDG_RUNTIME_DIR", &run);
    let mut talk = Talk::start(command);
    let queue = room.queue_in(run.to_str().expect("UTF-8"));
    let told = format!(
        "/dev/shm: cannot make /dev/shm/onewriter-0: Read-only file system (os error 30); the queue is \
         in {queue}: give all programs that log there the same ONEWRITER_DIR, a folder in memory"
    );
    room.works(&mut talk, &queue, &told);
    assert!(talk.end().success());
}

#[test]
fn a_read_only_root_is_no_trouble_with_shared_memory_and_a_log_volume() {
    let script = "mount -t tmpfs -o size=64m none /dev/shm; mount --bind $DISK/logs $DISK/logs; \
                  mount -o remount,ro,bind / || { mount --bind / /mnt; mount -o remount,ro,bind /; }";
    let Some(room) = Room::new(script) else { return };
    room.run("! touch $DISK/tmp/nothing 2>/dev/null");
    let mut talk = room.start("wait");
    room.works(&mut talk, &room.queue_in("/dev/shm"), "");
    assert!(talk.end().success());
}

#[test]
fn no_room_anywhere_is_an_error_that_names_each_place_and_what_would_help() {
    let script =
        "mount -t tmpfs -o size=64k none /dev/shm; mount -t tmpfs -o size=128k none $DISK/tmp";
    let Some(room) = Room::new(script) else { return };
    let output = room.roomer("wait").output().expect("it starts");
    let help =
        "make room there, or make it larger (`docker run --shm-size`, an emptyDir's sizeLimit)";
    let temp = room.temp();
    let expected = format!(
        "no room for a queue: /dev/shm has 64 KiB free, a queue needs 640 KiB: {help}; {} has 128 KiB \
         free, a queue needs 640 KiB: {help}; or set ONEWRITER_DIR to another folder\n",
        temp.display()
    );
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

/// Leaves no page of shared memory free.
const FILL: &str = "head -c 4M /dev/zero > /dev/shm/other 2>/dev/null || true";

#[test]
fn shared_memory_that_gets_full_while_programs_log_costs_no_record_if_they_may_wait() {
    let Some(room) = Room::new("mount -t tmpfs -o size=2m none /dev/shm") else { return };
    let mut talk = room.start("wait");
    assert_eq!(talk.ask("put line 10"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    room.run(FILL);
    assert_eq!(talk.ask("put full 20000"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    room.run("rm /dev/shm/other");
    assert_eq!(talk.ask("put again 20000"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    let parts = [numbered("line", 10), numbered("full", 20_000), numbered("again", 20_000)];
    assert_same(&lines(&room.log()), &parts.concat());
    assert_eq!(talk.ask("told"), "");
    assert!(talk.end().success());
}

#[test]
fn a_forked_child_that_finds_no_memory_waits_for_it_as_its_policy_says() {
    let Some(room) = Room::new("mount -t tmpfs -o size=2m none /dev/shm") else { return };
    let mut talk = room.start("wait");
    assert_eq!(talk.ask("put line 1"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    room.run(FILL);
    talk.tell("fork child 100");
    room.run("rm /dev/shm/other");
    assert_eq!(talk.answer(), "exit 0");
    assert_eq!(talk.ask("complete 60000"), "ok");
    let parts = [numbered("line", 1), numbered("child", 100)];
    assert_same(&lines(&room.log()), &parts.concat());
    assert!(talk.end().success());
}

/// How many records were lost because the queue was full, and the other lines. The writer says it in one
/// line or, if it looks in between, in several.
fn without_losses(lines: Vec<String>) -> (u64, Vec<String>) {
    let (told, lines): (Vec<_>, Vec<_>) =
        lines.into_iter().partition(|line| line.contains(" records lost: "));
    let count = |line: &String| {
        let said = line.split_once(" records lost: the queue was full (");
        let count = said.and_then(|(count, _)| count.parse::<u64>().ok());
        count.unwrap_or_else(|| panic!("no loss in a full queue: {line}"))
    };
    (told.iter().map(count).sum(), lines)
}

#[test]
fn a_program_whose_first_records_find_no_memory_counts_them_in_the_log_and_goes_on() {
    for policy in ["soon", "drop"] {
        let Some(room) = Room::new("mount -t tmpfs -o size=2m none /dev/shm") else { return };
        let mut talk = room.start(policy);
        // Now it writes, and has its journal.
        assert_eq!(talk.ask("complete 60000"), "ok");
        room.run(FILL);
        assert_eq!(talk.ask("put lost 7"), "ok");
        room.run("rm /dev/shm/other");
        assert_eq!(talk.ask("put line 100"), "ok");
        assert_eq!(talk.ask("complete 60000"), "ok");
        let (lost, lines) = without_losses(lines(&room.log()));
        assert_eq!(lost, 7);
        assert_same(&lines, &numbered("line", 100));
        assert!(talk.end().success());
    }
}

#[test]
fn first_records_that_may_wait_for_memory_do_and_none_is_lost() {
    let Some(room) = Room::new("mount -t tmpfs -o size=2m none /dev/shm") else { return };
    let mut talk = room.start("wait");
    assert_eq!(talk.ask("complete 60000"), "ok");
    room.run(FILL);
    talk.tell("put line 100");
    room.run("rm /dev/shm/other");
    assert_eq!(talk.answer(), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    assert_same(&lines(&room.log()), &numbered("line", 100));
    assert!(talk.end().success());
}

#[test]
fn a_queue_that_is_in_a_full_place_is_used_there_and_its_program_is_told() {
    let Some(room) = Room::new("mount -t tmpfs -o size=2m none /dev/shm") else { return };
    assert!(room.start("wait").end().success());
    room.run(FILL);
    let mut talk = room.start("soon");
    let queue = room.queue_in("/dev/shm");
    assert_eq!(talk.ask("where"), queue);
    let told = talk.ask("told");
    let why = "/dev/shm has 0 KiB free, a queue needs 640 KiB: make room there, or make it larger \
               (`docker run --shm-size`, an emptyDir's sizeLimit)";
    let stays = format!(
        "{why}; the queue is in {queue} already and stays there: while it has no room, records wait or \
         are dropped as the overflow policy says"
    );
    assert_eq!(told.split(" | ").next(), Some(stays.as_str()));
    assert_eq!(talk.ask("put lost 7"), "ok");
    room.run("rm /dev/shm/other");
    assert_eq!(talk.ask("put line 100"), "ok");
    assert_eq!(talk.ask("complete 60000"), "ok");
    let (lost, lines) = without_losses(lines(&room.log()));
    assert_eq!(lost, 7);
    assert_same(&lines, &numbered("line", 100));
    assert!(talk.end().success());
}

#[test]
fn containers_that_share_memory_and_log_but_no_process_ids_have_one_writer_and_one_order() {
    let Some(room) = Room::new("mount -t tmpfs -o size=64m none /dev/shm") else { return };
    let log = room.log();
    let container = || {
        let log = log.to_str().expect("UTF-8");
        let unshare = ["unshare", "--pid", "--fork", "--kill-child"];
        Talk::start(room.command(&[&unshare[..], &[ROOMER, log, "wait"]].concat()))
    };
    let (mut first, mut second) = (container(), container());
    assert_eq!((first.ask("pid"), second.ask("pid")), ("1".into(), "1".into()));
    let mut expected = Vec::new();
    for turn in 0..100 {
        for (talk, name) in [(&mut first, "first"), (&mut second, "second")] {
            assert_eq!(talk.ask(&format!("put {name}-{turn} 1")), "ok");
            expected.push(format!("{name}-{turn} 0"));
        }
    }
    assert_eq!(second.ask("complete 60000"), "ok");
    assert_same(&lines(&log), &expected);
    // The first one writes; what it had put and not written is written by the second.
    assert_eq!(first.ask("put left 5000"), "ok");
    first.kill();
    assert_eq!(second.ask("put after 100"), "ok");
    assert_eq!(second.ask("complete 60000"), "ok");
    expected.extend(numbered("left", 5_000));
    expected.extend(numbered("after", 100));
    assert_same(&lines(&log), &expected);
    assert!(second.end().success());
}

#[test]
fn on_an_overlay_a_killed_writer_gives_the_lead_to_the_next() {
    let script = "cd $DISK; mkdir lower upper work merged; \
                  mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none merged";
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !known.contains("\toverlay\n") {
        eprintln!("skipped: this kernel has no overlayfs");
        return;
    }
    let Some(room) = Room::new(script) else { return };
    let start = || {
        let mut command = room.roomer("wait");
        command.env("ONEWRITER_DIR", room.disk.path().join("merged"));
        Talk::start(command)
    };
    let mut first = start();
    assert_eq!(first.ask("put first 100"), "ok");
    assert_eq!(first.ask("complete 60000"), "ok");
    // What a mapping holds there is another file: the lock is kept by a descriptor.
    let process = PathBuf::from(format!("/proc/{}", first.id()));
    let descriptors = fs::read_dir(process.join("fd")).expect("its descriptors").flatten();
    let is_lead = |path: &PathBuf| fs::read_link(path).is_ok_and(|file| file.ends_with("lead"));
    let kept: Vec<_> = descriptors.map(|entry| entry.path()).filter(is_lead).collect();
    assert_eq!(kept.len(), 1);
    let info = process.join("fdinfo").join(kept[0].file_name().expect("its number"));
    let info = fs::read_to_string(info).expect("its flags");
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).expect("its flags");
    let flags = u32::from_str_radix(flags.trim(), 8).expect("octal digits");
    assert_ne!(flags & 0o2_000_000, 0, "programs that it executes do not inherit it");
    let mut second = start();
    assert_eq!(second.ask("put second 100"), "ok");
    assert_eq!(second.ask("complete 60000"), "ok");
    assert_eq!(first.ask("put left 5000"), "ok");
    // A child that outlives the writer has not inherited the lead.
    let hold = room.disk.path().join("hold");
    fs::write(&hold, "").expect("a file");
    assert_eq!(first.ask(&format!("hold {}", hold.display())), "ok");
    first.kill();
    assert_eq!(second.ask("put after 100"), "ok");
    assert_eq!(second.ask("complete 60000"), "ok");
    fs::remove_file(hold).expect("the file");
    let parts = [
        numbered("first", 100),
        numbered("second", 100),
        numbered("left", 5_000),
        numbered("after", 100),
    ];
    assert_same(&lines(&room.log()), &parts.concat());
    assert!(second.end().success());
}

#[test]
fn what_somebody_planted_in_the_place_of_the_folder_for_all_queues_is_an_error_that_says_so() {
    let Some(room) = Room::new("mount -t tmpfs -o mode=1777 none /dev/shm") else { return };
    let root = "/dev/shm/onewriter-0";
    let cases = [
        (
            "mkdir -m 700 R; chown 12345 R",
            "R belongs to user 12345, not to user 0: remove it, or set ONEWRITER_DIR",
        ),
        ("mkdir -m 755 R", "R is open to other users (mode 755): `chmod 700` it"),
        (
            "mkdir -m 700 /dev/shm/theirs; ln -s theirs R",
            "R is not a folder but must be one: remove it, or set ONEWRITER_DIR",
        ),
        ("touch R", "R is not a folder but must be one: remove it, or set ONEWRITER_DIR"),
    ];
    for (plant, error) in cases {
        room.run(&plant.replace('R', root));
        let output = room.roomer("wait").output().expect("it starts");
        let expected = format!("{}\n", error.replacen('R', root, 1));
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
        room.run("rm -r /dev/shm/onewriter-0");
    }
}

#[test]
fn a_chosen_folder_that_is_no_good_is_an_error_and_no_other_is_taken() {
    let Some(room) = Room::new("mount -t tmpfs -o size=64k none $DISK/tmp; touch $DISK/file")
    else {
        return;
    };
    let disk = room.disk.path().display();
    let small = format!("ONEWRITER_DIR={disk}/tmp");
    let file = format!("ONEWRITER_DIR={disk}/file");
    let cases = [
        (
            "some/where",
            "ONEWRITER_DIR=some/where is no absolute path: programs in other folders would \
                        not find the queue"
                .to_owned(),
        ),
        (
            &small[14..],
            format!(
                "no room for a queue: {small} has 64 KiB free, a queue needs 640 KiB: \
                                make room there, or make it larger (`docker run --shm-size`, an \
                                emptyDir's sizeLimit); or set ONEWRITER_DIR to another folder"
            ),
        ),
        (
            &file[14..],
            format!(
                "no room for a queue: {file}: cannot make {disk}/file/onewriter-0: Not a directory (os error 20); or set \
                               ONEWRITER_DIR to another folder"
            ),
        ),
    ];
    for (value, error) in cases {
        let mut command = room.roomer("wait");
        command.env("ONEWRITER_DIR", value);
        let output = command.output().expect("it starts");
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{error}\n"));
    }
    // An empty one counts as none.
    let mut command = room.roomer("wait");
    command.env("ONEWRITER_DIR", "");
    assert!(Talk::start(command).end().success());
}

#[test]
fn what_waited_for_a_full_disk_is_written_though_all_of_it_is_more_than_shared_memory_has() {
    let script =
        "mount -t tmpfs -o size=3m none /dev/shm; mount -t tmpfs -o size=64k none $DISK/logs";
    let Some(room) = Room::new(script) else { return };
    let mut talk = room.start("drop");
    // A long line takes little in a ring: some 8 MB are to be written.
    assert_eq!(talk.ask("long 40000"), "ok");
    // The writer takes what it can.
    assert!(talk.ask("complete 1000").contains("sinks that cannot write"));
    room.run("mount -o remount,size=64m $DISK/logs");
    assert_eq!(talk.ask("complete 60000"), "ok");
    let stats = talk.ask("stats");
    assert!(talk.end().success());
    room.run("cp $DISK/logs/shop.log $DISK/copy");
    let found = lines(&room.disk.path().join("copy"));
    let (lost, lines) = without_losses(found);
    assert_eq!(lost, 40_000 - lines.len() as u64);
    let is_long = |(n, line): (usize, &String)| *line == format!("{n} {}", "x".repeat(300));
    assert!(lines.iter().enumerate().all(is_long), "whole, in order, none missing between");
    let accepted = format!("accepted {}, written {}, lost {lost} ", lines.len(), lines.len());
    assert!(stats.starts_with(&accepted), "{stats}");
}
