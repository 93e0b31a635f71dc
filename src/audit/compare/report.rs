//! All that an audit says. The same facts give the same report: no time, no machine, no order of answers is in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::finding::Finding;

/// What could not be looked at, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotLookedAt {
    pub what: String,
    pub why: Arc<str>,
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    pub endpoints: usize,
    pub repositories: usize,
    pub images: usize,
    pub tags: usize,
}

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditReport {
    pub schema_version: u32,
    pub commit: String,
    /// Whether what nobody asked for was looked for, too.
    pub unexpected: bool,
    pub looked: Looked,
    pub findings: Vec<Finding>,
    /// What exceptions pass over.
    pub excepted: Vec<Finding>,
    pub not_looked_at: Vec<NotLookedAt>,
    /// What no audit can see here.
    pub undetectable: Vec<&'static str>,
}

impl AuditReport {
    /// Puts everything in its order.
    #[must_use]
    pub fn new(
        commit: String,
        unexpected: bool,
        looked: Looked,
        all: Vec<Finding>,
        mut not_looked_at: Vec<NotLookedAt>,
    ) -> Self {
        let (mut excepted, mut findings): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|finding| finding.exception.is_some());
        findings.sort_by_cached_key(|finding| finding.key());
        excepted.sort_by_cached_key(|finding| finding.key());
        not_looked_at.sort();
        not_looked_at.dedup();
        let mut undetectable = Vec::new();
        if unexpected {
            undetectable.push(
                "signatures that our keys made and that stand at none of these endpoints: keys without a transparency \
                 log leave no trace elsewhere",
            );
            undetectable.push("manifests without a tag that nobody refers to: registries do not list these");
        }
        Self {
            schema_version: 1,
            commit,
            unexpected,
            looked,
            findings,
            excepted,
            not_looked_at,
            undetectable,
        }
    }

    /// How many findings there are of each kind.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for finding in &self.findings {
            *counts.entry(finding.kind.as_str()).or_default() += 1;
        }
        counts
    }
}
