//! Where queues live: names, and what is wrong with a folder or a doorbell, word for word.

mod queue;

use onewriter_ring::{DIR_VARIABLE, Queue, QueueName, now};
use queue::{files, folder};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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
    // SAFETY: asks for a number.
    if unsafe { libc::geteuid() } != 0 {
        // Only root can give a folder away; the message is the same for everybody.
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
    let link = dir.path().join("link");
    fs::create_dir(dir.path().join("real")).unwrap();
    symlink(dir.path().join("real"), &link).unwrap();
    let expected = format!(
        "{} is not a folder but must be one: remove it, or set ONEWRITER_DIR",
        link.display()
    );
    assert_eq!(refusal(&link), expected);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let expected = format!(
        "cannot make the queue's folder {}: File exists (os error 17); set ONEWRITER_DIR to a \
         folder of your own",
        file.display()
    );
    assert_eq!(refusal(&file), expected);
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

    fs::remove_file(&bell).unwrap();
    symlink("/dev/zero", &bell).unwrap();
    let expected = format!("cannot open the doorbell {}: ", bell.display());
    assert!(refusal(dir.path()).starts_with(&expected));
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
