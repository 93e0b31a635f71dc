//! What landfall itself remembers: planner input that comes from `state`, not from registries.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::Values;
use crate::model::{Admission, Capabilities, Digest, EndpointIndex, EndpointSet, NodeId, TagId, TargetId, UnitId};

#[derive(Debug, Clone, Default)]
pub struct Memory {
    pub admissions: HashMap<UnitId, Arc<Admission>>,
    /// What landfall set tags to, by endpoint.
    pub written: HashMap<TagId, Values>,
    /// Digests that accepted history ever declared for a tag, the current one aside.
    pub declared: HashMap<TagId, Vec<Digest>>,
    /// Tags whose present value somebody allowed landfall to replace.
    pub adopted: HashMap<TagId, Vec<Digest>>,
    /// Signed bytes that wait to be attached, by node: their artifact's digest.
    pub journal: HashMap<NodeId, Digest>,
    /// Every signature and attestation that was ever made under this state.
    pub made: HashSet<NodeId>,
    /// Since when an endpoint has not answered.
    pub silent_since: HashMap<(TargetId, EndpointIndex), Timestamp>,
    pub attempts: HashMap<(NodeId, EndpointIndex), Attempt>,
    /// Where a copy was begun and did not end with every blob verified: what stands there may lack some.
    pub unfinished: HashMap<UnitId, EndpointSet>,
    /// What failed in this pass, and why: the next pass is the retry.
    pub tried: HashMap<(NodeId, EndpointIndex), Arc<str>>,
    /// What the registries of endpoints can do, where something is known of it.
    pub capabilities: HashMap<(TargetId, EndpointIndex), Capabilities>,
    /// Whether this state has been there since before any claim that it does not know was made: it can then be relied
    /// on that such a claim was never signed.
    pub intact: bool,
}

/// What happened at one node and endpoint before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempt {
    /// Failures since the last success.
    pub failures: u32,
    pub last_failure: Option<Timestamp>,
    pub error: Arc<str>,
    /// When a thing that stood had to be repaired; old ones are dropped.
    pub repairs: Vec<Timestamp>,
}
