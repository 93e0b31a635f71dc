//! Where a file's images come from and go to, within what its project is granted.

use crate::model::{Prefix, Repository, RepositoryPath, Source, Target};

use super::code;
use super::configuration::Configuration;
use super::finding::{Finding, listed};
use super::in_place::{self, Standing};
use super::limits::LIMITS;
use super::ownership::owner;
use super::position::Position;
use super::projects::{Grant, Project};
use super::promotions_file::PromotionsFile;
use super::scalar::SourceGrant;
use super::shape::Located;

/// Chooses routes for the files of one project.
pub(super) struct Router<'a> {
    pub configuration: &'a Configuration,
    pub project: &'a Project,
}

/// A source and a target that are granted.
pub(super) struct Route<'a> {
    source: &'a SourceGrant,
    pub grant: &'a Grant,
}

/// Why a file's images go nowhere.
pub(super) struct NoRoute {
    /// The target that is meant, as far as the file says; granted or not.
    pub target: Option<usize>,
    pub findings: Vec<(Position, Finding)>,
}

type Misplaced = (Position, Finding);

impl<'a> Router<'a> {
    pub fn target(&self, index: usize) -> &'a Target {
        &self.configuration.targets[index]
    }

    /// What the file chooses at its top, or what there is only one of.
    pub fn choose(&self, content: &'a PromotionsFile) -> Result<Route<'a>, NoRoute> {
        let (grant, source) = match (self.grant(content), self.source(content)) {
            (Ok(grant), Ok(source)) => (grant, source),
            (grant, source) => {
                let named = content.target.as_ref();
                return Err(NoRoute {
                    target: match &grant {
                        Ok(grant) => Some(grant.target),
                        Err(_) => named.and_then(|name| self.configuration.target(name.value.as_str())),
                    },
                    findings: grant.err().into_iter().chain(source.err()).collect(),
                });
            }
        };
        match self.contradiction(source, grant) {
            None => Ok(Route { source, grant }),
            Some(finding) => Err(NoRoute {
                target: Some(grant.target),
                findings: vec![(
                    content.source.as_ref().map_or(Position::START, |source| source.at),
                    finding,
                )],
            }),
        }
    }

    fn grant(&self, content: &PromotionsFile) -> Result<&'a Grant, Misplaced> {
        let Project { name, grants, line, .. } = self.project;
        let names = || listed(grants.iter().map(|grant| &*self.target(grant.target).name));
        match (&content.target, &grants[..]) {
            (None, [only]) => Ok(only),
            (None, _) => {
                let finding = Finding::error(
                    code::NOT_CHOSEN,
                    format!("project `{name}` may promote to several targets"),
                );
                let help = format!("choose one at the top of the file, `target = \"…\"`: {}", names());
                Err((Position::START, finding.help(help)))
            }
            (Some(chosen), _) => {
                let is_chosen = |grant: &&Grant| *self.target(grant.target).name == *chosen.value.as_str();
                grants.iter().find(is_chosen).ok_or_else(|| {
                    let message = format!("project `{name}` may not promote to target `{}`", chosen.value);
                    let help = format!("line {line} of landfall.toml grants {}", names());
                    (chosen.at, Finding::error(code::OUTSIDE_GRANTS, message).help(help))
                })
            }
        }
    }

    fn source(&self, content: &'a PromotionsFile) -> Result<&'a SourceGrant, Misplaced> {
        let Project {
            name, sources, line, ..
        } = self.project;
        let names = || {
            let names: Vec<String> = sources.iter().map(ToString::to_string).collect();
            listed(names.iter().map(String::as_str))
        };
        match (&content.source, &sources[..]) {
            (None, [only]) => Ok(only),
            (None, _) => {
                let finding = Finding::error(
                    code::NOT_CHOSEN,
                    format!("project `{name}` may promote from several sources"),
                );
                let help = format!("choose one at the top of the file, `source = \"…\"`: {}", names());
                Err((Position::START, finding.help(help)))
            }
            (Some(chosen), _) if sources.iter().any(|grant| covers(grant, &chosen.value)) => Ok(&chosen.value),
            (Some(chosen), _) => {
                let message = format!("project `{name}` may not promote from `{}`", chosen.value);
                let help = format!("line {line} of landfall.toml grants {}", names());
                Err((chosen.at, Finding::error(code::OUTSIDE_GRANTS, message).help(help)))
            }
        }
    }

    /// What makes a granted source useless for a granted target.
    fn contradiction(&self, source: &SourceGrant, grant: &Grant) -> Option<Finding> {
        let target = self.target(grant.target);
        match source {
            SourceGrant::Target(name) if *name.as_str() == *target.name => {
                let message = format!("target `{name}` would be promoted from itself");
                let finding = Finding::error(code::INVALID_CHAIN, message);
                Some(finding.help("choose another source or target at the top of the file"))
            }
            SourceGrant::Target(_) => None,
            SourceGrant::Registry(prefix) => {
                let &(upstream, endpoint) = self.configuration.endpoints.holding_prefix(prefix)?;
                let standing = self.standing(prefix, grant, upstream);
                let refusal = || {
                    let what = format!("source `{prefix}`");
                    in_place::refusal(&what, self.target(upstream), endpoint, standing)
                };
                (standing != Standing::InPlace).then(refusal)
            }
        }
    }

    /// What a source prefix is that lies inside target `upstream`.
    fn standing(&self, prefix: &Prefix, grant: &Grant, upstream: usize) -> Standing {
        if upstream == grant.target {
            let target = self.target(upstream);
            in_place::standing(prefix, target, &self.project.paths, grant.signer.is_some())
        } else {
            Standing::Inside
        }
    }

    /// Where an image that goes to `repository` is read; or why it may not go there.
    pub fn source_of(
        &self,
        route: &Route<'_>,
        repository: &RepositoryPath,
        name: &Located<RepositoryPath>,
    ) -> Result<Source, Misplaced> {
        let at_name = |finding| (name.at, finding);
        self.check_owner(route.grant.target, repository).map_err(at_name)?;
        check_length(self.target(route.grant.target), repository).map_err(at_name)?;
        match route.source {
            SourceGrant::Registry(prefix) => {
                let read: Repository = prefix.join(&name.value);
                if read.path.as_str().len() > LIMITS.repository_path {
                    return Err(at_name(too_long(repository, read.path.as_str().len(), "at its source")));
                }
                let Some(&(upstream, endpoint)) = self.configuration.endpoints.holding_repository(&read) else {
                    return Ok(Source::Registry(read));
                };
                match self.standing(prefix, route.grant, upstream) {
                    Standing::InPlace => Ok(Source::Registry(read)),
                    standing => {
                        let what = format!("`{read}`");
                        let target = self.target(upstream);
                        Err(at_name(in_place::refusal(&what, target, endpoint, standing)))
                    }
                }
            }
            SourceGrant::Target(upstream) => {
                let Some(target) = self.configuration.target(upstream.as_str()) else {
                    let message = format!("no target is named `{upstream}`");
                    let finding = Finding::error(code::UNKNOWN_NAME, message);
                    return Err(at_name(finding.help("choose another source at the top of the file")));
                };
                self.check_owner(target, repository).map_err(at_name)?;
                Ok(Source::Target {
                    target,
                    repository: repository.clone(),
                })
            }
        }
    }

    fn check_owner(&self, target: usize, repository: &RepositoryPath) -> Result<(), Finding> {
        let owner = owner(&self.configuration.owners[target], repository).map_or("nobody", |owner| &**owner);
        if *owner == *self.project.name {
            return Ok(());
        }
        let place = format!("`{}` at target `{}`", repository.as_str(), self.target(target).name);
        let finding = Finding::error(code::FOREIGN_PATH, format!("{place} belongs to project `{owner}`"));
        Err(finding.help(format!(
            "a repository belongs to the project with the longest matching path: claim it under `promotions/{owner}/`"
        )))
    }
}

