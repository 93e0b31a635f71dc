//! Which claims are new: of these it is known without looking that nobody signed them before.

use std::collections::{HashMap, HashSet};

use super::Recollection;
use crate::desired::Ledger;
use crate::facts::Memory;
use crate::graph::Graph;
use crate::model::{CommitId, Digest, RepositoryId, TreeFile, UnitId};
use crate::reconcile::admission::digests_in;
use crate::reconcile::read_tree;
use crate::source::{Source, SourceError};

/// What was there when this state accepted its first commit, and what came after. Everything that a claim could have
/// been declared in before then was followed by a state that is no more, if by any.
#[derive(Debug, Default)]
pub(super) struct Novelty {
    /// The commits after the first accepted one, up to those that were followed.
    after: HashSet<CommitId>,
    /// Every digest that a file of the first accepted commit names.
    named: Option<HashSet<Digest>>,
}

impl Novelty {
    /// Follows history to `head`. Gives what is new there: nothing where Git does not have all of it, for what is not new
    /// is looked for, and that is always right.
    fn up_to<S: Source>(&mut self, first: Option<CommitId>, head: CommitId, source: &S) -> Option<New<'_>> {
        let first = first?;
        match self.advance(first, head, source) {
            Ok(true) => Some(New {
                after: &self.after,
                named: self.named.as_ref()?,
            }),
            Ok(false) => None,
            Err(error) => {
                tracing::debug!(%error, "which claims are new cannot be told: all are looked for");
                None
            }
        }
    }

    /// Whether the first accepted commit is found below `head`.
    fn advance<S: Source>(&mut self, first: CommitId, head: CommitId, source: &S) -> Result<bool, SourceError> {
        let mut newer = Vec::new();
        let mut at = head;
        while at != first && !self.after.contains(&at) {
            newer.push(at);
            at = match source.first_parent(at)? {
                Some(parent) => parent,
                None => return Ok(false),
            };
        }
        self.after.extend(newer);
        if head != first && self.named.is_none() {
            let files = read_tree(source, first)?.files;
            let digests = files.values().filter_map(|file| match file {
                TreeFile::Regular { bytes, .. } => Some(digests_in(bytes)),
                _ => None,
            });
            self.named = Some(digests.flatten().collect());
        }
        Ok(head != first)
    }
}

struct New<'a> {
    after: &'a HashSet<CommitId>,
    named: &'a HashSet<Digest>,
}

impl Recollection {
    /// Says which of these units are first declared after the first accepted commit. A digest that is claimed without a
    /// tag is not in the ledger, which alone knows what was declared and withdrawn before: it counts as known.
    pub fn remember_new<S: Source>(
        &mut self,
        graph: &Graph,
        units: &[UnitId],
        (head, ledger): (CommitId, &Ledger),
        source: &S,
        memory: &mut Memory,
    ) {
        for id in units {
            memory.new.remove(id);
        }
        let Some(New { after, named }) = self.novelty.up_to(self.first_accepted, head, source) else {
            return;
        };
        let mut known: HashMap<RepositoryId, Declared> = HashMap::new();
        for id in units {
            let unit = graph.unit(*id);
            if named.contains(&unit.digest) {
                continue;
            }
            let declared = known.entry(unit.repository).or_insert_with(|| {
                let mut declared = Declared::default();
                for declaration in ledger.of_reference(&graph.public_reference(unit.repository)) {
                    let is_newer = after.contains(&declaration.commit);
                    let digests = if is_newer {
                        &mut declared.newer
                    } else {
                        &mut declared.older
                    };
                    digests.insert(declaration.digest);
                }
                declared
            });
            if declared.newer.contains(&unit.digest) && !declared.older.contains(&unit.digest) {
                memory.new.insert(*id);
            }
        }
    }
}

/// What was ever declared in one repository.
#[derive(Default)]
struct Declared {
    older: HashSet<Digest>,
    newer: HashSet<Digest>,
}
