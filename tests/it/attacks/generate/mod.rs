//! Makes the corpus anew, with keys that are thrown away:
//! `cargo test --test it -- --ignored make_the_attacks`. Read the refusals in the difference before committing them.

mod keyless;
mod metadata;
mod signatures;
mod statements;

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall::model::{Admission, Digest, PolicyMode, Repository, Verdict, media_type};
use landfall::trust::{PrivateKey, Promotion, PromotionRecord, bundle, key_file, simple_signing, statement};
use serde_json::{Value, json};

use super::{Against, Attack, corpus};

/// The key that counts, another's, and what the attacks are about.
struct Scene {
    ours: PrivateKey,
    theirs: PrivateKey,
    image: Digest,
    other_image: Digest,
    reference: Repository,
}

impl Scene {
    fn new() -> Self {
        Self {
            ours: PrivateKey::generate().unwrap(),
            theirs: PrivateKey::generate().unwrap(),
            image: Digest::of(b"image"),
            other_image: Digest::of(b"another image"),
            reference: "registry.example.com/dns/coredns".parse().unwrap(),
        }
    }

    /// Writes one folder. The refusal is whatever comes of it now.
    fn write(&self, name: &str, against: Against, attack: &str, files: &[(&str, Vec<u8>)]) {
        self.write_padded(name, against, attack, files, 0);
    }

    fn write_padded(&self, name: &str, against: Against, attack: &str, files: &[(&str, Vec<u8>)], padding: usize) {
        self.write_of(self.image, name, against, attack, files, padding);
    }

    fn write_of(
        &self,
        digest: Digest,
        name: &str,
        against: Against,
        attack: &str,
        files: &[(&str, Vec<u8>)],
        padding: usize,
    ) {
        let folder = corpus().join(name);
        fs::create_dir_all(&folder).unwrap();
        if against != Against::Keyless {
            fs::write(folder.join("key.pub"), self.ours.public_key().to_pem()).unwrap();
        }
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        let mut attack = Attack {
            attack: attack.to_owned(),
            against,
            digest,
            public_reference: self.reference.clone(),
            refusal: None,
            padding,
        };
        attack.refusal = attack.run(&folder).err();
        assert_eq!(attack.refusal.is_none(), name.starts_with("genuine"), "{name}");
        let mut text = serde_json::to_vec_pretty(&attack).unwrap();
        text.push(b'\n');
        fs::write(folder.join("attack.json"), text).unwrap();
    }

    fn bundle(&self, name: &str, attack: &str, bundle: Vec<u8>) {
        self.write(name, Against::Signature, attack, &[("bundle.json", bundle)]);
    }

    /// A bundle whose JSON was edited after it was signed.
    fn edited_bundle(&self, name: &str, attack: &str, edit: impl FnOnce(&mut Value)) {
        let mut bundle: Value = serde_json::from_slice(&self.genuine()).unwrap();
        edit(&mut bundle);
        self.bundle(name, attack, serde_json::to_vec(&bundle).unwrap());
    }

    /// A bundle whose statement our key signed, whatever it says.
    fn signed_statement(&self, name: &str, attack: &str, statement: &str) {
        self.bundle(name, attack, signed(&self.ours, statement.as_bytes()));
    }

    fn genuine(&self) -> Vec<u8> {
        signed(&self.ours, &statement::signature(&self.image))
    }

    fn genuine_text(&self) -> String {
        String::from_utf8(statement::signature(&self.image)).unwrap()
    }

    fn record(&self, reference: &Repository, digest: &Digest) -> PromotionRecord {
        PromotionRecord::new(
            Promotion {
                public_reference: reference,
                digest,
                destination: &"us-docker.pkg.dev/acme/images/dns/coredns".parse().unwrap(),
                git_url: "https://git.example.com/acme/images.git",
                landfall_version: "0.1.0",
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

    fn signed_record(&self, name: &str, attack: &str, statement: &[u8]) {
        let bundle = signed(&self.ours, statement);
        self.write(name, Against::PromotionRecord, attack, &[("bundle.json", bundle)]);
    }

    fn payload(&self, name: &str, attack: &str, payload: &[u8], signer: &PrivateKey) {
        self.layer(name, attack, payload, &signer.sign(payload).unwrap());
    }

    fn layer(&self, name: &str, attack: &str, payload: &[u8], signature: &[u8]) {
        self.write(
            name,
            Against::SignatureTag,
            attack,
            &[
                ("payload.json", payload.to_vec()),
                ("signature", STANDARD.encode(signature).into_bytes()),
            ],
        );
    }
}

fn signed(key: &PrivateKey, statement: &[u8]) -> Vec<u8> {
    let signature = key.sign(&bundle::message_to_sign(statement)).unwrap();
    bundle::assemble(key.public_key(), statement, &signature).unwrap()
}

/// A bundle put together without asking whether it makes sense.
fn forged(hint: &str, payload_type: &str, payload: &[u8], signature: &[u8]) -> Vec<u8> {
    serde_json::to_vec(&json!({
        "mediaType": media_type::SIGSTORE_BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": hint}},
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": payload_type,
            "signatures": [{"sig": STANDARD.encode(signature)}],
        },
    }))
    .unwrap()
}

#[test]
#[ignore = "rewrites testdata/attacks"]
fn make_the_attacks() {
    let _ = fs::remove_dir_all(corpus());
    let scene = Scene::new();
    signatures::controls(&scene);
    signatures::signers(&scene);
    signatures::envelopes(&scene);
    signatures::bundles(&scene);
    statements::statements(&scene);
    statements::records(&scene);
    metadata::payloads(&scene);
    metadata::shared_metadata(&scene);
    metadata::keys(&scene);
    keyless::keyless(&scene);
}

/// Those that are made of what is kept; the others stay as they are.
#[test]
#[ignore = "writes testdata/attacks"]
fn make_the_attacks_on_keyless_signatures() {
    keyless::keyless(&Scene::new());
}
