//! A process that dies after k accesses to shared memory, for every k: what the next one finds.

use super::{Read, put, read_all, ring_of};
use crate::journal::{Place, steps};
use crate::reader::Cursor;
use crate::spsc::{Consumer, HEAD, LOST, Producer, Ring, TAIL};
use crate::words::{HeapWords, Words};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;

/// What a process may still do before it dies.
struct Life(Cell<usize>);

impl Life {
    fn new(n_steps: usize) -> Life {
        Life(Cell::new(n_steps))
    }

    /// Takes one step, or dies before it.
    fn step(&self) {
        match self.0.get().checked_sub(1) {
            Some(left) => self.0.set(left),
            // Unlike a panic, it prints nothing.
            None => resume_unwind(Box::new("dead")),
        }
    }

    /// Whether `work` came to its end.
    fn outlives(work: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(work)).is_ok()
    }
}

/// Shared memory as a mortal process reaches it.
#[derive(Clone, Copy)]
struct Mortal<'a> {
    words: &'a HeapWords,
    life: &'a Life,
}

impl Words for Mortal<'_> {
    fn load(&self, at: usize, order: Ordering) -> u64 {
        self.life.step();
        self.words.load(at, order)
    }

    fn store(&self, at: usize, word: u64, order: Ordering) {
        self.life.step();
        self.words.store(at, word, order);
    }
}

fn ring(words: usize) -> Ring<HeapWords> {
    ring_of(words, HeapWords::zeroed)
}

fn shared(ring: &Ring<HeapWords>) -> Ring<&HeapWords> {
    Ring { control: &ring.control, data: &ring.data, capacity: ring.capacity }
}

fn mortal<'a>(ring: &'a Ring<HeapWords>, life: &'a Life) -> Ring<Mortal<'a>> {
    let of = |words| Mortal { words, life };
    Ring { control: of(&ring.control), data: of(&ring.data), capacity: ring.capacity }
}

/// Runs `work` with 0, 1, 2, ... steps to live, until it comes to its end; how many runs that took.
fn at_every_step(mut work: impl FnMut(&Life) -> bool) -> usize {
    (0..).find(|n_steps| work(&Life::new(*n_steps))).expect("it ends") + 1
}

#[test]
fn a_put_that_dies_at_any_step_leaves_all_returned_puts_and_nothing_or_all_of_itself() {
    let runs = at_every_step(|life| {
        // 64 bytes: the third frame pads up to the wrap, and the fourth finds no room.
        let memory = ring(8);
        let mut consumer = Consumer::new(shared(&memory), 0);
        let early = Producer::new(shared(&memory));
        assert!(put(&early, 1, 10, 1) && put(&early, 2, 20, 1));
        let mut read = read_all(&mut consumer).unwrap();
        consumer.release(consumer.pos());
        let _ = early;
        let returned = RefCell::new(vec![1, 2]);
        let survived = Life::outlives(|| {
            let producer = Producer::new(mortal(&memory, life));
            for stamp in 3..=5 {
                if put(&producer, stamp, 10 * stamp, 1) {
                    returned.borrow_mut().push(stamp);
                }
            }
        });
        read.extend(read_all(&mut consumer).expect("a dead producer leaves nothing broken"));
        check_prefix(&read, &returned.borrow(), 1);
        survived
    });
    assert!(runs > 15, "{runs} runs are no put");
}

/// What was read is what returned, and after it at most one more, whole.
fn check_prefix(read: &[Read], returned: &[u64], len: usize) {
    let stamps: Vec<u64> = read.iter().map(|(stamp, _)| *stamp).collect();
    let committed = [returned, &[returned.len() as u64 + 1]].concat();
    assert!(stamps == returned || stamps == committed, "{stamps:?} read, {returned:?} returned");
    for (stamp, body) in read {
        assert_eq!(*body, vec![10 * stamp; len], "a frame is whole");
    }
}

#[test]
fn a_producer_that_dies_while_it_grows_into_another_ring_leaves_both_whole() {
    at_every_step(|life| {
        let (small, large) = (ring(8), ring(32));
        let returned = RefCell::new(Vec::new());
        let survived = Life::outlives(|| {
            let producer = Producer::new(mortal(&small, life));
            for stamp in 1..=6 {
                if !put(&producer, stamp, 10 * stamp, 2) {
                    producer.enter_slow();
                    producer.rebind(mortal(&large, life), 0);
                    producer.leave_slow();
                    assert!(put(&producer, stamp, 10 * stamp, 2));
                }
                returned.borrow_mut().push(stamp);
            }
        });
        let mut read = read_all(&mut Consumer::new(shared(&small), 0)).unwrap();
        read.extend(read_all(&mut Consumer::new(shared(&large), 0)).unwrap());
        check_prefix(&read, &returned.borrow(), 2);
        survived
    });
}

