//! The producer's side: for each queue one handle in each thread, and one segment in each process.

use crate::clock::{self, Order};
use crate::fault;
use crate::os::{self, Map, PAGE};
use crate::queue::{self, Error, Queue, bell};
use crate::segment::{BUDGET_MAX, BUDGET_MIN, RING_SIZES, Segment};
use crate::spin::SpinGuard;
use crate::spsc::{FRAME_HEADER, Frame, HEAD, Producer, Ring, Room, SIDE_FLAG};
use crate::words::{MapWords, Words};
use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence};
use std::time::{Duration, Instant};

/// A frame in shared memory, being filled.
pub type RingFrame<'a> = Frame<'a, MapWords<'static>>;

/// Queues that a process can put into; each has a slot, from 0.
pub const MAX_QUEUES: usize = 7;
/// The largest body of a record, in bytes.
pub const MAX_RECORD: usize = 64 << 20;
/// The tag of the frame that introduces a thread.
pub const INTRODUCTION_TAG: u32 = 0;
/// From this level number on a put may use the reserve of its ring.
pub const URGENT_LEVEL: u8 = 40;

/// What a put does when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// How long it waits for room; zero for not at all.
    pub wait: Duration,
}

/// How a process takes part in a queue.
pub struct JoinOptions {
    /// Bytes of ring data that the process may allocate, from 64 KiB to 1 GiB. Default 16 MiB.
    pub budget: usize,
    /// How exactly records of different threads are ordered.
    pub order: Order,
    /// What a put of this level number does when there is no room.
    pub overflow: Box<dyn Fn(u8) -> Overflow + Send + Sync>,
    /// The body of the frame with tag [`INTRODUCTION_TAG`] that stands before a thread's first
    /// record; called on the thread, with its number.
    pub introduction: fn(u64) -> Vec<u8>,
    /// Called with the slot in a child that this process forks, on the thread whose put is the child's
    /// first into this queue, before that record is put.
    pub in_child: Option<fn(usize)>,
}

impl Default for JoinOptions {
    fn default() -> JoinOptions {
        JoinOptions {
            budget: 16 << 20,
            order: Order::Strict,
            overflow: Box::new(|_| Overflow { wait: Duration::from_millis(100) }),
            introduction: |_| Vec::new(),
            in_child: None,
        }
    }
}

/// Why a record was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PutError {
    /// No queue was joined, or it was left.
    Closed,
    /// There was no room within the time that the overflow policy allows.
    Full,
    /// The record is larger than [`MAX_RECORD`] bytes.
    TooLarge {
        /// Its size.
        len: usize,
    },
    /// There is no shared memory left for a ring or a side file.
    NoMemory,
    /// Somebody has cut the file that holds this process's rings.
    Cut,
}

impl fmt::Display for PutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PutError::Closed => f.write_str("no logger is installed, or it was shut down"),
            PutError::Full => f.write_str("the queue is full"),
            PutError::TooLarge { len } => {
                write!(f, "the record has {len} bytes, at most {MAX_RECORD} are possible")
            }
            PutError::NoMemory => f.write_str("no shared memory is left for the record"),
            PutError::Cut => f.write_str(
                "the file with this process's records was cut by somebody: start the process anew",
            ),
        }
    }
}

impl std::error::Error for PutError {}

/// A thread's handle. All zero bits are a handle that belongs to no ring: that is what `fork`
/// leaves of it.
#[repr(C, align(128))]
struct Handle {
    producer: Producer<MapWords<'static>>,
    bell: Cell<MapWords<'static>>,
    /// The queue's number, to notice that the process has left it; 0 if not attached.
    joined: AtomicU32,
    number: Cell<usize>,
    size: Cell<usize>,
    /// Whether the frame that says which thread puts is in the ring.
    introduced: Cell<bool>,
    in_use: AtomicU32,
    next: AtomicPtr<Handle>,
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
    in_use: AtomicU32::new(0),
    next: AtomicPtr::new(std::ptr::null_mut()),
});

