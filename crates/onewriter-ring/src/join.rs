//! Joining queues, and what a process keeps of each: its segment, and what it lost.

use crate::clock::{self, ClockKind, Order};
use crate::fault;
use crate::handle::{Handle, IN_SLOW, Slow};
use crate::os::{self, Map, PAGE};
use crate::queue::{Error, Queue, bell};
use crate::segment::{BUDGET_MAX, BUDGET_MIN, Segment};
use crate::sites;
use crate::spin::SpinGuard;
use crate::words::MapWords;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// How long no put looks again whether the segment is still there: some 0.1 s, in ticks or nanoseconds.
const LOOK_EVERY: u64 = 200_000_000;

/// Queues that a process can put into; each has a slot, from 0.
pub const MAX_QUEUES: usize = 32;

/// What a put does when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// How long it waits for room; zero for not at all.
    pub wait: Duration,
}

/// How a process takes part in a queue.
pub struct JoinOptions {
    /// Bytes of ring data that the process may allocate, from 64 KiB to 1 GiB; records too large for a
    /// ring may take as much again, and one of them alone what it needs. Default 16 MiB.
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

/// What a process needs to put; made by [`join`] and never freed.
pub(crate) struct Joined {
    pub(crate) number: u32,
    pub(crate) slot: usize,
    pub(crate) queue: &'static Queue,
    pub(crate) options: JoinOptions,
    pub(crate) bell: MapWords<'static>,
    /// A put has found that nobody will ever make room.
    pub(crate) is_orphaned: AtomicBool,
    /// When a put last looked whether the segment is still there.
    looked: AtomicU64,
}

impl Joined {
    /// Whether it is pointless to wait for room: nobody writes a private queue any more, neither now
    /// nor when a put looked before. (Between a parent's end and a child that takes over there is a
    /// moment.)
    pub(crate) fn is_orphaned(&self) -> bool {
        let now = self.queue.is_orphaned();
        self.is_orphaned.swap(now, Ordering::Relaxed) && now
    }

    pub(crate) fn is_open(&self) -> bool {
        // In this order: another join is there before it is open.
        OPEN[self.slot].load(Ordering::Acquire) != 0
            && std::ptr::eq(JOINED[self.slot].load(Ordering::Relaxed), self)
    }
}

/// State of this process alone, in memory that `fork` fills with zeros.
#[repr(C)]
pub(crate) struct Process {
    lock: AtomicU32,
    pub(crate) queues: [OwnQueue; MAX_QUEUES],
    pub(crate) handles: AtomicPtr<Handle>,
    pub(crate) spare: AtomicPtr<Handle>,
    pub(crate) spare_left: AtomicU32,
}

/// What this process has in one queue.
#[repr(C)]
pub(crate) struct OwnQueue {
    pub(crate) segment: AtomicPtr<Segment>,
    /// The number of the join that this very process has made; another one is its parent's.
    joined_here: AtomicU32,
    pub(crate) shared_lock: AtomicU32,
    pub(crate) shared: AtomicPtr<Handle>,
    /// When a put last waited in vain for memory, and how long; nanoseconds.
    no_memory_at: AtomicU64,
    no_memory_for: AtomicU64,
}

pub(crate) static JOINED: [AtomicPtr<Joined>; MAX_QUEUES] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_QUEUES];

static PROCESS: AtomicPtr<Process> = AtomicPtr::new(std::ptr::null_mut());

/// Joins, and segments in which they went on. No two have the same number.
static N_JOINS: AtomicU32 = AtomicU32::new(0);

/// The number under which a slot is open for puts, 0 for none: that of the join, and another one as soon
/// as a segment is given up. A handle that has another number is attached to what is gone.
pub(crate) static OPEN: [AtomicU32; MAX_QUEUES] = [const { AtomicU32::new(0) }; MAX_QUEUES];

static LOST_UNSEEN: [AtomicU64; MAX_QUEUES] = [const { AtomicU64::new(0) }; MAX_QUEUES];

pub(crate) static SILENCED: AtomicU64 = AtomicU64::new(0);

fn monotonic() -> u64 {
    clock::read(ClockKind::Monotonic)
}

pub(crate) fn joined(slot: usize) -> Option<&'static Joined> {
    // SAFETY: null, or a box that `join` leaked.
    unsafe { JOINED.get(slot)?.load(Ordering::Acquire).as_ref() }
}

pub(crate) fn process() -> Option<&'static Process> {
    // SAFETY: null, or the page that `join` mapped and nobody unmaps; zeros are valid.
    unsafe { PROCESS.load(Ordering::Acquire).as_ref() }
}

