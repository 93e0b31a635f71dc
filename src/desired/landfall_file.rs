//! `landfall.toml` as it is written.

use toml::de::DeValue;

use crate::model::{AttestationKind, Digest, PolicyMode, Repository, SignatureForm, Tag};

use super::code;
use super::exceptions::ExceptionTable;
use super::finding::Finding;
use super::kpromo::KpromoTable;
use super::scalar::{KeyPath, Name, Reason, SourceGrant, TargetPath, Version};
use super::secrets::secret;
use super::shape::{Entries, List, Located, Tables};
use super::table::table;
use super::target_table::TargetTable;

table!(
    /// Targets, projects, signers and policies: owned by those who run production.
    LandfallFile, "landfall.toml" {
        /// The version of this format: 1.
        #[expect(dead_code, reason = "there is one version; another one is refused while it is read")]
        "version" => version: Version,
        /// Sets of registries that hold the same images, by name.
        #[schemars(extend("examples" = [{ "production": {
            "public-name": "registry.example.com",
            "primary": "us-docker.pkg.dev/acme/images",
        } }]))]
        "targets" => targets: Option<Entries<Name, TargetTable>>,
        /// Who may promote from where to where; a project governs `promotions/NAME/`.
        #[schemars(extend("examples" = [{ "dns": {
            "sources": ["staging.example.com/dns"],
            "targets": ["production"],
            "paths": ["dns"],
        } }]))]
        "projects" => projects: Option<Entries<Name, ProjectTable>>,
        /// Keys that sign for targets, by name.
        #[schemars(extend("examples" = [{ "release": { "public-key": "keys/release.pub" } }]))]
        "signers" => signers: Option<Entries<Name, SignerTable>>,
        /// What an image's source must offer before it is promoted, by name.
        #[schemars(extend("examples" = [{ "release": { "signature": { "mode": "off" } } }]))]
        "policies" => policies: Option<Entries<Name, PolicyTable>>,
        /// Immutable tags that may move after all, each to one digest.
        #[schemars(extend("examples" = [[{
            "reference": "registry.example.com/dns/coredns",
            "tag": "v1.9.3",
            "digest": "sha256:8e352a029d304ca7431c6507b56800636c321cb52289686a581ab70aaa8a2e2a",
            "reason": "v1.9.3 was pushed from the wrong branch",
        }]]))]
        "retags" => retags: Option<Tables<RetagTable>>,
        /// What `landfall audit` may find, known and accepted until a day.
        #[schemars(extend("examples" = [[{
            "image": "registry.example.com/legacy/**",
            "findings": ["unexpected-repository"],
            "reason": "from before landfall; goes with the old cluster",
            "expires": "2026-12-31",
        }]]))]
        "exceptions" => exceptions: Option<Tables<ExceptionTable>>,
        /// kpromo's manifests in this repository, promoted as they stand.
        #[schemars(extend("examples" = [{
            "root": "registry.k8s.io",
            "public-name": "registry.k8s.io",
            "endpoints": { "primary": "us-central1-docker.pkg.dev/k8s-artifacts-prod/images" },
        }]))]
        "kpromo" => kpromo: Option<KpromoTable>,
    }
    later ["revoked"]
    explain explain_root
);

table!(
    /// Who may promote from where to where.
    ProjectTable, "a project" {
        /// Registry and repository prefixes that it may promote from, or `target:NAME` for what it has claimed there. A
        /// promotions file of a project with several chooses one with `source`.
        #[schemars(extend("examples" = [["staging.example.com/dns"], ["target:staging"]]))]
        "sources" => sources: Located<List<SourceGrant>>,
        /// Targets that it may promote to. A promotions file of a project with several chooses one with `target`.
        #[schemars(extend("examples" = [["production"]]))]
        "targets" => targets: Located<List<Name>>,
        /// Where it writes below a target: `{source}/{image}` goes to `{endpoint}/{path}/{image}`; "" is the root.
        #[schemars(extend("examples" = [["dns"], [""]]))]
        "paths" => paths: Located<List<TargetPath>>,
        /// The endpoints that it writes: `primary` and names of mirrors. Where left out: all.
        #[schemars(extend("examples" = [["primary", "europe"]]))]
        "endpoints" => endpoints: Option<Located<List<Name>>>,
        /// A policy that is asked besides the target's: a name in `[policies]`.
        #[schemars(extend("examples" = ["release"]))]
        "policy" => policy: Option<Located<Name>>,
        /// Attestations besides the target's.
        #[schemars(extend("default" = [], "examples" = [["promotion"]]))]
        "attest" => attest: Option<Located<List<AttestationKind>>>,
        /// A signer instead of the target's, which must list it in `project-signers`.
        #[schemars(extend("examples" = ["dns"]))]
        "signer" => signer: Option<Located<Name>>,
    }
    explain explain_project
);

