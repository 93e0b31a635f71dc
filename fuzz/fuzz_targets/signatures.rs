//! Simple signing: payloads, both as they come and signed.
#![no_main]

mod signed;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use landfall::trust::{SignatureEntry, simple_signing};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (key, digest) = (signed::key(), signed::digest());
    let keys = [key.public_key().clone()];
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(simple_signing::verify(b"{}", text, &keys, &digest).is_err(), "forged");
    }
    let signature = key.sign(bytes).expect("anything can be signed");
    let entry =
        SignatureEntry::new(key.public_key(), Bytes::copy_from_slice(bytes), &signature).expect("it is the key's");
    let found = SignatureEntry::found(entry.descriptor().clone(), entry.payload().clone()).expect("what was written");
    assert_eq!(found.id(), entry.id());
    let verdict = simple_signing::verify(bytes, &STANDARD.encode(&signature), &keys, &digest);
    assert_eq!(verdict.is_ok(), found.verify(&keys, &digest).is_ok());
    if let Ok(payload) = verdict {
        assert_eq!(payload.key, key.public_key().fingerprint());
        let needle = digest.hex();
        assert!(
            String::from_utf8_lossy(bytes).contains('\\')
                || bytes.windows(needle.len()).any(|part| part == needle.as_bytes())
        );
    }
});
