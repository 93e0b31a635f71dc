//! How things stand while the daemon runs, target by target, in names instead of numbers.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::reconciler::Reconciler;
use crate::execute::{Clock as _, World};
use crate::facts::{Ask, Known};
use crate::model::{
    AdmittedStatus, Answers, EndpointIndex, EndpointSet, EndpointStatus, Foreign, ImageAtEndpoint, ImagePart,
    ImageStatus, NodeId, PartState, Slot, Standing, Status, TargetId, TargetStatus, UnitId,
};
use crate::plan::{Advice, Blocked, Cause, explain};
use crate::source::Source;

/// What is counted of a target in one walk over its images.
#[derive(Default)]
struct Counted {
    images: usize,
    as_desired: usize,
    due: usize,
    open_questions: usize,
    withheld: usize,
    causes: BTreeSet<Cause>,
    wanted_at: BTreeMap<EndpointIndex, usize>,
    desired_at: BTreeMap<EndpointIndex, usize>,
}

impl<W: World, S: Source> Reconciler<W, S> {
    /// How everything stands now, without the conditions, which need to know what was told before.
    #[must_use]
    pub fn status(&self, standing: Option<Standing>, started: Timestamp) -> Status {
        let committed = self
            .revision
            .as_ref()
            .and_then(|revision| self.source.commit(revision.commit).ok())
            .map(|commit| commit.time);
        Status {
            schema_version: 1,
            version: env!("CARGO_PKG_VERSION"),
            started,
            at: self.world.clock().now(),
            pause: self.pause.clone(),
            branch_error: self.branch_error.clone(),
            standing,
            committed,
            activity: self.engine.activity(),
            targets: self.targets(),
        }
    }

    fn targets(&self) -> Vec<TargetStatus> {
        let graph = &self.engine.graph;
        let mut counted: BTreeMap<TargetId, Counted> = BTreeMap::new();
        for unit in graph.wanted() {
            self.count(unit, counted.entry(graph.target_of(unit)).or_default());
        }
        graph
            .targets()
            .map(|(id, target)| {
                let counted = counted.remove(&id).unwrap_or_default();
                let known = self.engine.facts.endpoints(id);
                let of = |counts: &BTreeMap<EndpointIndex, usize>, at| counts.get(&at).copied().unwrap_or(0);
                let endpoints = target.all_endpoints().iter().map(|at| {
                    let endpoint = target.endpoint(at);
                    EndpointStatus {
                        name: endpoint.name.to_string(),
                        place: endpoint.prefix.to_string(),
                        answers: answers(known, at),
                        images: of(&counted.wanted_at, at),
                        as_desired: of(&counted.desired_at, at),
                    }
                });
                TargetStatus {
                    name: target.name.to_string(),
                    images: counted.images,
                    as_desired: counted.as_desired,
                    due: counted.due,
                    open_questions: counted.open_questions,
                    withheld: counted.withheld,
                    blocked: counted.causes.len(),
                    stalled: counted.causes.iter().filter(|cause| !cause.lifts_by_itself()).count(),
                    endpoints: endpoints.collect(),
                    conditions: Vec::new(),
                }
            })
            .collect()
    }

    fn count(&self, id: UnitId, counted: &mut Counted) {
        let Some(claim) = self.engine.graph.unit(id).claim() else {
            return;
        };
        counted.images += 1;
        let stands_at = match self.engine.unsettled(id) {
            None => {
                counted.as_desired += 1;
                claim.endpoints
            }
            Some(plan) => {
                counted.due += plan.steps.iter().map(|step| step.at.len().max(1)).sum::<usize>();
                counted.open_questions += plan.questions.iter().map(|question| question.at.len()).sum::<usize>();
                counted.withheld += plan.withheld.iter().map(|(step, _)| step.at.len()).sum::<usize>();
                counted
                    .causes
                    .extend(plan.blocked.iter().map(|(cause, _)| cause.clone()));
                self.whole_at(id) & claim.endpoints
            }
        };
        for endpoint in claim.endpoints.iter() {
            *counted.wanted_at.entry(endpoint).or_default() += 1;
        }
        for endpoint in stands_at.iter() {
            *counted.desired_at.entry(endpoint).or_default() += 1;
        }
    }

    /// Where a unit's image is known to stand with all that belongs to it, tags included.
    fn whole_at(&self, id: UnitId) -> EndpointSet {
        let (graph, facts) = (&self.engine.graph, &self.engine.facts);
        let unit = graph.unit(id);
        let standing = facts.standing(graph, id);
        unit.tags
            .iter()
            .fold(standing, |at, tag| at & facts.tag(*tag).values.at(unit.digest))
    }

