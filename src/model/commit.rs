//! A commit's files, read without a checkout.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Digest;

/// The hexadecimal id of a Git object, 40 digits (SHA-1).
macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 20]);

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let bad = || format!("`{text}` is not a full object id: expected 40 hexadecimal digits");
                if text.len() != 40 {
                    return Err(bad());
                }
                let nibble = |digit: u8| char::from(digit).to_digit(16).ok_or_else(bad);
                let mut bytes = [0; 20];
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    *byte = (nibble(pair[0])? << 4 | nibble(pair[1])?) as u8;
                }
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

object_id!(
    /// A commit's id.
    CommitId
);
object_id!(
    /// A file content's id.
    BlobId
);

impl CommitId {
    /// The first ten digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string()[..10].to_owned()
    }
}

/// A file's path in the desired-state repository, `/`-separated, relative, without `.` and `..`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RepoPath(pub Arc<str>);

impl RepoPath {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RepoPath {
    fn from(path: &str) -> Self {
        Self(path.into())
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One entry of a tree that landfall reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TreeFile {
    Regular {
        blob: BlobId,
        bytes: Arc<[u8]>,
    },
    /// Refused wherever a file is expected: a link could lead out of the repository.
    Symlink,
    /// Its content was not read: larger than [`super::Limits::manifest_file`].
    TooLarge {
        bytes: u64,
    },
    /// Another repository stands here: its files are not part of this commit.
    Submodule,
    /// A file that is no manifest: that it is there is all that counts.
    Other,
    /// A folder of which nothing was read, because it holds too much; or `landfall.toml` where the folder that it
    /// stands in does. A limit of [`super::Limits`].
    Excessive {
        limit: u64,
        /// Of what it holds more.
        what: &'static str,
    },
}

impl TreeFile {
    /// A file that no repository holds yet. Its id is made from SHA-256 instead of Git's SHA-1: it tells contents
    /// apart, no more.
    #[must_use]
    pub fn unstored(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let mut id = [0; 20];
        id.copy_from_slice(&Digest::of(&bytes).as_bytes()[..20]);
        Self::Regular {
            blob: BlobId(id),
            bytes,
        }
    }
}

/// The files of one commit that can matter: `landfall.toml`, `keys/`, `trust/`, `promotions/`, below the
/// configured path.
#[derive(Debug, Clone)]
pub struct Tree {
    pub commit: CommitId,
    pub files: BTreeMap<RepoPath, TreeFile>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_forty_hexadecimal_digits_are_an_id() {
        let id = CommitId([0xab; 20]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "abc", &"+a".repeat(20), &"zz".repeat(20), &"é".repeat(20)] {
            assert!(bad.parse::<CommitId>().is_err(), "{bad}");
        }
    }
}
