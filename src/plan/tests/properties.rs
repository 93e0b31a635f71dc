//! What holds in every world.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::truth::{Truth, World};
use super::worlds::{manifests, truths};
use crate::facts::{Ask, Bounds, Depth};
use crate::graph::testing::Manifests;
use crate::graph::{DependsAt, Graph};
use crate::model::{
    ArtifactKind, Digest, Drift, EndpointIndex, EndpointSet, NodeId, SignaturePlacement, Slot, TagId, TargetMode,
    UnitId,
};
use crate::plan::record::endpoint_names;
use crate::plan::{Action, Cause, Planned, QuestionRecord, Step, StepRecord, explain};

/// A plan in names, whatever the numbers and the order.
fn lines(graph: &Graph, planned: &Planned) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let step = |kind: &str, step: &Step| {
        let mut record = StepRecord::new(graph, step);
        // Repairs are spread over endpoints by number.
        record.from.sort();
        format!("{kind} {}", serde_json::to_string(&record).unwrap())
    };
    lines.extend(planned.steps.iter().map(|one| step("step", one)));
    lines.extend(planned.withheld.iter().map(|(one, why)| step(&format!("{why:?}"), one)));
    lines.extend(planned.questions.iter().map(|question| {
        let record = QuestionRecord::new(graph, question);
        serde_json::to_string(&record).unwrap()
    }));
    lines.extend(planned.blocked.iter().map(|blocked| {
        let report = explain(graph, blocked, &crate::plan::Advice::default());
        format!("{} {} {}", report.kind, report.nodes, report.cause)
    }));
    lines
}

fn reversed(manifests: &Manifests) -> Manifests {
    let mut reversed = manifests.clone();
    reversed.projects.values_mut().for_each(|claims| claims.reverse());
    reversed
}

/// The steps of a plan one endpoint at a time.
fn each(planned: &Planned) -> impl Iterator<Item = (&Step, EndpointIndex)> {
    planned
        .steps
        .iter()
        .flat_map(|step| step.at.iter().map(move |endpoint| (step, endpoint)))
}

fn planned_at(planned: &Planned, node: NodeId) -> EndpointSet {
    planned
        .steps
        .iter()
        .filter(|step| step.node == node)
        .fold(EndpointSet::EMPTY, |all, step| all | step.at)
}

/// No step without an answer for its very place.
fn every_step_rests_on_answers(world: &World, planned: &Planned) -> Result<(), TestCaseError> {
    for (step, endpoint) in each(planned) {
        let unit = world.graph.unit(step.node.unit);
        let claim = unit.claim().expect("only wanted images have steps");
        let target = world.graph.target_of(step.node.unit);
        let facts = world.facts.unit(step.node.unit);
        let no_repository = world.facts.list(unit.repository).absent.contains(endpoint);
        prop_assert!(claim.endpoints.contains(endpoint));
        prop_assert!(world.facts.endpoints(target).present.contains(endpoint));
        match &step.action {
            Action::Copy { carried, .. } => {
                let failed = facts.image.forbidden | facts.image.unknown;
                prop_assert!(!failed.contains(endpoint));
                let image_missing = facts.image.absent.contains(endpoint) || no_repository;
                let carried_missing = facts
                    .missing_carried
                    .iter()
                    .any(|(missing, at)| carried.contains(missing) && at.contains(endpoint));
                prop_assert!(image_missing || carried_missing);
            }
            Action::Attach { .. } => {
                let failed = facts.evidence.forbidden | facts.evidence.unknown;
                prop_assert!(!failed.contains(endpoint));
                prop_assert!(facts.evidence.answered().contains(endpoint) || no_repository);
                prop_assert!(
                    !world
                        .facts
                        .slot_at(&world.graph, step.node.unit, step.node.slot)
                        .contains(endpoint)
                );
            }
            Action::Tag { tag, replaces, .. } => {
                let known = world.facts.tag(*tag);
                prop_assert!(known.known.answered().contains(endpoint));
                prop_assert_eq!(known.values.get(endpoint), *replaces);
            }
            Action::Remove { artifacts, keeps } => {
                let stands = |digest: &Digest| {
                    facts
                        .found
                        .iter()
                        .any(|(found, at)| found.digest == *digest && at.contains(endpoint))
                };
                prop_assert!(stands(keeps) && artifacts.iter().all(stands));
            }
            Action::Sign => prop_assert!(false, "signing touches no endpoint"),
        }
        let admitted = world.memory.admissions.contains_key(&step.node.unit) || facts.admission.is_some();
        prop_assert!(admitted || world.facts.source(step.node.unit).is_some());
    }
    Ok(())
}

