//! From clock stamps to wall time.

use onewriter_ring::ClockKind;

/// Readings closer than this are not used to find the clock's rate.
const MIN_BASELINE: u64 = 1_000_000;
/// A rate this far off means that the wall clock was set, not that the counter is odd.
const MAX_DRIFT: f64 = 0.001;

/// A stamp and the wall time at the same moment.
type Pair = (u64, u64);

/// Converts stamps to nanoseconds since 1970, following the wall clock: a new anchor each time it
/// is told one, a rate measured over the longest time without a jump.
#[derive(Debug)]
pub(crate) struct Wall {
    first: Pair,
    anchor: Pair,
    /// Nanoseconds for a tick, as a fraction of 2^32.
    rate: u64,
    is_rated: bool,
}

impl Wall {
    /// Begins with one reading. Until [`Wall::anchor`] has got another one a millisecond later,
    /// ticks of a counter are taken for nanoseconds.
    pub(crate) fn new(kind: ClockKind, now: Pair) -> Wall {
        let is_rated = kind == ClockKind::Monotonic;
        Wall { first: now, anchor: now, rate: 1 << 32, is_rated }
    }

    /// Takes a reading.
    pub(crate) fn anchor(&mut self, now: Pair) {
        let ticks = now.0.saturating_sub(self.first.0);
        let nanos = now.1.saturating_sub(self.first.1);
        self.anchor = now;
        if nanos < MIN_BASELINE || ticks == 0 {
            return;
        }
        let rate = ((u128::from(nanos) << 32) / u128::from(ticks)) as u64;
        let drift = (rate as f64 / self.rate as f64 - 1.0).abs();
        if !self.is_rated || drift < MAX_DRIFT {
            self.rate = rate;
            self.is_rated = true;
        } else {
            self.first = now;
        }
    }

    /// The wall time of a stamp.
    #[inline]
    pub(crate) fn at(&self, stamp: u64) -> u64 {
        let scale = |ticks: u64| ((u128::from(ticks) * u128::from(self.rate)) >> 32) as u64;
        if stamp >= self.anchor.0 {
            self.anchor.1.saturating_add(scale(stamp - self.anchor.0))
        } else {
            self.anchor.1.saturating_sub(scale(self.anchor.0 - stamp))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_of_2_5_ghz_is_converted_and_followed() {
        let mut wall = Wall::new(ClockKind::Tsc, (1_000, 5_000_000_000));
        wall.anchor((1_000 + 2_500_000_000, 6_000_000_000));
        assert_eq!(wall.at(1_000 + 2_500_000_000), 6_000_000_000);
        let later = wall.at(1_000 + 2_750_000_000);
        assert!((later as i64 - 6_100_000_000).abs() < 2, "{later}");
        let earlier = wall.at(1_000 + 1_250_000_000);
        assert!((earlier as i64 - 5_500_000_000).abs() < 2, "{earlier}");
    }

    #[test]
    fn a_wall_clock_that_is_set_does_not_bend_the_rate() {
        let mut wall = Wall::new(ClockKind::Tsc, (0, 0));
        wall.anchor((1_000_000_000, 500_000_000));
        wall.anchor((2_000_000_000, 90_000_000_000));
        assert_eq!(wall.at(2_000_000_000), 90_000_000_000);
        assert_eq!(wall.at(2_200_000_000), 90_100_000_000);
    }

    #[test]
    fn the_monotonic_clock_has_the_rate_one() {
        let wall = Wall::new(ClockKind::Monotonic, (70, 1_000_000));
        assert_eq!(wall.at(75), 1_000_005);
        assert_eq!(wall.at(65), 999_995);
    }
}
