//! `landfall.toml` and the keys it names, checked as a whole.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::{BlobId, Diagnostic, Digest, Exception, RepoPath, Repository, Tag, Target, Tree, TreeFile};

use super::code;
use super::exceptions;
use super::finding::{Finding, Report, quoted};
use super::kpromo;
use super::landfall_file::LandfallFile;
use super::ownership::{self, Owners};
use super::position::{LineIndex, Position};
use super::prefix_map::PrefixMap;
use super::projects::{self, Project, Surroundings};
use super::shape::Reader;
use super::table::FromTable;
use super::targets::{self, MutableTags, TargetRule};
use super::{signers, syntax};

/// The file that everything begins with.
pub(super) const LANDFALL_TOML: &str = "landfall.toml";

/// The rules that claims are judged by.
#[derive(Debug)]
pub(super) struct Configuration {
    /// The files that it was read from: equal files mean equal rules.
    pub files: Vec<(RepoPath, BlobId)>,
    /// Sorted by name.
    pub targets: Arc<[Arc<Target>]>,
    /// By target.
    pub mutable_tags: Vec<MutableTags>,
    /// By target.
    pub owners: Vec<Owners>,
    /// Which endpoint (target, number) stands where.
    pub endpoints: PrefixMap<(usize, usize)>,
    pub projects: BTreeMap<Arc<str>, Project>,
    pub kpromo: Option<kpromo::Rule>,
    retags: HashMap<(Repository, Tag), Vec<Digest>>,
    pub exceptions: Vec<Exception>,
    pub warnings: Vec<Diagnostic>,
}

impl Configuration {
    /// Whether `tree` holds the very files that this was read from.
    pub fn is_of(&self, tree: &Tree) -> bool {
        self.files.iter().all(
            |(path, blob)| matches!(tree.files.get(path), Some(TreeFile::Regular { blob: found, .. }) if found == blob),
        )
    }

    /// Where it stands.
    pub fn path(&self) -> RepoPath {
        RepoPath::from(LANDFALL_TOML)
    }

    /// Whether kpromo's manifests fill this target.
    pub fn is_kpromo(&self, target: usize) -> bool {
        self.kpromo.as_ref().is_some_and(|rule| rule.target == target)
    }

    pub fn target(&self, name: &str) -> Option<usize> {
        self.targets.binary_search_by(|target| (*target.name).cmp(name)).ok()
    }

    /// Whether `[[retags]]` lets this immutable tag move to `digest`.
    pub fn may_retag(&self, reference: &Repository, tag: &Tag, digest: &Digest) -> bool {
        self.retags
            .get(&(reference.clone(), tag.clone()))
            .is_some_and(|digests| digests.contains(digest))
    }

    /// The references of which `[[retags]]` says something else in `other`.
    pub fn retags_unlike<'s>(&'s self, other: &'s Self) -> impl Iterator<Item = &'s Repository> {
        let unlike = |(one, other): (&'s Self, &'s Self)| {
            let keys = one.retags.iter();
            keys.filter(|(key, digests)| other.retags.get(*key) != Some(*digests))
                .map(|((reference, _), _)| reference)
        };
        [(self, other), (other, self)].into_iter().flat_map(unlike)
    }

    pub fn read(tree: &Tree) -> Result<Self, Vec<Diagnostic>> {
        let path = RepoPath::from(LANDFALL_TOML);
        let mut report = Report::new(&path);
        let Some(file) = tree.files.get(&path) else {
            let finding = Finding::error(code::MISSING_FILE, "landfall.toml is not in the repository")
                .help("`landfall init DIR` writes a repository to begin with; `path` under `[git]` in config.toml names a folder inside a repository");
            report.add(Position::START, finding);
            return Err(report.into_diagnostics());
        };
        let text = match syntax::text(file) {
            Ok(text) => text,
            Err((position, finding)) => {
                report.add(position, finding);
                return Err(report.into_diagnostics());
            }
        };
        let lines = LineIndex::new(text);
        let Some(table) = syntax::document(text, &lines, &mut report) else {
            return Err(report.into_diagnostics());
        };
        let mut reader = Reader { lines, report };
        let landfall = LandfallFile::from_table(&table, Position::START, &mut reader);
        let mut report = reader.report;
        let mut files = match file {
            TreeFile::Regular { blob, .. } => vec![(path, *blob)],
            _ => Vec::new(),
        };
        let compiled = landfall.map(|landfall| compile(&landfall, tree, &mut files, &mut report));
        match compiled {
            Some(compiled) if !report.has_errors() => Ok(Self {
                files,
                warnings: report.into_diagnostics(),
                ..compiled
            }),
            _ => Err(report.into_diagnostics()),
        }
    }
}

fn compile(
    file: &LandfallFile,
    tree: &Tree,
    files: &mut Vec<(RepoPath, BlobId)>,
    report: &mut Report,
) -> Configuration {
    let signers = signers::signers(file, tree, files, report);
    let policies = signers::policies(file);
    let rules = targets::targets(file, &signers, &policies, report);
    let endpoints = targets::endpoint_map(&rules, report);
    let kpromo = kpromo::rule(file, &rules);
    let projects = projects::projects(
        file,
        &Surroundings {
            targets: &rules,
            endpoints: &endpoints,
            signers: &signers,
            policies: &policies,
            kpromo: kpromo.as_ref().map(|rule| rule.target),
        },
        report,
    );
    let owners = ownership::owners(file, &projects, &rules, report);
    let filled_by_kpromo = kpromo.as_ref().map(|rule| rule.target);
    ownership::check_public_references(&projects, filled_by_kpromo, &rules, report);
    let retags = retags(file, &rules, report);
    let (targets, mutable_tags): (Vec<_>, _) = rules.into_iter().map(|rule| (rule.target, rule.mutable_tags)).unzip();
    Configuration {
        files: Vec::new(),
        targets: targets.into(),
        mutable_tags,
        owners,
        endpoints,
        projects,
        kpromo,
        retags,
        exceptions: exceptions::exceptions(file),
        warnings: Vec::new(),
    }
}

fn retags(file: &LandfallFile, rules: &[TargetRule], report: &mut Report) -> HashMap<(Repository, Tag), Vec<Digest>> {
    let mut retags: HashMap<_, Vec<_>> = HashMap::new();
    for retag in file.retags.iter().flatten() {
        let reference = &retag.reference;
        if !rules
            .iter()
            .any(|rule| rule.target.public_name.contains(&reference.value))
        {
            let finding = Finding::warning(
                code::UNUSED_RETAG,
                format!(
                    "no target has a public name that holds {}",
                    quoted(&reference.value.to_string())
                ),
            )
            .help("write the public reference: `{public-name}/{path}/{image}`");
            report.add(reference.at, finding);
        }
        let key = (reference.value.clone(), retag.tag.value.clone());
        let digests = retags.entry(key).or_default();
        if digests.contains(&retag.digest.value) {
            let finding = Finding::error(code::DUPLICATE_ENTRY, "this retag stands twice").help("remove one of them");
            report.add(reference.at, finding);
        }
        digests.push(retag.digest.value);
    }
    retags
}
