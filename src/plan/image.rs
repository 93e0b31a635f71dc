//! The image, and what travels with it.

use std::sync::Arc;

use super::blocked::Cause;
use super::planner::Planner;
use super::step::{Action, Provider, Step};
use super::support;
use super::unit::Subject;
use crate::facts::{Ask, Depth, SourceFact};
use crate::model::{Carried, Digest, EndpointSet, Slot, UnitId};

impl<'a> Planner<'a> {
    /// Returns where the image stands or will stand after this plan.
    pub(super) fn image(&mut self, subject: &mut Subject<'a>) -> EndpointSet {
        let up = subject.up;
        let known = subject.facts.image;
        let deep = match self.scope.depth {
            Depth::Blobs => up,
            Depth::Manifests => self.unfinished(subject.id) | self.tags_due(subject),
        };
        let present = self.facts.present(subject.id, deep);
        let absent = known.absent | (subject.no_repository - known.asked());
        let failed = known.forbidden | known.unknown;
        // A new claim's repository list comes first: most answers follow from it.
        let listed = if subject.admission.is_some() {
            up
        } else {
            self.facts.list(subject.unit.repository).answered()
        };
        let due = (up & listed) - present - absent - failed;
        self.ask_to(Depth::Blobs, Ask::Image(subject.id), due & deep, subject.class);
        self.ask(Ask::Image(subject.id), due - deep, subject.class);
        let node = subject.node(Slot::Image);
        self.block_failures(Ask::Image(subject.id), known.forbidden & up, known.unknown & up, node);
        if !subject.passes() {
            return EndpointSet::EMPTY;
        }
        let present = present & up;
        let missing = absent & up;
        let Some(carried) = subject.carried().cloned() else {
            return present;
        };
        let Some(lost) = self.lost(subject, &carried) else {
            return present;
        };
        let copies = copies(subject, &carried, &lost, present, missing);
        if copies.is_empty() {
            return present;
        }
        // What was not looked at down to the blobs can serve all the same: who reads there finds out.
        let Some(from) = self.providers(subject, known.present & up) else {
            return present;
        };
        let mut ready = present;
        for (carried, at) in copies {
            let image = (!(at & missing).is_empty()).then(|| support::of_image(subject));
            let needs = image.into_iter().flatten().chain(support::of_carried(&carried));
            let at = self.able(subject.target_id, node, at, needs);
            let action = Action::Copy {
                from: from.clone(),
                carried,
            };
            let step = Step {
                node,
                action,
                at,
                after: Box::default(),
                because: subject.reason(),
            };
            ready |= self.emit(subject.target_id, step);
        }
        ready
    }

    /// Where a copy of this image was begun, in this process or an earlier one, and did not end with every blob verified.
    pub(super) fn unfinished(&self, unit: UnitId) -> EndpointSet {
        self.memory.unfinished.get(&unit).copied().unwrap_or_default()
    }

    /// What travelled once and is nowhere any more: each endpoint says so, and the source. It is reported, and holds up
    /// nothing. `None` while the source has yet to be asked.
    fn lost(&mut self, subject: &Subject<'_>, carried: &[Carried]) -> Option<Vec<Carried>> {
        // Nothing is missing of most images: all of them come by here in every plan.
        if subject.admission.is_none() || subject.facts.missing_carried.is_empty() {
            return Some(Vec::new());
        }
        let everywhere = subject.claim.endpoints;
        let gone: Vec<&Carried> = carried
            .iter()
            .filter(|item| subject.facts.missing_at(item).contains_all(everywhere))
            .collect();
        if gone.is_empty() {
            return Some(Vec::new());
        }
        let offered = match self.facts.source(subject.id) {
            None => {
                // Asks, or waits by name for what it reads from to stand.
                self.source(subject);
                return None;
            }
            Some(SourceFact::Failed) => return Some(Vec::new()),
            Some(SourceFact::Answered(answer)) => answer.image().map_or(&[][..], |image| &image.carried),
        };
        let lost: Vec<Carried> = gone
            .into_iter()
            .filter(|item| !offered.contains(item))
            .cloned()
            .collect();
        if !lost.is_empty() {
            let mut digests: Vec<Digest> = lost.iter().map(|item| item.digest).collect();
            digests.dedup();
            let cause = Cause::CarriedLost {
                unit: subject.id,
                digests: digests.into(),
            };
            self.block(cause, subject.node(Slot::Image));
        }
        Some(lost)
    }

    /// Before admission bytes come from the source only; after it from the endpoints, the source last.
    fn providers(&mut self, subject: &mut Subject<'a>, present: EndpointSet) -> Option<Box<[Provider]>> {
        if subject.admission.is_none() {
            return Some([Provider::Source].into());
        }
        // Only now that no endpoint has it: an admitted image otherwise lives without its source, which may long have
        // gone.
        if present.is_empty() && subject.source.is_none() {
            subject.source = self.source(subject);
            subject.source?;
        }
        Some(subject.spread(present).chain([Provider::Source]).collect())
    }
}

/// What has to be copied where, by what is missing, so that endpoints in the same state share a step.
fn copies(
    subject: &Subject<'_>,
    carried: &Arc<[Carried]>,
    lost: &[Carried],
    present: EndpointSet,
    missing: EndpointSet,
) -> Vec<(Arc<[Carried]>, EndpointSet)> {
    let travels = |item: &&Carried| !lost.contains(item);
    let mut copies: Vec<(Arc<[Carried]>, EndpointSet)> = Vec::new();
    if !missing.is_empty() {
        let all = if lost.is_empty() {
            Arc::clone(carried)
        } else {
            carried.iter().filter(travels).cloned().collect()
        };
        copies.push((all, missing));
    }
    let whole_images = copies.len();
    let lacking = carried
        .iter()
        .filter(travels)
        .fold(EndpointSet::EMPTY, |all, item| all | subject.facts.missing_at(item));
    // Where nobody looked for what travels, nothing is known to be missing.
    for endpoint in (lacking & present & subject.facts.evidence.present).iter() {
        let pieces: Arc<[Carried]> = carried
            .iter()
            .filter(travels)
            .filter(|item| subject.facts.missing_at(item).contains(endpoint))
            .cloned()
            .collect();
        match copies[whole_images..].iter_mut().find(|(known, _)| *known == pieces) {
            Some((_, at)) => at.insert(endpoint),
            None => copies.push((pieces, EndpointSet::only(endpoint))),
        }
    }
    copies
}
