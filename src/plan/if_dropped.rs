//! Steps for what registries may drop when tags move, each once however many tags leave the same.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::step::{Action, Step};
use crate::model::{Digest, NodeId};

/// What is put back: of a node, an artifact, or what travels.
type Part = (NodeId, Option<Digest>, Vec<Digest>);

#[derive(Debug, Clone, Default)]
pub(super) struct IfDropped(BTreeMap<Part, Step>);

impl IfDropped {
    pub fn add(&mut self, step: Step) {
        let (artifact, carried) = match &step.action {
            Action::Attach { content, .. } => (content.digest(), Vec::new()),
            Action::Copy { carried, .. } => (None, carried.iter().map(|item| item.digest).collect()),
            Action::Sign | Action::Tag { .. } | Action::Remove { .. } => (None, Vec::new()),
        };
        match self.0.entry((step.node, artifact, carried)) {
            Entry::Vacant(entry) => {
                entry.insert(step);
            }
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.at |= step.at;
                let more = step.after.iter().filter(|dependency| !known.after.contains(dependency));
                known.after = known.after.iter().chain(more).copied().collect();
            }
        }
    }

    pub fn into_steps(self) -> Vec<Step> {
        self.0.into_values().collect()
    }
}