thread_local! {
    static HANDLES: [Cell<*const Handle>; MAX_QUEUES] =
        const { [const { Cell::new(&raw const UNATTACHED.0) }; MAX_QUEUES] };
    static MARK: Cell<u32> = const { Cell::new(0) };
    static IN_SLOW: Cell<bool> = const { Cell::new(false) };
    static EXIT: Exit = const { Exit };
}

/// While it lives this thread may hold a lock or be allocating, so that a put of a signal handler
/// that interrupts it may do neither. Holds what was before.
struct Slow(bool);

impl Slow {
    fn enter() -> Slow {
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
                give_back(slot, unsafe { &*handle });
            }
        }
    }
}

fn give_back(slot: usize, handle: &Handle) {
    handle.producer.enter_slow();
    if let (Some(joined), number) = (joined(slot), handle.joined.load(Ordering::Relaxed))
        && joined.number == number
        && let Some(segment) = process().and_then(|process| process.queues[slot].segment())
    {
        segment.release(handle.number.get());
    }
    handle.joined.store(0, Ordering::Relaxed);
    handle.in_use.store(0, Ordering::Release);
}

/// What a process needs to put; made by [`join`] and never freed.
struct Joined {
    number: u32,
    slot: usize,
    queue: &'static Queue,
    options: JoinOptions,
    bell: MapWords<'static>,
}

impl Joined {
    fn is_open(&self) -> bool {
        OPEN[self.slot].load(Ordering::Relaxed) == self.number
    }
}

/// State of this process alone, in memory that `fork` fills with zeros.
#[repr(C)]
struct Process {
    lock: AtomicU32,
    queues: [OwnQueue; MAX_QUEUES],
    handles: AtomicPtr<Handle>,
    spare: AtomicPtr<Handle>,
    spare_left: AtomicU32,
}

/// What this process has in one queue.
#[repr(C)]
struct OwnQueue {
    segment: AtomicPtr<Segment>,
    /// The number of the join that this very process has made; another one is its parent's.
    joined_here: AtomicU32,
    shared_lock: AtomicU32,
    shared: AtomicPtr<Handle>,
}

static JOINED: [AtomicPtr<Joined>; MAX_QUEUES] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_QUEUES];
static PROCESS: AtomicPtr<Process> = AtomicPtr::new(std::ptr::null_mut());
/// The last segment that this process made, or the one that forked it: its call sites keep their
/// numbers in the next.
static LAST_SEGMENT: AtomicPtr<Segment> = AtomicPtr::new(std::ptr::null_mut());
static N_JOINS: AtomicU32 = AtomicU32::new(0);
/// The number of the join that is open for puts, 0 for none.
static OPEN: [AtomicU32; MAX_QUEUES] = [const { AtomicU32::new(0) }; MAX_QUEUES];
static LOST_UNSEEN: [AtomicU64; MAX_QUEUES] = [const { AtomicU64::new(0) }; MAX_QUEUES];
static SILENCED: AtomicU64 = AtomicU64::new(0);

fn joined(slot: usize) -> Option<&'static Joined> {
    // SAFETY: null, or a box that `join` leaked.
    unsafe { JOINED.get(slot)?.load(Ordering::Acquire).as_ref() }
}

fn process() -> Option<&'static Process> {
    // SAFETY: null, or the page that `join` mapped and nobody unmaps; zeros are valid.
    unsafe { PROCESS.load(Ordering::Acquire).as_ref() }
}

impl OwnQueue {
    fn segment(&self) -> Option<&'static Segment> {
        // SAFETY: null, or a segment, which is leaked.
        unsafe { self.segment.load(Ordering::Acquire).as_ref() }
    }
}

impl Process {
    /// The segments of all queues.
    fn segments(&self) -> impl Iterator<Item = &'static Segment> {
        self.queues.iter().filter_map(OwnQueue::segment)
    }

    fn lock(&self) -> SpinGuard<'_> {
        SpinGuard::new(&self.lock)
    }
}

