//! Bundles with certificates. They are made of those in `testdata/keyless`, which no test can make anew.

use std::path::Path;

use super::*;

const ALICE: (&str, &str) = ("alice@example.com", "http://127.0.0.1:24080/email");
const WORKFLOW: (&str, &str) = (
    "https://github.com/example/app/.github/workflows/release.yml@refs/heads/main",
    "http://127.0.0.1:24080/github",
);

fn kept(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/keyless");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn document(name: &str) -> Value {
    serde_json::from_slice(&kept(name)).unwrap()
}

fn digest(name: &str) -> Digest {
    String::from_utf8(kept(name)).unwrap().trim().parse().unwrap()
}

/// A bundle that somebody brings forward as a signature by `who`.
struct Case<'a> {
    scene: &'a Scene,
    digest: Digest,
    who: (&'a str, &'a str),
    root: Value,
}

impl Case<'_> {
    fn write(&self, name: &str, attack: &str, bundle: &Value) {
        self.write_text(name, attack, &bundle.to_string());
    }

    fn write_text(&self, name: &str, attack: &str, bundle: &str) {
        let (subject, issuer) = self.who;
        let identity = json!({ "subject": subject, "issuer": issuer });
        let files = [
            ("bundle.json", bundle.as_bytes().to_vec()),
            ("identity.json", identity.to_string().into_bytes()),
            ("trusted_root.json", self.root.to_string().into_bytes()),
        ];
        self.scene
            .write_of(self.digest, name, Against::Keyless, attack, &files, 0);
    }

    /// The genuine one, edited.
    fn edited(&self, name: &str, attack: &str, edit: impl FnOnce(&mut Value)) {
        let mut bundle = document("signature.json");
        edit(&mut bundle);
        self.write(name, attack, &bundle);
    }
}

pub(super) fn keyless(scene: &Scene) {
    let alice = || Case {
        scene,
        digest: digest("digest"),
        who: ALICE,
        root: document("trusted_root.json"),
    };
    let case = alice();
    case.edited("genuine-keyless-bundle", "none: it must be accepted", |_| {});
    case.write(
        "keyless-of-another-image",
        "alice's signature of another image, attached to this one",
        &document("other-image.json"),
    );
    let material = |name: &str, part: &str| document(name)["verificationMaterial"][part].clone();
    let other = |part: &str| material("other-image.json", part);
    let set = |part: &'static str, value: Value| move |bundle: &mut Value| bundle["verificationMaterial"][part] = value;
    case.edited(
        "keyless-without-a-log-entry",
        "a signature that nobody could ever find in a log",
        set("tlogEntries", json!([])),
    );
    case.edited(
        "keyless-without-a-timestamp",
        "the expired certificate of somebody whose key was found later",
        set("timestampVerificationData", json!({})),
    );
    case.edited(
        "keyless-with-another-images-log-entry",
        "a log entry that proves something else",
        set("tlogEntries", other("tlogEntries")),
    );
    case.edited(
        "keyless-with-another-images-timestamp",
        "a timestamp over something else",
        set("timestampVerificationData", other("timestampVerificationData")),
    );
    case.edited(
        "keyless-with-another-certificate",
        "mallory's signature with alice's name on it, or the other way round",
        set("certificate", material("mallory.json", "certificate")),
    );
    case.edited(
        "keyless-with-another-signature",
        "alice's signature of another image over this statement",
        |bundle| {
            bundle["dsseEnvelope"]["signatures"] = document("other-image.json")["dsseEnvelope"]["signatures"].clone()
        },
    );
    case.edited(
        "keyless-with-another-payload",
        "a statement that alice did not sign",
        |bundle| {
            let text = String::from_utf8(statement::signature(&digest("digest"))).unwrap() + " ";
            bundle["dsseEnvelope"]["payload"] = STANDARD.encode(text).into();
        },
    );
    case.edited(
        "keyless-with-a-longer-tree",
        "a log that was never that long",
        |bundle| {
            let proof = &mut bundle["verificationMaterial"]["tlogEntries"][0]["inclusionProof"];
            let checkpoint = proof["checkpoint"]["envelope"].as_str().unwrap().to_owned();
            let mut lines: Vec<&str> = checkpoint.split('\n').collect();
            lines[1] = "1000";
            proof["checkpoint"]["envelope"] = lines.join("\n").into();
        },
    );
    case.edited(
        "keyless-with-an-unknown-field",
        "a field in a log entry that a reader which does not know it would pass over",
        |bundle| bundle["verificationMaterial"]["tlogEntries"][0]["revoked"] = json!(true),
    );
    let text = String::from_utf8(kept("signature.json")).unwrap();
    case.write_text(
        "keyless-with-two-certificates",
        "a certificate named twice: readers differ in which of the two they take",
        &text.replacen(
            r#""certificate":"#,
            &format!(
                r#""certificate":{},"certificate":"#,
                material("mallory.json", "certificate")
            ),
            1,
        ),
    );
    roots(&alice);
    identities(&alice);
}

fn roots<'a>(alice: &dyn Fn() -> Case<'a>) {
    let genuine = document("signature.json");
    let with = |name: &str, attack: &str, edit: &dyn Fn(&mut Value)| {
        let mut case = alice();
        edit(&mut case.root);
        case.write(name, attack, &genuine);
    };
    with(
        "keyless-from-another-sigstore",
        "a Sigstore that somebody set up under the same names",
        &|root| *root = document("stranger_root.json"),
    );
    for (part, name, attack) in [
        (
            "ctlogs",
            "keyless-with-a-certificate-that-was-not-logged",
            "a certificate that Fulcio gave in secret",
        ),
        (
            "tlogs",
            "keyless-in-an-unknown-log",
            "a log that somebody keeps for himself",
        ),
        (
            "timestampAuthorities",
            "keyless-with-an-unknown-timestamp",
            "an authority that says any time",
        ),
        (
            "certificateAuthorities",
            "keyless-with-an-unknown-authority",
            "an authority that certifies anybody as anybody",
        ),
    ] {
        let stranger = document("stranger_root.json")[part].clone();
        with(name, attack, &move |root| root[part] = stranger.clone());
    }
    with(
        "keyless-after-the-authoritys-end",
        "an authority whose key was withdrawn, and who has it now signs with it",
        &|root| {
            let end = json!({ "start": "2024-01-01T00:00:00Z", "end": "2025-01-01T00:00:00Z" });
            root["certificateAuthorities"][0]["validFor"] = end;
        },
    );
}

fn identities<'a>(alice: &dyn Fn() -> Case<'a>) {
    let by = |who: (&'static str, &'static str)| Case { who, ..alice() };
    let genuine = document("signature.json");
    for (name, attack, who) in [
        (
            "keyless-by-one-who-looks-alike",
            "a name with a Cyrillic letter is another name",
            ("\u{430}lice@example.com", ALICE.1),
        ),
        (
            "keyless-by-a-part-of-a-name",
            "a name that begins like the one that counts",
            ("alice@example.co", ALICE.1),
        ),
        (
            "keyless-by-another-issuer",
            "whoever keeps an issuer can call himself alice there",
            (ALICE.0, "http://127.0.0.1:24080/github"),
        ),
    ] {
        by(who).write(name, attack, &genuine);
    }
    Case {
        digest: digest("mallorys-digest"),
        ..alice()
    }
    .write(
        "keyless-by-another-identity",
        "a good signature by somebody who does not count",
        &document("mallory.json"),
    );
    by(WORKFLOW).write(
        "keyless-attestation-as-signature",
        "an attestation by who counts is no signature of the image: cosign 3 accepts it",
        &document("attestation.json"),
    );
}
