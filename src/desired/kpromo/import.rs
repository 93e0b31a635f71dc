//! kpromo's manifests, written down as landfall's own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use thiserror::Error;
use toml_edit::{Array, DocumentMut, Item, Table, value};

use crate::desired::directive::with_directive;
use crate::desired::format::format;
use crate::desired::ledger::Ledger;
use crate::desired::parse::{Parsed, parse};
use crate::desired::parse_cache::ParseCache;
use crate::desired::promotions_file::Image;
use crate::desired::resolve::{Accepted, Resolved, resolve};
use crate::desired::scalar::TargetPath;
use crate::desired::target_table::PRIMARY;
use crate::model::{
    Claim, CommitId, Diagnostic, Digest, EndpointSet, Origin, RepoPath, RepositoryPath, Roots, Severity, Target, Tree,
    TreeFile,
};

use super::claims::{Contents, routes_of};
use super::rule::TARGET;

/// Why manifests cannot be written.
#[derive(Debug, Error)]
pub enum ImportError {
    #[error("the manifests to import are wrong")]
    Invalid(Vec<Diagnostic>),
    #[error("landfall.toml has no `[kpromo]`: there is nothing to import")]
    NoKpromo,
    #[error(
        "path \"{path}\" is promoted to other endpoints by project `{one}` than by `{other}`: in landfall's own \
         manifests a path belongs to one project; promote both to the same endpoints first, or keep kpromo's manifests"
    )]
    SharedPath {
        path: String,
        one: Arc<str>,
        other: Arc<str>,
    },
    #[error("landfall.toml cannot be rewritten: {0}")]
    Rewrite(String),
    #[error(
        "landfall's own manifests cannot say the same: a repository belongs to the project with the longest matching \
         path; keep kpromo's manifests, or mend what is found"
    )]
    NotExpressible(Vec<Diagnostic>),
    #[error(
        "the manifests that were made ask for something else at {0}: this is a mistake in landfall, nothing was written"
    )]
    Differs(String),
}

/// What to write.
#[derive(Debug)]
pub struct Imported {
    /// A whole repository, formatted, but for the schemas that its files name: [`crate::desired::schema_files`].
    pub files: Vec<(RepoPath, Arc<[u8]>)>,
    /// What was remarkable about the manifests that were read.
    pub warnings: Vec<Diagnostic>,
    pub projects: usize,
    pub claims: usize,
}

/// A project of ours: what one or several of kpromo's promote to the same paths and endpoints.
struct OwnProject {
    name: String,
    /// Names of kpromo's projects.
    from: BTreeSet<Arc<str>>,
    paths: Vec<TargetPath>,
    endpoints: EndpointSet,
}

/// Writes the same desired state with `[targets]`, `[projects]` and `promotions/`; the target that kpromo's manifests
/// fill is named `target` from then on. What was made is read again and held against what was meant.
///
/// # Errors
/// Where the manifests are wrong, or where landfall's own cannot say the same.
pub fn import(tree: &Tree, target: &str) -> Result<Imported, ImportError> {
    let (parsed, resolved, warnings) = read(tree).map_err(ImportError::Invalid)?;
    let contents = contents(&parsed);
    let projects = own_projects(&parsed, &contents)?;
    let mut files = kept_files(&parsed, tree);
    let landfall = landfall_toml(tree, target, &parsed, &projects, &contents)?;
    add(&mut files, Roots::FILE, &landfall)?;
    for project in &projects {
        for from in &project.from {
            let text = promotions(&contents[from], sources(project, &contents).len() > 1);
            if let Some(text) = text {
                add(&mut files, &format!("promotions/{}/{from}.toml", project.name), &text)?;
            }
        }
    }
    let made = Tree {
        commit: CommitId([0; 20]),
        files: files
            .iter()
            .map(|(path, bytes)| (path.clone(), TreeFile::unstored(Arc::clone(bytes))))
            .collect(),
    };
    let (_, again, _) = read(&made).map_err(ImportError::NotExpressible)?;
    let (meant, found) = (comparable(&resolved, target), comparable(&again, target));
    if meant != found {
        let differing = meant.iter().find(|(key, claim)| found.get(*key) != Some(claim));
        let differing = differing.or_else(|| found.iter().find(|(key, _)| !meant.contains_key(*key)));
        let place = differing.map(|((target, repository, digest), _)| format!("{target} {repository}@{digest}"));
        return Err(ImportError::Differs(place.unwrap_or_default()));
    }
    Ok(Imported {
        files: files.into_iter().collect(),
        warnings,
        projects: projects.len(),
        claims: meant.len(),
    })
}

type Files = BTreeMap<RepoPath, Arc<[u8]>>;

fn read(tree: &Tree) -> Result<(Parsed, Resolved, Vec<Diagnostic>), Vec<Diagnostic>> {
    let parsed = parse(tree, &mut ParseCache::default())?;
    let ledger = Ledger::default();
    let resolved = resolve(&parsed, &Accepted { ledger: &ledger }, None);
    let mut found = [parsed.diagnostics(), &resolved.diagnostics].concat();
    found.sort();
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        Err(found)
    } else {
        Ok((parsed, resolved, found))
    }
}

