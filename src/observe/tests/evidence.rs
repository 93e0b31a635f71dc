//! What is found beside an image, and what does not count.

use bytes::Bytes;

use super::fixture::{Fixture, MIRROR, PRIMARY, promotion_by, repository, signature_by};
use crate::facts::{Answer, Ask, Depth, Evidence, EvidenceAnswer};
use crate::model::{Carried, CarriedKind, Descriptor, Digest, Limits, Repository, SignatureForm, Tag, media_type};
use crate::sim::registry::{Behaviour, Failure as Trouble, Fault, Operation};
use crate::trust::{PrivateKey, signature_referrer, statement};

fn bundle(key: &PrivateKey, digest: Digest) -> Evidence {
    signature_by(key, SignatureForm::Bundle, digest)
}

fn without_api(fixture: &Fixture, at: &Repository) {
    fixture
        .store
        .set_behaviour(&at.registry, Behaviour::without_referrers());
}

#[tokio::test]
async fn what_the_signer_made_is_found_wherever_it_stands() {
    let fixture = Fixture::new().promoted();
    without_api(&fixture, &fixture.at(MIRROR));
    let promotion = fixture.promotion(&fixture.public_reference(), &[]);
    let mut found = Vec::new();
    for at in [fixture.at(PRIMARY), fixture.at(MIRROR)] {
        let entry = fixture.entry(&fixture.key);
        let signature = fixture.attach(&at, &fixture.signature(&fixture.key));
        let attestation = fixture.attach(&at, &promotion);
        fixture.sign(&at, &entry);
        found.push(vec![
            bundle(&fixture.key, signature),
            signature_by(&fixture.key, SignatureForm::Tag, entry.id()),
            promotion_by(&fixture.key, attestation),
        ]);
    }
    for endpoint in [PRIMARY, MIRROR] {
        let evidence = fixture.evidence(endpoint).await;
        assert_eq!(evidence.found, found[usize::from(endpoint.0)]);
        assert_eq!(evidence.admission.as_deref(), Some(&fixture.admission(&[])));
        assert_eq!(evidence.missing_carried, []);
    }
}

#[tokio::test]
async fn what_was_verified_at_one_endpoint_is_only_looked_for_at_the_next() {
    let fixture = Fixture::new().promoted();
    let signature = fixture.signature(&fixture.key);
    for at in [fixture.at(PRIMARY), fixture.at(MIRROR)] {
        fixture.attach(&at, &signature);
    }
    for (endpoint, reads, looks) in [(PRIMARY, 1, 0), (MIRROR, 0, 1)] {
        fixture.store.forget_history();
        assert_eq!(fixture.evidence(endpoint).await.found.len(), 1);
        let requests = fixture.store.requests();
        assert_eq!(requests.of(Operation::ReadBlob), reads);
        assert_eq!(requests.of(Operation::HeadBlob), looks);
    }
}

#[tokio::test]
async fn a_throttled_list_is_unknown_and_not_unsigned() {
    let fixture = Fixture::new().promoted();
    fixture.attach(&fixture.at(PRIMARY), &fixture.signature(&fixture.key));
    for operation in [Operation::ListReferrers, Operation::ReadManifest, Operation::ReadBlob] {
        fixture.throttle(operation);
        let why = fixture.unknown(Ask::Evidence(fixture.unit)).await;
        assert!(why.contains("429") && why.contains("one.test/v2/prod/app"), "{why}");
    }
}

#[tokio::test]
async fn bytes_that_are_not_what_their_digest_names_are_unknown() {
    let fixture = Fixture::new().promoted();
    fixture.attach(&fixture.at(PRIMARY), &fixture.signature(&fixture.key));
    for operation in [Operation::ReadManifest, Operation::ReadBlob] {
        fixture.strike(Fault::WrongBytes, operation);
        fixture.unknown(Ask::Evidence(fixture.unit)).await;
    }
}

#[tokio::test]
async fn a_malformed_fallback_index_is_unknown() {
    let fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    without_api(&fixture, &at);
    let digest = fixture
        .store
        .add_manifest(&at, media_type::OCI_INDEX, Bytes::from_static(b"<html>"));
    fixture
        .store
        .set_tag(&at, &Tag::referrers_of(&fixture.image.root()), digest);
    fixture.unknown(Ask::Evidence(fixture.unit)).await;
}

#[tokio::test]
async fn what_stands_under_the_signature_tag_and_cannot_be_read_is_unknown() {
    let fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let digest = fixture
        .store
        .add_manifest(&at, media_type::OCI_MANIFEST, Bytes::from_static(b"{}"));
    fixture
        .store
        .set_tag(&at, &Tag::cosign(&fixture.image.root(), "sig"), digest);
    let why = fixture.unknown(Ask::Evidence(fixture.unit)).await;
    assert!(why.contains(&digest.to_string()), "{why}");
}

