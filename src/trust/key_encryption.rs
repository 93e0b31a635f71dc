//! How cosign encrypts a private key: scrypt makes a key of the password, NaCl's secretbox (XSalsa20-Poly1305) seals
//! the PKCS#8 encoding, JSON holds the parts (`go-securesystemslib/encrypted`).
//!
//! Our own, although the `sigstore` crate has the like: that one writes at half of what cosign 2 and 3 make a guess
//! cost, refuses a cost that cosign reads, panics at a nonce of another length, and does not wipe the key that it makes of
//! the password. Tests hold that what cosign wrote opens here, and what is written here opens with cosign.

use std::fmt;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use super::KeyError;

const KDF: &str = "scrypt";
const CIPHER: &str = "nacl/secretbox";
const SALT: usize = 32;
const NONCE: usize = 24;
const KEY: usize = 32;

/// How dear a guess at the password is: the binary logarithm of scrypt's N, with r=8 and p=1.
#[derive(Clone, Copy)]
pub(super) enum Cost {
    /// N=32768: cosign before 2.0. Written by tests only.
    #[cfg(test)]
    Legacy = 15,
    /// N=65536: what cosign 2 and 3 write. 64 MiB, about 0.1 s.
    Standard = 16,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: Base64,
}

#[derive(Serialize, Deserialize)]
struct Kdf {
    name: String,
    params: Parameters,
    salt: Base64,
}

#[derive(Serialize, Deserialize)]
struct Parameters {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Serialize, Deserialize)]
struct Cipher {
    name: String,
    nonce: Base64,
}

struct Base64(Vec<u8>);

impl Parameters {
    /// Refuses costs that cosign never writes: a tampered file could make a guess free, or exhaust the memory.
    fn to_scrypt(&self) -> Result<scrypt::Params, KeyError> {
        let refused = || KeyError::Cost {
            n: self.n,
            r: self.r,
            p: self.p,
        };
        let log_n = match (self.n, self.r, self.p) {
            (32_768, 8, 1) => 15,
            (65_536, 8, 1) => 16,
            (131_072, 8, 1) => 17,
            _ => return Err(refused()),
        };
        scrypt::Params::new(log_n, self.r, self.p).map_err(|_| refused())
    }
}

/// Seals `plaintext` under a password, which may be empty, as cosign allows.
pub(super) fn seal(plaintext: &[u8], password: &[u8], cost: Cost) -> Result<Vec<u8>, KeyError> {
    let params = Parameters {
        n: 1 << cost as u8,
        r: 8,
        p: 1,
    };
    let mut salt = vec![0; SALT];
    let mut nonce = vec![0; NONCE];
    for random in [&mut salt, &mut nonce] {
        rand::fill(random).map_err(|_| KeyError::Cryptography("no random numbers"))?;
    }
    let ciphertext = cipher(password, &salt, &params)?
        .encrypt(Nonce::from_slice(&nonce), plaintext)
        .map_err(|_| KeyError::Cryptography("the key could not be encrypted"))?;
    let sealed = Sealed {
        kdf: Kdf {
            name: KDF.to_owned(),
            params,
            salt: Base64(salt),
        },
        cipher: Cipher {
            name: CIPHER.to_owned(),
            nonce: Base64(nonce),
        },
        ciphertext: Base64(ciphertext),
    };
    serde_json::to_vec(&sealed).map_err(|error| KeyError::Encryption(error.to_string()))
}

/// Opens what [`seal`] or cosign sealed.
pub(super) fn open(sealed: &[u8], password: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let sealed: Sealed =
        serde_json::from_slice(sealed).map_err(|error| KeyError::Encryption(format!("not cosign's JSON: {error}")))?;
    for (what, expected, found) in [
        ("key derivation", KDF, &sealed.kdf.name),
        ("cipher", CIPHER, &sealed.cipher.name),
    ] {
        if found != expected {
            return Err(KeyError::Encryption(format!("its {what} is not `{expected}`")));
        }
    }
    if sealed.cipher.nonce.0.len() != NONCE {
        return Err(KeyError::Encryption(format!("its nonce is not {NONCE} bytes long")));
    }
    cipher(password, &sealed.kdf.salt.0, &sealed.kdf.params)?
        .decrypt(Nonce::from_slice(&sealed.cipher.nonce.0), &*sealed.ciphertext.0)
        .map(Zeroizing::new)
        .map_err(|_| KeyError::WrongPassword)
}

fn cipher(password: &[u8], salt: &[u8], params: &Parameters) -> Result<XSalsa20Poly1305, KeyError> {
    let mut key = Zeroizing::new([0; KEY]);
    scrypt::scrypt(password, salt, &params.to_scrypt()?, &mut *key)
        .map_err(|_| KeyError::Cryptography("scrypt refused its parameters"))?;
    Ok(XSalsa20Poly1305::new(Key::from_slice(&*key)))
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Base64;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64, E> {
                // The text is not repeated: it belongs to a key.
                STANDARD
                    .decode(text)
                    .map(Base64)
                    .map_err(|_| E::custom("expected base64"))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
        let mut sealed = serde_json::json!({
            "kdf": {"name": "scrypt", "params": {"N": 32768, "r": 8, "p": 1}, "salt": STANDARD.encode([1; 32])},
            "cipher": {"name": "nacl/secretbox", "nonce": STANDARD.encode([2; 24])},
            "ciphertext": STANDARD.encode([3; 64]),
        });
        edit(&mut sealed);
        serde_json::to_vec(&sealed).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_its_password_only() {
        let sealed = seal(b"secret", b"password", Cost::Legacy).unwrap();
        assert_eq!(open(&sealed, b"password").unwrap().as_slice(), b"secret");
        assert_eq!(open(&sealed, b"Password"), Err(KeyError::WrongPassword));
    }

    #[test]
    fn costs_that_cosign_never_writes_are_refused_before_any_work() {
        for (n, r, p) in [(1 << 30, 8, 1), (2, 8, 1), (32_768, 1 << 20, 1), (32_768, 8, 1 << 20)] {
            let sealed = edited(|sealed| sealed["kdf"]["params"] = serde_json::json!({"N": n, "r": r, "p": p}));
            assert_eq!(open(&sealed, b""), Err(KeyError::Cost { n, r, p }));
        }
    }

    #[test]
    fn malformed_parts_are_errors_that_do_not_repeat_them() {
        for (sealed, expected) in [
            (edited(|sealed| sealed["cipher"]["nonce"] = "AAAA".into()), "nonce"),
            (edited(|sealed| sealed["cipher"]["name"] = "none".into()), "cipher"),
            (
                edited(|sealed| sealed["kdf"]["name"] = "pbkdf2".into()),
                "key derivation",
            ),
            (edited(|sealed| sealed["ciphertext"] = "§secret§".into()), "base64"),
            (b"{".to_vec(), "JSON"),
        ] {
            let error = open(&sealed, b"").unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret§"), "{error}");
        }
    }

    #[test]
    fn a_shortened_ciphertext_does_not_open() {
        for length in [0, 15, 16] {
            let sealed = edited(|sealed| sealed["ciphertext"] = STANDARD.encode(vec![0; length]).into());
            assert_eq!(open(&sealed, b""), Err(KeyError::WrongPassword));
        }
    }
}
