//! `landfall.toml` as it is written.

use toml::de::DeValue;

use crate::model::{
    AttestationKind, Digest, Drift, PolicyMode, Prefix, Repository, SignatureForm, SignaturePlacement, Tag, TargetMode,
};

use super::choice::{Prune, Sign};
use super::code;
use super::finding::{Finding, quoted};
use super::kpromo::KpromoTable;
use super::scalar::{KeyPath, Name, Reason, SourceGrant, TagGlob, TargetPath, Version};
use super::shape::{Entries, List, Located, Tables};
use super::table::table;

table!(
    /// Targets, projects, signers and policies: owned by those who run production.
    LandfallFile, "landfall.toml" {
        /// The version of this format: 1.
        #[expect(dead_code, reason = "there is one version; another one is refused while it is read")]
        "version" => version: Version,
        /// Sets of registries that hold the same images.
        "targets" => targets: Option<Entries<Name, TargetTable>>,
        /// Who may promote from where to where; a project governs `promotions/NAME/`.
        "projects" => projects: Option<Entries<Name, ProjectTable>>,
        /// Keys that sign for targets.
        "signers" => signers: Option<Entries<Name, SignerTable>>,
        /// What an image's source must offer before it is promoted.
        "policies" => policies: Option<Entries<Name, PolicyTable>>,
        /// Immutable tags that may move after all.
        "retags" => retags: Option<Tables<RetagTable>>,
        /// kpromo's manifests in this repository, promoted as they stand.
        "kpromo" => kpromo: Option<KpromoTable>,
    }
    later ["revoked"]
    explain explain_root
);

table!(
    /// A set of registries that hold the same images.
    TargetTable, "a target" {
        /// The name written into signatures and attestations, whatever registry serves the image.
        "public-name" => public_name: Located<Prefix>,
        /// The registry and repository prefix that is written first and read first.
        "primary" => primary: Located<Prefix>,
        /// Further endpoints by name; the names label metrics and reports.
        "mirrors" => mirrors: Option<Entries<Name, Located<Prefix>>>,
        /// Where signatures and attestations stand. Default: `replicate`.
        "signatures" => signatures: Option<Located<SignaturePlacement>>,
        /// Who signs what is promoted here. Without one there are no signatures and no attestations.
        "signer" => signer: Option<Located<Name>>,
        /// Signers that projects may choose instead.
        "project-signers" => project_signers: Option<List<Name>>,
        /// Which manifests of an image are signed. Default: `root`.
        "sign" => sign: Option<Located<Sign>>,
        /// What an image's source must offer before it is promoted here.
        "policy" => policy: Option<Located<Name>>,
        /// What landfall attests about a promotion. Default: `promotion`, where there is a signer.
        "attest" => attest: Option<Located<List<AttestationKind>>>,
        /// Patterns of tags that may move; every other tag keeps its first digest.
        "mutable-tags" => mutable_tags: Option<List<TagGlob>>,
        /// What happens to a tag that was moved behind landfall's back. Default: `repair`.
        "drift" => drift: Option<Located<Drift>>,
        /// Whether the registries are written to, or only looked at. Default: `enforce`.
        "mode" => mode: Option<Located<TargetMode>>,
        /// What is removed when no claim wants it. Default: `never`.
        "prune" => prune: Option<Located<Prune>>,
    }
    later ["max-changes", "anchor", "carry"]
    explain explain_target
);

table!(
    /// Who may promote from where to where.
    ProjectTable, "a project" {
        /// Prefixes that it may promote from, or `target:NAME` for what it has claimed there. The only one is the
        /// default.
        "sources" => sources: Located<List<SourceGrant>>,
        /// Targets that it may promote to. The only one is the default.
        "targets" => targets: Located<List<Name>>,
        /// Where it writes below a target; "" is the root.
        "paths" => paths: Located<List<TargetPath>>,
        /// The endpoints that it writes: `primary` and names of mirrors. Default: all.
        "endpoints" => endpoints: Option<Located<List<Name>>>,
        /// A policy that is asked besides the target's.
        "policy" => policy: Option<Located<Name>>,
        /// Attestations besides the target's.
        "attest" => attest: Option<Located<List<AttestationKind>>>,
        /// A signer instead of the target's, which must list it in `project-signers`.
        "signer" => signer: Option<Located<Name>>,
    }
    explain explain_project
);

table!(
    /// A key that signs for targets.
    SignerTable, "a signer" {
        /// The file with its public key, PEM.
        "public-key" => public_key: Located<KeyPath>,
        /// How signatures are kept at a registry: as cosign v3's bundle, under cosign v2's tag. Default: both.
        "formats" => formats: Option<Located<List<SignatureForm>>>,
        /// Earlier keys: what they signed still counts.
        "previous" => previous: Option<List<KeyPath>>,
    }
    later ["keyless"]
    explain explain_signer
);

table!(
    /// What an image's source must offer before it is promoted.
    PolicyTable, "a policy" {
        /// Which signatures it must carry.
        "signature" => signature: SignaturePolicyTable,
    }
);

table!(
    /// Which signatures an image must carry.
    SignaturePolicyTable, "a signature policy" {
        /// Whether they are asked for.
        "mode" => mode: Located<PolicyMode>,
    }
    later ["keys", "identities"]
);

table!(
    /// An immutable tag that may move to another digest.
    RetagTable, "a retag" {
        /// The public reference: `{public-name}/{path}/{image}`.
        "reference" => reference: Located<Repository>,
        /// The tag.
        "tag" => tag: Located<Tag>,
        /// The digest that it may move to.
        "digest" => digest: Located<Digest>,
        /// Why.
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
