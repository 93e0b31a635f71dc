//! The bundle cases of github.com/sigstore/sigstore-conformance (`test/assets/bundle-verify`). They are not part of this
//! repository: LANDFALL_CONFORMANCE names a folder that has them, and without it nothing is tested here.

use std::fs;
use std::path::{Path, PathBuf};

use landfall::trust::judging::{AcceptedSigner, verify_blob};
use landfall::trust::{IdentityPattern, LogRule, PublicKey, TextPattern, TrustRoots};

const FOLDER: &str = "LANDFALL_CONFORMANCE";

const IDENTITY: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/\
    extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// What comes of a case: an error's text where it is refused.
fn verify(case: &Path) -> Result<(), String> {
    let read = |name: &str| fs::read(case.join(name)).ok();
    let text = |name: &str, otherwise: &str| {
        let found = read(name).map(|bytes| String::from_utf8(bytes).unwrap().trim().to_owned());
        found.unwrap_or_else(|| otherwise.to_owned())
    };
    let roots = match read("trusted_root.json") {
        Some(json) => TrustRoots::from_json(&json).map_err(|error| error.to_string())?,
        None => TrustRoots::public_sigstore().unwrap(),
    };
    let signer = match read("key.pub") {
        Some(pem) => AcceptedSigner::Key(PublicKey::from_pem(&pem).map_err(|error| error.to_string())?),
        None => AcceptedSigner::Certificate(IdentityPattern {
            subject: TextPattern::Exact(text("identity", IDENTITY)),
            issuer: TextPattern::Exact(text("issuer", ISSUER)),
        }),
    };
    let artifact = read("artifact").unwrap_or_else(|| fs::read(case.parent().unwrap().join("a.txt")).unwrap());
    let bundle = read("bundle.sigstore.json").expect("a case has a bundle");
    verify_blob(&bundle, &artifact, &signer, &roots, LogRule::default())
        .map(drop)
        .map_err(|error| error.to_string())
}

#[test]
fn every_case_of_sigstores_conformance_suite_ends_as_its_name_says() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        eprintln!("not tested: {FOLDER} names no folder with the cases of sigstore-conformance");
        return;
    };
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{FOLDER}: {}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("bundle.sigstore.json").is_file())
        .collect();
    cases.sort();
    assert!(!cases.is_empty(), "{FOLDER}: {} has no cases", folder.display());
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case.file_name().unwrap().to_string_lossy();
        let outcome = verify(case);
        if outcome.is_ok() == name.ends_with("_fail") {
            wrong.push(format!("{name}: {outcome:?}"));
        }
        eprintln!("{name}: {}", outcome.err().unwrap_or_else(|| "verified".to_owned()));
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    eprintln!("{} cases", cases.len());
}
