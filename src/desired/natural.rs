//! The order in which people expect versions.

use std::cmp::Ordering;

/// Compares texts with the numbers in them by value: `v1.9` before `v1.10`. Where that makes no difference (`v1`,
/// `v01`), bytes decide, so that the order is total.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    while let (Some((one, rest)), Some((other, other_rest))) = (split(left), split(right)) {
        let numbers = one[0].is_ascii_digit() && other[0].is_ascii_digit();
        let order = if numbers { by_value(one, other) } else { one.cmp(other) };
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (rest, other_rest);
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// The digits or the one other byte that `text` begins with, and the rest.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at_checked(digits.max(1))
}

fn by_value(one: &[u8], other: &[u8]) -> Ordering {
    fn significant(digits: &[u8]) -> &[u8] {
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        &digits[zeros..]
    }
    let (one, other) = (significant(one), significant(other));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_follow_their_numbers() {
        let mut tags = [
            "v1.10.0",
            "v1.9.3",
            "latest",
            "v1.9.3-rc.1",
            "v1.9.3-rc.10",
            "v1.9.3-rc.2",
            "v2",
            "1.0",
        ];
        tags.sort_by(|a, b| compare(a, b));
        assert_eq!(
            tags,
            [
                "1.0",
                "latest",
                "v1.9.3",
                "v1.9.3-rc.1",
                "v1.9.3-rc.2",
                "v1.9.3-rc.10",
                "v1.10.0",
                "v2"
            ]
        );
    }

    proptest! {
        #[test]
        fn the_order_is_total(a in "[a0-3.]{0,6}", b in "[a0-3.]{0,6}", c in "[a0-3.]{0,6}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &b) == Ordering::Equal, a == b);
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }
    }
}
