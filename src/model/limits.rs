//! Every limit on what comes from outside, in one place.

/// Sizes in bytes unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A manifest or index in a registry (OCI distribution specification: registries should accept 4 MiB).
    pub manifest: usize,
    /// How deep lists and objects may stand in each other in its JSON.
    pub json_nesting: usize,
    /// How deep indexes may nest: an index of images is 1.
    pub nesting: usize,
    /// Descriptors in one index, and layers in one manifest.
    pub descriptors: usize,
    /// Manifests and indexes of one image, all levels together.
    pub image_manifests: usize,
    /// Their bytes, all together: they are kept in memory while the image is copied.
    pub image_bytes: usize,
    /// How many of them are read at once.
    pub image_reads: usize,
    /// Referrers and cosign tags that travel with one image, all levels together.
    pub carried: usize,
    /// Their bytes, all together.
    pub carried_bytes: u64,
    /// Referrers of referrers: 1 is the image's own.
    pub carried_depth: usize,
    /// A file in the desired-state repository.
    pub manifest_file: usize,
    /// Files and folders below one project's folder in the desired-state repository; likewise below `keys` and `trust`.
    pub project_files: usize,
    /// Bytes of the manifests among them. The slowest manifest takes 0.3 s and 10 MB for each MiB.
    pub project_bytes: u64,
    /// Files and folders of one commit that landfall meets, all projects together.
    pub tree_files: usize,
    /// Bytes of the manifests among them: three times what 46,000 claims need.
    pub tree_bytes: u64,
    /// How deep their folders may nest.
    pub tree_depth: usize,
    /// A blob that is read into memory: signature payloads, bundles, configs.
    pub small_blob: usize,
    /// An answer that is neither manifest nor blob: tokens, errors, one page of tags.
    pub answer: usize,
    /// Tags in one repository, all pages together.
    pub tags: usize,
    /// Repositories that one registry lists, all pages together.
    pub repositories: usize,
    /// Pages of one list.
    pub pages: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 4 << 20,
            json_nesting: 100,
            nesting: 4,
            descriptors: 1_000,
            image_manifests: 1_000,
            image_bytes: 32 << 20,
            image_reads: 8,
            carried: 100,
            carried_bytes: 64 << 20,
            carried_depth: 2,
            manifest_file: 4 << 20,
            project_files: 50_000,
            project_bytes: 8 << 20,
            tree_files: 200_000,
            tree_bytes: 16 << 20,
            tree_depth: 32,
            small_blob: 4 << 20,
            answer: 4 << 20,
            tags: 1_000_000,
            repositories: 100_000,
            pages: 10_000,
        }
    }
}
