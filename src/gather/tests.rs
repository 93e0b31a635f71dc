//! What is gathered of registries in memory, and what it proves.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::json;

use super::{GatherError, Gathered, Gatherer, ImageAt, images_of};
use crate::model::{Descriptor, Digest, Limits, Repository, Tag, media_type};
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::{Behaviour, FaultPlan, MemoryRegistries, Store, Window};
use crate::trust::judging::{AcceptedSigner, Demand, Form, Stated, Wanted, judge};
use crate::trust::referrer::SIGNATURES;
use crate::trust::{
    LogRule, Merge, PrivateKey, PublicKey, SignatureEntry, VerificationError, bundle, referrer, signature_manifest,
    simple_signing, statement,
};

/// An image at one registry, and hands to attach things to it.
struct Fixture {
    store: Store,
    registries: MemoryRegistries,
    repository: Repository,
    image: Image,
    limits: Limits,
}

impl Fixture {
    fn new() -> Self {
        let store = Store::new();
        let repository: Repository = "one.test/team/app".parse().unwrap();
        let image = ImageRecipe::multi(2).make(Seed(7));
        image.push(&store, &repository);
        store.set_tag(&repository, &"v1".parse().unwrap(), image.root());
        Self {
            registries: MemoryRegistries::new(store.clone()),
            store,
            repository,
            image,
            limits: Limits::default(),
        }
    }

    fn without_referrers_api() -> Self {
        let fixture = Self::new();
        fixture
            .store
            .set_behaviour(&fixture.repository.registry, Behaviour::without_referrers());
        fixture
    }

    fn subject(&self) -> Descriptor {
        let root = self.image.manifests().last().unwrap();
        Descriptor::of(&root.media_type, &root.bytes)
    }

    /// A bundle of this type, signed by the key.
    fn attach_bundle(&self, key: &PrivateKey, predicate_type: &str) -> Digest {
        let digest = self.image.root();
        let text = String::from_utf8(statement::signature(&digest)).unwrap();
        let statement = text.replace(Wanted::Signature.predicate_type(), predicate_type);
        let signature = key.sign(&bundle::message_to_sign(statement.as_bytes())).unwrap();
        let bundle = bundle::assemble(key.public_key(), statement.as_bytes(), &signature).unwrap();
        let artifact = referrer::attach_bundle(&self.subject(), bundle.into(), predicate_type, Timestamp::UNIX_EPOCH);
        for (_, bytes) in &artifact.blobs {
            self.store.add_blob(&self.repository, bytes.clone());
        }
        self.add_referrer(artifact.manifest)
    }

    fn add_referrer(&self, manifest: Bytes) -> Digest {
        let digest = self
            .store
            .add_manifest(&self.repository, media_type::OCI_MANIFEST, manifest);
        self.store.add_to_fallback_index(&self.repository, &digest);
        digest
    }

    fn entry(&self, key: &PrivateKey) -> SignatureEntry {
        let reference = "registry.example.com/app".parse().unwrap();
        let payload = Bytes::from(simple_signing::payload(&reference, &self.image.root()));
        let signature = key.sign(&payload).unwrap();
        SignatureEntry::new(key.public_key(), payload, &signature).unwrap()
    }

    fn add_signature_tag(&self, key: &PrivateKey) {
        let Ok(Merge::Write(merged)) = signature_manifest::merge(None, &[self.entry(key)], &self.limits) else {
            panic!("there was none");
        };
        for (_, bytes) in &merged.blobs {
            self.store.add_blob(&self.repository, bytes.clone());
        }
        let digest = self
            .store
            .add_manifest(&self.repository, media_type::OCI_MANIFEST, merged.manifest);
        self.store
            .set_tag(&self.repository, &Tag::cosign(&self.image.root(), "sig"), digest);
    }

    /// As cosign 2 writes it with `COSIGN_EXPERIMENTAL=1` and OCI 1.1.
    fn add_signature_referrer(&self, key: &PrivateKey) -> Digest {
        let entry = self.entry(key);
        self.store.add_blob(&self.repository, entry.payload().clone());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": Descriptor::of(SIGNATURES, b"{}"),
            "layers": [entry.descriptor()],
            "subject": self.subject(),
            "artifactType": SIGNATURES,
        });
        self.add_referrer(manifest.to_string().into())
    }

    async fn gather(&self, wanted: &Wanted) -> Result<Gathered, GatherError> {
        let gatherer = Gatherer {
            registry: &self.registries,
            repository: &self.repository,
            limits: &self.limits,
        };
        gatherer.gather(&self.image.root(), wanted).await
    }

    /// The forms in which a key's signature stands there and counts.
    async fn forms(&self, key: &PublicKey) -> Vec<Form> {
        let gathered = self.gather(&Wanted::Signature).await.unwrap();
        let signers = [AcceptedSigner::Key(key.clone())];
        let annotations = BTreeMap::new();
        let demand = self.demand(&signers, &annotations);
        let proven = gathered.found.iter().filter(|found| judge(found, &demand).is_ok());
        proven.map(|found| found.form).collect()
    }

    fn demand<'a>(&self, signers: &'a [AcceptedSigner], annotations: &'a BTreeMap<String, String>) -> Demand<'a> {
        Demand {
            image: self.image.root(),
            wanted: Wanted::Signature,
            signers,
            roots: None,
            log: LogRule {
                signature: false,
                certificate: false,
            },
            annotations,
        }
    }
}

