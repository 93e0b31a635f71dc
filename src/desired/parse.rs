//! A commit's files, read project by project.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{BlobId, CommitId, Diagnostic, RepoPath, RepositoryPath, Roots, Tree, TreeFile, nearest};

use super::code;
use super::configuration::{Configuration, LANDFALL_TOML};
use super::finding::{Finding, Report, in_order, quoted};
use super::kpromo;
use super::limits::LIMITS;
use super::position::{LineIndex, Position};
use super::promotions_file::{ImageTable, PromotionsFile};
use super::shape::{Located, Reader};
use super::table::FromTable;
use super::{keys, syntax};

const PROMOTIONS: &str = "promotions";

/// A manifest, ours or kpromo's, read.
#[derive(Debug)]
pub(super) struct ManifestFile {
    pub path: RepoPath,
    /// `None` for what is no file.
    pub blob: Option<BlobId>,
    /// `None` where the file does not parse.
    pub content: Option<Content>,
    diagnostics: Vec<Diagnostic>,
}

/// What a file says.
#[derive(Debug)]
pub(super) enum Content {
    Promotions(PromotionsFile),
    KpromoManifest(kpromo::Manifest),
    KpromoImages(Vec<kpromo::Image>),
}

impl Content {
    /// The images that it names, in the order of the file.
    pub fn images(&self) -> Vec<(&Located<RepositoryPath>, &ImageTable)> {
        match self {
            Self::Promotions(file) => file
                .images
                .iter()
                .flatten()
                .map(|(name, image)| (name, image))
                .collect(),
            Self::KpromoManifest(manifest) => manifest
                .images
                .as_ref()
                .map_or_else(Vec::new, |images| of_kpromo(&images.value)),
            Self::KpromoImages(images) => of_kpromo(images),
        }
    }
}

fn of_kpromo(images: &[kpromo::Image]) -> Vec<(&Located<RepositoryPath>, &ImageTable)> {
    images.iter().map(|image| (&image.name, &image.table)).collect()
}

impl ManifestFile {
    pub fn read(path: &RepoPath, file: &TreeFile, content: Option<Content>, report: Report) -> Self {
        Self {
            path: path.clone(),
            blob: match file {
                TreeFile::Regular { blob, .. } => Some(*blob),
                TreeFile::Symlink | TreeFile::TooLarge { .. } => None,
            },
            content,
            diagnostics: report.into_diagnostics(),
        }
    }

    /// A file that is not there, or not as it should be.
    pub fn broken(path: &RepoPath, diagnostics: Vec<Diagnostic>) -> Self {
        Self {
            path: path.clone(),
            blob: None,
            content: None,
            diagnostics,
        }
    }
}

/// Parsed files by path and blob id, so that a file that did not change is never parsed again.
#[derive(Debug, Default)]
pub struct ParseCache {
    files: HashMap<(RepoPath, BlobId), (Arc<ManifestFile>, u64)>,
    configuration: Option<Arc<Configuration>>,
    parses: u64,
}

impl ParseCache {
    fn configuration(&mut self, tree: &Tree) -> Result<Arc<Configuration>, Vec<Diagnostic>> {
        if let Some(known) = self.configuration.as_ref().filter(|known| known.is_of(tree)) {
            return Ok(known.clone());
        }
        let configuration = Arc::new(Configuration::read(tree)?);
        self.configuration = Some(configuration.clone());
        Ok(configuration)
    }

    /// The file, read by `read` where it has not been. Which function that is must follow from the path.
    pub(super) fn file(
        &mut self,
        path: &RepoPath,
        file: &TreeFile,
        read: fn(&RepoPath, &TreeFile) -> ManifestFile,
    ) -> Arc<ManifestFile> {
        let TreeFile::Regular { blob, .. } = file else {
            return Arc::new(read(path, file));
        };
        let entry = self
            .files
            .entry((path.clone(), *blob))
            .or_insert_with(|| (Arc::new(read(path, file)), 0));
        entry.1 = self.parses;
        entry.0.clone()
    }

    /// Begins another round: what is not met in the next rounds is forgotten.
    pub(super) fn begin(&mut self) {
        self.parses += 1;
        self.forget_old();
    }

    fn forget_old(&mut self) {
        let oldest = self.parses.saturating_sub(LIMITS.kept_parses);
        self.files.retain(|_, (_, met)| *met >= oldest);
    }
}

/// A project's files, from one commit.
#[derive(Debug, Clone, Default)]
pub(super) struct ProjectFiles {
    /// Sorted by path.
    pub files: Vec<Arc<ManifestFile>>,
    /// The older commit that the files are read from, where they do not parse at the head.
    pub from: Option<CommitId>,
    /// The file that is the head's all the same: kpromo's manifest grants, and only the head's may.
    pub kept: Option<RepoPath>,
    broken: bool,
    is_kpromo: bool,
}

