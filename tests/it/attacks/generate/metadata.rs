//! Signatures under tags, what others share them with, and keys.

use super::*;

pub(super) fn payloads(scene: &Scene) {
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

pub(super) fn shared_metadata(scene: &Scene) {
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

pub(super) fn keys(scene: &Scene) {
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
    let secp256k1 = "-----BEGIN PUBLIC KEY-----\n\
        MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEGzFCbHcFiLmtvPLGyFKQ/zoLsrFKkrbn\n\
        5iF50vkifiFXn79qyQJpUSTC1S1hgEOvCdrQnqz0AbfQdgYemfVQ4w==\n-----END PUBLIC KEY-----\n";
    scene.write(
        "public-key-of-another-algorithm",
        Against::PublicKey,
        "a key that this version does not verify with must not be passed over",
        &[("key.pub", secp256k1.as_bytes().to_vec())],
    );
    scene.write(
        "public-key-that-is-private",
        Against::PublicKey,
        "a private key committed to Git by mistake; the refusal must not repeat it",
        &[("key.pub", genuine.private_pem.as_bytes().to_vec())],
    );
}