fn contents(parsed: &Parsed) -> BTreeMap<Arc<str>, Contents<'_>> {
    let of_kpromo = parsed.projects.iter().filter(|(_, files)| files.is_kpromo());
    of_kpromo
        .filter_map(|(name, files)| Some((Arc::clone(name), Contents::of(files)?)))
        .collect()
}

/// Paths that the same projects write to the same endpoints make one project: a path belongs to one.
fn own_projects(parsed: &Parsed, contents: &BTreeMap<Arc<str>, Contents<'_>>) -> Result<Vec<OwnProject>, ImportError> {
    let configuration = &parsed.configuration;
    let rule = configuration.kpromo.as_ref().ok_or(ImportError::NoKpromo)?;
    let mut writers: BTreeMap<TargetPath, (EndpointSet, BTreeSet<Arc<str>>)> = BTreeMap::new();
    for (name, contents) in contents {
        for (path, endpoints) in routes_of(configuration, rule, contents) {
            let (set, projects) = writers.entry(path.clone()).or_insert((endpoints, BTreeSet::new()));
            if *set != endpoints {
                let one = projects.first().map_or_else(|| Arc::clone(name), Arc::clone);
                return Err(ImportError::SharedPath {
                    path: path.as_str().to_owned(),
                    one,
                    other: Arc::clone(name),
                });
            }
            projects.insert(Arc::clone(name));
        }
    }
    let mut groups: BTreeMap<(BTreeSet<Arc<str>>, EndpointSet), Vec<TargetPath>> = BTreeMap::new();
    for (path, (endpoints, projects)) in writers {
        groups.entry((projects, endpoints)).or_default().push(path);
    }
    let mut taken: BTreeSet<String> = configuration.projects.keys().map(ToString::to_string).collect();
    Ok(groups
        .into_iter()
        .map(|((from, endpoints), paths)| {
            let name = free_name(from.first().map_or("", |name| &**name), &taken);
            taken.insert(name.clone());
            OwnProject {
                name,
                from,
                paths,
                endpoints,
            }
        })
        .collect())
}

/// `name`, or `name-2`, `name-3`, … where it is taken; a long one is cut to make room.
fn free_name(name: &str, taken: &BTreeSet<String>) -> String {
    const LONGEST: usize = crate::desired::limits::LIMITS.name;
    let numbered = (2..).map(|number| {
        let suffix = format!("-{number}");
        format!("{}{suffix}", &name[..name.len().min(LONGEST - suffix.len())])
    });
    std::iter::once(name.to_owned())
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .unwrap_or_default()
}

fn sources(project: &OwnProject, contents: &BTreeMap<Arc<str>, Contents<'_>>) -> BTreeSet<String> {
    project
        .from
        .iter()
        .map(|name| contents[name].manifest.source.value.to_string())
        .collect()
}

/// What landfall reads of the repository, kpromo's folders left out.
fn kept_files(parsed: &Parsed, tree: &Tree) -> Files {
    let roots = parsed.configuration.kpromo.as_ref().map(|rule| rule.root.roots());
    let of_kpromo = |path: &RepoPath| {
        roots
            .as_ref()
            .is_some_and(|roots| roots.reads(path) && !Roots::default().reads(path))
    };
    tree.files
        .iter()
        .filter(|(path, _)| !of_kpromo(path) && path.as_str() != Roots::FILE)
        .filter_map(|(path, file)| match file {
            TreeFile::Regular { bytes, .. } => Some((path.clone(), Arc::clone(bytes))),
            _ => None,
        })
        .collect()
}

fn add(files: &mut Files, path: &str, text: &str) -> Result<(), ImportError> {
    let path = RepoPath::from(path);
    let formatted = format(&path, text).map_err(|wrong| ImportError::Rewrite(wrong.to_string()))?;
    let text = with_directive(&path, &formatted);
    files.insert(path, text.into_bytes().into());
    Ok(())
}

