//! Claims that are known become manifests: what `snapshot` and `import` write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::model::{CommitId, Diagnostic, Digest, Drift, Prefix, RepoPath, RepositoryPath, Severity, Tag};
use crate::model::{Tree, TreeFile};

use super::configuration::LANDFALL_TOML;
use super::directive::with_directive;
use super::format::format;
use super::ledger::Ledger;
use super::natural;
use super::parse::parse;
use super::parse_cache::ParseCache;
use super::resolve::{Accepted, resolve};

/// A desired-state repository to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifests {
    /// What stands at the top of landfall.toml as a comment.
    pub about: String,
    pub targets: Vec<TargetManifest>,
    pub projects: Vec<ProjectManifest>,
}

/// A target without a signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetManifest {
    pub name: String,
    pub public_name: Prefix,
    pub primary: Prefix,
    /// By name.
    pub mirrors: BTreeMap<String, Prefix>,
    pub drift: Drift,
    /// Globs.
    pub mutable_tags: Vec<String>,
    /// What stands above the table as a comment.
    pub about: String,
}

/// A project that writes to one target, below one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectManifest {
    pub name: String,
    pub target: String,
    /// `None` for the target's root.
    pub path: Option<RepositoryPath>,
    /// The images by the prefix that they come from and their name below it.
    pub sources: BTreeMap<Prefix, BTreeMap<RepositoryPath, ImageManifest>>,
}

/// The digests of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageManifest {
    pub tags: BTreeMap<Tag, Digest>,
    pub untagged: BTreeSet<Digest>,
}

/// How large the files become.
struct FileLimits {
    /// Bytes of a file to which nothing more is added. With a table as long as below, the file stays well within
    /// [`crate::model::Limits::manifest_file`].
    file: usize,
    /// Lines of one table. A line has at most 206 bytes.
    lines: usize,
    /// Bytes of an image's first segment that name its file: file systems allow 255.
    name: usize,
}

const LIMITS: FileLimits = FileLimits {
    file: 1 << 20,
    lines: 8_000,
    name: 100,
};

/// Writes `landfall.toml` and `promotions/`, as `landfall fmt` leaves them. Images with one first segment share a file.
/// Each names its schema, which [`super::schema_files`] writes.
///
/// # Errors
/// What landfall would find wrong with the files: names that are none, paths that belong to two projects, sources
/// inside a target.
pub fn write(manifests: &Manifests) -> Result<Vec<(RepoPath, String)>, Vec<Diagnostic>> {
    let landfall = RepoPath::from(LANDFALL_TOML);
    let mut files = BTreeMap::new();
    let text = format(&landfall, &landfall_toml(manifests)).map_err(|error| vec![error])?;
    files.insert(landfall.clone(), with_directive(&landfall, &text));
    for project in &manifests.projects {
        Promotions::of(project).write(&mut files);
    }
    match refusals(&files) {
        found if found.is_empty() => Ok(files.into_iter().collect()),
        found => Err(found),
    }
}

/// What landfall finds wrong with these files.
fn refusals(files: &BTreeMap<RepoPath, String>) -> Vec<Diagnostic> {
    let regular = |text: &String| TreeFile::unstored(text.as_bytes());
    let tree = Tree {
        commit: CommitId([0; 20]),
        files: files.iter().map(|(path, text)| (path.clone(), regular(text))).collect(),
    };
    let mut found = match parse(&tree, &mut ParseCache::default()) {
        Err(found) => found,
        Ok(parsed) => {
            let ledger = Ledger::default();
            let resolved = resolve(&parsed, &Accepted { ledger: &ledger }, None);
            [parsed.diagnostics(), &resolved.diagnostics].concat()
        }
    };
    found.retain(|diagnostic| diagnostic.severity == Severity::Error);
    found
}

fn string(text: impl ToString) -> String {
    toml_edit::Value::from(text.to_string()).to_string()
}

fn key(text: &str) -> String {
    toml_edit::Key::new(text).display_repr().into_owned()
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(string).collect();
    format!("[{}]", items.join(", "))
}

/// Text of any origin, as lines that are comments.
fn comment(text: &str) -> String {
    let line = |line: &str| {
        let printable: String = line
            .chars()
            .map(|character| if character.is_control() { '\u{fffd}' } else { character })
            .collect();
        format!("# {printable}").trim_end().to_owned() + "\n"
    };
    text.lines().map(line).collect()
}