impl ProjectFiles {
    /// A project's manifest and list of images.
    pub fn kpromo(files: Vec<Arc<ManifestFile>>) -> Self {
        Self {
            broken: files.iter().any(|file| file.content.is_none()),
            files,
            is_kpromo: true,
            ..Self::default()
        }
    }

    /// The same, with one file that is the head's.
    #[must_use]
    pub fn keeping(self, path: RepoPath) -> Self {
        Self {
            kept: Some(path),
            ..self
        }
    }

    /// Whether it is one of kpromo's projects.
    pub fn is_kpromo(&self) -> bool {
        self.is_kpromo
    }

    /// Whether these are the very same reads of the same files.
    pub fn is_same(&self, other: &Self) -> bool {
        self.files.len() == other.files.len() && self.files.iter().zip(&other.files).all(|(a, b)| Arc::ptr_eq(a, b))
    }

    /// Whether a file is read from an older commit than the head.
    pub fn is_older(&self, path: &RepoPath) -> bool {
        self.from.is_some() && self.kept.as_ref() != Some(path)
    }

    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Takes in what stands at a path below the project's directory now, if it is read at all.
    pub fn put(&mut self, path: &RepoPath, file: Option<&TreeFile>) {
        let file = file
            .filter(|file| is_read(path, file))
            .map(|file| read_file(path, file));
        match (self.files.binary_search_by(|known| known.path.cmp(path)), file) {
            (Ok(at), Some(file)) => self.files[at] = Arc::new(file),
            (Ok(at), None) => drop(self.files.remove(at)),
            (Err(at), Some(file)) => self.files.insert(at, Arc::new(file)),
            (Err(_), None) => return,
        }
        self.broken = self.files.iter().any(|file| file.content.is_none());
    }
}

/// What refuses a commit beside its `landfall.toml`.
pub(super) fn refusals(tree: &Tree) -> Vec<Diagnostic> {
    let mut refusals = keys::find_private(tree);
    refusals.extend(root_is_no_directory(tree));
    refusals
}

/// A commit, parsed: what stands in each file, not yet judged.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub commit: CommitId,
    pub(super) configuration: Arc<Configuration>,
    /// Every project of landfall.toml, and kpromo's.
    pub(super) projects: BTreeMap<Arc<str>, ProjectFiles>,
    diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Projects with files that do not parse, and no older files in their place. They have no claims.
    pub fn broken_projects(&self) -> impl Iterator<Item = &str> {
        let broken = self.projects.iter().filter(|(_, files)| files.broken);
        broken.map(|(name, _)| &**name)
    }

    /// Every project of `landfall.toml` and of kpromo's manifests, sorted.
    pub fn projects(&self) -> impl Iterator<Item = &str> {
        self.projects.keys().map(|name| &**name)
    }

    /// What is read of this commit.
    #[must_use]
    pub fn roots(&self) -> Roots {
        let rule = self.configuration.kpromo.as_ref();
        rule.map(|rule| rule.root.roots()).unwrap_or_default()
    }

    /// Takes a broken project's files from `older`, if all of them parse there; says whether they do.
    ///
    /// The caller offers the first-parent ancestors from the newest on. Only the project's files count: whether
    /// `older`'s landfall.toml is valid, or knows the project, does not matter, since the head's is what judges.
    /// What is wrong at the head stays in [`Self::diagnostics`].
    pub fn substitute(&mut self, project: &str, older: &Tree, cache: &mut ParseCache) -> bool {
        let Some(files) = self.projects.get_mut(project) else {
            return false;
        };
        let rule = self.configuration.kpromo.as_ref().filter(|_| files.is_kpromo);
        let found = match rule {
            Some(rule) => kpromo::older(rule, project, files, older, cache),
            None => read_project(project, older, cache),
        };
        let whole = !found.broken;
        if whole {
            *files = ProjectFiles {
                from: Some(older.commit),
                ..found
            };
        }
        whole
    }

    /// These files as another revision's landfall.toml would judge them; what is wrong with them is left out.
    pub(super) fn under_the_rules_of(&self, other: &Self) -> Self {
        Self {
            configuration: other.configuration.clone(),
            diagnostics: Vec::new(),
            ..self.clone()
        }
    }

    /// What is wrong with the files themselves, sorted by place.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

