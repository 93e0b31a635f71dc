//! Lists of images: `images/PROJECT/images.yaml`, and `images:` of a plain manifest.

use crate::desired::code;
use crate::desired::finding::{Finding, Report, quoted};
use crate::desired::promotions_file::{ImageTable, TagLine, Tags};
use crate::desired::shape::{List, Located};
use crate::model::{Digest, RepositoryPath, Tag};
use crate::yaml::{Content, Key, Node};

use super::fields::{fields, list, scalar, wrong_type};

/// An image's digests.
#[derive(Debug)]
pub(in crate::desired) struct Image {
    pub name: Located<RepositoryPath>,
    pub table: ImageTable,
}

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
    let fields = fields(node, "an image", &["name", "dmap"], "{name: …, dmap: {…}}", report)?;
    let name = fields
        .required("name", "…", report)
        .and_then(|name| scalar(name, "an image's name", report));
    let digests = match fields.get("dmap") {
        Some(dmap) => digests(dmap, report)?,
        None => Digests::default(),
    };
    let has_none = match fields.get("dmap").map(|dmap| &dmap.content) {
        Some(Content::Mapping(entries)) => entries.is_empty(),
        _ => true,
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
    Some(Image {
        name: name?,
        table: ImageTable {
            tags: Some(Tags(digests.tagged)),
            untagged: Some(digests.untagged),
        },
    })
}

#[derive(Default)]
struct Digests {
    tagged: Vec<TagLine>,
    untagged: List<Digest>,
}

fn digests(dmap: &Node<'_>, report: &mut Report) -> Option<Digests> {
    let mut digests = Digests::default();
    let entries = match &dmap.content {
        Content::Mapping(entries) => entries,
        _ if dmap.is_null() => return Some(digests),
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
        let digest = digest(key, report);
        let Some(tags) = list(value, "a list of tags", "[\"v1.0.0\"]", report) else {
            continue;
        };
        let tags: Vec<Option<Located<Tag>>> = tags.iter().map(|node| tag(node, report)).collect();
        let Some(digest) = digest else { continue };
        if tags.is_empty() {
            digests.untagged.push(digest);
            continue;
        }
        digests.tagged.extend(tags.into_iter().flatten().map(|tag| TagLine {
            tag,
            digest: digest.clone(),
        }));
    }
    Some(digests)
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
