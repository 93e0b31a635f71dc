//! Keys that landfall never sees: in a token, and behind one of Sigstore's KMS plugins. cosign judges what they sign.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::registry::{Registry, Software};
use crate::signatures::OLD_FORM;
use crate::site::Site;
use crate::stage::{KEY, Stage, TAG};
use crate::tools;

const PIN: &str = "648219";

/// The kinds of keys in `testdata/keys`, and what `cosign verify` has to be told of them.
const KINDS: [(&str, &[&str]); 4] = [
    ("p256", &[]),
    ("p384", &["--signature-digest-algorithm=sha384"]),
    ("ed25519", &[]),
    ("rsa2048", &[]),
];

fn key(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keys").join(name)
}

/// Promotes an image, and has cosign look.
async fn promote(kind: &str, flags: &[&str], signer: &str, prepare: impl FnOnce(&Stage)) {
    let site = |path: &str, name: &str| Site::new(Registry::start(Software::DockerRegistry), path, name);
    let (source, primary) = (site("staging", "app"), site("images", "team/app"));
    let public_key = std::fs::read_to_string(key(&format!("cosign-{kind}.pub"))).unwrap();
    let stage = Stage::signed_by(source, vec![primary], &public_key, signer).await;
    prepare(&stage);
    stage.apply(kind);
    let reference = stage.endpoints[0].tagged(TAG);
    for form in [&[][..], &[OLD_FORM]] {
        let accepted = stage.cosign.verify("verify", KEY, &[flags, form].concat(), &reference);
        assert!(accepted.is_ok(), "{kind} {form:?}: {accepted:?}");
    }
    stage.assert_nothing_is_left_to_do(kind);
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn keys_of_every_kind_sign_behind_a_plugin_that_sigstores_own_library_answers_for() {
    for (kind, flags) in KINDS {
        let signer = format!(
            "plugin = {:?}\nkey = {:?}\n",
            tools::find("sigstore-kms-landfalltest"),
            key(&format!("openssl-{kind}.pkcs8.pem"))
        );
        promote(kind, flags, &signer, |_| {}).await;
    }
}

fn softhsm(stage: &Stage, arguments: &[&str]) {
    let output = Command::new("softhsm2-util")
        .args(arguments)
        .env("SOFTHSM2_CONF", stage.cosign.path("softhsm2.conf"))
        .output()
        .expect("softhsm2-util runs: on Debian, apt-get install softhsm2");
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

#[tokio::test]
#[ignore = "needs scripts/interop-tools"]
async fn keys_of_every_kind_sign_in_a_token() {
    let module = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib64/softhsm/libsofthsm.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
    ];
    let module = module.into_iter().find(|path| Path::new(path).exists());
    let module = module.expect("SoftHSM is installed: on Debian, apt-get install softhsm2");
    for (kind, flags) in KINDS {
        let signer = format!("pkcs11 = {module:?}\ntoken = \"release\"\nkey = \"release-2026\"\npin-file = \"pin\"\n");
        promote(kind, flags, &signer, |stage| {
            let tokens = stage.cosign.path("tokens");
            std::fs::create_dir(&tokens).unwrap();
            stage.cosign.write(
                "softhsm2.conf",
                format!("directories.tokendir = {}\n", tokens.display()),
            );
            stage.cosign.write("pin", format!("{PIN}\n"));
            softhsm(
                stage,
                &[
                    "--init-token",
                    "--free",
                    "--label",
                    "release",
                    "--pin",
                    PIN,
                    "--so-pin",
                    "so-648219",
                ],
            );
            let private = key(&format!("openssl-{kind}.pkcs8.pem"));
            let private = private.to_str().unwrap();
            let import = [
                "--import",
                private,
                "--token",
                "release",
                "--label",
                "release-2026",
                "--id",
                "01",
                "--pin",
                PIN,
            ];
            softhsm(stage, &import);
        })
        .await;
    }
}
