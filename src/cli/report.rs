//! What was done, for people.

use crate::model::counted;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::ExitCode;
use crate::model::{Convergence, Report, StepResult};

/// Steps that share node, action and result are one line; failures say why.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut lines: Vec<(&str, &'static str, StepResult, Option<&str>)> = Vec::new();
    let mut endpoints: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for step in report.steps.iter().chain(&report.withheld) {
        let key = (&*step.node, step.action, step.result, step.error.as_deref());
        let index = lines.iter().rposition(|line| *line == key).unwrap_or_else(|| {
            lines.push(key);
            lines.len() - 1
        });
        if !step.endpoint.is_empty() {
            endpoints.entry(index).or_default().push(&step.endpoint);
        }
    }
    for (index, (node, action, result, error)) in lines.iter().enumerate() {
        let mark = match result {
            StepResult::Done => "✓",
            StepResult::Withheld => "·",
            StepResult::Skipped | StepResult::Cancelled => "-",
            StepResult::Stale | StepResult::Failed | StepResult::Uncertain => "✗",
        };
        let _ = write!(text, "{mark} {action:<6} {node}");
        if let Some(at) = endpoints.get(&index) {
            let _ = write!(text, "  → {}", at.join(", "));
        }
        match result {
            StepResult::Done => {}
            StepResult::Withheld => text.push_str("  (only reported)"),
            StepResult::Skipped => text.push_str("  (waits for what failed)"),
            StepResult::Cancelled => text.push_str("  (stopped before it)"),
            StepResult::Stale => text.push_str("  (changed meanwhile)"),
            StepResult::Failed => text.push_str("  FAILED"),
            StepResult::Uncertain => text.push_str("  FAILED, and may have happened"),
        }
        text.push('\n');
        if let Some(error) = error {
            let _ = writeln!(text, "         {error}");
        }
    }
    if !report.held.is_empty() {
        let _ = writeln!(text, "\nHeld back by errors in the manifests:");
        for held in &report.held {
            let _ = writeln!(text, "  {}: {}", held.claim, held.reason);
        }
    }
    if !report.blocked.is_empty() {
        let _ = writeln!(text, "\nIn the way:");
        for blocked in &report.blocked {
            let _ = writeln!(text, "  {}", blocked.cause);
            let more = match blocked.nodes {
                0 | 1 => String::new(),
                nodes => format!(" and {} more", nodes - 1),
            };
            let _ = writeln!(text, "    holds up {}{more}", blocked.example);
            let _ = writeln!(text, "    {}", blocked.remedy);
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    let done = report
        .steps
        .iter()
        .filter(|step| step.result == StepResult::Done)
        .count();
    let verdict = match report.result {
        Convergence::AsDesired => "as desired",
        Convergence::Partly => "partly converged",
        Convergence::Interrupted => "interrupted",
    };
    let _ = writeln!(
        text,
        "Commit {}: {verdict}. {} done for {} at {}, {} to look.",
        report.commit.short(),
        counted(done, "step"),
        counted(report.images, "image"),
        counted(report.endpoints, "endpoint"),
        counted(report.requests as usize, "request"),
    );
    text
}

/// What a report ends the program with.
#[must_use]
pub fn exit_code(report: &Report) -> ExitCode {
    let result = match report.result {
        Convergence::AsDesired => ExitCode::AsDesired,
        Convergence::Partly => ExitCode::PartlyConverged,
        Convergence::Interrupted => ExitCode::Interrupted,
    };
    let access = report.blocked.iter().any(|blocked| blocked.access);
    result.and(if access {
        ExitCode::AccessRefused
    } else {
        ExitCode::AsDesired
    })
}
