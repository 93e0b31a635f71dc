//! Which files of kpromo's folders are read, and for which project.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::desired::code;
use crate::desired::configuration::Configuration;
use crate::desired::finding::{Finding, Report, quoted};
use crate::desired::manifest_file::{Content, ManifestFile};
use crate::desired::parse_cache::ParseCache;
use crate::desired::position::Position;
use crate::desired::project_files::ProjectFiles;
use crate::desired::scalar::Name;
use crate::desired::shape::Scalar as _;
use crate::desired::syntax;
use crate::model::{Diagnostic, RepoPath, Tree, TreeFile};
use crate::yaml::Node;

use super::document::document;
use super::images::{Form, images};
use super::manifest::{WithoutEffect, manifest};
use super::rule::Rule;
use super::table::KpromoRoot;
use super::usual;

const MANIFEST: &str = "promoter-manifest.yaml";
const IMAGES: &str = "images.yaml";

/// What stands in kpromo's folders.
#[derive(Default)]
pub(in crate::desired) struct Found {
    pub projects: BTreeMap<Arc<str>, ProjectFiles>,
    /// What belongs to no project.
    pub diagnostics: Vec<Diagnostic>,
    /// Why nothing can be said of kpromo's projects at all: it would read as if every claim had been removed.
    pub refusals: Vec<Diagnostic>,
}

/// Reads every project of kpromo's. As kpromo does: a project is a folder of `manifests/` with a manifest in it, and
/// files of other names do not count.
pub(in crate::desired) fn projects(
    configuration: &Configuration,
    rule: &Rule,
    tree: &Tree,
    cache: &mut ParseCache,
) -> Found {
    let mut found = Found::default();
    let (manifests, images) = (rule.root.manifests(), rule.root.images());
    for folder in [&manifests, &images] {
        found.refusals.extend(no_directory(folder, tree));
    }
    let mut names = BTreeSet::new();
    let mut any = false;
    for (path, segments, file) in below(tree, &manifests) {
        match segments[..] {
            // What holds too much was a project, and is one again once it holds less.
            [project] if matches!(file, TreeFile::Excessive { .. } | TreeFile::Submodule) => {
                found.diagnostics.extend(blocked(path, file));
                if let Ok(name) = project_name(configuration, project) {
                    any = true;
                    names.insert(name);
                }
            }
            [project, MANIFEST] => {
                any = true;
                match project_name(configuration, project) {
                    Ok(name) => {
                        names.insert(name);
                    }
                    Err(finding) => found.diagnostics.push(finding.at(path, Position::START)),
                }
            }
            [.., MANIFEST] => {
                let finding = Finding::error(code::UNKNOWN_PROJECT, "stands in no project's folder")
                    .help(format!("move it to `{manifests}/PROJECT/{MANIFEST}`"));
                found.diagnostics.push(finding.at(path, Position::START));
            }
            [_] if syntax::no_file(file).is_some() => found.diagnostics.extend(blocked(path, file)),
            _ => found.diagnostics.extend(suspicious(path, file, MANIFEST)),
        }
    }
    for (path, segments, file) in below(tree, &images) {
        match segments[..] {
            [project, IMAGES] if names.contains(project) => {}
            [project, IMAGES] => {
                let message = format!(
                    "is not promoted: there is no {manifests}/{}/{MANIFEST}",
                    project.escape_default()
                );
                let finding = Finding::warning(code::SUSPICIOUS_FILE, message)
                    .help("a manifest says where these images come from and go to; write one, or remove this file");
                found.diagnostics.push(finding.at(path, Position::START));
            }
            [project] if syntax::no_file(file).is_some() && names.contains(project) => {
                found.diagnostics.extend(blocked(path, file));
            }
            _ => found.diagnostics.extend(suspicious(path, file, IMAGES)),
        }
    }
    if !any && found.refusals.is_empty() {
        let finding = Finding::error(
            code::MISSING_FILE,
            format!("there is no manifest of kpromo's below `{manifests}/`"),
        )
        .help(format!(
            "`root` names the folder that holds `manifests/PROJECT/{MANIFEST}` and `images/PROJECT/{IMAGES}`"
        ));
        found.refusals.push(finding.at(&configuration.path(), rule.root_at));
    }
    found.projects = names
        .into_iter()
        .map(|name| {
            let files = project(rule, &name, tree, cache);
            (name, files)
        })
        .collect();
    for what in [WithoutEffect::ImagesPath, WithoutEffect::Warnings] {
        found.diagnostics.extend(without_effect(&found.projects, what));
    }
    found
}

