//! What a registry can do, and how landfall knows.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::media_type;

macro_rules! capabilities {
    ($($(#[$documentation:meta])* $name:ident = $text:literal, $meaning:literal;)*) => {
        /// Something in which registries differ. The texts are the keys in `config.toml` and in JSON.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Capability {
            $($(#[$documentation])* #[serde(rename = $text)] $name),*
        }

        impl Capability {
            /// In the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// As configurations and programs write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// For people.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }
        }
    };
}

capabilities! {
    /// OCI distribution specification, "Listing Referrers".
    Referrers = "referrers", "referrers API";
    /// The answer to a manifest with a subject carries `OCI-Subject` (OCI distribution specification, "Pushing Manifests
    /// with Subject").
    Subject = "subject", "subject acknowledged";
    OciImage = "oci-image", "OCI image manifests";
    OciIndex = "oci-index", "OCI indexes";
    /// Image manifests with an `artifactType` and a `subject`, as signatures and attestations are.
    Artifact = "artifact", "artifacts with a type";
    DockerImage = "docker-image", "Docker images";
    DockerList = "docker-list", "Docker manifest lists";
    /// Takes an index whose children are not there.
    SparseIndex = "sparse-index", "indexes without children";
    TagDeletion = "tag-deletion", "deleting a tag";
    ManifestDeletion = "manifest-deletion", "deleting a manifest";
    /// A tag that stands is never moved.
    ImmutableTags = "immutable-tags", "tags are immutable";
    /// A manifest goes with the last of its tags, also when that is moved away, and whoever else needs it.
    DropsUntagged = "drops-untagged", "drops what has no tag";
    Mount = "mount", "mounting blobs";
    ChunkedUpload = "chunked-upload", "uploads in chunks";
    RangeDownload = "range-download", "downloads by range";
    Catalog = "catalog", "list of repositories";
    /// As Google's registries do.
    TagDigests = "tag-digests", "digests in tag lists";
}

impl fmt::Display for Capability {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl Capability {
    /// What a registry has to be able to take to hold a manifest of this media type.
    #[must_use]
    pub fn to_hold(media_type: &str) -> Option<Self> {
        match media_type {
            media_type::OCI_MANIFEST => Some(Self::OciImage),
            media_type::OCI_INDEX => Some(Self::OciIndex),
            media_type::DOCKER_MANIFEST => Some(Self::DockerImage),
            media_type::DOCKER_LIST => Some(Self::DockerList),
            _ => None,
        }
    }
}

/// Whether a registry can do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ability {
    Yes,
    No,
    /// And why: it was not tried, or did not answer. Never to be read as `No`.
    Unknown(String),
}

impl Ability {
    #[must_use]
    pub fn of(able: bool) -> Self {
        if able { Self::Yes } else { Self::No }
    }

    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown(_) => "unknown",
        }
    }

    /// `None` where it is not known.
    #[must_use]
    pub const fn known(&self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unknown(_) => None,
        }
    }
}

/// How landfall knows of an ability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KnownBy {
    /// It stands in the configuration.
    Declared,
    /// The registry has just shown it.
    Probed,
    /// It was shown then, and is remembered.
    Remembered(Timestamp),
}

/// What is known of one capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knowledge {
    pub ability: Ability,
    pub known_by: KnownBy,
    /// What the registry did, for people; may be empty.
    pub evidence: String,
}

impl Knowledge {
    #[must_use]
    pub fn declared(able: bool) -> Self {
        Self {
            ability: Ability::of(able),
            known_by: KnownBy::Declared,
            evidence: String::new(),
        }
    }

    #[must_use]
    pub fn probed(able: bool, evidence: impl Into<String>) -> Self {
        Self {
            ability: Ability::of(able),
            known_by: KnownBy::Probed,
            evidence: evidence.into(),
        }
    }

    #[must_use]
    pub fn unknown(why: impl Into<String>) -> Self {
        Self {
            ability: Ability::Unknown(why.into()),
            known_by: KnownBy::Probed,
            evidence: String::new(),
        }
    }
}

