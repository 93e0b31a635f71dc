//! Signatures of either verify with the other, in both forms.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use landfall::model::{Digest, Limits, Manifest, Repository, Tag, media_type};
use landfall::trust::{
    Merge, PrivateKey, ReferrerArtifact, SignatureEntry, VerificationError, bundle, referrer, signature_manifest,
    signature_referrer, simple_signing, statement,
};

use crate::cosign::Cosign;
use crate::registry::{Image, Registry, Software};

pub const OLD_FORM: &str = "--new-bundle-format=false";

/// Attaches a bundle of this statement, as landfall does.
pub async fn attach(registry: &Registry, image: &Image, key: &PrivateKey, predicate: &str, statement: &[u8]) {
    let signature = key.sign(&bundle::message_to_sign(statement)).unwrap();
    let bundle = bundle::assemble(key.public_key(), statement, &signature).unwrap();
    let created = Timestamp::from_second(1_800_000_000).unwrap();
    let artifact = referrer::attach_bundle(&image.descriptor, bundle.into(), predicate, created);
    registry.push_referrer(image, artifact).await;
}

/// The bundles that the fallback index names.
pub async fn bundles(registry: &Registry, image: &Image) -> Vec<Bytes> {
    let limits = Limits::default();
    let tag = Tag::referrers_of(&image.descriptor.digest);
    let index = registry.manifest(image.repository, tag.as_str()).await.unwrap();
    let index = Manifest::parse(&index, Some(media_type::OCI_INDEX), &limits).unwrap();
    let mut bundles = Vec::new();
    for entry in index.manifests {
        let manifest = registry
            .manifest(image.repository, &entry.digest.to_string())
            .await
            .unwrap();
        let manifest = Manifest::parse(&manifest, None, &limits).unwrap();
        let layer = referrer::bundle_layer(&manifest).unwrap();
        bundles.push(registry.blob(image.repository, &layer.digest).await);
    }
    bundles
}

fn public_reference() -> Repository {
    "registry.example.com/dns/coredns".parse().unwrap()
}

/// Adds our signature to what stands under the `.sig` tag.
pub async fn add_entry(registry: &Registry, image: &Image, key: &PrivateKey) -> Digest {
    let payload = Bytes::from(simple_signing::payload(&public_reference(), &image.descriptor.digest));
    let signature = key.sign(&payload).unwrap();
    let entry = SignatureEntry::new(key.public_key(), payload, &signature).unwrap();
    let existing = registry.manifest(image.repository, &tag_of(image)).await;
    let id = entry.id();
    match signature_manifest::merge(existing.as_deref(), &[entry], &Limits::default()).unwrap() {
        Merge::Write(merged) => registry.push_signature_manifest(image, merged).await,
        Merge::AlreadyThere => panic!("a new signature is never there already"),
    }
    id
}

fn tag_of(image: &Image) -> String {
    Tag::cosign(&image.descriptor.digest, "sig").to_string()
}

