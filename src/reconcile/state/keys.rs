//! What rows are kept under: names as text, so that a state outlives every renumbering.

use std::fmt;
use std::str::FromStr;

use crate::model::{AttestationKind, Digest, Repository, RepositoryPath, SignatureForm, Slot, Tag};

/// One image at one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    pub target: String,
    /// Below each of the target's endpoints.
    pub repository: RepositoryPath,
    pub digest: Digest,
}

/// Something that landfall signs about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signed {
    Signature(SignatureForm),
    Attestation(AttestationKind),
}

/// Signed bytes of a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalKey {
    pub claim: ClaimKey,
    pub signed: Signed,
}

/// A node of the graph at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// The node's name in text, the same in every process.
    pub node: String,
    pub endpoint: String,
}

impl Signed {
    const ALL: [Self; 3] = [
        Self::Signature(SignatureForm::Bundle),
        Self::Signature(SignatureForm::Tag),
        Self::Attestation(AttestationKind::Promotion),
    ];

    #[must_use]
    pub fn slot(self) -> Slot {
        match self {
            Self::Signature(form) => Slot::Signature(form),
            Self::Attestation(kind) => Slot::Attestation(kind),
        }
    }

    /// What this slot holds, where it holds something signed.
    #[must_use]
    pub fn of(slot: Slot) -> Option<Self> {
        match slot {
            Slot::Signature(form) => Some(Self::Signature(form)),
            Slot::Attestation(kind) => Some(Self::Attestation(kind)),
            Slot::Gate | Slot::Image | Slot::Tag(_) => None,
        }
    }
}

impl fmt::Display for Signed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature(form) => write!(formatter, "signature/{form}"),
            Self::Attestation(kind) => write!(formatter, "attestation/{kind}"),
        }
    }
}

/// Between the parts of a key. No part contains it: see [`TextKey::parts`].
pub(super) const SEPARATOR: char = '\t';

/// A key as text: parts that contain no control characters.
pub(super) trait TextKey: Sized {
    fn parts(&self) -> Vec<String>;

    fn from_parts(parts: &[&str]) -> Option<Self>;
}

fn parse<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

impl TextKey for String {
    fn parts(&self) -> Vec<String> {
        vec![self.clone()]
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        match parts {
            [text] => Some((*text).to_owned()),
            _ => None,
        }
    }
}

impl TextKey for (Repository, Tag) {
    fn parts(&self) -> Vec<String> {
        vec![self.0.to_string(), self.1.to_string()]
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        match parts {
            [repository, tag] => Some((parse(repository)?, parse(tag)?)),
            _ => None,
        }
    }
}

impl TextKey for (Repository, Digest) {
    fn parts(&self) -> Vec<String> {
        vec![self.0.to_string(), self.1.to_string()]
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        match parts {
            [repository, digest] => Some((parse(repository)?, parse(digest)?)),
            _ => None,
        }
    }
}

impl TextKey for ClaimKey {
    fn parts(&self) -> Vec<String> {
        vec![
            self.target.clone(),
            self.repository.to_string(),
            self.digest.to_string(),
        ]
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        match parts {
            [target, repository, digest] => Some(Self {
                target: (*target).to_owned(),
                repository: parse(repository)?,
                digest: parse(digest)?,
            }),
            _ => None,
        }
    }
}

impl TextKey for JournalKey {
    fn parts(&self) -> Vec<String> {
        let mut parts = self.claim.parts();
        parts.push(self.signed.to_string());
        parts
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        let (signed, claim) = parts.split_last()?;
        Some(Self {
            claim: ClaimKey::from_parts(claim)?,
            signed: Signed::ALL.into_iter().find(|known| known.to_string() == *signed)?,
        })
    }
}

impl TextKey for NodeKey {
    fn parts(&self) -> Vec<String> {
        vec![self.node.clone(), self.endpoint.clone()]
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        match parts {
            [node, endpoint] => Some(Self {
                node: (*node).to_owned(),
                endpoint: (*endpoint).to_owned(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_the_way_through_text() {
        for signed in Signed::ALL {
            let key = JournalKey {
                claim: ClaimKey {
                    target: "production".to_owned(),
                    repository: "dns/coredns".parse().unwrap(),
                    digest: Digest::of(b""),
                },
                signed,
            };
            let parts = key.parts();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            assert_eq!(JournalKey::from_parts(&parts), Some(key));
        }
        assert_eq!(Signed::Signature(SignatureForm::Bundle).to_string(), "signature/bundle");
        assert_eq!(Signed::of(Slot::Image), None);
    }
}