/// Joins a queue in a slot: from now on puts into it of every thread of this process reach that queue,
/// and those of children that it forks. The queue joined there before is left.
///
/// A budget outside of 64 KiB to 1 GiB is an error, a slot that there is not, and so is a system
/// without memory that `fork` wipes (Linux before 4.14).
pub fn join(slot: usize, queue: Queue, options: JoinOptions) -> Result<&'static Queue, Error> {
    if !(BUDGET_MIN..=BUDGET_MAX).contains(&options.budget) {
        return Err(Error::new(format!(
            "a budget of {} bytes for rings: it must be from {BUDGET_MIN} to {BUDGET_MAX}",
            options.budget
        )));
    }
    if slot >= MAX_QUEUES {
        return Err(Error::new(format!(
            "slot {slot} for a queue: a process can put into {MAX_QUEUES}"
        )));
    }
    if process().is_none() {
        let page = Map::wiped_on_fork(PAGE)
            .map_err(|err| Error::new(format!("no memory that fork wipes: {err}")))?;
        PROCESS.store(page.cast(), Ordering::Release);
    }
    leave_one(slot);
    let queue: &'static Queue = Box::leak(Box::new(queue));
    // SAFETY: the queue was just leaked.
    let bell = unsafe { queue.bell.words_forever() };
    clock::set(queue.bell.clock, options.order);
    let number = N_JOINS.fetch_add(1, Ordering::Relaxed) + 1;
    let joined = Box::leak(Box::new(Joined { number, slot, queue, options, bell }));
    if let Some(process) = process() {
        let _guard = process.lock();
        let own = &process.queues[slot];
        own.segment.store(std::ptr::null_mut(), Ordering::Release);
        own.shared.store(std::ptr::null_mut(), Ordering::Release);
        own.joined_here.store(number, Ordering::Release);
    }
    fault::listen(detach_from_cut);
    JOINED[slot].store(joined, Ordering::Release);
    OPEN[slot].store(joined.number, Ordering::SeqCst);
    Ok(queue)
}

/// The mapping that begins at this address was cut. If it is a segment of this process, every put
/// into it that is under way fails at its end, and every later one at its beginning. Called in a
/// signal handler.
fn detach_from_cut(start: usize) {
    let Some(process) = process() else { return };
    let is_it = |own: &OwnQueue| own.segment().is_some_and(|segment| segment.begins_at(start));
    let Some(slot) = process.queues.iter().position(is_it) else { return };
    let number = joined(slot).map_or(0, |joined| joined.number);
    let mut next = process.handles.load(Ordering::Acquire);
    // SAFETY: handles are never freed; all this is atomic.
    while let Some(handle) = unsafe { next.as_ref() } {
        if handle.joined.load(Ordering::Relaxed) == number {
            handle.joined.store(0, Ordering::Relaxed);
            handle.producer.expire();
        }
        next = handle.next.load(Ordering::Acquire);
    }
}

/// Leaves all queues: puts that begin from now on are refused, and one that is under way is either
/// in its ring when this returns or is refused.
pub fn leave() {
    (0..MAX_QUEUES).for_each(close);
    expire_all();
}

fn leave_one(slot: usize) {
    close(slot);
    expire_all();
}

fn close(slot: usize) {
    OPEN[slot].store(0, Ordering::SeqCst);
}

/// Makes the next put of every thread take the slow path, where it sees what is closed.
fn expire_all() {
    // After the barrier a put that still returns Ok has its tail visible to the next pass.
    if !os::barrier() {
        std::sync::atomic::fence(Ordering::SeqCst);
    }
    let mut next = process().map_or(std::ptr::null_mut(), |it| it.handles.load(Ordering::Acquire));
    // SAFETY: handles are never freed; `expire` is one atomic store.
    while let Some(handle) = unsafe { next.as_ref() } {
        handle.producer.expire();
        next = handle.next.load(Ordering::Acquire);
    }
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
fn handle_of(slot: usize) -> &'static Handle {
    let handle = HANDLES.with(|handles| handles[slot].get());
    // SAFETY: the static, or a handle of this thread: handles are never freed.
    unsafe { &*handle }
}

/// The mark of this thread, 0 for none.
#[must_use]
pub fn thread_mark() -> u32 {
    MARK.try_with(Cell::get).unwrap_or(0)
}

/// The mark under which every put of a thread is refused; [`silenced`] counts them.
pub const SILENT: u32 = u32::MAX;

