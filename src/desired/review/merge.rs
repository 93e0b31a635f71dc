//! The files as they will be once a change is merged.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::model::{RepoPath, Tree, TreeFile};

use super::lines::{Hunk, LineMap, hunks};

/// A change, by the three revisions that Git would merge.
#[derive(Debug, Clone, Copy)]
pub struct Sides<'a> {
    /// Where the change began.
    pub ancestor: &'a Tree,
    /// What it is to be merged into.
    pub base: &'a Tree,
    /// The change.
    pub head: &'a Tree,
}

/// What a change makes of the base, file by file and line by line as Git merges: the two revisions differ by the
/// change alone, whatever else happened on the base since it began.
#[derive(Debug)]
pub struct Merged {
    /// The base. Of files that cannot be merged, the version at which the change began.
    pub before: Tree,
    /// The base with the change. Of files that cannot be merged, the head's version.
    pub after: Tree,
    /// Files that both sides changed in ways that Git cannot merge.
    pub conflicts: Vec<RepoPath>,
    /// For files that both sides changed, from their lines in [`Self::after`] to those in the head.
    pub lines: BTreeMap<RepoPath, LineMap>,
}

/// Merges a change into its base.
#[must_use]
pub fn merge(sides: &Sides<'_>) -> Merged {
    let Sides { ancestor, base, head } = *sides;
    let mut merged = Merged {
        before: base.clone(),
        after: Tree {
            commit: head.commit,
            files: base.files.clone(),
        },
        conflicts: Vec::new(),
        lines: BTreeMap::new(),
    };
    let paths: BTreeSet<&RepoPath> = ancestor.files.keys().chain(head.files.keys()).collect();
    for path in paths {
        let [began, stands, wanted] = [ancestor, base, head].map(|tree| tree.files.get(path));
        if began == wanted || stands == wanted {
            continue;
        }
        if began == stands {
            put(&mut merged.after, path, wanted);
            continue;
        }
        let texts = (text(began), text(stands), text(wanted));
        let lines = match texts {
            (Some(began), Some(stands), Some(wanted)) => merge_lines(began, stands, wanted),
            _ => None,
        };
        match lines {
            Some((text, lines)) => {
                merged
                    .after
                    .files
                    .insert(path.clone(), TreeFile::unstored(text.as_bytes()));
                merged.lines.insert(path.clone(), lines);
            }
            None => {
                put(&mut merged.before, path, began);
                put(&mut merged.after, path, wanted);
                merged.conflicts.push(path.clone());
            }
        }
    }
    merged
}

fn put(tree: &mut Tree, path: &RepoPath, file: Option<&TreeFile>) {
    match file {
        Some(file) => drop(tree.files.insert(path.clone(), file.clone())),
        None => drop(tree.files.remove(path)),
    }
}

