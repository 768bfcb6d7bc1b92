//! The drain: frames of all rings become records in real-time order.

use crate::route::From;
use crate::wall::Wall;
use onewriter_record::{
    Body, CONTROL_SITE, ControlRecord, EXTRA_FLAG, ORIGIN_MAX, ORIGIN_SHIFT, Process, Record,
    SITE_MASK, Site, Thread,
};
use onewriter_ring::{FrameRef, Reader, RingId};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// What the drain gives records to.
pub(crate) trait Take {
    /// Called for each record in order. The reader's cursors stand before the record.
    fn take(&mut self, record: &Record<'_>, from: &From, reader: &Reader);

    /// Called between records: the time to commit and release, if it is time.
    fn between(&mut self, reader: &mut Reader);

    /// Whether nothing more can be taken in this pass: the rest stays in the rings.
    fn is_stuck(&self) -> bool;
}

/// Merges the rings and keeps what records refer to: call sites, threads, processes.
#[derive(Debug)]
pub(crate) struct Drain {
    pub(crate) reader: Reader,
    pub(crate) wall: Wall,
    heap: BinaryHeap<Reverse<(u64, RingId)>>,
    origins: Vec<Origin>,
    n_sites: usize,
    n_unreadable: u64,
    last_time: u64,
}

/// What a segment's records refer to.
#[derive(Debug, Default)]
struct Origin {
    process: Arc<Process>,
    /// By number, from 1.
    sites: Vec<Option<Arc<Site>>>,
    /// By ring.
    threads: Vec<Arc<Thread>>,
}

/// Times that go back by less than this are noise of the conversion, and are evened out.
const JITTER: u64 = 1_000_000;

impl Drain {
    pub(crate) fn new(reader: Reader, wall: Wall) -> Drain {
        Drain {
            reader,
            wall,
            heap: BinaryHeap::new(),
            origins: Vec::new(),
            // Number 0 is the call site of notices.
            n_sites: 1,
            n_unreadable: 0,
            last_time: 0,
        }
    }

    /// Gives every record with a stamp up to `t0` to `take`, in order.
    pub(crate) fn merge(&mut self, t0: u64, take: &mut impl Take) -> u64 {
        self.heap.clear();
        for at in 0..self.reader.active().len() {
            let id = self.reader.active()[at];
            if let Some(stamp) = self.reader.peek(id) {
                self.heap.push(Reverse((stamp, id)));
            }
        }
        let mut n_records = 0;
        while let Some(Reverse((stamp, id))) = self.heap.pop() {
            if stamp > t0 || take.is_stuck() {
                break;
            }
            let bound = self.heap.peek().map_or(t0, |next| next.0.0.min(t0));
            n_records += self.run(id, bound, take);
            if let Some(stamp) = self.reader.peek(id) {
                self.heap.push(Reverse((stamp, id)));
            }
        }
        n_records
    }

    /// Takes from one ring as long as no other ring has something older.
    fn run(&mut self, id: RingId, bound: u64, take: &mut impl Take) -> u64 {
        let mut n_records = 0;
        while let Some(stamp) = self.reader.peek(id)
            && stamp <= bound
            && !take.is_stuck()
        {
            n_records += u64::from(self.one(id, take));
            self.reader.next(id);
            take.between(&mut self.reader);
        }
        n_records
    }

    fn one(&mut self, id: RingId, take: &mut impl Take) -> bool {
        let Some(frame) = self.reader.frame(id) else { return false };
        let site = frame.tag & SITE_MASK;
        if site == CONTROL_SITE {
            let thread = ControlRecord::decode(frame.body);
            self.introduce(id, thread.ok());
            return false;
        }
        if !self.knows(id, site) {
            self.learn(id);
        }
        let Some(frame) = self.reader.frame(id) else { return false };
        let time = self.wall.at(frame.stamp);
        let time = if time < self.last_time && self.last_time - time < JITTER {
            self.last_time
        } else {
            time
        };
        self.last_time = time;
        let Some(record) = self.record(id, &frame, time) else {
            self.n_unreadable += 1;
            self.reader.note_unreadable(id);
            return false;
        };
        let origin = (frame.tag >> ORIGIN_SHIFT) & ORIGIN_MAX;
        let from = From { ring: Some(id), origin, stamp: frame.stamp };
        take.take(&record, &from, &self.reader);
        true
    }

