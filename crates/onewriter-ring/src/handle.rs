//! Handles: for each queue one in each thread, with the ring that the thread puts into.

use crate::clock;
use crate::join::{Joined, MAX_QUEUES, OPEN, Process, own_segment, process};
use crate::os::{self, Map, PAGE};
use crate::put::INTRODUCTION_TAG;
use crate::segment::{RING_SIZES, Segment};
use crate::spsc::{Producer, Ring, Room};
use crate::words::MapWords;
use std::cell::Cell;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// A thread's handle. All zero bits are a handle that belongs to no ring: that is what `fork`
/// leaves of it.
#[repr(C, align(128))]
pub(crate) struct Handle {
    pub(crate) producer: Producer<MapWords<'static>>,
    pub(crate) bell: Cell<MapWords<'static>>,
    /// The number of the segment, to notice that the process has left the queue or given the segment up;
    /// 0 if not attached.
    pub(crate) joined: AtomicU32,
    pub(crate) number: Cell<usize>,
    pub(crate) size: Cell<usize>,
    /// Whether the frame that says which thread puts is in the ring.
    pub(crate) introduced: Cell<bool>,
    /// How long puts have waited in vain while the ring's head was there: the head plus 1, 0 for
    /// never; nanoseconds.
    in_vain: Cell<(u64, u64)>,
    pub(crate) in_use: AtomicU32,
    pub(crate) next: AtomicPtr<Handle>,
    /// The segment of the last ring.
    segment: AtomicPtr<Segment>,
    /// How many of its records some segment has in its sum.
    settled: AtomicU64,
}

impl Handle {
    pub(crate) fn segment(&self) -> Option<&'static Segment> {
        // SAFETY: null, or a segment, which is leaked.
        unsafe { self.segment.load(Ordering::Relaxed).as_ref() }
    }

    pub(crate) fn go_on_in(&self, segment: &'static Segment) {
        self.segment.store(std::ptr::from_ref(segment).cast_mut(), Ordering::Relaxed);
    }

    /// Whether the handle has a ring in the segment that the slot has now.
    pub(crate) fn is_attached(&self, slot: usize) -> bool {
        let number = self.joined.load(Ordering::Relaxed);
        number != 0 && number == OPEN[slot].load(Ordering::Relaxed)
    }

    /// Adds its records to the sum of its segment, those that are not in it; false if there were none.
    /// Under the lock of the process.
    pub(crate) fn settle(&self) -> bool {
        let count = self.producer.n_records();
        let before = self.settled.fetch_max(count, Ordering::Relaxed);
        let Some(segment) = self.segment().filter(|_| count > before) else { return false };
        segment.add_records(count - before);
        true
    }

    /// How long puts have waited already while the head was here.
    pub(crate) fn waited_in_vain(&self, head: u64) -> Duration {
        let (at, nanos) = self.in_vain.get();
        if at == head.wrapping_add(1) { Duration::from_nanos(nanos) } else { Duration::ZERO }
    }

    pub(crate) fn note_in_vain(&self, head: u64, waited: Duration) {
        self.in_vain.set((head.wrapping_add(1), clock::nanos(waited)));
    }
}

struct Unattached(Handle);

// SAFETY: nobody changes it: its producer is never open, so a put leaves before it stores anything,
// and it is in no list of handles; threads attach other handles in its place.

unsafe impl Sync for Unattached {}

static UNATTACHED: Unattached = Unattached(Handle {
    producer: Producer::detached(Ring {
        control: MapWords::NONE,
        data: MapWords::NONE,
        capacity: 0,
    }),
    bell: Cell::new(MapWords::NONE),
    joined: AtomicU32::new(0),
    number: Cell::new(0),
    size: Cell::new(0),
    introduced: Cell::new(false),
    in_vain: Cell::new((0, 0)),
    in_use: AtomicU32::new(0),
    next: AtomicPtr::new(std::ptr::null_mut()),
    segment: AtomicPtr::new(std::ptr::null_mut()),
    settled: AtomicU64::new(0),
});

