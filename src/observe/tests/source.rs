//! What sources offer, and what cannot be promoted.

use bytes::Bytes;

use super::fixture::{Fixture, MIRROR, PRIMARY, promotion_by, repository, signature_by};
use crate::facts::{Answer, Ask, Depth, SourceAnswer};
use crate::model::{
    Carried, CarriedKind, Carry, CosignTag, Digest, EndpointSet, Limits, SignatureForm, Tag, media_type,
};
use crate::sim::images::Image;
use crate::sim::registry::{Behaviour, FaultPlan, Operation, Window};
use crate::trust::PrivateKey;

fn referrer(of: &Image, artifact: &Image) -> Carried {
    Carried {
        digest: artifact.root(),
        kind: CarriedKind::Referrer { subject: of.root() },
    }
}

/// The image at its source, with a bill of materials that is itself attested.
fn with_referrers(limits: Limits) -> (Fixture, [Image; 2]) {
    let fixture = Fixture::with_limits(limits);
    let sbom = fixture.image.sbom_referrer();
    let attestation = sbom.attestation_referrer();
    for image in [&fixture.image, &sbom, &attestation] {
        image.push(&fixture.store, &fixture.source());
    }
    (fixture, [sbom, attestation])
}

/// What still travels, and what stays behind with why.
async fn without(fixture: &Fixture) -> (Vec<Carried>, Vec<(Digest, String)>) {
    match fixture.offered().await {
        SourceAnswer::WithoutAll { image, left } => {
            let left = left.iter().map(|left| (left.digest, left.why.to_string()));
            (image.carried.to_vec(), left.collect())
        }
        other => panic!("{other:?}"),
    }
}

