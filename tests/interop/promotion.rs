//! landfall's whole way with registries of other makers: a commit is promoted, damaged and repaired, and cosign and
//! crane judge.

use landfall::model::{Digest, Tag};
use landfall::trust::statement::predicate_type;

use crate::registry::{Registry, Software};
use crate::signatures::OLD_FORM;
use crate::stage::{KEY, PUBLIC_NAME, REPOSITORY, Stage, TAG};

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn a_promotion_to_docker_registry_is_what_cosign_and_crane_expect() {
    promote(Software::DockerRegistry).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn a_promotion_to_a_registry_with_referrers_is_what_cosign_and_crane_expect() {
    promote(Software::WithReferrers).await;
}

async fn promote(software: Software) {
    let stage = Stage::set(software).await;
    let actions = Vec::from_iter(stage.planned_actions());
    assert_eq!(actions, ["attach", "copy", "sign", "tag"]);
    stage.apply("the first promotion");
    for registry in &stage.endpoints {
        stage.assert_complete(registry, "promoted").await;
        for predicate in [predicate_type::SIGNATURE, predicate_type::PROMOTION] {
            let bundles = stage.bundles(registry, predicate).await;
            assert_eq!(bundles.len(), 1, "{predicate}");
            assert_eq!(bundles, stage.bundles(&stage.endpoints[0], predicate).await);
        }
        assert_eq!(stage.entries(registry).await.len(), 1);
    }
    stage.assert_nothing_is_left_to_do("promoted");
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signed_in_docker_registry_is_recognised_and_spread() {
    recognise(Software::DockerRegistry).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signed_in_a_registry_with_referrers_is_recognised_and_spread() {
    recognise(Software::WithReferrers).await;
}

async fn recognise(software: Software) {
    let stage = Stage::set(software).await;
    let primary = &stage.endpoints[0];
    let reference = Stage::reference(primary);
    stage.crane(&["copy", &stage.source.reference(&stage.image), &reference]);
    let signed = format!("{}/{REPOSITORY}@{}", primary.address(), stage.digest());
    stage.cosign.sign(KEY, &[], &signed);
    let more = [OLD_FORM, "--sign-container-identity", PUBLIC_NAME];
    stage.cosign.sign(KEY, &more, &signed);
    let bundles = stage.bundles(primary, predicate_type::SIGNATURE).await;
    let entries = stage.entries(primary).await;
    assert_eq!((bundles.len(), entries.len()), (1, 1));

    stage.apply("after cosign");
    for registry in &stage.endpoints {
        stage.assert_complete(registry, "after cosign").await;
        assert_eq!(stage.bundles(registry, predicate_type::SIGNATURE).await, bundles);
        let spread = stage.entries(registry).await;
        assert_eq!(spread.len(), 1);
        assert_eq!(spread[0].id(), entries[0].id());
    }
    stage.assert_nothing_is_left_to_do("after cosign");
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Tag,
    Manifest,
    SignatureTag,
    SignatureBundle,
    PromotionBundle,
    Repository,
    MovedTag,
}

impl Damage {
    const ALL: [Self; 7] = [
        Self::Tag,
        Self::Manifest,
        Self::SignatureTag,
        Self::SignatureBundle,
        Self::PromotionBundle,
        Self::Repository,
        Self::MovedTag,
    ];

    /// What `landfall plan` shall list, and nothing beside.
    fn repairs(self, software: Software) -> &'static [&'static str] {
        match self {
            Self::Tag | Self::MovedTag => &["tag"],
            // docker-registry deletes a manifest together with its tags.
            Self::Manifest if software == Software::DockerRegistry => &["copy", "tag"],
            Self::Manifest => &["copy"],
            Self::SignatureTag | Self::SignatureBundle | Self::PromotionBundle => &["attach"],
            Self::Repository => &["attach", "copy", "tag"],
        }
    }

    async fn strike(self, stage: &Stage, registry: &Registry) {
        match self {
            Self::Tag => registry.delete_tag(REPOSITORY, TAG).await,
            Self::Manifest => registry.delete_manifest(REPOSITORY, &stage.digest()).await,
            Self::SignatureTag => registry.delete_tag(REPOSITORY, &stage.signature_tag()).await,
            Self::SignatureBundle => delete_bundles(stage, registry, predicate_type::SIGNATURE).await,
            Self::PromotionBundle => delete_bundles(stage, registry, predicate_type::PROMOTION).await,
            Self::Repository => {
                registry.delete_repository(REPOSITORY).await;
                assert!(registry.tags(REPOSITORY).await.is_empty());
            }
            Self::MovedTag => {
                let platform = format!("{}/{REPOSITORY}@{}", registry.address(), stage.platform);
                stage.crane(&["tag", &platform, TAG]);
            }
        }
    }
}

async fn delete_bundles(stage: &Stage, registry: &Registry, predicate: &str) {
    let bundles = stage.bundles(registry, predicate).await;
    assert!(!bundles.is_empty());
    for digest in bundles {
        registry.delete_manifest(REPOSITORY, &digest).await;
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn every_damage_in_docker_registry_is_found_and_repaired() {
    repair(Software::DockerRegistry).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn every_damage_in_a_registry_with_referrers_is_found_and_repaired() {
    repair(Software::WithReferrers).await;
}

async fn repair(software: Software) {
    let stage = Stage::set(software).await;
    stage.apply("the first promotion");
    let [primary, mirror, _] = &stage.endpoints;
    let signatures = stage.bundles(primary, predicate_type::SIGNATURE).await;
    let records = stage.bundles(primary, predicate_type::PROMOTION).await;
    for (place, registry) in [("primary", primary), ("mirror", mirror)] {
        for damage in Damage::ALL {
            let why = format!("{damage:?} at the {place}");
            damage.strike(&stage, registry).await;
            let actions = Vec::from_iter(stage.planned_actions());
            assert_eq!(actions, damage.repairs(software), "{why}");
            stage.apply(&why);
            stage.assert_complete(registry, &why).await;
            stage.assert_nothing_is_left_to_do(&why);
            // Repaired with the bytes that were made once.
            assert_eq!(
                stage.bundles(registry, predicate_type::SIGNATURE).await,
                signatures,
                "{why}"
            );
            assert_eq!(
                stage.bundles(registry, predicate_type::PROMOTION).await,
                records,
                "{why}"
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn a_lost_fallback_index_is_made_again_with_all_that_it_listed() {
    let stage = Stage::set(Software::DockerRegistry).await;
    stage.apply("the first promotion");
    let registry = &stage.endpoints[1];
    let before = sorted_referrers(&stage, registry).await;
    let index = Tag::referrers_of(&stage.digest());
    registry.delete_tag(REPOSITORY, index.as_str()).await;
    assert!(!stage.planned_actions().is_empty());
    stage.apply("the lost index");
    stage.assert_complete(registry, "the lost index").await;
    assert_eq!(sorted_referrers(&stage, registry).await, before);
    stage.assert_nothing_is_left_to_do("the lost index");
}

async fn sorted_referrers(stage: &Stage, registry: &Registry) -> Vec<Digest> {
    let referrers = registry.referrers(REPOSITORY, &stage.digest()).await;
    let mut digests: Vec<_> = referrers.into_iter().map(|found| found.digest).collect();
    digests.sort();
    digests
}
