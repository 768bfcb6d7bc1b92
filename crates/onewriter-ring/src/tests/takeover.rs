//! Writers that take over from one another, for the model checkers: the rings and the journals are
//! the real ones; the router, the routes and the files are those of the engine in small. Each sink
//! has a file of words, one for a record.

use crate::journal::{Place, steps};
use crate::reader::Cursor;
use crate::spsc::{Consumer, Ring, parse};
use crate::words::Words;
use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

/// What a writer does wrong, to see that the models notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// Gives space back before the sinks have what stood in it.
    ReleasesFirst,
    /// Reads everything behind the heads into every sink.
    SkipsNothing,
    /// Announces a write with its own cursors alone, where the sink has more.
    CarriesNoCursors,
    /// Says that everything is written before it is.
    PublishesFirst,
}

/// The writer was killed.
#[derive(Debug)]
pub(super) struct Dead;

/// How many steps a writer has left.
pub(super) struct Life(Cell<usize>);

impl Life {
    pub(super) fn new(n_steps: usize) -> Life {
        Life(Cell::new(n_steps))
    }

    fn step(&self) -> Result<(), Dead> {
        self.0.set(self.0.get().checked_sub(1).ok_or(Dead)?);
        Ok(())
    }
}

/// A journal's words: few of many, and only one writer at a time touches them.
#[derive(Default)]
struct Sparse(Mutex<BTreeMap<usize, u64>>);

impl Words for Sparse {
    fn load(&self, at: usize, _: Ordering) -> u64 {
        self.0.lock().unwrap().get(&at).copied().unwrap_or(0)
    }

    fn store(&self, at: usize, word: u64, _: Ordering) {
        self.0.lock().unwrap().insert(at, word);
    }
}

/// A line of a writer's own, which stands in no ring.
const NOTICE: u64 = u64::MAX;

/// What of a sink survives its writer.
pub(super) struct Disk<W> {
    journal: Sparse,
    file: W,
    len: Mutex<usize>,
    /// How many more commits fail.
    trouble: Mutex<u32>,
    /// Only records with a value that this divides are written.
    divisor: u64,
    batch_max: usize,
}

impl<W: Words> Disk<W> {
    pub(super) fn new(file: W, divisor: u64, trouble: u32) -> Disk<W> {
        let batch_max = 2 + divisor as usize;
        let (len, trouble) = (Mutex::new(0), Mutex::new(trouble));
        Disk { journal: Sparse::default(), file, len, trouble, divisor, batch_max }
    }

    pub(super) fn admits(&self, value: u64) -> bool {
        value.is_multiple_of(self.divisor)
    }

    /// The records in the file, as anybody sees it.
    pub(super) fn records(&self) -> Vec<u64> {
        let words = (0..).map(|at| self.file.load(at, Ordering::Relaxed));
        words.take_while(|word| *word != 0).filter(|word| *word != NOTICE).collect()
    }
}

/// What all processes share.
pub(super) struct World<W> {
    pub(super) rings: Vec<Ring<W>>,
    pub(super) disks: Vec<Disk<W>>,
    /// The watermark, and for each producer what it has asked for.
    pub(super) bell: W,
    pub(super) flaw: Flaw,
}

impl<W: Words> World<W> {
    /// As the end of `complete`: whether everything up to `wanted` is said to be written.
    pub(super) fn is_complete(&self, wanted: u64) -> bool {
        self.bell.load(0, Ordering::Acquire) >= wanted
    }

    /// As the beginning of `complete`; each producer has a word of its own.
    pub(super) fn request(&self, producer: usize, wanted: u64) {
        self.bell.store(1 + producer, wanted, Ordering::SeqCst);
    }

    fn requested(&self) -> u64 {
        let words = 1..=self.rings.len();
        words.map(|at| self.bell.load(at, Ordering::SeqCst)).max().unwrap_or(0)
    }
}

/// What stands in a ring between two positions; padding has no stamp and no value.
struct Piece {
    begin: u64,
    end: u64,
    record: Option<(u64, u64)>,
}

struct Reading<W> {
    consumer: Consumer<W>,
    pieces: VecDeque<Piece>,
    taken: u64,
    is_dirty: bool,
}

impl<W: Words> Reading<W> {
    fn observe(&mut self) {
        self.consumer.observe().expect("nobody scribbles");
        while self.consumer.pos() != self.consumer.tail() {
            let (mut words, mut begin) = (Vec::new(), self.consumer.pos());
            self.consumer.read(1 << 20, &mut words).expect("nobody scribbles");
            let mut rest = &words[..];
            while !rest.is_empty() {
                let (frame, n_words) = parse(rest).expect("nobody scribbles");
                let record = frame.map(|frame| (frame.stamp, rest[2]));
                let end = begin + 8 * n_words as u64;
                self.pieces.push_back(Piece { begin, end, record });
                (begin, rest) = (end, &rest[n_words..]);
            }
        }
    }

