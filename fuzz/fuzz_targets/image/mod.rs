//! A segment file with a valid header, and somebody who writes over it and cuts it.

use arbitrary::Arbitrary;
use onewriter_ring::Queue;
use std::cell::OnceCell;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

pub const PAGE: u64 = 4096;
const CONTROL: u64 = PAGE;
const TABLE: u64 = PAGE + 4096 * 256;
const DATA: u64 = TABLE + (4 << 20);
pub const RING: u64 = 8 << 10;
pub const N_RINGS: u64 = 2;
const LEN: u64 = DATA + N_RINGS * RING;

thread_local! {
    static QUEUE: OnceCell<(tempfile::TempDir, &'static Queue)> = const { OnceCell::new() };
}

/// The queue of this process, in memory.
pub fn queue() -> &'static Queue {
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

/// What somebody does to the file.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Deed {
    /// Writes a word: its place says in which part, and where in it.
    Write(u16, u64),
    /// Cuts the file, and lets it grow again.
    Cut(u16),
}

/// The file, removed on drop.
pub struct Image {
    file: File,
    path: PathBuf,
}

impl Image {
    /// A segment with two rings; the first holds `frames`, the table `sites`.
    pub fn new(sites: &[u8], frames: &[u8]) -> Image {
        let path = queue().dir().join(format!("s-{:032x}", 0));
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path);
        let image = Image { file: file.expect("a new file"), path };
        image.file.set_len(LEN).expect("room in memory");
        image.word(0, u64::from_le_bytes(*b"ONEWRSEG"));
        image.word(8, 1);
        image.word(8 * 5, N_RINGS * RING);
        image.word(8 * 32, N_RINGS);
        for ring in 0..N_RINGS {
            image.word(CONTROL + 256 * ring + 8 * 30, DATA + ring * RING);
            image.word(CONTROL + 256 * ring + 8 * 31, RING);
        }
        let sites = &sites[..sites.len().min(4 << 20) / 8 * 8];
        image.bytes(TABLE, sites);
        image.word(8 * 48, sites.len() as u64);
        let frames = &frames[..frames.len().min(RING as usize) / 8 * 8];
        image.bytes(DATA, frames);
        image.word(CONTROL, frames.len() as u64);
        image
    }

    fn word(&self, at: u64, word: u64) {
        self.bytes(at, &word.to_le_bytes());
    }

    fn bytes(&self, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, at).expect("room in memory");
    }

    /// Places where words mean something: the header, control blocks, the table, data.
    pub fn suffer(&self, deed: Deed) {
        match deed {
            Deed::Write(place, word) => {
                let offset = u64::from(place & 0x3ff) * 8;
                let at = match place >> 14 {
                    0 => offset % PAGE,
                    1 => CONTROL + offset % (256 * N_RINGS),
                    2 => TABLE + offset % PAGE,
                    _ => DATA + offset % (N_RINGS * RING),
                };
                let _ = self.file.write_all_at(&word.to_le_bytes(), at);
            }
            Deed::Cut(pages) => {
                let _ = self.file.set_len(u64::from(pages) * PAGE % LEN);
                let _ = self.file.set_len(LEN);
            }
        }
    }

    /// Calls `read` while another thread does these deeds again and again.
    pub fn while_suffering(&self, deeds: &[Deed], read: impl FnOnce()) {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            if !deeds.is_empty() {
                scope.spawn(|| {
                    let again = deeds.iter().cycle().take_while(|_| !done.load(Ordering::Relaxed));
                    again.for_each(|deed| self.suffer(*deed));
                });
            }
            read();
            done.store(true, Ordering::Relaxed);
        });
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let name = format!("bad-s-{:032x}", 0);
        let _ = fs::remove_file(self.path.with_file_name(name));
    }
}