#[tokio::test]
async fn a_signature_is_found_in_every_form_with_and_without_the_referrers_api() {
    for fixture in [Fixture::new(), Fixture::without_referrers_api()] {
        let key = PrivateKey::generate().unwrap();
        let other = PrivateKey::generate().unwrap();
        assert_eq!(fixture.forms(key.public_key()).await, []);
        fixture.attach_bundle(&key, Wanted::Signature.predicate_type());
        fixture.add_signature_tag(&key);
        fixture.add_signature_referrer(&key);
        assert_eq!(
            fixture.forms(key.public_key()).await,
            [Form::Bundle, Form::SignatureTag, Form::SignatureReferrer]
        );
        assert_eq!(fixture.forms(other.public_key()).await, []);
    }
}

#[tokio::test]
async fn an_attestation_by_the_same_key_is_no_signature() {
    let fixture = Fixture::new();
    let key = PrivateKey::generate().unwrap();
    fixture.attach_bundle(&key, "https://spdx.dev/Document");
    assert_eq!(fixture.forms(key.public_key()).await, []);
    let wanted = Wanted::Attestation("https://spdx.dev/Document".to_owned());
    let gathered = fixture.gather(&wanted).await.unwrap();
    let signers = [AcceptedSigner::Key(key.public_key().clone())];
    let annotations = BTreeMap::new();
    let demand = Demand {
        wanted,
        ..fixture.demand(&signers, &annotations)
    };
    let proof = judge(&gathered.found[0], &demand).unwrap();
    assert!(matches!(proof.stated, Stated::Statement { .. }));
    // The hint of a list decides what is read, not what counts.
    assert!(matches!(
        judge(&gathered.found[0], &fixture.demand(&signers, &annotations)),
        Err(VerificationError::Predicate { .. })
    ));
}

#[tokio::test]
async fn what_a_log_must_have_is_not_proved_by_a_key_alone() {
    let fixture = Fixture::new();
    let key = PrivateKey::generate().unwrap();
    fixture.attach_bundle(&key, Wanted::Signature.predicate_type());
    fixture.add_signature_tag(&key);
    let roots = crate::trust::TrustRoots::public_sigstore().unwrap();
    let signers = [AcceptedSigner::Key(key.public_key().clone())];
    let annotations = BTreeMap::new();
    let gathered = fixture.gather(&Wanted::Signature).await.unwrap();
    assert_eq!(gathered.found.len(), 2);
    for found in &gathered.found {
        let demand = Demand {
            log: LogRule::default(),
            ..fixture.demand(&signers, &annotations)
        };
        assert_eq!(judge(found, &demand), Err(VerificationError::NoTrustRoot));
        let demand = Demand {
            roots: Some(&roots),
            ..demand
        };
        assert_eq!(judge(found, &demand), Err(VerificationError::NotLogged));
    }
}

#[tokio::test]
async fn a_signature_without_the_wanted_annotations_is_not_the_wanted_one() {
    let fixture = Fixture::new();
    let key = PrivateKey::generate().unwrap();
    fixture.attach_bundle(&key, Wanted::Signature.predicate_type());
    fixture.add_signature_tag(&key);
    let signers = [AcceptedSigner::Key(key.public_key().clone())];
    let annotations = BTreeMap::from([("env".to_owned(), "prod".to_owned())]);
    for found in fixture.gather(&Wanted::Signature).await.unwrap().found {
        let verdict = judge(&found, &fixture.demand(&signers, &annotations));
        assert!(
            matches!(verdict, Err(VerificationError::OtherAnnotation { .. })),
            "{verdict:?}"
        );
    }
}

#[tokio::test]
async fn a_referrer_of_another_image_and_a_blob_that_is_gone_are_told() {
    let fixture = Fixture::new();
    let key = PrivateKey::generate().unwrap();
    let good = fixture.attach_bundle(&key, Wanted::Signature.predicate_type());
    let text = String::from_utf8(
        fixture.store.contents(&fixture.repository).unwrap().manifests[&good]
            .bytes
            .to_vec(),
    );
    let foreign = text
        .unwrap()
        .replace(&fixture.image.root().hex(), &Digest::of(b"other").hex());
    let foreign = fixture
        .store
        .add_manifest(&fixture.repository, media_type::OCI_MANIFEST, foreign.into());
    fixture.store.add_to_fallback_index(&fixture.repository, &foreign);
    fixture.add_signature_tag(&key);
    fixture
        .store
        .lose_blob(&fixture.repository, &Digest::of(fixture.entry(&key).payload()));
    let gathered = fixture.gather(&Wanted::Signature).await.unwrap();
    assert_eq!(gathered.found.len(), 1);
    assert!(!gathered.passed_over.is_empty(), "{gathered:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_no_absence() {
    let fixture = Fixture::new();
    let dead = FaultPlan::dead(&fixture.repository.registry, Window::ALWAYS);
    fixture.registries.faults().set_plan(dead);
    assert!(fixture.gather(&Wanted::Signature).await.is_err());
}

#[tokio::test]
async fn a_tag_names_its_image_and_recursion_its_platforms() {
    let fixture = Fixture::new();
    let v1: Tag = "v1".parse().unwrap();
    let images = async |tag: Option<&Tag>, digest: Option<&Digest>, recursive| {
        let limits = Limits::default();
        images_of(
            &fixture.registries,
            &fixture.repository,
            tag,
            digest,
            recursive,
            &limits,
        )
        .await
    };
    let root = fixture.image.root();
    let only = ImageAt {
        digest: root,
        platform: None,
    };
    assert_eq!(images(Some(&v1), None, false).await.unwrap(), [only]);
    let all = images(None, Some(&root), true).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all[1].platform.as_deref().unwrap().starts_with("linux/"), "{all:?}");
    let other = Digest::of(b"other");
    assert!(matches!(
        images(Some(&v1), Some(&other), false).await,
        Err(GatherError::OtherDigest { .. })
    ));
    assert!(matches!(
        images(None, None, false).await,
        Err(GatherError::Absent { .. })
    ));
}
