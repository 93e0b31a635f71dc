//! Seeded randomness: the same seed gives the same run.

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::model::Digest;

/// What a whole run is drawn from. A seed whose run fails an invariant is a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

impl Seed {
    /// The random numbers for one purpose. Streams of different names are independent, so that drawing more in one part
    /// of the simulation leaves the others as they were.
    #[must_use]
    pub fn stream(self, name: &str) -> SmallRng {
        SmallRng::seed_from_u64(self.derive(name).0)
    }

    /// A seed for one part of the run.
    #[must_use]
    pub fn derive(self, name: &str) -> Self {
        let hash = Digest::of(format!("{}/{name}", self.0).as_bytes());
        let mut number = [0; 8];
        number.copy_from_slice(&hash.as_bytes()[..8]);
        Self(u64::from_be_bytes(number))
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn a_stream_is_the_same_each_time_and_differs_from_the_others() {
        let draw = |seed: u64, name: &str| Seed(seed).stream(name).random::<u64>();
        assert_eq!(draw(7, "faults"), draw(7, "faults"));
        assert_ne!(draw(7, "faults"), draw(7, "images"));
        assert_ne!(draw(7, "faults"), draw(8, "faults"));
    }
}