impl OwnQueue {
    pub(crate) fn segment(&self) -> Option<&'static Segment> {
        // SAFETY: null, or a segment, which is leaked.
        unsafe { self.segment.load(Ordering::Acquire).as_ref() }
    }

    /// How long a put has waited for memory within the last second, in vain.
    pub(crate) fn waited_for_memory(&self) -> Duration {
        let ago = monotonic().saturating_sub(self.no_memory_at.load(Ordering::Relaxed));
        let waited = Duration::from_nanos(self.no_memory_for.load(Ordering::Relaxed));
        if ago < 1_000_000_000 { waited } else { Duration::ZERO }
    }

    pub(crate) fn note_no_memory(&self, waited: Duration) {
        if self.waited_for_memory() < waited {
            self.no_memory_for.store(clock::nanos(waited), Ordering::Relaxed);
            self.no_memory_at.store(monotonic(), Ordering::Relaxed);
        }
    }
}

impl Process {
    /// The segments of all queues.
    fn segments(&self) -> impl Iterator<Item = &'static Segment> {
        self.queues.iter().filter_map(OwnQueue::segment)
    }

    pub(crate) fn lock(&self) -> SpinGuard<'_> {
        SpinGuard::new(&self.lock)
    }

    fn all_handles(&self) -> impl Iterator<Item = &'static Handle> {
        // SAFETY: null, or handles, which are never freed.
        let first = unsafe { self.handles.load(Ordering::Acquire).as_ref() };
        // SAFETY: as above.
        std::iter::successors(first, |it| unsafe { it.next.load(Ordering::Acquire).as_ref() })
    }

    /// The handle goes on in this segment.
    pub(crate) fn leave_segment(&self, joined: &Joined, handle: &Handle, next: &'static Segment) {
        self.settle(joined);
        let _guard = self.lock();
        handle.settle();
        handle.go_on_in(next);
    }

    /// There is no folder or no memory for another segment: one that has nothing but its name lost serves
    /// on, for the writer that has it open.
    fn keep(&self, joined: &Joined, segment: &Segment) {
        let _guard = self.lock();
        let own = self.queues[joined.slot].segment();
        let open = OPEN[joined.slot].load(Ordering::Acquire);
        let number = segment.number;
        if own.is_some_and(|own| own.number == number)
            && is_given_up(joined.slot, number)
            && segment.is_whole()
        {
            let _ = OPEN[joined.slot].compare_exchange(
                open,
                number,
                Ordering::SeqCst,
                Ordering::Relaxed,
            );
            if segment.is_cut() {
                // In this moment.
                give_up(joined.slot, number);
            }
        }
    }

    /// Adds up what was put into segments that this slot has given up, and says so in its present one.
    fn settle(&self, joined: &Joined) {
        let current = self.queues[joined.slot].segment();
        if current.is_none_or(|segment| segment.line().nth(1).is_none()) {
            return;
        }
        let _guard = self.lock();
        let Some(current) = self.queues[joined.slot].segment() else { return };
        let is_given_up = |it: &Segment| current.line().skip(1).any(|old| std::ptr::eq(old, it));
        let handles = self.all_handles();
        let late = handles.filter(|it| it.segment().is_some_and(is_given_up));
        if late.filter(|handle| handle.settle()).count() > 0 {
            current.line().skip(1).for_each(|it| current.publish_given_up(it));
            joined.bell.word(bell::JOINS).fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Joins a queue in a slot: from now on puts into it of every thread of this process reach that queue,
/// and those of children that it forks. The queue joined there before is left.
///
/// A budget outside of 64 KiB to 1 GiB is an error, a slot that there is not, and so is a system
/// without memory that `fork` wipes (Linux before 4.14).
pub fn join(slot: usize, queue: Queue, options: JoinOptions) -> Result<&'static Queue, Error> {
    if !(BUDGET_MIN..=BUDGET_MAX).contains(&options.budget) {
        return Err(Error::setting(format!(
            "a budget of {} bytes for rings: it must be from {BUDGET_MIN} to {BUDGET_MAX}",
            options.budget
        )));
    }
    if slot >= MAX_QUEUES {
        return Err(Error::setting(format!(
            "slot {slot} for a queue: a process can put into {MAX_QUEUES}"
        )));
    }
    if process().is_none() {
        let page = Map::wiped_on_fork(PAGE)
            .map_err(|err| Error::new(format!("no memory that fork wipes: {err}")))?;
        PROCESS.store(page.cast(), Ordering::Release);
    }
    let _slow = Slow::enter();
    leave_one(slot);
    let queue: &'static Queue = Box::leak(Box::new(queue));
    // SAFETY: the queue was just leaked.
    let bell = unsafe { queue.bell.words_forever() };
    clock::set(queue.bell.clock, options.order);
    let number = N_JOINS.fetch_add(1, Ordering::Relaxed) + 1;
    let joined = Box::leak(Box::new(Joined {
        number,
        slot,
        queue,
        options,
        bell,
        is_orphaned: AtomicBool::new(false),
        looked: AtomicU64::new(0),
    }));
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

/// The queue that is joined in this slot.
#[must_use]
pub fn joined_queue(slot: usize) -> Option<&'static Queue> {
    joined(slot).filter(|joined| joined.is_open()).map(|joined| joined.queue)
}

/// The mapping that begins at this address was cut. If it is a segment of this process, that is given
/// up. Called in a signal handler.
fn detach_from_cut(start: usize) {
    let Some(process) = process() else { return };
    for (slot, own) in process.queues.iter().enumerate() {
        if let Some(segment) = own.segment().filter(|segment| segment.begins_at(start)) {
            give_up(slot, segment.number);
        }
    }
}

/// Gives up the segment that is open under this number, if one still is: every put into it that is under
/// way fails at its end, and whoever comes next makes another one. Signal handlers may call it.
pub(crate) fn give_up(slot: usize, number: u32) {
    let next = N_JOINS.fetch_add(1, Ordering::Relaxed) + 1;
    let given_up = OPEN[slot].compare_exchange(number, next, Ordering::SeqCst, Ordering::Relaxed);
    if let (Ok(_), Some(process)) = (given_up, process()) {
        // Else each thread would put once more into what nobody reads.
        let its = |it: &&Handle| it.joined.load(Ordering::Relaxed) == number;
        process.all_handles().filter(its).for_each(|handle| handle.producer.expire());
    }
}

/// Whether the segment that was open under this number was given up, and the queue was not left.
pub(crate) fn is_given_up(slot: usize, number: u32) -> bool {
    let open = OPEN[slot].load(Ordering::Acquire);
    // Numbers grow: an older one than the join's is of the queue before.
    open != 0 && open != number && joined(slot).is_some_and(|joined| number >= joined.number)
}

/// Looks whether the segment of this process still has its name and all its bytes; if not, makes
/// another one.
pub(crate) fn look(joined: &Joined) {
    let Some(process) = process().filter(|_| !IN_SLOW.get()) else { return };
    let Some(segment) = process.queues[joined.slot].segment() else { return };
    let _slow = Slow::enter();
    if segment.is_gone() {
        if segment.is_whole() && !joined.queue.takes_segments() {
            // It has lost its name, but another one would have none either: it serves on.
            return;
        }
        give_up(joined.slot, segment.number);
    }
    match own_segment(joined) {
        Ok(_) => process.settle(joined),
        Err(_) => process.keep(joined, segment),
    }
}

/// The same, if no put has looked for a while.
pub(crate) fn look_at_times(joined: &Joined, stamp: u64) {
    if stamp.saturating_sub(joined.looked.load(Ordering::Relaxed)) >= LOOK_EVERY {
        joined.looked.store(stamp, Ordering::Relaxed);
        look(joined);
    }
}

/// The same for whatever this process has in a queue that somebody wants to be written.
pub(crate) fn look_in(queue: &Queue) {
    let all = (0..MAX_QUEUES).filter_map(joined);
    all.filter(|it| it.is_open() && std::ptr::eq(it.queue, queue)).for_each(look);
}

/// Leaves the queue in this slot, as [`leave`] leaves all.
pub fn leave_queue(slot: usize) {
    if slot < MAX_QUEUES {
        leave_one(slot);
    }
}

/// Lets the memory go that this process has in a queue which it has left. What it put there and nobody has
/// read stays for the queue's writer.
pub fn let_memory_go(slot: usize) {
    let (Some(process), Some(open)) = (process(), OPEN.get(slot)) else { return };
    let _slow = Slow::enter();
    let guard = process.lock();
    if open.load(Ordering::Acquire) != 0 {
        return;
    }
    let own = &process.queues[slot];
    let segment = own.segment();
    own.segment.store(std::ptr::null_mut(), Ordering::Release);
    own.shared.store(std::ptr::null_mut(), Ordering::Release);
    segment.into_iter().for_each(Segment::abandon);
    drop(guard);
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
    barrier();
    process().into_iter().flat_map(Process::all_handles).for_each(|it| it.producer.expire());
}

fn barrier() {
    if !os::barrier() {
        std::sync::atomic::fence(Ordering::SeqCst);
    }
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
        any = true;
        // Where there is no memory for one now, the put waits for it.
        let _ = own_segment(joined);
    }
    let process = process().filter(|_| any)?;
    // A segment that is made later, or meanwhile and waits, copies the table with this call site in it.
    let _guard = process.lock();
    if !process.segments().all(|segment| segment.has_room_for_site(site)) {
        return None;
    }
    let number = sites::add(site)?;
    process.segments().for_each(|segment| segment.register_site(site));
    Some(number)
}

