//! A target as it is written: in `[targets.NAME]`, and what `[kpromo]` says of one.

use toml::de::DeValue;

use crate::model::{AttestationKind, CosignTag, Drift, Duplicates, Incomplete, Prefix, SignaturePlacement, TargetMode};

use super::choice::{Prune, Sign};
use super::code;
use super::finding::Finding;
use super::glob::{TagGlob, TypeGlob};
use super::scalar::{Amount, Name};
use super::secrets::secret;
use super::shape::{Entries, List, Located};
use super::table::table;

/// The name of the endpoint that is written first.
pub(super) const PRIMARY: &str = "primary";

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
        /// What happens where the signer's key signed the same image twice at one place, as two processes with memories of
        /// their own do: the one with the lowest digest stays, and the other is removed, or only reported.
        #[schemars(extend("default" = "remove", "examples" = ["report"]))]
        "duplicates" => duplicates: Option<Located<Duplicates>>,
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

fn explain_target(key: &str, _: &DeValue<'_>) -> Option<Finding> {
    secret(key).or_else(|| {
        (key == "endpoints").then(|| {
            Finding::error(code::UNKNOWN_KEY, "unknown key `endpoints` in a target")
                .help("write `primary = \"…\"`, and the others as `NAME = \"…\"` under `[targets.NAME.mirrors]`")
        })
    })
}