    /// How each of these images stands, place by place.
    #[must_use]
    pub fn images(&self, units: &BTreeSet<UnitId>, advice: &Advice) -> Vec<ImageStatus> {
        units.iter().filter_map(|unit| self.image(*unit, advice)).collect()
    }

    fn image(&self, id: UnitId, advice: &Advice) -> Option<ImageStatus> {
        let graph = &self.engine.graph;
        let unit = graph.unit(id);
        let claim = unit.claim()?;
        let target = graph.target(graph.target_of(id));
        let plan = self.engine.unsettled(id);
        let endpoints = claim.endpoints.iter().map(|at| ImageAtEndpoint {
            name: target.endpoint(at).name.to_string(),
            place: graph.place(unit.repository, at).to_string(),
            parts: unit
                .slots()
                .filter(|slot| *slot != Slot::Gate)
                .filter(|slot| slot.artifact().is_none() || unit.artifact_endpoints(target).contains(at))
                .map(|slot| self.part(id, slot, at))
                .collect(),
        });
        let due = plan.into_iter().flat_map(|plan| &plan.steps).map(|step| {
            let at: Vec<&str> = step.at.iter().map(|at| &*target.endpoint(at).name).collect();
            format!(
                "{} {} ({})",
                step.action.verb().as_str(),
                graph.node_name(step.node),
                at.join(", ")
            )
        });
        let blocked = plan.into_iter().flat_map(|plan| &plan.blocked).map(|(cause, node)| {
            let blocked = Blocked {
                cause: cause.clone(),
                nodes: 1,
                example: *node,
            };
            explain(graph, &blocked, advice)
        });
        let mut blocked: Vec<_> = blocked.collect();
        blocked.dedup();
        Some(ImageStatus {
            target: target.name.to_string(),
            public_reference: graph.public_reference(unit.repository).to_string(),
            digest: unit.digest,
            tags: unit.tags.iter().map(|tag| graph.tag(*tag).1.to_string()).collect(),
            claimed: format!("{}:{}", Foreign(claim.origin.file.as_str()), claim.origin.line),
            admitted: self.admission(id).map(|admission| AdmittedStatus {
                at: admission.at,
                commit: admission.commit,
            }),
            endpoints: endpoints.collect(),
            due: due.collect(),
            blocked,
            next_attempt: plan.and_then(|plan| plan.due),
        })
    }

    fn part(&self, id: UnitId, slot: Slot, at: EndpointIndex) -> ImagePart {
        let (graph, facts) = (&self.engine.graph, &self.engine.facts);
        let unit = graph.unit(id);
        let (ask, known) = match slot {
            Slot::Tag(tag) => (Ask::Tag(tag), facts.tag(tag).known),
            Slot::Signature(_) | Slot::Attestation(_) => (Ask::Evidence(id), facts.unit(id).evidence),
            Slot::Gate | Slot::Image => (Ask::Image(id), facts.unit(id).image),
        };
        let mut state = state(known, at);
        let mut found = None;
        match slot {
            Slot::Tag(tag) => {
                let stands_on = facts.tag(tag).values.get(at);
                if stands_on.is_some_and(|digest| digest != unit.digest) {
                    (state, found) = (PartState::Elsewhere, stands_on);
                }
            }
            // Where evidence is present it was looked for; whether this artifact is among it is another question.
            Slot::Signature(_) | Slot::Attestation(_) => {
                if state == PartState::Stands && !facts.slot_at(graph, id, slot).contains(at) {
                    state = PartState::Absent;
                }
            }
            Slot::Gate | Slot::Image => {}
        }
        ImagePart {
            part: part_name(graph, NodeId { unit: id, slot }),
            state,
            found,
            looked: facts.looked(ask, at),
        }
    }
}

fn part_name(graph: &crate::graph::Graph, node: NodeId) -> String {
    match (node.slot, node.slot.artifact()) {
        (_, Some(kind)) => kind.to_string(),
        (Slot::Tag(tag), None) => format!("tag {}", graph.tag(tag).1),
        _ => "image".to_owned(),
    }
}

fn answers(known: Known, at: EndpointIndex) -> Answers {
    match state(known, at) {
        PartState::Refused => Answers::Refused,
        PartState::Unknown => Answers::No,
        PartState::NotAsked => Answers::NotAsked,
        PartState::Stands | PartState::Absent | PartState::Elsewhere => Answers::Yes,
    }
}

fn state(known: Known, at: EndpointIndex) -> PartState {
    if known.present.contains(at) {
        PartState::Stands
    } else if known.absent.contains(at) {
        PartState::Absent
    } else if known.forbidden.contains(at) {
        PartState::Refused
    } else if known.unknown.contains(at) {
        PartState::Unknown
    } else {
        PartState::NotAsked
    }
}
