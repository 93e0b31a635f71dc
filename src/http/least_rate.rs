//! Slow is not dead, and what is nearly dead is not waited for.

use std::time::Duration;

/// The rate below which the other side is taken for dead: one byte every few seconds keeps any time-out between two
/// pieces from ending, and would keep its place for days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeastRate {
    pub bytes_per_second: u32,
    /// Over so much time that was spent waiting for the other side. Time in which it waited for us does not count.
    pub over: Duration,
}

impl Default for LeastRate {
    fn default() -> Self {
        Self {
            bytes_per_second: 2 << 10,
            over: Duration::from_secs(60),
        }
    }
}

impl LeastRate {
    /// How long so many bytes may take.
    #[must_use]
    pub fn time_for(&self, bytes: u64) -> Duration {
        self.over + Duration::from_secs(bytes / u64::from(self.bytes_per_second.max(1)))
    }
}

/// What one body has been seen to move.
#[derive(Debug)]
pub(super) struct Pace {
    least: LeastRate,
    waited: Duration,
    moved: u64,
}

impl Pace {
    pub fn new(least: LeastRate) -> Self {
        Self {
            least,
            waited: Duration::ZERO,
            moved: 0,
        }
    }

    /// Takes in that so many bytes took so long. Whether that is fast enough is judged whenever time enough has gone by.
    pub fn is_enough(&mut self, waited: Duration, bytes: u64) -> bool {
        self.waited += waited;
        self.moved = self.moved.saturating_add(bytes);
        if self.waited < self.least.over {
            return true;
        }
        let wanted = self.waited.as_millis() * u128::from(self.least.bytes_per_second) / 1_000;
        let enough = u128::from(self.moved) >= wanted;
        (self.waited, self.moved) = (Duration::ZERO, 0);
        enough
    }

    pub fn message(&self) -> String {
        let LeastRate { bytes_per_second, over } = self.least;
        format!("fewer than {bytes_per_second} bytes a second over {} s", over.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trickle_is_found_out_within_the_time_and_what_is_slow_is_not() {
        let second = Duration::from_secs(1);
        let mut trickle = Pace::new(LeastRate::default());
        let judged: Vec<bool> = (0..6).map(|_| trickle.is_enough(10 * second, 1)).collect();
        assert_eq!(judged, [true, true, true, true, true, false]);
        let mut slow = Pace::new(LeastRate::default());
        assert!((0..1_000).all(|_| slow.is_enough(second, 6_000)));
        // A pause in the middle is made up for by what comes before and after.
        let mut uneven = Pace::new(LeastRate::default());
        assert!(uneven.is_enough(second, 1 << 20) && uneven.is_enough(59 * second, 1));
    }

    #[test]
    fn larger_bodies_may_take_longer() {
        let least = LeastRate::default();
        assert_eq!(least.time_for(0), least.over);
        assert_eq!(least.time_for(1 << 20), least.over + Duration::from_secs(512));
    }
}
