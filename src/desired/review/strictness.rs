//! Settings of which one value asks for more than another.

use crate::desired::choice::{Prune, Sign};
use crate::model::{Drift, PolicyMode, SignaturePlacement, TargetMode};

/// A setting whose values are ordered by how much they ask for.
pub(super) trait Strict: Copy + PartialEq + 'static {
    /// The laxest first.
    const ORDER: &[Self];

    fn word(self) -> &'static str;

    fn is_laxer_than(self, other: Self) -> bool {
        let rank = |value| Self::ORDER.iter().position(|known| *known == value);
        rank(self) < rank(other)
    }
}

macro_rules! ordered {
    ($($type:ident: $($value:ident)<+;)*) => {$(
        impl Strict for $type {
            const ORDER: &[Self] = &[$(Self::$value),+];

            fn word(self) -> &'static str {
                self.as_str()
            }
        }
    )*};
}

ordered! {
    SignaturePlacement: PrimaryOnly < Replicate;
    Sign: Root;
    Drift: Report < Repair;
    TargetMode: Observe < Enforce;
    Prune: Never;
    PolicyMode: Off;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_has_every_value() {
        assert_eq!(SignaturePlacement::ORDER.len(), SignaturePlacement::ALL.len());
        assert_eq!(Drift::ORDER.len(), Drift::ALL.len());
        assert_eq!(TargetMode::ORDER.len(), TargetMode::ALL.len());
        assert_eq!(PolicyMode::ORDER.len(), PolicyMode::ALL.len());
    }

    #[test]
    fn only_what_asks_for_less_is_laxer() {
        assert!(Drift::Report.is_laxer_than(Drift::Repair));
        assert!(!Drift::Repair.is_laxer_than(Drift::Report));
        assert!(!TargetMode::Observe.is_laxer_than(TargetMode::Observe));
    }
}
