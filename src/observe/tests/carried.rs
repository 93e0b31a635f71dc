//! What travels and is missed.

use super::fixture::{Fixture, PRIMARY};
use crate::facts::{Answer, Ask, Depth, EvidenceAnswer};
use crate::model::{Carried, CarriedKind, Digest, Tag};
use crate::sim::images::Image;
use crate::sim::registry::Behaviour;
use crate::trust::PrivateKey;

fn referrer(of: &Image, artifact: &Image) -> Carried {
    Carried {
        digest: artifact.root(),
        kind: CarriedKind::Referrer { subject: of.root() },
    }
}

fn tagged(of: &Image, digest: Digest, suffix: &str) -> Carried {
    Carried {
        digest,
        kind: CarriedKind::CosignTag {
            subject: of.root(),
            suffix: suffix.to_owned(),
        },
    }
}

async fn missing_at(fixture: &Fixture, depth: Depth) -> Vec<Carried> {
    match fixture.answer(Ask::Evidence(fixture.unit), depth, PRIMARY).await {
        Answer::Evidence(EvidenceAnswer { missing_carried, .. }) => missing_carried,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn referrers_are_missed_at_every_level() {
    let mut fixture = Fixture::new().promoted();
    let sbom = fixture.image.sbom_referrer();
    let signed = sbom.attestation_referrer();
    let carried = [referrer(&fixture.image, &sbom), referrer(&sbom, &signed)];
    fixture.carries(&carried);
    let mut wanted = carried.to_vec();
    wanted.sort();
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, wanted);
    sbom.push(&fixture.store, &fixture.at(PRIMARY));
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, [carried[1].clone()]);
    signed.push(&fixture.store, &fixture.at(PRIMARY));
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
}

#[tokio::test]
async fn a_referrer_that_is_there_and_not_listed_is_missing() {
    let mut fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let sbom = fixture.image.sbom_referrer();
    sbom.push(&fixture.store, &at);
    fixture
        .store
        .set_behaviour(&at.registry, Behaviour::without_referrers());
    let carried = referrer(&fixture.image, &sbom);
    fixture.carries(std::slice::from_ref(&carried));
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, [carried]);
    fixture.store.add_to_fallback_index(&at, &sbom.root());
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
}

#[tokio::test]
async fn a_lost_blob_of_a_referrer_is_seen_at_the_depth_of_blobs() {
    let mut fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let sbom = fixture.image.sbom_referrer();
    sbom.push(&fixture.store, &at);
    let carried = referrer(&fixture.image, &sbom);
    fixture.carries(std::slice::from_ref(&carried));
    fixture.store.lose_blob(&at, &sbom.blobs()[1].descriptor.digest);
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
    assert_eq!(missing_at(&fixture, Depth::Blobs).await, [carried]);
}

#[tokio::test]
async fn signatures_that_others_added_beside_the_carried_ones_are_no_damage() {
    let mut fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let foreign = PrivateKey::generate().unwrap();
    let before = fixture.sign(&at, &fixture.entry(&foreign));
    fixture.carries(&[tagged(&fixture.image, before, "sig")]);
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
    fixture.sign(&at, &fixture.entry(&fixture.key));
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
}

#[tokio::test]
async fn a_carried_signature_that_was_overwritten_is_missing() {
    let mut fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let sig = Tag::cosign(&fixture.image.root(), "sig");
    let foreign = PrivateKey::generate().unwrap();
    let before = fixture.sign(&at, &fixture.entry(&foreign));
    let carried = [tagged(&fixture.image, before, "sig")];
    fixture.carries(&carried);
    fixture.store.delete_tag(&at, &sig);
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, carried);
    // The payload is the same, the signature another: two layers of one digest.
    fixture.sign(&at, &fixture.entry(&fixture.key));
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, carried);
    fixture.store.set_tag(&at, &sig, before);
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
    fixture.store.delete_manifest(&at, &before);
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, carried);
}

#[tokio::test]
async fn under_other_tags_of_cosign_anything_may_stand() {
    let mut fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let sbom = fixture.image.cosign_tag("sbom");
    let carried = tagged(&fixture.image, sbom.root(), "sbom");
    fixture.carries(std::slice::from_ref(&carried));
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, [carried]);
    sbom.push(&fixture.store, &at);
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
    fixture
        .store
        .set_tag(&at, &Tag::cosign(&fixture.image.root(), "sbom"), fixture.image.root());
    assert_eq!(missing_at(&fixture, Depth::Manifests).await, []);
}