async fn refused(fixture: &Fixture) -> String {
    match fixture.offered().await {
        SourceAnswer::Refused(why) => why.text.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn referrers_of_referrers_and_cosign_tags_travel_with_the_image() {
    let (fixture, [sbom, attestation]) = with_referrers(Limits::default());
    let mut expected = vec![referrer(&fixture.image, &sbom), referrer(&sbom, &attestation)];
    for suffix in ["sig", "att", "sbom"] {
        let tagged = fixture.image.cosign_tag(suffix);
        tagged.push(&fixture.store, &fixture.source());
        expected.push(Carried {
            digest: tagged.root(),
            kind: CarriedKind::CosignTag {
                subject: fixture.root(),
                suffix: suffix.to_owned(),
            },
        });
    }
    expected.sort();
    let offered = fixture.whole().await;
    assert_eq!(offered.repository, fixture.source());
    assert_eq!(offered.carried[..], expected);
    assert_eq!(offered.found, []);
}

#[tokio::test]
async fn what_travelled_before_is_offered_as_long_as_it_can_be_read() {
    let (mut fixture, [sbom, _]) = with_referrers(Limits::default());
    let source = fixture.source();
    let signed = fixture.image.cosign_tag("sig");
    signed.push(&fixture.store, &source);
    let sig = Tag::cosign(&fixture.root(), "sig");
    let travelled = Carried {
        digest: signed.root(),
        kind: CarriedKind::CosignTag {
            subject: fixture.root(),
            suffix: "sig".to_owned(),
        },
    };
    // Somebody signs as well: the tag moves on.
    fixture.store.set_tag(&source, &sig, sbom.root());
    assert!(!fixture.whole().await.carried.contains(&travelled));
    fixture.carries(std::slice::from_ref(&travelled));
    assert!(fixture.whole().await.carried.contains(&travelled));
    fixture.store.delete_manifest(&source, &signed.root());
    assert!(!fixture.whole().await.carried.contains(&travelled));
}

#[tokio::test]
async fn what_is_beside_a_platforms_manifest_travels_too() {
    let fixture = Fixture::new();
    let source = fixture.source();
    fixture
        .store
        .set_behaviour(&source.registry, Behaviour::without_referrers());
    fixture.image.push(&fixture.store, &source);
    let platform = &fixture.image.manifests()[0];
    let sig = fixture.image.cosign_tag("sig");
    sig.push(&fixture.store, &source);
    let tag = Tag::cosign(&platform.digest, "sig");
    fixture.store.set_tag(&source, &tag, sig.root());
    let offered = fixture.whole().await;
    let subjects: Vec<Digest> = offered
        .carried
        .iter()
        .map(|carried| match &carried.kind {
            CarriedKind::CosignTag { subject, .. } | CarriedKind::Referrer { subject } => *subject,
        })
        .collect();
    let mut expected = vec![fixture.root(), platform.digest];
    expected.sort();
    assert_eq!(subjects, expected);
}

#[tokio::test]
async fn what_our_signer_made_is_recognised_at_the_source() {
    let fixture = Fixture::new();
    let source = fixture.source();
    fixture.image.push(&fixture.store, &source);
    let bundle = fixture.attach(&source, &fixture.signature(&fixture.key));
    let record = fixture.attach(&source, &fixture.promotion(&fixture.public_reference(), &[]));
    fixture.attach(
        &source,
        &fixture.promotion(&repository("registry.example.com/other"), &[]),
    );
    fixture.attach(&source, &fixture.signature(&PrivateKey::generate().unwrap()));
    let entry = fixture.entry(&fixture.key);
    fixture.sign(&source, &entry);
    let offered = fixture.whole().await;
    assert_eq!(
        offered.found,
        [
            signature_by(&fixture.key, SignatureForm::Bundle, bundle),
            signature_by(&fixture.key, SignatureForm::Tag, entry.id()),
            promotion_by(&fixture.key, record),
        ]
    );
    assert_eq!(offered.carried.len(), 5);
}

#[tokio::test]
async fn an_image_that_is_not_there_is_absent_and_one_without_a_platform_lacks_it() {
    let fixture = Fixture::new();
    assert_eq!(fixture.offered().await, SourceAnswer::Absent);
    fixture.image.push(&fixture.store, &fixture.source());
    let platform = fixture.image.manifests()[0].digest;
    fixture.store.delete_manifest(&fixture.source(), &platform);
    assert_eq!(fixture.offered().await, SourceAnswer::Lacking([platform].into()));
}

#[tokio::test]
async fn a_throttled_or_half_read_source_is_unknown() {
    let (fixture, _) = with_referrers(Limits::default());
    for operation in [Operation::ReadManifest, Operation::ListReferrers] {
        fixture.throttle(operation);
        fixture.unknown(Ask::Source(fixture.unit)).await;
    }
}

#[tokio::test]
async fn more_referrers_than_travel_stay_behind() {
    let (fixture, _) = with_referrers(Limits {
        carried: 1,
        ..Limits::default()
    });
    let (carried, left) = without(&fixture).await;
    assert_eq!((carried.len(), left.len()), (1, 1));
    assert!(left[0].1.contains("limit `carried`"), "{left:?}");
}

#[tokio::test]
async fn referrers_of_more_bytes_than_travel_stay_behind() {
    let (fixture, _) = with_referrers(Limits {
        carried_bytes: 1_000,
        ..Limits::default()
    });
    let (_, left) = without(&fixture).await;
    assert!(
        left.iter().any(|(_, why)| why.contains("limit `carried-bytes`")),
        "{left:?}"
    );
}

#[tokio::test]
async fn referrers_that_nest_deeper_than_travels_stay_behind() {
    let (fixture, [sbom, attestation]) = with_referrers(Limits {
        carried_depth: 1,
        ..Limits::default()
    });
    let (carried, left) = without(&fixture).await;
    assert_eq!(carried, [referrer(&fixture.image, &sbom)]);
    let [(digest, why)] = &left[..] else { panic!("{left:?}") };
    assert_eq!(*digest, attestation.root());
    assert!(
        why.contains("limit `carried-depth`") && why.contains(&sbom.root().to_string()),
        "{why}"
    );
}

#[tokio::test]
async fn an_oversized_referrer_stays_behind() {
    let (fixture, _) = with_referrers(Limits {
        manifest: 2_000,
        ..Limits::default()
    });
    let padding = [("padding".to_owned(), "x".repeat(2_000))].into();
    let oversized = fixture
        .image
        .referrer("application/vnd.example", Bytes::from_static(b"{}"), padding);
    assert!(matches!(fixture.offered().await, SourceAnswer::Whole(_)));
    oversized.push(&fixture.store, &fixture.source());
    let (carried, left) = without(&fixture).await;
    assert_eq!(carried.len(), 2, "the others travel");
    let [(digest, why)] = &left[..] else { panic!("{left:?}") };
    assert_eq!(*digest, oversized.root());
    assert!(why.contains("2000"), "{why}");
}

#[tokio::test]
async fn what_stands_under_a_tag_of_cosigns_and_cannot_be_read_stays_behind() {
    let (fixture, _) = with_referrers(Limits::default());
    let source = fixture.source();
    fixture
        .store
        .set_behaviour(&source.registry, Behaviour::without_referrers());
    let digest = fixture
        .store
        .add_manifest(&source, media_type::OCI_MANIFEST, Bytes::from_static(b"{}"));
    let sig = Tag::cosign(&fixture.root(), "sbom");
    fixture.store.set_tag(&source, &sig, digest);
    let (_, left) = without(&fixture).await;
    assert!(left.iter().any(|(left, _)| *left == digest), "{left:?}");
}

#[tokio::test]
async fn a_referrer_of_a_type_since_withdrawn_stays_behind_and_the_others_travel() {
    let (fixture, [sbom, attestation]) = with_referrers(Limits::default());
    let subject = serde_json::json!({ "mediaType": media_type::OCI_INDEX, "digest": fixture.root(), "size": 2 });
    let withdrawn = "application/vnd.oci.artifact.manifest.v1+json";
    let manifest = serde_json::json!({ "mediaType": withdrawn, "blobs": [], "subject": subject });
    let source = fixture.source();
    let digest = fixture
        .store
        .add_manifest(&source, withdrawn, manifest.to_string().into());
    let entry = serde_json::json!({ "mediaType": withdrawn, "digest": digest, "size": manifest.to_string().len() });
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [entry] });
    let index = fixture
        .store
        .add_manifest(&source, media_type::OCI_INDEX, index.to_string().into());
    fixture
        .store
        .set_tag(&source, &Tag::referrers_of(&fixture.root()), index);
    let (carried, left) = without(&fixture).await;
    let mut expected = vec![referrer(&fixture.image, &sbom), referrer(&sbom, &attestation)];
    expected.sort();
    assert_eq!(carried, expected);
    let [(found, why)] = &left[..] else { panic!("{left:?}") };
    assert_eq!(*found, digest);
    assert!(why.contains(withdrawn), "{why}");
}

