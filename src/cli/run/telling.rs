//! What a daemon says: what has changed since it last spoke, and nothing where nothing has.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{CommitId, Convergence, Diagnostic, Report, Severity, StepReport, counted};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub level: Level,
    pub text: String,
    /// What lifts it.
    pub remedy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Error,
    Warning,
    Information,
}

/// Remembers what was said.
#[derive(Debug, Default)]
pub struct Telling {
    commit: Option<CommitId>,
    findings: BTreeSet<String>,
    /// What is in the way, by kind and subject, and how it was put.
    blocked: BTreeMap<(&'static str, String), String>,
    /// What is due and only reported.
    withheld: BTreeSet<String>,
    verdict: Option<(Convergence, String)>,
    error: Option<String>,
}

impl Telling {
    /// Something went wrong that keeps the branch from being followed, or a pass from being made.
    pub fn error(&mut self, error: &str, diagnostics: &[Diagnostic], remedy: Option<String>) -> Vec<Line> {
        if self.error.as_deref() == Some(error) {
            return Vec::new();
        }
        self.error = Some(error.to_owned());
        let mut lines = vec![Line {
            level: Level::Error,
            text: error.to_owned(),
            remedy,
        }];
        lines.extend(diagnostics.iter().map(finding));
        lines
    }

    /// How things stand after a pass; `is_following` where the branch could be followed to its head.
    pub fn report(&mut self, report: &Report, is_following: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        if is_following && let Some(error) = self.error.take() {
            lines.push(Line::information(format!("over: {error}")));
        }
        self.commit(report, &mut lines);
        self.blocked(report, &mut lines);
        self.withheld(report, &mut lines);
        self.verdict(report, &mut lines);
        lines
    }

    fn commit(&mut self, report: &Report, lines: &mut Vec<Line>) {
        let standing = &report.standing;
        if self.commit != Some(standing.commit) {
            self.commit = Some(standing.commit);
            lines.push(Line::information(format!(
                "commit {} is followed: {}, {}",
                standing.commit.short(),
                counted(report.images, "image"),
                counted(report.endpoints, "endpoint")
            )));
        }
        // An error that a commit leaves as it was is not told again.
        let findings: Vec<(String, Line)> = standing
            .diagnostics
            .iter()
            .map(|diagnostic| (diagnostic.to_string(), finding(diagnostic)))
            .chain(standing.held.iter().map(|held| {
                let text = format!("held back: {}: {}", held.claim, held.reason);
                (text.clone(), Line::warning(text))
            }))
            .collect();
        let known = std::mem::replace(
            &mut self.findings,
            findings.iter().map(|(text, _)| text.clone()).collect(),
        );
        lines.extend(
            findings
                .into_iter()
                .filter(|(text, _)| !known.contains(text))
                .map(|(_, line)| line),
        );
    }

    fn blocked(&mut self, report: &Report, lines: &mut Vec<Line>) {
        let mut now = BTreeMap::new();
        for blocked in &report.standing.blocked {
            // What failed just now and what waits because it failed before are one thing that goes wrong.
            let kind = if blocked.kind == "back-off" {
                "failed"
            } else {
                blocked.kind
            };
            let key = (kind, blocked.subject.clone());
            if !self.blocked.contains_key(&key) && !now.contains_key(&key) {
                let more = match blocked.nodes {
                    0 | 1 => String::new(),
                    nodes => format!(" and {} more", nodes - 1),
                };
                lines.push(Line {
                    remedy: Some(blocked.remedy.clone()),
                    ..Line::warning(format!("{} (holds up {}{more})", blocked.cause, blocked.example))
                });
            }
            now.insert(key, blocked.cause.clone());
        }
        for (key, cause) in std::mem::take(&mut self.blocked) {
            if !now.contains_key(&key) {
                lines.push(Line::information(format!("no longer in the way: {cause}")));
            }
        }
        self.blocked = now;
    }

    fn withheld(&mut self, report: &Report, lines: &mut Vec<Line>) {
        let now: BTreeSet<String> = report.withheld.iter().map(only_reported).collect();
        lines.extend(now.difference(&self.withheld).cloned().map(Line::warning));
        lines.extend(
            self.withheld
                .difference(&now)
                .map(|line| Line::information(format!("no longer so: {line}"))),
        );
        self.withheld = now;
    }