/// What stands in any number of manifests and changes nothing is said once.
fn without_effect(projects: &BTreeMap<Arc<str>, ProjectFiles>, what: WithoutEffect) -> Option<Diagnostic> {
    let files = projects.values().flat_map(|project| &project.files);
    let mut found = files.filter_map(|file| match &file.content {
        Some(Content::KpromoManifest(manifest)) => {
            let mut of_it = manifest.without_effect.iter();
            Some((&file.path, of_it.find(|(found, _)| *found == what)?.1))
        }
        _ => None,
    });
    let (path, at) = found.next()?;
    let also = match found.count() {
        0 => String::new(),
        1 => " (one other manifest has it, too)".to_owned(),
        count => format!(" ({count} other manifests have it, too)"),
    };
    let (message, help) = match what {
        WithoutEffect::ImagesPath => (
            "`imagesPath` means nothing, in kpromo as here",
            "remove it: images stand in `images/PROJECT/images.yaml`",
        ),
        WithoutEffect::Warnings => (
            "provenance is not checked by this version: what kpromo would warn of is not said",
            "promotions go on as they do with kpromo",
        ),
    };
    let finding = Finding::warning(code::UNUSED_KEY, format!("{message}{also}"));
    Some(finding.help(help).at(path, at))
}

/// Reads one project's files. A manifest that is not there has no project.
pub(in crate::desired) fn project(rule: &Rule, name: &str, tree: &Tree, cache: &mut ParseCache) -> ProjectFiles {
    let manifest_path = manifest_path(&rule.root, name);
    let images_path = RepoPath::from(format!("{}/{name}/{IMAGES}", rule.root.images()).as_str());
    let Some(file) = tree.files.get(&manifest_path) else {
        return ProjectFiles::kpromo(vec![Arc::new(missing(&manifest_path, &manifest_path))]);
    };
    let manifest = cache.file(&manifest_path, file, read_manifest);
    let plain = match &manifest.content {
        Some(Content::KpromoManifest(content)) => content.images.as_ref().map(|images| images.at),
        _ => None,
    };
    let images = match (plain, tree.files.get(&images_path)) {
        (None, Some(file)) => Some(cache.file(&images_path, file, read_images)),
        // A manifest that does not parse may be a plain one.
        (None, None) if manifest.content.is_some() => Some(Arc::new(missing(&images_path, &manifest_path))),
        (Some(at), Some(_)) => Some(Arc::new(both(&manifest_path, &images_path, at))),
        (_, None) => None,
    };
    ProjectFiles::kpromo([Some(manifest), images].into_iter().flatten().collect())
}

/// A broken project's files at an older commit; but the head's manifest where that one parses, since it grants.
pub(in crate::desired) fn older(
    rule: &Rule,
    name: &str,
    head: &ProjectFiles,
    tree: &Tree,
    cache: &mut ParseCache,
) -> ProjectFiles {
    let found = project(rule, name, tree, cache);
    let path = manifest_path(&rule.root, name);
    let thin = |file: &&Arc<ManifestFile>| {
        file.path == path
            && matches!(&file.content, Some(Content::KpromoManifest(manifest)) if manifest.images.is_none())
    };
    let images = |file: &&Arc<ManifestFile>| matches!(file.content, Some(Content::KpromoImages(_)));
    match (head.files.iter().find(thin), found.files.iter().find(images)) {
        (None, _) => found,
        (Some(manifest), Some(images)) => {
            ProjectFiles::kpromo(vec![Arc::clone(manifest), Arc::clone(images)]).keeping(path)
        }
        (Some(_), None) => ProjectFiles::kpromo(vec![Arc::new(missing(&path, &path))]),
    }
}

fn manifest_path(root: &KpromoRoot, project: &str) -> RepoPath {
    RepoPath::from(format!("{}/{project}/{MANIFEST}", root.manifests()).as_str())
}