#[tokio::test]
async fn a_referrer_without_one_of_its_parts_stays_behind() {
    let fixture = Fixture::new();
    let source = fixture.source();
    fixture.image.push(&fixture.store, &source);
    let gone = Digest::of(b"gone");
    let entry = serde_json::json!({ "mediaType": media_type::OCI_MANIFEST, "digest": gone, "size": 2 });
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": [entry],
        "subject": { "mediaType": media_type::OCI_INDEX, "digest": fixture.root(), "size": 2 },
    });
    let referrer = fixture
        .store
        .add_manifest(&source, media_type::OCI_INDEX, index.to_string().into());
    let (carried, left) = without(&fixture).await;
    assert_eq!(carried, []);
    let [(digest, why)] = &left[..] else { panic!("{left:?}") };
    assert_eq!(*digest, referrer);
    assert!(why.contains(&gone.to_string()), "{why}");
}

#[tokio::test]
async fn a_referrer_whose_content_is_gone_is_told_and_the_rest_still_offered() {
    let (fixture, [sbom, attestation]) = with_referrers(Limits::default());
    let gone = attestation.blobs()[1].descriptor.digest;
    fixture.store.lose_blob(&fixture.source(), &gone);
    let (carried, left) = without(&fixture).await;
    assert_eq!(carried, [referrer(&fixture.image, &sbom)]);
    let [(digest, why)] = &left[..] else { panic!("{left:?}") };
    assert_eq!(*digest, attestation.root());
    assert!(why.contains(&gone.to_string()), "{why}");
}

