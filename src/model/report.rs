//! What a reconciliation found and did, in names instead of numbers: for people, JSON and alerts.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{CommitId, Convergence, Diagnostic, Digest, Obstacle, Shortfall};

/// How registries stand to a commit: all of it that is told, in one place for `plan`, `apply` and `run`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub commit: CommitId,
    /// What follows from the shortfall.
    pub result: Convergence,
    pub shortfall: Shortfall,
    /// What is in the way now, by root cause.
    pub blocked: Vec<BlockedReport>,
    /// Claims that are not followed because of an error in the manifests.
    pub held: Vec<HeldReport>,
    pub diagnostics: Vec<Diagnostic>,
    /// The newer commit that is refused, while this one goes on being kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedReport>,
}

/// One or more passes over one commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub schema_version: u32,
    pub started: Timestamp,
    pub ended: Timestamp,
    pub passes: usize,
    pub requests: u64,
    #[serde(flatten)]
    pub standing: Standing,
    /// Every step that was run, once an endpoint, in the order in which they ended.
    pub steps: Vec<StepReport>,
    /// Due, but only reported.
    pub withheld: Vec<StepReport>,
    /// How many questions had no answer when the last pass ended, for want of requests.
    pub open_questions: usize,
    pub images: usize,
    pub endpoints: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepReport {
    /// See `Graph::node_name`.
    pub node: String,
    /// Empty for signing, which touches no endpoint.
    pub endpoint: String,
    pub action: &'static str,
    pub because: &'static str,
    /// What a tag shall stand on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// What a tag stood on before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Digest>,
    pub result: StepResult,
    /// Why it was not done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Arc<Obstacle>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepResult {
    Done,
    Stale,
    Failed,
    Uncertain,
    Skipped,
    Cancelled,
    Withheld,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockedReport {
    pub cause: String,
    pub remedy: String,
    /// A stable name for the kind of cause, in kebab case.
    pub kind: &'static str,
    /// What it is about: with the kind it stays the same for as long as this is in the way, whatever the cause's wording.
    pub subject: String,
    pub nodes: usize,
    pub example: String,
    /// A registry refused access.
    pub access: bool,
    /// What was said that is in the way, typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Arc<Obstacle>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldReport {
    /// `production/dns/coredns:v1`.
    pub claim: String,
    pub reason: String,
}

/// A commit that is not followed, though it is the branch's newest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedReport {
    pub commit: CommitId,
    pub reason: String,
    /// What is wrong with its manifests.
    pub diagnostics: Vec<Diagnostic>,
}
