//! `landfall verify` of what cosign made.

use std::process::Output;

use landfall::trust::statement;

use crate::cosign::Cosign;
use crate::registry::{Image, Registry, Software};
use crate::signatures::{OLD_FORM, attach};
use crate::sigstack::Sigstack;

const ALICE: &str = "alice@example.com";
const WORKFLOW: &str = "https://github.com/example/app/.github/workflows/release.yml@refs/heads/main";

/// What `landfall verify` ends with, and says.
fn verify(cosign: &Cosign, arguments: &[&str], reference: &str) -> (i32, String) {
    let Output { status, stdout, stderr } = std::process::Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["verify", "--plain-http"])
        .args(arguments)
        .arg(reference)
        .current_dir(cosign.path("."))
        .env("HOME", cosign.path("."))
        .env("DOCKER_CONFIG", cosign.path("."))
        .output()
        .unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    (status.code().unwrap(), said)
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signs_with_a_key_verifies_in_every_form_and_with_that_key_only() {
    for software in [Software::DockerRegistry, Software::WithReferrers] {
        let (registry, cosign) = (Registry::start(software), Cosign::new());
        cosign.generate("theirs");
        cosign.generate("other");
        for (repository, more) in [("dns/bundle", &[][..]), ("dns/tag", &[OLD_FORM])] {
            let image = registry.push_image(repository).await;
            let reference = registry.reference(&image);
            let by = |key: &str, log: &[&str]| verify(&cosign, &[&["--key", key], log].concat(), &reference);
            let ignored = ["--insecure-ignore-tlog"];
            assert_eq!(by("theirs.pub", &ignored).0, 2);
            cosign.sign("theirs", more, &reference);
            let (code, said) = by("theirs.pub", &ignored);
            assert_eq!(code, 0, "{said}");
            assert_eq!(by("other.pub", &ignored).0, 2);
            let (code, said) = by("theirs.pub", &[]);
            assert_eq!(code, 2, "{said}");
            assert!(said.contains("in no transparency log"), "{said}");
        }
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn the_third_form_that_cosign_writes_verifies() {
    for software in [Software::DockerRegistry, Software::WithReferrers] {
        let (registry, cosign) = (Registry::start(software), Cosign::new());
        cosign.generate("theirs");
        let image = registry.push_image("dns/coredns").await;
        let reference = registry.reference(&image);
        let signed = cosign
            .command("cosign")
            .env("COSIGN_EXPERIMENTAL", "1")
            .args([
                "sign",
                "--yes",
                "--tlog-upload=false",
                "--use-signing-config=false",
                OLD_FORM,
            ])
            .args([
                "--registry-referrers-mode=oci-1-1",
                "--allow-http-registry",
                "--key",
                "theirs.key",
            ])
            .arg(&reference)
            .output()
            .unwrap();
        assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
        let (code, said) = verify(&cosign, &["--key", "theirs.pub", "--insecure-ignore-tlog"], &reference);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("signature referrer"), "{said}");
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn attestations_that_cosign_makes_verify_by_their_type_and_are_no_signatures() {
    for more in [&[][..], &[OLD_FORM]] {
        let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
        cosign.generate("theirs");
        cosign.write("predicate.json", r#"{"ok":true}"#);
        let image = registry.push_image("dns/coredns").await;
        let reference = registry.reference(&image);
        let made = [
            &[
                "--type",
                "https://example.com/check/v1",
                "--predicate",
                "predicate.json",
            ],
            more,
        ]
        .concat();
        cosign.attest("theirs", &made, &reference);
        let by = |more: &[&str]| {
            let key = ["--key", "theirs.pub", "--insecure-ignore-tlog"];
            verify(&cosign, &[&key, more].concat(), &reference)
        };
        let (code, said) = by(&["--type", "https://example.com/check/v1"]);
        assert_eq!(code, 0, "{said}");
        assert_eq!(by(&["--type", "vuln"]).0, 2);
        assert_eq!(by(&[]).0, 2);
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn annotations_that_cosign_signed_can_be_asked_for() {
    for more in [&[][..], &[OLD_FORM]] {
        let (registry, cosign) = (Registry::start(Software::DockerRegistry), Cosign::new());
        cosign.generate("theirs");
        let image = registry.push_image("dns/coredns").await;
        let reference = registry.reference(&image);
        cosign.sign("theirs", &[&["-a", "env=prod"], more].concat(), &reference);
        let by = |more: &[&str]| {
            let key = ["--key", "theirs.pub", "--insecure-ignore-tlog"];
            verify(&cosign, &[&key, more].concat(), &reference).0
        };
        assert_eq!(by(&["-a", "env=prod"]), 0, "{more:?}");
        assert_eq!(by(&["-a", "env=test"]), 2, "{more:?}");
        assert_eq!(by(&["-a", "other=prod"]), 2, "{more:?}");
    }
}

/// Signs with a certificate of the private Sigstore.
async fn sign_keyless(cosign: &Cosign, sigstack: &Sigstack, issuer: &str, command: &[&str], image: &str) {
    let token = sigstack.token(issuer, &[]).await;
    let output = cosign
        .command("cosign")
        .args(command)
        .args(["--yes", "--allow-http-registry", "--identity-token", &token])
        .arg("--signing-config")
        .arg(sigstack.signing_config())
        .arg("--trusted-root")
        .arg(sigstack.trusted_root())
        .arg(image)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_cosign_signs_without_a_key_verifies_for_its_identity_issuer_and_trust_root_only() {
    let (sigstack, stranger) = (Sigstack::start(), tempfile::NamedTempFile::new().unwrap());
    let (registry, cosign) = (Registry::start(Software::WithReferrers), Cosign::new());
    let image: Image = registry.push_image("dns/coredns").await;
    let reference = registry.reference(&image);
    sign_keyless(&cosign, &sigstack, "email", &["sign"], &reference).await;
    cosign.write("predicate.json", r#"{"ok":true}"#);
    let attest = [
        "attest",
        "--type",
        "https://example.com/check/v1",
        "--predicate",
        "predicate.json",
    ];
    sign_keyless(&cosign, &sigstack, "github", &attest, &reference).await;

    let root = sigstack.trusted_root();
    let root = root.to_str().unwrap();
    let (email, github) = (sigstack.issuer("email"), sigstack.issuer("github"));
    let by = |identity: &str, issuer: &str, root: &[&str], more: &[&str]| {
        let who = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer];
        verify(&cosign, &[&who, root, more].concat(), &reference)
    };
    let trusted = ["--trusted-root", root];
    let (code, said) = by(ALICE, &email, &trusted, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("logged"), "{said}");
    assert_eq!(by("mallory@example.com", &email, &trusted, &[]).0, 2);
    assert_eq!(by(ALICE, &github, &trusted, &[]).0, 2);
    // The public Sigstore knows nothing of this one.
    let (code, said) = by(ALICE, &email, &[], &[]);
    assert_eq!(code, 2, "{said}");

    let check = ["--type", "https://example.com/check/v1"];
    let (code, said) = by(WORKFLOW, &github, &trusted, &check);
    assert_eq!(code, 0, "{said}");
    assert_eq!(by(ALICE, &email, &trusted, &check).0, 2);
    // The workflow made an attestation, which is no signature of the image.
    assert_eq!(by(WORKFLOW, &github, &trusted, &[]).0, 2);

    // Without the keys of one of its logs or authorities nothing of it counts.
    let text = std::fs::read_to_string(root).unwrap();
    for part in ["tlogs", "certificateAuthorities", "timestampAuthorities", "ctlogs"] {
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        document.as_object_mut().unwrap().remove(part);
        std::fs::write(stranger.path(), document.to_string()).unwrap();
        let without = ["--trusted-root", stranger.path().to_str().unwrap()];
        let (code, said) = by(ALICE, &email, &without, &[]);
        assert_eq!(code, 2, "without {part}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn a_keyed_bundle_that_cosign_logged_verifies_against_the_log() {
    let sigstack = Sigstack::start();
    let (registry, cosign) = (Registry::start(Software::WithReferrers), Cosign::new());
    let key = cosign.generate("theirs");
    let image = registry.push_image("dns/coredns").await;
    let reference = registry.reference(&image);
    sign_keyed_and_logged(&cosign, &sigstack, &reference);
    let root = sigstack.trusted_root();
    let arguments = ["--key", "theirs.pub", "--trusted-root", root.to_str().unwrap()];
    let (code, said) = verify(&cosign, &arguments, &reference);
    assert_eq!(code, 0, "{said}");

    let unlogged = registry.push_image("dns/unlogged").await;
    let statement = statement::signature(&unlogged.descriptor.digest);
    attach(
        &registry,
        &unlogged,
        &key,
        statement::predicate_type::SIGNATURE,
        &statement,
    )
    .await;
    assert_eq!(verify(&cosign, &arguments, &registry.reference(&unlogged)).0, 2);
}

fn sign_keyed_and_logged(cosign: &Cosign, sigstack: &Sigstack, reference: &str) {
    let output = cosign
        .command("cosign")
        .args(["sign", "--yes", "--allow-http-registry", "--key", "theirs.key"])
        .arg("--signing-config")
        .arg(sigstack.signing_config())
        .arg("--trusted-root")
        .arg(sigstack.trusted_root())
        .arg(reference)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