#[tokio::test]
async fn what_the_fallback_index_lists_of_another_image_does_not_travel() {
    let fixture = Fixture::new();
    let source = fixture.source();
    fixture
        .store
        .set_behaviour(&source.registry, Behaviour::without_referrers());
    fixture.image.push(&fixture.store, &source);
    let platform = &fixture.image.manifests()[0];
    let entry = serde_json::json!({
        "mediaType": platform.media_type, "digest": platform.digest, "size": platform.bytes.len(),
    });
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [entry] });
    let index = fixture
        .store
        .add_manifest(&source, media_type::OCI_INDEX, index.to_string().into());
    fixture
        .store
        .set_tag(&source, &Tag::referrers_of(&fixture.root()), index);
    assert_eq!(fixture.whole().await.carried.len(), 0);
}

#[tokio::test]
async fn what_is_no_image_that_landfall_handles_is_refused() {
    for (media_type, root) in [
        (media_type::DOCKER_SCHEMA1_SIGNED, r#"{"schemaVersion":1}"#),
        (media_type::OCI_MANIFEST, "<html>"),
    ] {
        let fixture = Fixture::of_root(media_type, Bytes::from_static(root.as_bytes()));
        assert!(refused(&fixture).await.contains(&fixture.root().to_string()));
    }
}

#[tokio::test]
async fn a_chained_claim_reads_where_the_image_stands_and_passes_over_a_dead_primary() {
    let mut fixture = Fixture::new().promoted();
    let ask = Ask::Source(fixture.chained);
    let why = fixture.unknown(ask).await;
    assert!(why.contains("`production`"), "{why}");
    fixture.known.standing = EndpointSet::first(2);
    let read_at = |answer: Answer| match answer {
        Answer::Source(SourceAnswer::Whole(image)) => image.repository.clone(),
        other => panic!("{other:?}"),
    };
    let answer = fixture.answer(ask, Depth::Manifests, PRIMARY).await;
    assert_eq!(read_at(answer), fixture.at(PRIMARY));
    let dead = FaultPlan::dead(&fixture.at(PRIMARY).registry, Window::ALWAYS);
    fixture.registries.faults().set_plan(dead);
    let answer = fixture.answer(ask, Depth::Manifests, PRIMARY).await;
    assert_eq!(read_at(answer), fixture.at(MIRROR));
    fixture.known.standing = EndpointSet::PRIMARY;
    let answer = fixture.answer(ask, Depth::Manifests, PRIMARY).await;
    assert!(matches!(&answer, Answer::Failed(why) if why.is_silence()), "{answer:?}");
}

#[tokio::test]
async fn an_image_that_its_registry_serves_under_its_own_fallback_tag_has_no_referrers_there() {
    let (fixture, _) = with_referrers(Limits::default());
    let behaviour = Behaviour {
        resolves_digest_tags: true,
        ..Behaviour::without_referrers()
    };
    fixture.store.set_behaviour(&fixture.source().registry, behaviour);
    assert_eq!(fixture.whole().await.carried.len(), 0);
}

#[tokio::test]
async fn what_a_target_does_not_carry_is_not_looked_for() {
    let sbom = Carry {
        referrers: Some(vec![globset::Glob::new("application/spdx+json").unwrap()]),
        cosign_tags: vec![CosignTag::Sig],
        ..Carry::default()
    };
    let few = Carry {
        count: Some(1),
        ..Carry::default()
    };
    let shallow = Carry {
        depth: Some(1),
        cosign_tags: Vec::new(),
        ..Carry::default()
    };
    for (carry, travels, stays) in [(sbom, 2, 0), (few, 1, 4), (shallow, 1, 1)] {
        let fixture = Fixture::with_carry(carry.clone());
        let source = fixture.source();
        let sbom = fixture.image.sbom_referrer();
        let attestation = sbom.attestation_referrer();
        let tagged = ["sig", "att", "sbom"].map(|suffix| fixture.image.cosign_tag(suffix));
        for image in [&fixture.image, &sbom, &attestation].into_iter().chain(&tagged) {
            image.push(&fixture.store, &source);
        }
        let (carried, left) = match fixture.offered().await {
            SourceAnswer::Whole(image) => (image.carried.len(), 0),
            SourceAnswer::WithoutAll { image, left } => (image.carried.len(), left.len()),
            other => panic!("{other:?}"),
        };
        assert_eq!((carried, left), (travels, stays), "{carry:?}");
    }
}
