//! Where the lines of a text went.

use std::ops::Range;

use gix::diff::blob::{Algorithm, Diff, InternedInput};

/// Lines that were replaced by others; either side may be empty. Lines count from 0 here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    pub before: Range<usize>,
    pub after: Range<usize>,
}

/// The differences between two texts, in order.
pub(super) fn hunks(before: &str, after: &str) -> Vec<Hunk> {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    let range = |lines: Range<u32>| lines.start as usize..lines.end as usize;
    diff.hunks()
        .map(|hunk| Hunk {
            before: range(hunk.before),
            after: range(hunk.after),
        })
        .collect()
}

/// For each line of one text, the line of another that stands there now. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineMap(Vec<u32>);

impl LineMap {
    /// From the lines of `before` to those of `after`; a line that is gone leads to what stands at its place.
    #[must_use]
    pub fn between(before: &str, after: &str) -> Self {
        let (count, last) = (before.lines().count(), after.lines().count());
        let mut map: Vec<usize> = Vec::with_capacity(count);
        let mut next = 0;
        let kept = |map: &mut Vec<usize>, until: usize, next: usize| {
            let lines = until.saturating_sub(map.len());
            map.extend(next..next + lines);
        };
        for hunk in hunks(before, after) {
            kept(&mut map, hunk.before.start, next);
            map.extend(hunk.before.map(|_| hunk.after.start));
            next = hunk.after.end;
        }
        kept(&mut map, count, next);
        Self(
            map.into_iter()
                .map(|line| number((line + 1).min(last).max(1)))
                .collect(),
        )
    }

    pub(super) fn of_lines(lines: impl IntoIterator<Item = usize>) -> Self {
        Self(lines.into_iter().map(|line| number(line + 1)).collect())
    }

    /// The line that stands where `line` stood; a line beyond the end stays.
    #[must_use]
    pub fn of(&self, line: u32) -> u32 {
        let known = line.checked_sub(1).and_then(|index| self.0.get(index as usize));
        known.copied().unwrap_or(line)
    }
}

/// Files are a few MiB at most; a larger one saturates instead of wrapping around.
fn number(line: usize) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(before: &str, after: &str) -> Vec<u32> {
        LineMap::between(before, after).0
    }

    #[test]
    fn lines_are_followed_and_what_is_gone_leads_to_its_place() {
        assert_eq!(mapped("a\nb\nc\n", "a\nb\nc\n"), [1, 2, 3]);
        assert_eq!(mapped("a\nb\nc\n", "x\na\nc\n"), [2, 3, 3]);
        assert_eq!(mapped("a\nb\nc\n", "a\n"), [1, 1, 1]);
        assert_eq!(mapped("a\nb\n", ""), [1, 1]);
        assert_eq!(mapped("a\nc", "a\nb\nc"), [1, 3]);
    }

    #[test]
    fn a_line_beyond_the_end_stays_where_it_is() {
        assert_eq!(LineMap::between("a\n", "b\na\n").of(9), 9);
        assert_eq!(LineMap::default().of(3), 3);
    }
}