/// The files below a folder, by their path's segments below it.
fn below<'t>(tree: &'t Tree, folder: &str) -> impl Iterator<Item = (&'t RepoPath, Vec<&'t str>, &'t TreeFile)> {
    let skipped = folder.len() + 1;
    // `0` follows `/` in ASCII.
    let range = RepoPath::from(format!("{folder}/").as_str())..RepoPath::from(format!("{folder}0").as_str());
    tree.files
        .range(range)
        .map(move |(path, file)| (path, path.as_str()[skipped..].split('/').collect(), file))
}

fn project_name(configuration: &Configuration, project: &str) -> Result<Arc<str>, Finding> {
    let Name(name) = Name::parse(project)?;
    match configuration.projects.get(&name) {
        None => Ok(name),
        Some(own) => {
            let message = format!(
                "project {} is defined on line {} of landfall.toml, too",
                quoted(project),
                own.line
            );
            Err(Finding::error(code::RESERVED_NAME, message)
                .help("rename the project there, or this folder and its images'"))
        }
    }
}

fn no_directory(folder: &str, tree: &Tree) -> Option<Diagnostic> {
    let (path, file) = tree.files.get_key_value(&RepoPath::from(folder))?;
    Some(blocked(path, file).unwrap_or_else(|| {
        Finding::error(
            code::MISSING_FILE,
            "is a file: expected a folder with one for each project",
        )
        .help("`root` of `[kpromo]` in landfall.toml names the folder above it")
        .at(path, Position::START)
    }))
}

/// What stands where a file or folder is expected, and is neither.
fn blocked(path: &RepoPath, file: &TreeFile) -> Option<Diagnostic> {
    syntax::no_file(file).map(|finding| finding.at(path, Position::START))
}

/// Files that someone probably takes for manifests.
fn suspicious(path: &RepoPath, file: &TreeFile, expected: &str) -> Option<Diagnostic> {
    let lower = path.as_str().to_ascii_lowercase();
    let is_yaml = lower.ends_with(".yaml") || lower.ends_with(".yml");
    (is_yaml && syntax::no_file(file).is_none()).then(|| {
        Finding::warning(
            code::SUSPICIOUS_FILE,
            format!("is not read: here only `PROJECT/{expected}` is"),
        )
        .help("rename it, or move it elsewhere")
        .at(path, Position::START)
    })
}

fn missing(path: &RepoPath, reported_at: &RepoPath) -> ManifestFile {
    let finding = Finding::error(code::MISSING_FILE, format!("{path} is not in the repository"))
        .help("commit the list of this project's images; an empty one promotes nothing");
    ManifestFile::broken(path, vec![finding.at(reported_at, Position::START)])
}

fn both(manifest: &RepoPath, images: &RepoPath, at: Position) -> ManifestFile {
    let finding = Finding::error(code::UNKNOWN_KEY, format!("`images` stands here and in {images}"))
        .help("keep the images in one of the two: thin manifests have none, plain ones have no other file");
    ManifestFile::broken(images, vec![finding.at(manifest, at)])
}

fn read_manifest(path: &RepoPath, file: &TreeFile) -> ManifestFile {
    read(path, file, |node, report| {
        manifest(node, report).map(Content::KpromoManifest)
    })
}

fn read_images(path: &RepoPath, file: &TreeFile) -> ManifestFile {
    if let Some(images) = syntax::text(file).ok().and_then(usual::images) {
        return ManifestFile::read(path, file, Some(Content::KpromoImages(images)), Report::new(path));
    }
    read(path, file, |node, report| {
        images(node, Form::Thin, report).map(Content::KpromoImages)
    })
}

fn read(
    path: &RepoPath,
    file: &TreeFile,
    content: impl FnOnce(&Node<'_>, &mut Report) -> Option<Content>,
) -> ManifestFile {
    let mut report = Report::new(path);
    let content = match syntax::text(file) {
        Ok(text) => document(text, &mut report).and_then(|node| content(&node, &mut report)),
        Err((at, finding)) => {
            let finding = match finding.code {
                code::TOO_LARGE => finding.help("split it into several projects"),
                _ => finding,
            };
            report.add(at, finding);
            None
        }
    };
    let content = content.filter(|_| !report.is_broken());
    ManifestFile::read(path, file, content, report)
}
