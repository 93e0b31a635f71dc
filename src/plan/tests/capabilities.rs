//! What registries are known to be unable to do is not tried, and stops nothing elsewhere.

use proptest::prelude::*;

use super::truth::{Truth, World};
use super::worlds::{manifests, one_image, truths, world};
use crate::facts::{Answer, Ask};
use crate::graph::Graph;
use crate::graph::testing::digest;
use crate::model::{
    Capabilities, Capability, Digest, EndpointIndex, EndpointSet, Knowledge, KnownBy, SignatureForm, Slot, TagId,
    TargetId,
};
use crate::plan::{Action, Cause, Planned, Reason, Verb};

const ASIA: EndpointIndex = EndpointIndex(1);
const EUROPE: EndpointIndex = EndpointIndex(2);

fn new_image() -> World {
    world(&one_image(), Truth::EMPTY)
}

fn know(world: &mut World, endpoint: EndpointIndex, capability: Capability, able: bool) {
    let known: Capabilities = [(capability, Knowledge::declared(able))].into_iter().collect();
    world.memory.capabilities.insert((TargetId(0), endpoint), known);
}

fn at(planned: &Planned, verb: Verb) -> EndpointSet {
    let steps = planned.steps.iter().filter(|step| step.action.verb() == verb);
    steps.fold(EndpointSet::EMPTY, |all, step| all | step.at)
}

fn unsupported(endpoint: EndpointIndex, capability: Capability) -> Cause {
    Cause::Unsupported {
        target: TargetId(0),
        endpoint,
        capability,
        known_by: KnownBy::Declared,
    }
}

#[test]
fn an_image_that_a_registry_cannot_hold_is_promoted_to_the_others() {
    let mut world = new_image();
    know(&mut world, EUROPE, Capability::OciIndex, false);
    let planned = world.settle();
    let others = EndpointSet::first(2);
    for verb in [Verb::Copy, Verb::Attach, Verb::Tag] {
        assert_eq!(at(&planned, verb), others, "{verb}");
    }
    assert_eq!(planned.blocked.len(), 1);
    assert_eq!(planned.blocked[0].cause, unsupported(EUROPE, Capability::OciIndex));
}

#[test]
fn an_ability_that_is_not_needed_blocks_nothing() {
    let mut world = new_image();
    know(&mut world, EUROPE, Capability::DockerList, false);
    know(&mut world, ASIA, Capability::OciIndex, true);
    let planned = world.settle();
    assert_eq!(planned.blocked, []);
    assert_eq!(at(&planned, Verb::Tag), EndpointSet::first(3));
}

#[test]
fn where_no_bundle_can_stand_the_tag_does_not_either() {
    let mut world = new_image();
    know(&mut world, ASIA, Capability::Artifact, false);
    let planned = world.settle();
    let tag_form = planned
        .steps
        .iter()
        .find(|step| step.node.slot == Slot::Signature(SignatureForm::Tag) && step.action.verb() == Verb::Attach);
    assert_eq!(tag_form.unwrap().at, EndpointSet::first(3));
    let mut others = EndpointSet::first(3);
    others.remove(ASIA);
    assert_eq!(at(&planned, Verb::Copy), EndpointSet::first(3));
    assert_eq!(at(&planned, Verb::Tag), others);
    assert_eq!(planned.blocked.len(), 1);
    assert_eq!(planned.blocked[0].cause, unsupported(ASIA, Capability::Artifact));
    assert_eq!(planned.blocked[0].nodes, 2, "the bundle and the attestation");
}

#[test]
fn nothing_is_signed_for_registries_that_cannot_hold_it() {
    let mut world = new_image();
    for endpoint in [EndpointIndex::PRIMARY, ASIA, EUROPE] {
        know(&mut world, endpoint, Capability::Artifact, false);
    }
    let planned = world.settle();
    let signed: Vec<Slot> = planned
        .steps
        .iter()
        .filter(|step| step.action == Action::Sign)
        .map(|step| step.node.slot)
        .collect();
    assert_eq!(signed, [Slot::Signature(SignatureForm::Tag)]);
}

