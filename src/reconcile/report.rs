//! Passes in words.

use jiff::Timestamp;

use super::pass::Pass;
use super::reconciler::Reconciler;
use super::revision::Revision;
use crate::execute::{Outcome, World};
use crate::graph::Graph;
use crate::model::{
    Diagnostic, EndpointIndex, Foreign, HeldReport, Report, Severity, Standing, StepReport, StepResult,
};
use crate::plan::{Action, Advice, Findings, Status, Step, standing};
use crate::source::Source;

impl<W: World, S: Source> Reconciler<W, S> {
    /// How registries stand to the followed commit after a pass. `None` where no commit was followed.
    #[must_use]
    pub fn standing(&self, pass: &Pass, advice: &Advice) -> Option<Standing> {
        self.standing_of(&pass.last, pass.interrupted, advice)
    }

    /// The same for what is planned now.
    pub(super) fn standing_of(&self, status: &Status, interrupted: bool, advice: &Advice) -> Option<Standing> {
        let revision = self.revision.as_ref()?;
        let findings = Findings {
            commit: revision.commit,
            held: held(revision),
            diagnostics: self.diagnostics(),
            refused: self.refused.clone(),
            interrupted,
        };
        Some(standing(&self.engine.graph, status, findings, advice))
    }

    /// What these passes over the followed commit did. `None` where no commit was followed.
    #[must_use]
    pub fn report(&self, passes: &[Pass], started: Timestamp, ended: Timestamp, advice: &Advice) -> Option<Report> {
        let last = passes.last()?;
        let standing = self.standing(last, advice)?;
        Some(Report {
            schema_version: 1,
            started,
            ended,
            passes: passes.len(),
            requests: passes.iter().map(|pass| pass.requests).sum(),
            standing,
            steps: passes
                .iter()
                .flat_map(|pass| &pass.ran)
                .map(|(step, outcome)| step_report(&self.engine.graph, step, Some(outcome.endpoint), &outcome.outcome))
                .collect(),
            withheld: last
                .last
                .withheld
                .iter()
                .flat_map(|(step, _)| step.at.iter().map(move |endpoint| (step, endpoint)))
                .map(|(step, endpoint)| StepReport {
                    result: StepResult::Withheld,
                    obstacle: None,
                    ..step_report(&self.engine.graph, step, Some(endpoint), &Outcome::Skipped)
                })
                .collect(),
            open_questions: last.last.questions,
            images: self.engine.graph.wanted().count(),
            endpoints: self.engine.graph.endpoints().count(),
        })
    }

    /// What is wrong with the followed commit: in its files, and between its claims.
    #[must_use]
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        let Some(revision) = &self.revision else {
            return Vec::new();
        };
        let mut diagnostics = revision.diagnostics.clone();
        diagnostics.extend(cycles(&self.engine.graph));
        diagnostics
    }
}

/// Claims that read from each other in a ring, at the line of the first of each.
fn cycles(graph: &Graph) -> impl Iterator<Item = Diagnostic> {
    graph.cycles().into_iter().filter_map(|cycle| {
        let origin = &graph.unit(*cycle.0.first()?).claim()?.origin;
        let places: Vec<String> = cycle
            .0
            .iter()
            .map(|id| {
                let unit = graph.unit(*id);
                let (target, path) = graph.repository(unit.repository);
                let at = unit
                    .claim()
                    .map(|claim| format!(" ({}:{})", claim.origin.file, claim.origin.line));
                format!(
                    "{} {path}@{}{}",
                    graph.target(target).name,
                    unit.digest.short(),
                    at.unwrap_or_default()
                )
            })
            .collect();
        Some(Diagnostic {
            file: origin.file.clone(),
            line: origin.line,
            column: 1,
            length: 1,
            severity: Severity::Error,
            code: "cycle",
            message: format!(
                "these claims wait for each other, and none can be the first: {}",
                places.join(" <- ")
            ),
            help: Some("give one of them a source that is no target".to_owned()),
        })
    })
}

fn held(revision: &Revision) -> Vec<HeldReport> {
    let desired = &revision.resolved.desired;
    revision
        .resolved
        .held
        .iter()
        .map(|held| {
            let target = held
                .target
                .and_then(|index| desired.targets.get(index))
                .map_or("?", |target| &*target.name);
            HeldReport {
                claim: match (&held.tag, &held.digest) {
                    (Some(tag), _) => format!("{target}/{}:{tag}", held.repository),
                    (None, Some(digest)) => format!("{target}/{}@{digest}", held.repository),
                    (None, None) => format!("{target}/{}", held.repository),
                },
                reason: format!(
                    "{} ({}:{})",
                    held.code,
                    Foreign(held.origin.file.as_str()),
                    held.origin.line
                ),
            }
        })
        .collect()
}

fn step_report(graph: &Graph, step: &Step, endpoint: Option<EndpointIndex>, outcome: &Outcome) -> StepReport {
    let target = graph.target(graph.target_of(step.node.unit));
    let (result, obstacle) = match outcome {
        Outcome::Done { .. } => (StepResult::Done, None),
        Outcome::Stale { obstacle } => (StepResult::Stale, Some(obstacle)),
        Outcome::Failed { obstacle } => (StepResult::Failed, Some(obstacle)),
        Outcome::Uncertain { obstacle } => (StepResult::Uncertain, Some(obstacle)),
        Outcome::Skipped => (StepResult::Skipped, None),
        Outcome::Cancelled => (StepResult::Cancelled, None),
    };
    StepReport {
        node: graph.node_name(step.node),
        endpoint: match (&step.action, endpoint) {
            (Action::Sign, _) | (_, None) => String::new(),
            (_, Some(endpoint)) => target.endpoint(endpoint).name.to_string(),
        },
        action: step.action.verb().as_str(),
        because: step.because.as_str(),
        digest: match step.action {
            Action::Tag { digest, .. } => Some(digest),
            _ => None,
        },
        replaces: match step.action {
            Action::Tag { replaces, .. } => replaces,
            _ => None,
        },
        result,
        obstacle: obstacle.cloned(),
    }
}
