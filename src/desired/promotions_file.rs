//! `promotions/PROJECT/**.toml` as it is written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::{DeTable, DeValue};

use crate::model::{Digest, RepositoryPath, Tag};

use super::code;
use super::finding::{Finding, quoted};
use super::scalar::{Name, SourceGrant};
use super::shape::{Entries, FromToml, List, Located, Reader, Scalar, Value};
use super::table::table;

table!(
    /// Images that a project promotes, by tag.
    PromotionsFile, "a promotions file" {
        /// Where the images come from: one of the project's `sources`. Where left out: its only one.
        #[schemars(extend("examples" = ["staging.example.com/dns"]))]
        "source" => source: Option<Located<SourceGrant>>,
        /// Where they go: one of the project's `targets`. Where left out: its only one.
        #[schemars(extend("examples" = ["production"]))]
        "target" => target: Option<Located<Name>>,
        /// The images, by name: `{source}/{image}` goes to `{endpoint}/{path}/{image}`.
        #[schemars(extend("examples" = [{ "coredns": { "tags": { "v1.9.3": "sha256:8e352a029d304ca7431c6507b56800636c321cb52289686a581ab70aaa8a2e2a" } } }]))]
        "images" => images: Option<Entries<RepositoryPath, ImageTable>>,
    }
    explain explain_root
);

table!(
    /// An image's digests.
    ImageTable, "an image" {
        /// The digest of each tag. Tags are quoted: TOML would take their dots apart.
        #[schemars(extend("examples" = [{ "v1.9.3": "sha256:8e352a029d304ca7431c6507b56800636c321cb52289686a581ab70aaa8a2e2a" }]))]
        "tags" => tags: Option<Tags>,
        /// Digests that are promoted without a tag.
        #[schemars(extend("default" = [], "examples" = [["sha256:8e352a029d304ca7431c6507b56800636c321cb52289686a581ab70aaa8a2e2a"]]))]
        "untagged" => untagged: Option<List<Digest>>,
    }
    explain explain_image
);

/// The digest of each tag, in the order of the file.
#[derive(Debug)]
pub(super) struct Tags(pub Vec<TagLine>);

/// `"v1.9.3" = "sha256:…"`
#[derive(Debug)]
pub(super) struct TagLine {
    pub tag: Located<Tag>,
    pub digest: Located<Digest>,
}

impl FromToml for Tags {
    const EXAMPLE: &str = "{ \"v1.0.0\" = \"sha256:…\" }";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            return reader.wrong_type(value, "a table of tags");
        };
        let mut lines = Some(Vec::with_capacity(table.len()));
        for (key, content) in table {
            if let DeValue::Table(nested) = content.get_ref()
                && !nested.is_empty()
            {
                report_unquoted(key.get_ref(), nested, reader);
                lines = None;
                continue;
            }
            let tag = match Tag::parse(key.get_ref()) {
                Ok(tag) => Some(Located {
                    value: tag,
                    at: reader.position(key),
                }),
                Err(finding) => reader.reject(key, finding),
            };
            match (tag, Located::<Digest>::from_toml(content, reader), &mut lines) {
                (Some(tag), Some(digest), Some(lines)) => lines.push(TagLine { tag, digest }),
                _ => lines = None,
            }
        }
        lines.map(Self)
    }
}

/// TOML nests `v1.9.3 = …` as `v1`, `9`, `3`: each leaf was meant to be a tag.
fn report_unquoted(prefix: &str, nested: &DeTable<'_>, reader: &mut Reader<'_>) {
    for (key, content) in nested {
        let tag = format!("{prefix}.{}", key.get_ref());
        match content.get_ref() {
            DeValue::Table(deeper) if !deeper.is_empty() => report_unquoted(&tag, deeper, reader),
            _ => {
                let finding =
                    Finding::error(code::UNQUOTED, format!("the tag {} is not quoted", quoted(&tag))).help(format!(
                        "quote the tag, TOML takes its dots apart: `\"{}\" = \"sha256:…\"`",
                        tag.escape_default()
                    ));
                let position = reader.lines.dotted_key(key.span());
                reader.report.add(position, finding);
            }
        }
    }
}

impl JsonSchema for Tags {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "Tags".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "propertyNames": <Tag as Scalar>::schema(),
            "additionalProperties": <Digest as Scalar>::schema(),
        })
    }
}

fn explain_root(key: &str, value: &DeValue<'_>) -> Option<Finding> {
    let unknown = || {
        Finding::error(
            code::UNKNOWN_KEY,
            format!("unknown key {} in a promotions file", quoted(key)),
        )
    };
    match key {
        "sources" | "targets" => {
            let single = &key[..key.len() - 1];
            Some(unknown().help(format!("a file chooses one: `{single} = \"…\"`")))
        }
        "registries" | "name" | "dmap" => Some(unknown().help(
            "kpromo's manifests do not belong under `promotions/`: `root` of `[kpromo]` in landfall.toml names their folder",
        )),
        _ => {
            looks_like_an_image(value).then(|| unknown().help(format!("write `[images.\"{}\"]`", key.escape_default())))
        }
    }
}

fn explain_image(key: &str, value: &DeValue<'_>) -> Option<Finding> {
    if looks_like_an_image(value) {
        return Some(
            Finding::error(
                code::UNQUOTED,
                format!(
                    "an image name that goes on with {} is not quoted",
                    quoted(&format!(".{key}"))
                ),
            )
            .help("quote the image name, TOML takes its dots apart: `[images.\"a.b\".tags]`"),
        );
    }
    let is_digest = matches!(value, DeValue::String(text) if text.starts_with("sha256:"));
    is_digest.then(|| {
        Finding::error(code::UNKNOWN_KEY, format!("unknown key {} in an image", quoted(key)))
            .help("tags stand one table deeper: `[images.NAME.tags]`")
    })
}

fn looks_like_an_image(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Table(table) if table.contains_key("tags") || table.contains_key("untagged"))
}
