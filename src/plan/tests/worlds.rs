//! Small worlds, told in a sentence or drawn at random.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::truth::{Truth, World};
use crate::graph::Graph;
use crate::graph::testing::{Manifests, chained, claim, target, unsigned};
use crate::model::{Claim, Drift, EndpointSet, SignaturePlacement, TargetMode};

/// One image, at a primary and two mirrors.
pub fn one_image() -> Manifests {
    Manifests::new([target("production", &["asia", "europe"])]).with("dns", claim("dns/coredns", "a", &["v1"]))
}

/// Under a state that was there before any of these claims was made.
pub fn world(manifests: &Manifests, truth: Truth) -> World {
    let mut world = World::new(Graph::new(&manifests.desired()), truth);
    world.memory.new = world.graph.wanted().collect();
    world
}

/// Claims at staging, and at production, which may read from staging.
pub fn manifests() -> impl Strategy<Value = Manifests> {
    let target = (any::<bool>(), any::<bool>(), 0..6_u8);
    let claim = (0..4_u8, 0..3_u8, 0..8_u8, 1..8_u8, 0..4_u8);
    (
        proptest::collection::vec(target, 2),
        proptest::collection::vec(claim, 0..8),
    )
        .prop_map(|(targets, claims)| build(&targets, &claims))
}

fn build(targets: &[(bool, bool, u8)], claims: &[(u8, u8, u8, u8, u8)]) -> Manifests {
    let mut manifests = Manifests::new([
        target("staging", &["asia", "europe"]),
        target("production", &["asia", "europe"]),
    ]);
    for (target, (primary_only, report, mode)) in manifests.targets.iter_mut().zip(targets) {
        if *primary_only {
            target.signatures = SignaturePlacement::PrimaryOnly;
        }
        if *report {
            target.drift = Drift::Report;
        }
        if *mode == 0 {
            target.mode = TargetMode::Observe;
        }
    }
    let mut seen = BTreeSet::new();
    let mut tagged = BTreeSet::new();
    for (repository, image, tags, endpoints, kind) in claims {
        let at = usize::from(kind % 2);
        if !seen.insert((at, *repository, *image)) {
            continue;
        }
        let tags: Vec<&str> = ["a", "b", "c"]
            .into_iter()
            .enumerate()
            .filter(|(bit, tag)| tags >> bit & 1 == 1 && tagged.insert((at, *repository, *tag)))
            .map(|(_, tag)| tag)
            .collect();
        let mut one = claim(&format!("r{repository}"), &format!("i{image}"), &tags);
        if *kind == 2 {
            one = unsigned(one);
        }
        if at == 1 {
            one = chained(one, 0, 1);
        }
        let one = Claim {
            target: at,
            endpoints: [0, 1, 2]
                .into_iter()
                .filter(|bit| endpoints >> bit & 1 == 1)
                .map(crate::model::EndpointIndex)
                .collect::<EndpointSet>(),
            ..one
        };
        manifests = manifests.with(&format!("p{}", repository % 3), one);
    }
    manifests
}

pub fn truths() -> impl Strategy<Value = Truth> {
    let percent = prop_oneof![Just(0), Just(30), Just(70), Just(95), Just(100)];
    (
        any::<u64>(),
        percent.clone(),
        prop_oneof![Just(0), Just(5), Just(30)],
        percent,
    )
        .prop_map(|(seed, standing, failing, remembered)| Truth {
            seed,
            standing,
            failing,
            remembered,
        })
}
