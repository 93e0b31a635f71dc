//! What was done, for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::{Convergence, Report, Severity, Standing, StepReport, StepResult, counted};
use crate::plan::draw::{Style, Tone};

/// Steps that share node, action and result are one line; failures say why.
#[must_use]
pub fn text(report: &Report, style: Style) -> String {
    let mut text = String::new();
    steps(&mut text, report, style);
    not_followed(&mut text, &report.standing, style);
    blocked(&mut text, &report.standing, style);
    if !text.is_empty() {
        text.push('\n');
    }
    let done = report
        .steps
        .iter()
        .filter(|step| step.result == StepResult::Done)
        .count();
    let _ = writeln!(
        text,
        "Commit {}: {}. {} done for {} at {}, {} to look.",
        report.standing.commit.short(),
        verdict(&report.standing, style),
        counted(done, "step"),
        counted(report.images, "image"),
        counted(report.endpoints, "endpoint"),
        counted(report.requests as usize, "request"),
    );
    text
}

fn verdict(standing: &Standing, style: Style) -> String {
    let (tone, words) = match standing.result {
        Convergence::AsDesired => (Tone::Adds, "as desired"),
        Convergence::Due => (Tone::Changes, "not as desired yet"),
        Convergence::Partly => (Tone::Changes, "partly converged"),
        Convergence::Interrupted => (Tone::Changes, "interrupted"),
    };
    let why = standing.shortfall.to_string();
    if why.is_empty() {
        return style.paint(tone, words);
    }
    format!("{} ({why})", style.paint(tone, words))
}

fn steps(text: &mut String, report: &Report, style: Style) {
    let same = |one: &StepReport, other: &StepReport| {
        one.node == other.node
            && one.action == other.action
            && one.result == other.result
            && one.obstacle == other.obstacle
            && one.replaces == other.replaces
    };
    let mut lines: Vec<&StepReport> = Vec::new();
    let mut endpoints: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for step in report.steps.iter().chain(&report.withheld) {
        let index = lines.iter().rposition(|line| same(line, step)).unwrap_or_else(|| {
            lines.push(step);
            lines.len() - 1
        });
        let names = endpoints.entry(index).or_default();
        // What two passes did at one endpoint is said once.
        if !step.endpoint.is_empty() && !names.contains(&&*step.endpoint) {
            names.push(&step.endpoint);
        }
    }
    for (index, step) in lines.iter().enumerate() {
        let (mark, tone) = match step.result {
            StepResult::Done => ("✓", Tone::Adds),
            StepResult::Withheld => ("·", Tone::Changes),
            StepResult::Skipped | StepResult::Cancelled => ("-", Tone::Quiet),
            StepResult::Stale | StepResult::Failed | StepResult::Uncertain => ("✗", Tone::Trouble),
        };
        let _ = write!(text, "{} {:<6} {}", style.paint(tone, mark), step.action, step.node);
        if let Some(at) = endpoints.get(&index).filter(|at| !at.is_empty()) {
            let _ = write!(text, "  → {}", at.join(", "));
        }
        text.push_str(match step.result {
            StepResult::Done => "",
            StepResult::Withheld => "  (only reported)",
            StepResult::Skipped => "  (waits for what failed)",
            StepResult::Cancelled => "  (stopped before it)",
            StepResult::Stale => "  (changed meanwhile)",
            StepResult::Failed => "  FAILED",
            StepResult::Uncertain => "  FAILED, and may have happened",
        });
        text.push('\n');
        if let (Some(from), Some(to)) = (step.replaces, step.digest) {
            let moved = format!("         from {from}\n         to   {to}");
            let _ = writeln!(text, "{}", style.paint(Tone::Quiet, &moved));
        }
        if let Some(obstacle) = &step.obstacle {
            let _ = writeln!(text, "         {obstacle}");
        }
    }
}

