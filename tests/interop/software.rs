//! Registries of other makers, and what each of them can do.

use landfall::model::Capability;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Software {
    /// Debian's 2.8.2, on files and without referrers API.
    DockerRegistry,
    /// The same, with a password (htpasswd).
    DockerRegistryWithPassword,
    /// The same, with a token server.
    DockerRegistryWithTokens,
    /// The same, with TLS by an authority of its own.
    DockerRegistryWithTls,
    /// The same, as it comes: it deletes nothing.
    DockerRegistryWithoutDeletes,
    /// What became of it: 3.1.2.
    Distribution,
    /// go-containerregistry's, in memory and with the referrers API.
    WithReferrers,
    /// The same without, as `crane registry serve` is.
    WithoutReferrers,
    /// ferro-oci-server 1.0.0, in memory.
    Ferro,
    /// Gitea's 1.26.0, with tokens.
    Gitea,
}

impl Software {
    pub const ALL: [Self; 10] = [
        Self::DockerRegistry,
        Self::DockerRegistryWithPassword,
        Self::DockerRegistryWithTokens,
        Self::DockerRegistryWithTls,
        Self::DockerRegistryWithoutDeletes,
        Self::Distribution,
        Self::WithReferrers,
        Self::WithoutReferrers,
        Self::Ferro,
        Self::Gitea,
    ];

    /// What it cannot do of all that landfall asks after.
    pub const fn lacks(self) -> &'static [Capability] {
        use Capability::{
            DropsUntagged, ImmutableTags, ManifestDeletion, Mount, RangeDownload, Referrers, SparseIndex, Subject,
            TagDeletion, TagDigests,
        };
        match self {
            Self::DockerRegistry
            | Self::DockerRegistryWithPassword
            | Self::DockerRegistryWithTokens
            | Self::DockerRegistryWithTls => &[
                Referrers,
                Subject,
                SparseIndex,
                TagDeletion,
                ImmutableTags,
                DropsUntagged,
                TagDigests,
            ],
            Self::DockerRegistryWithoutDeletes => &[
                Referrers,
                Subject,
                SparseIndex,
                TagDeletion,
                ManifestDeletion,
                ImmutableTags,
                DropsUntagged,
                TagDigests,
            ],
            Self::Distribution => &[
                Referrers,
                Subject,
                SparseIndex,
                ImmutableTags,
                DropsUntagged,
                TagDigests,
            ],
            Self::WithReferrers => &[Subject, SparseIndex, ImmutableTags, DropsUntagged, Mount, TagDigests],
            Self::WithoutReferrers => &[
                Referrers,
                Subject,
                SparseIndex,
                ImmutableTags,
                DropsUntagged,
                Mount,
                TagDigests,
            ],
            Self::Ferro => &[
                SparseIndex,
                TagDeletion,
                ImmutableTags,
                DropsUntagged,
                Mount,
                RangeDownload,
                TagDigests,
            ],
            Self::Gitea => &[
                Referrers,
                Subject,
                SparseIndex,
                ImmutableTags,
                DropsUntagged,
                RangeDownload,
                TagDigests,
            ],
        }
    }

    pub fn can(self, capability: Capability) -> bool {
        !self.lacks().contains(&capability)
    }

    /// Whether deleting a manifest takes the tags that stand on it.
    pub const fn deletes_tags_with_manifests(self) -> bool {
        !matches!(self, Self::WithReferrers | Self::WithoutReferrers)
    }
}