table!(
    /// A key that signs for targets.
    SignerTable, "a signer" {
        /// The file in this repository with its public key: PEM; ECDSA, Ed25519 or RSA.
        #[schemars(extend("examples" = ["keys/release.pub"]))]
        "public-key" => public_key: Located<KeyPath>,
        /// How signatures are kept at a registry: as cosign 3's bundle, under cosign 2's `.sig` tag, as a referrer of
        /// cosign 2's with OCI 1.1.
        #[schemars(extend("default" = ["bundle", "tag"], "examples" = [["bundle"]]))]
        "formats" => formats: Option<Located<List<SignatureForm>>>,
        /// Files with earlier public keys: what they signed still counts.
        #[schemars(extend("default" = [], "examples" = [["keys/release-2025.pub"]]))]
        "previous" => previous: Option<List<KeyPath>>,
    }
    later ["keyless"]
    explain explain_signer
);

table!(
    /// What an image's source must offer before it is promoted.
    PolicyTable, "a policy" {
        /// Which signatures it must carry.
        #[schemars(extend("examples" = [{ "mode": "off" }]))]
        "signature" => signature: SignaturePolicyTable,
    }
);

table!(
    /// Which signatures an image must carry.
    SignaturePolicyTable, "a signature policy" {
        /// Whether signatures are asked for: they are not.
        #[schemars(extend("examples" = ["off"]))]
        "mode" => mode: Located<PolicyMode>,
    }
    later ["keys", "identities"]
);

table!(
    /// An immutable tag that may move to another digest.
    RetagTable, "a retag" {
        /// The public reference of the image: `{public-name}/{path}/{image}`.
        #[schemars(extend("examples" = ["registry.example.com/dns/coredns"]))]
        "reference" => reference: Located<Repository>,
        /// The immutable tag that may move.
        #[schemars(extend("examples" = ["v1.9.3"]))]
        "tag" => tag: Located<Tag>,
        /// The only digest that it may move to.
        #[schemars(extend("examples" = ["sha256:8e352a029d304ca7431c6507b56800636c321cb52289686a581ab70aaa8a2e2a"]))]
        "digest" => digest: Located<Digest>,
        /// Why it moves, for reviewers and for those who read the history.
        #[schemars(extend("examples" = ["v1.9.3 was pushed from the wrong branch"]))]
        "reason" => reason: Reason,
    }
);

/// The runtime configuration's keys are known to nobody here, and often looked for here first.
fn explain_root(key: &str, _: &DeValue<'_>) -> Option<Finding> {
    const CONFIGURATION: [&str; 9] = [
        "git",
        "storage",
        "serve",
        "allow-writes",
        "allow-reads",
        "registries",
        "budgets",
        "limits",
        "notify",
    ];
    CONFIGURATION.contains(&key).then(|| {
        Finding::error(code::UNKNOWN_KEY, format!("unknown key `{key}` in landfall.toml"))
            .help("it belongs into config.toml, the runtime configuration, which stands outside this repository")
    })
}

fn explain_project(key: &str, _: &DeValue<'_>) -> Option<Finding> {
    let plural = match key {
        "source" => "sources",
        "target" => "targets",
        "path" => "paths",
        _ => return None,
    };
    Some(
        Finding::error(code::UNKNOWN_KEY, format!("unknown key `{key}` in a project"))
            .help(format!("write `{plural} = [\"…\"]`")),
    )
}

fn explain_signer(key: &str, _: &DeValue<'_>) -> Option<Finding> {
    secret(key)
}
