//! Tags.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::Digest;

/// A tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}` (OCI distribution specification, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

/// Why a text is not a tag.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TagError {
    #[error("a tag is empty")]
    Empty,
    #[error("a tag has {0} characters: at most 128 are allowed")]
    Length(usize),
    #[error("`{tag}` is not a tag: `{character}` is not allowed{}", if *.first { " at the start" } else { "" })]
    Character { tag: String, character: char, first: bool },
}

impl Tag {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As registries keep it that do not tell upper from lower case; `None` where that is the tag itself.
    #[must_use]
    pub fn in_lower_case(&self) -> Option<Self> {
        let differs = self.0.bytes().any(|byte| byte.is_ascii_uppercase());
        differs.then(|| Self(self.0.to_ascii_lowercase().into()))
    }

    /// Whether registries' clients keep metadata under this tag: cosign's `sha256-<hex>.sig`, `.att`, `.sbom`,
    /// the fallback referrers index `sha256-<hex>`, landfall's own anchors. Nobody can claim such a tag.
    #[must_use]
    pub fn is_metadata(&self) -> bool {
        let Some(rest) = self
            .0
            .strip_prefix("sha256-")
            .or_else(|| self.0.strip_prefix("sha512-"))
        else {
            return false;
        };
        let digits = rest
            .bytes()
            .take_while(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            .count();
        (64..=128).contains(&digits) && matches!(rest.as_bytes().get(digits), None | Some(b'.'))
    }

    /// Whether several writers share what stands under this tag, each entry of which is its writer's own: the fallback
    /// referrers index, cosign's `.sig` and `.att`.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        let suffix = self.0.split_once('.').map(|(_, suffix)| suffix);
        self.is_metadata() && matches!(suffix, None | Some("sig" | "att"))
    }

    /// The tag under which the fallback referrers index of `subject` stands
    /// (OCI distribution specification, "Referrers Tag Schema").
    #[must_use]
    pub fn referrers_of(subject: &Digest) -> Self {
        Self(format!("sha256-{}", subject.hex()).into())
    }

    /// cosign's tag for metadata about `subject`; `suffix` is `sig`, `att` or `sbom`.
    #[must_use]
    pub fn cosign(subject: &Digest, suffix: &str) -> Self {
        Self(format!("sha256-{}.{suffix}", subject.hex()).into())
    }

    /// landfall's own tag that keeps a manifest where registries drop what has none.
    #[must_use]
    pub fn anchor(digest: &Digest) -> Self {
        Self(format!("sha256-{}.landfall", digest.hex()).into())
    }
}

impl FromStr for Tag {
    type Err = TagError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(TagError::Empty);
        }
        let length = text.chars().count();
        if length > 128 {
            return Err(TagError::Length(length));
        }
        for (index, character) in text.chars().enumerate() {
            let allowed =
                character.is_ascii_alphanumeric() || character == '_' || index > 0 && matches!(character, '.' | '-');
            if !allowed {
                return Err(TagError::Character {
                    tag: text.to_owned(),
                    character,
                    first: index == 0,
                });
            }
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Tag {
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
    fn tags_of_the_specification_are_accepted_and_others_refused() {
        for good in ["v1.9.3", "_", "1", "a-b_c.D"] {
            assert!(good.parse::<Tag>().is_ok(), "{good}");
        }
        for bad in ["", "-a", ".a", "a b", "a/b", "ü", &"a".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_tag_with_upper_case_has_another_in_lower_case() {
        let lower = |text: &str| text.parse::<Tag>().unwrap().in_lower_case();
        assert_eq!(lower("V1.0-RC_x"), Some("v1.0-rc_x".parse().unwrap()));
        assert_eq!(lower("v1.0-rc_x"), None);
    }

    #[test]
    fn metadata_tags_are_told_from_tags_that_look_like_them() {
        let digest = Digest::of(b"");
        for metadata in [
            Tag::referrers_of(&digest),
            Tag::cosign(&digest, "sig"),
            Tag::cosign(&digest, "landfall"),
        ] {
            assert!(metadata.is_metadata(), "{metadata}");
        }
        let shared = |suffix| Tag::cosign(&digest, suffix).is_shared();
        assert!(Tag::referrers_of(&digest).is_shared() && shared("sig") && shared("att") && !shared("sbom"));
        for plain in ["sha256-abc", "v1", "sha256-", &format!("sha256-{}x", digest.hex())] {
            assert!(!plain.parse::<Tag>().unwrap().is_metadata(), "{plain}");
        }
    }
}
