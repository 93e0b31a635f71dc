//! Key files of either open with the other.

use landfall::trust::{KeyAlgorithm, PrivateKey, PrivateKeyFile, bundle, key_file, statement};

use crate::cosign::{Cosign, PASSWORD};
use crate::registry::{Registry, Software};
use crate::signatures::{OLD_FORM, add_entry, attach, bundles, entries};

#[test]
#[ignore = "needs scripts/interop-tools"]
fn a_key_of_landfalls_opens_with_cosign() {
    let cosign = Cosign::new();
    let key = cosign.generate("ours");
    let public_key = cosign.run(&["public-key", "--key", "ours.key"]).unwrap();
    assert_eq!(public_key, key.public_key().to_pem());
    cosign.write("blob", "content");
    let arguments = [
        "sign-blob",
        "--yes",
        "--tlog-upload=false",
        "--use-signing-config=false",
    ];
    let signed = [
        &arguments[..],
        &["--key", "ours.key", "--bundle", "blob.sigstore", "blob"],
    ]
    .concat();
    cosign.run(&signed).unwrap();
}

#[test]
#[ignore = "needs scripts/interop-tools"]
fn a_key_of_cosigns_opens_here_with_its_password_only() {
    let cosign = Cosign::new();
    cosign
        .run(&["generate-key-pair", "--output-key-prefix", "theirs"])
        .unwrap();
    let file = PrivateKeyFile::parse(&std::fs::read(cosign.path("theirs.key")).unwrap()).unwrap();
    let key = file.open(PASSWORD.as_bytes()).unwrap();
    assert_eq!(key.public_key(), &cosign.public_key("theirs"));
    assert_eq!(
        file.open(b"another").unwrap_err().to_string(),
        "the password does not open the key"
    );
}

/// Makes a key of this kind with landfall, and one with cosign of a key that landfall made: cosign itself generates no other
/// kind than ECDSA P-256, and imports the rest.
fn pairs(cosign: &Cosign, algorithm: KeyAlgorithm) -> PrivateKey {
    let pair = key_file::generate_as(algorithm, PASSWORD.as_bytes()).unwrap();
    cosign.write_pair("ours", &pair);
    let file = PrivateKeyFile::parse(pair.private_pem.as_bytes()).unwrap();
    file.open(PASSWORD.as_bytes()).unwrap()
}

/// What `cosign verify` has to be told for a key of this kind.
fn flags(algorithm: KeyAlgorithm) -> Vec<&'static str> {
    algorithm.cosign_flag().into_iter().collect()
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn cosign_accepts_what_keys_of_every_kind_sign_in_both_forms() {
    let registry = Registry::start(Software::WithReferrers);
    for algorithm in KeyAlgorithm::ALL {
        let cosign = Cosign::new();
        let key = pairs(&cosign, algorithm);
        assert_eq!(
            cosign.run(&["public-key", "--key", "ours.key"]).unwrap(),
            key.public_key().to_pem(),
            "{algorithm}"
        );
        let image = registry.push_image("dns/coredns").await;
        let reference = registry.reference(&image);
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
        let flags = flags(algorithm);
        for form in [&[][..], &[OLD_FORM]] {
            let more = [&flags[..], form].concat();
            cosign.verify("verify", "ours", &more, &reference).unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signs_with_keys_of_every_kind_counts_here_in_both_forms() {
    for algorithm in KeyAlgorithm::ALL {
        let registry = Registry::start(Software::DockerRegistry);
        let cosign = Cosign::new();
        let key = pairs(&cosign, algorithm);
        let keys = [key.public_key().clone()];
        let image = registry.push_image("dns/coredns").await;
        let reference = registry.reference(&image);
        cosign.sign("ours", &[], &reference);
        cosign.sign("ours", &[OLD_FORM], &reference);
        let digest = image.descriptor.digest;
        let found = bundles(&registry, &image).await;
        assert_eq!(
            bundle::verify_signature(&found[0], &keys, &digest),
            Ok(key.public_key().fingerprint()),
            "{algorithm}"
        );
        let found = entries(&registry, &image).await;
        assert!(found[0].verify(&keys, &digest).is_ok(), "{algorithm}");
        // cosign does not accept what it signs with Ed25519: it signs Ed25519ph and verifies Ed25519. This test tells
        // when that changes.
        let accepted = cosign.verify("verify", "ours", &flags(algorithm), &reference);
        assert_eq!(accepted.is_ok(), algorithm != KeyAlgorithm::Ed25519, "{accepted:?}");
    }
}