/// The signatures under the `.sig` tag.
pub async fn entries(registry: &Registry, image: &Image) -> Vec<SignatureEntry> {
    let manifest = registry.manifest(image.repository, &tag_of(image)).await.unwrap();
    let mut entries = Vec::new();
    for layer in signature_manifest::parse(&manifest, &Limits::default()).unwrap() {
        let payload = registry.blob(image.repository, &layer.digest).await;
        entries.push(SignatureEntry::found(layer, payload).unwrap());
    }
    entries
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn cosign_accepts_our_bundle_with_its_key_only() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    cosign.generate("other");
    let image = registry.push_image("dns/coredns").await;
    let reference = registry.reference(&image);
    assert!(cosign.verify("verify", "ours", &[], &reference).is_err());

    let statement = statement::signature(&image.descriptor.digest);
    attach(
        &registry,
        &image,
        &key,
        statement::predicate_type::SIGNATURE,
        &statement,
    )
    .await;

    let accepted = cosign.verify("verify", "ours", &[], &reference).unwrap();
    assert!(accepted.contains(&image.descriptor.digest.to_string()), "{accepted}");
    assert!(accepted.contains(statement::predicate_type::SIGNATURE), "{accepted}");
    let refused = cosign.verify("verify", "other", &[], &reference).unwrap_err();
    assert!(
        refused.contains("accepted signatures do not match threshold"),
        "{refused}"
    );
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn cosign_accepts_our_tag_form_with_its_key_only() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    cosign.generate("other");
    let image = registry.push_image("dns/coredns").await;
    let reference = registry.reference(&image);
    add_entry(&registry, &image, &key).await;

    // Without any bundle, cosign 3 looks at the tag by itself; told so, it does too.
    for more in [&[][..], &[OLD_FORM]] {
        let accepted = cosign.verify("verify", "ours", more, &reference).unwrap();
        assert!(accepted.contains("registry.example.com/dns/coredns"), "{accepted}");
        let refused = cosign.verify("verify", "other", more, &reference).unwrap_err();
        assert!(refused.contains("invalid signature"), "{refused}");
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn both_forms_stand_side_by_side() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    let image = registry.push_image("dns/coredns").await;
    let statement = statement::signature(&image.descriptor.digest);
    attach(
        &registry,
        &image,
        &key,
        statement::predicate_type::SIGNATURE,
        &statement,
    )
    .await;
    add_entry(&registry, &image, &key).await;
    for more in [&[][..], &[OLD_FORM]] {
        cosign
            .verify("verify", "ours", more, &registry.reference(&image))
            .unwrap();
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn cosigns_bundle_counts_here_and_is_the_one_that_we_make() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    let image = registry.push_image("dns/coredns").await;
    cosign.sign("ours", &[], &registry.reference(&image));
    let found = bundles(&registry, &image).await;
    let digest = image.descriptor.digest;
    assert_eq!(found.len(), 1);
    let keys = [key.public_key().clone()];
    assert_eq!(
        bundle::verify_signature(&found[0], &keys, &digest),
        Ok(key.public_key().fingerprint())
    );
    let other = [PrivateKey::generate().unwrap().public_key().clone()];
    assert_eq!(
        bundle::verify_signature(&found[0], &other, &digest),
        Err(VerificationError::Signature { keys: 1 })
    );

    // But for the signature, which has a random part, ours is the same. cosign's white space varies by design.
    let statement = statement::signature(&digest);
    let signature = key.sign(&bundle::message_to_sign(&statement)).unwrap();
    let ours = bundle::assemble(key.public_key(), &statement, &signature).unwrap();
    assert_eq!(without_signature(&found[0]), without_signature(&ours));
}

/// A bundle and the statement in it, written in one way.
fn without_signature(bundle: &[u8]) -> [String; 2] {
    let mut bundle: serde_json::Value = serde_json::from_slice(bundle).unwrap();
    bundle["dsseEnvelope"]["signatures"][0]["sig"].take();
    let statement = STANDARD
        .decode(bundle["dsseEnvelope"]["payload"].take().as_str().unwrap())
        .unwrap();
    let statement: serde_json::Value = serde_json::from_slice(&statement).unwrap();
    [bundle.to_string(), statement.to_string()]
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn cosigns_tag_form_counts_here_and_its_payload_is_the_one_that_we_make() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    let image = registry.push_image("dns/coredns").await;
    let identity = public_reference().to_string();
    let more = [OLD_FORM, "--sign-container-identity", &identity];
    cosign.sign("ours", &more, &registry.reference(&image));
    let found = entries(&registry, &image).await;
    let digest = image.descriptor.digest;
    assert_eq!(found.len(), 1);
    let verified = found[0].verify(&[key.public_key().clone()], &digest).unwrap();
    assert_eq!(verified.docker_reference, identity);
    assert_eq!(
        **found[0].payload(),
        simple_signing::payload(&public_reference(), &digest)
    );

    // The manifest too is the one that we make of the same signature.
    let manifest = registry.manifest(image.repository, &tag_of(&image)).await.unwrap();
    let parsed = Manifest::parse(&manifest, None, &Limits::default()).unwrap();
    let config = registry.blob(image.repository, &parsed.config.unwrap().digest).await;
    let Merge::Write(ours) = signature_manifest::merge(None, &found, &Limits::default()).unwrap() else {
        panic!("nothing was made");
    };
    assert_eq!(ours.blobs[0].1, config);
    let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
    assert_eq!(value(&ours.manifest), value(&manifest));
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn signatures_of_several_tools_share_a_tag_and_none_is_lost() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    cosign.generate("first");
    cosign.generate("last");
    let image = registry.push_image("dns/coredns").await;
    let reference = registry.reference(&image);
    cosign.sign("first", &[OLD_FORM], &reference);
    let ours = add_entry(&registry, &image, &key).await;
    cosign.sign("last", &[OLD_FORM, "--annotations", "build=17"], &reference);
    for name in ["first", "ours", "last"] {
        cosign.verify("verify", name, &[], &reference).unwrap();
    }
    let entries = entries(&registry, &image).await;
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().any(|entry| entry.id() == ours));
    for name in ["first", "ours", "last"] {
        let keys = [cosign.public_key(name)];
        let counted = entries
            .iter()
            .filter(|entry| entry.verify(&keys, &image.descriptor.digest).is_ok());
        assert_eq!(counted.count(), 1, "{name}");
    }
    let manifest = registry.manifest(image.repository, &tag_of(&image)).await.unwrap();
    assert_eq!(
        signature_manifest::merge(Some(&manifest), &entries, &Limits::default()),
        Ok(Merge::AlreadyThere)
    );
}

/// Attaches our signature in the third form.
pub async fn attach_signature(registry: &Registry, image: &Image, key: &PrivateKey) -> ReferrerArtifact {
    let payload = Bytes::from(simple_signing::payload(&public_reference(), &image.descriptor.digest));
    let signature = key.sign(&payload).unwrap();
    let entry = SignatureEntry::new(key.public_key(), payload, &signature).unwrap();
    let artifact = signature_referrer::attach(&image.descriptor, &entry);
    registry.push_referrer(image, artifact.clone()).await;
    artifact
}

/// Signs, or verifies, with cosign in the third form.
fn third_form(cosign: &Cosign, arguments: &[&str], reference: &str) -> Result<(), String> {
    let output = cosign
        .command("cosign")
        .env("COSIGN_EXPERIMENTAL", "1")
        .args(arguments)
        .args(["--allow-http-registry", OLD_FORM])
        .arg(reference)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn the_third_form_of_ours_is_the_one_that_cosign_writes_and_verifies() {
    for software in [Software::WithReferrers, Software::DockerRegistry] {
        let (registry, cosign) = (Registry::start(software), Cosign::new());
        let key = cosign.generate("ours");
        let verify = [
            "verify",
            "--experimental-oci11",
            "--insecure-ignore-tlog",
            "--key",
            "ours.pub",
        ];
        let image = registry.push_image("dns/coredns").await;
        let reference = registry.reference(&image);
        assert!(third_form(&cosign, &verify, &reference).is_err());
        let ours = attach_signature(&registry, &image, &key).await;
        third_form(&cosign, &verify, &reference).unwrap();

        // cosign's of the same image differs in the signature only.
        let sign = [
            "sign",
            "--yes",
            "--tlog-upload=false",
            "--use-signing-config=false",
            "--registry-referrers-mode=oci-1-1",
            "--sign-container-identity",
            "registry.example.com/dns/coredns",
            "--key",
            "ours.key",
        ];
        third_form(&cosign, &sign, &reference).unwrap();
        let listed = registry.referrers(image.repository, &image.descriptor.digest).await;
        let theirs = listed
            .iter()
            .find(|listed| listed.digest != ours.descriptor.digest)
            .unwrap();
        let made = registry
            .manifest(image.repository, &theirs.digest.to_string())
            .await
            .unwrap();
        let without_signature = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let start = text.find(signature_manifest::SIGNATURE).unwrap() + signature_manifest::SIGNATURE.len() + 3;
            let end = start + text[start..].find('"').unwrap();
            text.replacen(&text[start..end], "", 1)
        };
        assert_eq!(without_signature(&made), without_signature(&ours.manifest));
    }
}
