//! Attestations of either verify with the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall::model::{Admission, Digest, PolicyMode, Repository, Verdict};
use landfall::trust::{Promotion, PromotionRecord, bundle, statement};

use crate::cosign::Cosign;
use crate::registry::{Image, Registry, Software};
use crate::signatures::{attach, bundles};

fn public_reference() -> Repository {
    "registry.example.com/dns/coredns".parse().unwrap()
}

fn record(image: &Image) -> PromotionRecord {
    PromotionRecord::new(
        Promotion {
            public_reference: &public_reference(),
            digest: &image.descriptor.digest,
            destination: &"us-docker.pkg.dev/acme/images/dns/coredns".parse().unwrap(),
            git_url: "https://git.example.com/acme/images.git",
            landfall_version: env!("CARGO_PKG_VERSION"),
            recorded_at: "2026-11-01T12:00:03Z".parse().unwrap(),
        },
        &Admission {
            source: "staging.example.com/dns/coredns".parse().unwrap(),
            carried: Vec::new().into(),
            policy: Digest::of(b"policy"),
            mode: PolicyMode::Off,
            verdict: Verdict::Unchecked,
            commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
            path: "promotions/dns/coredns.toml".into(),
            author: "Ada <ada@example.com>".to_owned(),
            at: "2026-11-01T12:00:00Z".parse().unwrap(),
        },
    )
}

/// The predicates in what `cosign verify-attestation` prints.
pub fn predicates(output: &str) -> Vec<serde_json::Value> {
    let decode = |line: &str| {
        let envelope: serde_json::Value = serde_json::from_str(line).unwrap();
        let payload = envelope["payload"].as_str().unwrap();
        let payload = STANDARD.decode(payload).unwrap();
        let mut statement: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        statement["predicate"].take()
    };
    output
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(decode)
        .collect()
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn cosign_reads_our_promotion_record_with_its_key_only() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    cosign.generate("other");
    let image = registry.push_image("dns/coredns").await;
    let reference = registry.reference(&image);
    let record = record(&image);
    let promotion = statement::predicate_type::PROMOTION;
    attach(&registry, &image, &key, promotion, &record.statement()).await;
    let signature = statement::signature(&image.descriptor.digest);
    attach(
        &registry,
        &image,
        &key,
        statement::predicate_type::SIGNATURE,
        &signature,
    )
    .await;

    let verify = |key, kind| cosign.verify("verify-attestation", key, &["--type", kind], &reference);
    let accepted = predicates(&verify("ours", promotion).unwrap());
    assert_eq!(accepted, [serde_json::to_value(&record).unwrap()]);
    assert!(verify("other", promotion).is_err());
    assert!(verify("ours", "https://slsa.dev/verification_summary/v1").is_err());
    cosign.verify("verify", "ours", &[], &reference).unwrap();

    let keys = [key.public_key().clone()];
    let mut counted = 0;
    for found in bundles(&registry, &image).await {
        let read = PromotionRecord::verify(&found, &keys, &public_reference(), &image.descriptor.digest);
        counted += usize::from(read.is_ok_and(|read| read == record));
    }
    assert_eq!(counted, 1);
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn cosigns_attestation_verifies_here_and_is_no_signature() {
    let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
    let key = cosign.generate("ours");
    let image = registry.push_image("dns/coredns").await;
    cosign.write("predicate.json", r#"{"tested":true}"#);
    let more = ["--type", "https://example.com/test/v1", "--predicate", "predicate.json"];
    cosign.attest("ours", &more, &registry.reference(&image));
    let found = bundles(&registry, &image).await;
    let keys = [key.public_key().clone()];
    let verified = bundle::verify(&found[0], &keys, &image.descriptor.digest).unwrap();
    assert_eq!(verified.predicate_type, "https://example.com/test/v1");
    assert_eq!(verified.predicate, serde_json::json!({"tested": true}));
    assert!(bundle::verify_signature(&found[0], &keys, &image.descriptor.digest).is_err());
}
