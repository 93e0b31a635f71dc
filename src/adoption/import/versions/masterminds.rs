//! skopeo's `images-by-semver` (Masterminds/semver 3, `constraints.go`): comparisons separated by spaces or commas, all
//! of which must hold, in alternatives separated by `||`. A pre-release is in a range only if the range names one.

use std::cmp::Ordering;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    numbers: [u64; 3],
    prerelease: String,
}

/// See [`Constraint::parse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint(Vec<Vec<Comparison>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    version: Version,
    /// How many of its numbers are given; the others stand for any.
    given: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Tilde,
    Caret,
}

/// The version, and how many of its numbers are given. Numbers after one that is missing do not count.
fn version(text: &str, wildcards: bool) -> Option<(Version, usize)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |(text, build)| (text, Some(build)));
    let (numbers, prerelease) = text
        .split_once('-')
        .map_or((text, None), |(text, pre)| (text, Some(pre)));
    let identifiers = |text: &str| {
        let valid = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        text.split('.').all(valid)
    };
    if !prerelease.into_iter().chain(build).all(identifiers) {
        return None;
    }
    let parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() > 3 {
        return None;
    }
    let mut version = Version {
        numbers: [0; 3],
        prerelease: prerelease.unwrap_or_default().to_owned(),
    };
    let mut given = parts.len();
    for (index, part) in parts.into_iter().enumerate() {
        if wildcards && matches!(part, "x" | "X" | "*") {
            given = given.min(index);
        } else if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        } else {
            let number = part.parse().ok()?;
            if index < given {
                version.numbers[index] = number;
            }
        }
    }
    Some((version, given))
}

impl Version {
    fn compare(&self, other: &Self) -> Ordering {
        let by_number = self.numbers.cmp(&other.numbers);
        by_number.then_with(|| compare_prereleases(&self.prerelease, &other.prerelease))
    }
}

/// Semantic Versioning 2.0.0, item 11.
fn compare_prereleases(one: &str, other: &str) -> Ordering {
    if one.is_empty() || other.is_empty() {
        return one.is_empty().cmp(&other.is_empty());
    }
    let (mut ones, mut others) = (one.split('.'), other.split('.'));
    loop {
        let order = match (ones.next(), others.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(one), Some(other)) => match (one.parse::<u64>(), other.parse::<u64>()) {
                (Ok(one), Ok(other)) => one.cmp(&other),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => one.cmp(other),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

impl Constraint {
    /// `=` (or nothing), `!=`, `>`, `<`, `>=`, `<=`, `~`, `~>` and `^` before versions whose last numbers may be missing or
    /// `x`, and `1.2 - 1.4`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.split("||").map(alternative).collect::<Option<_>>().map(Self)
    }

    /// Whether the tag is a version within the constraint.
    #[must_use]
    pub fn contains(&self, tag: &str) -> bool {
        let Some((version, _)) = version(tag, false) else {
            return false;
        };
        self.0
            .iter()
            .any(|alternative| alternative.iter().all(|comparison| comparison.holds(&version)))
    }
}

/// The comparisons of one alternative; there is at least one.
fn alternative(text: &str) -> Option<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (first, after) = comparison(rest)?;
        rest = after;
        let upper = after
            .trim_start()
            .strip_prefix("- ")
            .filter(|_| after.starts_with(char::is_whitespace));
        if let (Some(upper), Operator::Equal) = (upper, first.operator) {
            let (last, after) = comparison(upper.trim_start())?;
            rest = after;
            comparisons.push(Comparison {
                operator: Operator::GreaterOrEqual,
                ..first
            });
            comparisons.push(Comparison {
                operator: Operator::LessOrEqual,
                ..last
            });
        } else {
            comparisons.push(first);
        }
        let separated = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if separated.len() == rest.len() && !rest.is_empty() {
            return None;
        }
        rest = separated;
    }
    (!comparisons.is_empty()).then_some(comparisons)
}

/// The comparison that the text begins with, and what follows it.
fn comparison(text: &str) -> Option<(Comparison, &str)> {
    let signs = text.find(|c| !"=!<>~^".contains(c))?;
    let (sign, rest) = text.split_at(signs);
    let operator = match sign {
        "" | "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" | "=<" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" | "=>" => Operator::GreaterOrEqual,
        "~" | "~>" => Operator::Tilde,
        "^" => Operator::Caret,
        _ => return None,
    };
    let rest = rest.trim_start();
    let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
    let (text, rest) = rest.split_at(end);
    let (version, given) = version(text, true)?;
    let comparison = Comparison {
        operator,
        version,
        given,
    };
    Some((comparison, rest))
}

