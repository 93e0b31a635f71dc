//! Makes the corpus anew, with keys that are thrown away:
//! `cargo test --test it -- --ignored make_the_attacks`. Read the refusals in the difference before committing them.

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
        let folder = corpus().join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("key.pub"), self.ours.public_key().to_pem()).unwrap();
        for (name, content) in files {
            fs::write(folder.join(name), content).unwrap();
        }
        let mut attack = Attack {
            attack: attack.to_owned(),
            against,
            digest: self.image,
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
    controls(&scene);
    signers(&scene);
    envelopes(&scene);
    bundles(&scene);
    statements(&scene);
    records(&scene);
    payloads(&scene);
    shared_metadata(&scene);
    keys(&scene);
}

fn controls(scene: &Scene) {
    scene.bundle("genuine-bundle", "a control: our signature", scene.genuine());
    let payload = simple_signing::payload(&scene.reference, &scene.image);
    scene.payload("genuine-payload", "a control: our signature", &payload, &scene.ours);
    let record = scene.record(&scene.reference, &scene.image).statement();
    scene.signed_record("genuine-record", "a control: our record", &record);
}

fn signers(scene: &Scene) {
    let hint = scene.ours.public_key().hint();
    let statement = statement::signature(&scene.image);
    let pae = bundle::message_to_sign(&statement);
    let in_toto = "application/vnd.in-toto+json";
    scene.bundle(
        "bundle-of-another-digest",
        "our signature of another image, attached to this one",
        signed(&scene.ours, &statement::signature(&scene.other_image)),
    );
    scene.bundle(
        "bundle-by-another-key",
        "somebody else's signature that says by its hint to be ours",
        forged(&hint, in_toto, &statement, &scene.theirs.sign(&pae).unwrap()),
    );
    scene.bundle(
        "bundle-with-swapped-payload",
        "our signature of another image, its statement replaced",
        forged(
            &hint,
            in_toto,
            &statement,
            &scene
                .ours
                .sign(&bundle::message_to_sign(&statement::signature(&scene.other_image)))
                .unwrap(),
        ),
    );
    scene.bundle(
        "bundle-with-a-raw-signature",
        "our key's signature over the statement as a plain file, passed off as an envelope's",
        forged(&hint, in_toto, &statement, &scene.ours.sign(&statement).unwrap()),
    );
    let mut trailing = scene.ours.sign(&pae).unwrap();
    trailing.push(0);
    scene.bundle(
        "bundle-with-a-malleated-signature",
        "our signature with a byte after it: other bytes that would count as another signature",
        forged(&hint, in_toto, &statement, &trailing),
    );
    scene.bundle(
        "bundle-with-an-empty-signature",
        "no signature at all",
        forged(&hint, in_toto, &statement, b""),
    );
    scene.bundle(
        "bundle-with-a-signature-of-zeros",
        "r and s are zero, which careless verifiers accept for any message (CVE-2022-21449)",
        forged(&hint, in_toto, &statement, b"\x30\x06\x02\x01\x00\x02\x01\x00"),
    );
    let record = scene.record(&scene.reference, &scene.image).statement();
    scene.bundle(
        "attestation-as-signature",
        "our promotion record, whose referrer's annotation calls it a signature",
        signed(&scene.ours, &record),
    );
}

fn envelopes(scene: &Scene) {
    let hint = scene.ours.public_key().hint();
    let statement = statement::signature(&scene.image);
    let other_type = "application/vnd.cyclonedx+json";
    let signature = scene.ours.sign(&sigstore_types::pae(other_type, &statement)).unwrap();
    scene.bundle(
        "envelope-of-another-payload-type",
        "our key signed these bytes as something that is no statement",
        forged(&hint, other_type, &statement, &signature),
    );
    scene.bundle(
        "envelope-with-swapped-payload-type",
        "the same, the payload type changed to a statement's",
        forged(&hint, "application/vnd.in-toto+json", &statement, &signature),
    );
    scene.edited_bundle(
        "envelope-with-two-signatures",
        "a second signature, for readers that look at the first or at any",
        |bundle| {
            let signatures = bundle["dsseEnvelope"]["signatures"].as_array_mut().unwrap();
            signatures.push(signatures[0].clone());
        },
    );
    scene.edited_bundle("envelope-without-signatures", "none of none has to verify", |bundle| {
        bundle["dsseEnvelope"]["signatures"] = json!([]);
    });
    scene.edited_bundle(
        "envelope-with-a-key-id",
        "a key id makes cosign skip the signature: it would count here and not there",
        |bundle| bundle["dsseEnvelope"]["signatures"][0]["keyid"] = json!("release"),
    );
    scene.edited_bundle(
        "envelope-in-another-base64",
        "line breaks in the payload, which some readers skip",
        |bundle| {
            let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
            bundle["dsseEnvelope"]["payload"] = json!(format!("{}\n{}", &payload[..64], &payload[64..]));
        },
    );
}