thread_local! {
    static HANDLES: [Cell<*const Handle>; MAX_QUEUES] =
        const { [const { Cell::new(&raw const UNATTACHED.0) }; MAX_QUEUES] };
    static MARK: Cell<u32> = const { Cell::new(0) };
    pub(crate) static IN_SLOW: Cell<bool> = const { Cell::new(false) };
    static EXIT: Exit = const { Exit };
}

/// While it lives this thread may hold a lock or be allocating, so that a put of a signal handler
/// that interrupts it may do neither. Holds what was before.
pub(crate) struct Slow(bool);

impl Slow {
    pub(crate) fn enter() -> Slow {
        Slow(IN_SLOW.replace(true))
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        IN_SLOW.set(self.0);
    }
}

/// Its destructor gives the thread's rings back.
struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        for slot in 0..MAX_QUEUES {
            let handle = HANDLES.with(|handles| handles[slot].replace(&raw const UNATTACHED.0));
            let _slow = Slow::enter();
            if !std::ptr::eq(handle, &raw const UNATTACHED.0) {
                // SAFETY: handles are never freed, and this one belongs to this thread until the
                // last line of `give_back`.
                give_back(unsafe { &*handle });
            }
        }
    }
}

fn give_back(handle: &Handle) {
    handle.producer.enter_slow();
    if let (Some(segment), true) = (handle.segment(), handle.joined.load(Ordering::Relaxed) != 0) {
        segment.release(handle.number.get(), handle.producer.tail());
    }
    handle.joined.store(0, Ordering::Relaxed);
    handle.in_use.store(0, Ordering::Release);
}

/// Marks this thread as the writer's or a sink's: its puts never wait, its ring never grows, and
/// `mark` is set in the tag of every frame. [`SILENT`] refuses every put, 0 takes the mark away.
#[inline]
pub fn mark_thread(mark: u32) {
    if MARK.replace(mark) == 0 {
        // Marked threads put by the slow path alone: the fast one looks at no mark.
        expire_own_handles();
    }
}

#[cold]
fn expire_own_handles() {
    for slot in 0..MAX_QUEUES {
        let handle = handle_of(slot);
        if handle.in_use.load(Ordering::Relaxed) != 0 {
            handle.producer.expire();
        }
    }
}

/// This thread's handle for a queue, or the one that is never open.
#[inline(always)]
pub(crate) fn handle_of(slot: usize) -> &'static Handle {
    let handle = HANDLES.with(|handles| handles[slot].get());
    // SAFETY: the static, or a handle of this thread: handles are never freed.
    unsafe { &*handle }
}

/// The mark of this thread, 0 for none.
#[must_use]
pub fn thread_mark() -> u32 {
    MARK.try_with(Cell::get).unwrap_or(0)
}

/// This thread's handle, attached to a ring of the present queue; `None` if it cannot have one, or
/// if a frame is being written through it.
pub(crate) fn own_handle(joined: &Joined) -> Option<&'static Handle> {
    let mut handle = handle_of(joined.slot);
    if handle.joined.load(Ordering::Relaxed) != 0 && handle.producer.is_busy() {
        return None;
    }
    if handle.is_attached(joined.slot) {
        return Some(handle);
    }
    let _slow = Slow::enter();
    // In a thread whose destructors have run, nobody would give a ring back.
    EXIT.try_with(|_| ()).ok()?;
    // Not in use: it is the static, or `fork` has wiped it.
    if handle.in_use.load(Ordering::Relaxed) == 0 {
        handle = new_handle(process()?)?;
        HANDLES.with(|handles| handles[joined.slot].set(handle));
    }
    attach(joined, handle, false).then_some(handle)
}