/// Whether a repository's path is short enough at each endpoint, and as a public reference.
pub(super) fn check_length(target: &Target, repository: &RepositoryPath) -> Result<(), Finding> {
    let prefixes = target.endpoints.iter().map(|endpoint| &endpoint.prefix);
    let above = prefixes
        .chain([&target.public_name])
        .map(|prefix| prefix.path().len())
        .max();
    let length = above.filter(|above| *above > 0).map_or(0, |above| above + 1) + repository.as_str().len();
    if length <= LIMITS.repository_path {
        return Ok(());
    }
    Err(too_long(repository, length, &format!("at target `{}`", target.name)))
}

/// Whether who is granted `grant` may choose `chosen`.
pub(super) fn covers(grant: &SourceGrant, chosen: &SourceGrant) -> bool {
    match (grant, chosen) {
        (SourceGrant::Registry(grant), SourceGrant::Registry(chosen)) => grant.contains_prefix(chosen),
        (SourceGrant::Target(grant), SourceGrant::Target(chosen)) => grant == chosen,
        _ => false,
    }
}

pub(super) fn too_long(repository: &RepositoryPath, length: usize, place: &str) -> Finding {
    let (repository, longest) = (repository.as_str(), LIMITS.repository_path);
    let message =
        format!("the path of `{repository}` would have {length} characters {place}: at most {longest} are allowed");
    Finding::error(code::PATH_TOO_LONG, message).help("shorten the image's name or the project's path")
}
