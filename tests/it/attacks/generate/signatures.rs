//! Whose signature it is, and what encloses it.

use super::*;

pub(super) fn controls(scene: &Scene) {
    scene.bundle("genuine-bundle", "a control: our signature", scene.genuine());
    let payload = simple_signing::payload(&scene.reference, &scene.image);
    scene.payload("genuine-payload", "a control: our signature", &payload, &scene.ours);
    let record = scene.record(&scene.reference, &scene.image).statement();
    scene.signed_record("genuine-record", "a control: our record", &record);
}

pub(super) fn signers(scene: &Scene) {
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

pub(super) fn envelopes(scene: &Scene) {
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

pub(super) fn bundles(scene: &Scene) {
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