/// Whoever resolves a tag finds the image signed and attested there.
fn no_tag_comes_before_what_it_needs(world: &World, planned: &Planned) -> Result<(), TestCaseError> {
    for (step, endpoint) in each(planned) {
        let Action::Tag { .. } = step.action else { continue };
        let id = step.node.unit;
        let unit = world.graph.unit(id);
        let target = world.graph.target(world.graph.target_of(id));
        let claim = unit.claim().expect("only wanted images have steps");
        for slot in unit.slots().filter(|slot| !matches!(slot, Slot::Gate | Slot::Tag(_))) {
            let node = NodeId { unit: id, slot };
            // What landfall has not seen down to the blobs gets no tag.
            let stands = match slot {
                Slot::Image => world.facts.present(id, EndpointSet::only(endpoint)),
                slot => world.facts.slot_at(&world.graph, id, slot),
            };
            let ready = stands | planned_at(planned, node);
            let needed = match (slot, target.signatures) {
                (Slot::Image, _) | (_, SignaturePlacement::Replicate) => Some(endpoint),
                (_, SignaturePlacement::PrimaryOnly) => claim
                    .endpoints
                    .contains(EndpointIndex::PRIMARY)
                    .then_some(EndpointIndex::PRIMARY),
            };
            if let Some(needed) = needed {
                prop_assert!(
                    ready.contains(needed),
                    "{} lacks {slot:?}",
                    world.graph.node_name(step.node)
                );
                let at = if needed == endpoint {
                    DependsAt::SameEndpoint
                } else {
                    DependsAt::Primary
                };
                prop_assert!(
                    step.after
                        .iter()
                        .any(|before| before.node == node && (before.at == at || endpoint == EndpointIndex::PRIMARY)),
                    "no edge to {slot:?}"
                );
            }
        }
    }
    Ok(())
}

/// Signed once: either it was never made, or it is certainly nowhere.
fn nothing_is_signed_twice(world: &World, planned: &Planned) -> Result<(), TestCaseError> {
    for step in planned.steps.iter().filter(|step| step.action == Action::Sign) {
        let id = step.node.unit;
        let unit = world.graph.unit(id);
        let target = world.graph.target_of(id);
        let claim = unit.claim().expect("only wanted images have steps");
        let facts = world.facts.unit(id);
        let me = claim.signer.as_ref().expect("only signed ones are signed").identity();
        let kind = step.node.slot.artifact().expect("artifacts are signed");
        let known_to_state = world.memory.admissions.contains_key(&id) || facts.admission.is_none();
        let new = world.memory.new.contains(&id) && known_to_state && !world.memory.was_made(step.node, me);
        let kinds = || {
            ArtifactKind::ALL.into_iter().map(|kind| NodeId {
                unit: id,
                slot: kind.slot(),
            })
        };
        let unheard_of = kinds().all(|node| world.memory.makers(node).is_empty())
            && !world.memory.recorded.contains(&id)
            && facts.admission.is_none()
            && facts.found.is_empty();
        let wanted = match world.graph.target(target).signatures {
            SignaturePlacement::Replicate => claim.endpoints,
            SignaturePlacement::PrimaryOnly => claim.endpoints & EndpointSet::PRIMARY,
        };
        let up = world.facts.endpoints(target).present;
        let no_repository = world.facts.list(unit.repository).absent - facts.evidence.asked();
        let answered = up & (facts.evidence.answered() | no_repository);
        let silent = world.facts.endpoints(target).asked() - up;
        let beyond = if unheard_of {
            silent - EndpointSet::PRIMARY
        } else {
            EndpointSet::EMPTY
        };
        prop_assert!(new || (answered | beyond).contains_all(wanted));
        let own = world.facts.artifact_at(id, kind, |by| by == me);
        prop_assert!((own & up & claim.endpoints).is_empty());
        prop_assert!(!world.memory.waiting.contains_key(&(step.node, me)));
        prop_assert!(
            !planned_at(planned, step.node).is_empty(),
            "signed and attached nowhere"
        );
    }
    Ok(())
}

