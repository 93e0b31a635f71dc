//! What tags that were moved may have taken with them.

use super::reconciler::Reconciler;
use crate::execute::{Outcome, StepOutcome, World};
use crate::plan::{Action, Step};
use crate::source::Source;

impl<W: World, S: Source> Reconciler<W, S> {
    /// Whatever stood under a tag before it was moved, and every image that lists it, is looked at again: the registry
    /// may have dropped it. A copy of the same run that ended before may be undone by now, so this comes after all that
    /// the run came to has been taken in.
    pub(super) fn displace(&mut self, steps: &[Step], outcomes: &[StepOutcome]) {
        for StepOutcome {
            step,
            node,
            endpoint,
            outcome,
        } in outcomes
        {
            let may_have_moved = matches!(
                outcome,
                Outcome::Done { .. } | Outcome::Failed { .. } | Outcome::Uncertain { .. }
            );
            if let Action::Tag {
                replaces: Some(old), ..
            } = steps[*step].action
                && may_have_moved
            {
                let repository = self.graph.unit(node.unit).repository;
                self.facts.displaced(&self.graph, repository, old, *endpoint);
            }
        }
    }
}