fn bundles(scene: &Scene) {
    scene.edited_bundle(
        "bundle-with-a-certificate",
        "a certificate in the key's place, made by whoever attached it",
        |bundle| {
            bundle["verificationMaterial"] = json!({"certificate": {"rawBytes": "MAA="}});
        },
    );
    scene.edited_bundle(
        "bundle-with-a-key-and-a-certificate",
        "both: readers differ in which of them decides",
        |bundle| bundle["verificationMaterial"]["certificate"] = json!({"rawBytes": "MAA="}),
    );
    scene.edited_bundle(
        "bundle-with-a-message-signature",
        "a signature over the image's digest, which cosign does not take for an image",
        |bundle| {
            let bundle = bundle.as_object_mut().unwrap();
            bundle.remove("dsseEnvelope");
            bundle.insert(
                "messageSignature".to_owned(),
                json!({
                    "messageDigest": {"algorithm": "SHA2_256", "digest": STANDARD.encode(scene.image.as_bytes())},
                    "signature": STANDARD.encode(scene.ours.sign(b"image").unwrap()),
                }),
            );
        },
    );
    scene.edited_bundle(
        "bundle-with-two-contents",
        "an envelope and a message signature: readers differ in which of them they verify",
        |bundle| {
            bundle["messageSignature"] = json!({"signature": "AA=="});
        },
    );
    scene.edited_bundle(
        "bundle-of-version-0.1",
        "older rules for what must be checked",
        |bundle| {
            bundle["mediaType"] = json!("application/vnd.dev.sigstore.bundle+json;version=0.1");
        },
    );
    scene.edited_bundle(
        "bundle-with-an-unknown-field",
        "a field that cosign refuses: our signature, spoilt for everybody else; its name would clear a terminal's line",
        |bundle| bundle["note\u{1b}[2K"] = json!("x"),
    );
    scene.edited_bundle(
        "bundle-with-a-spoilt-log-entry",
        "a log entry that cosign cannot read: our signature, spoilt for everybody else",
        |bundle| bundle["verificationMaterial"]["tlogEntries"] = json!([{"logIndex": "x"}]),
    );
    let genuine = String::from_utf8(scene.genuine()).unwrap();
    scene.bundle(
        "bundle-with-two-envelopes",
        "the envelope named twice: readers differ in which of them they verify",
        genuine
            .replacen(
                '{',
                r#"{"dsseEnvelope":{"payload":"","payloadType":"","signatures":[]},"#,
                1,
            )
            .into_bytes(),
    );
    scene.bundle("bundle-cut-off", "half a bundle", genuine.as_bytes()[..300].to_vec());
    scene.bundle(
        "bundle-that-is-a-web-page",
        "a proxy's page in the blob's place",
        b"<!doctype html><title>503</title>".to_vec(),
    );
    scene.write_padded(
        "bundle-too-large",
        Against::Signature,
        "more than is read, to exhaust the memory",
        &[("bundle.json", scene.genuine())],
        4 << 20,
    );
}