    fn verdict(&mut self, report: &Report, lines: &mut Vec<Line>) {
        let standing = &report.standing;
        let verdict = (standing.result, standing.shortfall.to_string());
        if self.verdict.as_ref() == Some(&verdict) {
            return;
        }
        let commit = standing.commit.short();
        lines.push(match &verdict {
            (Convergence::AsDesired, _) => Line::information(format!(
                "as desired: {} at {}, commit {commit}",
                counted(report.images, "image"),
                counted(report.endpoints, "endpoint")
            )),
            (Convergence::Due, why) => Line::information(format!("not as desired yet: {why}, commit {commit}")),
            (Convergence::Partly, why) => Line::warning(format!("not as desired: {why}, commit {commit}")),
            (Convergence::Interrupted, _) => Line::information(format!("stopped before the end, commit {commit}")),
        });
        self.verdict = Some(verdict);
    }
}

impl Line {
    fn information(text: String) -> Self {
        Self {
            level: Level::Information,
            text,
            remedy: None,
        }
    }

    fn warning(text: String) -> Self {
        Self {
            level: Level::Warning,
            ..Self::information(text)
        }
    }
}

fn finding(diagnostic: &Diagnostic) -> Line {
    let bare = Diagnostic {
        help: None,
        ..diagnostic.clone()
    };
    Line {
        level: match diagnostic.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        },
        text: bare.to_string(),
        remedy: diagnostic.help.clone(),
    }
}

fn only_reported(step: &StepReport) -> String {
    let StepReport {
        node,
        endpoint,
        action,
        because,
        digest,
        replaces,
        ..
    } = step;
    match (replaces, digest) {
        (Some(from), Some(to)) => {
            format!("{because}, only reported: {node} at {endpoint} stands on {from}, not on {to}")
        }
        _ => format!("{because}, only reported: {action} {node} at {endpoint}"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{BlockedReport, Digest, HeldReport, Shortfall, Standing, StepResult};

    fn report(shortfall: Shortfall) -> Report {
        Report {
            schema_version: 1,
            started: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            passes: 1,
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
            steps: Vec::new(),
            withheld: Vec::new(),
            open_questions: 0,
            images: 3,
            endpoints: 2,
        }
    }

    fn down(kind: &'static str, error: &str) -> Report {
        let mut report = report(Shortfall {
            blocked: 1,
            unseen: 1,
            ..Shortfall::default()
        });
        report.standing.blocked.push(BlockedReport {
            cause: format!("europe of production (eu.example.com/images) does not answer: {error}"),
            remedy: "`curl -i https://eu.example.com/v2/`".to_owned(),
            kind,
            subject: "europe of production (eu.example.com/images)".to_owned(),
            nodes: 3,
            example: "production/app:v1".to_owned(),
            access: false,
            obstacle: None,
        });
        report
    }

    fn told(lines: &[Line]) -> String {
        lines
            .iter()
            .map(|line| {
                let remedy = line.remedy.as_ref().map(|remedy| format!(" → {remedy}"));
                format!("{:?}: {}{}\n", line.level, line.text, remedy.unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let mut telling = Telling::default();
        let mut all = String::new();
        for report in [
            report(Shortfall::default()),
            report(Shortfall::default()),
            down("failed", "connection refused"),
            down("back-off", "connection refused; waits until 12:00"),
            report(Shortfall::default()),
            report(Shortfall::default()),
        ] {
            all += &format!("── pass\n{}", told(&telling.report(&report, true)));
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn what_holds_claims_is_told_with_file_and_line_and_drift_with_from_and_to() {
        let mut report = report(Shortfall {
            errors: 1,
            held: 1,
            withheld: 1,
            ..Shortfall::default()
        });
        report.standing.diagnostics.push(Diagnostic {
            file: "promotions/web/a.toml".into(),
            line: 3,
            column: 1,
            length: 1,
            severity: Severity::Error,
            code: "syntax",
            message: "no TOML".to_owned(),
            help: Some("quote it".to_owned()),
        });
        report.standing.held.push(HeldReport {
            claim: "production/web:v1".to_owned(),
            reason: "syntax (promotions/web/a.toml:3)".to_owned(),
        });
        report.withheld.push(StepReport {
            node: "production/app:v1".to_owned(),
            endpoint: "europe".to_owned(),
            action: "tag",
            because: "drift",
            digest: Some(Digest::of(b"declared")),
            replaces: Some(Digest::of(b"foreign")),
            result: StepResult::Withheld,
            obstacle: None,
        });
        let mut telling = Telling::default();
        insta::assert_snapshot!(told(&telling.report(&report, true)));
        assert_eq!(telling.report(&report, true), []);
    }

    #[test]
    fn an_error_is_told_once_and_its_end_too() {
        let mut telling = Telling::default();
        let fine = report(Shortfall::default());
        assert_eq!(telling.error("the branch cannot be read", &[], None).len(), 1);
        let _ = telling.report(&fine, false);
        assert_eq!(telling.error("the branch cannot be read", &[], None), []);
        assert_eq!(telling.report(&fine, false), []);
        assert_eq!(
            told(&telling.report(&fine, true)),
            "Information: over: the branch cannot be read\n"
        );
        assert_eq!(telling.report(&fine, true), []);
    }
}
