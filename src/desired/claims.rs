//! One project's claims: what its files say, where it may say so, and what must not contradict.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Claim, Diagnostic, Digest, Origin, RepoPath, RepositoryPath, Source, Tag};

use super::code;
use super::configuration::Configuration;
use super::conflicts;
use super::finding::Finding;
use super::kpromo::Shared;
use super::ledger::Ledger;
use super::manifest_file::{Content, ManifestFile};
use super::position::Position;
use super::projects::{Grant, Project};
use super::promotions_file::{Image, ImageTable, PromotionsFile};
use super::resolve::Held;
use super::route::{NoRoute, Router};
use super::scope::{Lines, Scope};
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
    pub image: &'a Image,
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

/// Judges the files of a project that all parse, as far as they name images in `scope`.
pub(super) fn judge(
    configuration: &Configuration,
    project: &Project,
    files: &[Arc<ManifestFile>],
    scope: &Scope,
    ledger: &Ledger,
) -> Judged {
    let router = Router { configuration, project };
    let mut judge = Judge::new(configuration, &project.name, scope);
    for file in files {
        if let Some(Content::Promotions(content)) = &file.content {
            take_file(&mut judge, &router, &file.path, content, scope);
        }
    }
    judge.finish(ledger, &Shared::default())
}

fn take_file<'a>(
    judge: &mut Judge<'a>,
    router: &Router<'a>,
    path: &'a RepoPath,
    content: &'a PromotionsFile,
    scope: &Scope,
) {
    let images = || {
        let images = content.images.iter().flat_map(|images| &images.0);
        images.filter(|image| scope.holds(&image.name.value))
    };
    if *scope != Scope::All && images().next().is_none() {
        return;
    }
    let route = match router.choose(content) {
        Ok(route) => route,
        Err(NoRoute { target, findings }) => {
            let code = findings
                .first()
                .map_or(code::OUTSIDE_GRANTS, |(_, finding)| finding.code);
            for (at, finding) in findings {
                judge.report(path, at, finding);
            }
            for image in images() {
                for below in &router.project.paths {
                    judge.hold_image(path, image, target, &below.join(&image.name.value), code);
                }
            }
            return;
        }
    };
    let target = route.grant.target;
    for image in images() {
        for below in &router.project.paths {
            let repository = below.join(&image.name.value);
            match router.source_of(&route, &repository, &image.name) {
                Ok(source) => judge.place(target, repository, image, path, source, route.grant),
                Err((at, finding)) => {
                    judge.hold_image(path, image, Some(target), &repository, finding.code);
                    judge.report(path, at, finding);
                }
            }
        }
    }
}

/// One project's claims, while they are put together.
pub(super) struct Judge<'a> {
    configuration: &'a Configuration,
    project: &'a Arc<str>,
    /// By target and repository there, what is to stand in it.
    places: BTreeMap<(usize, RepositoryPath), Vec<Use<'a>>>,
    scope: &'a Scope,
    judged: Judged,
}

impl<'a> Judge<'a> {
    pub fn new(configuration: &'a Configuration, project: &'a Arc<str>, scope: &'a Scope) -> Self {
        Self {
            configuration,
            project,
            places: BTreeMap::new(),
            scope,
            judged: Judged::default(),
        }
    }

