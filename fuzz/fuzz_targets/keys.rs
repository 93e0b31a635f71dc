//! Key files, public and private, and what is encrypted in them.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall::trust::{PrivateKey, PrivateKeyFile, PublicKey};

/// The costs that scrypt is run with: a tenth of a second each.
const DEAR: [&[u8]; 3] = [b"32768", b"65536", b"131072"];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PublicKey::from_pem(bytes) {
        let again = PublicKey::from_pem(key.to_pem().as_bytes()).expect("a key is written as it is read");
        assert_eq!(again.fingerprint(), key.fingerprint());
        assert!(!key.verify(b"message", bytes), "forged");
    }
    _ = PublicKey::from_der(bytes);
    if let Ok(key) = PrivateKey::from_pkcs8(bytes) {
        let signature = key.sign(b"message").expect("a key signs");
        assert!(key.public_key().verify(b"message", &signature));
    }
    match PrivateKeyFile::parse(bytes) {
        Ok(file) if !file.is_encrypted() => _ = file.open(b""),
        _ => {}
    }
    if !DEAR
        .iter()
        .any(|cost| bytes.windows(cost.len()).any(|part| part == *cost))
    {
        let sealed = STANDARD.encode(bytes);
        let pem = format!(
            "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{sealed}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
        );
        if let Ok(file) = PrivateKeyFile::parse(pem.as_bytes()) {
            assert!(file.open(b"").is_err(), "no cost that is accepted stands in it");
        }
    }
});