    fn record<'a>(&'a self, id: RingId, frame: &FrameRef<'a>, time: u64) -> Option<Record<'a>> {
        let origin = self.origins.get(id.segment as usize)?;
        let number = (frame.tag & SITE_MASK) as usize;
        Some(Record {
            time,
            site: origin.sites.get(number - 1)?.as_ref()?,
            thread: origin.threads.get(id.ring as usize)?,
            process: &origin.process,
            body: Body::new(frame.body, frame.tag & EXTRA_FLAG != 0),
        })
    }

    #[inline]
    fn knows(&self, id: RingId, site: u32) -> bool {
        self.origins.get(id.segment as usize).is_some_and(|origin| {
            origin.sites.len() >= site as usize && origin.threads.len() > id.ring as usize
        })
    }

    #[cold]
    fn introduce(&mut self, id: RingId, control: Option<ControlRecord>) {
        let origin = self.origin(id);
        let ring = id.ring as usize;
        if origin.threads.len() <= ring {
            origin.threads.resize_with(ring + 1, Arc::default);
        }
        if let Some(ControlRecord::Thread(thread)) = control
            && *origin.threads[ring] != thread
        {
            origin.threads[ring] = Arc::new(thread);
        }
    }

    fn origin(&mut self, id: RingId) -> &mut Origin {
        let segment = id.segment as usize;
        while self.origins.len() <= segment {
            let number = self.origins.len() as u32;
            let (id, name) = self.reader.process(number).unwrap_or_default();
            let process = Arc::new(Process { id, name: name.into() });
            self.origins.push(Origin { process, ..Origin::default() });
        }
        &mut self.origins[segment]
    }

    /// Reads the call sites that have been published meanwhile.
    #[cold]
    fn learn(&mut self, id: RingId) {
        self.introduce(id, None);
        let origin = &mut self.origins[id.segment as usize];
        let n_sites = &mut self.n_sites;
        self.reader.new_sites(id.segment, |bytes| {
            let site = Site::decode(bytes, *n_sites).ok().map(Arc::new);
            *n_sites += 1;
            origin.sites.push(site);
        });
    }

    /// Forgets the call sites and threads of segments that are gone: nothing refers to them.
    pub(crate) fn forget_gone(&mut self) {
        for (segment, origin) in self.origins.iter_mut().enumerate() {
            if !origin.threads.is_empty() && !self.reader.has_segment(segment as u32) {
                *origin = Origin::default();
            }
        }
    }

    /// Records whose call site is unknown or unreadable, since the last call.
    pub(crate) fn take_unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.n_unreadable)
    }

    /// The names of the thread and the process that put into a ring.
    pub(crate) fn who(&mut self, id: RingId) -> (String, u32) {
        if !self.knows(id, 0) {
            // It has lost something before its first frame, the introduction, was read.
            let first = self.reader.peek(id).and_then(|_| self.reader.frame(id));
            let first = first.filter(|frame| frame.tag & SITE_MASK == CONTROL_SITE);
            let thread = first.and_then(|frame| ControlRecord::decode(frame.body).ok());
            self.introduce(id, thread);
        }
        let origin = self.origins.get(id.segment as usize);
        let thread = origin.and_then(|origin| origin.threads.get(id.ring as usize));
        let name = thread.map_or_else(String::new, |thread| {
            if thread.name.is_empty() { thread.id.to_string() } else { thread.name.to_string() }
        });
        (name, origin.map_or(0, |origin| origin.process.id))
    }
}
