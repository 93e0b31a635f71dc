//! Lists of images: `images/PROJECT/images.yaml`, and `images:` of a plain manifest.

use crate::desired::code;
use crate::desired::finding::{Extent, Finding, Report, quoted};
use crate::desired::promotions_file::{HeldLine, Image, ImageTable, TagLine, Tags, Untagged};
use crate::desired::shape::Located;
use crate::model::{Digest, RepositoryPath, Tag};
use crate::yaml::{Content, Key, Node};

use super::fields::{fields, list, scalar, wrong_type};

/// Which of kpromo's two ways to write a manifest: it refuses an image without digests only where it reads both
/// registries and images from one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Thin,
    Plain,
}

const DIGESTS_ARE_KEYS: &str = "digests are the keys and tags the values: `\"sha256:…\": [\"v1.0.0\"]`";
const IMAGE: &str = "- {name: …, dmap: {\"sha256:…\": [\"v1.0.0\"]}}";

/// Reads a list of images. Mistakes are reported; what can be read of the rest is returned all the same.
pub(super) fn images(node: &Node<'_>, form: Form, report: &mut Report) -> Option<Vec<Image>> {
    let entries = list(node, "a list of images", IMAGE, report)?;
    Some(entries.iter().filter_map(|entry| image(entry, form, report)).collect())
}

fn image(node: &Node<'_>, form: Form, report: &mut Report) -> Option<Image> {
    let entered = report.enter(Extent::Image);
    let read = named(node, form, report);
    let held = report.leave(entered);
    // Without a name nobody can say what it is that is held: the error alone tells.
    read.map(|(name, table)| Image { name, table, held })
}

fn named(node: &Node<'_>, form: Form, report: &mut Report) -> Option<(Located<RepositoryPath>, ImageTable)> {
    let fields = fields(node, "an image", &["name", "dmap"], "{name: …, dmap: {…}}", report)?;
    let name = fields
        .required("name", "…", report)
        .and_then(|name| scalar(name, "an image's name", report));
    let table = match fields.get("dmap") {
        Some(dmap) => digests(dmap, report),
        None => None,
    };
    let has_none = match fields.get("dmap").map(|dmap| &dmap.content) {
        Some(Content::Mapping(entries)) => entries.is_empty(),
        Some(_) => fields.get("dmap").is_some_and(Node::is_null),
        None => true,
    };
    if has_none && !fields.has_strangers {
        let at = fields.get("dmap").map_or(node.at, |dmap| dmap.at);
        let message = "an image without digests";
        let finding = match form {
            Form::Thin => Finding::warning(code::EMPTY, message),
            Form::Plain => Finding::error(code::EMPTY, message),
        };
        report.add(
            at,
            finding.help("list what is promoted, `\"sha256:…\": [\"v1.0.0\"]` below `dmap`, or remove the image"),
        );
    }
    let (tags, untagged) = table.unwrap_or_default();
    let table = ImageTable {
        tags: Some(tags),
        untagged: Some(untagged),
    };
    Some((name?, table))
}

fn digests(dmap: &Node<'_>, report: &mut Report) -> Option<(Tags, Untagged)> {
    let (mut tagged, mut untagged) = (Tags::default(), Untagged::default());
    let entries = match &dmap.content {
        Content::Mapping(entries) => entries,
        _ if dmap.is_null() => return None,
        _ => {
            return wrong_type(
                dmap,
                "a mapping of digests to tags",
                "write `\"sha256:…\": [\"v1.0.0\"]`",
                report,
            );
        }
    };
    for (key, value) in entries {
        let entered = report.enter(Extent::Line);
        let digest = digest(key, report);
        let tags = list(value, "a list of tags", "[\"v1.0.0\"]", report);
        let wrong = report.leave(entered);
        let held = |tag, at, code| HeldLine {
            tag,
            digest: digest.as_ref().map(|digest| digest.value),
            at,
            code,
        };
        let Some(tags) = tags else {
            tagged.held.push(held(None, key.at, wrong.unwrap_or(code::WRONG_TYPE)));
            continue;
        };
        if tags.is_empty() {
            match digest {
                Some(digest) => untagged.digests.push(digest),
                None => untagged
                    .held
                    .push(held(None, key.at, wrong.unwrap_or(code::INVALID_DIGEST))),
            }
            continue;
        }
        for node in tags {
            let entered = report.enter(Extent::Line);
            let tag = tag(node, report);
            let wrong = report.leave(entered).or(wrong);
            match (tag, &digest) {
                (Some(tag), Some(digest)) => tagged.lines.push(TagLine {
                    tag,
                    digest: digest.clone(),
                }),
                (tag, _) => {
                    let tag = tag.map(|tag| tag.value);
                    tagged.held.push(held(tag, node.at, wrong.unwrap_or(code::INVALID_TAG)));
                }
            }
        }
    }
    Some((tagged, untagged))
}

fn digest(key: &Key<'_>, report: &mut Report) -> Option<Located<Digest>> {
    let text = key.text();
    if text.parse::<Digest>().is_err() && text.parse::<Tag>().is_ok() {
        let finding = Finding::error(code::INVALID_DIGEST, format!("{} is not a digest", quoted(text)));
        report.add(key.at, finding.help(DIGESTS_ARE_KEYS));
        return None;
    }
    scalar(&key.node(), "a digest", report)
}

fn tag(node: &Node<'_>, report: &mut Report) -> Option<Located<Tag>> {
    if let Some(text) = node.as_scalar().map(|scalar| &*scalar.text)
        && text.parse::<Digest>().is_ok()
    {
        let finding = Finding::error(code::INVALID_TAG, format!("{} is a digest, not a tag", quoted(text)));
        report.add(node.at, finding.help(DIGESTS_ARE_KEYS));
        return None;
    }
    scalar(node, "a tag", report)
}
