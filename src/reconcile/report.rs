//! Passes in words.

use jiff::Timestamp;

use super::pass::Pass;
use super::reconciler::Reconciler;
use crate::execute::{Outcome, World};
use crate::graph::Graph;
use crate::model::{Convergence, EndpointIndex, HeldReport, Report, StepReport, StepResult};
use crate::plan::{Action, Step, explain};
use crate::source::Source;

impl<W: World, S: Source> Reconciler<W, S> {
    /// What these passes over the followed commit did. `None` where no commit was followed.
    #[must_use]
    pub fn report(&self, passes: &[Pass], started: Timestamp, ended: Timestamp) -> Option<Report> {
        let revision = self.revision.as_ref()?;
        let last = passes.last()?;
        let settled = last.is_settled() && last.last.withheld.is_empty() && revision.resolved.held.is_empty();
        let desired = &revision.resolved.desired;
        Some(Report {
            schema_version: 1,
            commit: revision.commit,
            started,
            ended,
            passes: passes.len(),
            requests: passes.iter().map(|pass| pass.requests).sum(),
            result: if last.interrupted {
                Convergence::Interrupted
            } else if settled {
                Convergence::AsDesired
            } else {
                Convergence::Partly
            },
            steps: passes
                .iter()
                .flat_map(|pass| &pass.ran)
                .map(|(step, outcome)| step_report(&self.engine.graph, step, Some(outcome.endpoint), &outcome.outcome))
                .collect(),
            blocked: last
                .last
                .blocked
                .iter()
                .map(|blocked| explain(&self.engine.graph, blocked))
                .collect(),
            withheld: last
                .last
                .withheld
                .iter()
                .flat_map(|(step, _)| step.at.iter().map(move |endpoint| (step, endpoint)))
                .map(|(step, endpoint)| StepReport {
                    result: StepResult::Withheld,
                    error: None,
                    ..step_report(&self.engine.graph, step, Some(endpoint), &Outcome::Skipped)
                })
                .collect(),
            held: revision
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
                        reason: format!("{} ({}:{})", held.code, held.origin.file, held.origin.line),
                    }
                })
                .collect(),
            diagnostics: revision.diagnostics.clone(),
            open_questions: last.last.questions.len(),
            images: self.engine.graph.wanted().count(),
            endpoints: self.engine.graph.endpoints().count(),
        })
    }
}

fn step_report(graph: &Graph, step: &Step, endpoint: Option<EndpointIndex>, outcome: &Outcome) -> StepReport {
    let target = graph.target(graph.target_of(step.node.unit));
    let (result, error) = match outcome {
        Outcome::Done { .. } => (StepResult::Done, None),
        Outcome::Stale { why } => (StepResult::Stale, Some(why)),
        Outcome::Failed { error } => (StepResult::Failed, Some(error)),
        Outcome::Uncertain { error } => (StepResult::Uncertain, Some(error)),
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
        result,
        error: error.map(ToString::to_string),
    }
}