/// Writing to a `String` never fails, which is why the results of `write!` are dropped here and below.
fn landfall_toml(manifests: &Manifests) -> String {
    let mut text = comment(&manifests.about) + "version = 1\n";
    for target in &manifests.targets {
        let name = key(&target.name);
        let _ = write!(
            text,
            "\n{}[targets.{name}]\npublic-name = {}\nprimary = {}\n",
            comment(&target.about),
            string(&target.public_name),
            string(&target.primary)
        );
        if target.drift != Drift::Repair {
            let _ = writeln!(text, "drift = {}", string(target.drift));
        }
        if !target.mutable_tags.is_empty() {
            let _ = writeln!(text, "mutable-tags = {}", list(&target.mutable_tags));
        }
        if !target.mirrors.is_empty() {
            let _ = writeln!(text, "\n[targets.{name}.mirrors]");
        }
        for (mirror, prefix) in &target.mirrors {
            let _ = writeln!(text, "{} = {}", key(mirror), string(prefix));
        }
    }
    for project in &manifests.projects {
        let path = project.path.as_ref().map_or("", RepositoryPath::as_str);
        let _ = write!(
            text,
            "\n[projects.{}]\nsources = {}\ntargets = {}\npaths = {}\n",
            key(&project.name),
            list(project.sources.keys()),
            list([&project.target]),
            list([path])
        );
    }
    text
}

/// The files of one project.
struct Promotions<'a> {
    project: &'a ProjectManifest,
    taken: BTreeSet<String>,
}

impl<'a> Promotions<'a> {
    fn of(project: &'a ProjectManifest) -> Self {
        Self {
            project,
            taken: BTreeSet::new(),
        }
    }

    fn write(mut self, files: &mut BTreeMap<RepoPath, String>) {
        for (source, images) in &self.project.sources {
            let head = match self.project.sources.len() {
                1 => String::new(),
                // Which of several is meant stands in the file.
                _ => format!("source = {}\n\n", string(source)),
            };
            let images: Vec<_> = images.iter().collect();
            let first = |image: &RepositoryPath| image.segments().next().unwrap_or_default().to_owned();
            for together in images.chunk_by(|(one, _), (other, _)| first(one) == first(other)) {
                let name = first(together[0].0);
                for text in texts(&head, together) {
                    let path = self.path(&name);
                    let text = with_directive(&path, &text);
                    files.insert(path, text);
                }
            }
        }
    }

    /// A path that no other file has.
    fn path(&mut self, name: &str) -> RepoPath {
        let name = &name[..name.len().min(LIMITS.name)];
        let mut candidates = std::iter::once(name.to_owned()).chain((2_u64..).map(|number| format!("{name}-{number}")));
        let free = candidates.find(|candidate| self.taken.insert(candidate.clone()));
        let free = free.unwrap_or_default();
        format!("promotions/{}/{free}.toml", self.project.name).as_str().into()
    }
}

/// The contents of as many files as the images need. One image's table stands in a file once.
fn texts(head: &str, images: &[(&RepositoryPath, &ImageManifest)]) -> Vec<String> {
    let mut texts = Vec::new();
    let mut text = String::new();
    for (name, image) in images {
        let untagged: Vec<&Digest> = image.untagged.iter().collect();
        let mut tags: Vec<(&Tag, &Digest)> = image.tags.iter().collect();
        tags.sort_by(|(a, _), (b, _)| natural::compare(a.as_str(), b.as_str()));
        let name = key(name.as_str());
        let mut tables = Vec::new();
        tables.extend(
            untagged
                .chunks(LIMITS.lines)
                .map(|digests| untagged_table(&name, digests)),
        );
        tables.extend(tags.chunks(LIMITS.lines).map(|lines| tags_table(&name, lines)));
        for (index, table) in tables.into_iter().enumerate() {
            if text.len() > LIMITS.file || index > 0 && !text.is_empty() {
                texts.push(std::mem::take(&mut text));
            }
            if text.is_empty() {
                text.push_str(head);
            } else {
                text.push('\n');
            }
            text.push_str(&table);
        }
    }
    texts.extend((!text.is_empty()).then_some(text));
    texts
}

fn tags_table(image: &str, lines: &[(&Tag, &Digest)]) -> String {
    let width = lines.iter().map(|(tag, _)| tag.as_str().len()).max().unwrap_or(0);
    let mut table = format!("[images.{image}.tags]\n");
    for (tag, digest) in lines {
        // Neither needs escaping, whatever they hold; a tag that is quoted or not, `fmt` would quote.
        let padding = " ".repeat(width - tag.as_str().len());
        let _ = writeln!(table, "\"{tag}\"{padding} = \"{digest}\"");
    }
    table
}

fn untagged_table(image: &str, digests: &[&Digest]) -> String {
    let lines: String = digests.iter().map(|digest| format!("    \"{digest}\",\n")).collect();
    format!("[images.{image}]\nuntagged = [\n{lines}]\n")
}

#[cfg(test)]
mod tests;