#[tokio::test]
async fn a_refused_list_is_forbidden() {
    let fixture = Fixture::new().promoted();
    fixture.strike(Fault::Fails(Trouble::Denied), Operation::ListReferrers);
    let answer = fixture
        .answer(Ask::Evidence(fixture.unit), Depth::Manifests, PRIMARY)
        .await;
    assert!(matches!(&answer, Answer::Failed(why) if why.is_denied()), "{answer:?}");
}

#[tokio::test]
async fn what_another_key_signed_does_not_count() {
    let fixture = Fixture::new().promoted();
    let other = PrivateKey::generate().unwrap();
    let at = fixture.at(PRIMARY);
    fixture.attach(&at, &fixture.signature(&other));
    fixture.sign(&at, &fixture.entry(&other));
    fixture.image.attestation_referrer().push(&fixture.store, &at);
    assert_eq!(fixture.evidence(PRIMARY).await, EvidenceAnswer::default());
}

#[tokio::test]
async fn what_a_previous_key_signed_counts() {
    let old = PrivateKey::generate().unwrap();
    let fixture = Fixture::with_previous_keys(vec![old.public_key().to_signer_key()]).promoted();
    let signature = fixture.attach(&fixture.at(PRIMARY), &fixture.signature(&old));
    assert_eq!(
        fixture.evidence(PRIMARY).await.found,
        [bundle(&old, signature)],
        "and it is said whose it is"
    );
}

#[tokio::test]
async fn an_attestation_by_the_right_key_is_no_signature() {
    let fixture = Fixture::new().promoted();
    let signed = statement::signature(&fixture.image.root());
    let statement = String::from_utf8(signed)
        .unwrap()
        .replace(statement::predicate_type::SIGNATURE, "https://slsa.dev/provenance/v1");
    fixture.attach(
        &fixture.at(PRIMARY),
        &fixture.bundle(&fixture.key, statement.as_bytes()),
    );
    assert_eq!(fixture.evidence(PRIMARY).await, EvidenceAnswer::default());
}

#[tokio::test]
async fn a_promotion_record_for_another_reference_admits_nothing() {
    let fixture = Fixture::new().promoted();
    let elsewhere = repository("registry.example.com/other");
    fixture.attach(&fixture.at(PRIMARY), &fixture.promotion(&elsewhere, &[]));
    assert_eq!(fixture.evidence(PRIMARY).await, EvidenceAnswer::default());
}

#[tokio::test]
async fn a_signature_of_another_image_does_not_count_here() {
    let fixture = Fixture::new().promoted();
    let statement = statement::signature(&Digest::of(b"another"));
    fixture.attach(&fixture.at(PRIMARY), &fixture.bundle(&fixture.key, &statement));
    assert_eq!(fixture.evidence(PRIMARY).await.found, []);
}

#[tokio::test]
async fn a_signature_that_refers_to_the_image_counts_until_its_payload_is_lost() {
    let fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let root = fixture.image.root_manifest();
    let subject = Descriptor::of(&root.media_type, &root.bytes);
    let entry = fixture.entry(&fixture.key);
    let digest = fixture.attach(&at, &signature_referrer::attach(&subject, &entry));
    for _ in 0..2 {
        assert_eq!(
            fixture.evidence(PRIMARY).await.found,
            [signature_by(&fixture.key, SignatureForm::Referrer, digest)]
        );
    }
    fixture.store.lose_blob(&at, &entry.descriptor().digest);
    assert_eq!(fixture.evidence(PRIMARY).await.found, []);
}

#[tokio::test]
async fn a_lost_bundle_or_payload_is_noticed_though_it_was_verified_before() {
    let fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let signature = fixture.signature(&fixture.key);
    let entry = fixture.entry(&fixture.key);
    fixture.attach(&at, &signature);
    fixture.sign(&at, &entry);
    assert_eq!(fixture.evidence(PRIMARY).await.found.len(), 2);
    fixture.store.lose_blob(&at, &signature.blobs[1].0.digest);
    assert_eq!(
        fixture.evidence(PRIMARY).await.found,
        [signature_by(&fixture.key, SignatureForm::Tag, entry.id())]
    );
    fixture.store.lose_blob(&at, &entry.descriptor().digest);
    assert_eq!(fixture.evidence(PRIMARY).await.found, []);
}

#[tokio::test]
async fn a_bundle_stands_though_its_empty_configuration_is_lost() {
    let fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    let signature = fixture.signature(&fixture.key);
    let digest = fixture.attach(&at, &signature);
    fixture.store.lose_blob(&at, &signature.blobs[0].0.digest);
    for depth in [Depth::Manifests, Depth::Blobs] {
        let answer = fixture.answer(Ask::Evidence(fixture.unit), depth, PRIMARY).await;
        let Answer::Evidence(answer) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(answer.found, [bundle(&fixture.key, digest)], "{depth:?}");
    }
}

#[tokio::test]
async fn a_listed_referrer_that_is_gone_is_not_there() {
    let fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    without_api(&fixture, &at);
    let signature = fixture.attach(&at, &fixture.signature(&fixture.key));
    assert_eq!(fixture.evidence(PRIMARY).await.found, [bundle(&fixture.key, signature)]);
    fixture.store.delete_manifest(&at, &signature);
    assert_eq!(fixture.evidence(PRIMARY).await.found, []);
}

