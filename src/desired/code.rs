//! The stable names of findings, as `validate` prints them in brackets and JSON carries them in `code`.

macro_rules! codes {
    (
        $(#[doc = $list_doc:literal])* $list:ident, $descriptions:ident;
        $($(#[doc = $doc:literal])* $name:ident = $code:literal),* $(,)?
    ) => {
        $($(#[doc = $doc])* pub const $name: &str = $code;)*

        $(#[doc = $list_doc])*
        pub const $list: &[&str] = &[$($code),*];

        const $descriptions: &[(&str, &str)] = &[$(($code, concat!($($doc),*))),*];
    };
}

codes! {
    /// What can be wrong with manifests, in the order of this file.
    ALL, DESCRIPTIONS;

    // Reading files.
    /// A file that is needed is not in the repository.
    MISSING_FILE = "missing-file",
    /// A symbolic link stands where a file is expected.
    SYMLINK = "symlink",
    /// A submodule stands where files are expected: they are not part of the commit.
    SUBMODULE = "submodule",
    /// A file is larger than the limit, or a folder holds more.
    TOO_LARGE = "too-large",
    /// A file is not UTF-8.
    NOT_UTF8 = "not-utf8",
    /// A file is not TOML, or not YAML.
    SYNTAX = "syntax",
    /// YAML that manifests do without: anchors, aliases, tags, merge keys, several documents.
    UNSUPPORTED_YAML = "unsupported-yaml",
    /// A file under `promotions/` belongs to no project of `landfall.toml`.
    UNKNOWN_PROJECT = "unknown-project",
    /// A file looks like a manifest but is not read as one. A warning.
    SUSPICIOUS_FILE = "suspicious-file",
    /// A file that Git ignores, so that no commit holds it. A warning.
    IGNORED_FILE = "ignored-file",
    /// A file that Git changes when it is committed. A warning.
    FILTERED_FILE = "filtered-file",
    /// A secret stands in the repository.
    SECRET_IN_GIT = "secret-in-git",

    /// There are projects, and none of them claims anything. A warning.
    NOTHING_CLAIMED = "nothing-claimed",
    /// More is wrong than is shown.
    MORE_FINDINGS = "more-findings",

    // The shape of a file.
    /// A key that means nothing here.
    UNKNOWN_KEY = "unknown-key",
    /// A key or value that kpromo knows and that changes nothing here. A warning.
    UNUSED_KEY = "unused-key",
    /// A key or value that the design knows and this build cannot carry out.
    UNSUPPORTED = "unsupported",
    /// A required key is missing.
    MISSING_KEY = "missing-key",
    /// A value of another type than expected.
    WRONG_TYPE = "wrong-type",
    /// A word that is none of the choices.
    UNKNOWN_VALUE = "unknown-value",
    /// A list or a text is empty where it must not be.
    EMPTY = "empty",
    /// A list with the same entry twice.
    DUPLICATE_ENTRY = "duplicate-entry",
    /// Not a name for a target, project, signer, policy or mirror.
    INVALID_NAME = "invalid-name",
    /// Not a digest.
    INVALID_DIGEST = "invalid-digest",
    /// Not a tag.
    INVALID_TAG = "invalid-tag",
    /// Not a registry, prefix, repository or path.
    INVALID_REFERENCE = "invalid-reference",
    /// Not a pattern for tags.
    INVALID_GLOB = "invalid-glob",
    /// Not a path of a file below `keys/`.
    INVALID_KEY_PATH = "invalid-key-path",
    /// A tag or an image name with dots that is not quoted.
    UNQUOTED = "unquoted",
    /// A tag under which registries' clients keep metadata.
    METADATA_TAG = "metadata-tag",

    // landfall.toml as a whole.
    /// A name of a target, signer, policy or endpoint that is defined nowhere.
    UNKNOWN_NAME = "unknown-name",
    /// A name that landfall uses itself.
    RESERVED_NAME = "reserved-name",
    /// A key file without a public key in it.
    INVALID_KEY = "invalid-key",
    /// A target with more endpoints than a set of them can hold.
    TOO_MANY_ENDPOINTS = "too-many-endpoints",
    /// Two endpoints of which one lies inside the other.
    OVERLAPPING_ENDPOINTS = "overlapping-endpoints",
    /// Two targets that can write the same public reference.
    SHARED_REFERENCE = "shared-reference",
    /// Two projects with the same path at the same target.
    EQUAL_PATHS = "equal-paths",
    /// A plain source that lies inside a target's endpoint.
    SOURCE_IN_TARGET = "source-in-target",
    /// A target chained to itself, or to a target that the project does not write to.
    INVALID_CHAIN = "invalid-chain",
    /// A signer that the target does not allow to its projects.
    SIGNER_NOT_ALLOWED = "signer-not-allowed",
    /// Attestations without a signer that could make them.
    ATTEST_WITHOUT_SIGNER = "attest-without-signer",
    /// Settings of which one defeats the other.
    DEFEATING_SETTINGS = "defeating-settings",
    /// Two targets whose signers hold the same key. A warning.
    SHARED_KEY = "shared-key",
    /// Signatures without a promotion record. A warning.
    NO_PROMOTION_RECORD = "no-promotion-record",

    // kpromo's manifests.
    /// A manifest with no source, or with several.
    NOT_ONE_SOURCE = "not-one-source",
    /// A destination that is the source, lies inside it or holds it.
    DESTINATION_AT_SOURCE = "destination-at-source",
    /// A destination below none of the endpoints.
    UNKNOWN_ENDPOINT = "unknown-endpoint",

    // Claims, judged by landfall.toml and history.
    /// A source or target that is not granted to the project.
    OUTSIDE_GRANTS = "outside-grants",
    /// Several sources or targets are granted and the file chooses none.
    NOT_CHOSEN = "not-chosen",
    /// A repository that belongs to another project.
    FOREIGN_PATH = "foreign-path",
    /// A repository path that is too long where it would be written or read.
    PATH_TOO_LONG = "path-too-long",
    /// The same tag of the same repository with two digests.
    CONFLICTING_CLAIMS = "conflicting-claims",
    /// The same digest of the same repository from two sources.
    CONFLICTING_SOURCES = "conflicting-sources",
    /// The same digest of the same repository at two sets of endpoints.
    CONFLICTING_ENDPOINTS = "conflicting-endpoints",
    /// The same claim twice. A warning.
    DUPLICATE_CLAIM = "duplicate-claim",
    /// A chained claim whose digest is not claimed upstream.
    NOT_CLAIMED_UPSTREAM = "not-claimed-upstream",
    /// An immutable tag with another digest than it had.
    IMMUTABLE_TAG = "immutable-tag",
    /// A public reference in `[[retags]]` that no target writes. A warning.
    UNUSED_RETAG = "unused-retag",
}

codes! {
    /// What a reviewer has to look at: differences between two revisions, none of them wrong in itself.
    REVIEW, REVIEW_DESCRIPTIONS;

    /// Both sides changed the same lines of a file: Git cannot merge them.
    MERGE_CONFLICT = "merge-conflict",
    /// A claim that the base revision's grants do not allow: the change grants it to itself.
    OUTSIDE_BASE_GRANTS = "outside-base-grants",

    // Claims.
    /// An immutable tag is no longer claimed.
    TAG_DROPPED = "tag-dropped",
    /// An immutable tag moves to another digest, and is allowed to.
    TAG_MOVED = "tag-moved",
    /// A digest that was claimed without a tag is no longer claimed.
    DIGEST_DROPPED = "digest-dropped",
    /// An immutable tag is allowed to move.
    RETAG = "retag",

    // Targets.
    /// A target that was not there.
    TARGET_ADDED = "target-added",
    /// A target that is no longer there.
    TARGET_REMOVED = "target-removed",
    /// A target that stands under another name.
    TARGET_RENAMED = "target-renamed",
    /// A target that writes, or is known, under another prefix.
    PREFIX_CHANGED = "prefix-changed",
    /// A mirror that was not there.
    MIRROR_ADDED = "mirror-added",
    /// A mirror that is no longer there.
    MIRROR_REMOVED = "mirror-removed",
    /// More tags may move than before.
    MUTABLE_TAGS_WIDENED = "mutable-tags-widened",
    /// A setting that does less than before.
    SETTING_WEAKENED = "setting-weakened",

    // Who signs, and what is asked of a source.
    /// Another signer than before.
    SIGNER_CHANGED = "signer-changed",
    /// A signer that is no longer there, or no longer signs.
    SIGNER_REMOVED = "signer-removed",
    /// A signer's public key is another one.
    KEY_REPLACED = "key-replaced",
    /// Signatures by another key count.
    KEY_TRUSTED = "key-trusted",
    /// Signatures by an earlier key no longer count.
    KEY_RETIRED = "key-retired",
    /// Another policy than before.
    POLICY_CHANGED = "policy-changed",
    /// A policy that is no longer there, or no longer asked.
    POLICY_REMOVED = "policy-removed",
    /// A policy that asks for less than before.
    POLICY_WEAKENED = "policy-weakened",

    // Grants.
    /// A project that was not there.
    PROJECT_ADDED = "project-added",
    /// A project that is no longer there.
    PROJECT_REMOVED = "project-removed",
    /// A project may do more than before.
    GRANTS_WIDENED = "grants-widened",
}

/// What is reported where something stood that is gone: the line that is there now says nothing about it.
pub const OF_WHAT_IS_GONE: &[&str] = &[
    TAG_DROPPED,
    DIGEST_DROPPED,
    TARGET_REMOVED,
    MIRROR_REMOVED,
    SIGNER_REMOVED,
    KEY_RETIRED,
    POLICY_REMOVED,
    PROJECT_REMOVED,
];

/// What a code stands for, in a sentence.
#[must_use]
pub fn description(code: &str) -> Option<&'static str> {
    DESCRIPTIONS
        .iter()
        .chain(REVIEW_DESCRIPTIONS)
        .find(|(known, _)| *known == code)
        .map(|(_, description)| description.trim())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_and_in_kebab_case() {
        let all = || super::ALL.iter().chain(super::REVIEW);
        assert_eq!(all().collect::<BTreeSet<_>>().len(), all().count());
        for code in all() {
            assert!(
                super::description(code).is_some_and(|text| text.ends_with('.')),
                "{code}"
            );
            assert!(
                code.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{code}"
            );
        }
    }
}