/// This process's segment in a queue, made if there is none, or if that was given up.
pub(crate) fn own_segment(joined: &Joined) -> Result<&'static Segment, Error> {
    let process = process().ok_or_else(|| Error::new("no queue was joined"))?;
    let own = &process.queues[joined.slot];
    let is_open = |it: &&Segment| it.number == OPEN[joined.slot].load(Ordering::Acquire);
    if let Some(segment) = own.segment().filter(is_open) {
        return Ok(segment);
    }
    let guard = process.lock();
    let number = OPEN[joined.slot].load(Ordering::Acquire);
    if number == 0 || !joined.is_open() {
        return Err(Error::new("the queue was left"));
    }
    let before = own.segment();
    if let Some(segment) = before.filter(is_open) {
        return Ok(segment);
    }
    if before.is_some() && !joined.queue.takes_segments() {
        return Err(Error::new("the queue's folder is gone, or another program has made it anew"));
    }
    if let Some(before) = before {
        // A put that has not seen the new number is behind this in the ring, and in its handle's count.
        barrier();
        process.all_handles().for_each(|handle| _ = handle.settle());
        before.note_done();
    }
    let segment = Segment::create(joined.queue, joined.options.budget, number, before)?;
    own.segment.store(std::ptr::from_ref(segment).cast_mut(), Ordering::Release);
    before.into_iter().for_each(Segment::let_go);
    drop(guard);
    if segment.is_cut() {
        // Before the handler could know whose it is.
        give_up(joined.slot, number);
    }
    let is_child = own.joined_here.load(Ordering::Acquire) != joined.number;
    if let (None, true, Some(in_child)) = (before, is_child, joined.options.in_child) {
        in_child(joined.slot);
    }
    Ok(segment)
}

