//! The keys of `config.toml`. The doc comments are the descriptions in its JSON Schema.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::capabilities::CapabilityKeys;
use super::git::{GitKeys, GitLimitKeys};
use super::scalar::{Address, Count, Period, Rate, Size};
use super::{Credential, SignerSettings};
use crate::model::Prefix;

/// The runtime configuration of landfall: what does not stand in Git. Paths are relative to this file.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct File {
    /// Repository prefixes that may be written to, whatever Git says. Without any, nothing is written.
    #[schemars(with = "Vec<String>")]
    #[schemars(extend("default" = [], "examples" = [["registry.example.com/production"]]))]
    pub allow_writes: Vec<Prefix>,
    /// Repository prefixes that may be read beside those that may be written to. Where left out, all.
    #[schemars(with = "Vec<String>")]
    #[schemars(extend("examples" = [["staging.example.com"]]))]
    pub allow_reads: Option<Vec<Prefix>>,
    /// The desired-state repository.
    #[schemars(extend("examples" = [{ "url": "https://git.example.com/acme/releases.git", "branch": "main" }]))]
    pub git: GitKeys,
    /// Where landfall keeps what it must remember.
    #[schemars(extend("examples" = [{ "state": "/var/lib/landfall", "cache": "/var/cache/landfall" }]))]
    pub storage: StorageKeys,
    /// How often to look.
    #[schemars(extend("examples" = [{ "interval": "30m" }]))]
    pub observe: ObserveKeys,
    /// Where a running daemon answers.
    #[schemars(extend("examples" = [{ "address": "127.0.0.1:9317" }]))]
    pub serve: ServeKeys,
    /// Settings by registry and repository prefix. Each is taken from the longest prefix that makes it.
    #[serde(deserialize_with = "registries")]
    #[schemars(with = "BTreeMap<String, RegistryKeys>")]
    #[schemars(extend("examples" = [{ "registry.example.com": {
        "write": { "username": "writer", "password-file": "secrets/writer" }
    } }]))]
    pub registries: BTreeMap<Prefix, RegistryKeys>,
    /// Budgets that several registries share, by name. What names none has one for its host and port. Each finds out
    /// what it may send from what is refused, from Retry-After and from RateLimit headers; nothing need be set.
    #[schemars(extend("examples" = [{ "europe": { "requests-per-second": 50 } }]))]
    pub budgets: BTreeMap<String, BudgetKeys>,
    /// The private keys of the signers that landfall.toml names.
    #[schemars(with = "BTreeMap<String, SignerKeys>")]
    #[schemars(extend("examples" = [{ "release": {
        "private-key": "secrets/release.key",
        "password-file": "secrets/release.password",
    } }]))]
    pub signers: BTreeMap<String, SignerSettings>,
    /// Limits on what comes from outside, and on the work done at once.
    #[schemars(extend("examples" = [{ "manifest": "8 MiB", "concurrency": 8 }]))]
    pub limits: LimitKeys,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct StorageKeys {
    /// The folder for what must not be lost. Where left out: $XDG_STATE_HOME/landfall.
    #[schemars(extend("examples" = ["/var/lib/landfall"]))]
    pub state: Option<PathBuf>,
    /// The folder for what may be deleted at any time. Where left out: $XDG_CACHE_HOME/landfall.
    #[schemars(extend("examples" = ["/var/cache/landfall"]))]
    pub cache: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct ObserveKeys {
    /// How long damage at a registry may stay unseen: how often everything is looked at.
    #[schemars(extend("default" = "1h", "examples" = ["30m"]))]
    pub interval: Option<Period>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct ServeKeys {
    /// Where `landfall run` answers over HTTP: `/healthz`, `/readyz`, `/metrics` and `/api/v1`, for looking only. A bare port
    /// is one of this host's own address, 127.0.0.1. Where left out, it answers on its socket alone.
    #[schemars(with = "String")]
    #[schemars(extend("examples" = ["127.0.0.1:9317", "0.0.0.0:9317"]))]
    pub address: Option<Address>,
    /// The Unix socket through which `landfall status`, `reconcile`, `accept`, `adopt`, `pause` and `resume` reach
    /// `landfall run`. Where left out: `landfall.sock` in the folder of the state.
    #[schemars(extend("examples" = ["/run/landfall/landfall.sock"]))]
    pub socket: Option<PathBuf>,
    /// A file that holds a token with which changes may be asked for at the address too.
    #[schemars(extend("examples" = ["secrets/api-token"]))]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct RegistryKeys {
    /// How to log in for reading. Where left out: those for writing; where both are: logins that Docker or podman stored.
    #[schemars(extend("examples" = [{ "username": "reader", "password-env": "READER_PASSWORD" }]))]
    pub read: Option<Credential>,
    /// How to log in for writing. Where left out, writes are anonymous.
    #[schemars(extend("examples" = [{ "username": "writer", "password-file": "secrets/writer" }]))]
    pub write: Option<Credential>,
    /// A file of certificate authorities (PEM) that count beside the system's. It is read again when it changes.
    #[schemars(extend("examples" = ["certificates/ca.pem"]))]
    pub ca: Option<PathBuf>,
    /// A file with the certificate (PEM) that is shown to this registry, and those that lead to its authority. It is
    /// read again when it changes.
    #[schemars(extend("examples" = ["certificates/client.pem"]))]
    pub client_certificate: Option<PathBuf>,
    /// The file with that certificate's private key (PEM, not encrypted).
    #[schemars(extend("examples" = ["certificates/client.key"]))]
    pub client_key: Option<PathBuf>,
    /// Hosts with private, loopback or link-local addresses to which this registry may lead: token servers, storage.
    /// Where left out, it may lead to public addresses and into its own network.
    #[schemars(extend("default" = [], "examples" = [["storage.internal.example.com", "10.1.2.3"]]))]
    pub private_hosts: Option<Vec<String>>,
    /// Whether this registry is spoken to in HTTP without TLS.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub plain_http: Option<bool>,
    /// What the registry can do and what not, where it is known without asking. `landfall doctor` shows what it shows.
    #[schemars(extend("examples" = [{ "referrers": false }]))]
    pub capabilities: CapabilityKeys,
    /// The name of the budget that this prefix shares with others. Where left out: one for its host and port.
    #[schemars(extend("examples" = ["europe"]))]
    pub budget: Option<String>,
    /// How blobs are sent: in one request, or in chunks. Where left out: in one, unless the registry asks for chunks.
    #[schemars(with = "Upload")]
    #[schemars(extend("examples" = ["chunked"]))]
    pub upload: Option<Upload>,
}

/// How blobs are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Upload {
    Monolithic,
    Chunked,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct BudgetKeys {
    /// Requests a second that are never exceeded.
    #[schemars(extend("examples" = [50, 0.5]))]
    pub requests_per_second: Option<Rate>,
    /// Requests of each kind (tokens, reads, writes) under way at once. Where left out: as `limits.concurrency`.
    #[schemars(extend("examples" = [8]))]
    pub concurrency: Option<Count>,
    /// Whether the registries count reads and writes apart: then what one is refused for does not slow the other down.
    #[schemars(extend("default" = false, "examples" = [true]))]
    pub separate: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(extend("oneOf" = [{ "required": ["private-key"] }, { "required": ["plugin", "key"] }, { "required": ["pkcs11", "token", "key", "pin-file"] }]))]
pub(super) struct SignerKeys {
    /// The file that holds the private key, as cosign writes it.
    #[schemars(extend("examples" = ["secrets/release.key"]))]
    pub private_key: Option<PathBuf>,
    /// A program that signs with a key in a KMS or an HSM: one of Sigstore's KMS plugins, by its path.
    #[schemars(extend("examples" = ["/usr/local/bin/sigstore-kms-example"]))]
    pub plugin: Option<PathBuf>,
    /// The PKCS#11 module of a token (an HSM, a smart card) that holds the key.
    #[schemars(extend("examples" = ["/usr/lib/softhsm/libsofthsm2.so"]))]
    pub pkcs11: Option<PathBuf>,
    /// The token's label.
    #[schemars(extend("examples" = ["release"]))]
    pub token: Option<String>,
    /// A file with the PIN of the token's user; under systemd, a credential.
    #[schemars(extend("examples" = ["/run/credentials/landfall.service/pin"]))]
    pub pin_file: Option<PathBuf>,
    /// How the plugin names the key (what stands behind `://` where cosign is given it), or the key's label in the token.
    #[schemars(extend("examples" = ["projects/acme/keys/release"]))]
    pub key: Option<String>,
    /// A transparency log (Rekor v2) that what is signed is entered in.
    #[schemars(extend("examples" = ["https://log2025-1.rekor.sigstore.dev"]))]
    pub log: Option<String>,
    /// An authority (RFC 3161) that signs when it was signed.
    #[schemars(extend("examples" = ["https://timestamp.sigstore.dev/api/v1/timestamp"]))]
    pub timestamp: Option<String>,
    /// The trusted_root.json that answers of `log` and `timestamp` are held against.
    #[schemars(extend("examples" = ["trusted_root.json"]))]
    pub trusted_root: Option<PathBuf>,
    /// A file that holds the key's password.
    #[schemars(extend("examples" = ["secrets/release.password"]))]
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds the key's password.
    #[schemars(extend("examples" = ["RELEASE_PASSWORD"]))]
    pub password_env: Option<String>,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct LimitKeys {
    /// Size of a manifest or index in a registry.
    #[schemars(extend("default" = "4 MiB", "examples" = ["8 MiB"]))]
    pub manifest: Option<Size>,
    /// How deep indexes may nest.
    #[schemars(extend("default" = 4))]
    pub nesting: Option<Count>,
    /// Descriptors in one index, layers in one manifest.
    #[schemars(extend("default" = 1000))]
    pub descriptors: Option<Count>,
    /// Manifests and indexes of one image, all levels together.
    #[schemars(extend("default" = 1000))]
    pub image_manifests: Option<Count>,
    /// Their size, all together.
    #[schemars(extend("default" = "32 MiB"))]
    pub image_bytes: Option<Size>,
    /// How many of them are read at once.
    #[schemars(extend("default" = 8))]
    pub image_reads: Option<Count>,
    /// Referrers and cosign tags that travel with one image.
    #[schemars(extend("default" = 100))]
    pub carried: Option<Count>,
    /// Their size, all together.
    #[schemars(extend("default" = "64 MiB"))]
    pub carried_bytes: Option<Size>,
    /// Referrers of referrers: 1 is the image's own.
    #[schemars(extend("default" = 2))]
    pub carried_depth: Option<Count>,
    /// Size of a file in the desired-state repository.
    #[schemars(extend("default" = "4 MiB"))]
    pub manifest_file: Option<Size>,
    /// Files and folders below one project's folder in the desired-state repository.
    #[schemars(extend("default" = 50_000))]
    pub project_files: Option<Count>,
    /// Size of the manifests among them.
    #[schemars(extend("default" = "8 MiB"))]
    pub project_bytes: Option<Size>,
    /// Files and folders of one commit, all projects together.
    #[schemars(extend("default" = 200_000))]
    pub tree_files: Option<Count>,
    /// Size of the manifests among them.
    #[schemars(extend("default" = "16 MiB"))]
    pub tree_bytes: Option<Size>,
    /// How deep their folders may nest.
    #[schemars(extend("default" = 32))]
    pub tree_depth: Option<Count>,
    /// Size of a blob that is read into memory.
    #[schemars(extend("default" = "4 MiB"))]
    pub small_blob: Option<Size>,
    /// Size of a registry's answer that is neither manifest nor blob.
    #[schemars(extend("default" = "4 MiB"))]
    pub answer: Option<Size>,
    /// Tags in one repository.
    #[schemars(extend("default" = 1_000_000))]
    pub tags: Option<Count>,
    /// Repositories that one registry lists.
    #[schemars(extend("default" = 100_000))]
    pub repositories: Option<Count>,
    /// Pages of one list.
    #[schemars(extend("default" = 10_000))]
    pub pages: Option<Count>,
    /// The most requests of each kind (tokens, reads, writes) under way at one registry at once. Each is begun with 16 at
    /// most, and given more while that helps.
    #[schemars(extend("default" = 256, "examples" = [8]))]
    pub concurrency: Option<Count>,
    /// Requests that one pass may spend on looking.
    #[schemars(extend("default" = 1_000_000, "examples" = [50_000]))]
    pub requests_per_pass: Option<Count>,
    /// How long to wait for registries.
    #[schemars(extend("examples" = [{ "connect": "5s", "commit": "10m" }]))]
    pub timeouts: TimeoutKeys,
    /// What one look at a desired-state repository elsewhere may take.
    #[schemars(extend("examples" = [{ "pack": "64 MiB", "time": "2m" }]))]
    pub git: GitLimitKeys,
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct TimeoutKeys {
    /// For a connection, TLS included.
    #[schemars(extend("default" = "10s"))]
    pub connect: Option<Period>,
    /// From a request to the head of its answer.
    #[schemars(extend("default" = "30s"))]
    pub head: Option<Period>,
    /// Between two pieces of a body.
    #[schemars(extend("default" = "30s"))]
    pub idle: Option<Period>,
    /// For the whole of an answer that is read into memory.
    #[schemars(extend("default" = "1m"))]
    pub body: Option<Period>,
    /// From the end of an upload to its answer.
    #[schemars(extend("default" = "5m"))]
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