#[test]
fn a_loss_that_dies_while_it_is_counted_is_counted_or_not_and_the_next_ones_are() {
    at_every_step(|life| {
        let memory = ring(8);
        let survived = Life::outlives(|| {
            let producer = Producer::new(mortal(&memory, life));
            producer.count_lost(20, 7);
        });
        let mut consumer = Consumer::new(shared(&memory), 0);
        let counted = consumer.losses().map_or(0, |losses| losses.count);
        assert_eq!(counted, memory.control.load(LOST, Ordering::Relaxed));
        Producer::new(shared(&memory)).count_lost(20, 9);
        let next = consumer.losses().expect("another one");
        assert!((1..=2).contains(&next.count) && next.last == 9, "{next:?}");
        survived
    });
}

#[test]
fn a_writer_that_dies_while_it_releases_leaves_the_ring_as_it_was_or_released() {
    at_every_step(|life| {
        let memory = ring(8);
        let producer = Producer::new(shared(&memory));
        assert!(put(&producer, 1, 10, 1) && put(&producer, 2, 20, 1));
        producer.announce_wait();
        let survived = Life::outlives(|| {
            let mut consumer = Consumer::new(mortal(&memory, life), 0);
            consumer.observe().unwrap();
            consumer.read(1 << 20, &mut Vec::new()).unwrap();
            let end = consumer.pos();
            consumer.release(end);
        });
        let head = memory.control.load(HEAD, Ordering::Relaxed);
        let tail = memory.control.load(TAIL, Ordering::Relaxed);
        let mut successor = Consumer::new(shared(&memory), head);
        let left = read_all(&mut successor).unwrap();
        assert!(head == tail || head == 0, "the head {head} is old or new");
        assert_eq!(left.len(), if head == 0 { 2 } else { 0 });
        successor.release(successor.pos());
        assert!(put(&producer, 3, 30, 1), "the producer goes on");
        assert_eq!(read_all(&mut successor), Ok(vec![(3, vec![30])]));
        survived
    });
}

const STAGE: usize = 64;
const PLACE: Place = Place { dev: 1, ino: 2, base: 0 };

#[test]
fn an_intent_that_dies_at_any_step_is_not_there_or_whole_and_never_the_one_before() {
    let place = |base| Place { base, ..PLACE };
    let cursor = |pos| Cursor { segment: 1 << 100 | 5, ring: 3, pos };
    let mut seen = [0, 0];
    at_every_step(|life| {
        let memory = HeapWords::zeroed(steps::words(STAGE));
        steps::intend(&memory, place(0), b"the first write", &[cursor(8), cursor(16)]);
        steps::confirm(&memory);
        let survived = Life::outlives(|| {
            let words = Mortal { words: &memory, life };
            steps::intend(&words, place(15), b"another one", &[cursor(24)]);
        });
        match steps::pending(&memory) {
            None => {
                seen[0] += 1;
                assert_eq!(steps::cursors(&memory), [cursor(8), cursor(16)]);
            }
            Some(pending) => {
                seen[1] += 1;
                assert_eq!(pending.place, place(15));
                assert_eq!(pending.bytes, b"another one");
                assert_eq!(steps::cursors(&memory), [cursor(24)]);
            }
        }
        survived
    });
    assert!(seen[0] > 10 && seen[1] == 1, "{seen:?}: pending only after the last store");
}

