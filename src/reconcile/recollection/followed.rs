//! The history that was followed: which commit, and what it declared on the way.

use std::collections::BTreeSet;

use super::Recollection;
use crate::desired::{Declaration, Entry, Ledger};
use crate::facts::Memory;
use crate::graph::Graph;
use crate::model::{CommitId, TagId};
use crate::reconcile::ReconcileError;

impl Recollection {
    pub fn accepted(&self, branch: &str) -> Result<Option<CommitId>, ReconcileError> {
        Ok(self.state.accepted(branch)?)
    }

    /// What accepted history declared for each tag.
    pub fn declare(&self, graph: &Graph, ledger: &Ledger, memory: &mut Memory) {
        memory.declared.clear();
        for index in 0..graph.tag_count() {
            let id = TagId(index as u32);
            let (repository, tag) = graph.tag(id);
            let declared = ledger.declared(&graph.public_reference(repository), tag);
            // The one that stands now is no earlier one.
            if declared.len() > 1 {
                memory
                    .declared
                    .insert(id, declared.iter().map(|declaration| declaration.digest).collect());
            }
        }
    }

    pub fn ledger(&self) -> Result<Option<(CommitId, Ledger)>, ReconcileError> {
        let (Some(commit), rows) = self.state.ledger()? else {
            return Ok(None);
        };
        let mut ledger = Ledger::default();
        for ((reference, tag), row) in rows {
            // A ledger that another version wrote is made anew from history.
            let Ok(declarations) = serde_json::from_value::<Vec<Declaration>>(row) else {
                return Ok(None);
            };
            for declaration in declarations {
                ledger.insert(&Entry {
                    reference: reference.clone(),
                    tag: tag.clone(),
                    declaration,
                });
            }
        }
        Ok(Some((commit, ledger)))
    }

    /// Records a commit as the one that is followed, with what is new in the ledger up to it; `anew` replaces the
    /// ledger as a whole.
    pub fn accept(
        &mut self,
        branch: &str,
        commit: CommitId,
        ledger: &Ledger,
        new: &[Entry],
        anew: bool,
    ) -> Result<(), ReconcileError> {
        let rows = |entries: Vec<Entry>| {
            entries
                .into_iter()
                .map(|Entry { reference, tag, .. }| (reference, tag))
                .collect::<BTreeSet<_>>()
        };
        let changed = if anew {
            rows(ledger.entries().collect())
        } else {
            rows(new.to_vec())
        };
        let is_first = self.first_accepted.is_none();
        self.state.write(|batch| {
            if is_first {
                batch.set_first_accepted(commit)?;
            }
            if anew {
                batch.forget_ledger()?;
            }
            batch.keep_ledger(
                commit,
                changed.iter().map(|(reference, tag)| {
                    let declarations = serde_json::to_value(ledger.declared(reference, tag));
                    (reference, tag, declarations.unwrap_or_default())
                }),
            )?;
            batch.set_accepted(branch, commit)
        })?;
        self.first_accepted.get_or_insert(commit);
        Ok(())
    }
}