/// What a registry showed at some time, as it is remembered. What is not known is not worth remembering.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    pub able: bool,
    #[serde(default)]
    pub evidence: String,
    pub at: Timestamp,
}

/// A registry showed something else than was declared or remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    pub capability: Capability,
    /// What was believed, and why.
    pub believed: Knowledge,
    pub shown: Knowledge,
}

/// What is known of the registry at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capabilities {
    known: BTreeMap<Capability, Knowledge>,
    /// The smallest chunk, in bytes, that it takes but for the last (`OCI-Chunk-Min-Length`).
    pub minimum_chunk: Option<u64>,
}

impl Capabilities {
    #[must_use]
    pub fn of(&self, capability: Capability) -> Option<&Knowledge> {
        self.known.get(&capability)
    }

    /// Whether it can do this, as far as is known.
    #[must_use]
    pub fn can(&self, capability: Capability) -> Option<bool> {
        self.of(capability)?.ability.known()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Capability, &Knowledge)> {
        self.known
            .iter()
            .map(|(capability, knowledge)| (*capability, knowledge))
    }

    /// Takes note. What was declared stands whatever is shown, what was shown beats what was remembered, and what is
    /// known is not forgotten because of an answer that does not tell.
    pub fn learn(&mut self, capability: Capability, shown: Knowledge) -> Option<Contradiction> {
        let Some(believed) = self.known.get(&capability) else {
            self.known.insert(capability, shown);
            return None;
        };
        let differs = matches!(
            (believed.ability.known(), shown.ability.known()),
            (Some(believed), Some(shown)) if believed != shown
        );
        let contradiction = differs.then(|| Contradiction {
            capability,
            believed: believed.clone(),
            shown: shown.clone(),
        });
        let stands = believed.known_by == KnownBy::Declared
            || (shown.ability.known().is_none() && believed.ability.known().is_some());
        if !stands {
            self.known.insert(capability, shown);
        }
        contradiction
    }
}

impl FromIterator<(Capability, Knowledge)> for Capabilities {
    fn from_iter<I: IntoIterator<Item = (Capability, Knowledge)>>(known: I) -> Self {
        Self {
            known: known.into_iter().collect(),
            minimum_chunk: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(able: bool) -> Knowledge {
        Knowledge {
            known_by: KnownBy::Remembered(Timestamp::UNIX_EPOCH),
            ..Knowledge::probed(able, "")
        }
    }

    fn believing(believed: Knowledge) -> Capabilities {
        [(Capability::Mount, believed)].into_iter().collect()
    }

    #[test]
    fn what_was_declared_stands_and_is_contradicted_aloud() {
        let mut capabilities = believing(Knowledge::declared(false));
        let contradiction = capabilities.learn(Capability::Mount, Knowledge::probed(true, "201"));
        assert_eq!(contradiction.unwrap().shown.evidence, "201");
        assert_eq!(capabilities.can(Capability::Mount), Some(false));
        assert_eq!(
            capabilities.learn(Capability::Mount, Knowledge::probed(false, "")),
            None
        );
    }

    #[test]
    fn what_is_shown_beats_what_is_remembered_and_silence_beats_nothing() {
        let mut capabilities = believing(remembered(true));
        assert_eq!(capabilities.learn(Capability::Mount, Knowledge::unknown("429")), None);
        assert_eq!(capabilities.can(Capability::Mount), Some(true));
        assert!(
            capabilities
                .learn(Capability::Mount, Knowledge::probed(false, "202"))
                .is_some()
        );
        assert_eq!(capabilities.can(Capability::Mount), Some(false));
        assert_eq!(capabilities.can(Capability::Catalog), None);
    }

    #[test]
    fn capabilities_are_written_as_they_are_named() {
        for capability in Capability::ALL {
            assert_eq!(serde_json::to_value(capability).unwrap(), capability.as_str());
        }
    }
}
