//! Which tags and repositories regsync copies.

use regex::Regex;

use super::settings::unknown;
use crate::adoption::import::report::{Mistake, Report};
use crate::adoption::import::versions::regclient::Range;
use crate::adoption::import::wanted::Choice;
use crate::yaml::Node;

/// `allow`, `deny` and `semverRange`.
#[derive(Default)]
pub(super) struct Filter {
    allow: Vec<Regex>,
    deny: Vec<Regex>,
    ranges: Vec<Range>,
}

/// A tag is taken that any of the sets takes; without sets, all are.
pub(super) fn choice(sets: Vec<Filter>) -> Choice {
    if sets.is_empty() {
        Choice::all()
    } else {
        Choice::new(move |tag| sets.iter().any(|set| set.takes(tag)))
    }
}

impl Filter {
    /// `None` where something is wrong, which is reported.
    pub fn read(node: &Node<'_>, what: &str, versions: bool, report: &mut Report) -> Option<Self> {
        let mut filter = Self::default();
        for (key, value) in report.map(node, what)? {
            let what = format!("{what}.{}", key.text());
            match key.text() {
                "allow" => filter.allow = patterns(value, &what, report),
                "deny" => filter.deny = patterns(value, &what, report),
                "semverRange" if versions => {
                    for (at, text) in report.texts(value, &what).unwrap_or_default() {
                        match Range::parse(text) {
                            _ if text.is_empty() => {}
                            Some(range) => filter.ranges.push(range),
                            None => {
                                let message = format!("`{}` is no range of versions", text.escape_debug());
                                report.mistake(Mistake::new(at, message).help("write it as \">=1.2.0 <2.0.0\""));
                            }
                        }
                    }
                }
                _ => unknown(key, "", report),
            }
        }
        Some(filter)
    }

    /// Whether it has no rule, and so takes all.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty() && self.ranges.is_empty()
    }

    /// Whether a name is within a range, matches what is allowed, and nothing that is denied; without rules of a kind,
    /// these do not count.
    pub fn takes(&self, name: &str) -> bool {
        let among = |patterns: &[Regex]| patterns.iter().any(|pattern| pattern.is_match(name));
        let in_range = self.ranges.is_empty() || self.ranges.iter().any(|range| range.contains(name));
        in_range && (self.allow.is_empty() || among(&self.allow)) && !among(&self.deny)
    }
}

/// regsync sets `^` before a pattern and `$` behind it, and nothing around its alternatives: `a|b` takes what begins
/// with `a` or ends with `b`.
fn patterns(node: &Node<'_>, what: &str, report: &mut Report) -> Vec<Regex> {
    let texts = report.texts(node, what).unwrap_or_default();
    let compiled = texts
        .into_iter()
        .filter_map(|(at, text)| report.pattern(at, text, &format!("^{text}$")));
    compiled.collect()
}