fn text(file: Option<&TreeFile>) -> Option<&str> {
    match file? {
        TreeFile::Regular { bytes, .. } => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Merges as Git does: changes that overlap or touch are a conflict, unless both are the same. Returns the text, and
/// where its lines stand in `head`.
fn merge_lines(ancestor: &str, base: &str, head: &str) -> Option<(String, LineMap)> {
    let lines = |text| -> Vec<&str> { str::split_inclusive(text, '\n').collect() };
    let (old, ours, theirs) = (lines(ancestor), lines(base), lines(head));
    let mut writing = Writing {
        text: String::with_capacity(base.len() + head.len()),
        lines: Vec::new(),
    };
    let (our_hunks, their_hunks) = (hunks(ancestor, base), hunks(ancestor, head));
    let (mut our, mut their) = (our_hunks.into_iter().peekable(), their_hunks.into_iter().peekable());
    // The next line of the ancestor, and the line of the head that corresponds to it.
    let (mut at, mut in_head) = (0, 0);
    loop {
        let (next, from_head): (Hunk, bool) = match (our.peek(), their.peek()) {
            (None, None) => break,
            (Some(one), Some(other)) if touches(&one.before, &other.before) => {
                if one.before != other.before || ours[one.after.clone()] != theirs[other.after.clone()] {
                    return None;
                }
                our.next();
                (their.next()?, true)
            }
            (Some(one), Some(other)) if one.before.start < other.before.start => (our.next()?, false),
            (Some(_), None) => (our.next()?, false),
            (_, Some(_)) => (their.next()?, true),
        };
        let kept = next.before.start - at;
        writing.add(&old[at..next.before.start], |index| in_head + index);
        in_head += kept;
        at = next.before.end;
        if from_head {
            writing.add(&theirs[next.after.clone()], |index| next.after.start + index);
            in_head = next.after.end;
        } else {
            // The base's own lines stand nowhere in the head: before its next line.
            let last = theirs.len().saturating_sub(1);
            writing.add(&ours[next.after], |_| in_head.min(last));
            in_head += next.before.len();
        }
    }
    writing.add(&old[at..], |index| in_head + index);
    Some((writing.text, LineMap::of_lines(writing.lines)))
}

fn touches(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start <= other.end && other.start <= one.end
}

struct Writing {
    text: String,
    /// For each line, its line in the head.
    lines: Vec<usize>,
}

impl Writing {
    fn add(&mut self, lines: &[&str], in_head: impl Fn(usize) -> usize) {
        for (index, line) in lines.iter().enumerate() {
            // A last line without a break may come to stand before others.
            if !self.text.is_empty() && !self.text.ends_with('\n') {
                self.text.push('\n');
            }
            self.text.push_str(line);
            self.lines.push(in_head(index));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::CommitId;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree {
            commit: CommitId([0; 20]),
            files: files
                .iter()
                .map(|(path, text)| ((*path).into(), TreeFile::unstored(text.as_bytes())))
                .collect(),
        }
    }

    fn merged(ancestor: &[(&str, &str)], base: &[(&str, &str)], head: &[(&str, &str)]) -> Merged {
        merge(&Sides {
            ancestor: &tree(ancestor),
            base: &tree(base),
            head: &tree(head),
        })
    }

    #[test]
    fn what_the_base_did_meanwhile_is_no_difference() {
        let merged = merged(
            &[("a", "1\n"), ("b", "1\n"), ("gone", "1\n")],
            &[("a", "2\n"), ("b", "1\n"), ("new", "1\n")],
            &[("a", "1\n"), ("b", "2\n"), ("gone", "1\n")],
        );
        assert_eq!(
            merged.before.files,
            tree(&[("a", "2\n"), ("b", "1\n"), ("new", "1\n")]).files
        );
        assert_eq!(
            merged.after.files,
            tree(&[("a", "2\n"), ("b", "2\n"), ("new", "1\n")]).files
        );
        assert_eq!((merged.conflicts, merged.lines.len()), (vec![], 0));
    }

    #[test]
    fn lines_of_both_sides_are_merged_and_lead_to_the_head() {
        let old = "one\ntwo\nthree\nfour\nfive\n";
        let merged = merged(
            &[("a", old)],
            &[("a", "zero\none\ntwo\nthree\nfour\nfive\n")],
            &[("a", "one\ntwo\nthree\nFOUR\nfive\nsix\n")],
        );
        let expected = "zero\none\ntwo\nthree\nFOUR\nfive\nsix\n";
        assert_eq!(merged.after.files, tree(&[("a", expected)]).files);
        let lines = &merged.lines[&"a".into()];
        assert_eq!(
            (1..=7).map(|line| lines.of(line)).collect::<Vec<_>>(),
            [1, 1, 2, 3, 4, 5, 6]
        );
    }

    #[test]
    fn what_git_cannot_merge_is_judged_as_the_head_has_it() {
        for (base, head) in [("x\nb\nc\n", "y\nb\nc\n"), ("x\nb\nc\n", "a\ny\nc\n")] {
            let merged = merged(&[("a", "a\nb\nc\n")], &[("a", base)], &[("a", head)]);
            assert_eq!(merged.conflicts, ["a".into()]);
            assert_eq!(merged.before.files, tree(&[("a", "a\nb\nc\n")]).files);
            assert_eq!(merged.after.files, tree(&[("a", head)]).files);
        }
    }

    #[test]
    fn a_file_that_one_side_removed_and_the_other_changed_is_a_conflict() {
        assert_eq!(merged(&[("a", "1\n")], &[], &[("a", "2\n")]).conflicts, ["a".into()]);
        assert_eq!(merged(&[("a", "1\n")], &[("a", "2\n")], &[]).conflicts, ["a".into()]);
    }

    proptest! {
        #[test]
        fn a_change_of_one_side_alone_is_taken_as_it_is(old in "([ab]\n){0,6}", new in "([abc]\n){0,6}") {
            for (base, head) in [(&old, &new), (&new, &old)] {
                let (text, lines) = merge_lines(&old, base, head).unwrap();
                prop_assert_eq!(&text, &new);
                for line in 1..=text.lines().count() as u32 {
                    prop_assert!(lines.of(line) as usize <= head.lines().count().max(1));
                }
            }
        }

        #[test]
        fn the_order_of_sides_does_not_matter(old in "([ab]\n){0,6}", one in "([abc]\n){0,6}", other in "([abd]\n){0,6}") {
            let text = |merged: Option<(String, LineMap)>| merged.map(|(text, _)| text);
            prop_assert_eq!(text(merge_lines(&old, &one, &other)), text(merge_lines(&old, &other, &one)));
        }
    }
}
