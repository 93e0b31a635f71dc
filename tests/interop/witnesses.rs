//! What a key signs, entered in a log and timestamped: cosign verifies it without being told to ignore the log.

use landfall::trust::statement::predicate_type;

use crate::registry::{Registry, Software};
use crate::sigstack::Sigstack;
use crate::site::Site;
use crate::stage::{KEY, Stage, TAG};

const PUBLIC_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/keys/cosign-p256.pub");
const PRIVATE_KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/keys/openssl-p256.pkcs8.pem");

/// A promotion by a signer whose log and authority are here.
async fn stage(log: &str, timestamp: &str, sigstack: &Sigstack) -> Stage {
    let site = |path: &str, name: &str| Site::new(Registry::start(Software::WithReferrers), path, name);
    let (source, primary) = (site("staging", "app"), site("images", "team/app"));
    let signer = format!(
        "private-key = {PRIVATE_KEY:?}\nlog = {log:?}\ntimestamp = {timestamp:?}\ntrusted-root = {:?}\n",
        sigstack.trusted_root()
    );
    let public_key = std::fs::read_to_string(PUBLIC_KEY).unwrap();
    Stage::signed_by(source, vec![primary], &public_key, &signer).await
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn what_was_logged_and_timestamped_verifies_without_ignoring_the_log() {
    let sigstack = Sigstack::start();
    let stage = stage(&sigstack.log(), &sigstack.timestamp_authority(), &sigstack).await;
    stage.apply("with witnesses");
    let reference = stage.endpoints[0].tagged(TAG);
    let root = sigstack.trusted_root();
    let key = format!("{KEY}.pub");
    let verify = |command: &str, more: &[&str]| {
        let arguments = [
            command,
            "--allow-http-registry",
            "--key",
            &key,
            "--trusted-root",
            root.to_str().unwrap(),
        ];
        stage.cosign.run(&[&arguments[..], more, &[&reference]].concat())
    };
    verify("verify", &[]).unwrap();
    verify("verify", &["--use-signed-timestamps"]).unwrap();
    verify("verify-attestation", &["--type", "urn:landfall:promotion:v1"]).unwrap();
    stage.assert_nothing_is_left_to_do("with witnesses");
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn without_a_witness_that_was_asked_for_nothing_is_signed() {
    let sigstack = Sigstack::start();
    // One that does not answer, and one that answers something else.
    for (log, timestamp) in [
        ("http://127.0.0.1:1".to_owned(), sigstack.timestamp_authority()),
        (sigstack.issuers.clone(), sigstack.timestamp_authority()),
        (sigstack.log(), sigstack.issuers.clone()),
    ] {
        let stage = stage(&log, &timestamp, &sigstack).await;
        stage.apply_in_vain();
        let site = &stage.endpoints[0];
        let signatures = site.bundles(&stage.digest(), predicate_type::SIGNATURE).await;
        assert!(signatures.is_empty(), "{log} {timestamp}");
        assert_eq!(site.registry.manifest(site.repository, TAG).await, None);
    }
}
