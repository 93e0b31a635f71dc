//! What makes the engine go on: looks that come again, questions without an answer, commits.

use jiff::{SignedDuration, Timestamp};

use super::lanes::Item;
use super::sweeps::{Periods, Sweeps};
use super::turning::Engine;
use crate::facts::{Answer, Ask, Class, SourceAnswer};
use crate::graph::Touched;
use crate::model::{EndpointIndex, EndpointSet, NodeId, TargetId, UnitId};
use crate::plan::Cause;

impl Engine {
    /// Looks at everything in scope again and again from now on.
    pub fn keep_looking(&mut self, periods: Periods, now: Timestamp) {
        self.sweeps = Some(Sweeps::new(periods));
        let targets: Vec<TargetId> = self.graph.endpoints().map(|(target, ..)| target).collect();
        for target in targets {
            self.sweep(Ask::Endpoint(target), now);
        }
        let units: Vec<UnitId> = self.graph.wanted().collect();
        self.sweep_units(&units, now);
    }

    /// A commit changed these: what it withdrew is ended, what it wants is planned and looked at from now on.
    pub fn follow(&mut self, touched: &Touched, now: Timestamp) {
        for unit in &touched.evidence {
            for endpoint in self.graph.target(self.graph.target_of(*unit)).all_endpoints().iter() {
                self.in_flight.spoil(Ask::Evidence(*unit), endpoint);
            }
        }
        for unit in &touched.sources {
            self.in_flight.spoil(Ask::Source(*unit), EndpointIndex::PRIMARY);
        }
        let units = &touched.units[..];
        for unit in units {
            let graph = &self.graph;
            let withdrawn = self.in_flight.withdraw(*unit, |step| {
                let unit = graph.unit(step.node.unit);
                unit.claim().is_some() && unit.slots().any(|slot| slot == step.node.slot)
            });
            self.cancels.extend(withdrawn);
        }
        self.sweep_units(units, now);
        let targets: Vec<TargetId> = units.iter().map(|unit| self.graph.target_of(*unit)).collect();
        for target in targets {
            self.sweep(Ask::Endpoint(target), now);
        }
        self.touch_units(units.iter().copied());
    }

    fn sweep(&mut self, ask: Ask, now: Timestamp) {
        if let Some(sweeps) = &mut self.sweeps {
            sweeps.add(ask, now);
        }
    }

    fn sweep_units(&mut self, units: &[UnitId], now: Timestamp) {
        let Some(sweeps) = &mut self.sweeps else { return };
        for id in units {
            let unit = self.graph.unit(*id);
            let asks = [Ask::Image(*id), Ask::Evidence(*id)];
            if unit.claim().is_none() {
                asks.into_iter().for_each(|ask| sweeps.remove(ask));
                continue;
            }
            let tags = unit.tags.iter().map(|tag| Ask::Tag(*tag));
            tags.chain(asks).for_each(|ask| sweeps.add(ask, now));
        }
    }

    /// Lines up looks that are due, and frees for asking what had no answer.
    pub(super) fn look_again(&mut self, now: Timestamp) {
        while let Some(ask) = self.sweeps.as_mut().and_then(|sweeps| sweeps.take(now)) {
            self.line_up_sweep(ask);
        }
        while let Some((ask, endpoint)) = self.retries.take(now) {
            if let Ask::Endpoint(target) = ask {
                // That it did not answer holds until it does: all of a target would be planned anew for nothing.
                if self.graph.is_present(target) {
                    let lane = self.look_lane(ask, endpoint);
                    self.lanes
                        .wait(&lane, Class::Unblocks, (target, None), Item::Sweep(ask));
                }
                continue;
            }
            self.facts.forget_failure(ask, endpoint);
            self.touch_place(ask);
        }
    }

    /// When the next of these is due.
    pub(super) fn looks_again_at(&self) -> Option<Timestamp> {
        let sweep = self.sweeps.as_ref().and_then(Sweeps::next);
        sweep.into_iter().chain(self.retries.next()).min()
    }

    fn line_up_sweep(&mut self, ask: Ask) {
        let Some((group, at)) = self.swept(ask) else {
            if let Some(sweeps) = &mut self.sweeps {
                sweeps.remove(ask);
            }
            return;
        };
        for endpoint in at.iter() {
            let lane = self.look_lane(ask, endpoint);
            self.lanes.wait(&lane, Class::Sweep, group.clone(), Item::Sweep(ask));
        }
        if let Ask::Evidence(unit) = ask {
            self.doubt_what_was_lost(unit);
        }
    }

    /// What travelled and was lost may have been put back at the source since.
    pub(super) fn doubt_what_was_lost(&mut self, unit: UnitId) {
        let is_lost = |(cause, _): &(Cause, NodeId)| matches!(cause, Cause::CarriedLost { .. });
        if self
            .plans
            .get(unit)
            .is_some_and(|plan| plan.blocked.iter().any(is_lost))
        {
            self.doubt(Ask::Source(unit), EndpointIndex::PRIMARY);
        }
    }

    /// Where a place is looked at again: wherever it has an answer. `None` where nobody wants to know any more.
    fn swept(&self, ask: Ask) -> Option<(super::lanes::Group, EndpointSet)> {
        let (graph, facts) = (&self.graph, &self.facts);
        match ask {
            Ask::Endpoint(target) => {
                let is_wanted = graph.is_present(target);
                is_wanted.then(|| ((target, None), facts.endpoints(target).answered()))
            }
            Ask::Image(unit) | Ask::Evidence(unit) => {
                let wanted = graph.unit(unit).claim()?.endpoints;
                let up = facts.endpoints(graph.target_of(unit)).present & wanted;
                let known = match ask {
                    Ask::Image(_) => facts.unit(unit).image,
                    _ => facts.unit(unit).evidence,
                };
                Some((self.group(unit), known.answered() & up))
            }
            Ask::Tag(tag) => {
                let unit = *graph.units_under(tag).first()?;
                let up = facts.endpoints(graph.target_of(unit)).present;
                Some((self.group(unit), facts.tag(tag).known.answered() & up))
            }
            Ask::Tags(_) | Ask::Source(_) | Ask::Standing(_) => None,
        }
    }

    /// Whether an answer settles its question for now; if not, it is asked again after a while.
    pub(super) fn ask_again_unless_answered(
        &mut self,
        ask: Ask,
        endpoint: EndpointIndex,
        answer: &Answer,
        now: Timestamp,
    ) {
        if self.lasts_once() {
            return;
        }
        match answer {
            Answer::Failed(obstacle) => {
                let wait = obstacle
                    .retry_after
                    .and_then(|wait| SignedDuration::try_from(wait).ok());
                self.retries.failed(ask, endpoint, wait, now);
            }
            // What a source lacks may be pushed there any moment; what it has and cannot be promoted stays as it is.
            Answer::Source(SourceAnswer::Absent | SourceAnswer::Lacking(_) | SourceAnswer::WithoutAll { .. }) => {
                self.retries.failed(ask, endpoint, None, now);
            }
            _ => self.retries.forget(ask, endpoint),
        }
    }
}
