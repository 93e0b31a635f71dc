//! landfall's whole way with registries of other makers: a commit is promoted, damaged and repaired, and cosign and
//! crane judge.

use landfall::model::{Digest, Tag};
use landfall::trust::statement::predicate_type;

use crate::registry::Software;
use crate::signatures::OLD_FORM;
use crate::site::Site;
use crate::stage::{KEY, PUBLIC_NAME, Stage, TAG};

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
    let digest = stage.digest();
    for site in &stage.endpoints {
        stage.assert_complete(site, "promoted").await;
        stage.assert_not_of_others(site);
        for predicate in [predicate_type::SIGNATURE, predicate_type::PROMOTION] {
            let bundles = site.bundles(&digest, predicate).await;
            assert_eq!(bundles.len(), 1, "{predicate}");
            assert_eq!(bundles, stage.endpoints[0].bundles(&digest, predicate).await);
        }
        assert_eq!(site.entries(&digest).await.len(), 1);
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

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signed_in_distribution_is_recognised_and_spread() {
    recognise(Software::Distribution).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signed_in_ferro_oci_server_is_recognised_and_spread() {
    recognise(Software::Ferro).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signed_in_gitea_is_recognised_and_spread() {
    recognise(Software::Gitea).await;
}

async fn recognise(software: Software) {
    let stage = Stage::set(software).await;
    let primary = &stage.endpoints[0];
    let digest = stage.digest();
    stage.crane(&["copy", &stage.source.by_digest(&digest), &primary.tagged(TAG)]);
    let signed = primary.by_digest(&digest);
    stage.cosign.sign(KEY, &[], &signed);
    let more = [OLD_FORM, "--sign-container-identity", PUBLIC_NAME];
    stage.cosign.sign(KEY, &more, &signed);
    let bundles = primary.bundles(&digest, predicate_type::SIGNATURE).await;
    let entries = primary.entries(&digest).await;
    assert_eq!((bundles.len(), entries.len()), (1, 1));

    stage.apply("after cosign");
    for site in &stage.endpoints {
        stage.assert_complete(site, "after cosign").await;
        assert_eq!(site.bundles(&digest, predicate_type::SIGNATURE).await, bundles);
        let spread = site.entries(&digest).await;
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
            Self::Manifest if software.deletes_tags_with_manifests() => &["copy", "tag"],
            Self::Manifest => &["copy"],
            Self::SignatureTag | Self::SignatureBundle | Self::PromotionBundle => &["attach"],
            Self::Repository => &["attach", "copy", "tag"],
        }
    }

    async fn strike(self, stage: &Stage, site: &Site) {
        let (registry, repository, digest) = (&site.registry, site.repository, stage.digest());
        match self {
            Self::Tag => registry.delete_tag(repository, TAG).await,
            Self::Manifest => registry.delete_manifest(repository, &digest).await,
            Self::SignatureTag => registry.delete_tag(repository, &stage.signature_tag()).await,
            Self::SignatureBundle => site.delete_bundles(&digest, predicate_type::SIGNATURE).await,
            Self::PromotionBundle => site.delete_bundles(&digest, predicate_type::PROMOTION).await,
            Self::Repository => {
                registry.delete_repository(repository).await;
                assert!(registry.tags(repository).await.is_empty());
            }
            Self::MovedTag => {
                stage.crane(&["tag", &site.by_digest(&stage.platform), TAG]);
            }
        }
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

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn every_damage_in_distribution_is_found_and_repaired() {
    repair(Software::Distribution).await;
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn every_damage_in_gitea_is_found_and_repaired() {
    repair(Software::Gitea).await;
}

async fn repair(software: Software) {
    let stage = Stage::set(software).await;
    stage.apply("the first promotion");
    let digest = stage.digest();
    let (primary, mirror) = (&stage.endpoints[0], &stage.endpoints[1]);
    let signatures = primary.bundles(&digest, predicate_type::SIGNATURE).await;
    let records = primary.bundles(&digest, predicate_type::PROMOTION).await;
    for (place, site) in [("primary", primary), ("mirror", mirror)] {
        for damage in Damage::ALL {
            let why = format!("{damage:?} at the {place}");
            damage.strike(&stage, site).await;
            let actions = Vec::from_iter(stage.planned_actions());
            assert_eq!(actions, damage.repairs(software), "{why}");
            stage.apply(&why);
            stage.assert_complete(site, &why).await;
            stage.assert_nothing_is_left_to_do(&why);
            // Repaired with the bytes that were made once.
            let now = site.bundles(&digest, predicate_type::SIGNATURE).await;
            assert_eq!(now, signatures, "{why}");
            let now = site.bundles(&digest, predicate_type::PROMOTION).await;
            assert_eq!(now, records, "{why}");
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn a_lost_fallback_index_is_made_again_with_all_that_it_listed() {
    let stage = Stage::set(Software::DockerRegistry).await;
    stage.apply("the first promotion");
    let site = &stage.endpoints[1];
    let before = sorted_referrers(&stage, site).await;
    let index = Tag::referrers_of(&stage.digest());
    site.registry.delete_tag(site.repository, index.as_str()).await;
    assert!(!stage.planned_actions().is_empty());
    stage.apply("the lost index");
    stage.assert_complete(site, "the lost index").await;
    assert_eq!(sorted_referrers(&stage, site).await, before);
    stage.assert_nothing_is_left_to_do("the lost index");
}

async fn sorted_referrers(stage: &Stage, site: &Site) -> Vec<Digest> {
    let mut digests = site.referrers(&stage.digest()).await;
    digests.sort();
    digests
}
