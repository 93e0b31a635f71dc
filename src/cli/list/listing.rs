//! What is listed, put together from what a commit asks for.

use std::sync::Arc;

use globset::GlobMatcher;
use serde::Serialize;

use crate::desired::Resolved;
use crate::model::{Claim, Desired, Digest, Repository, Source, Tag, Target, nearest};
use crate::source::CommitInfo;

/// What of it is listed.
#[derive(Debug, Default)]
pub struct Selection {
    pub target: Option<String>,
    pub project: Option<String>,
    pub repository: Option<GlobMatcher>,
    pub endpoint: Option<String>,
}

/// A name that was asked for and is not there.
#[derive(Debug)]
pub struct Unknown {
    pub what: String,
    pub help: String,
}

/// Images by target, project and repository.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listing {
    schema_version: u32,
    commit: String,
    time: String,
    pub images: Vec<Listed>,
    /// How many claims are held back.
    held: usize,
}

/// An image at a target.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    pub target: Arc<str>,
    pub project: Arc<str>,
    /// The public reference; or as it is called at the endpoint that was chosen.
    pub reference: Repository,
    pub digest: Digest,
    pub tags: Vec<Tag>,
    pub source: String,
    pub endpoints: Vec<Arc<str>>,
    pub signer: Option<Arc<str>>,
    pub attest: Vec<String>,
    pub file: String,
    pub line: u32,
}

impl Listing {
    /// # Errors
    /// A target, project or endpoint that is not there.
    pub fn new(resolved: &Resolved, info: &CommitInfo, selection: &Selection) -> Result<Self, Unknown> {
        let desired = &resolved.desired;
        check(selection, desired)?;
        let mut images = Vec::new();
        for project in &desired.projects {
            if selection
                .project
                .as_ref()
                .is_some_and(|wanted| **wanted != *project.name)
            {
                continue;
            }
            let listed = project.claims.iter().filter_map(|claim| {
                let target = &desired.targets[claim.target];
                listed(desired, target, &project.name, claim, selection)
            });
            images.extend(listed);
        }
        images.sort_by(|one, other| {
            let key = |image: &Listed| (image.target.clone(), image.project.clone(), image.reference.clone());
            key(one)
                .cmp(&key(other))
                .then_with(|| (&one.tags, one.digest).cmp(&(&other.tags, other.digest)))
        });
        Ok(Self {
            schema_version: 1,
            commit: info.id.to_string(),
            time: info.time.to_string(),
            images,
            held: resolved.held.len(),
        })
    }
}

fn listed(
    desired: &Desired,
    target: &Target,
    project: &Arc<str>,
    claim: &Claim,
    selection: &Selection,
) -> Option<Listed> {
    let is_chosen = selection.target.as_ref().is_none_or(|wanted| **wanted == *target.name)
        && selection
            .repository
            .as_ref()
            .is_none_or(|glob| glob.is_match(claim.repository.as_str()));
    if !is_chosen {
        return None;
    }
    let endpoints = || claim.endpoints.iter().map(|index| target.endpoint(index));
    let reference = match &selection.endpoint {
        None => target.public_name.join(&claim.repository),
        Some(name) => endpoints()
            .find(|endpoint| *endpoint.name == **name)?
            .prefix
            .join(&claim.repository),
    };
    let source = match &claim.source {
        Source::Registry(repository) => repository.to_string(),
        Source::Target { target, repository } => {
            format!("target:{} ({repository})", desired.targets[*target].name)
        }
    };
    Some(Listed {
        target: target.name.clone(),
        project: project.clone(),
        reference,
        digest: claim.digest,
        tags: claim.tags.clone(),
        source,
        endpoints: endpoints().map(|endpoint| endpoint.name.clone()).collect(),
        signer: claim.signer.as_ref().map(|signer| signer.name.clone()),
        attest: claim.attest.iter().map(|kind| kind.as_str().to_owned()).collect(),
        file: claim.origin.file.to_string(),
        line: claim.origin.line,
    })
}

/// A name that is not there lists nothing, which would look like nothing being asked for.
fn check(selection: &Selection, desired: &Desired) -> Result<(), Unknown> {
    let targets = || desired.targets.iter();
    let chosen = || targets().filter(|target| selection.target.as_ref().is_none_or(|wanted| **wanted == *target.name));
    known(
        "target",
        selection.target.as_deref(),
        targets().map(|target| &*target.name),
    )?;
    known(
        "project",
        selection.project.as_deref(),
        desired.projects.iter().map(|project| &*project.name),
    )?;
    let endpoints = chosen().flat_map(|target| target.endpoints.iter().map(|endpoint| &*endpoint.name));
    known("endpoint", selection.endpoint.as_deref(), endpoints)
}

fn known<'a>(what: &str, wanted: Option<&str>, names: impl Iterator<Item = &'a str>) -> Result<(), Unknown> {
    let Some(wanted) = wanted else { return Ok(()) };
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    if names.contains(&wanted) {
        return Ok(());
    }
    Err(Unknown {
        what: format!("there is no {what} `{wanted}`"),
        help: match nearest(wanted, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("there are: {}", names.join(", ")),
        },
    })
}
