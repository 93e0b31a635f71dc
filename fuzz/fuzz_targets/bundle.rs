//! Bundles and DSSE envelopes as they come; statements and promotion records, signed.
#![no_main]

mod signed;

use landfall::trust::{PromotionRecord, bundle};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (key, digest) = (signed::key(), signed::digest());
    let keys = [key.public_key().clone()];
    assert!(bundle::verify(bytes, &keys, &digest).is_err(), "forged");

    let signature = key
        .sign(&bundle::message_to_sign(bytes))
        .expect("anything can be signed");
    let signed = bundle::assemble(key.public_key(), bytes, &signature).expect("it is the key's");
    let Ok(statement) = bundle::verify(&signed, &keys, &digest) else {
        assert!(bundle::verify_signature(&signed, &keys, &digest).is_err());
        return;
    };
    assert_eq!(statement.key, key.public_key().fingerprint());
    let Ok(reference) = "registry.example.com/dns/coredns".parse() else {
        return;
    };
    if let Ok(record) = PromotionRecord::from_statement(&statement, &reference, &digest) {
        let written = record.statement();
        let signature = key
            .sign(&bundle::message_to_sign(&written))
            .expect("anything can be signed");
        let signed = bundle::assemble(key.public_key(), &written, &signature).expect("it is the key's");
        let read =
            PromotionRecord::verify(&signed, &keys, &reference, &digest).expect("a record is written as it is read");
        assert_eq!(format!("{read:?}"), format!("{record:?}"));
    }
});