/// Whether this is the id of a segment of this process, or of one that it has given up.
pub(crate) fn is_own_segment(id: u128) -> bool {
    let segments = process().into_iter().flat_map(Process::segments);
    segments.flat_map(Segment::line).any(|segment| segment.id == id)
}

/// The same in a queue that this process has left. It can have joined a queue more than once, and have left
/// it once.
pub(crate) fn is_left_segment(id: u128) -> bool {
    let queues = process().into_iter().flat_map(|it| it.queues.iter().zip(&OPEN));
    let left = queues.filter(|(_, open)| open.load(Ordering::Acquire) == 0);
    left.filter_map(|(own, _)| own.segment()).flat_map(Segment::line).any(|it| it.id == id)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::tests::one_at_a_time;

    #[test]
    fn a_call_site_that_is_registered_while_a_queue_is_exchanged_has_its_number_in_the_next_too() {
        let _turn = one_at_a_time();
        let dir = tempfile::tempdir().unwrap();
        let open = |name| Queue::open_in(&dir.path().join(name)).unwrap();
        join(0, open("stays"), JoinOptions::default()).unwrap();
        join(1, open("goes"), JoinOptions::default()).unwrap();
        let first = register(b"in both").unwrap();
        // The first half of the join below, in which another thread registers.
        leave_one(1);
        process().unwrap().queues[1].segment.store(std::ptr::null_mut(), Ordering::Release);
        assert_eq!(register(b"between"), Some(first + 1));
        join(1, open("comes"), JoinOptions::default()).unwrap();
        assert_eq!(register(b"in both again"), Some(first + 2));
        let tables = [open("stays"), open("comes")].map(|queue| {
            let mut reader = crate::Reader::new(Box::leak(Box::new(queue)));
            reader.begin();
            let mut sites = Vec::new();
            reader.new_sites(0, |site| sites.push(site.to_vec()));
            sites.split_off(first as usize - 1)
        });
        let expected = [&b"in both"[..], b"between", b"in both again"];
        assert_eq!(tables, [expected, expected]);
        leave();
    }
}
