//! What stands under `promotions/`, and which of it is read for whom.

use std::collections::BTreeMap;

use crate::model::{Diagnostic, RepoPath, Tree, TreeFile, nearest};

use super::code;
use super::configuration::LANDFALL_TOML;
use super::finding::{Finding, Report, quoted};
use super::manifest_file::{Content, ManifestFile};
use super::parse_cache::ParseCache;
use super::position::{LineIndex, Position};
use super::project_files::ProjectFiles;
use super::promotions_file::PromotionsFile;
use super::shape::Reader;
use super::syntax;
use super::table::FromTable;

/// The directory of our manifests.
const PROMOTIONS: &str = "promotions";

pub(super) type Found<'t> = Vec<(&'t RepoPath, &'t TreeFile)>;

/// What stands under `promotions/`, by the first segment below it.
pub(super) fn found_below(tree: &Tree) -> BTreeMap<&str, Found<'_>> {
    let mut found: BTreeMap<&str, Found<'_>> = BTreeMap::new();
    // `0` follows `/` in ASCII.
    for (path, file) in tree
        .files
        .range(RepoPath::from("promotions/")..RepoPath::from("promotions0"))
    {
        let below = path.as_str().split('/').nth(1).unwrap_or_default();
        found.entry(below).or_default().push((path, file));
    }
    found
}

/// A project's files, as they stand in a tree.
pub(super) fn read_project(name: &str, tree: &Tree, cache: &mut ParseCache) -> ProjectFiles {
    let (from, to) = (format!("{PROMOTIONS}/{name}/"), format!("{PROMOTIONS}/{name}0"));
    let itself = RepoPath::from(format!("{PROMOTIONS}/{name}").as_str());
    let found: Found<'_> = tree
        .files
        .get_key_value(&itself)
        .into_iter()
        .chain(
            tree.files
                .range(RepoPath::from(from.as_str())..RepoPath::from(to.as_str())),
        )
        .collect();
    read_files(&found, cache)
}

pub(super) fn read_files(found: &Found<'_>, cache: &mut ParseCache) -> ProjectFiles {
    let files = found.iter().filter(|(path, file)| is_read(path, file));
    ProjectFiles::ours(files.map(|(path, file)| cache.file(path, file, read_file)).collect())
}

/// What stands at a path below a project's directory, if it is read at all.
pub(super) fn read(path: &RepoPath, file: &TreeFile) -> Option<ManifestFile> {
    is_read(path, file).then(|| read_file(path, file))
}

fn is_read(path: &RepoPath, file: &TreeFile) -> bool {
    let blocks = matches!(
        file,
        TreeFile::Symlink | TreeFile::Submodule | TreeFile::Excessive { .. }
    );
    is_manifest(path) || stands_for_directory(path) || blocks
}

fn is_manifest(path: &RepoPath) -> bool {
    path.as_str().ends_with(".toml") && !stands_for_directory(path)
}

/// `promotions/NAME` itself.
fn stands_for_directory(path: &RepoPath) -> bool {
    path.as_str().matches('/').count() < 2
}

fn read_file(path: &RepoPath, file: &TreeFile) -> ManifestFile {
    let mut report = Report::new(path);
    let is_file = matches!(
        file,
        TreeFile::Regular { .. } | TreeFile::TooLarge { .. } | TreeFile::Other
    );
    let content = match syntax::text(file) {
        Err((position, finding)) if !is_file || !stands_for_directory(path) => {
            report.add(position, finding);
            None
        }
        _ if stands_for_directory(path) => {
            let finding = Finding::error(code::UNKNOWN_PROJECT, "is a file: expected the project's directory")
                .help("move it into a directory of that name");
            report.add(Position::START, finding);
            None
        }
        Err(_) => None,
        Ok(text) => {
            let lines = LineIndex::new(text);
            match syntax::document(text, &lines, &mut report) {
                None => None,
                Some(table) => {
                    let mut reader = Reader { lines, report };
                    let content = PromotionsFile::from_table(&table, Position::START, &mut reader);
                    report = reader.report;
                    content.filter(|_| !report.is_broken())
                }
            }
        }
    };
    ManifestFile::read(path, file, content.map(Content::Promotions), report)
}

/// One finding for each directory, at its first file.
pub(super) fn unknown_project<'a>(name: &str, files: &Found<'_>, known: impl Iterator<Item = &'a str>) -> Diagnostic {
    let path = files
        .first()
        .map_or_else(|| RepoPath::from(PROMOTIONS), |(path, _)| (*path).clone());
    if stands_for_directory(&path) {
        let finding = Finding::error(code::UNKNOWN_PROJECT, "stands in no project's directory")
            .help("move it to `promotions/PROJECT/`");
        return finding.at(&path, Position::START);
    }
    let count = match files.len() {
        1 => String::new(),
        count => format!(" ({count} files stand there)"),
    };
    let finding = Finding::error(
        code::UNKNOWN_PROJECT,
        format!(
            "belongs to no project: {LANDFALL_TOML} has no project {}{count}",
            quoted(name)
        ),
    )
    .help(match nearest(name, known) {
        Some(near) => format!("move it to `promotions/{near}/`"),
        None => format!("define the project: `[projects.{}]`", name.escape_default()),
    });
    finding.at(&path, Position::START)
}

/// Files that someone probably takes for manifests.
pub(super) fn suspicious(path: &RepoPath) -> Option<Diagnostic> {
    let lower = path.as_str().to_ascii_lowercase();
    let looks_like_one = [".toml", ".tml", ".yaml", ".yml", ".json"]
        .iter()
        .any(|ending| lower.ends_with(ending));
    (looks_like_one && !is_manifest(path)).then(|| {
        Finding::warning(code::SUSPICIOUS_FILE, "is not read: manifests end in `.toml`")
            .help("rename it, or move it out of `promotions/`")
            .at(path, Position::START)
    })
}

/// `promotions` as a link or a file would read as if every claim had been removed.
pub(super) fn root_is_no_directory(tree: &Tree) -> Option<Diagnostic> {
    let (path, file) = tree.files.get_key_value(&RepoPath::from(PROMOTIONS))?;
    let finding = syntax::no_file(file).unwrap_or_else(|| {
        Finding::error(code::UNKNOWN_PROJECT, "is a file: expected a directory")
            .help("move it to `promotions/PROJECT/`, ending in `.toml`")
    });
    Some(finding.at(path, Position::START))
}
