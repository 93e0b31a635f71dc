//! What a reconciliation did, in names instead of numbers: for people, JSON and alerts.

use jiff::Timestamp;
use serde::Serialize;

use super::{CommitId, Diagnostic};

/// One or more passes over one commit.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub schema_version: u32,
    pub commit: CommitId,
    pub started: Timestamp,
    pub ended: Timestamp,
    pub passes: usize,
    pub requests: u64,
    pub result: Convergence,
    /// Every step that was run, once an endpoint, in the order in which they ended.
    pub steps: Vec<StepReport>,
    /// What is in the way now, by root cause.
    pub blocked: Vec<BlockedReport>,
    /// Due, but only reported.
    pub withheld: Vec<StepReport>,
    /// Claims that are not followed because of an error in the manifests.
    pub held: Vec<HeldReport>,
    pub diagnostics: Vec<Diagnostic>,
    /// How many questions had no answer when the last pass ended, for want of requests.
    pub open_questions: usize,
    pub images: usize,
    pub endpoints: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Convergence {
    AsDesired,
    Partly,
    /// Told to stop before the end.
    Interrupted,
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
    pub result: StepResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
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
    pub nodes: usize,
    pub example: String,
    /// A registry refused access.
    pub access: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldReport {
    /// `production/dns/coredns:v1`.
    pub claim: String,
    pub reason: String,
}
