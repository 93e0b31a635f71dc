//! Endpoints of a target, by number and as sets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How many endpoints a target can have: a set of them is one machine word.
pub const MAX_ENDPOINTS: usize = 64;

/// The number of an endpoint within its target; the primary is 0, mirrors follow by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointIndex(pub u8);

impl EndpointIndex {
    pub const PRIMARY: Self = Self(0);
}

/// A set of endpoints of one target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EndpointSet(u64);

impl EndpointSet {
    pub const EMPTY: Self = Self(0);
    pub const PRIMARY: Self = Self(1);

    /// The first `count` endpoints.
    #[must_use]
    pub const fn first(count: usize) -> Self {
        assert!(count <= MAX_ENDPOINTS);
        if count == MAX_ENDPOINTS {
            Self(u64::MAX)
        } else {
            Self((1 << count) - 1)
        }
    }

    #[must_use]
    pub const fn only(endpoint: EndpointIndex) -> Self {
        Self(1 << endpoint.0)
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    #[must_use]
    pub const fn contains(self, endpoint: EndpointIndex) -> bool {
        self.0 >> endpoint.0 & 1 == 1
    }

    #[must_use]
    pub const fn contains_all(self, other: Self) -> bool {
        other.0 & !self.0 == 0
    }

    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub fn insert(&mut self, endpoint: EndpointIndex) {
        self.0 |= 1 << endpoint.0;
    }

    pub fn remove(&mut self, endpoint: EndpointIndex) {
        self.0 &= !(1 << endpoint.0);
    }

    pub fn iter(self) -> impl Iterator<Item = EndpointIndex> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            (rest != 0).then(|| {
                let next = rest.trailing_zeros() as u8;
                rest &= rest - 1;
                EndpointIndex(next)
            })
        })
    }
}

impl std::ops::BitOr for EndpointSet {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl std::ops::BitAnd for EndpointSet {
    type Output = Self;
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl std::ops::Sub for EndpointSet {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl std::ops::BitOrAssign for EndpointSet {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl std::ops::BitAndAssign for EndpointSet {
    fn bitand_assign(&mut self, other: Self) {
        self.0 &= other.0;
    }
}

impl std::ops::SubAssign for EndpointSet {
    fn sub_assign(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

impl FromIterator<EndpointIndex> for EndpointSet {
    fn from_iter<I: IntoIterator<Item = EndpointIndex>>(endpoints: I) -> Self {
        let mut set = Self::EMPTY;
        for endpoint in endpoints {
            set.insert(endpoint);
        }
        set
    }
}

impl fmt::Debug for EndpointSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.iter().map(|e| e.0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_lists_what_was_inserted_in_order() {
        let set: EndpointSet = [EndpointIndex(63), EndpointIndex(0), EndpointIndex(7)]
            .into_iter()
            .collect();
        assert_eq!(set.iter().map(|e| e.0).collect::<Vec<_>>(), [0, 7, 63]);
        assert_eq!(set.len(), 3);
        assert_eq!(EndpointSet::first(64).len(), 64);
        assert_eq!(
            (EndpointSet::first(3) - EndpointSet::PRIMARY).iter().next(),
            Some(EndpointIndex(1))
        );
    }
}
