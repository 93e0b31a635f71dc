//! Verdicts.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Deserializer, de};
use thiserror::Error;

use super::PublicKey;
use super::limits::LIMITS;
use crate::model::{Digest, Repository};

/// A statement whose signature, signer and subject are what was asked for. Nothing is said about its predicate yet.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedStatement {
    pub predicate_type: String,
    /// A JSON object.
    pub predicate: serde_json::Value,
    /// [`PublicKey::fingerprint`] of the key that signed.
    pub key: Digest,
    /// The same for what says the same: the statement's bytes. What has entries of a log or timestamps beside it says more,
    /// and is like nothing else.
    pub says: Digest,
}

impl VerifiedStatement {
    /// A bundle of any predicate type carries a good signature of its signer: whoever takes one for a signature of the
    /// image, or for an attestation, has to ask which it is.
    pub fn expect_predicate(&self, expected: &'static str) -> Result<(), VerificationError> {
        if self.predicate_type == expected {
            return Ok(());
        }
        Err(VerificationError::Predicate {
            found: shown(&self.predicate_type),
            expected: expected.to_owned(),
        })
    }
}

/// Why something found at a registry does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum VerificationError {
    #[error("the {what} has {size} bytes: at most {limit} are read")]
    TooLarge {
        what: &'static str,
        size: usize,
        limit: usize,
    },
    #[error("{count} {what}: at most {limit} are read")]
    TooMany {
        what: &'static str,
        count: usize,
        limit: usize,
    },
    #[error("the {what} cannot be read: {reason}")]
    Malformed { what: &'static str, reason: String },
    #[error("{what} is not supported by this version")]
    Unsupported { what: String },
    #[error("the envelope's payload type is `{found}`: expected `{expected}`")]
    PayloadType { found: String, expected: &'static str },
    #[error("the signature is by none of the keys that count here ({keys} tried)")]
    Signature { keys: usize },
    #[error("it speaks of {found}, not of {expected}")]
    OtherDigest { found: String, expected: Digest },
    #[error("its predicate type is `{found}`: expected `{expected}`")]
    Predicate { found: String, expected: String },
    #[error("it is for `{found}`, not for `{expected}`")]
    OtherReference { found: String, expected: Repository },
    #[error("its certificate, log entry or timestamp does not hold: {reason}")]
    Untrusted { reason: String },
    #[error("it is by {found}, who is none of those that count here")]
    OtherIdentity { found: String },
    #[error("it is in no transparency log")]
    NotLogged,
    #[error("it needs a trust root, and there is none here")]
    NoTrustRoot,
    #[error("its annotation `{name}` is {found}: expected `{expected}`")]
    OtherAnnotation {
        name: String,
        found: String,
        expected: String,
    },
}

impl VerificationError {
    pub(super) fn malformed(what: &'static str, reason: impl fmt::Display) -> Self {
        Self::Malformed {
            what,
            reason: printable(&reason.to_string(), LIMITS.reason),
        }
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    pub(super) fn check_size(what: &'static str, size: usize, limit: usize) -> Result<(), Self> {
        if size > limit {
            return Err(Self::TooLarge { what, size, limit });
        }
        Ok(())
    }

    pub(super) fn check_count(what: &'static str, count: usize, limit: usize) -> Result<(), Self> {
        if count > limit {
            return Err(Self::TooMany { what, count, limit });
        }
        Ok(())
    }
}

/// The key among `keys` that made the signature; those at the front of `keys` are tried first.
pub(super) fn signer<'k>(
    keys: impl IntoIterator<Item = &'k PublicKey>,
    message: &[u8],
    signature: &[u8],
) -> Result<&'k PublicKey, VerificationError> {
    let mut tried = 0;
    for key in keys {
        if key.verify(message, signature) {
            return Ok(key);
        }
        tried += 1;
    }
    Err(VerificationError::Signature { keys: tried })
}

/// Foreign text as an error repeats it.
pub(super) fn shown(text: &str) -> String {
    printable(text, LIMITS.shown)
}

/// Text without what a terminal would obey, shortened to so many characters.
pub(super) fn printable(text: &str, limit: usize) -> String {
    let mut printable = String::with_capacity(text.len().min(limit));
    for character in text.chars().take(limit) {
        match character {
            '"' | '\'' | '\\' => printable.push(character),
            other => printable.extend(other.escape_debug()),
        }
    }
    if text.chars().nth(limit).is_some() {
        printable.push('…');
    }
    printable
}

/// A JSON object from name to text that names nothing twice: readers differ in which of the two they take.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct UniqueMap(pub BTreeMap<String, String>);

impl<'de> Deserialize<'de> for UniqueMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = UniqueMap;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object of texts")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<UniqueMap, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((name, text)) = entries.next_entry::<String, String>()? {
                    if map.contains_key(&name) {
                        return Err(de::Error::custom(format_args!("`{}` is named twice", shown(&name))));
                    }
                    map.insert(name, text);
                }
                Ok(UniqueMap(map))
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_repeated_without_control_characters_and_shortened() {
        assert_eq!(shown("a\u{1b}[31m'b'\u{202e}"), "a\\u{1b}[31m'b'\\u{202e}");
        assert_eq!(shown(&"x".repeat(1_000)).chars().count(), 101);
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        assert!(serde_json::from_str::<UniqueMap>(r#"{"a":"1","b":"2"}"#).is_ok());
        let error = serde_json::from_str::<UniqueMap>(r#"{"a":"1","a":"2"}"#).unwrap_err();
        assert!(error.to_string().contains("named twice"), "{error}");
    }
}