/// Parses a commit's files. A project whose files do not parse is listed by [`Parsed::broken_projects`].
///
/// # Errors
/// Everything that is wrong in the commit, where `landfall.toml` or a key that it names is broken or missing: without
/// it nothing can be judged, and the commit is refused.
pub fn parse(tree: &Tree, cache: &mut ParseCache) -> Result<Parsed, Vec<Diagnostic>> {
    cache.parses += 1;
    let mut refusals = refusals(tree);
    let configuration = match cache.configuration(tree) {
        Ok(configuration) => Some(configuration),
        Err(errors) => {
            refusals.extend(errors);
            None
        }
    };

    let mut found = found_below(tree);
    let mut diagnostics = Vec::new();
    let mut projects = BTreeMap::new();
    if let Some(configuration) = &configuration {
        diagnostics.extend_from_slice(&configuration.warnings);
        for name in configuration.projects.keys() {
            let files = found.remove(&**name).unwrap_or_default();
            projects.insert(name.clone(), read_files(&files, cache));
            diagnostics.extend(files.iter().filter_map(|(path, _)| suspicious(path)));
        }
        let known = || configuration.projects.keys().map(|name| &**name);
        diagnostics.extend(found.iter().map(|(name, files)| unknown_project(name, files, known())));
        if let Some(rule) = &configuration.kpromo {
            let of_kpromo = kpromo::projects(configuration, rule, tree, cache);
            projects.extend(of_kpromo.projects);
            diagnostics.extend(of_kpromo.diagnostics);
            refusals.extend(of_kpromo.refusals);
        }
    } else {
        for (name, files) in &found {
            projects.insert(Arc::from(*name), read_files(files, cache));
        }
    }
    let of_files = projects.values().flat_map(|project| &project.files);
    diagnostics.extend(of_files.flat_map(|file| file.diagnostics.iter().cloned()));
    cache.forget_old();

    match configuration {
        Some(configuration) if refusals.is_empty() => Ok(Parsed {
            commit: tree.commit,
            configuration,
            projects,
            diagnostics: in_order(diagnostics),
        }),
        _ => {
            refusals.extend(diagnostics);
            Err(in_order(refusals))
        }
    }
}

type Found<'t> = Vec<(&'t RepoPath, &'t TreeFile)>;

/// What stands under `promotions/`, by the first segment below it.
fn found_below(tree: &Tree) -> BTreeMap<&str, Found<'_>> {
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

fn read_project(name: &str, tree: &Tree, cache: &mut ParseCache) -> ProjectFiles {
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

fn read_files(found: &Found<'_>, cache: &mut ParseCache) -> ProjectFiles {
    let files: Vec<_> = found
        .iter()
        .filter(|(path, file)| is_read(path, file))
        .map(|(path, file)| cache.file(path, file, read_file))
        .collect();
    ProjectFiles {
        broken: files.iter().any(|file| file.content.is_none()),
        files,
        ..ProjectFiles::default()
    }
}

fn is_read(path: &RepoPath, file: &TreeFile) -> bool {
    is_manifest(path) || stands_for_directory(path) || matches!(file, TreeFile::Symlink)
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
    let content = match syntax::text(file) {
        Err((position, finding)) => {
            report.add(position, finding);
            None
        }
        Ok(_) if stands_for_directory(path) => {
            let finding = Finding::error(code::UNKNOWN_PROJECT, "is a file: expected the project's directory")
                .help("move it into a directory of that name");
            report.add(Position::START, finding);
            None
        }
        Ok(text) => {
            let lines = LineIndex::new(text);
            match syntax::document(text, &lines, &mut report) {
                None => None,
                Some(table) => {
                    let mut reader = Reader { lines, report };
                    let content = PromotionsFile::from_table(&table, Position::START, &mut reader);
                    report = reader.report;
                    content.filter(|_| !report.has_errors())
                }
            }
        }
    };
    ManifestFile::read(path, file, content.map(Content::Promotions), report)
}

/// One finding for each directory, at its first file.
fn unknown_project<'a>(name: &str, files: &Found<'_>, known: impl Iterator<Item = &'a str>) -> Diagnostic {
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
fn suspicious(path: &RepoPath) -> Option<Diagnostic> {
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
fn root_is_no_directory(tree: &Tree) -> Option<Diagnostic> {
    let (path, file) = tree.files.get_key_value(&RepoPath::from(PROMOTIONS))?;
    let finding = match file {
        TreeFile::Symlink => Finding::error(code::SYMLINK, "is a symbolic link")
            .help("commit what it points to: a link could lead out of the repository"),
        TreeFile::Regular { .. } | TreeFile::TooLarge { .. } => {
            Finding::error(code::UNKNOWN_PROJECT, "is a file: expected a directory")
                .help("move it to `promotions/PROJECT/`, ending in `.toml`")
        }
    };
    Some(finding.at(path, Position::START))
}
