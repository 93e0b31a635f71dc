//! `landfall.toml` as it is written.

use toml::de::DeValue;

use crate::model::{
    AttestationKind, CosignTag, Digest, Drift, Incomplete, PolicyMode, Prefix, Repository, SignatureForm,
    SignaturePlacement, Tag, TargetMode,
};

use super::choice::{Prune, Sign};
use super::code;
use super::finding::{Finding, quoted};
use super::kpromo::KpromoTable;
use super::scalar::{Amount, KeyPath, Name, Reason, SourceGrant, TagGlob, TargetPath, TypeGlob, Version};
use super::shape::{Entries, List, Located, Tables};
use super::table::table;

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
    /// A set of registries that hold the same images.
    TargetTable, "a target" {
        /// The name written into signatures and attestations, whatever registry serves the image.
        #[schemars(extend("examples" = ["registry.example.com"]))]
        "public-name" => public_name: Located<Prefix>,
        /// The registry and repository prefix that is written first and read first.
        #[schemars(extend("examples" = ["us-docker.pkg.dev/acme/images"]))]
        "primary" => primary: Located<Prefix>,
        /// Further registries and repository prefixes that hold the same images. The names label reports, and projects
        /// choose endpoints by them.
        #[schemars(extend("examples" = [{ "europe": "europe-docker.pkg.dev/acme/images" }]))]
        "mirrors" => mirrors: Option<Entries<Name, Located<Prefix>>>,
        /// Where signatures and attestations stand: at every endpoint, or at the primary alone.
        #[schemars(extend("default" = "replicate", "examples" = ["primary-only"]))]
        "signatures" => signatures: Option<Located<SignaturePlacement>>,
        /// The signer of what is promoted here, by its name in `[signers]`. Without one there are no signatures and no
        /// attestations.
        #[schemars(extend("examples" = ["release"]))]
        "signer" => signer: Option<Located<Name>>,
        /// Signers that projects may choose instead.
        #[schemars(extend("default" = [], "examples" = [["dns"]]))]
        "project-signers" => project_signers: Option<List<Name>>,
        /// Which manifests of an image are signed: the one that the tag names.
        #[schemars(extend("default" = "root"))]
        "sign" => sign: Option<Located<Sign>>,
        /// What an image's source must offer before it is promoted here: a name in `[policies]`.
        #[schemars(extend("examples" = ["release"]))]
        "policy" => policy: Option<Located<Name>>,
        /// What landfall attests about a promotion. Where left out: `["promotion"]` if there is a signer, else nothing.
        #[schemars(extend("examples" = [["promotion"]]))]
        "attest" => attest: Option<Located<List<AttestationKind>>>,
        /// Patterns (`*`, `?`, `[…]`, `{a,b}`) of tags that may move; every other tag keeps its first digest for ever.
        #[schemars(extend("default" = [], "examples" = [["latest", "*-dev"]]))]
        "mutable-tags" => mutable_tags: Option<List<TagGlob>>,
        /// What happens to a tag that was moved behind landfall's back: it is moved back, or only reported.
        #[schemars(extend("default" = "repair", "examples" = ["report"]))]
        "drift" => drift: Option<Located<Drift>>,
        /// Whether the registries are written to (`enforce`), or only looked at (`observe`).
        #[schemars(extend("default" = "enforce", "examples" = ["observe"]))]
        "mode" => mode: Option<Located<TargetMode>>,
        /// What is removed when no claim wants it any more: nothing.
        #[schemars(extend("default" = "never"))]
        "prune" => prune: Option<Located<Prune>>,
        /// What travels with an image: what is attached to it at its source. Where left out: all that can be read, within
        /// the limits of the process.
        #[schemars(extend("examples" = [{ "cosign-tags": ["sig", "att"], "incomplete": "refuse" }]))]
        "carry" => carry: Option<CarryTable>,
    }
    later ["max-changes", "anchor"]
    explain explain_target
);

table!(
    /// What travels with an image. What is admitted once keeps what it had then.
    CarryTable, "the carry table" {
        /// Patterns (`*`, `?`, `[…]`, `{a,b}`) of artifact types: referrers of other types do not travel.
        #[schemars(extend("default" = ["*"], "examples" = [["application/spdx+json", "application/vnd.dev.sigstore.*"]]))]
        "referrers" => referrers: Option<List<TypeGlob>>,
        /// Which of cosign's tags (`sha256-<hex>.sig`, `.att`, `.sbom`) travel.
        #[schemars(extend("default" = ["sig", "att", "sbom"], "examples" = [["sig", "att"]]))]
        "cosign-tags" => cosign_tags: Option<List<CosignTag>>,
        /// How many travel with one image at most; `limits.carried` of the process holds as well.
        #[schemars(extend("examples" = [20]))]
        "count" => count: Option<Amount>,
        /// How many bytes they have together at most; `limits.carried-bytes` of the process holds as well.
        #[schemars(extend("examples" = [10_000_000]))]
        "bytes" => bytes: Option<Amount>,
        /// How far referrers of referrers travel: 1 is the image's own; `limits.carried-depth` of the process holds as well.
        #[schemars(extend("examples" = [1]))]
        "depth" => depth: Option<Amount>,
        /// What becomes of an image beside which something cannot travel: it lacks a part, cannot be read or is too much.
        /// The image is promoted and what stays behind is named (`leave`), or it waits (`refuse`).
        #[schemars(extend("default" = "leave", "examples" = ["refuse"]))]
        "incomplete" => incomplete: Option<Located<Incomplete>>,
    }
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
        /// The file in this repository with its public key: PEM, ECDSA P-256.
        #[schemars(extend("examples" = ["keys/release.pub"]))]
        "public-key" => public_key: Located<KeyPath>,
        /// How signatures are kept at a registry: as cosign 3's bundle, under cosign 2's `.sig` tag.
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

/// `[kpromo]` has the same settings as any other target, and hands them on.
impl Clone for CarryTable {
    fn clone(&self) -> Self {
        Self {
            referrers: self.referrers.clone(),
            cosign_tags: self.cosign_tags.clone(),
            count: self.count,
            bytes: self.bytes,
            depth: self.depth,
            incomplete: self.incomplete.clone(),
        }
    }
}

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

fn explain_target(key: &str, _: &DeValue<'_>) -> Option<Finding> {
    secret(key).or_else(|| {
        (key == "endpoints").then(|| {
            Finding::error(code::UNKNOWN_KEY, "unknown key `endpoints` in a target")
                .help("write `primary = \"…\"`, and the others as `NAME = \"…\"` under `[targets.NAME.mirrors]`")
        })
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

/// Keys that hold secrets are never shown with their values.
fn secret(key: &str) -> Option<Finding> {
    const SECRETS: [&str; 7] = [
        "private-key",
        "private_key",
        "password",
        "password-file",
        "token",
        "secret",
        "credentials",
    ];
    SECRETS.contains(&key).then(|| {
        Finding::error(code::SECRET_IN_GIT, format!("{} does not belong into Git", quoted(key))).help(
            "write it into config.toml, the runtime configuration, which stands outside this repository; \
                   a secret that was committed is no longer one: replace it",
        )
    })
}