    /// Moves on behind the piece at the front.
    fn next(&mut self) {
        let Some(piece) = self.pieces.pop_front() else { return };
        (self.taken, self.is_dirty) = (piece.end, true);
    }

    /// The stamp of the next record.
    fn peek(&mut self) -> Option<u64> {
        while self.pieces.front()?.record.is_none() {
            self.next();
        }
        self.pieces.front()?.record.map(|(stamp, _)| stamp)
    }
}

/// What of a sink dies with its writer.
#[derive(Default)]
struct Route {
    batch: Vec<u64>,
    /// What was announced and is not written through, and where.
    staged: Option<(usize, Vec<u64>)>,
    /// By ring, what the sink had before this writer.
    skip: HashMap<usize, u64>,
}

/// A writer that has the lead.
pub(super) struct Writer<'a, W> {
    world: &'a World<W>,
    life: &'a Life,
    rings: Vec<Reading<W>>,
    routes: Vec<Route>,
    n_taken: usize,
    /// Nobody else changes it. Loom does not find the schedules in which a load of another thread
    /// stands just before a load and a store of this one.
    watermark: u64,
}

impl<'a, W: Words + Clone> Writer<'a, W> {
    /// Finishes what was begun, and says something of its own before it reads any ring.
    pub(super) fn take_over(world: &'a World<W>, life: &'a Life) -> Result<Writer<'a, W>, Dead> {
        let reading = |ring: &Ring<W>| {
            let head = ring.control.load(crate::spsc::HEAD, Ordering::Acquire);
            let consumer = Consumer::new(ring.clone(), head);
            Reading { consumer, pieces: VecDeque::new(), taken: head, is_dirty: false }
        };
        let watermark = world.bell.load(0, Ordering::Relaxed);
        let rings = world.rings.iter().map(reading).collect();
        let routes = world.disks.iter().map(|_| Route::default()).collect();
        let mut writer = Writer { world, life, rings, routes, n_taken: 0, watermark };
        for at in 0..world.disks.len() {
            writer.take_over_sink(at)?;
        }
        for at in 0..world.disks.len() {
            writer.routes[at].batch.push(NOTICE);
            writer.commit_sink(at)?;
        }
        Ok(writer)
    }

    fn take_over_sink(&mut self, at: usize) -> Result<(), Dead> {
        let journal = &self.world.disks[at].journal;
        if self.world.flaw != Flaw::SkipsNothing {
            for Cursor { ring, pos, .. } in steps::cursors(journal) {
                let had = self.routes[at].skip.entry(ring as usize).or_insert(pos);
                *had = pos.max(*had);
            }
        }
        let Some(pending) = steps::pending(journal) else { return Ok(()) };
        let (words, _) = pending.bytes.as_chunks::<8>();
        let words = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        self.routes[at].staged = Some((pending.place.base as usize, words));
        self.commit_sink(at).map(|_| ())
    }

    /// A pass, and what it has reached; whether it took or left anything.
    pub(super) fn pass(&mut self, tick: impl Fn() -> u64) -> Result<bool, Dead> {
        let requested = self.world.requested();
        let t0 = tick();
        self.life.step()?;
        self.rings.iter_mut().for_each(Reading::observe);
        if self.world.flaw == Flaw::PublishesFirst {
            self.publish(requested, t0);
        }
        let before = self.n_taken;
        while let Some(ring) = self.oldest(t0) {
            self.take(ring)?;
        }
        if self.commit()? {
            self.life.step()?;
            self.publish(requested, t0);
            return Ok(self.n_taken != before);
        }
        Ok(true)
    }

    fn oldest(&mut self, t0: u64) -> Option<usize> {
        let fronts = self.rings.iter_mut().enumerate();
        let oldest = fronts.filter_map(|(ring, it)| Some((it.peek()?, ring))).min();
        oldest.filter(|(stamp, _)| *stamp <= t0).map(|(_, ring)| ring)
    }

    fn take(&mut self, ring: usize) -> Result<(), Dead> {
        let Some(Piece { begin, record: Some((_, value)), .. }) = self.rings[ring].pieces.front()
        else {
            return Ok(());
        };
        let (begin, value) = (*begin, *value);
        for (at, disk) in self.world.disks.iter().enumerate() {
            if disk.admits(value) && !self.holds(at, ring, begin) {
                if self.routes[at].batch.len() >= disk.batch_max {
                    // As a file that is full or due: what follows stays for the next batch.
                    self.commit_sink(at)?;
                }
                self.routes[at].batch.push(value);
            }
        }
        self.rings[ring].next();
        self.n_taken += 1;
        if self.n_taken.is_multiple_of(3) {
            self.commit()?;
        }
        Ok(())
    }

    /// Whether the sink has the record that begins there, as `SkipList::holds`.
    fn holds(&mut self, at: usize, ring: usize, begin: u64) -> bool {
        let skip = &mut self.routes[at].skip;
        let holds = skip.get(&ring).is_some_and(|had| begin < *had);
        if !holds {
            skip.remove(&ring);
        }
        holds
    }

    /// Commits all sinks; what they all have is released.
    fn commit(&mut self) -> Result<bool, Dead> {
        if self.world.flaw == Flaw::ReleasesFirst {
            self.release()?;
        }
        let mut all = true;
        for at in 0..self.routes.len() {
            all &= self.commit_sink(at)?;
        }
        if all {
            self.release()?;
        }
        Ok(all)
    }

    fn release(&mut self) -> Result<(), Dead> {
        for ring in self.rings.iter_mut().filter(|ring| ring.is_dirty) {
            self.life.step()?;
            ring.consumer.release(ring.taken);
            ring.is_dirty = false;
        }
        Ok(())
    }

    /// Writes what is announced, then announces and writes the batch; whether nothing is pending.
    fn commit_sink(&mut self, at: usize) -> Result<bool, Dead> {
        if self.routes[at].staged.is_some() && !self.write(at)? {
            return Ok(false);
        }
        if self.routes[at].batch.is_empty() {
            return Ok(true);
        }
        if self.fails(at, 0) {
            return Ok(false);
        }
        self.life.step()?;
        self.intend(at);
        self.life.step()?;
        self.write(at)
    }

    /// Whether a commit fails at this place of two.
    fn fails(&self, at: usize, place: u32) -> bool {
        let mut trouble = self.world.disks[at].trouble.lock().unwrap();
        let fails = *trouble > 0 && *trouble % 2 == place;
        *trouble -= u32::from(fails);
        fails
    }

    fn intend(&mut self, at: usize) {
        let Disk { journal, len, .. } = &self.world.disks[at];
        let Route { batch, staged, skip } = &mut self.routes[at];
        let rings = &self.rings;
        skip.retain(|ring, pos| rings[*ring].taken < *pos);
        let cursor = |ring: usize, pos| Cursor { segment: 7, ring: ring as u32, pos };
        let dirty = rings.iter().enumerate().filter(|(_, it)| it.is_dirty);
        let mut cursors: Vec<Cursor> = dirty.map(|(ring, it)| cursor(ring, it.taken)).collect();
        if self.world.flaw != Flaw::CarriesNoCursors {
            cursors.extend(skip.iter().map(|(ring, pos)| cursor(*ring, *pos)));
        }
        let base = *len.lock().unwrap();
        let bytes: Vec<u8> = batch.iter().flat_map(|value| value.to_le_bytes()).collect();
        steps::intend(journal, Place { dev: 1, ino: 2, base: base as u64 }, &bytes, &cursors);
        *staged = Some((base, std::mem::take(batch)));
    }

    /// Writes what is announced, each word a step, and confirms it; false if the disk fails.
    fn write(&mut self, at: usize) -> Result<bool, Dead> {
        let disk = &self.world.disks[at];
        let Some((base, words)) = &self.routes[at].staged else { return Ok(true) };
        for (offset, word) in (*base..).zip(words) {
            if offset != *base && self.fails(at, 1) {
                return Ok(false);
            }
            disk.file.store(offset, *word, Ordering::Relaxed);
            let mut len = disk.len.lock().unwrap();
            *len = (offset + 1).max(*len);
            drop(len);
            self.life.step()?;
        }
        steps::confirm(&disk.journal);
        self.routes[at].staged = None;
        self.life.step()?;
        Ok(true)
    }

    fn publish(&mut self, requested: u64, t0: u64) {
        if requested > self.watermark && requested <= t0 {
            self.watermark = t0;
            self.world.bell.store(0, t0, Ordering::Release);
        }
    }

    /// The last step of a writer that leaves: all that earlier ones had written was passed over.
    pub(super) fn leave(mut self) {
        for route in &mut self.routes {
            let rings = &self.rings;
            route.skip.retain(|ring, pos| rings[*ring].taken < *pos);
            assert!(route.skip.is_empty(), "a list of what a sink has ends: {:?}", route.skip);
        }
    }
}