/// Enters a referrer into the fallback index of the primary with another artifact type than its own.
fn list_as(fixture: &Fixture, referrer: Digest, artifact_type: &str) {
    let at = fixture.at(PRIMARY);
    let size = fixture.store.contents(&at).unwrap().manifests[&referrer].bytes.len();
    let entry = serde_json::json!({
        "mediaType": media_type::OCI_MANIFEST, "digest": referrer, "size": size, "artifactType": artifact_type,
    });
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [entry] });
    let index = fixture
        .store
        .add_manifest(&at, media_type::OCI_INDEX, index.to_string().into());
    fixture
        .store
        .set_tag(&at, &Tag::referrers_of(&fixture.image.root()), index);
}

#[tokio::test]
async fn a_list_that_gives_the_configs_type_hides_no_signature() {
    let fixture = Fixture::new().promoted();
    without_api(&fixture, &fixture.at(PRIMARY));
    let signature = fixture.attach(&fixture.at(PRIMARY), &fixture.signature(&fixture.key));
    list_as(&fixture, signature, media_type::OCI_EMPTY);
    assert_eq!(fixture.evidence(PRIMARY).await.found, [bundle(&fixture.key, signature)]);
}

#[tokio::test]
async fn a_referrer_listed_as_a_bundle_that_refers_to_another_image_does_not_count() {
    let fixture = Fixture::new().promoted();
    let at = fixture.at(PRIMARY);
    without_api(&fixture, &at);
    let signature = fixture.signature(&fixture.key);
    let text = std::str::from_utf8(&signature.manifest).unwrap();
    let other = text.replace(&fixture.image.root().to_string(), &Digest::of(b"another").to_string());
    let digest = fixture.attach(&at, &signature);
    fixture.store.delete_manifest(&at, &digest);
    let other = fixture.store.add_manifest(&at, media_type::OCI_MANIFEST, other.into());
    list_as(&fixture, other, media_type::SIGSTORE_BUNDLE);
    assert_eq!(fixture.evidence(PRIMARY).await.found, []);
}

#[tokio::test]
async fn an_oversized_bundle_is_not_read() {
    let fixture = Fixture::with_limits(Limits {
        small_blob: 100,
        ..Limits::default()
    })
    .promoted();
    fixture.attach(&fixture.at(PRIMARY), &fixture.signature(&fixture.key));
    assert_eq!(fixture.evidence(PRIMARY).await.found, []);
    assert_eq!(fixture.store.requests().of(Operation::ReadBlob), 0);
}

#[tokio::test]
async fn a_lie_about_an_entrys_size_at_one_endpoint_hides_it_at_no_other() {
    let fixture = Fixture::new().promoted();
    let entry = fixture.entry(&fixture.key);
    for at in [fixture.at(PRIMARY), fixture.at(MIRROR)] {
        fixture.sign(&at, &entry);
    }
    let tag = Tag::cosign(&fixture.image.root(), "sig");
    let at = fixture.at(PRIMARY);
    let standing = fixture.store.tag(&at, &tag).unwrap();
    let manifest = fixture.store.contents(&at).unwrap().manifests[&standing].bytes.clone();
    let size = format!("\"size\":{}", entry.descriptor().size);
    let lie = std::str::from_utf8(&manifest)
        .unwrap()
        .replace(&size, "\"size\":1099511627776");
    let lie = fixture.store.add_manifest(&at, media_type::OCI_MANIFEST, lie.into());
    fixture.store.set_tag(&at, &tag, lie);
    assert_eq!(fixture.evidence(PRIMARY).await.found, []);
    assert_eq!(fixture.evidence(MIRROR).await.found.len(), 1);
}

#[tokio::test]
async fn what_a_promotion_record_says_travelled_is_looked_for() {
    let fixture = Fixture::new().promoted();
    let sbom = fixture.image.sbom_referrer();
    let carried = Carried {
        digest: sbom.root(),
        kind: CarriedKind::Referrer {
            subject: fixture.image.root(),
        },
    };
    let promotion = fixture.promotion(&fixture.public_reference(), std::slice::from_ref(&carried));
    fixture.attach(&fixture.at(PRIMARY), &promotion);
    let evidence = fixture.evidence(PRIMARY).await;
    assert_eq!(evidence.missing_carried, [carried]);
    sbom.push(&fixture.store, &fixture.at(PRIMARY));
    assert_eq!(fixture.evidence(PRIMARY).await.missing_carried, []);
}

#[tokio::test]
async fn a_repository_that_is_not_there_has_nothing_of_all_this() {
    let mut fixture = Fixture::new();
    let carried = Carried {
        digest: Digest::of(b"sbom"),
        kind: CarriedKind::Referrer {
            subject: fixture.image.root(),
        },
    };
    fixture.carries(std::slice::from_ref(&carried));
    let evidence = fixture.evidence(PRIMARY).await;
    assert_eq!((evidence.found, evidence.missing_carried), (Vec::new(), vec![carried]));
}
