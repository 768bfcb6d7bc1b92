//! A process's segment: its rings and its call-site table, in one file that only it writes.
//!
//! ```text
//! 0        header: who made it, how many rings, how long the table is
//! 4 KiB    control blocks of the rings, 256 bytes each
//! + 1 MiB  call-site table: entries one behind the other, each its length and its bytes
//! + 4 MiB  data of the rings, page by page as they are claimed
//! ```
//!
//! The file is mapped in full length at once and its blocks are allocated piece by piece, so that
//! an idle process takes 32 KiB. Nothing that has been published is moved or given back.

use crate::clock;
use crate::lock::LifetimeLock;
use crate::os::{self, Map, PAGE};
use crate::queue::{Error, Queue, bell};
use crate::sites;
use crate::spsc::{CONTROL_WORDS, DATA_AT, DATA_LEN, LOST_SEEN, Ring, TAKEN};
use crate::steady::Steady;
use crate::words::{MapWords, Words};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"ONEWRSEG");
pub(crate) const VERSION: u64 = 2;

/// The words of the header.
pub(crate) mod header {
    pub(crate) const MAGIC_AT: usize = 0;
    pub(crate) const VERSION_AT: usize = 1;
    /// Two words: 128 random bits.
    pub(crate) const ID: usize = 2;
    pub(crate) const PROCESS_ID: usize = 4;
    /// Bytes of ring data at most.
    pub(crate) const BUDGET: usize = 5;
    /// 1 if the process could not register for barriers.
    pub(crate) const NO_BARRIER: usize = 6;
    /// The process's name: its length, then eight words.
    pub(crate) const NAME_LEN: usize = 8;
    pub(crate) const NAME: usize = 9;
    pub(crate) const NAME_WORDS: usize = 8;
    /// Control blocks published.
    pub(crate) const N_RINGS: usize = 32;
    /// Bytes of the call-site table published.
    pub(crate) const TABLE_LEN: usize = 48;
    /// The segments that the process has given up before this one, the last ones of them: entries of
    /// [`GIVEN_UP_WORDS`] words, in the order of a ring.
    pub(crate) const GIVEN_UP: usize = 64;
    /// How many of these there are.
    pub(crate) const N_GIVEN_UP: usize = 63;
    pub(crate) const MAX_GIVEN_UP: usize = 16;
    /// The id in two words, when the segment was made, how many records were put into it or refused,
    /// how many of these were read or told when it was given up, [`UNKNOWN`] if nobody knows; and, of
    /// the reader, how many of them it knows to be read or told.
    pub(crate) const GIVEN_UP_WORDS: usize = 6;
    pub(crate) const SETTLED: usize = 5;
    pub(crate) const UNKNOWN: u64 = u64::MAX;
}

pub(crate) const CONTROL_START: usize = PAGE;
pub(crate) const MAX_RINGS: usize = 4096;
pub(crate) const TABLE_START: usize = CONTROL_START + MAX_RINGS * CONTROL_WORDS * 8;
pub(crate) const TABLE_MAX: usize = 4 << 20;
pub(crate) const DATA_START: usize = TABLE_START + TABLE_MAX;
/// Ring data of a process at most.
pub(crate) const BUDGET_MAX: usize = 1 << 30;
pub(crate) const BUDGET_MIN: usize = 64 << 10;

/// The sizes of rings: the first of a thread, and those that follow when it is full.
pub(crate) const RING_SIZES: [usize; 3] = [8 << 10, 64 << 10, 1 << 20];
const TABLE_STEP: usize = 2 * PAGE;
const TABLE_FIRST: usize = TABLE_STEP;

/// The process's own segment.
#[derive(Debug)]
pub(crate) struct Segment {
    map: Map,
    file: Steady,
    path: PathBuf,
    pub(crate) id: u128,
    /// Under which it is open for puts: another one than any segment before it had.
    pub(crate) number: u32,
    /// The one that was given up for it, and how many those are in all.
    before: Option<&'static Segment>,
    n_before: usize,
    made: u64,
    /// Bytes of the file that are allocated.
    end: AtomicUsize,
    /// How many rings are published.
    n_rings: AtomicU64,
    /// Records that handles which have left it had put into it, or that were refused there.
    n_records: AtomicU64,
    /// How many of these were read or told when it was given up.
    n_done: AtomicU64,
    /// While it is there the process counts as alive.
    alive: Mutex<Option<LifetimeLock>>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    budget: usize,
    control_allocated: usize,
    data_used: usize,
    table_allocated: usize,
    table_used: usize,
    rings: Vec<Slot>,
    n_side_files: u64,
    /// The numbers and sizes of those that may be there yet.
    side_files: Vec<(u64, usize)>,
    /// Whether the ring that threads share is claimed; until then memory is kept for it.
    has_shared: bool,
}

