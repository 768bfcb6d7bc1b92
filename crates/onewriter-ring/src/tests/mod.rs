//! The protocols on heap memory: under model checkers, with crashes at every step, by examples.

#[cfg(not(any(loom, shuttle)))]
mod crash;
#[cfg(not(any(loom, shuttle)))]
mod format;
#[cfg(loom)]
mod loom;
#[cfg(shuttle)]
mod shuttle;
#[cfg(any(loom, shuttle))]
mod takeover;

use crate::spsc::{CONTROL_WORDS, Consumer, Corrupt, Frame, Producer, Ring, Room, parse};
use crate::words::Words;

/// A process has one queue in a slot at a time.
#[cfg(not(any(loom, shuttle)))]
pub(crate) fn one_at_a_time() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A ring of `words` words of data, from a way to make memory.
fn ring_of<W>(words: usize, make: impl Fn(usize) -> W) -> Ring<W> {
    Ring { control: make(CONTROL_WORDS), data: make(words), capacity: 8 * words as u64 }
}

/// Puts a frame whose body is `len` copies of `value`, by the fast path or the slow one.
fn put<W: Words>(producer: &Producer<W>, stamp: u64, value: u64, len: usize) -> bool {
    let fill = |frame: &mut Frame<'_, W>| (0..len).for_each(|_| frame.word(value));
    let Err(fill) = producer.try_put(1, stamp, 8 * len, fill) else { return true };
    producer.enter_slow();
    let ready = producer.make_room(8 * len, true) == Room::Ready;
    if ready {
        producer.put_ready(1 << 32, stamp, 8 * len, fill);
    }
    producer.leave_slow();
    ready
}

/// A frame as it was read: its stamp and its body.
type Read = (u64, Vec<u64>);

/// Reads everything that is committed and moves on behind it, without releasing it.
fn read_all<W: Words>(consumer: &mut Consumer<W>) -> Result<Vec<Read>, Corrupt> {
    let mut frames = Vec::new();
    consumer.observe()?;
    while consumer.pos() != consumer.tail() {
        let mut words = Vec::new();
        consumer.read(1 << 20, &mut words)?;
        let mut rest = &words[..];
        while !rest.is_empty() {
            let (frame, n_words) = parse(rest)?;
            frames.extend(frame.map(|frame| (frame.stamp, rest[2..n_words].to_vec())));
            rest = &rest[n_words..];
        }
    }
    Ok(frames)
}
