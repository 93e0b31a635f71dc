//! Key files of either open with the other.

use landfall::trust::PrivateKeyFile;

use crate::cosign::{Cosign, PASSWORD};

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
