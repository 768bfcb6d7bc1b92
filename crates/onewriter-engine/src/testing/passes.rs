//! The drain without a writer, for fuzzing.

use crate::drain::{Drain, Take};
use crate::route::From;
use crate::wall::Wall;
use onewriter_record::Record;
use onewriter_ring::{Queue, Reader, wall_pair};

/// Reads `passes` passes of a queue as its writer does, gives each record to `each`, and releases it.
/// Returns how many records there were.
#[doc(hidden)]
pub fn drain_passes(
    queue: &'static Queue,
    passes: usize,
    each: &mut dyn FnMut(&Record<'_>),
) -> u64 {
    let mut drain = Drain::new(Reader::new(queue), Wall::new(queue.clock(), wall_pair()));
    let mut give = Give(each);
    let mut n_records = 0;
    for _ in 0..passes {
        let t0 = drain.reader.begin();
        let mut lost = Vec::new();
        drain.reader.losses(|ring, _| lost.push(ring));
        lost.into_iter().for_each(|ring| drop(drain.who(ring)));
        n_records += drain.merge(t0, &mut give);
        drain.reader.release();
        drain.forget_gone();
        let _ = drain.take_unreadable();
        for damage in drain.reader.take_damage() {
            let _ = damage.to_string();
        }
    }
    n_records
}

struct Give<'a>(&'a mut dyn FnMut(&Record<'_>));

impl Take for Give<'_> {
    fn take(&mut self, record: &Record<'_>, _: &From, _: &Reader) {
        (self.0)(record);
    }

    fn between(&mut self, _: &mut Reader) {}

    fn is_stuck(&self) -> bool {
        false
    }
}