impl Comparison {
    fn holds(&self, found: &Version) -> bool {
        let bound = &self.version;
        let whole = self.given == 3;
        let order = found.compare(bound);
        let foreign_prerelease = !found.prerelease.is_empty() && bound.prerelease.is_empty();
        if foreign_prerelease && (self.operator != Operator::NotEqual || !whole) {
            return false;
        }
        let [major, minor, patch] = found.numbers;
        let [of_major, of_minor, of_patch] = bound.numbers;
        match self.operator {
            Operator::Equal if whole => order.is_eq(),
            Operator::Equal | Operator::Tilde => order.is_ge() && self.holds_tilde(found),
            Operator::NotEqual => match self.given {
                1 => major != of_major,
                2 => {
                    (major, minor) != (of_major, of_minor)
                        || compare_prereleases(&found.prerelease, &bound.prerelease).is_ne()
                }
                _ => order.is_ne(),
            },
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Greater => match self.given {
                1 => major > of_major,
                2 => (major, minor) > (of_major, of_minor),
                _ => order.is_gt(),
            },
            Operator::LessOrEqual => match self.given {
                1 => major <= of_major,
                3 => order.is_le(),
                _ => (major, minor) <= (of_major, of_minor),
            },
            Operator::Caret if order.is_lt() => false,
            Operator::Caret if of_major > 0 || self.given == 1 => major == of_major,
            Operator::Caret if of_minor > 0 || self.given == 2 => (major, minor) == (of_major, of_minor),
            Operator::Caret => (major, minor, patch) == (of_major, of_minor, of_patch),
        }
    }

    /// The numbers before the last that is given are the same; `~0.0.0` and `*` hold all.
    fn holds_tilde(&self, found: &Version) -> bool {
        let bound = &self.version.numbers;
        let any = *bound == [0; 3] && matches!(self.given, 0 | 3);
        let same = if self.given == 1 { 1 } else { 2 };
        any || found.numbers[..same] == bound[..same]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(constraint: &str) -> String {
        let tags = [
            "0.0.3",
            "0.2.3",
            "0.2.9",
            "v1.0",
            "1.2.3",
            "1.2.3-rc.1",
            "1.4.0",
            "2",
            "2.1.0",
            "latest",
            "1.2.3.4",
        ];
        let constraint = Constraint::parse(constraint).unwrap();
        let chosen: Vec<_> = tags.into_iter().filter(|tag| constraint.contains(tag)).collect();
        chosen.join(" ")
    }

    #[test]
    fn constraints_choose_what_skopeo_chooses() {
        assert_eq!(chosen(">=1.2, <2"), "1.2.3 1.4.0");
        assert_eq!(chosen(">= 1.2 < 2"), "1.2.3 1.4.0");
        assert_eq!(chosen(">=1.2.3-0 <1.4"), "1.2.3");
        assert_eq!(chosen(">=1.2.3-0"), "1.2.3 1.2.3-rc.1 1.4.0 2 2.1.0");
        assert_eq!(chosen("^1.2"), "1.2.3 1.4.0");
        assert_eq!(chosen("^0.2.3"), "0.2.3 0.2.9");
        assert_eq!(chosen("^0.0.3"), "0.0.3");
        assert_eq!(chosen("~1.2"), "1.2.3");
        assert_eq!(chosen("~> 0"), "0.0.3 0.2.3 0.2.9");
        assert_eq!(chosen("1.x"), "v1.0 1.2.3 1.4.0");
        assert_eq!(chosen("*"), "0.0.3 0.2.3 0.2.9 v1.0 1.2.3 1.4.0 2 2.1.0");
        assert_eq!(chosen("1.0 - 1.3"), "v1.0 1.2.3");
        assert_eq!(chosen("!=1.2 >1 || 0.2.3"), "0.2.3 2 2.1.0");
        assert_eq!(chosen(">1.2"), "1.4.0 2 2.1.0");
        assert_eq!(chosen("<=1.2"), "0.0.3 0.2.3 0.2.9 v1.0 1.2.3");
        for bad in ["", "||", ">=", "one", "=>=1", "1.2.3.4", "1 || ", ">1,,x.y"] {
            assert_eq!(Constraint::parse(bad), None, "{bad}");
        }
    }
}