    pub fn configuration(&self) -> &'a Configuration {
        self.configuration
    }

    pub fn report(&mut self, file: &RepoPath, at: Position, finding: Finding) {
        self.judged.diagnostics.push(finding.at(file, at));
    }

    /// An image is to stand in a repository of a target: what can be read of it.
    pub fn place(
        &mut self,
        target: usize,
        repository: RepositoryPath,
        image: &'a Image,
        file: &'a RepoPath,
        source: Source,
        grant: &'a Grant,
    ) {
        match image.held {
            Some(code) => self.hold_image(file, image, Some(target), &repository, code),
            None => self.hold_lines(file, image, Some(target), &repository),
        }
        let used = Use {
            file,
            image,
            source,
            grant,
        };
        self.places.entry((target, repository)).or_default().push(used);
    }

    /// Holds all of an image.
    pub fn hold_image(
        &mut self,
        path: &RepoPath,
        image: &Image,
        target: Option<usize>,
        repository: &RepositoryPath,
        code: &'static str,
    ) {
        let before = self.judged.held.len();
        for line in lines(0, &image.table) {
            self.judged
                .held
                .push(held(self.project, target, repository, &line, path, code));
        }
        self.hold_lines(path, image, target, repository);
        if self.judged.held.len() == before {
            self.judged.held.push(Held {
                project: self.project.clone(),
                target,
                repository: repository.clone(),
                tag: None,
                digest: None,
                code,
                origin: Origin {
                    file: path.clone(),
                    line: image.name.at.line,
                },
            });
        }
    }

    /// Holds the lines of an image that are wrong.
    fn hold_lines(&mut self, path: &RepoPath, image: &Image, target: Option<usize>, repository: &RepositoryPath) {
        self.judged.held.extend(image.table.held().map(|line| Held {
            project: self.project.clone(),
            target,
            repository: repository.clone(),
            tag: line.tag.clone(),
            digest: line.digest,
            code: line.code,
            origin: Origin {
                file: path.clone(),
                line: line.at.line,
            },
        }));
    }

    /// Everything that was placed, judged; without what other projects take from this one.
    pub fn finish(mut self, ledger: &Ledger, shared: &Shared) -> Judged {
        self.judged.held.extend(shared.held.iter().cloned());
        self.judged.diagnostics.extend(shared.diagnostics.iter().cloned());
        let places = std::mem::take(&mut self.places);
        let mut places_of_claims = Vec::new();
        for ((target, repository), uses) in &places {
            self.repository(*target, repository, uses, ledger, shared, &mut places_of_claims);
        }
        upstream::hold_unclaimed(self.configuration, self.project, &mut self.judged, &places_of_claims);
        self.judged
    }

    /// The claims of one repository: what contradicts is held, the rest is put together by digest.
    fn repository(
        &mut self,
        target: usize,
        repository: &RepositoryPath,
        uses: &[Use<'a>],
        ledger: &Ledger,
        shared: &Shared,
        places: &mut Vec<Position>,
    ) {
        let Some(judged_lines) = self.scope.lines(repository) else {
            return;
        };
        let mut all = readable(uses, judged_lines);
        shared.withhold(repository, &mut all);
        let place = conflicts::Place {
            target: &self.configuration.targets[target],
            repository,
            uses,
        };
        let mut found = Vec::new();
        conflicts::with_unreadable(&place, &mut all, &mut found);
        conflicts::between_endpoints(&place, &mut all, &mut found);
        // A table of ours has each tag once; kpromo's digests may share one.
        if uses.len() > 1 || self.configuration.is_kpromo(target) {
            conflicts::between_files(&place, &mut all, &mut found);
        }
        let reference = place.target.public_name.join(repository);
        if let Some(declared) = ledger.tags(&reference) {
            let immutable = |tag: &Tag| !self.configuration.mutable_tags[target].holds(tag);
            let allowed = |tag: &Tag, digest: &Digest| self.configuration.may_retag(&reference, tag, digest);
            conflicts::with_history(&reference, declared, immutable, allowed, &mut all, &mut found);
        }
        for conflict in found {
            let file = uses[conflict.line.of].file;
            let code = conflict.finding.code;
            if conflict.holds {
                self.judged
                    .held
                    .push(held(self.project, Some(target), repository, &conflict.line, file, code));
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

/// The lines of images that are to stand in one repository, without those that are held, as far as they are judged.
pub(super) fn readable<'a>(uses: &[Use<'a>], judged: &Lines) -> Vec<Line<'a>> {
    let uses = uses.iter().enumerate().filter(|(_, used)| used.image.held.is_none());
    uses.flat_map(|(of, used)| lines(of, &used.image.table))
        .filter(|line| judged.hold(line.tag.map(|tag| &tag.value), Some(&line.digest.value)))
        .collect()
}

/// The lines of an image, in the order of its file.
pub(super) fn lines(of: usize, image: &ImageTable) -> impl Iterator<Item = Line<'_>> {
    let tagged = image.tags.iter().flat_map(|tags| &tags.lines).map(move |line| Line {
        of,
        tag: Some(&line.tag),
        digest: &line.digest,
    });
    let untagged = image
        .untagged
        .iter()
        .flat_map(|untagged| &untagged.digests)
        .map(move |digest| Line { of, tag: None, digest });
    tagged.chain(untagged)
}

pub(super) fn held(
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
        digest: Some(line.digest.value),
        code,
        origin: Origin {
            file: file.clone(),
            line: line.at().line,
        },
    }
}
