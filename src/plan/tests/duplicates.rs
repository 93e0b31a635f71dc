//! What one key signed twice goes, where nobody needs it.

use std::sync::Arc;

use super::truth::{Truth, World};
use super::worlds::world;
use crate::facts::{Answer, Ask, Evidence, EvidenceAnswer, Twice};
use crate::graph::testing::{Manifests, claim, digest, release, target};
use crate::model::{
    Admission, ArtifactKind, Capabilities, Capability, Carried, CarriedKind, Digest, Duplicates, EndpointIndex,
    EndpointSet, Knowledge, SignatureForm, SignerIdentity, TagId, TargetId, UnitId,
};
use crate::plan::{Action, Planned, Reason};

const ASIA: EndpointIndex = EndpointIndex(1);
const BUNDLE: ArtifactKind = ArtifactKind::Signature(SignatureForm::Bundle);

/// `v1` stands, and beside it at one endpoint a second bundle by the signer.
struct Twofold {
    manifests: Manifests,
    world: World,
    unit: UnitId,
    tag: TagId,
    kept: Digest,
}

fn other() -> Digest {
    digest("the other")
}

impl Twofold {
    fn of(manifests: Manifests) -> Self {
        let mut world = world(&manifests, Truth::WHOLE);
        let unit = world
            .graph
            .wanted()
            .find(|unit| world.graph.unit(*unit).digest == digest("a"))
            .unwrap();
        let tag = world.graph.unit(unit).tags[0];
        let settled = world.settle();
        assert!(settled.steps.is_empty(), "{settled:?}");
        let found = world.facts.unit(unit).found.iter().map(|(found, _)| *found);
        let kept = found.clone().find(|found| found.kind == BUNDLE).unwrap();
        let second = Evidence {
            digest: other(),
            ..kept
        };
        let answer = EvidenceAnswer {
            found: found.chain([second]).collect(),
            twice: vec![Twice {
                kept,
                others: [other()].into(),
            }],
            ..EvidenceAnswer::default()
        };
        world.record(Ask::Evidence(unit), ASIA, Answer::Evidence(answer));
        Self {
            manifests,
            world,
            unit,
            tag,
            kept: kept.digest,
        }
    }

    fn new() -> Self {
        Self::of(one())
    }

    fn removed(&mut self) -> Vec<(EndpointSet, Digest, Vec<Digest>)> {
        removed(&self.world.settle())
    }
}

fn one() -> Manifests {
    Manifests::new([target("production", &["asia", "europe"])]).with("dns", claim("dns/coredns", "a", &["v1"]))
}

fn removed(planned: &Planned) -> Vec<(EndpointSet, Digest, Vec<Digest>)> {
    let steps = planned.steps.iter();
    steps
        .filter_map(|step| match &step.action {
            Action::Remove { artifacts, keeps } => {
                assert_eq!(step.because, Reason::Duplicate);
                Some((step.at, *keeps, artifacts.to_vec()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn the_other_goes_where_both_stand_and_nowhere_else() {
    let mut twofold = Twofold::new();
    let kept = twofold.kept;
    assert_eq!(twofold.removed(), [(EndpointSet::only(ASIA), kept, vec![other()])]);
}

#[test]
fn where_the_manifests_say_so_it_is_only_reported() {
    let mut manifests = one();
    manifests.targets[0].duplicates = Duplicates::Report;
    let planned = Twofold::of(manifests).world.settle();
    assert_eq!(removed(&planned), []);
    assert_eq!(planned.withheld.len(), 1);
}

#[test]
fn what_travelled_with_the_image_stays() {
    let mut twofold = Twofold::new();
    let admission = &twofold.world.memory.admissions[&twofold.unit];
    let subject = twofold.world.graph.unit(twofold.unit).digest;
    let carried = Carried {
        digest: other(),
        kind: CarriedKind::Referrer { subject },
    };
    let admission = Admission {
        carried: admission.carried.iter().cloned().chain([carried]).collect(),
        ..Admission::clone(admission)
    };
    twofold
        .world
        .memory
        .admissions
        .insert(twofold.unit, Arc::new(admission));
    assert_eq!(twofold.removed(), []);
}

#[test]
fn what_a_claim_names_or_a_tag_stands_on_stays() {
    let mut twofold = Twofold::new();
    // Somebody moved the tag onto it: it would go with the manifest.
    twofold
        .world
        .record(Ask::Tag(twofold.tag), ASIA, Answer::Tag(Some(other())));
    assert_eq!(twofold.removed(), []);
    let mut twofold = Twofold::new();
    let manifests = twofold.manifests.with("dns", claim("dns/coredns", "the other", &[]));
    twofold.world.graph.update(&manifests.desired());
    twofold.world.facts.grow(&twofold.world.graph);
    let planned = twofold.world.settle();
    assert_eq!(removed(&planned), []);
}

#[test]
fn what_counts_for_nobody_or_cannot_be_deleted_stays() {
    let mut twofold = Twofold::new();
    let cannot: Capabilities = [(Capability::ManifestDeletion, Knowledge::declared(false))]
        .into_iter()
        .collect();
    twofold.world.memory.capabilities.insert((TargetId(0), ASIA), cannot);
    assert_eq!(twofold.removed(), []);
    let mut twofold = Twofold::new();
    let stranger = Evidence {
        kind: BUNDLE,
        digest: digest("a stranger's"),
        by: SignerIdentity::Key(digest("a stranger")),
    };
    assert_ne!(stranger.by, release());
    let answer = EvidenceAnswer {
        twice: vec![Twice {
            kept: stranger,
            others: [other()].into(),
        }],
        ..EvidenceAnswer::default()
    };
    twofold
        .world
        .record(Ask::Evidence(twofold.unit), ASIA, Answer::Evidence(answer));
    assert_eq!(twofold.removed(), []);
}
