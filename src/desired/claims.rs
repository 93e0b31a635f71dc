//! One project's claims: what its files say, where it may say so, and what must not contradict.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Claim, Diagnostic, Digest, Origin, RepoPath, RepositoryPath, Source, Tag};

use super::code;
use super::configuration::Configuration;
use super::conflicts;
use super::finding::Finding;
use super::ledger::Ledger;
use super::parse::ManifestFile;
use super::position::Position;
use super::projects::{Grant, Project};
use super::promotions_file::{ImageTable, PromotionsFile};
use super::resolve::Held;
use super::route::{NoRoute, Router};
use super::shape::Located;
use super::upstream;

#[derive(Default)]
pub(super) struct Judged {
    /// Sorted by target, repository and digest.
    pub claims: Vec<Claim>,
    pub held: Vec<Held>,
    pub diagnostics: Vec<Diagnostic>,
}

/// An image of a file, at the place where it is to stand.
pub(super) struct Use<'a> {
    pub file: &'a RepoPath,
    pub image: &'a ImageTable,
    pub source: Source,
    pub grant: &'a Grant,
}

/// A line of a manifest: a digest, with or without a tag.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// Index into the uses of its repository.
    pub of: usize,
    pub tag: Option<&'a Located<Tag>>,
    pub digest: &'a Located<Digest>,
}

impl Line<'_> {
    /// Where the line begins.
    pub fn at(&self) -> Position {
        self.tag.map_or(self.digest.at, |tag| tag.at)
    }
}

/// Judges the files of a project that all parse.
pub(super) fn judge(
    configuration: &Configuration,
    project: &Project,
    files: &[Arc<ManifestFile>],
    ledger: &Ledger,
) -> Judged {
    let mut judge = Judge {
        router: Router { configuration, project },
        places: BTreeMap::new(),
        judged: Judged::default(),
    };
    for file in files {
        if let Some(content) = &file.content {
            judge.file(&file.path, content);
        }
    }
    let places = std::mem::take(&mut judge.places);
    let mut places_of_claims = Vec::new();
    for ((target, repository), uses) in &places {
        judge.repository(*target, repository, uses, ledger, &mut places_of_claims);
    }
    upstream::hold_unclaimed(configuration, &project.name, &mut judge.judged, &places_of_claims);
    judge.judged
}

struct Judge<'a> {
    router: Router<'a>,
    /// By target and repository there, what is to stand in it.
    places: BTreeMap<(usize, RepositoryPath), Vec<Use<'a>>>,
    judged: Judged,
}

impl<'a> Judge<'a> {
    fn report(&mut self, file: &RepoPath, at: Position, finding: Finding) {
        self.judged.diagnostics.push(finding.at(file, at));
    }

    fn file(&mut self, path: &'a RepoPath, content: &'a PromotionsFile) {
        let route = match self.router.choose(content) {
            Ok(route) => route,
            Err(NoRoute { target, findings }) => {
                let code = findings
                    .first()
                    .map_or(code::OUTSIDE_GRANTS, |(_, finding)| finding.code);
                for (at, finding) in findings {
                    self.report(path, at, finding);
                }
                self.hold_file(path, content, target, code);
                return;
            }
        };
        let target = route.grant.target;
        for (name, image) in content.images.iter().flatten() {
            for below in &self.router.project.paths {
                let repository = below.join(&name.value);
                match self.router.source_of(&route, &repository, name) {
                    Ok(source) => {
                        let place = self.places.entry((target, repository)).or_default();
                        place.push(Use {
                            file: path,
                            image,
                            source,
                            grant: route.grant,
                        });
                    }
                    Err((at, finding)) => {
                        self.hold_image(path, image, Some(target), &repository, finding.code);
                        self.report(path, at, finding);
                    }
                }
            }
        }
    }