/// Records for the queue in this slot that were lost before there was any ring to count them in,
/// since the last call.
pub fn take_lost_unseen(slot: usize) -> u64 {
    let Some(count) = LOST_UNSEEN.get(slot) else { return 0 };
    // The writer asks in every pass; a store each time would take the line from every put.
    if count.load(Ordering::Relaxed) == 0 {
        return 0;
    }
    count.swap(0, Ordering::Relaxed)
}

/// Records refused under the mark [`SILENT`], in all. They are no losses: a line about them would be
/// handed to the sink that logs about each line.
#[must_use]
pub fn silenced() -> u64 {
    SILENCED.load(Ordering::Relaxed)
}

/// Counts a record that was lost before it came to a ring: its call site found no room.
pub fn count_lost_unseen(slot: usize) {
    if let Some(count) = LOST_UNSEEN.get(slot) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Adds a call site to the process's tables; its number from 1 up, or `None` if there is no queue
/// or no room. A number is the same in all queues, and stays good in every one that is joined later
/// and in forked children.
pub fn register(site: &[u8]) -> Option<u32> {
    if IN_SLOW.get() {
        return None;
    }
    let _slow = Slow::enter();
    let mut any = false;
    for joined in (0..MAX_QUEUES).filter_map(joined).filter(|joined| joined.is_open()) {
        any |= own_segment(joined).is_ok();
    }
    let process = process().filter(|_| any)?;
    // A segment that is made meanwhile waits, and then copies the table with this call site in it.
    let _guard = process.lock();
    if !process.segments().all(|segment| segment.has_room_for_site(site)) {
        return None;
    }
    process.segments().map(|segment| segment.register_site(site)).fold(None, Option::or)
}

/// Puts a record: `len` bytes of body (a multiple of eight), written by `fill`, which calls no code
/// of the user.
///
/// The fast path takes no lock, makes no system call and allocates nothing. When there is no room,
/// the ring grows within the budget, then the overflow policy decides.
///
/// A signal handler may put. If it interrupts a put, its record goes through a ring that all
/// threads share; if it interrupts one that is allocating, its record is refused and counted.
///
/// A child that a signal handler forks in the middle of a put must not return from that handler: the
/// put that it would go on with is its parent's.
#[inline(always)]
pub fn put<F>(slot: usize, level: u8, tag: u32, len: usize, fill: F) -> Result<(), PutError>
where
    F: FnOnce(&mut RingFrame<'_>),
{
    put_or(Request { slot, level, tag, len, wait: true }, fill)
}

/// Like [`put`], but never waits for room.
#[inline(always)]
pub fn try_put<F>(slot: usize, level: u8, tag: u32, len: usize, fill: F) -> Result<(), PutError>
where
    F: FnOnce(&mut RingFrame<'_>),
{
    put_or(Request { slot, level, tag, len, wait: false }, fill)
}

#[inline(always)]
fn put_or<F>(request: Request, fill: F) -> Result<(), PutError>
where
    F: FnOnce(&mut RingFrame<'_>),
{
    let Request { slot, tag, len, .. } = request;
    debug_assert!(len.is_multiple_of(8));
    let stamp = clock::stamp();
    let handle = handle_of(slot);
    match handle.producer.try_put(tag, stamp, len, fill) {
        Ok(()) => after_commit(slot, handle),
        Err(fill) => {
            let mut fill = Some(fill);
            request.put_slow(handle, stamp, &mut |frame| {
                if let Some(fill) = fill.take() {
                    fill(frame);
                }
            })
        }
    }
}

/// The end of every put: is the queue still open, does the writer sleep?
#[inline(always)]
fn after_commit(slot: usize, handle: &Handle) -> Result<(), PutError> {
    compiler_fence(Ordering::SeqCst);
    // SYNC POINT bell: no fence here; the writer's barrier stands in for it.
    let asleep = handle.bell.get().load(bell::STATE, Ordering::Relaxed) == bell::SLEEPING;
    let closed = OPEN[slot].load(Ordering::Relaxed) != handle.joined.load(Ordering::Relaxed);
    if asleep | closed { handle.after_commit_slow(slot, closed) } else { Ok(()) }
}

impl Handle {
    #[cold]
    #[inline(never)]
    fn after_commit_slow(&self, slot: usize, closed: bool) -> Result<(), PutError> {
        if closed {
            self.producer.expire();
            if self.joined.load(Ordering::Relaxed) == 0 {
                count_lost_unseen(slot);
                return Err(PutError::Cut);
            }
            return Err(PutError::Closed);
        }
        queue::ring(self.bell.get());
        Ok(())
    }
}

type Fill<'a> = &'a mut dyn FnMut(&mut RingFrame<'_>);

/// A put that left the fast path.
#[derive(Clone, Copy)]
struct Request {
    slot: usize,
    level: u8,
    tag: u32,
    len: usize,
    wait: bool,
}

impl Request {
    #[cold]
    #[inline(never)]
    fn put_slow(self, handle: &Handle, stamp: u64, fill: Fill<'_>) -> Result<(), PutError> {
        let Some(joined) = joined(self.slot) else { return Err(PutError::Closed) };
        if !joined.is_open() {
            return Err(PutError::Closed);
        }
        let own = process().map(|process| &process.queues[self.slot]);
        if own.and_then(OwnQueue::segment).is_some_and(Segment::is_cut) {
            count_lost_unseen(self.slot);
            return Err(PutError::Cut);
        }
        let mark = thread_mark();
        if mark == SILENT {
            SILENCED.fetch_add(1, Ordering::Relaxed);
            return Err(PutError::Full);
        }
        if self.len > MAX_RECORD {
            count_lost_unseen(self.slot);
            return Err(PutError::TooLarge { len: self.len });
        }
        if IN_SLOW.get() {
            count_lost_unseen(self.slot);
            return Err(PutError::Full);
        }
        if mark == 0 && self.is_wrap(joined, handle) {
            handle.producer.put_ready(self.head(), stamp, self.len, fill);
            handle.producer.leave_slow();
            return after_commit(self.slot, handle);
        }
        let request = Request { tag: self.tag | mark, ..self };
        match own_handle(joined) {
            Some(handle) => {
                handle.producer.enter_slow();
                let result = request.put_own(joined, handle, fill);
                handle.producer.leave_slow();
                if mark != 0 || !handle.introduced.get() {
                    handle.producer.expire();
                }
                result.and_then(|()| after_commit(self.slot, handle))
            }
            None => request.put_shared(joined, fill),
        }
    }

    /// Whether there is room after all, as nearly always: the ring only begins a new lap, or the
    /// writer has moved on. If so the fast path is closed.
    fn is_wrap(self, joined: &Joined, handle: &Handle) -> bool {
        let attached = handle.joined.load(Ordering::Relaxed) == joined.number;
        if !attached || !handle.introduced.get() || handle.producer.is_busy() {
            return false;
        }
        handle.producer.enter_slow();
        let fits = self.len + FRAME_HEADER <= handle.size.get() / 4
            && handle.producer.make_room(self.len, false) == Room::Ready;
        if !fits {
            handle.producer.leave_slow();
        }
        fits
    }

    fn is_urgent(self) -> bool {
        self.level >= URGENT_LEVEL
    }

    fn head(self) -> u64 {
        u64::from(self.tag) << 32
    }

    fn put_own(self, joined: &Joined, handle: &Handle, fill: Fill<'_>) -> Result<(), PutError> {
        if !handle.introduced.get() && !self.introduce(joined, handle) {
            return Err(self.lost(handle, PutError::Full));
        }
        let too_big = |ring_size| self.len + FRAME_HEADER > ring_size / 4;
        let [.., largest] = RING_SIZES;
        while !too_big(largest) && too_big(handle.size.get()) && grow(joined, handle) {}
        if too_big(handle.size.get()) {
            return self.put_side(joined, handle, fill);
        }
        if !self.find_room(joined, handle, self.len) {
            return Err(self.lost(handle, PutError::Full));
        }
        handle.producer.put_ready(self.head(), clock::stamp(), self.len, fill);
        Ok(())
    }

    /// Introduces the thread in a ring that was full when it was claimed.
    fn introduce(self, joined: &Joined, handle: &Handle) -> bool {
        let len = {
            let _slow = Slow::enter();
            (joined.options.introduction)(os::thread_id()).len()
        };
        if !self.find_room(joined, handle, len.next_multiple_of(8)) {
            return false;
        }
        // Growing has introduced it already.
        if !handle.introduced.get() {
            introduce(joined, handle);
        }
        handle.introduced.get()
    }

    /// The body goes into a file of its own, a reference into the ring.
    fn put_side(self, joined: &Joined, handle: &Handle, fill: Fill<'_>) -> Result<(), PutError> {
        if !self.find_room(joined, handle, 16) {
            return Err(self.lost(handle, PutError::Full));
        }
        let made = {
            let _slow = Slow::enter();
            own_segment(joined).and_then(|segment| segment.side_file(self.len))
        };
        let Ok((number, file)) = made else {
            return Err(self.lost(handle, PutError::NoMemory));
        };
        {
            // SAFETY: `file` lives until the end of this function, the frame only in this block.
            let words: MapWords<'static> = unsafe { std::mem::transmute(file.words()) };
            fill(&mut Frame::over(&words, 0, self.len / 8));
        }
        let head = self.head() | SIDE_FLAG;
        handle.producer.put_ready(head, clock::stamp(), 16, |frame| {
            frame.word(number);
            frame.word(self.len as u64);
        });
        Ok(())
    }

    /// Grows the ring or waits, as the budget and the policy allow, until there is room.
    fn find_room(self, joined: &Joined, handle: &Handle, len: usize) -> bool {
        let producer = &handle.producer;
        loop {
            if producer.make_room(len, self.is_urgent()) == Room::Ready {
                return true;
            }
            if !grow(joined, handle) {
                break;
            }
        }
        if !self.wait || thread_mark() != 0 {
            return false;
        }
        let mut deadline = None;
        loop {
            let head = producer.announce_wait();
            if producer.make_room(len, self.is_urgent()) == Room::Ready {
                return true;
            }
            let left = self.left_to_wait(joined, &mut deadline);
            if left.is_zero() {
                return false;
            }
            queue::ring(joined.bell);
            let slice = left.min(Duration::from_millis(50));
            os::futex_wait(producer.ring().control.low_half(HEAD), head as u32, slice);
        }
    }

    /// How long the overflow policy lets this put wait yet; the first call begins the wait.
    fn left_to_wait(self, joined: &Joined, deadline: &mut Option<Instant>) -> Duration {
        if !self.wait || thread_mark() != 0 || !joined.is_open() {
            return Duration::ZERO;
        }
        let now = Instant::now();
        let deadline = deadline.get_or_insert_with(|| {
            now + (joined.options.overflow)(self.level).wait.min(Duration::from_secs(1 << 30))
        });
        deadline.saturating_duration_since(now)
    }

    fn lost(self, handle: &Handle, reason: PutError) -> PutError {
        handle.producer.count_lost(self.level, clock::stamp());
        reason
    }

    /// For puts that have no ring of their own: nested in a put by a signal handler, after the
    /// thread's destructors ran, or when the budget or the memory is used up. All share one ring
    /// under a lock that is tried a bounded number of times. Where there is no memory even for that
    /// ring, a put waits for it as it waits for room.
    fn put_shared(self, joined: &Joined, fill: Fill<'_>) -> Result<(), PutError> {
        let unseen = |reason| {
            count_lost_unseen(self.slot);
            Err(reason)
        };
        let Some(process) = process() else { return Err(PutError::Closed) };
        let own = &process.queues[self.slot];
        // The lock may be held by the put that a signal handler's put interrupted.
        let mut tries = 0..if self.wait { 10_000 } else { 100 };
        let mut deadline = None;
        let (guard, handle) = loop {
            match SpinGuard::try_new(&own.shared_lock) {
                Some(guard) => {
                    if let Some(handle) = shared_handle(joined, process) {
                        break (guard, handle);
                    }
                    drop(guard);
                    let left = self.left_to_wait(joined, &mut deadline);
                    if left.is_zero() {
                        return unseen(PutError::NoMemory);
                    }
                    std::thread::sleep(left.min(Duration::from_millis(10)));
                }
                None if tries.next().is_none() => return unseen(PutError::Full),
                None => os::yield_now(),
            }
        };
        handle.producer.enter_slow();
        handle.introduced.set(false);
        let result = self.put_own(joined, handle, fill);
        handle.producer.leave_slow();
        drop(guard);
        result.and_then(|()| after_commit(self.slot, handle))
    }
}

/// This process's segment in a queue, made if there is none.
fn own_segment(joined: &Joined) -> Result<&'static Segment, Error> {
    let process = process().ok_or_else(|| Error::new("no queue was joined"))?;
    let own = &process.queues[joined.slot];
    if let Some(segment) = own.segment() {
        return Ok(segment);
    }
    let guard = process.lock();
    if !joined.is_open() {
        return Err(Error::new("the queue was left"));
    }
    if let Some(segment) = own.segment() {
        return Ok(segment);
    }
    // SAFETY: null, or a segment, which is leaked; in a forked child its mapping was inherited.
    let inherited = unsafe { LAST_SEGMENT.load(Ordering::Acquire).as_ref() };
    let segment = Segment::create(joined.queue, joined.options.budget, inherited)?;
    let pointer: *const Segment = segment;
    LAST_SEGMENT.store(pointer.cast_mut(), Ordering::Release);
    own.segment.store(pointer.cast_mut(), Ordering::Release);
    drop(guard);
    let is_child = own.joined_here.load(Ordering::Acquire) != joined.number;
    if let (true, Some(in_child)) = (is_child, joined.options.in_child) {
        in_child(joined.slot);
    }
    Ok(segment)
}

/// Whether this is the id of a segment of this process.
pub(crate) fn is_own_segment(id: u128) -> bool {
    process().is_some_and(|process| process.segments().any(|segment| segment.id == id))
}

/// This thread's handle, attached to a ring of the present queue; `None` if it cannot have one, or
/// if a frame is being written through it.
fn own_handle(joined: &Joined) -> Option<&'static Handle> {
    let mut handle = handle_of(joined.slot);
    if handle.joined.load(Ordering::Relaxed) != 0 && handle.producer.is_busy() {
        return None;
    }
    if handle.joined.load(Ordering::Relaxed) == joined.number {
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

fn shared_handle(joined: &Joined, process: &'static Process) -> Option<&'static Handle> {
    let own = &process.queues[joined.slot];
    // SAFETY: null, or a handle, which is never freed.
    if let Some(handle) = unsafe { own.shared.load(Ordering::Acquire).as_ref() } {
        return Some(handle);
    }
    let _slow = Slow::enter();
    let handle = new_handle(process)?;
    attach(joined, handle, true).then(|| {
        own.shared.store(std::ptr::from_ref(handle).cast_mut(), Ordering::Release);
        handle
    })
}

/// Claims a first ring for the handle and introduces the thread.
fn attach(joined: &Joined, handle: &'static Handle, shared: bool) -> bool {
    let claimed = own_segment(joined).and_then(|segment| match shared {
        false => segment.claim(RING_SIZES[0]),
        true => segment.claim_shared(),
    });
    let Ok(claim) = claimed else { return false };
    let producer = &handle.producer;
    producer.enter_slow();
    producer.rebind(claim.ring);
    handle.bell.set(joined.bell);
    handle.number.set(claim.number);
    handle.size.set(claim.size);
    handle.joined.store(joined.number, Ordering::Relaxed);
    introduce(joined, handle);
    producer.leave_slow();
    true
}

/// Writes the frame that says which thread puts from here on, if there is room for it.
fn introduce(joined: &Joined, handle: &Handle) {
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
fn grow(joined: &Joined, handle: &Handle) -> bool {
    let Some(size) = RING_SIZES.into_iter().find(|size| *size > handle.size.get()) else {
        return false;
    };
    if thread_mark() != 0 {
        return false;
    }
    let _slow = Slow::enter();
    let Ok(segment) = own_segment(joined) else { return false };
    let Ok(claim) = segment.claim(size) else { return false };
    let left = handle.number.replace(claim.number);
    handle.size.set(claim.size);
    handle.producer.rebind(claim.ring);
    segment.release(left);
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
