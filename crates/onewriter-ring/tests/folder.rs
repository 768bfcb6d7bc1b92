//! Where queues live: names, and what is wrong with a folder or a doorbell, word for word.

mod queue;

use onewriter_ring::{DIR_VARIABLE, JournalFile, Queue, QueueName, now, put};
use queue::child::Child;
use queue::{files, folder, joined, never_wait};
use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Whether this is root; says what is skipped if not.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn is_root(why: &str) -> bool {
    // SAFETY: asks for a number.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        eprintln!("skipped: {why}");
    }
    is_root
}

fn refusal(dir: &Path) -> String {
    Queue::open_in(dir).expect_err("the folder is no good").to_string()
}

#[test]
fn a_folder_that_others_may_enter_is_refused_with_its_mode() {
    let dir = folder();
    for mode in [0o750, 0o701, 0o1777] {
        fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
        let expected = format!(
            "{} is open to other users (mode {mode:o}): `chmod 700` it",
            dir.path().display()
        );
        assert_eq!(refusal(dir.path()), expected);
    }
}

#[test]
fn a_folder_of_another_user_is_refused_with_both_users() {
    if !is_root("only root can give a folder away") {
        return;
    }
    let dir = folder();
    std::os::unix::fs::chown(dir.path(), Some(12_345), None).unwrap();
    let path = dir.path().display();
    let expected =
        format!("{path} belongs to user 12345, not to user 0: remove it, or set ONEWRITER_DIR");
    assert_eq!(refusal(dir.path()), expected);
}