/// Everything due that is not done is explained: by a question, a blocked entry, or because it is only reported.
fn nothing_waits_without_a_word(world: &World, planned: &Planned) -> Result<(), TestCaseError> {
    for id in world.graph.wanted() {
        let unit = world.graph.unit(id);
        let claim = unit.claim().expect("wanted images have claims");
        let target = world.graph.target(world.graph.target_of(id));
        for slot in unit.slots().filter(|slot| *slot != Slot::Gate) {
            let stands = match slot {
                Slot::Tag(tag) => world.facts.tag(tag).values.at(unit.digest),
                slot => world.facts.slot_at(&world.graph, id, slot),
            };
            let wanted = match (slot, target.signatures) {
                (Slot::Signature(_) | Slot::Attestation(_), SignaturePlacement::PrimaryOnly) => {
                    claim.endpoints & EndpointSet::PRIMARY
                }
                _ => claim.endpoints,
            };
            let node = NodeId { unit: id, slot };
            let waiting = (wanted - stands) - planned_at(planned, node);
            let explained =
                !planned.questions.is_empty() || !planned.blocked.is_empty() || !planned.withheld.is_empty();
            prop_assert!(waiting.is_empty() || explained, "{}", world.graph.node_name(node));
        }
    }
    Ok(())
}

/// Whether a unit's chain begins with something that nothing claims.
fn reads_from_nothing(graph: &Graph, unit: UnitId) -> bool {
    let mut upstream = graph.upstream(unit);
    while let Some(unit) = upstream {
        if graph.unit(unit).claim().is_none() {
            return true;
        }
        upstream = graph.upstream(unit);
    }
    false
}

