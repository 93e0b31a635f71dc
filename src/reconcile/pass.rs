//! One pass: plan, have questions answered, run what is due, until a round settles nothing.

use std::sync::Arc;

use jiff::Timestamp;

use super::recollection::Recollection;
use super::reconciler::Reconciler;
use super::state::{Batch, StateError};
use super::watch::Watch;
use crate::execute::{self, Clock, Outcome, StepOutcome, Stop, World};
use crate::facts::{Ask, Bounds, Class, Evidence, Question};
use crate::model::{EndpointIndex, NodeId, Slot, UnitId};
use crate::observe::{Answered, Known};
use crate::plan::{self, Action, Cause, Planned, Reason, Scope, Step};
use crate::source::Source;

/// What one pass did and found.
#[derive(Debug)]
pub struct Pass {
    pub began: Timestamp,
    /// Every step that was run, with what became of it.
    pub ran: Vec<(Step, StepOutcome)>,
    /// The plan after the last round: what is still in the way, withheld or not asked.
    pub last: Planned,
    pub requests: u64,
    pub interrupted: bool,
}

impl Pass {
    /// Whether another pass could do more: something was written, or was found to be other than planned.
    #[must_use]
    pub fn progressed(&self) -> bool {
        self.ran
            .iter()
            .any(|(_, step)| matches!(step.outcome, Outcome::Done { .. } | Outcome::Stale { .. }))
    }

    #[must_use]
    pub fn is_settled(&self) -> bool {
        !self.interrupted
            && self.last.steps.is_empty()
            && self.last.questions.is_empty()
            && self.last.blocked.is_empty()
    }
}

/// Whether a pass may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// Look and plan only.
    None,
    /// Everything that is due.
    Due,
}

