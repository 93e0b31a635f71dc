//! How much of a commit's parts is read.

use std::collections::BTreeMap;

use super::{Limits, Roots, TreeFile};

/// What a part of a commit takes: a project's folder, `keys`, `trust`, `landfall.toml`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Files and folders.
    pub files: u64,
    /// Of manifests.
    pub bytes: u64,
}

/// A limit that is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    pub limit: u64,
    pub what: &'static str,
}

impl Excess {
    pub const FILES: &'static str = "files and folders";
    pub const BYTES: &'static str = "bytes of manifests";
    pub const LEVELS: &'static str = "levels of folders";

    /// What stands in place of what is not read.
    #[must_use]
    pub fn file(self) -> TreeFile {
        let Self { limit, what } = self;
        TreeFile::Excessive { limit, what }
    }
}

impl Limits {
    /// What one part takes too much of by itself.
    #[must_use]
    pub fn exceeded_by(&self, taken: Taken) -> Option<Excess> {
        exceeded(taken, self.project_files as u64, self.project_bytes)
    }

    /// The parts that are not read although each by itself fits: where all of them together take too much, the largest
    /// ones, until the others fit.
    #[must_use]
    pub fn exceeded_together<'p>(
        &self,
        parts: impl Iterator<Item = (&'p str, Taken)> + Clone,
    ) -> BTreeMap<&'p str, Excess> {
        let mut refused = BTreeMap::new();
        loop {
            let mut total = Taken::default();
            let kept = parts.clone().filter(|(path, _)| !refused.contains_key(path));
            for (_, taken) in kept.clone() {
                total.files = total.files.saturating_add(taken.files);
                total.bytes = total.bytes.saturating_add(taken.bytes);
            }
            let Some(excess) = exceeded(total, self.tree_files as u64, self.tree_bytes) else {
                return refused;
            };
            let of = |taken: Taken| {
                if excess.what == Excess::FILES {
                    taken.files
                } else {
                    taken.bytes
                }
            };
            // What everything is judged by is never left out for others' sake.
            let largest = kept
                .filter(|(path, _)| !matches!(*path, Roots::FILE | "keys" | "trust"))
                .max_by_key(|(path, taken)| (of(*taken), *path));
            match largest {
                Some((path, _)) => drop(refused.insert(path, excess)),
                None => return refused,
            }
        }
    }
}

fn exceeded(taken: Taken, files: u64, bytes: u64) -> Option<Excess> {
    if taken.files > files {
        return Some(Excess {
            limit: files,
            what: Excess::FILES,
        });
    }
    (taken.bytes > bytes).then_some(Excess {
        limit: bytes,
        what: Excess::BYTES,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bytes: u64) -> Taken {
        Taken { files: 1, bytes }
    }

    #[test]
    fn the_largest_part_gives_way_and_the_rules_never_do() {
        let limits = Limits {
            tree_bytes: 10,
            ..Limits::default()
        };
        let refused = |parts: &[(&'static str, u64)]| -> Vec<&'static str> {
            let parts = parts.iter().map(|(path, bytes)| (*path, taken(*bytes)));
            limits.exceeded_together(parts).into_keys().collect()
        };
        assert_eq!(refused(&[("promotions/a", 5), ("promotions/b", 5)]), Vec::<&str>::new());
        assert_eq!(
            refused(&[("promotions/a", 5), ("promotions/b", 6), ("keys", 4)]),
            ["promotions/b"]
        );
        assert_eq!(
            refused(&[("keys", 9), ("promotions/a", 1), ("promotions/b", 1)]),
            ["promotions/b"]
        );
        assert_eq!(refused(&[("keys", 11)]), Vec::<&str>::new());
    }
}