/// Half as many as usual, each is a whole reconciliation; `PROPTEST_CASES` sets more.
fn cases() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        cases: usual.cases / 2,
        ..usual
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_plan_does_not_depend_on_the_order_of_claims(manifests in manifests(), truth in truths()) {
        let mut one = World::new(Graph::new(&manifests.desired()), truth);
        // The other graph came to the same commit through another one, so that its numbers differ.
        let mut graph = Graph::default();
        let mut part = reversed(&manifests);
        part.projects.pop_first();
        let before = part.desired();
        graph.update(&before);
        graph.update(&reversed(&manifests).desired_after(&before));
        let mut other = World::new(graph, truth);
        for _ in 0..4 {
            let (a, b) = (one.plan(), other.plan());
            prop_assert_eq!(lines(&one.graph, &a), lines(&other.graph, &b));
            one.answer(&a, || true);
            other.answer(&b, || true);
        }
    }

    #[test]
    fn steps_rest_on_answers_and_come_in_order(manifests in manifests(), truth in truths(), chance in any::<[bool; 16]>()) {
        let mut world = World::new(Graph::new(&manifests.desired()), truth);
        let mut turn = 0;
        for _ in 0..6 {
            let planned = world.plan();
            every_step_rests_on_answers(&world, &planned)?;
            no_tag_comes_before_what_it_needs(&world, &planned)?;
            nothing_is_signed_twice(&world, &planned)?;
            nothing_waits_without_a_word(&world, &planned)?;
            world.answer(&planned, || {
                turn += 1;
                chance[turn % chance.len()]
            });
        }
    }

    #[test]
    fn an_answered_question_is_not_asked_again(manifests in manifests(), truth in truths()) {
        let mut world = World::new(Graph::new(&manifests.desired()), truth);
        let mut asked: BTreeSet<(Ask, Depth, EndpointIndex)> = BTreeSet::new();
        for _ in 0..12 {
            let planned = world.plan();
            for question in &planned.questions {
                for endpoint in question.at.iter() {
                    prop_assert!(asked.insert((question.ask, question.depth, endpoint)), "{question:?} was answered");
                }
            }
            world.answer(&planned, || true);
        }
        prop_assert_eq!(world.plan().questions, Vec::new());
    }

    #[test]
    fn where_everything_stands_nothing_is_planned_nor_asked(
        manifests in manifests(), seed in any::<u64>(), remembered in prop_oneof![Just(0_u64), Just(50), Just(100)]
    ) {
        let truth = Truth { seed, remembered, ..Truth::WHOLE };
        let mut world = World::new(Graph::new(&manifests.desired()), truth);
        let planned = world.settle();
        let upstream_unclaimed = |blocked: &Cause| matches!(blocked, Cause::Upstream { unit } if world.graph.unit(*unit).claim().is_none());
        prop_assert!(planned.steps.is_empty() && planned.withheld.is_empty(), "{:?}", lines(&world.graph, &planned));
        prop_assert!(planned.blocked.iter().all(|blocked| upstream_unclaimed(&blocked.cause)), "{:?}", planned.blocked);
    }

    #[test]
    fn a_plan_that_was_done_leaves_nothing_to_do(manifests in manifests(), seed in any::<u64>(), standing in 0..=100_u64) {
        let mut manifests = manifests;
        for target in &mut manifests.targets {
            target.mode = TargetMode::Enforce;
            target.drift = Drift::Repair;
        }
        let truth = Truth { seed, standing, failing: 0, remembered: 100 };
        let mut world = World::new(Graph::new(&manifests.desired()), truth);
        // What is chained waits for what it reads from.
        for _ in 0..4 {
            let planned = world.settle();
            world.perform(&planned);
        }
        let planned = world.settle();
        prop_assert!(planned.steps.is_empty(), "{:?}", lines(&world.graph, &planned));
        let explained = |cause: &Cause| matches!(cause, Cause::Conflict { .. } | Cause::Upstream { .. });
        prop_assert!(planned.blocked.iter().all(|blocked| explained(&blocked.cause)), "{:?}", planned.blocked);
    }

    #[test]
    fn once_faults_stop_everything_comes_to_stand(
        manifests in manifests(), truth in truths(), chance in any::<[bool; 16]>(), minutes in prop_oneof![Just(1_i64), Just(50), Just(90)]
    ) {
        let mut manifests = manifests;
        for target in &mut manifests.targets {
            target.mode = TargetMode::Enforce;
            target.drift = Drift::Repair;
        }
        let hour = SignedDuration::from_hours(1);
        let bounds = Bounds { tags: hour, images: hour, evidence: hour };
        // The first commit lacks the last project, and so some tags of repositories that are known by then.
        let mut before = manifests.clone();
        before.projects.pop_last();
        let first = before.desired();
        let mut world = World::new(Graph::new(&first), truth);
        let mut turn = 0;
        for _ in 0..3 {
            let planned = world.plan();
            world.answer(&planned, || {
                turn += 1;
                chance[turn % chance.len()]
            });
        }
        world.graph.update(&manifests.desired_after(&first));
        world.facts.grow(&world.graph);
        world.memory = world.truth.memory(&world.graph);
        world.now = world.now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        world.facts.begin_pass(&bounds, world.now);
        world.truth.failing = 0;
        for _ in 0..4 {
            let planned = world.settle();
            world.perform(&planned);
        }
        let planned = world.settle();
        prop_assert!(planned.steps.is_empty(), "{:?}", lines(&world.graph, &planned));
        let conflicts: BTreeSet<(TagId, EndpointIndex)> = planned.blocked.iter().filter_map(|blocked| match blocked.cause {
            Cause::Conflict { tag, endpoint, .. } => Some((tag, endpoint)),
            _ => None,
        }).collect();
        for id in world.graph.wanted().filter(|unit| !reads_from_nothing(&world.graph, *unit)) {
            let unit = world.graph.unit(id);
            let claim = unit.claim().expect("wanted images have claims");
            for slot in unit.slots() {
                let (stands, wanted) = match slot {
                    Slot::Gate => continue,
                    Slot::Image => (world.facts.unit(id).image.present, claim.endpoints),
                    Slot::Tag(tag) => {
                        let at = world.facts.tag(tag).values.at(unit.digest);
                        let contested = claim.endpoints.iter().filter(|endpoint| conflicts.contains(&(tag, *endpoint)));
                        (at | contested.collect(), claim.endpoints)
                    }
                    slot => {
                        let target = world.graph.target(world.graph.target_of(id));
                        (world.facts.slot_at(&world.graph, id, slot), unit.artifact_endpoints(target))
                    }
                };
                prop_assert!(
                    stands.contains_all(wanted),
                    "{} stands at {stands:?}", world.graph.node_name(NodeId { unit: id, slot })
                );
            }
        }
    }

    #[test]
    fn an_observed_target_is_never_written(manifests in manifests(), truth in truths()) {
        let mut world = World::new(Graph::new(&manifests.desired()), truth);
        let planned = world.settle();
        for step in &planned.steps {
            let target = world.graph.target(world.graph.target_of(step.node.unit));
            prop_assert_eq!(target.mode, TargetMode::Enforce);
            let names: Vec<_> = endpoint_names(&world.graph, world.graph.target_of(step.node.unit), step.at).collect();
            prop_assert_eq!(names.len(), step.at.len());
        }
    }
}

#[test]
fn evidence_is_told_apart_by_slot() {
    // Guards the truth these properties rest on: a world that stands whole has every artifact.
    let manifests = Manifests::new([crate::graph::testing::target("staging", &["asia", "europe"])])
        .with("p", crate::graph::testing::claim("r", "i", &["a"]));
    let graph = Graph::new(&manifests.desired());
    let unit = graph.wanted().next().unwrap();
    let crate::facts::Answer::Evidence(answer) =
        Truth::WHOLE.answer(&graph, Ask::Evidence(unit), EndpointIndex::PRIMARY)
    else {
        panic!("evidence answers evidence")
    };
    assert_eq!(answer.found.len(), 3);
    assert!(matches!(answer.found[2].kind, ArtifactKind::Attestation(..)));
}