impl<W: World, S: Source> Reconciler<W, S> {
    /// Runs one pass over the accepted commit. `now` is the same throughout.
    ///
    /// # Errors
    /// Where landfall's own state cannot be read or written. What registries answer is never an error here.
    pub async fn pass(
        &mut self,
        scope: &Scope,
        bounds: &Bounds,
        writes: Writes,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Pass, super::ReconcileError> {
        let now = self.world.clock().now();
        self.facts.begin_pass(bounds, now);
        self.memory.tried.clear();
        self.know_registries(now);
        let mut pass = Pass {
            began: now,
            ran: Vec::new(),
            last: Planned::default(),
            requests: 0,
            interrupted: false,
        };
        let mut budget = self.settings.requests_per_pass;
        loop {
            let planned = plan::plan(&self.graph, &self.facts, &self.memory, scope, now);
            watch.planned(&self.graph, &planned);
            if stop.is_draining() {
                pass.interrupted = true;
                pass.last = planned;
                break;
            }
            let (urgent, rest): (Vec<_>, Vec<_>) = planned
                .questions
                .iter()
                .partition(|question| question.class == Class::Unblocks);
            let may_write = writes == Writes::Due && !planned.steps.is_empty();
            let questions = if !urgent.is_empty() {
                urgent
            } else if may_write {
                Vec::new()
            } else {
                lowest_class(&rest)
            };
            if !questions.is_empty() && budget > 0 {
                let asked = self.look(&questions, &mut budget, now, watch, stop).await?;
                pass.requests += asked.requests;
                if asked.answers > 0 {
                    continue;
                }
            }
            if may_write {
                let ran = self.run(planned.steps, now, watch, stop).await?;
                if !ran.is_empty() {
                    pass.ran.extend(ran);
                    continue;
                }
                pass.last = plan::plan(&self.graph, &self.facts, &self.memory, scope, now);
            } else {
                pass.last = planned;
            }
            break;
        }
        if writes == Writes::Due {
            self.settle(&pass, now)?;
        }
        Ok(pass)
    }

    async fn look(
        &mut self,
        questions: &[Question],
        budget: &mut u64,
        now: Timestamp,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Looked, super::ReconcileError> {
        watch.asking(questions);
        let known = Known {
            graph: &self.graph,
            facts: &self.facts,
            memory: &self.memory,
        };
        let observed = self
            .observer
            .answer(&self.graph, &known, questions, *budget, stop.draining())
            .await;
        *budget = budget.saturating_sub(observed.requests);
        let answers = observed.answers.len();
        self.recollection.state().write(|batch| {
            for Answered {
                ask,
                depth,
                endpoint,
                answer,
            } in observed.answers
            {
                if let Ask::Endpoint(target) = ask {
                    Recollection::heard(batch, &self.graph, target, endpoint, &answer, now, &mut self.memory)?;
                }
                self.facts.record(&self.graph, ask, depth, endpoint, answer, now);
            }
            Ok(())
        })?;
        Ok(Looked {
            answers,
            requests: observed.requests,
        })
    }

    pub(super) async fn run(
        &mut self,
        steps: Vec<Step>,
        now: Timestamp,
        watch: &dyn Watch,
        stop: &Stop,
    ) -> Result<Vec<(Step, StepOutcome)>, super::ReconcileError> {
        let context = self.execution_context(&steps, now)?;
        let outcomes =
            execute::execute_in_order(&self.world, &self.graph, &steps, &context, watch.progress(), stop).await;
        for (unit, admitted) in &context.admissions {
            // Recorded before the first write of the claim, if it came to one.
            if admitted.is_new && self.recollection.is_admitted(&self.graph, *unit)? {
                self.recollection
                    .admitted(&self.graph, *unit, &admitted.admission, &mut self.memory);
            }
        }
        self.recollection.state().write(|batch| {
            let put_back = |outcome: &&StepOutcome| steps[outcome.step].because == Reason::Displaced;
            for outcome in outcomes.iter().filter(|outcome| !put_back(outcome)) {
                self.learn(batch, &steps[outcome.step], outcome, now)?;
            }
            self.displace(&steps, &outcomes);
            for outcome in outcomes.iter().filter(put_back) {
                self.learn(batch, &steps[outcome.step], outcome, now)?;
            }
            Ok(())
        })?;
        Ok(outcomes
            .into_iter()
            .map(|outcome| (steps[outcome.step].clone(), outcome))
            .collect())
    }

    /// An outcome updates the facts. What failed, or may have happened, is not tried again in this pass.
    fn learn(
        &mut self,
        batch: &Batch<'_>,
        step: &Step,
        outcome: &StepOutcome,
        now: Timestamp,
    ) -> Result<(), StateError> {
        let NodeId { unit, slot } = step.node;
        let endpoint = outcome.endpoint;
        match &outcome.outcome {
            Outcome::Done { attached } => {
                self.succeed(step, unit, endpoint, *attached, now);
                self.recollection
                    .succeeded(batch, &self.graph, step, endpoint, now, &mut self.memory)?;
            }
            Outcome::Skipped | Outcome::Cancelled => {}
            Outcome::Stale { why: error } => {
                self.doubt(slot, unit, endpoint);
                self.memory.tried.insert((step.node, endpoint), Arc::clone(error));
            }
            Outcome::Failed { error } | Outcome::Uncertain { error } => {
                self.doubt(slot, unit, endpoint);
                if slot == Slot::Image {
                    // What it offered may be gone by now.
                    self.facts.doubt(&self.graph, Ask::Source(unit), endpoint);
                }
                self.memory.tried.insert((step.node, endpoint), Arc::clone(error));
                Recollection::failed(batch, &self.graph, step.node, endpoint, error, now, &mut self.memory)?;
            }
        }
        Ok(())
    }

    fn succeed(
        &mut self,
        step: &Step,
        unit: UnitId,
        endpoint: EndpointIndex,
        attached: Option<Evidence>,
        now: Timestamp,
    ) {
        match &step.action {
            Action::Copy { carried, .. } => self.facts.copied(&self.graph, unit, endpoint, carried, now),
            Action::Sign => {
                let digest = match attached {
                    Some(Evidence::Signature(_, digest) | Evidence::Attestation(_, digest)) => digest,
                    None => return,
                };
                self.memory.made.insert(step.node);
                self.memory.journal.insert(step.node, digest);
            }
            Action::Attach { .. } => {
                if let Some(evidence) = attached {
                    self.facts.attached(unit, endpoint, evidence);
                }
            }
            Action::Tag { tag, digest, .. } => {
                self.facts.tagged(*tag, endpoint, *digest, now);
                self.memory.written.entry(*tag).or_default().set(endpoint, *digest);
            }
        }
    }

    /// The place of a slot counts as not asked.
    fn doubt(&mut self, slot: Slot, unit: UnitId, endpoint: EndpointIndex) {
        match slot {
            Slot::Gate => self.facts.doubt(&self.graph, Ask::Source(unit), endpoint),
            Slot::Image => {
                self.facts.doubt(&self.graph, Ask::Image(unit), endpoint);
                self.facts.doubt(&self.graph, Ask::Evidence(unit), endpoint);
            }
            Slot::Signature(_) | Slot::Attestation(_) => {
                // Signed bytes are put beside an image; where that went wrong, the image is looked at as well.
                self.facts.doubt(&self.graph, Ask::Evidence(unit), endpoint);
                self.facts.doubt(&self.graph, Ask::Image(unit), endpoint);
            }
            Slot::Tag(tag) => {
                self.facts.doubt(&self.graph, Ask::Tag(tag), endpoint);
                self.facts.doubt(&self.graph, Ask::Image(unit), endpoint);
            }
        }
    }

    /// Ends a pass: admissions that needed no write are remembered, journalled bytes that stand everywhere set aside.
    pub(super) fn settle(&mut self, pass: &Pass, now: Timestamp) -> Result<(), super::ReconcileError> {
        let standing: Vec<NodeId> = self
            .memory
            .journal
            .keys()
            .copied()
            .filter(|node| {
                let at = self.facts.slot_at(node.unit, node.slot);
                at.contains_all(self.wanted_at(*node))
            })
            .collect();
        let admissions = self.unrecorded_admissions(now)?;
        for blocked in &pass.last.blocked {
            // Somebody may put it back.
            if let Cause::CarriedLost { unit, .. } = blocked.cause {
                self.facts.doubt(&self.graph, Ask::Source(unit), EndpointIndex::PRIMARY);
            }
        }
        let knows_all =
            pass.last.questions.is_empty() && !pass.last.blocked.iter().any(|blocked| blocked.cause.hides_facts());
        let intact = self.revision.as_ref().filter(|_| knows_all && !pass.interrupted);
        Ok(self.recollection.state().write(|batch| {
            for node in standing {
                Recollection::leave_journal(batch, &self.graph, node, &mut self.memory)?;
            }
            Recollection::leave_unfinished(batch, &self.graph, &self.facts, &mut self.memory)?;
            for (unit, admission) in admissions {
                self.recollection
                    .admit(batch, &self.graph, unit, &admission, &mut self.memory)?;
            }
            match intact {
                Some(revision) => Recollection::set_intact(batch, revision.commit, &mut self.memory),
                None => Ok(()),
            }
        })?)
    }
}

struct Looked {
    answers: usize,
    requests: u64,
}

fn lowest_class(questions: &[Question]) -> Vec<Question> {
    let Some(lowest) = questions.iter().map(|question| question.class).min() else {
        return Vec::new();
    };
    questions
        .iter()
        .filter(|question| question.class == lowest)
        .copied()
        .collect()
}
