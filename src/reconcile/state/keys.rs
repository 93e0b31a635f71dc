//! What rows are kept under: names as text, so that a state outlives every renumbering.

use std::str::FromStr;

use crate::model::{ArtifactKind, Digest, Repository, RepositoryPath, SignerIdentity, Tag};

/// One image at one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    pub target: String,
    /// Below each of the target's endpoints.
    pub repository: RepositoryPath,
    pub digest: Digest,
}

/// What one signer made of a claim.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalKey {
    pub claim: ClaimKey,
    pub kind: ArtifactKind,
    /// `None` in rows of schema 1 until the manifests have named the key that their bytes verify with.
    pub by: Option<SignerIdentity>,
}

/// A node of the graph at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// The node's name in text, the same in every process.
    pub node: String,
    /// The endpoint's prefix; its name in rows of schema 1.
    pub endpoint: String,
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
        parts.push(self.kind.to_string());
        parts.extend(self.by.map(|by| by.to_string()));
        parts
    }

    fn from_parts(parts: &[&str]) -> Option<Self> {
        let (claim, artifact) = parts.split_at_checked(3)?;
        let (kind, by) = match artifact {
            [kind] => (kind, None),
            [kind, by] => (kind, Some(parse(by)?)),
            _ => return None,
        };
        Some(Self {
            claim: ClaimKey::from_parts(claim)?,
            kind: ArtifactKind::ALL
                .into_iter()
                .find(|known| known.to_string() == **kind)?,
            by,
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
        let by = SignerIdentity::Key(Digest::of(b"key"));
        for (kind, by) in ArtifactKind::ALL
            .into_iter()
            .flat_map(|kind| [(kind, None), (kind, Some(by))])
        {
            let key = JournalKey {
                claim: ClaimKey {
                    target: "production".to_owned(),
                    repository: "dns/coredns".parse().unwrap(),
                    digest: Digest::of(b""),
                },
                kind,
                by,
            };
            let parts = key.parts();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            assert_eq!(JournalKey::from_parts(&parts), Some(key));
        }
    }
}
