//! Content digests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// A SHA-256 content digest, `sha256:` and 64 lower-case hexadecimal digits in text
/// (OCI image specification, "Digests"). Other algorithms are refused: no registry or signing
/// tool in the field serves them reliably.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DigestError {
    #[error("`{0}` is not a digest: expected `sha256:` and 64 hexadecimal digits")]
    Form(String),
    #[error("digest algorithm `{0}` is not supported by this version: expected `sha256`")]
    Algorithm(String),
    #[error("digest has {0} hexadecimal digits: expected 64")]
    Length(usize),
    #[error("digest has `{0}` among its digits: expected 0-9 and lower-case a-f")]
    Character(char),
}

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hexadecimal digits without the algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        faster_hex::hex_string(&self.0)
    }

    /// The first twelve hexadecimal digits, for tables.
    #[must_use]
    pub fn short(&self) -> String {
        self.hex()[..12].to_owned()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let shown = || text.chars().take(100).collect::<String>();
        let (algorithm, hex) = text.split_once(':').ok_or_else(|| DigestError::Form(shown()))?;
        if algorithm != "sha256" {
            return Err(match algorithm {
                "sha384" | "sha512" | "blake3" => DigestError::Algorithm(algorithm.to_owned()),
                _ => DigestError::Form(shown()),
            });
        }
        if let Some(bytes) = decode(hex.as_bytes()) {
            return Ok(Self(bytes));
        }
        match hex.chars().find(|c| !matches!(c, '0'..='9' | 'a'..='f')) {
            Some(bad) => Err(DigestError::Character(bad)),
            None => Err(DigestError::Length(hex.len())),
        }
    }
}

/// The bytes of 64 lower-case hexadecimal digits.
fn decode(hex: &[u8]) -> Option<[u8; 32]> {
    let hex: &[u8; 64] = hex.try_into().ok()?;
    let mut bytes = [0; 32];
    faster_hex::hex_decode(hex, &mut bytes).ok()?;
    // Upper case is decoded too, and never encoded.
    let mut canonical = [0; 64];
    faster_hex::hex_encode(&bytes, &mut canonical).ok()?;
    (canonical == *hex).then_some(bytes)
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_the_way_through_text() {
        let digest = Digest::of(b"landfall");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.hex().len(), 64);
    }

    #[test]
    fn wrong_digests_name_what_is_wrong() {
        let parse = |text: &str| text.parse::<Digest>().unwrap_err();
        assert_eq!(parse("latest"), DigestError::Form("latest".into()));
        assert_eq!(parse("sha256:abc"), DigestError::Length(3));
        assert_eq!(parse("sha256:ABC"), DigestError::Character('A'));
        assert_eq!(
            parse(&format!("sha512:{}", "0".repeat(128))),
            DigestError::Algorithm("sha512".into())
        );
    }
}