/// The only tag stands on this in Europe, where tags are immutable.
fn tag_in_europe(world: &mut World, found: Digest) -> Planned {
    know(world, ASIA, Capability::ImmutableTags, true);
    know(world, EUROPE, Capability::ImmutableTags, true);
    world.settle();
    let tag = only_tag(world);
    world.record(Ask::Tag(tag), EUROPE, Answer::Tag(Some(found)));
    world.settle()
}

fn only_tag(world: &World) -> TagId {
    world.graph.unit(world.graph.wanted().next().unwrap()).tags[0]
}

#[test]
fn a_tag_is_set_but_not_moved_where_tags_are_immutable() {
    let mut world = new_image();
    let (tag, older) = (only_tag(&world), digest("earlier"));
    world.memory.declared.insert(tag, vec![older]);
    let planned = tag_in_europe(&mut world, older);
    assert_eq!(at(&planned, Verb::Tag), EndpointSet::first(2));
    assert_eq!(planned.blocked.len(), 1);
    assert_eq!(planned.blocked[0].cause, unsupported(EUROPE, Capability::ImmutableTags));
}

#[test]
fn a_tag_that_drifted_is_repaired_whatever_is_believed_of_its_registry() {
    let mut world = new_image();
    let tag = only_tag(&world);
    let wanted = world.graph.unit(world.graph.wanted().next().unwrap()).digest;
    world.memory.written.entry(tag).or_default().set(EUROPE, wanted);
    let planned = tag_in_europe(&mut world, digest("foreign"));
    let repaired = planned.steps.iter().find(|step| step.because == Reason::Drift);
    assert_eq!(repaired.unwrap().at, EndpointSet::only(EUROPE));
    assert_eq!(planned.blocked, []);
}

proptest! {
    #[test]
    fn no_step_asks_of_a_registry_what_it_cannot_do(
        manifests in manifests(),
        truth in truths(),
        unable in proptest::collection::vec((0..2_u32, 0..3_u8, proptest::sample::select(Capability::ALL)), 0..6),
    ) {
        let mut world = World::new(Graph::new(&manifests.desired()), truth);
        for (target, endpoint, capability) in &unable {
            let able = matches!(capability, Capability::ImmutableTags | Capability::DropsUntagged);
            let key = (TargetId(*target), EndpointIndex(*endpoint));
            let known = world.memory.capabilities.entry(key).or_default();
            known.learn(*capability, Knowledge::declared(able));
        }
        let planned = world.settle();
        for step in &planned.steps {
            let target = world.graph.target_of(step.node.unit);
            for endpoint in step.at.iter() {
                let lacks = |capability| {
                    world
                        .memory
                        .capabilities
                        .get(&(target, endpoint))
                        .is_some_and(|known| known.can(capability) == Some(false))
                };
                match step.node.slot {
                    Slot::Signature(SignatureForm::Bundle | SignatureForm::Referrer) | Slot::Attestation(_) => {
                        prop_assert!(!lacks(Capability::Artifact), "{step:?}");
                    }
                    Slot::Signature(SignatureForm::Tag) => prop_assert!(!lacks(Capability::OciImage), "{step:?}"),
                    Slot::Image if step.because == Reason::Promotion => {
                        prop_assert!(!lacks(Capability::OciImage) && !lacks(Capability::OciIndex), "{step:?}");
                    }
                    Slot::Gate | Slot::Image | Slot::Tag(_) => {}
                }
            }
        }
        for blocked in &planned.blocked {
            if let Cause::Unsupported { target, endpoint, capability, .. } = blocked.cause {
                prop_assert!(unable.contains(&(target.0, endpoint.0, capability)), "{blocked:?}");
            }
        }
    }
}