fn landfall_toml(
    tree: &Tree,
    target: &str,
    parsed: &Parsed,
    projects: &[OwnProject],
    contents: &BTreeMap<Arc<str>, Contents<'_>>,
) -> Result<String, ImportError> {
    let text = match tree.files.get(&RepoPath::from(Roots::FILE)) {
        Some(TreeFile::Regular { bytes, .. }) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    };
    let mut document: DocumentMut = text
        .trim_start_matches('\u{feff}')
        .parse()
        .map_err(|error: toml_edit::TomlError| ImportError::Rewrite(error.to_string()))?;
    let rewrite = |what: &str| ImportError::Rewrite(format!("{what} is no table"));
    let mut table = document
        .remove(TARGET)
        .ok_or(ImportError::NoKpromo)?
        .into_table()
        .map_err(|_| rewrite("`kpromo`"))?;
    table.remove("root");
    let mut mirrors = table
        .remove("endpoints")
        .and_then(|endpoints| endpoints.into_table().ok())
        .ok_or_else(|| rewrite("`kpromo.endpoints`"))?;
    if let Some(primary) = mirrors.remove(PRIMARY) {
        table.insert(PRIMARY, primary);
    }
    table.set_position(None);
    table.decor_mut().clear();
    mirrors.set_position(None);
    mirrors.decor_mut().clear();
    if !mirrors.is_empty() {
        table.insert("mirrors", Item::Table(mirrors));
    }
    section(&mut document, "targets")?.insert(target, Item::Table(table));
    let filled = parsed
        .configuration
        .kpromo
        .as_ref()
        .map(|rule| &parsed.configuration.targets[rule.target])
        .ok_or(ImportError::NoKpromo)?;
    let section = section(&mut document, "projects")?;
    for project in projects {
        section.insert(
            &project.name,
            Item::Table(project_table(project, target, filled, contents)),
        );
    }
    Ok(document.to_string())
}

fn section<'d>(document: &'d mut DocumentMut, name: &str) -> Result<&'d mut Table, ImportError> {
    let mut implicit = Table::new();
    implicit.set_implicit(true);
    document
        .entry(name)
        .or_insert(Item::Table(implicit))
        .as_table_mut()
        .ok_or_else(|| ImportError::Rewrite(format!("`{name}` is no table")))
}

fn project_table(
    project: &OwnProject,
    target: &str,
    filled: &Target,
    contents: &BTreeMap<Arc<str>, Contents<'_>>,
) -> Table {
    let mut table = Table::new();
    table.insert("sources", value(Array::from_iter(sources(project, contents))));
    table.insert("targets", value(Array::from_iter([target])));
    table.insert(
        "paths",
        value(Array::from_iter(project.paths.iter().map(TargetPath::as_str))),
    );
    if project.endpoints != filled.all_endpoints() {
        let names = project
            .endpoints
            .iter()
            .map(|index| filled.endpoint(index).name.to_string());
        table.insert("endpoints", value(Array::from_iter(names)));
    }
    table
}

/// A promotions file; `None` where nothing is promoted.
fn promotions(contents: &Contents<'_>, names_source: bool) -> Option<String> {
    let mut images: BTreeMap<&RepositoryPath, Table> = BTreeMap::new();
    for image in contents.images {
        let table = images.entry(&image.name.value).or_default();
        take_image(image, table);
    }
    images.retain(|_, table| !table.is_empty());
    if images.is_empty() {
        return None;
    }
    let mut document = DocumentMut::new();
    document
        .decor_mut()
        .set_prefix(format!("# From {}.\n\n", contents.images_path));
    if names_source {
        document.insert("source", value(contents.manifest.source.value.to_string()));
    }
    let mut all = Table::new();
    all.set_implicit(true);
    for (name, table) in images {
        all.insert(name.as_str(), Item::Table(table));
    }
    document.insert("images", Item::Table(all));
    Some(document.to_string())
}

fn take_image(image: &Image, table: &mut Table) {
    let tagged = image.table.tags.iter().flat_map(|tags| &tags.lines);
    for line in tagged {
        let tags = table.entry("tags").or_insert_with(|| Item::Table(Table::new()));
        if let Some(tags) = tags.as_table_mut() {
            tags.insert(line.tag.value.as_str(), value(line.digest.value.to_string()));
        }
    }
    for digest in image.table.untagged.iter().flat_map(|untagged| &untagged.digests) {
        let untagged = table.entry("untagged").or_insert_with(|| value(Array::new()));
        let text = digest.value.to_string();
        if let Some(untagged) = untagged.as_array_mut()
            && !untagged.iter().any(|known| known.as_str() == Some(&text))
        {
            untagged.push(text);
        }
    }
    if let Some(untagged) = table.get_mut("untagged").and_then(Item::as_array_mut) {
        one_a_line(untagged);
    }
    // A table that holds only tags needs no header of its own.
    table.set_implicit(!table.contains_key("untagged"));
}

/// Reviewers read differences by lines.
fn one_a_line(array: &mut Array) {
    for entry in array.iter_mut() {
        entry.decor_mut().set_prefix("\n    ");
    }
    array.set_trailing("\n");
    array.set_trailing_comma(true);
}

/// Claims by target, repository and digest, without the places where they stand.
fn comparable(resolved: &Resolved, target: &str) -> BTreeMap<(String, RepositoryPath, Digest), Claim> {
    let name = |index: usize| match &*resolved.desired.targets[index].name {
        TARGET => target.to_owned(),
        other => other.to_owned(),
    };
    let nowhere = Origin {
        file: RepoPath::from(""),
        line: 0,
    };
    let claims = resolved.desired.projects.iter().flat_map(|project| &project.claims);
    claims
        .map(|claim| {
            let key = (name(claim.target), claim.repository.clone(), claim.digest);
            let bare = Claim {
                target: 0,
                origin: nowhere.clone(),
                ..claim.clone()
            };
            (key, bare)
        })
        .collect()
}
