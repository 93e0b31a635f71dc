//! What is signed.

use super::*;

pub(super) fn statements(scene: &Scene) {
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

pub(super) fn records(scene: &Scene) {
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
