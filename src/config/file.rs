//! The keys of `config.toml`. The doc comments are the descriptions in its JSON Schema.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::scalar::{Count, Period, Size};
use super::{Credential, SignerSettings};
use crate::model::{CommitId, Prefix};

/// The runtime configuration of landfall: what does not stand in Git. Paths are relative to this file.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct File {
    /// Repository prefixes that may be written to, whatever Git says. Without any, nothing is written.
    #[schemars(with = "Vec<String>")]
    pub allow_writes: Vec<Prefix>,
    /// Repository prefixes that may be read beside those that may be written to. Where left out, all.
    #[schemars(with = "Vec<String>")]
    pub allow_reads: Option<Vec<Prefix>>,
    /// The desired-state repository.
    pub git: GitKeys,
    /// Where landfall keeps what it must remember.
    pub storage: StorageKeys,
    /// How often to look.
    pub observe: ObserveKeys,
    /// Settings by registry and repository prefix. Each is taken from the longest prefix that makes it.
    #[serde(deserialize_with = "registries")]
    #[schemars(with = "BTreeMap<String, RegistryKeys>")]
    pub registries: BTreeMap<Prefix, RegistryKeys>,
    /// The private keys of the signers that landfall.toml names.
    #[schemars(with = "BTreeMap<String, SignerKeys>")]
    pub signers: BTreeMap<String, SignerSettings>,
    /// Limits on what comes from outside, and on the work done at once.
    pub limits: LimitKeys,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct GitKeys {
    /// A path or a file:// URL.
    pub url: Option<String>,
    /// The branch to follow. Where left out: the one that HEAD points to.
    pub branch: Option<String>,
    /// The folder in the repository that holds landfall.toml. Where left out: its root.
    pub path: Option<String>,
    /// How often to look for commits, beside being told of them.
    pub interval: Option<Period>,
    /// The commit to begin with: what came before is not looked at.
    #[schemars(with = "String")]
    pub floor: Option<CommitId>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct StorageKeys {
    /// The folder for what must not be lost. Where left out: $XDG_STATE_HOME/landfall.
    pub state: Option<PathBuf>,
    /// The folder for what may be deleted at any time. Where left out: $XDG_CACHE_HOME/landfall.
    pub cache: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct ObserveKeys {
    /// How long damage at a registry may stay unseen: how often everything is looked at.
    pub interval: Option<Period>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct RegistryKeys {
    /// For reading. Where left out: those for writing.
    pub read: Option<Credential>,
    /// For writing. Where left out, writes are anonymous.
    pub write: Option<Credential>,
    /// A file of certificate authorities (PEM) that count beside the system's.
    pub ca: Option<PathBuf>,
    /// HTTP without TLS.
    pub plain_http: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SignerKeys {
    /// A private key as cosign writes it.
    pub private_key: PathBuf,
    /// A file that holds the key's password.
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds the key's password.
    pub password_env: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct LimitKeys {
    /// Size of a manifest or index in a registry.
    pub manifest: Option<Size>,
    /// How deep indexes may nest.
    pub nesting: Option<Count>,
    /// Descriptors in one index, layers in one manifest.
    pub descriptors: Option<Count>,
    /// Manifests and indexes of one image, all levels together.
    pub image_manifests: Option<Count>,
    /// Their size, all together.
    pub image_bytes: Option<Size>,
    /// How many of them are read at once.
    pub image_reads: Option<Count>,
    /// Referrers and cosign tags that travel with one image.
    pub carried: Option<Count>,
    /// Their size, all together.
    pub carried_bytes: Option<Size>,
    /// Referrers of referrers: 1 is the image's own.
    pub carried_depth: Option<Count>,
    /// Size of a file in the desired-state repository.
    pub manifest_file: Option<Size>,
    /// Files of one commit that are read.
    pub tree_files: Option<Count>,
    /// Their size, all together.
    pub tree_bytes: Option<Size>,
    /// How deep their folders may nest.
    pub tree_depth: Option<Count>,
    /// Size of a blob that is read into memory.
    pub small_blob: Option<Size>,
    /// Size of a registry's answer that is neither manifest nor blob.
    pub answer: Option<Size>,
    /// Tags in one repository.
    pub tags: Option<Count>,
    /// Repositories that one registry lists.
    pub repositories: Option<Count>,
    /// Pages of one list.
    pub pages: Option<Count>,
    /// Requests under way at one registry at once.
    pub concurrency: Option<Count>,
    /// Requests that one pass may spend on looking.
    pub requests_per_pass: Option<Count>,
    /// How long to wait for registries.
    pub timeouts: TimeoutKeys,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct TimeoutKeys {
    /// For a connection, TLS included.
    pub connect: Option<Period>,
    /// From a request to the head of its answer.
    pub head: Option<Period>,
    /// Between two pieces of a body.
    pub idle: Option<Period>,
    /// For the whole of an answer that is read into memory.
    pub body: Option<Period>,
    /// From the end of an upload to its answer.
    pub commit: Option<Period>,
}

/// A registry can be written in several ways; as keys they would silently replace each other.
fn registries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Prefix, RegistryKeys>, D::Error> {
    struct ByPrefix;

    impl<'de> Visitor<'de> for ByPrefix {
        type Value = BTreeMap<Prefix, RegistryKeys>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a table of registry prefixes")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = BTreeMap::new();
            while let Some((prefix, keys)) = map.next_entry::<Prefix, RegistryKeys>()? {
                if found.contains_key(&prefix) {
                    return Err(A::Error::custom(format!(
                        "`{prefix}` stands here twice, written in two ways"
                    )));
                }
                found.insert(prefix, keys);
            }
            Ok(found)
        }
    }

    deserializer.deserialize_map(ByPrefix)
}
