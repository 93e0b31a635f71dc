//! What landfall itself remembers: planner input that comes from `state`, not from registries.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::Values;
use crate::model::{
    Admission, Capabilities, Digest, EndpointIndex, EndpointSet, NodeId, Obstacle, SignerIdentity, TagId, TargetId,
    UnitId,
};

/// A view of `state` in the graph's numbers, changed by whoever owns `state` and nobody else.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub admissions: HashMap<UnitId, Arc<Admission>>,
    /// Claims that were first declared after the first commit that this state accepted: what it does not know of them
    /// never was.
    pub new: HashSet<UnitId>,
    /// Claims of which the registries knew before this state did: an earlier one, that was lost, may have known more.
    pub recorded: HashSet<UnitId>,
    /// What landfall set tags to, by endpoint.
    pub written: HashMap<TagId, Values>,
    /// Digests that accepted history ever declared for a tag, the current one aside.
    pub declared: HashMap<TagId, Vec<Digest>>,
    /// Tags whose present value somebody allowed landfall to replace.
    pub adopted: HashMap<TagId, Vec<Digest>>,
    /// Signed bytes that wait to be attached, by what they are and who made them: their artifact's digest.
    pub waiting: HashMap<(NodeId, SignerIdentity), Digest>,
    /// Who ever made an artifact of a node under this state.
    pub made: HashMap<NodeId, Vec<SignerIdentity>>,
    /// When admitted claims were signed anew because their signer has another key: the last minute's.
    pub rotated: VecDeque<Timestamp>,
    /// Since when an endpoint has not answered.
    pub silent_since: HashMap<(TargetId, EndpointIndex), Timestamp>,
    pub attempts: HashMap<(NodeId, EndpointIndex), Attempt>,
    /// Where a copy was begun and did not end with every blob verified: what stands there may lack some.
    pub unfinished: HashMap<UnitId, EndpointSet>,
    /// What failed in this pass, and why: the next pass is the retry.
    pub tried: HashMap<(NodeId, EndpointIndex), Arc<Obstacle>>,
    /// What the registries of endpoints can do, where something is known of it.
    pub capabilities: HashMap<(TargetId, EndpointIndex), Capabilities>,
}

impl Memory {
    /// Who made an artifact of this node before.
    #[must_use]
    pub fn makers(&self, node: NodeId) -> &[SignerIdentity] {
        self.made.get(&node).map_or(&[], |makers| makers)
    }

    #[must_use]
    pub fn was_made(&self, node: NodeId, by: SignerIdentity) -> bool {
        self.makers(node).contains(&by)
    }

    /// An artifact was made under this state.
    pub fn note_made(&mut self, node: NodeId, by: SignerIdentity) {
        let makers = self.made.entry(node).or_default();
        if !makers.contains(&by) {
            makers.push(by);
        }
    }
}

/// What happened at one node and endpoint before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// Failures since the last success.
    pub failures: u32,
    pub last_failure: Option<Timestamp>,
    /// What the last failure came to.
    pub obstacle: Option<Arc<Obstacle>>,
    /// When a thing that stood had to be repaired; old ones are dropped.
    pub repairs: Vec<Timestamp>,
}
