//! A journal of arbitrary words that another thread keeps changing and cutting: what is pending has a
//! bound, and a write can still be announced or is an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onewriter_ring::{Cursor, JournalFile, Place, Queue};
use std::cell::OnceCell;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: u64 = 4096;
const CURSORS: u64 = 2 << 20;
const STAGE: u64 = PAGE + 2 * CURSORS;
const LEN: u64 = STAGE + (64 << 10);

thread_local! {
    static QUEUE: OnceCell<(tempfile::TempDir, Queue)> = const { OnceCell::new() };
}

/// A place and a word; a place above all others cuts the file.
type Deed = (u16, u64);

fn suffer(file: &File, (place, word): Deed) {
    let offset = u64::from(place & 0x1ff) * 8;
    let at = match place >> 13 {
        0..=3 => offset % 320,
        4 => PAGE + offset,
        5 => PAGE + CURSORS + offset,
        6 => STAGE + offset,
        _ => {
            let _ = file.set_len(word % LEN);
            let _ = file.set_len(LEN);
            return;
        }
    };
    let _ = file.write_all_at(&word.to_le_bytes(), at);
}

fn use_it(queue: &Queue) {
    let Ok(mut journal) = JournalFile::open(queue, 1) else { return };
    let place = Place { dev: 1, ino: 2, base: 3 };
    let cursor = Cursor { segment: 9, ring: 0, pos: 8 };
    for bytes in [&b"first\n"[..], &[b'x'; 70_000]] {
        if let Some(pending) = journal.pending() {
            assert!(pending.bytes.len() as u64 <= (1 << 30));
        }
        assert!(journal.cursors().len() as u64 <= CURSORS / 32);
        if journal.intend(place, bytes, [cursor; 3].into_iter()).is_ok() {
            journal.confirm();
        }
    }
    journal.trim();
}

fuzz_target!(|input: (Vec<Deed>, Vec<Deed>)| {
    let (before, during) = input;
    QUEUE.with(|cell| {
        let (_, queue) = cell.get_or_init(|| {
            let mut builder = tempfile::Builder::new();
            builder.permissions(fs::Permissions::from_mode(0o700));
            let dir = builder.tempdir_in("/dev/shm").expect("a folder in memory");
            let queue = Queue::open_in(dir.path()).expect("a queue");
            (dir, queue)
        });
        let path = queue.dir().join("j-0000000000000001");
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).open(path);
        let file = file.expect("a new file");
        file.set_len(LEN).expect("room in memory");
        let magic = [(0, u64::from_le_bytes(*b"ONEWJRNL")), (1, 1)];
        magic.into_iter().chain(before).for_each(|deed| suffer(&file, deed));
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            if !during.is_empty() {
                scope.spawn(|| {
                    let again = during.iter().cycle().take_while(|_| !done.load(Ordering::Relaxed));
                    again.for_each(|deed| suffer(&file, *deed));
                });
            }
            use_it(queue);
            done.store(true, Ordering::Relaxed);
        });
    });
});
