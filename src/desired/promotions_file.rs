//! `promotions/PROJECT/**.toml` as it is written.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use toml::de::{DeTable, DeValue};

use crate::model::{Digest, RepositoryPath, Tag};

use super::code;
use super::finding::{Extent, Finding, quoted};
use super::position::Position;
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
        "images" => images: Option<Images>,
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
        "untagged" => untagged: Option<Untagged>,
    }
    explain explain_image
);

/// The images of a file, in its order.
#[derive(Debug)]
pub(super) struct Images(pub Vec<Image>);

/// An image's digests.
#[derive(Debug)]
pub(super) struct Image {
    pub name: Located<RepositoryPath>,
    pub table: ImageTable,
    /// The code of what is wrong with the image as a whole: then none of its lines can be relied on.
    pub held: Option<&'static str>,
}

/// The digest of each tag, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Tags {
    pub lines: Vec<TagLine>,
    /// Lines that are wrong.
    pub held: Vec<HeldLine>,
}

/// Digests without a tag.
#[derive(Debug, Default)]
pub(super) struct Untagged {
    pub digests: List<Digest>,
    /// Entries that are wrong.
    pub held: Vec<HeldLine>,
}

/// `"v1.9.3" = "sha256:…"`
#[derive(Debug)]
pub(super) struct TagLine {
    pub tag: Located<Tag>,
    pub digest: Located<Digest>,
}

/// What can be read of a line that is wrong.
#[derive(Debug)]
pub(super) struct HeldLine {
    pub tag: Option<Tag>,
    pub digest: Option<Digest>,
    pub at: Position,
    /// What is wrong with it.
    pub code: &'static str,
}

impl Image {
    /// The tag and digest of each line, as far as they can be read.
    pub fn lines(&self) -> impl Iterator<Item = (Option<&Tag>, Option<&Digest>)> {
        let ImageTable { tags, untagged } = &self.table;
        let tagged = tags.iter().flat_map(|tags| &tags.lines);
        let tagged = tagged.map(|line| (Some(&line.tag.value), Some(&line.digest.value)));
        let untagged = untagged.iter().flat_map(|untagged| &untagged.digests);
        let untagged = untagged.map(|digest| (None, Some(&digest.value)));
        let held = self.table.held().map(|line| (line.tag.as_ref(), line.digest.as_ref()));
        tagged.chain(untagged).chain(held)
    }
}

impl ImageTable {
    /// The lines that are wrong.
    pub fn held(&self) -> impl Iterator<Item = &HeldLine> {
        let tagged = self.tags.iter().flat_map(|tags| &tags.held);
        tagged.chain(self.untagged.iter().flat_map(|untagged| &untagged.held))
    }
}

impl FromToml for Images {
    const EXAMPLE: &str = "{ … }";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            return reader.wrong_type(value, "a table");
        };
        let mut images = Vec::with_capacity(table.len());
        for (name, content) in table {
            let entered = reader.report.enter(Extent::Image);
            let key = match RepositoryPath::parse(name.get_ref()) {
                Ok(parsed) => Some(Located {
                    at: reader.position(name),
                    value: parsed,
                }),
                Err(finding) => reader.reject(name, finding),
            };
            let content = ImageTable::from_toml(content, reader);
            let held = reader.report.leave(entered);
            // Without a name nobody can say what it is that is held: the error alone tells.
            images.extend(key.map(|name| Image {
                name,
                table: content.unwrap_or(ImageTable {
                    tags: None,
                    untagged: None,
                }),
                held,
            }));
        }
        Some(Self(images))
    }
}

impl FromToml for Tags {
    const EXAMPLE: &str = "{ \"v1.0.0\" = \"sha256:…\" }";

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Table(table) = value.get_ref() else {
            return reader.wrong_type(value, "a table of tags");
        };
        let mut tags = Self {
            lines: Vec::with_capacity(table.len()),
            held: Vec::new(),
        };
        for (key, content) in table {
            if let DeValue::Table(nested) = content.get_ref()
                && !nested.is_empty()
            {
                take_unquoted(key.get_ref(), nested, reader, &mut tags.held);
                continue;
            }
            let entered = reader.report.enter(Extent::Line);
            let at = reader.position(key);
            let tag = match Tag::parse(key.get_ref()) {
                Ok(value) => Some(Located { value, at }),
                Err(finding) => reader.reject(key, finding),
            };
            let digest = Located::<Digest>::from_toml(content, reader);
            let wrong = reader.report.leave(entered);
            match (tag, digest, wrong) {
                (Some(tag), Some(digest), None) => tags.lines.push(TagLine { tag, digest }),
                (tag, digest, wrong) => tags.held.push(HeldLine {
                    tag: tag.map(|tag| tag.value),
                    digest: digest.map(|digest| digest.value),
                    at,
                    code: wrong.unwrap_or(code::INVALID_TAG),
                }),
            }
        }
        Some(tags)
    }
}

impl FromToml for Untagged {
    const EXAMPLE: &str = <List<Digest> as FromToml>::EXAMPLE;

    fn from_toml(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let DeValue::Array(array) = value.get_ref() else {
            return reader.wrong_type(value, "an array");
        };
        let mut first: HashMap<Digest, Position> = HashMap::with_capacity(array.len());
        let mut untagged = Self::default();
        for element in array {
            let entered = reader.report.enter(Extent::Line);
            let digest = Located::<Digest>::from_toml(element, reader);
            match digest {
                Some(digest) => match first.insert(digest.value, digest.at) {
                    Some(earlier) => {
                        let finding = Finding::error(code::DUPLICATE_ENTRY, "stands twice in this list")
                            .help(format!("remove it: it already stands on line {}", earlier.line));
                        reader.report.add(digest.at, finding);
                    }
                    None => untagged.digests.push(digest),
                },
                None => untagged.held.push(HeldLine {
                    tag: None,
                    digest: None,
                    at: reader.position(element),
                    code: code::INVALID_DIGEST,
                }),
            }
            let _ = reader.report.leave(entered);
        }
        Some(untagged)
    }
}

/// TOML nests `v1.9.3 = …` as `v1`, `9`, `3`: each leaf was meant to be a tag.
fn take_unquoted(prefix: &str, nested: &DeTable<'_>, reader: &mut Reader<'_>, held: &mut Vec<HeldLine>) {
    for (key, content) in nested {
        let tag = format!("{prefix}.{}", key.get_ref());
        match content.get_ref() {
            DeValue::Table(deeper) if !deeper.is_empty() => take_unquoted(&tag, deeper, reader, held),
            leaf => {
                let finding =
                    Finding::error(code::UNQUOTED, format!("the tag {} is not quoted", quoted(&tag))).help(format!(
                        "quote the tag, TOML takes its dots apart: `\"{}\" = \"sha256:…\"`",
                        tag.escape_default()
                    ));
                let position = reader.lines.dotted_key(key.span());
                let entered = reader.report.enter(Extent::Line);
                reader.report.add(position, finding);
                let _ = reader.report.leave(entered);
                held.push(HeldLine {
                    tag: tag.parse().ok(),
                    digest: match leaf {
                        DeValue::String(text) => text.parse().ok(),
                        _ => None,
                    },
                    at: position,
                    code: code::UNQUOTED,
                });
            }
        }
    }
}

impl JsonSchema for Images {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        <Entries<RepositoryPath, ImageTable> as JsonSchema>::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Entries<RepositoryPath, ImageTable> as JsonSchema>::json_schema(generator)
    }
}

impl JsonSchema for Untagged {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        <List<Digest> as JsonSchema>::schema_name()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <List<Digest> as JsonSchema>::json_schema(generator)
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