fn not_followed(text: &mut String, standing: &Standing, style: Style) {
    let mut errors = standing
        .diagnostics
        .iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error)
        .peekable();
    if errors.peek().is_some() {
        let _ = writeln!(text, "\n{}", style.paint(Tone::Strong, "Errors in the manifests:"));
        for error in errors {
            let _ = writeln!(text, "  {error}");
        }
    }
    if !standing.held.is_empty() {
        let heading = style.paint(Tone::Strong, "Held back by errors in the manifests:");
        let _ = writeln!(text, "\n{heading}");
        for held in &standing.held {
            let _ = writeln!(text, "  {}: {}", held.claim, held.reason);
        }
    }
}

fn blocked(text: &mut String, standing: &Standing, style: Style) {
    if standing.blocked.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", style.paint(Tone::Strong, "In the way:"));
    for blocked in &standing.blocked {
        let _ = writeln!(text, "  {} {}", style.paint(Tone::Trouble, "!"), blocked.cause);
        let more = match blocked.nodes {
            0 | 1 => String::new(),
            nodes => format!(" and {} more", nodes - 1),
        };
        let _ = writeln!(text, "    holds up {}{more}", blocked.example);
        let _ = writeln!(text, "    {}", blocked.remedy);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{BlockedReport, CommitId, Diagnostic, Digest, HeldReport, Obstacle, ObstacleKind, Shortfall};

    fn step(endpoint: &str, result: StepResult) -> StepReport {
        StepReport {
            node: "production/app:v1".to_owned(),
            endpoint: endpoint.to_owned(),
            action: "tag",
            because: "drift",
            digest: Some(Digest::of(b"declared")),
            replaces: Some(Digest::of(b"foreign")),
            result,
            obstacle: None,
        }
    }

    fn report(shortfall: Shortfall, steps: Vec<StepReport>) -> Report {
        Report {
            schema_version: 1,
            started: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            passes: 2,
            requests: 7,
            standing: Standing {
                commit: CommitId([7; 20]),
                result: shortfall.verdict(),
                shortfall,
                blocked: Vec::new(),
                held: Vec::new(),
                diagnostics: Vec::new(),
                refused: None,
            },
            steps,
            withheld: Vec::new(),
            open_questions: 0,
            images: 1,
            endpoints: 2,
        }
    }

    #[test]
    fn what_two_passes_did_at_the_same_endpoints_is_said_once_with_what_stood_there() {
        let steps = ["primary", "europe", "primary", "europe"].map(|endpoint| step(endpoint, StepResult::Done));
        insta::assert_snapshot!(text(&report(Shortfall::default(), steps.to_vec()), Style::Plain));
    }

    #[test]
    fn everything_that_is_missing_stands_in_the_report() {
        let shortfall = Shortfall {
            due: 1,
            blocked: 1,
            withheld: 1,
            held: 1,
            errors: 1,
            ..Shortfall::default()
        };
        let mut report = report(
            shortfall,
            vec![StepReport {
                obstacle: Some(std::sync::Arc::new(Obstacle::new(
                    ObstacleKind::Unreachable,
                    "PUT http://127.0.0.1:1/v2/: refused",
                ))),
                ..step("primary", StepResult::Failed)
            }],
        );
        report.withheld = vec![step("europe", StepResult::Withheld)];
        report.standing.held = vec![HeldReport {
            claim: "production/web:v1".to_owned(),
            reason: "outside-grants (promotions/web/a.toml:3)".to_owned(),
        }];
        report.standing.diagnostics = vec![Diagnostic {
            file: "promotions/web/a.toml".into(),
            line: 3,
            column: 1,
            length: 1,
            severity: Severity::Error,
            code: "outside-grants",
            message: "not granted".to_owned(),
            help: Some("grant it".to_owned()),
        }];
        report.standing.blocked = vec![BlockedReport {
            cause: "primary of production (example.com/images) does not answer".to_owned(),
            remedy: "see whether it can be reached from here: `curl -i https://example.com/v2/`".to_owned(),
            kind: "endpoint-unreachable",
            subject: "primary of production (example.com/images)".to_owned(),
            nodes: 3,
            example: "production/app:v1".to_owned(),
            access: false,
            obstacle: None,
        }];
        insta::assert_snapshot!(text(&report, Style::Plain));
        let coloured = text(&report, Style::Coloured);
        assert!(coloured.contains("\u{1b}[31m✗\u{1b}[0m"), "{coloured}");
    }
}
