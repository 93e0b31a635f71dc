//! How a plan, and what is known beside it, leave a commit: the one place where that is judged.

use super::status::Status;
use super::{Advice, explain};
use crate::graph::Graph;
use crate::model::{CommitId, Diagnostic, HeldReport, RefusedReport, Severity, Shortfall, Standing};

/// What is known of the commit itself, beside the plan for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    pub commit: CommitId,
    pub held: Vec<HeldReport>,
    pub diagnostics: Vec<Diagnostic>,
    pub refused: Option<RefusedReport>,
    /// Told to stop before everything was looked at or done.
    pub interrupted: bool,
}

impl Findings {
    /// A commit in which nothing is wrong, looked at to the end.
    #[must_use]
    pub const fn none(commit: CommitId) -> Self {
        Self {
            commit,
            held: Vec::new(),
            diagnostics: Vec::new(),
            refused: None,
            interrupted: false,
        }
    }
}

/// Puts all of it together. Nothing that says how a commit stands may be counted elsewhere.
#[must_use]
pub fn standing(graph: &Graph, status: &Status, findings: Findings, advice: &Advice) -> Standing {
    let Findings {
        commit,
        held,
        diagnostics,
        refused,
        interrupted,
    } = findings;
    let count = |is: fn(&super::Cause) -> bool| status.blocked.iter().filter(|blocked| is(&blocked.cause)).count();
    let shortfall = Shortfall {
        due: status.summary.due(),
        blocked: status.blocked.len(),
        unseen: count(super::Cause::is_unseen),
        forbidden: count(super::Cause::is_forbidden),
        open_questions: status.summary.questions,
        withheld: status.summary.withheld,
        held: held.len(),
        errors: diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Error)
            .count(),
        refused_commit: refused.is_some(),
        interrupted,
    };
    Standing {
        commit,
        result: shortfall.verdict(),
        shortfall,
        blocked: status
            .blocked
            .iter()
            .map(|blocked| explain(graph, blocked, advice))
            .collect(),
        held,
        diagnostics,
        refused,
    }
}