/// What is known of a ring here is believed, and not what stands in its control block.
#[derive(Clone, Copy, Debug)]
struct Slot {
    at: usize,
    size: usize,
    owned: bool,
    /// The tail, while nobody owns it.
    tail: u64,
}

/// A ring that a thread has claimed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) number: usize,
    pub(crate) size: usize,
    pub(crate) tail: u64,
    pub(crate) ring: Ring<MapWords<'static>>,
}

impl Segment {
    /// Makes the segment of this process, open under `number`, in the place of the one `before`.
    pub(crate) fn create(
        queue: &Queue,
        budget: usize,
        number: u32,
        before: Option<&'static Segment>,
    ) -> Result<&'static Segment, Error> {
        let id = os::random_id().map_err(|err| Error::new(format!("no random id: {err}")))?;
        let temp = queue.dir().join(format!(".s-{id:032x}"));
        let make = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o600).open(&temp)
        };
        // A folder that was there for the one before is not made anew: who has it open is elsewhere.
        let file = if before.is_some() { make() } else { queue.in_folder(make) };
        let file = file.map_err(|err| Error::io("cannot make the segment", &temp, err))?;
        let mut segment = Segment::create_in(file, &temp, segment_path(queue, id), budget)?;
        (segment.id, segment.number, segment.made) = (id, number, clock::read(queue.bell.clock));
        (segment.before, segment.n_before) = (before, before.map_or(0, |it| it.n_before + 1));
        segment.write_header();
        fs::rename(&temp, &segment.path).map_err(|err| {
            let _ = fs::remove_file(&temp);
            Error::io("cannot name the segment", &segment.path, err)
        })?;
        queue.bell.words().word(bell::JOINS).fetch_add(1, Ordering::SeqCst);
        // The segment is never dropped: thread handles point into its mapping until the process
        // ends.
        Ok(Box::leak(Box::new(segment)))
    }

    fn create_in(file: File, temp: &Path, path: PathBuf, budget: usize) -> Result<Segment, Error> {
        let fail = |err| {
            let _ = fs::remove_file(temp);
            Error::io("cannot make the segment", temp, err)
        };
        let map = Map::shared(&file, DATA_START + budget).map_err(fail)?;
        os::allocate(&file, 0, PAGE).map_err(fail)?;
        let lock = LifetimeLock::try_take(temp)
            .map_err(fail)?
            .ok_or_else(|| Error::new("somebody else locked a segment that was just made"))?;
        let inner = Mutex::new(Inner {
            budget,
            control_allocated: 0,
            data_used: 0,
            table_allocated: 0,
            table_used: 0,
            rings: Vec::new(),
            n_side_files: 0,
            side_files: Vec::new(),
            has_shared: false,
        });
        let file = Steady::new(file, path.clone()).map_err(fail)?;
        let segment = Segment {
            map,
            file,
            path,
            id: 0,
            number: 0,
            before: None,
            n_before: 0,
            made: 0,
            end: AtomicUsize::new(PAGE),
            n_rings: AtomicU64::new(0),
            n_records: AtomicU64::new(0),
            n_done: AtomicU64::new(0),
            alive: Mutex::new(Some(lock)),
            inner,
        };
        segment.copy_table().map_err(fail)?;
        Ok(segment)
    }

    fn allocate(&self, at: usize, len: usize) -> std::io::Result<()> {
        self.file.with(|file| os::allocate(file, at, len))?;
        self.end.fetch_max(at + len, Ordering::Release);
        Ok(())
    }

    /// Whether nobody can read it any more: the file is no longer under its name, or somebody has cut it,
    /// perhaps before it grew again, or has written over what a reader looks at first.
    pub(crate) fn is_gone(&self) -> bool {
        // First what it has to be, then what it is: another thread may make it longer meanwhile.
        let end = self.end.load(Ordering::Acquire) as u64;
        let is_there = match fs::symlink_metadata(&self.path) {
            Ok(meta) => self.file.is(&meta) && meta.len() >= end,
            Err(err) => err.kind() != std::io::ErrorKind::NotFound,
        };
        !is_there || !self.is_whole()
    }

    /// Whether it was not cut, and still says of itself what it said at first. Each producer looks at its
    /// own ring.
    pub(crate) fn is_whole(&self) -> bool {
        let n_rings = self.n_rings.load(Ordering::Acquire);
        let word = |at| self.map.words().load(at, Ordering::Relaxed);
        let id = u128::from(word(header::ID)) | u128::from(word(header::ID + 1)) << 64;
        // Rings may have come meanwhile.
        let is_as_made =
            id == self.id && word(header::MAGIC_AT) == MAGIC && word(header::N_RINGS) >= n_rings;
        is_as_made && !self.is_cut()
    }

    /// Whether somebody cut the file, and this process has met the end of it.
    pub(crate) fn is_cut(&self) -> bool {
        self.map.cut().is_some()
    }

    /// Whether the segment's mapping begins at this address.
    pub(crate) fn begins_at(&self, address: usize) -> bool {
        self.map.begins_at(address)
    }

    fn write_header(&self) {
        let words = self.map.words();
        let put = |at, word| words.store(at, word, Ordering::Relaxed);
        put(header::ID, self.id as u64);
        put(header::ID + 1, (self.id >> 64) as u64);
        put(header::PROCESS_ID, u64::from(std::process::id()));
        put(header::BUDGET, self.lock().budget as u64);
        put(header::NO_BARRIER, u64::from(!os::register_barrier()));
        let name = process_name();
        let name = &name.as_bytes()[..name.len().min(8 * header::NAME_WORDS)];
        put(header::NAME_LEN, name.len() as u64);
        for (at, chunk) in name.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            put(header::NAME + at, u64::from_le_bytes(word));
        }
        let given_up = self.before.into_iter().flat_map(Segment::line);
        given_up.take(header::MAX_GIVEN_UP).for_each(|it| self.publish_given_up(it));
        self.copy_settled();
        put(header::N_GIVEN_UP, self.n_before.min(header::MAX_GIVEN_UP) as u64);
        put(header::VERSION_AT, VERSION);
        put(header::MAGIC_AT, MAGIC);
    }

    fn copy_table(&self) -> std::io::Result<()> {
        let mut inner = self.lock();
        let sites = sites::published();
        let len = 8 * sites.len();
        self.grow_table(&mut inner, (len + TABLE_FIRST).min(TABLE_MAX))?;
        for at in 0..sites.len() {
            let word = sites.load(at, Ordering::Relaxed);
            self.map.words().store(TABLE_START / 8 + at, word, Ordering::Relaxed);
        }
        inner.table_used = len;
        self.map.words().store(header::TABLE_LEN, len as u64, Ordering::Release);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        // Nothing between lock and unlock panics on purpose; what a panic left is still consistent.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn grow_table(&self, inner: &mut Inner, needed: usize) -> std::io::Result<()> {
        let len = needed.next_multiple_of(TABLE_STEP).min(TABLE_MAX);
        if len > inner.table_allocated {
            self.allocate(TABLE_START, len)?;
            inner.table_allocated = len;
        }
        Ok(())
    }

    /// Whether the call site fits into the table; if so, memory is allocated for it.
    pub(crate) fn has_room_for_site(&self, bytes: &[u8]) -> bool {
        let mut inner = self.lock();
        let end = inner.table_used + sites::entry_len(bytes);
        end <= TABLE_MAX && self.grow_table(&mut inner, end).is_ok()
    }

    /// Adds a call site to the table, for which there is room.
    pub(crate) fn register_site(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        let len = sites::entry_len(bytes);
        let words = self.map.words().part((TABLE_START + inner.table_used) / 8, len / 8);
        sites::write_entry(&words, bytes);
        inner.table_used += len;
        // SYNC POINT table: with the acquire load in the reader.
        let end = inner.table_used as u64;
        self.map.words().store(header::TABLE_LEN, end, Ordering::Release);
    }

    /// Gives a ring of at least `size` bytes to the calling thread: one that another thread has
    /// left, whatever is still in it, or a new one.
    pub(crate) fn claim(&self, size: usize) -> Result<Claim, Error> {
        self.claim_from(&mut self.lock(), size)
    }

    /// The same for the ring that threads without one share: there is always memory for it.
    pub(crate) fn claim_shared(&self) -> Result<Claim, Error> {
        let mut inner = self.lock();
        inner.has_shared = true;
        self.claim_from(&mut inner, RING_SIZES[0])
    }

    fn claim_from(&self, inner: &mut Inner, size: usize) -> Result<Claim, Error> {
        let left = inner.rings.iter().position(|slot| !slot.owned && slot.size == size);
        let number = match left {
            Some(number) => number,
            None => self.make_ring(inner, size)?,
        };
        let slot = &mut inner.rings[number];
        slot.owned = true;
        Ok(Claim { number, size, tail: slot.tail, ring: self.ring(number, *slot) })
    }

    fn make_ring(&self, inner: &mut Inner, size: usize) -> Result<usize, Error> {
        let number = inner.rings.len();
        let at = DATA_START + inner.data_used;
        let kept = if inner.has_shared { 0 } else { 1 };
        let needed = inner.data_used + size + kept * RING_SIZES[0];
        if number + kept >= MAX_RINGS || needed > inner.budget {
            return Err(Error::new("the process has used up its budget of ring memory"));
        }
        let fail = |err| Error::io("no memory for a ring in", &self.path, err);
        // What is kept for the shared ring is allocated with the ring before it: it must be there when
        // the file system is full.
        let control_end = (number + 1 + kept) * CONTROL_WORDS * 8;
        if control_end > inner.control_allocated {
            self.allocate(CONTROL_START, control_end.next_multiple_of(PAGE)).map_err(fail)?;
            inner.control_allocated = control_end.next_multiple_of(PAGE);
        }
        let len = size + kept * RING_SIZES[0];
        self.allocate(at, len).map_err(fail)?;
        self.map.populate(at, size);
        inner.data_used += size;
        inner.rings.push(Slot { at, size, owned: true, tail: 0 });
        let control = self.control(number);
        control.store(DATA_AT, at as u64, Ordering::Relaxed);
        control.store(DATA_LEN, size as u64, Ordering::Relaxed);
        // SYNC POINT rings: with the acquire load in the reader.
        self.map.words().store(header::N_RINGS, number as u64 + 1, Ordering::Release);
        self.n_rings.store(number as u64 + 1, Ordering::Release);
        Ok(number)
    }

    fn control(&self, number: usize) -> MapWords<'static> {
        // SAFETY: a segment is leaked by `create`: it is never unmapped.
        let words = unsafe { self.map.words_forever() };
        words.part(CONTROL_START / 8 + number * CONTROL_WORDS, CONTROL_WORDS)
    }

    fn ring(&self, number: usize, Slot { at, size, .. }: Slot) -> Ring<MapWords<'static>> {
        // SAFETY: as in `control`.
        let words = unsafe { self.map.words_forever() };
        let data = words.part(at / 8, size / 8);
        Ring { control: self.control(number), data, capacity: size as u64 }
    }

    /// The ring may go to another thread, which goes on at `tail`. The caller does not touch it any
    /// more.
    pub(crate) fn release(&self, number: usize, tail: u64) {
        if let Some(slot) = self.lock().rings.get_mut(number) {
            (slot.owned, slot.tail) = (false, tail);
        }
    }

    /// This segment and those that were given up before it, the youngest first.
    pub(crate) fn line(&'static self) -> impl Iterator<Item = &'static Segment> {
        std::iter::successors(Some(self), |segment| segment.before)
    }

    /// Adds records that a handle had put into it, or that were refused there, when the handle leaves.
    pub(crate) fn add_records(&self, count: u64) {
        self.n_records.fetch_add(count, Ordering::Relaxed);
    }

    /// Says in this segment how many records were put into one that was given up before it.
    pub(crate) fn publish_given_up(&self, given_up: &Segment) {
        let n_back = self.n_before - given_up.n_before;
        if !(1..=header::MAX_GIVEN_UP).contains(&n_back) {
            return;
        }
        let at = given_up.n_before % header::MAX_GIVEN_UP * header::GIVEN_UP_WORDS;
        let words = self.map.words().part(header::GIVEN_UP + at, header::GIVEN_UP_WORDS);
        // The reader's word is left as it is.
        let (id, count) = (given_up.id, given_up.n_records.load(Ordering::Relaxed));
        let done = given_up.n_done.load(Ordering::Relaxed);
        let entry = [id as u64, (id >> 64) as u64, given_up.made, count, done];
        for (at, word) in entry.into_iter().enumerate() {
            words.store(at, word, Ordering::Relaxed);
        }
    }

    /// What the reader has said in the segment before this one of those before that.
    fn copy_settled(&self) {
        let Some(before) = self.before.filter(|before| !before.is_cut()) else { return };
        for entry in
            (0..header::MAX_GIVEN_UP).filter(|it| *it != before.n_before % header::MAX_GIVEN_UP)
        {
            let at = header::GIVEN_UP + entry * header::GIVEN_UP_WORDS + header::SETTLED;
            let settled = before.map.words().load(at, Ordering::Relaxed);
            self.map.words().store(at, settled, Ordering::Relaxed);
        }
    }

    /// Nobody begins a put into it any more: notes how much of it was read, as far as it shows.
    pub(crate) fn note_done(&self) {
        let n_rings = self.lock().rings.len();
        let done = |number| {
            let control = self.control(number);
            let told = control.load(LOST_SEEN, Ordering::Relaxed);
            control.load(TAKEN, Ordering::Relaxed).saturating_add(told)
        };
        let sum = (0..n_rings).map(done).fold(0, u64::saturating_add);
        let is_known = !self.is_cut() && sum <= self.n_records.load(Ordering::Relaxed);
        self.n_done.store(if is_known { sum } else { header::UNKNOWN }, Ordering::Relaxed);
    }

    /// Lets its memory and its file go. What a put that is still under way writes from now on nobody sees.
    pub(crate) fn let_go(&self) {
        // Whoever uses the file has this lock.
        let _inner = self.lock();
        self.map.cover();
        self.file.close();
    }

    /// The same when the queue was left: whoever writes it takes the segment for one of a dead process.
    pub(crate) fn abandon(&self) {
        self.let_go();
        self.alive.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    /// Makes a side file for a record too large for any ring: its number, and its mapped words. `None` if
    /// there is no room: all that are not read yet may have together as much as the rings, and one alone
    /// what it needs. A sixteenth is kept for urgent records.
    pub(crate) fn side_file(
        &self,
        len: usize,
        is_urgent: bool,
    ) -> Result<Option<(u64, SideFile)>, Error> {
        let number = {
            let mut inner = self.lock();
            let limit = inner.budget - if is_urgent { 0 } else { inner.budget / 16 };
            let has_room = |files: &[(u64, usize)]| {
                files.is_empty() || files.iter().map(|(_, size)| size).sum::<usize>() + len <= limit
            };
            if !has_room(&inner.side_files) {
                // The reader removes what it has read.
                inner.side_files.retain(|(number, _)| side_path(&self.path, *number).exists());
                if !has_room(&inner.side_files) {
                    return Ok(None);
                }
            }
            inner.n_side_files += 1;
            let number = inner.n_side_files;
            inner.side_files.push((number, len));
            number
        };
        let path = side_path(&self.path, number);
        let fail = |err| {
            let _ = fs::remove_file(&path);
            Error::io("cannot make a side file", &path, err)
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(fail)?;
        // Exactly as long as the record: if its process dies before it is whole, that is known.
        let size = len.max(8);
        os::allocate(&file, 0, size).map_err(fail)?;
        let map = Map::shared(&file, size).map_err(fail)?;
        Ok(Some((number, SideFile { map })))
    }
}

/// A record's body in a file of its own, while it is being written.
#[derive(Debug)]
pub(crate) struct SideFile {
    map: Map,
}

impl SideFile {
    pub(crate) fn words(&self) -> MapWords<'_> {
        self.map.words()
    }
}

/// Where the segment with these random bits is.
pub(crate) fn segment_path(queue: &Queue, id: u128) -> PathBuf {
    queue.dir().join(segment_name(id))
}

pub(crate) fn segment_name(id: u128) -> String {
    format!("s-{id:032x}")
}

/// `b-<segment>-<number>` beside `s-<segment>`.
pub(crate) fn side_path(segment: &Path, number: u64) -> PathBuf {
    segment.with_file_name(format!("{}{number}", side_prefix(segment)))
}

/// How the names of a segment's side files begin.
pub(crate) fn side_prefix(segment: &Path) -> String {
    prefix("b", segment)
}

/// `d-<segment>-<number>`: the same file, once the record is written and before it is removed.
pub(crate) fn done_path(segment: &Path, number: u64) -> PathBuf {
    segment.with_file_name(format!("{}{number}", done_prefix(segment)))
}

/// How the names of such files begin.
pub(crate) fn done_prefix(segment: &Path) -> String {
    prefix("d", segment)
}

fn prefix(kind: &str, segment: &Path) -> String {
    let name = segment.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    format!("{kind}-{}-", name.trim_start_matches("s-"))
}

fn process_name() -> String {
    let exe = std::env::current_exe().ok();
    let name = exe.as_deref().and_then(Path::file_name);
    name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
