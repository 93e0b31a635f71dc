//! Who signs: a name in Git for people, and an identity that bytes can be held against.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{Digest, SignatureForm};

/// Who made a signature. Not the signer's name: that stays when its key is changed, and signatures by the earlier key
/// are then somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SignerIdentity {
    /// Whoever holds a private key: SHA-256 over the SubjectPublicKeyInfo (DER) of the public one.
    Key(Digest),
}

const KEY: &str = "key:";

impl fmt::Display for SignerIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fingerprint) => write!(formatter, "{KEY}{fingerprint}"),
        }
    }
}

impl FromStr for SignerIdentity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fingerprint = text
            .strip_prefix(KEY)
            .ok_or_else(|| format!("`{text}` names no signer"))?;
        let fingerprint: Digest = fingerprint.parse().map_err(|error| format!("`{text}`: {error}"))?;
        Ok(Self::Key(fingerprint))
    }
}

impl serde::Serialize for SignerIdentity {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SignerIdentity {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A public key that counts for a signer, and whose signatures it proves.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SignerKey {
    /// PEM, SubjectPublicKeyInfo.
    pub pem: Arc<str>,
    pub identity: SignerIdentity,
}

/// A key that signs for targets, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signer {
    pub name: Arc<str>,
    /// What is signed from now on is signed with this one.
    pub key: SignerKey,
    /// Earlier keys; what they signed still counts.
    pub previous: Vec<SignerKey>,
    /// Sorted, without repetition, not empty.
    pub formats: Vec<SignatureForm>,
}

impl Signer {
    /// The present key, then the earlier ones.
    pub fn keys(&self) -> impl Iterator<Item = &SignerKey> {
        std::iter::once(&self.key).chain(&self.previous)
    }

    /// Who signs now.
    #[must_use]
    pub fn identity(&self) -> SignerIdentity {
        self.key.identity
    }

    /// Whether what `by` signed counts.
    #[must_use]
    pub fn counts(&self, by: SignerIdentity) -> bool {
        self.keys().any(|key| key.identity == by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_survives_the_way_through_text() {
        let identity = SignerIdentity::Key(Digest::of(b"spki"));
        assert_eq!(identity.to_string().parse(), Ok(identity));
        let json = serde_json::to_string(&identity).unwrap();
        assert_eq!(serde_json::from_str::<SignerIdentity>(&json).unwrap(), identity);
        for bad in ["", "key:", "release", "key:sha256:00", "keyless:sha256:00"] {
            assert!(bad.parse::<SignerIdentity>().is_err(), "{bad}");
        }
    }
}