fn statements(scene: &Scene) {
    let genuine = scene.genuine_text();
    let hex = scene.image.hex();
    let other = scene.other_image.hex();
    let digest = format!(r#""sha256":"{hex}""#);
    scene.signed_statement(
        "statement-with-two-digests-of-one-name",
        "one algorithm named twice: readers differ in which of the two digests was signed",
        &genuine.replace(&digest, &format!(r#""sha256":"{other}",{digest}"#)),
    );
    scene.signed_statement(
        "statement-with-two-subject-lists",
        "the subjects named twice: readers differ in which of them were signed",
        &genuine.replacen(
            r#""subject""#,
            &format!(r#""subject":[{{"digest":{{"sha256":"{other}"}}}}],"subject""#),
            1,
        ),
    );
    scene.signed_statement(
        "statement-that-only-names-the-digest",
        "the digest in a subject's name, URI and annotations, none among its digests",
        &genuine.replace(
            &format!(r#""digest":{{{digest}}},"annotations":{{}}"#),
            &format!(
                r#""name":"sha256:{hex}","uri":"sha256:{hex}","digest":{{"sha256":"{other}"}},"annotations":{{{digest}}}"#
            ),
        ),
    );
    scene.signed_statement(
        "statement-with-the-digest-of-another-algorithm",
        "the digits of our image's SHA-256 as another algorithm's digest",
        &genuine.replace(&digest, &format!(r#""sha512":"{hex}""#)),
    );
    scene.signed_statement(
        "statement-with-upper-case-digits",
        "the digest in digits that compare differently from reader to reader",
        &genuine.replace(&hex, &hex.to_uppercase()),
    );
    scene.signed_statement(
        "statement-without-subjects",
        "a statement about nothing",
        &genuine.replace(&format!(r#"{{"digest":{{{digest}}},"annotations":{{}}}}"#), ""),
    );
    scene.signed_statement(
        "statement-with-too-many-subjects",
        "more subjects than cosign reads: it would count here and not there",
        &genuine.replace(
            r#""subject":["#,
            &format!(r#""subject":[{}"#, r#"{"digest":{"sha256":"00"}},"#.repeat(1_024)),
        ),
    );
    scene.signed_statement(
        "statement-with-an-unknown-field",
        "a condition that a reader which does not know it would pass over",
        &genuine.replacen('{', r#"{"expires":"2020-01-01","#, 1),
    );
    scene.signed_statement(
        "statement-nested-too-deep",
        "lists within lists, to exhaust the stack",
        &genuine.replace(
            r#""predicate":{}"#,
            &format!(r#""predicate":{{"a":{}{}}}"#, "[".repeat(1_000), "]".repeat(1_000)),
        ),
    );
    scene.signed_statement(
        "statement-of-another-type",
        "something else that our key signed and that has the same fields",
        &genuine.replace("https://in-toto.io/Statement/v1", "https://example.com/Wish/v1"),
    );
    scene.signed_statement(
        "statement-with-a-predicate-type-that-looks-alike",
        "a predicate type with control characters, to confuse a terminal",
        &genuine.replace("cosign/sign/v1", r"cosign/sign/v1\u0000\u001b[2K"),
    );
}

fn records(scene: &Scene) {
    let elsewhere: Repository = "registry.example.com/dns/other".parse().unwrap();
    scene.signed_record(
        "record-of-another-reference",
        "our record for the same digest at another public reference: it passed that gate, not this one",
        &scene.record(&elsewhere, &scene.image).statement(),
    );
    let record = String::from_utf8(scene.record(&scene.reference, &scene.other_image).statement()).unwrap();
    scene.signed_record(
        "record-of-another-digest",
        "our record for another digest of the same repository",
        record.as_bytes(),
    );
    scene.signed_record(
        "record-that-contradicts-its-statement",
        "the statement is about this image, the record in it about another",
        record
            .replacen(&scene.other_image.hex(), &scene.image.hex(), 1)
            .as_bytes(),
    );
    scene.signed_record(
        "signature-as-record",
        "our signature of the image, taken for its admission",
        &statement::signature(&scene.image),
    );
    let record = String::from_utf8(scene.record(&scene.reference, &scene.image).statement()).unwrap();
    scene.signed_record(
        "record-with-a-verdict-of-its-own",
        "a verdict that this version does not know must not admit",
        record.replace(r#""unchecked""#, r#""waived""#).as_bytes(),
    );
    let bundle = signed(&scene.theirs, record.as_bytes());
    scene.write(
        "record-by-another-key",
        Against::PromotionRecord,
        "somebody else's record, to have an image taken for admitted",
        &[("bundle.json", bundle)],
    );
}

fn payloads(scene: &Scene) {
    let payload = simple_signing::payload(&scene.reference, &scene.image);
    let of_other = simple_signing::payload(&scene.reference, &scene.other_image);
    let text = String::from_utf8(payload.clone()).unwrap();
    scene.payload(
        "payload-of-another-digest",
        "our signature of another image under this image's tag",
        &of_other,
        &scene.ours,
    );
    scene.payload(
        "payload-by-another-key",
        "somebody else's signature",
        &payload,
        &scene.theirs,
    );
    scene.layer(
        "payload-swapped",
        "our signature of another image, its payload replaced",
        &payload,
        &scene.ours.sign(&of_other).unwrap(),
    );
    scene.payload(
        "payload-of-another-type",
        "a payload of simple signing, made for other readers, that cosign's type is missing from",
        text.replace("cosign container image signature", "atomic container signature")
            .as_bytes(),
        &scene.ours,
    );
    scene.payload(
        "payload-with-an-unknown-condition",
        "something critical that a reader which does not know it would pass over",
        text.replacen(r#""critical":{"#, r#""critical":{"expires":"2020-01-01","#, 1)
            .as_bytes(),
        &scene.ours,
    );
    let digest = format!(r#""docker-manifest-digest":"{}""#, scene.image);
    let both = format!(r#""docker-manifest-digest":"{}",{digest}"#, scene.other_image);
    scene.payload(
        "payload-with-two-digests",
        "the digest named twice: readers differ in which of the two was signed",
        text.replace(&digest, &both).as_bytes(),
        &scene.ours,
    );
    let envelope = bundle::message_to_sign(&statement::signature(&scene.image));
    scene.payload(
        "payload-that-is-an-envelope",
        "what our key signed for a bundle, passed off as a payload",
        &envelope,
        &scene.ours,
    );
}

fn shared_metadata(scene: &Scene) {
    let manifest = |config: &str, rest: &str| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}",{config}"layers":[]{rest}}}"#,
            media_type::OCI_MANIFEST
        )
        .into_bytes()
    };
    let index = |rest: &str| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","manifests":[]{rest}}}"#,
            media_type::OCI_INDEX
        )
        .into_bytes()
    };
    let config = format!(
        r#""config":{{"mediaType":"m","digest":"{}","size":2}},"#,
        Digest::of(b"{}")
    );
    for (name, attack, content) in [
        (
            "signature-manifest-that-is-an-index",
            "an index under the `.sig` tag",
            index(""),
        ),
        (
            "signature-manifest-without-config",
            "a manifest that lacks what it must have",
            manifest("", ""),
        ),
        (
            "signature-manifest-with-two-layer-lists",
            "the layers named twice: one list would be lost by writing the other",
            manifest(&config, r#","layers":[]"#),
        ),
        (
            "signature-manifest-of-schema-1",
            "Docker's first schema",
            br#"{"schemaVersion":1,"fsLayers":[]}"#.to_vec(),
        ),
    ] {
        scene.write(name, Against::SignatureManifest, attack, &[("manifest.json", content)]);
    }
    let full = format!(
        r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
        vec![format!(r#"{{"mediaType":"m","digest":"{}","size":1}}"#, scene.image); 1_000].join(",")
    );
    for (name, attack, content) in [
        (
            "fallback-index-that-is-an-image",
            "an image under the index's tag",
            manifest(&config, ""),
        ),
        (
            "fallback-index-that-is-both",
            "an index for some readers and an image for others (CVE-2021-41190)",
            index(r#","layers":[]"#),
        ),
        (
            "fallback-index-that-is-a-web-page",
            "a proxy's page, which must not be taken for an empty index",
            b"<!doctype html><title>503</title>".to_vec(),
        ),
        (
            "fallback-index-that-is-full",
            "an index filled to the brim, so that the next entry makes it unreadable for everybody",
            full.into_bytes(),
        ),
    ] {
        scene.write(name, Against::FallbackIndex, attack, &[("index.json", content)]);
    }
}

fn keys(scene: &Scene) {
    let genuine = key_file::generate(b"password").unwrap();
    let block = pem::parse(genuine.private_pem.as_bytes()).unwrap();
    let sealed: Value = serde_json::from_slice(block.contents()).unwrap();
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut sealed = sealed.clone();
        edit(&mut sealed);
        pem::encode(&pem::Pem::new(block.tag(), serde_json::to_vec(&sealed).unwrap())).into_bytes()
    };
    let two = format!("{}{}", *genuine.private_pem, *genuine.private_pem).into_bytes();
    for (name, attack, content) in [
        (
            "private-key-that-exhausts-memory",
            "scrypt parameters that ask for a terabyte",
            edited(&|sealed| sealed["kdf"]["params"]["N"] = json!(1_u64 << 30)),
        ),
        (
            "private-key-that-costs-nothing",
            "scrypt parameters that make guessing passwords free",
            edited(&|sealed| sealed["kdf"]["params"]["N"] = json!(2)),
        ),
        (
            "private-key-with-a-short-nonce",
            "a nonce of a length that careless readers panic at",
            edited(&|sealed| sealed["cipher"]["nonce"] = json!("AAAA")),
        ),
        (
            "private-key-tampered-with",
            "a key exchanged under the owner's password: the seal breaks",
            edited(&|sealed| sealed["ciphertext"] = json!(STANDARD.encode([0; 160]))),
        ),
        (
            "private-keys-two-in-a-file",
            "two keys: readers differ in which of them signs",
            two,
        ),
    ] {
        scene.write(name, Against::PrivateKey, attack, &[("private.key", content)]);
    }
    let ed25519 = "-----BEGIN PUBLIC KEY-----\n\
        MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    scene.write(
        "public-key-of-another-algorithm",
        Against::PublicKey,
        "a key that this version does not verify with must not be passed over",
        &[("key.pub", ed25519.as_bytes().to_vec())],
    );
    scene.write(
        "public-key-that-is-private",
        Against::PublicKey,
        "a private key committed to Git by mistake; the refusal must not repeat it",
        &[("key.pub", genuine.private_pem.as_bytes().to_vec())],
    );
}
