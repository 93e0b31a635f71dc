//! What a registry that asked to be left alone means for what is asked and done there.
//!
//! Its endpoints count as ones that do not answer, with its words as the reason: that is one root cause for all that waits,
//! and keeps looks, sweeps and steps away. When its time is over, it is asked whether it answers.

use std::sync::Arc;

use jiff::Timestamp;

use super::pauses::Pause;
use super::turning::Engine;
use crate::facts::{Answer, Ask, Depth};
use crate::model::{EndpointIndex, EndpointSet, Obstacle, Registry, Source, TargetId, UnitId};
use crate::plan::{Action, Provider, Step};

impl Engine {
    /// Something ended with an obstacle: whoever asked for time in it gets it.
    pub(super) fn heed(&mut self, obstacle: &Obstacle, now: Timestamp) {
        if !self.pauses.heard(obstacle, now).is_empty() {
            self.keep_away(now);
        }
    }

    /// Endpoints of registries that are to be left alone count as not answering.
    pub(super) fn keep_away(&mut self, now: Timestamp) {
        let paused: Vec<(TargetId, EndpointIndex, Pause)> = self
            .graph
            .endpoints()
            .filter_map(|(target, endpoint, place)| {
                let pause = self.pauses.of(&place.prefix.registry, now)?;
                Some((target, endpoint, pause.clone()))
            })
            .collect();
        for (target, endpoint, pause) in paused {
            let ask = Ask::Endpoint(target);
            self.retries.not_before(ask, endpoint, pause.until);
            let known = self.facts.endpoints(target);
            if (known.unknown | known.forbidden).contains(endpoint) {
                continue;
            }
            // An answer from before is none to whether it may be asked now.
            self.in_flight.spoil(ask, endpoint);
            let depth = Depth::default();
            self.facts
                .record(&self.graph, ask, depth, endpoint, Answer::Failed(pause.obstacle), now);
            self.touch_target(target);
        }
    }

    /// Whether a question goes to a registry that is to be left alone.
    pub(super) fn paused(&self, ask: Ask, endpoint: EndpointIndex, now: Timestamp) -> Option<&Pause> {
        let Ask::Source(unit) = ask else {
            return self.pauses.of(self.registry_at(ask, endpoint), now);
        };
        match self.graph.unit(unit).claim().map(|claim| &claim.source) {
            Some(Source::Registry(repository)) => self.pauses.of(&repository.registry, now),
            Some(Source::Target { .. }) => {
                let upstream = self.graph.upstream(unit)?;
                let target = self.graph.target(self.graph.target_of(upstream));
                let standing = self.facts.standing(&self.graph, upstream).iter();
                let pauses = standing.map(|at| self.pauses.of(&target.endpoint(at).prefix.registry, now));
                // As long as one of them may be asked, that one is.
                let pauses: Option<Vec<&Pause>> = pauses.collect();
                pauses?.into_iter().min_by_key(|pause| pause.until)
            }
            None => None,
        }
    }

    fn registry_at(&self, ask: Ask, endpoint: EndpointIndex) -> &Registry {
        let graph = &self.graph;
        let target = match ask {
            Ask::Endpoint(target) => target,
            Ask::Tags(repository) => graph.repository(repository).0,
            Ask::Tag(tag) => graph.repository(graph.tag(tag).0).0,
            Ask::Image(unit) | Ask::Evidence(unit) | Ask::Standing(unit) | Ask::Source(unit) => graph.target_of(unit),
        };
        &graph.target(target).endpoint(endpoint).prefix.registry
    }

    /// A question that may not be asked now has the registry's words for an answer.
    pub(super) fn answer_for(&mut self, ask: Ask, endpoint: EndpointIndex, pause: &Pause, now: Timestamp) {
        if !matches!(ask, Ask::Source(_)) {
            self.keep_away(now);
            return;
        }
        self.retries.not_before(ask, endpoint, pause.until);
        let answer = Answer::Failed(Arc::clone(&pause.obstacle));
        self.facts
            .record(&self.graph, ask, Depth::default(), endpoint, answer, now);
        self.touch_place(ask);
    }

    /// Where steps may not begin because all that they read from is to be left alone, and until when at the earliest.
    pub(super) fn unread(&self, unit: UnitId, steps: &[Step], now: Timestamp) -> (EndpointSet, Option<Timestamp>) {
        let mut at = EndpointSet::EMPTY;
        let mut until: Option<Timestamp> = None;
        for step in steps {
            let from = providers(step);
            let pauses = from.iter().map(|provider| self.provider_paused(unit, *provider, now));
            let pauses: Option<Vec<&Pause>> = pauses.collect();
            if let Some(first) = pauses.and_then(|pauses| pauses.into_iter().map(|pause| pause.until).min()) {
                at |= step.at;
                until = Some(until.map_or(first, |until| until.min(first)));
            }
        }
        (at, until)
    }

    /// Leaves out of what a step reads from what is to be left alone.
    pub(super) fn read_elsewhere(&self, step: &mut Step, now: Timestamp) {
        let unit = step.node.unit;
        if let Action::Copy { from, .. } | Action::Attach { from, .. } = &mut step.action {
            let open = |provider: &&Provider| self.provider_paused(unit, **provider, now).is_none();
            if from.iter().any(|provider| !open(&provider)) {
                *from = from.iter().filter(open).copied().collect();
            }
        }
    }

    fn provider_paused(&self, unit: UnitId, provider: Provider, now: Timestamp) -> Option<&Pause> {
        let target = self.graph.target(self.graph.target_of(unit));
        let registry = match provider {
            Provider::Endpoint(endpoint) => &target.endpoint(endpoint).prefix.registry,
            Provider::Source => self.source_registry(unit)?,
        };
        self.pauses.of(registry, now)
    }

    fn source_registry(&self, unit: UnitId) -> Option<&Registry> {
        if let Some(Source::Registry(repository)) = self.graph.unit(unit).claim().map(|claim| &claim.source) {
            return Some(&repository.registry);
        }
        let offered = match self.facts.source(unit) {
            Some(crate::facts::SourceFact::Answered(answer)) => answer.image().map(|image| &image.repository),
            _ => None,
        };
        let admitted = self.memory.admissions.get(&unit).map(|admission| &admission.source);
        offered.or(admitted).map(|repository| &repository.registry)
    }
}

fn providers(step: &Step) -> &[Provider] {
    match &step.action {
        Action::Copy { from, .. } | Action::Attach { from, .. } => from,
        Action::Sign | Action::Remove { .. } | Action::Tag { .. } => &[],
    }
}
