//! `[kpromo]` of landfall.toml.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::DeValue;

use crate::desired::choice::{Prune, Sign};
use crate::desired::code;
use crate::desired::finding::{Finding, quoted};
use crate::desired::glob::TagGlob;
use crate::desired::scalar::{Name, schemas};
use crate::desired::shape::{Entries, FromToml, List, Located, Reader, Scalar, Value};
use crate::desired::table::table;
use crate::desired::target_table::{CarryTable, PRIMARY, TargetTable};
use crate::model::{AttestationKind, Drift, Duplicates, Prefix, RepoPath, Roots, SignaturePlacement, TargetMode};

table!(
    /// kpromo's manifests in this repository, promoted as they stand to a target of their own, named `kpromo`.
    KpromoTable, "the kpromo table" {
        /// The folder that holds kpromo's `manifests/` and `images/`; "." is the repository itself.
        #[schemars(extend("examples" = ["registry.k8s.io"]))]
        "root" => root: Located<KpromoRoot>,
        /// The name written into signatures and attestations, whatever registry serves the image.
        #[schemars(extend("examples" = ["registry.example.com"]))]
        "public-name" => public_name: Located<Prefix>,
        /// The prefixes that the manifests' destinations lie below: `primary`, and mirrors by names of your choice.
        #[schemars(extend("examples" = [{
            "primary": "us-central1-docker.pkg.dev/k8s-artifacts-prod/images",
            "europe": "europe-west1-docker.pkg.dev/k8s-artifacts-prod/images",
        }]))]
        "endpoints" => endpoints: KpromoEndpoints,
        /// Where signatures and attestations stand: at every endpoint, or at the primary alone.
        #[schemars(extend("default" = "replicate", "examples" = ["primary-only"]))]
        "signatures" => signatures: Option<Located<SignaturePlacement>>,
        /// The signer of what is promoted here, by its name in `[signers]`. Without one there are no signatures and no
        /// attestations.
        #[schemars(extend("examples" = ["release"]))]
        "signer" => signer: Option<Located<Name>>,
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
        /// What happens where the signer's key signed the same image twice at one place.
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
    explain explain
);

impl KpromoTable {
    /// The same settings as those of any other target.
    pub fn as_target(&self) -> TargetTable {
        TargetTable {
            public_name: self.public_name.clone(),
            primary: self.endpoints.primary.clone(),
            mirrors: Some(Entries(self.endpoints.mirrors.clone())),
            signatures: self.signatures.clone(),
            signer: self.signer.clone(),
            project_signers: None,
            sign: self.sign.clone(),
            policy: self.policy.clone(),
            attest: self.attest.clone(),
            mutable_tags: self.mutable_tags.clone(),
            drift: self.drift.clone(),
            duplicates: self.duplicates.clone(),
            mode: self.mode.clone(),
            prune: self.prune.clone(),
            carry: self.carry.clone(),
        }
    }
}

fn explain(key: &str, _: &DeValue<'_>) -> Option<Finding> {
    matches!(key, "primary" | "mirrors").then(|| {
        Finding::error(code::UNKNOWN_KEY, format!("unknown key `{key}` in the kpromo table"))
            .help("endpoints stand in a table of their own: `primary = \"…\"`, and others by name, under `[kpromo.endpoints]`")
    })
}

/// The folder that kpromo is pointed at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::desired) struct KpromoRoot(String);

impl KpromoRoot {
    /// The folder with a manifest for each project.
    pub fn manifests(&self) -> String {
        format!("{}manifests", self.0)
    }

    /// The folder with a list of images for each project.
    pub fn images(&self) -> String {
        format!("{}images", self.0)
    }

    pub fn roots(&self) -> Roots {
        [self.manifests(), self.images()]
            .iter()
            .map(|folder| RepoPath::from(folder.as_str()))
            .collect()
    }
}

impl fmt::Display for KpromoRoot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() {
            "."
        } else {
            self.0.trim_end_matches('/')
        })
    }
}

impl Scalar for KpromoRoot {
    fn parse(text: &str) -> Result<Self, Finding> {
        let invalid = |why: &str| {
            Finding::error(code::INVALID_REFERENCE, format!("{} {why}", quoted(text)))
                .help("write the folder that holds `manifests/` and `images/`, as in `registry.k8s.io`; \".\" is the repository itself")
        };
        if text == "." {
            return Ok(Self(String::new()));
        }
        if text.contains('\\') {
            return Err(invalid("is not a path inside this repository"));
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(invalid("leaves the repository or is not in its plainest form"));
        }
        let first = text.split('/').next().unwrap_or_default();
        if Roots::FOLDERS.contains(&first) {
            return Err(invalid("lies in a folder of landfall's own"));
        }
        Ok(Self(format!("{text}/")))
    }

    fn schema() -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

schemas!(KpromoRoot);

/// Prefixes by name, `primary` among them.
#[derive(Debug)]
pub(in crate::desired) struct KpromoEndpoints {
    primary: Located<Prefix>,
    mirrors: Vec<(Located<Name>, Located<Prefix>)>,
}

impl FromToml for KpromoEndpoints {
    const EXAMPLE: &str = "{ primary = \"registry.example.com/images\" }";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let Entries(entries) = Entries::<Name, Located<Prefix>>::from_toml(value, reader)?;
        let (primary, mirrors): (Vec<_>, Vec<_>) = entries
            .into_iter()
            .partition(|(name, _)| name.value.as_str() == PRIMARY);
        match primary.into_iter().next() {
            Some((_, primary)) => Some(Self { primary, mirrors }),
            None => {
                let finding = Finding::error(code::MISSING_KEY, "`primary` is missing in kpromo's endpoints")
                    .help("name the endpoint that is written first and read first `primary`");
                reader.reject(value, finding)
            }
        }
    }
}

impl JsonSchema for KpromoEndpoints {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "KpromoEndpoints".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let mut primary = Prefix::schema();
        primary.insert(
            "description".to_owned(),
            "The endpoint that is written first and read first.".into(),
        );
        primary.insert(
            "examples".to_owned(),
            ["us-central1-docker.pkg.dev/k8s-artifacts-prod/images"]
                .as_slice()
                .into(),
        );
        json_schema!({
            "type": "object",
            "properties": { PRIMARY: primary },
            "propertyNames": Name::schema(),
            "additionalProperties": Prefix::schema(),
            "required": [PRIMARY],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_a_folder_of_the_repository_or_the_repository() {
        let folders = |text: &str| {
            let root = KpromoRoot::parse(text).unwrap();
            (root.manifests(), root.images(), root.to_string())
        };
        let owned = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(folders("."), owned("manifests", "images", "."));
        assert_eq!(
            folders("a/registry.k8s.io"),
            owned(
                "a/registry.k8s.io/manifests",
                "a/registry.k8s.io/images",
                "a/registry.k8s.io"
            )
        );
        for bad in ["", "/a", "a/", "../a", "a//b", "./a", "promotions", "keys/a", "a\\b"] {
            assert!(KpromoRoot::parse(bad).is_err(), "{bad}");
        }
    }
}