#[test]
fn a_write_that_dies_while_it_is_parted_is_whole_at_its_old_place_or_parted_at_the_new_one() {
    let place = |base| Place { base, ..PLACE };
    let cursor = |pos| Cursor { segment: 1 << 100 | 5, ring: 3, pos };
    let cursors = [cursor(8), cursor(16), cursor(24)];
    let mut seen = [0, 0, 0];
    at_every_step(|life| {
        let memory = HeapWords::zeroed(steps::words(STAGE));
        steps::intend(&memory, place(7), b"one\ntwo\nthree\n", &cursors);
        let survived = Life::outlives(|| {
            let words = Mortal { words: &memory, life };
            // Somebody has written behind the first line, and then behind half the second one.
            steps::part(&words, place(50), 4, true);
            steps::part(&words, place(90), 5, false);
        });
        let pending = steps::pending(&memory).expect("it is pending at every step");
        assert_eq!(steps::cursors(&memory), cursors, "they are those of the whole write");
        let texts: [(u64, &[u8]); 3] =
            [(7, b"one\ntwo\nthree\n"), (50, b"\ntwo\nthree\n"), (90, b"three\n")];
        let at = texts.iter().position(|(base, _)| place(*base) == pending.place);
        let at = at.expect("one of the three places");
        assert_eq!(pending.bytes, texts[at].1);
        seen[at] += 1;
        survived
    });
    assert!(seen[0] > 10 && seen[1] > 10 && seen[2] == 1, "{seen:?}");
}

#[test]
fn a_write_of_which_nothing_is_done_can_get_a_newline_before_it() {
    let memory = HeapWords::zeroed(steps::words(STAGE));
    steps::intend(&memory, PLACE, b"all of it\n", &[]);
    steps::part(&memory, Place { base: 9, ..PLACE }, 0, true);
    let pending = steps::pending(&memory).expect("it is pending");
    assert_eq!((pending.place.base, &pending.bytes[..]), (9, &b"\nall of it\n"[..]));
    steps::confirm(&memory);
    assert_eq!(steps::pending(&memory), None);
}

/// A file and the world around it: it outlives every writer.
struct World {
    ring: Ring<HeapWords>,
    journal: HeapWords,
    file: RefCell<Vec<u8>>,
}

impl World {
    /// Writes byte by byte, each a step: a writer may die in the middle of a write.
    fn write(&self, life: &Life, base: usize, bytes: &[u8]) {
        for (at, byte) in bytes.iter().enumerate() {
            life.step();
            let mut file = self.file.borrow_mut();
            let len = file.len().max(base + at + 1);
            file.resize(len, 0);
            file[base + at] = *byte;
        }
    }

    /// One writer's life: what its predecessor announced, then batches of what is in the ring.
    fn writer(&self, life: &Life) {
        let words = Mortal { words: &self.journal, life };
        let mut head = self.ring.control.load(HEAD, Ordering::Relaxed);
        let mut consumer = Consumer::new(mortal(&self.ring, life), head);
        if let Some(pending) = steps::pending(&words) {
            self.write(life, pending.place.base as usize, &pending.bytes);
            steps::confirm(&words);
        }
        // The rings may lag behind what the journal says is written.
        if let [cursor] = steps::cursors(&words)[..] {
            head = head.max(cursor.pos);
            consumer.release(head);
            consumer = Consumer::new(mortal(&self.ring, life), head);
        }
        while consumer.observe().expect("nothing is broken") {
            let mut frames = Vec::new();
            // A batch of two frames at most.
            consumer.read(48, &mut frames).expect("nothing is broken");
            let bytes: Vec<u8> = frames.chunks(3).map(|frame| frame[2] as u8).collect();
            let base = self.file.borrow().len();
            let cursor = Cursor { segment: 1, ring: 0, pos: consumer.pos() };
            steps::intend(&words, Place { base: base as u64, ..PLACE }, &bytes, &[cursor]);
            self.write(life, base, &bytes);
            steps::confirm(&words);
            let end = consumer.pos();
            consumer.release(end);
        }
    }
}

#[test]
fn whatever_step_writers_die_at_every_record_is_in_the_file_once_and_in_order() {
    let run = |first: usize, second: usize| {
        let world = World {
            ring: ring(16),
            journal: HeapWords::zeroed(steps::words(STAGE)),
            file: RefCell::default(),
        };
        let producer = Producer::new(shared(&world.ring));
        for (stamp, byte) in (1..).zip(b"abcde") {
            assert!(put(&producer, stamp, u64::from(*byte), 1));
        }
        let survived = Life::outlives(|| world.writer(&Life::new(first)));
        let _ = Life::outlives(|| world.writer(&Life::new(second)));
        world.writer(&Life::new(usize::MAX));
        let file = world.file.borrow();
        assert_eq!(String::from_utf8_lossy(&file), "abcde", "died after {first} and {second}");
        survived
    };
    let steps = (0..).find(|first| run(*first, 0)).expect("it ends");
    assert!(steps > 60, "{steps} steps are no writer");
    // And the successor dies too, at a step of its own.
    for first in 0..steps {
        run(first, (first * 7) % steps);
    }
}
