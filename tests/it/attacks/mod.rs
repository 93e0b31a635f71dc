//! Attacks as data: each folder of `testdata/attacks` is one, with the refusal that is expected. Folders whose name
//! begins with `genuine` are the controls: they must be accepted.

mod generate;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use landfall::model::{Descriptor, Digest, Limits, Repository};
use landfall::trust::judging::{AcceptedSigner, Demand, Form, Found, Piece, Wanted, judge};
use landfall::trust::{
    IdentityPattern, LogRule, Merge, PrivateKeyFile, PromotionRecord, PublicKey, SignatureEntry, TextPattern,
    TrustRoots, bundle, fallback_index, signature_manifest, simple_signing,
};
use serde::{Deserialize, Serialize};

/// `attack.json`. Beside it stand `key.pub`, the key that counts, and what is verified.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attack {
    /// What somebody tries, and what would come of it.
    attack: String,
    against: Against,
    digest: Digest,
    public_reference: Repository,
    /// The error's text; none for a control.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    /// Spaces to append to what is verified, so that large inputs need no large files.
    #[serde(default, skip_serializing_if = "is_zero")]
    padding: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Against {
    /// `bundle.json` as a signature of the image.
    Signature,
    /// `bundle.json` as a signature of the image by whom `identity.json` names, where `trusted_root.json` says who certifies.
    Keyless,
    /// `bundle.json` as the promotion record of the image at its public reference.
    PromotionRecord,
    /// `payload.json` and `signature` as a layer of a `.sig` manifest.
    SignatureTag,
    /// `manifest.json` as the `.sig` manifest that a signature is merged into.
    SignatureManifest,
    /// `index.json` as the fallback index that a referrer is merged into.
    FallbackIndex,
    /// `private.key`, opened with the password `password`.
    PrivateKey,
    /// `key.pub` itself.
    PublicKey,
}

/// `identity.json`.
#[derive(Deserialize)]
struct Identity {
    subject: String,
    issuer: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/attacks")
}

impl Attack {
    /// What comes of it: an error's text where it is refused.
    fn run(&self, folder: &Path) -> Result<(), String> {
        let read = |name: &str| {
            let mut bytes = fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            bytes.resize(bytes.len() + self.padding, b' ');
            bytes
        };
        let keys = || vec![PublicKey::from_pem(&fs::read(folder.join("key.pub")).unwrap()).unwrap()];
        let limits = Limits::default();
        match self.against {
            Against::Signature => bundle::verify_signature(&read("bundle.json"), &keys(), &self.digest)
                .map(drop)
                .map_err(|error| error.to_string()),
            Against::Keyless => {
                let identity: Identity = serde_json::from_slice(&read("identity.json")).unwrap();
                let found = Found {
                    form: Form::Bundle,
                    digest: self.digest,
                    piece: Piece::Bundle(read("bundle.json").into()),
                };
                let roots = TrustRoots::from_json(&read("trusted_root.json")).unwrap();
                let signers = [AcceptedSigner::Certificate(IdentityPattern {
                    subject: TextPattern::Exact(identity.subject),
                    issuer: TextPattern::Exact(identity.issuer),
                })];
                let demand = Demand {
                    image: self.digest,
                    wanted: Wanted::Signature,
                    signers: &signers,
                    roots: Some(&roots),
                    log: LogRule::default(),
                    annotations: &BTreeMap::new(),
                };
                judge(&found, &demand).map(drop).map_err(|error| error.to_string())
            }
            Against::PromotionRecord => {
                PromotionRecord::verify(&read("bundle.json"), &keys(), &self.public_reference, &self.digest)
                    .map(drop)
                    .map_err(|error| error.to_string())
            }
            Against::SignatureTag => {
                let signature = String::from_utf8(read("signature")).unwrap();
                simple_signing::verify(&read("payload.json"), &signature, &keys(), &self.digest)
                    .map(drop)
                    .map_err(|error| error.to_string())
            }
            Against::SignatureManifest => {
                let payload = Bytes::from_static(b"payload");
                let mut descriptor = Descriptor::of("application/example", &payload);
                descriptor
                    .annotations
                    .insert(signature_manifest::SIGNATURE.to_owned(), "AA==".to_owned());
                let entry = SignatureEntry::found(descriptor, payload).unwrap();
                merged(signature_manifest::merge(
                    Some(&read("manifest.json")),
                    &[entry],
                    &limits,
                ))
            }
            Against::FallbackIndex => {
                let entry = Descriptor::of("application/example", b"referrer");
                merged(fallback_index::merge(
                    Some(&read("index.json")),
                    &Digest::of(b"subject"),
                    &[entry],
                    &limits,
                ))
            }
            Against::PrivateKey => PrivateKeyFile::parse(&read("private.key"))
                .and_then(|file| file.open(b"password"))
                .map(drop)
                .map_err(|error| error.to_string()),
            Against::PublicKey => PublicKey::from_pem(&read("key.pub"))
                .map(drop)
                .map_err(|error| error.to_string()),
        }
    }
}

fn merged<T>(result: Result<Merge<T>, landfall::trust::MergeError>) -> Result<(), String> {
    match result {
        Ok(Merge::Write(_)) => Ok(()),
        Ok(Merge::AlreadyThere) => panic!("nothing was added"),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn every_attack_is_refused_for_its_own_reason() {
    let mut folders: Vec<_> = fs::read_dir(corpus())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    assert!(folders.len() >= 40, "{} attacks", folders.len());
    let mut failures = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let attack: Attack = serde_json::from_slice(&fs::read(folder.join("attack.json")).unwrap()).unwrap();
        assert_eq!(attack.refusal.is_none(), name.starts_with("genuine"), "{name}");
        let outcome = attack.run(&folder).err();
        if outcome != attack.refusal {
            failures.push(format!(
                "{name}: {}\n  expected {:?}\n  came     {outcome:?}",
                attack.attack, attack.refusal
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
