//! regsync's `semverRange` (regclient, `internal/semver`): comparisons separated by spaces, all of which must hold.

use std::cmp::Ordering;

/// Numbers, as many as there are, and what follows a hyphen.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: Vec<u64>,
    prerelease: String,
}

/// See [`Range::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range(Vec<(Operator, Version)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Version {
    /// A leading `v` and what follows a `+` do not count.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split_once('+').map_or(text, |(version, _)| version);
        let (numbers, prerelease) = text.split_once('-').unwrap_or((text, ""));
        let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok())?;
        Some(Self {
            numbers: numbers.split('.').map(number).collect::<Option<_>>()?,
            prerelease: prerelease.to_owned(),
        })
    }

    fn number(&self, index: usize) -> u64 {
        self.numbers.get(index).copied().unwrap_or(0)
    }

    fn of(numbers: [u64; 3]) -> Self {
        Self {
            numbers: numbers.into(),
            prerelease: String::new(),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let length = self.numbers.len().max(other.numbers.len());
        let numbers = (0..length).map(|index| self.number(index).cmp(&other.number(index)));
        let by_number = numbers.fold(Ordering::Equal, Ordering::then);
        by_number.then_with(|| match (self.prerelease.as_str(), other.prerelease.as_str()) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (one, other) => compare_prereleases(one, other),
        })
    }
}

/// Identifier by identifier, each as text and numbers in turn. Where two have the same text and no number, the
/// comparison ends: that is what regclient does.
fn compare_prereleases(one: &str, other: &str) -> Ordering {
    let (ones, others): (Vec<_>, Vec<_>) = (one.split('.').collect(), other.split('.').collect());
    for (mut one, mut other) in ones.iter().copied().zip(others.iter().copied()) {
        while !one.is_empty() && !other.is_empty() {
            let ((head, number, rest), (other_head, other_number, other_rest)) = (split(one), split(other));
            if head != other_head {
                return head.cmp(other_head);
            }
            match (number.parse::<u64>().ok(), other_number.parse::<u64>().ok()) {
                (Some(number), Some(other)) if number != other => return number.cmp(&other),
                (Some(_), Some(_)) => {}
                (number, other) => return number.is_some().cmp(&other.is_some()),
            }
            (one, other) = (rest, other_rest);
        }
        if one.is_empty() != other.is_empty() {
            return other.is_empty().cmp(&one.is_empty());
        }
    }
    ones.len().cmp(&others.len())
}

/// What stands before the first digit, the digits, and the rest.
fn split(text: &str) -> (&str, &str, &str) {
    let digit = |c: char| c.is_ascii_digit();
    let start = text.find(digit).unwrap_or(text.len());
    let (head, rest) = text.split_at(start);
    let end = rest.find(|c| !digit(c)).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    (head, number, rest)
}

impl Range {
    /// `>=`, `<=`, `>`, `<`, `=` (or nothing), `^` and `~` before versions.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
        let mut bounds = Vec::new();
        for part in text.split_whitespace() {
            if let Some(version) = part.strip_prefix('^') {
                let from = Version::parse(version)?;
                let to = match [0, 1, 2].map(|index| from.number(index)) {
                    [0, 0, patch] => [0, 0, patch.checked_add(1)?],
                    [0, minor, _] => [0, minor.checked_add(1)?, 0],
                    [major, ..] => [major.checked_add(1)?, 0, 0],
                };
                bounds.extend([(GreaterOrEqual, from), (Less, Version::of(to))]);
            } else if let Some(version) = part.strip_prefix('~') {
                let from = Version::parse(version)?;
                let to = [from.number(0), from.number(1).checked_add(1)?, 0];
                bounds.extend([(GreaterOrEqual, from), (Less, Version::of(to))]);
            } else {
                let operators = [
                    (">=", GreaterOrEqual),
                    ("<=", LessOrEqual),
                    (">", Greater),
                    ("<", Less),
                    ("=", Equal),
                ];
                let found = operators
                    .into_iter()
                    .find_map(|(sign, operator)| Some((operator, part.strip_prefix(sign)?)));
                let (operator, version) = found.unwrap_or((Equal, part));
                bounds.push((operator, Version::parse(version)?));
            }
        }
        (!bounds.is_empty()).then_some(Self(bounds))
    }

    /// Whether the tag is a version within the range.
    #[must_use]
    pub fn contains(&self, tag: &str) -> bool {
        let Some(version) = Version::parse(tag) else {
            return false;
        };
        self.0.iter().all(|(operator, bound)| {
            let order = version.compare(bound);
            match operator {
                Operator::Equal => order.is_eq(),
                Operator::Less => order.is_lt(),
                Operator::LessOrEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                Operator::GreaterOrEqual => order.is_ge(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(range: &str) -> String {
        let tags = [
            "0.9.1",
            "v1.0.0",
            "1.2",
            "1.2.3",
            "1.2.3-rc1",
            "1.2.3-rc2",
            "1.3.0.4",
            "2.0.0",
            "latest",
            "1.x",
        ];
        let range = Range::parse(range).unwrap();
        let chosen: Vec<_> = tags.into_iter().filter(|tag| range.contains(tag)).collect();
        chosen.join(" ")
    }

    #[test]
    fn ranges_choose_what_regsync_chooses() {
        assert_eq!(chosen(">=1.0.0 <2.0.0"), "v1.0.0 1.2 1.2.3 1.2.3-rc1 1.2.3-rc2 1.3.0.4");
        assert_eq!(chosen("^1.2.3"), "1.2.3 1.3.0.4");
        assert_eq!(chosen("~1.2"), "1.2 1.2.3 1.2.3-rc1 1.2.3-rc2");
        assert_eq!(chosen("^0.9"), "0.9.1");
        assert_eq!(chosen(">1.2.3-rc1 <=1.2.3"), "1.2.3 1.2.3-rc2");
        assert_eq!(chosen("1.2.0"), "1.2");
        for bad in ["", ">=", "one", ">=1.x", "~~1", "^18446744073709551615"] {
            assert_eq!(Range::parse(bad), None, "{bad}");
        }
    }
}
