//! The numbers of one producer, in constant memory.

use std::collections::VecDeque;

/// So many gaps are kept open for late numbers; an older one is settled as lost, and a number that
/// still comes for it counts as doubled.
const MAX_OPEN_GAPS: usize = 4096;

/// The numbers of one producer: which are missing, doubled or late.
///
/// ```
/// let mut sequence = onewriter_cli::tally::Sequence::new(0);
/// assert!(sequence.put(0));
/// assert!(!sequence.put(2)); // 1 is missing
/// assert!(!sequence.put(1)); // and comes late
/// assert_eq!((sequence.lost(), sequence.misordered()), (0, 1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Sequence {
    first: u64,
    next: u64,
    /// Missing numbers, first and last, in ascending order.
    open: VecDeque<(u64, u64)>,
    settled: u64,
    settled_gaps: u64,
    doubled: u64,
    misordered: u64,
}

impl Sequence {
    /// A producer whose first number is `first`.
    #[must_use]
    pub fn new(first: u64) -> Sequence {
        Sequence { first, next: first, ..Sequence::default() }
    }

    /// The number that comes next if all is well.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Counts a number. Whether it was the expected one.
    #[inline]
    pub fn put(&mut self, number: u64) -> bool {
        if number == self.next {
            self.next = number.saturating_add(1);
            return true;
        }
        self.put_unexpected(number);
        false
    }

    #[cold]
    fn put_unexpected(&mut self, number: u64) {
        if number > self.next {
            self.reach(number - 1);
            self.next = number.saturating_add(1);
        } else if number < self.first {
            if number + 1 < self.first {
                self.open.push_front((number + 1, self.first - 1));
            }
            self.first = number;
            self.misordered += 1;
            self.settle();
        } else if self.fill(number) {
            self.misordered += 1;
        } else {
            self.doubled += 1;
        }
    }

    /// All numbers up to `last` should have come by now.
    pub fn reach(&mut self, last: u64) {
        if last >= self.next {
            self.open.push_back((self.next, last));
            self.next = last.saturating_add(1);
            self.settle();
        }
    }

    /// Takes a number out of the gap it belongs to.
    fn fill(&mut self, number: u64) -> bool {
        let idx = self.open.partition_point(|&(_, last)| last < number);
        let Some(&(first, last)) = self.open.get(idx) else { return false };
        if number < first {
            return false;
        }
        match (number == first, number == last) {
            (true, true) => drop(self.open.remove(idx)),
            (true, false) => self.open[idx].0 = number + 1,
            (false, true) => self.open[idx].1 = number - 1,
            (false, false) => {
                self.open[idx].1 = number - 1;
                self.open.insert(idx + 1, (number + 1, last));
                self.settle();
            }
        }
        true
    }

    fn settle(&mut self) {
        if self.open.len() > MAX_OPEN_GAPS
            && let Some((first, last)) = self.open.pop_front()
        {
            self.settled += last - first + 1;
            self.settled_gaps += 1;
        }
    }

    /// How many numbers are missing.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.settled + self.open.iter().map(|(first, last)| last - first + 1).sum::<u64>()
    }

    /// How many runs of missing numbers there are.
    #[must_use]
    pub fn gaps(&self) -> u64 {
        self.settled_gaps + self.open.len() as u64
    }

    /// How many numbers came a second time.
    #[must_use]
    pub fn doubled(&self) -> u64 {
        self.doubled
    }

    /// How many numbers came after a larger one.
    #[must_use]
    pub fn misordered(&self) -> u64 {
        self.misordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `lost gaps doubled misordered`.
    fn counts(first: u64, numbers: &[u64]) -> (u64, u64, u64, u64) {
        let mut sequence = Sequence::new(first);
        for &n in numbers {
            sequence.put(n);
        }
        (sequence.lost(), sequence.gaps(), sequence.doubled(), sequence.misordered())
    }

    #[test]
    fn each_kind_of_fault_is_counted_once() {
        assert_eq!(counts(0, &[0, 1, 2]), (0, 0, 0, 0));
        assert_eq!(counts(0, &[0, 2]), (1, 1, 0, 0));
        assert_eq!(counts(0, &[0, 5, 3]), (3, 2, 0, 1));
        assert_eq!(counts(0, &[0, 5, 1, 2, 3, 4]), (0, 0, 0, 4));
        assert_eq!(counts(0, &[0, 5, 4, 4]), (3, 1, 1, 1));
        assert_eq!(counts(0, &[0, 0, 0]), (0, 0, 2, 0));
        assert_eq!(counts(7, &[7, 5, 8]), (1, 1, 0, 1));
        assert_eq!(counts(3, &[u64::MAX, 3]), (u64::MAX - 4, 1, 0, 1));
    }

    #[test]
    fn memory_stays_bounded_and_the_count_exact() {
        let mut sequence = Sequence::new(0);
        for n in 0..100_000 {
            sequence.put(2 * n);
        }
        assert!(sequence.open.len() <= MAX_OPEN_GAPS);
        assert_eq!((sequence.lost(), sequence.gaps()), (99_999, 99_999));
        sequence.put(1); // settled long ago
        assert_eq!((sequence.doubled(), sequence.misordered()), (1, 0));
    }
}
