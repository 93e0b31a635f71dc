//! What registries can do, where the configuration says so.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Capability;

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct CapabilityKeys {
    /// Whether it lists referrers itself. Where not, it is not asked for them: the fallback tag alone tells.
    #[schemars(extend("examples" = [false]))]
    pub referrers: Option<bool>,
    /// Whether it says, to an artifact that is written, that it keeps its subject's list of referrers.
    #[schemars(extend("examples" = [false]))]
    pub subject: Option<bool>,
    /// Whether it takes OCI image manifests.
    #[schemars(extend("examples" = [true]))]
    pub oci_image: Option<bool>,
    /// Whether it takes OCI indexes.
    #[schemars(extend("examples" = [true]))]
    pub oci_index: Option<bool>,
    /// Whether it takes manifests with a type of artifact and a subject, as signatures are.
    #[schemars(extend("examples" = [true]))]
    pub artifact: Option<bool>,
    /// Whether it takes Docker's image manifests (schema 2).
    #[schemars(extend("examples" = [false]))]
    pub docker_image: Option<bool>,
    /// Whether it takes Docker's manifest lists.
    #[schemars(extend("examples" = [false]))]
    pub docker_list: Option<bool>,
    /// Whether it takes an index whose children are not there.
    #[schemars(extend("examples" = [false]))]
    pub sparse_index: Option<bool>,
    /// Whether it deletes a tag and leaves its manifest. Where not, it is not asked to.
    #[schemars(extend("examples" = [false]))]
    pub tag_deletion: Option<bool>,
    /// Whether it deletes manifests. Where not, it is not asked to.
    #[schemars(extend("examples" = [false]))]
    pub manifest_deletion: Option<bool>,
    /// Whether it refuses to move a tag that stands.
    #[schemars(extend("examples" = [true]))]
    pub immutable_tags: Option<bool>,
    /// Whether a manifest goes with the last of its tags, also when that is moved away. Where not, what
    /// a moved tag leaves needs no anchor tag.
    #[schemars(extend("examples" = [true]))]
    pub drops_untagged: Option<bool>,
    /// Whether it takes a blob over from another of its repositories. Where not, it is not asked to: blobs are uploaded.
    #[schemars(extend("examples" = [false]))]
    pub mount: Option<bool>,
    /// Whether it takes blobs in chunks.
    #[schemars(extend("examples" = [false]))]
    pub chunked_upload: Option<bool>,
    /// Whether it gives a part of a blob.
    #[schemars(extend("examples" = [true]))]
    pub range_download: Option<bool>,
    /// Whether it lists its repositories. Where not, it is not asked for them.
    #[schemars(extend("examples" = [false]))]
    pub catalog: Option<bool>,
    /// Whether its tag lists carry digests.
    #[schemars(extend("examples" = [true]))]
    pub tag_digests: Option<bool>,
}

impl CapabilityKeys {
    /// What is declared, over what a shorter prefix declares.
    pub(super) fn over(&self, shorter: Option<&BTreeMap<Capability, bool>>) -> BTreeMap<Capability, bool> {
        let own = Capability::ALL
            .iter()
            .filter_map(|capability| Some((*capability, self.of(*capability)?)));
        shorter.cloned().unwrap_or_default().into_iter().chain(own).collect()
    }

    const fn of(&self, capability: Capability) -> Option<bool> {
        match capability {
            Capability::Referrers => self.referrers,
            Capability::Subject => self.subject,
            Capability::OciImage => self.oci_image,
            Capability::OciIndex => self.oci_index,
            Capability::Artifact => self.artifact,
            Capability::DockerImage => self.docker_image,
            Capability::DockerList => self.docker_list,
            Capability::SparseIndex => self.sparse_index,
            Capability::TagDeletion => self.tag_deletion,
            Capability::ManifestDeletion => self.manifest_deletion,
            Capability::ImmutableTags => self.immutable_tags,
            Capability::DropsUntagged => self.drops_untagged,
            Capability::Mount => self.mount,
            Capability::ChunkedUpload => self.chunked_upload,
            Capability::RangeDownload => self.range_download,
            Capability::Catalog => self.catalog,
            Capability::TagDigests => self.tag_digests,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::parse;

    #[test]
    fn every_capability_can_be_declared_by_its_name() {
        for capability in Capability::ALL {
            let text = format!("[registries.'example.com']\ncapabilities = {{ {capability} = false }}");
            let config = parse(&text).unwrap();
            assert_eq!(
                config.registries[0].capabilities,
                BTreeMap::from([(*capability, false)]),
                "{text}"
            );
        }
        let error = parse("[registries.'example.com']\ncapabilities = { moutn = true }").unwrap_err();
        assert!(error.to_string().contains("moutn"), "{error}");
    }

    #[test]
    fn each_capability_is_taken_from_the_longest_prefix_that_declares_it() {
        let config = parse(
            "[registries.'example.com']\ncapabilities = { referrers = false, mount = false }\n\
             [registries.'example.com/team']\ncapabilities = { mount = true }",
        )
        .unwrap();
        let team = config.registry(&"example.com/team/app".parse().unwrap()).unwrap();
        assert_eq!(
            team.capabilities,
            BTreeMap::from([(Capability::Referrers, false), (Capability::Mount, true)])
        );
    }
}