#[test]
fn a_link_or_a_file_in_the_folders_place_is_refused() {
    let dir = folder();
    let (real, link, dangling, file) = (
        dir.path().join("real"),
        dir.path().join("link"),
        dir.path().join("dangling"),
        dir.path().join("file"),
    );
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    symlink(dir.path().join("nothing"), &dangling).unwrap();
    fs::write(&file, "mine").unwrap();
    for path in [link, dangling, file.clone()] {
        let expected = format!(
            "{} is not a folder but must be one: remove it, or set ONEWRITER_DIR",
            path.display()
        );
        assert_eq!(refusal(&path), expected);
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
    assert_eq!(fs::read_dir(real).unwrap().count(), 0, "nothing was made behind the link");
    assert!(!dir.path().join("nothing").exists());
}

/// What opens each file of a queue's folder, and how it begins to complain.
type Opens = (&'static str, &'static str, fn(&Queue) -> Option<String>);

const OPENS: [Opens; 3] = [
    ("bell", "cannot open the doorbell", |queue| {
        Queue::open_in(queue.dir()).err().map(|err| err.to_string())
    }),
    ("lead", "cannot open the queue's lead", |queue| {
        queue.try_lead().err().map(|err| err.to_string())
    }),
    ("j-0000000000000007", "cannot open the journal", |queue| {
        JournalFile::open(queue, 7).err().map(|err| err.to_string())
    }),
];

/// Makes a queue, puts something in the place of one of its files, and checks the refusal.
#[track_caller]
fn refuses(plant: impl Fn(&Path), why: &str) {
    for (name, action, open) in OPENS {
        let dir = folder();
        let queue = Queue::open_in(dir.path()).unwrap();
        let path = dir.path().join(name);
        let _ = fs::remove_file(&path);
        plant(&path);
        let expected =
            format!("{action} {}: {why}; no queue makes such a thing: remove it", path.display());
        assert_eq!(open(&queue), Some(expected));
    }
}

#[test]
fn a_link_in_the_place_of_a_bell_a_lead_or_a_journal_is_refused_and_not_followed() {
    let dir = folder();
    let victim = dir.path().join("victim");
    refuses(|path| symlink(&victim, path).unwrap(), "it is a link");
    assert!(!victim.exists(), "nothing was made behind the link");
    fs::write(&victim, "mine").unwrap();
    refuses(|path| symlink(&victim, path).unwrap(), "it is a link");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}

#[test]
fn a_second_name_of_a_file_in_the_place_of_a_bell_a_lead_or_a_journal_is_refused() {
    let dir = folder();
    let victim = dir.path().join("victim");
    fs::write(&victim, "mine").unwrap();
    let plant = |path: &Path| {
        fs::hard_link(&victim, path).unwrap();
    };
    // Each queue that was made for this is gone before the next is.
    refuses(plant, "it has 2 names (hard links), not one");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
}

#[test]
fn a_folder_or_a_pipe_in_the_place_of_a_bell_a_lead_or_a_journal_is_refused_and_holds_nobody_up() {
    refuses(|path| fs::create_dir(path).unwrap(), "it is no regular file");
    let pipe = |path: &Path| {
        let path = CString::new(path.as_os_str().as_encoded_bytes()).unwrap();
        // SAFETY: the string ends with a zero and outlives the call.
        assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    };
    refuses(pipe, "it is no regular file");
}

#[test]
fn another_users_bell_lead_or_journal_is_refused_with_both_users() {
    if !is_root("only root can give files away") {
        return;
    }
    let plant = |path: &Path| {
        fs::write(path, [0; 4096]).unwrap();
        std::os::unix::fs::chown(path, Some(12_345), None).unwrap();
    };
    refuses(plant, "it belongs to user 12345, not to user 0");
}

#[test]
fn links_in_the_place_of_segments_are_set_aside_and_never_opened() {
    let mut here = joined(never_wait());
    let dir = here.queue.dir().to_owned();
    let victim = folder();
    let victim = victim.path().join("victim");
    fs::write(&victim, [7; 8192]).unwrap();
    fs::hard_link(&victim, dir.join("s-hard")).unwrap();
    symlink(&victim, dir.join("s-soft")).unwrap();
    put(0, 20, 1, 8, |frame| frame.word(5)).unwrap();
    assert_eq!(here.values(), [5]);
    let mut aside = files(&dir, "bad-");
    aside.sort();
    assert_eq!(aside, ["bad-s-hard", "bad-s-soft"]);
    assert_eq!(fs::read(&victim).unwrap(), [7; 8192]);
}

#[test]
fn another_user_can_open_nothing_of_a_queue() {
    if !is_root("only root can become another user") {
        return;
    }
    let here = joined(never_wait());
    put(0, 20, 1, 1 << 20, |frame| frame.word(5)).unwrap();
    let _lead = here.queue.try_lead().unwrap().unwrap();
    JournalFile::open(here.queue, 7).unwrap();
    let dir = here.queue.dir();
    let mut names = files(dir, "");
    names.sort_by_key(|name| name.as_bytes()[0]);
    let kinds: Vec<_> = names.iter().map(|name| &name[..1]).collect();
    assert_eq!(kinds, ["b", "b", "j", "l", "s"], "bell, side file, journal, lead, segment");
    for name in &names {
        let meta = fs::metadata(dir.join(name)).unwrap();
        assert_eq!(meta.permissions().mode() & 0o7777, 0o600, "{name}");
    }
    let stranger = Child::that(|| {
        // SAFETY: numbers; the kernel reads no group from the null pointer.
        unsafe {
            assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
            assert_eq!(libc::setgid(65_534), 0);
            assert_eq!(libc::setuid(65_534), 0);
        }
        let denied = std::io::ErrorKind::PermissionDenied;
        assert_eq!(fs::read_dir(dir).unwrap_err().kind(), denied);
        for name in &names {
            assert_eq!(File::open(dir.join(name)).unwrap_err().kind(), denied, "{name}");
        }
        assert_eq!(
            refusal(dir),
            format!(
                "{} belongs to user 0, not to user 65534: remove it, or set ONEWRITER_DIR",
                dir.display()
            )
        );
    });
    stranger.kill();
}

#[test]
fn a_doorbell_of_another_size_or_version_is_refused() {
    let dir = folder();
    let bell = dir.path().join("bell");
    fs::write(&bell, [0; 100]).unwrap();
    let expected =
        format!("{} has 100 bytes, not 4096: it is no doorbell; remove the folder", bell.display());
    assert_eq!(refusal(dir.path()), expected);

    let mut page = [0; 4096];
    page[..8].copy_from_slice(b"ONEWBELL");
    page[8] = 9;
    fs::write(&bell, page).unwrap();
    let expected = format!(
        "{} was made by another version of onewriter (format 9, this is 1): end those programs, or \
         give the queue another name",
        bell.display()
    );
    assert_eq!(refusal(dir.path()), expected);

    page[..8].copy_from_slice(b"NOTABELL");
    fs::write(&bell, page).unwrap();
    let expected = format!("{} is no doorbell; remove the folder", bell.display());
    assert_eq!(refusal(dir.path()), expected);
}

#[test]
fn many_who_open_a_queue_at_once_get_one_doorbell() {
    let dir = folder();
    std::thread::scope(|scope| {
        let open = || Queue::open_in(dir.path()).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().for_each(|thread| drop(thread.join().unwrap()));
    });
    assert_eq!(files(dir.path(), ""), ["bell"]);
    let (one, other) = (Queue::open_in(dir.path()).unwrap(), Queue::open_in(dir.path()).unwrap());
    one.publish_watermark(77);
    assert_eq!(other.watermark(), 77);
}

#[test]
fn names_have_letters_digits_and_a_length() {
    for name in ["", "a/b", "sp ace", "\u{e4}", &"x".repeat(65)] {
        let expected = format!("queue name {name:?}: use 1 to 64 letters, digits, '.', '_' or '-'");
        let refused = Queue::open(&QueueName::Named(name.to_owned())).unwrap_err();
        assert_eq!(refused.to_string(), expected);
    }
}

#[test]
fn every_spelling_of_a_path_means_one_queue_and_every_file_its_own() {
    let (dir, logs) = (folder(), folder());
    // SAFETY: the tests of this file read the variable only through `Queue::open`, and the one other
    // that gets that far names a queue that is refused first or after.
    unsafe { std::env::set_var(DIR_VARIABLE, dir.path()) };
    let open = |path: std::path::PathBuf| {
        let queue = Queue::open(&QueueName::File(path)).unwrap();
        queue.dir().to_owned()
    };
    let log = logs.path().join("shop.log");
    let other_spelling = logs.path().join(".").join("..").join(logs.path().file_name().unwrap());
    assert_eq!(open(log.clone()), open(other_spelling.join("shop.log")));
    assert_ne!(open(log.clone()), open(logs.path().join("shop.log.1")));
    let odd = open(logs.path().join("caf\u{e9} 1.log"));
    assert!(odd.to_string_lossy().ends_with("-caf%c3%a9%201.log"), "{}", odd.display());
    // SAFETY: asks for a number.
    let root = dir.path().join(format!("onewriter-{}", unsafe { libc::geteuid() }));
    assert_eq!(open(log).parent(), Some(root.as_path()));
    let missing = logs.path().join("none").join("shop.log");
    let refused = Queue::open(&QueueName::File(missing)).unwrap_err().to_string();
    let expected = format!("cannot look at the log file's folder {}/none: ", logs.path().display());
    assert!(refused.starts_with(&expected), "{refused}");
    let refused = Queue::open(&QueueName::File("..".into())).unwrap_err().to_string();
    assert_eq!(refused, ".. does not name a file");
    let private = |queue: Queue| queue.dir().to_owned();
    let one = private(Queue::open(&QueueName::Private).unwrap());
    assert_ne!(one, private(Queue::open(&QueueName::Private).unwrap()));
}

#[test]
fn a_request_wakes_a_sleeping_writer_and_a_watermark_those_who_wait() {
    let dir = folder();
    let queue = Queue::open_in(dir.path()).unwrap();
    let asked = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            while queue.requested() == 0 {
                queue.sleep(Duration::from_secs(3600), || {
                    asked.store(true, Ordering::SeqCst);
                    queue.requested() == 0
                });
            }
            queue.publish_watermark(queue.requested());
        });
        while !asked.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let wanted = now();
        queue.request(wanted);
        while queue.watermark() < wanted {
            queue.wait_for_watermark(wanted, Duration::from_secs(3600));
        }
        writer.join().unwrap();
        assert_eq!((queue.requested(), queue.watermark()), (wanted, wanted));
        queue.request(wanted - 1);
        assert_eq!(queue.requested(), wanted, "an earlier moment is asked for already");
    });
}