pub(crate) fn shared_handle(joined: &Joined, process: &'static Process) -> Option<&'static Handle> {
    let own = &process.queues[joined.slot];
    // SAFETY: null, or a handle, which is never freed.
    let known = unsafe { own.shared.load(Ordering::Acquire).as_ref() };
    if let Some(handle) = known.filter(|handle| handle.is_attached(joined.slot)) {
        return Some(handle);
    }
    let _slow = Slow::enter();
    let handle = known.map_or_else(|| new_handle(process), Some)?;
    attach(joined, handle, true).then(|| {
        own.shared.store(std::ptr::from_ref(handle).cast_mut(), Ordering::Release);
        handle
    })
}

/// Claims a first ring for the handle and introduces the thread.
fn attach(joined: &Joined, handle: &'static Handle, shared: bool) -> bool {
    let Some(process) = process() else { return false };
    let Ok(segment) = own_segment(joined) else { return false };
    let claimed = match shared {
        false => segment.claim(RING_SIZES[0]),
        true => segment.claim_shared(),
    };
    let Ok(claim) = claimed else { return false };
    let producer = &handle.producer;
    producer.enter_slow();
    process.leave_segment(joined, handle, segment);
    producer.rebind(claim.ring, claim.tail);
    handle.in_vain.set((0, 0));
    handle.bell.set(joined.bell);
    handle.number.set(claim.number);
    handle.size.set(claim.size);
    handle.joined.store(segment.number, Ordering::Relaxed);
    introduce(joined, handle);
    producer.leave_slow();
    true
}

/// Writes the frame that says which thread puts from here on, if there is room for it.
pub(crate) fn introduce(joined: &Joined, handle: &Handle) {
    let _slow = Slow::enter();
    let body = (joined.options.introduction)(os::thread_id());
    let len = body.len().next_multiple_of(8);
    let ready = handle.producer.make_room(len, true) == Room::Ready;
    handle.introduced.set(ready);
    if ready {
        let head = u64::from(INTRODUCTION_TAG) << 32;
        handle.producer.put_ready(head, clock::stamp(), len, |frame| frame.bytes(&body));
    }
}

/// Goes on in the next larger ring, if the budget has one. Only on the slow path.
pub(crate) fn grow(joined: &Joined, handle: &Handle) -> bool {
    let Some(size) = RING_SIZES.into_iter().find(|size| *size > handle.size.get()) else {
        return false;
    };
    if thread_mark() != 0 {
        return false;
    }
    let _slow = Slow::enter();
    let number = handle.joined.load(Ordering::Relaxed);
    let Some(segment) = handle.segment().filter(|segment| segment.number == number) else {
        return false;
    };
    let Ok(claim) = segment.claim(size) else { return false };
    let (left, tail) = (handle.number.replace(claim.number), handle.producer.tail());
    handle.size.set(claim.size);
    handle.producer.rebind(claim.ring, claim.tail);
    handle.in_vain.set((0, 0));
    segment.release(left, tail);
    introduce(joined, handle);
    true
}

/// A handle that no thread uses: one given back, or a new one from wiped memory.
fn new_handle(process: &'static Process) -> Option<&'static Handle> {
    let _guard = process.lock();
    let mut next = process.handles.load(Ordering::Acquire);
    // SAFETY: handles are never freed.
    while let Some(handle) = unsafe { next.as_ref() } {
        if handle.in_use.load(Ordering::Acquire) == 0 {
            handle.in_use.store(1, Ordering::Relaxed);
            return Some(handle);
        }
        next = handle.next.load(Ordering::Acquire);
    }
    if process.spare_left.load(Ordering::Relaxed) == 0 {
        let page = Map::wiped_on_fork(PAGE).ok()?;
        process.spare.store(page.cast(), Ordering::Relaxed);
        let count = PAGE / size_of::<Handle>();
        process.spare_left.store(count as u32, Ordering::Relaxed);
    }
    let left = process.spare_left.fetch_sub(1, Ordering::Relaxed) - 1;
    // SAFETY: the page holds as many handles as were counted, aligned by the page, all zeros,
    // which is a valid handle.
    let handle = unsafe { &*process.spare.load(Ordering::Relaxed).add(left as usize) };
    handle.in_use.store(1, Ordering::Relaxed);
    handle.next.store(process.handles.load(Ordering::Relaxed), Ordering::Relaxed);
    process.handles.store(std::ptr::from_ref(handle).cast_mut(), Ordering::Release);
    Some(handle)
}