    fn hold_file(&mut self, path: &RepoPath, content: &PromotionsFile, target: Option<usize>, code: &'static str) {
        for (name, image) in content.images.iter().flatten() {
            for below in &self.router.project.paths {
                self.hold_image(path, image, target, &below.join(&name.value), code);
            }
        }
    }

    fn hold_image(
        &mut self,
        path: &RepoPath,
        image: &ImageTable,
        target: Option<usize>,
        repository: &RepositoryPath,
        code: &'static str,
    ) {
        for line in lines(0, image) {
            self.judged
                .held
                .push(held(&self.router.project.name, target, repository, &line, path, code));
        }
    }

    /// The claims of one repository: what contradicts is held, the rest is put together by digest.
    fn repository(
        &mut self,
        target: usize,
        repository: &RepositoryPath,
        uses: &[Use<'a>],
        ledger: &Ledger,
        places: &mut Vec<Position>,
    ) {
        let mut all: Vec<Line<'_>> = uses
            .iter()
            .enumerate()
            .flat_map(|(of, used)| lines(of, used.image))
            .collect();
        let place = conflicts::Place {
            target: self.router.target(target),
            repository,
            uses,
        };
        let mut found = Vec::new();
        if uses.len() > 1 {
            conflicts::between_files(&place, &mut all, &mut found);
        }
        let reference = place.target.public_name.join(repository);
        if let Some(declared) = ledger.tags(&reference) {
            let immutable = |tag: &Tag| !self.router.configuration.mutable_tags[target].is_match(tag.as_str());
            let allowed = |tag: &Tag, digest: &Digest| self.router.configuration.may_retag(&reference, tag, digest);
            conflicts::with_history(&reference, declared, immutable, allowed, &mut all, &mut found);
        }
        for conflict in found {
            let file = uses[conflict.line.of].file;
            let code = conflict.finding.code;
            if conflict.holds {
                self.judged.held.push(held(
                    &self.router.project.name,
                    Some(target),
                    repository,
                    &conflict.line,
                    file,
                    code,
                ));
            }
            self.report(file, conflict.at, conflict.finding);
        }

        // Stable: a digest's lines stay in the order of files, so that its first one is where the claim stands.
        all.sort_by_key(|line| line.digest.value);
        for of_one_digest in all.chunk_by(|a, b| a.digest.value == b.digest.value) {
            let Some(first) = of_one_digest.first() else {
                continue;
            };
            let used = &uses[first.of];
            let mut tags: Vec<Tag> = of_one_digest
                .iter()
                .filter_map(|line| line.tag)
                .map(|tag| tag.value.clone())
                .collect();
            tags.sort_unstable();
            places.push(first.digest.at);
            self.judged.claims.push(Claim {
                target,
                repository: repository.clone(),
                digest: first.digest.value,
                tags,
                source: used.source.clone(),
                endpoints: used.grant.endpoints,
                signer: used.grant.signer.clone(),
                attest: used.grant.attest.clone(),
                policy: used.grant.policy.clone(),
                origin: Origin {
                    file: used.file.clone(),
                    line: first.at().line,
                },
            });
        }
    }
}

/// The lines of an image, in the order of its file.
fn lines(of: usize, image: &ImageTable) -> impl Iterator<Item = Line<'_>> {
    let tagged = image.tags.iter().flat_map(|tags| &tags.0).map(move |line| Line {
        of,
        tag: Some(&line.tag),
        digest: &line.digest,
    });
    let untagged = image
        .untagged
        .iter()
        .flatten()
        .map(move |digest| Line { of, tag: None, digest });
    tagged.chain(untagged)
}

fn held(
    project: &Arc<str>,
    target: Option<usize>,
    repository: &RepositoryPath,
    line: &Line<'_>,
    file: &RepoPath,
    code: &'static str,
) -> Held {
    Held {
        project: project.clone(),
        target,
        repository: repository.clone(),
        tag: line.tag.map(|tag| tag.value.clone()),
        digest: line.digest.value,
        code,
        origin: Origin {
            file: file.clone(),
            line: line.at().line,
        },
    }
}
