//! A segment file with a valid header, then arbitrary words at arbitrary places and arbitrary frames,
//! while another thread writes more of them: the reader ends, with bounded output.
#![no_main]

use libfuzzer_sys::fuzz_target;
use onewriter_ring::{Queue, Reader};
use std::cell::OnceCell;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::sync::atomic::{AtomicBool, Ordering};

const PAGE: u64 = 4096;
const CONTROL: u64 = PAGE;
const TABLE: u64 = PAGE + 4096 * 256;
const DATA: u64 = TABLE + (4 << 20);
const RING: u64 = 8 << 10;
const N_RINGS: u64 = 2;

thread_local! {
    static QUEUE: OnceCell<(tempfile::TempDir, &'static Queue)> = const { OnceCell::new() };
}

fn queue() -> &'static Queue {
    QUEUE.with(|cell| {
        let (_, queue) = cell.get_or_init(|| {
            let mut builder = tempfile::Builder::new();
            builder.permissions(fs::Permissions::from_mode(0o700));
            let dir = builder.tempdir_in("/dev/shm").expect("a folder in memory");
            let queue = Queue::open_in(dir.path()).expect("a queue");
            (dir, Box::leak(Box::new(queue)))
        });
        *queue
    })
}

/// What is written over the valid segment: a place and a word.
type Scribble = (u16, u64);

fuzz_target!(|input: (Vec<Scribble>, Vec<Scribble>, &[u8])| {
    let (before, during, frames) = input;
    let queue = queue();
    let path = queue.dir().join("s-fuzz");
    let file = valid(&path, frames);
    before.iter().for_each(|scribble| write(&file, *scribble));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if !during.is_empty() {
            scope.spawn(|| {
                let again = during.iter().cycle().take_while(|_| !done.load(Ordering::Relaxed));
                again.for_each(|scribble| write(&file, *scribble));
            });
        }
        read(queue);
        done.store(true, Ordering::Relaxed);
    });
    let _ = fs::remove_file(&path);
    let _ = fs::remove_file(queue.dir().join("bad-s-fuzz"));
});

/// A segment with two rings, the first of which holds `frames`.
fn valid(path: &std::path::Path, frames: &[u8]) -> File {
    let file =
        File::options().read(true).write(true).create(true).truncate(true).open(path).expect("new");
    file.set_len(DATA + N_RINGS * RING).expect("room in memory");
    let word = |at: u64, word: u64| {
        file.write_all_at(&word.to_le_bytes(), at).expect("room in memory");
    };
    word(0, u64::from_le_bytes(*b"ONEWRSEG"));
    word(8, 1);
    word(8 * 5, N_RINGS * RING);
    word(8 * 32, N_RINGS);
    for ring in 0..N_RINGS {
        word(CONTROL + 256 * ring + 8 * 30, DATA + ring * RING);
        word(CONTROL + 256 * ring + 8 * 31, RING);
    }
    let frames = &frames[..frames.len().min(RING as usize) / 8 * 8];
    word(CONTROL, frames.len() as u64);
    file.write_all_at(frames, DATA).expect("room in memory");
    file
}

/// Places where words mean something: the header, control blocks, the table, data.
fn write(file: &File, (place, word): Scribble) {
    let offset = u64::from(place & 0x3ff) * 8;
    let at = match place >> 14 {
        0 => offset % PAGE,
        1 => CONTROL + offset % (256 * N_RINGS),
        2 => TABLE + offset % PAGE,
        _ => DATA + offset % (N_RINGS * RING),
    };
    let _ = file.write_all_at(&word.to_le_bytes(), at);
}

fn read(queue: &'static Queue) {
    const PASSES: usize = 3;
    let mut reader = Reader::new(queue);
    let mut n_frames = 0;
    for _ in 0..PASSES {
        reader.begin();
        for ring in reader.active().to_vec() {
            while reader.peek(ring).is_some() {
                n_frames += usize::from(reader.frame(ring).is_some());
                reader.next(ring);
            }
        }
        reader.new_sites(0, |_| ());
        let _ = reader.process(0);
        reader.losses(|_, _| ());
        let _ = (reader.waiting(), reader.has_news(), reader.counts(), reader.cursors().count());
        reader.release();
    }
    // No frame is shorter than 16 bytes, and no pass sees more than a ring of each.
    assert!(n_frames <= PASSES * (N_RINGS * (1 << 20) / 16) as usize);
    let _ = reader.take_damage();
}
