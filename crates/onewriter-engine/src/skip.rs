//! What a sink has already and the rings do not say: how a writer that takes over reads each record
//! into each sink once.
//!
//! Of a ring four positions matter, in this order: its *head*, up to which its space has been given
//! back; for each sink, what the sink *has*; how far the writer has *taken*; its tail. A journal's
//! cursors are what its sink has once the announced write is done. This holds at every step:
//!
//! > A sink has of a ring exactly what stands before the larger of the ring's head and the largest
//! > cursor of that ring in the sink's journal.
//!
//! * The head moves on only to what is taken, and only when no sink has anything pending: then every
//!   sink has everything before it, whatever its journal says. So a cursor may be old (its sink's
//!   filter admits nothing while others are written, or the sink was absent for a while): an old one
//!   is below the head and says nothing. Positions only grow, and no ring gets another's number.
//! * An intent stands for all records taken so far. Its cursors are those of all rings that were
//!   taken from since their head moved, and of no other: of the others the sink has what stands
//!   before the head.
//! * A writer that takes over begins to read at the heads, and each sink leaves out what it has: the
//!   *skip list*, the cursors of its journal. While the writer has not taken as much of a ring as a
//!   sink has, that ring's cursor in the sink's next intent is the one of the skip list, not where
//!   the writer is. Otherwise an intent of this writer would take back what the sink has: one that
//!   stands for a notice of its own, written before the rings were read again, is enough.
//! * A ring is on the skip list until as much was taken. A ring that cannot be found and whose
//!   segment is not there any more was drained: it is dropped from the list. So a list ends.
//! * A journal is emptied by a writer that leaves with everything written and the heads at what was
//!   taken; not while its skip list has something left.

use onewriter_ring::{Cursor, Reader, RingId};
use std::collections::HashMap;

/// Rings of which a sink has more than was taken.
#[derive(Debug, Default)]
pub(crate) struct SkipList(HashMap<(u128, u32), u64>);

impl SkipList {
    /// From the cursors of a journal; if a ring stands there twice, the larger one holds.
    pub(crate) fn new(cursors: Vec<Cursor>) -> SkipList {
        let mut list = HashMap::new();
        for Cursor { segment, ring, pos } in cursors {
            let had = list.entry((segment, ring)).or_insert(pos);
            *had = pos.max(*had);
        }
        SkipList(list)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the sink has the record that is at hand in this ring.
    #[cold]
    pub(crate) fn holds(&mut self, ring: RingId, reader: &Reader) -> bool {
        let Some(at) = reader.position(ring) else { return false };
        let key = (at.segment, at.ring);
        let Some(had) = self.0.get(&key) else { return false };
        let holds = at.pos < *had;
        if !holds {
            self.0.remove(&key);
        }
        holds
    }

    /// Drops what was taken meanwhile.
    pub(crate) fn prune(&mut self, reader: &Reader) {
        self.0
            .retain(|&(segment, ring), pos| reader.may_come(&Cursor { segment, ring, pos: *pos }));
    }

    /// What belongs into an intent beside what was taken.
    pub(crate) fn cursors(&self) -> impl Iterator<Item = Cursor> + Clone + '_ {
        self.0.iter().map(|(&(segment, ring), &pos)| Cursor { segment, ring, pos })
    }
}
