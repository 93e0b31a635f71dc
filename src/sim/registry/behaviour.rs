//! How registries in the field differ.

/// What one registry does where the OCI distribution specification leaves a choice, or where registries deviate from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// Answers `/referrers/`; without it, clients keep the fallback index.
    pub referrers_api: bool,
    /// Says `OCI-Subject` in its answer to a manifest with a subject. Registries without the referrers API never do.
    pub acknowledges_subject: bool,
    /// Takes a blob over from another of its repositories.
    pub mounts: bool,
    /// How many tags one page of the list holds at most.
    pub tag_page: usize,
    pub unknown_repository: UnknownRepository,
    /// Lists a repository that holds manifests but no tag. Where not, its tag list is that of an unknown repository.
    pub knows_untagged_repositories: bool,
    /// The tag list holds tags whose manifest is gone.
    pub lists_dangling_tags: bool,
    /// HEAD of a tag whose manifest is gone answers 200.
    pub head_trusts_tags: bool,
    /// HEAD finds manifests at all. Where not, it answers 404 for what GET serves.
    pub head_finds_manifests: bool,
    /// The tag `sha256-<hex>` is answered with the manifest `sha256:<hex>` itself, as GitLab's registry does.
    pub resolves_digest_tags: bool,
    /// A manifest goes with the last of its tags, also when that is moved, and whoever else needs it, as zot's do.
    pub drops_untagged: bool,
    /// Deleting a manifest deletes the tags on it; where not, they dangle.
    pub deletes_tags_with_manifest: bool,
    /// Deletes a tag alone. Where not, DELETE by tag answers 405.
    pub deletes_tags: bool,
    /// Deletes a manifest. Where not, DELETE answers 405.
    pub deletes_manifests: bool,
    /// Refuses to put another manifest under a tag that stands.
    pub immutable_tags: bool,
    /// Takes Docker's manifests and lists beside OCI's.
    pub docker_manifests: bool,
    /// Refuses a manifest whose blobs or children it does not hold.
    pub validates_content: bool,
    /// Garbage collection takes untagged referrers too, though their subject is tagged.
    pub collects_referrers: bool,
    /// The largest manifest that it takes, in bytes.
    pub max_manifest: usize,
}

/// The answer to a tag list of a repository that the registry does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownRepository {
    /// 404 with `NAME_UNKNOWN`.
    NameUnknown,
    /// 200 and no tags.
    EmptyList,
}

impl Default for Behaviour {
    /// A registry that does all of OCI distribution 1.1.
    fn default() -> Self {
        Self {
            referrers_api: true,
            acknowledges_subject: true,
            mounts: true,
            tag_page: 100,
            unknown_repository: UnknownRepository::NameUnknown,
            knows_untagged_repositories: true,
            lists_dangling_tags: false,
            head_trusts_tags: false,
            head_finds_manifests: true,
            resolves_digest_tags: false,
            drops_untagged: false,
            deletes_tags_with_manifest: true,
            deletes_tags: true,
            deletes_manifests: true,
            immutable_tags: false,
            docker_manifests: true,
            validates_content: true,
            collects_referrers: false,
            max_manifest: 4 << 20,
        }
    }
}

impl Behaviour {
    /// A registry of the time before the referrers API.
    #[must_use]
    pub fn without_referrers() -> Self {
        Self {
            referrers_api: false,
            acknowledges_subject: false,
            deletes_tags: false,
            ..Self::default()
        }
    }
}
