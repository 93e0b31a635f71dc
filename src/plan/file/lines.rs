//! The lines of a plan file. Each is a JSON object, so that a file of any size is written and read in bounded memory
//! and compared with common tools: first the header, then steps, those that are done only where a registry drops something, blocked entries and open questions, then the end.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::{CommitId, Digest};
use crate::plan::{QuestionRecord, StepRecord};

/// Raised when a line changes its meaning; a reader takes its own version only.
pub(super) const SCHEMA_VERSION: u64 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Header {
    pub schema_version: u64,
    pub commit: CommitId,
    /// Of the runtime configuration under which it was planned.
    pub configuration: Digest,
}

/// Read before the rest of the header, which another version may write otherwise.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Version {
    pub schema_version: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Line<'a> {
    #[serde(borrow)]
    Step(StepRecord<'a>),
    /// Done after the steps, where a registry drops what a tag that moves leaves behind.
    #[serde(borrow)]
    IfDropped(StepRecord<'a>),
    #[serde(borrow)]
    Blocked(BlockedRecord<'a>),
    Question(QuestionRecord),
    End(End),
}

/// For those who review the file: what it does not do, and why.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BlockedRecord<'a> {
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub cause: Cow<'a, str>,
    #[serde(borrow)]
    pub remedy: Cow<'a, str>,
    pub nodes: usize,
    #[serde(borrow)]
    pub example: Cow<'a, str>,
}

/// Stands last, so that a file that was cut short is not taken for a smaller plan.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct End {
    /// See [`super::plan_digest`].
    pub digest: Digest,
}
