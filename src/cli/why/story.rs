//! What is told of an image.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::audit::log::{Event, EventKind, LogEntry};
use crate::audit::look::{Answer, EvidenceKind, ImageFacts, RecordFound, State};
use crate::cli::log::concerns;
use crate::model::{
    Claim, CommitId, Desired, Digest, RepoPath, Repository, Signer, SignerIdentity, Source, Tag, Target, TreeFile,
    nearest,
};
use crate::source::{GitRepository, Source as _, SourceError};

/// One digest under one public reference.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Story {
    pub reference: Repository,
    pub digest: Digest,
    /// Where it is asked for now.
    pub asked: Vec<Asked>,
    /// What happened to it, oldest first, each commit with what concerns it.
    pub history: Vec<LogEntry>,
    /// The commits that brought it in, of what a merge brought: they changed the file.
    pub written: Vec<Written>,
    pub standing: Vec<Standing>,
}

/// A line that asks for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    pub target: Arc<str>,
    pub project: Arc<str>,
    pub tags: Vec<Tag>,
    pub source: String,
    pub signer: Option<Arc<str>>,
    pub policies: Vec<String>,
    pub file: RepoPath,
    pub line: u32,
}

/// A commit that a merge brought in.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Written {
    pub commit: CommitId,
    pub author: String,
    pub summary: String,
}

/// How it stands at an endpoint.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    pub target: Arc<str>,
    pub endpoint: Arc<str>,
    pub place: Repository,
    pub image: Answer<State>,
    pub tags: Vec<(Tag, Answer<Option<Digest>>)>,
    pub evidence: Answer<Vec<Signed>>,
    pub records: Vec<Record>,
}

/// Something that was signed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Signed {
    pub what: &'static str,
    pub artifact: Digest,
    /// The signer, or whose key it is.
    pub by: String,
}

/// A promotion record.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    #[serde(flatten)]
    pub found: RecordFound,
    /// Whether Git's accepted history bears out what it says.
    pub borne_out: bool,
}

/// An image that was never asked for.
#[derive(Debug)]
pub struct Unknown {
    pub what: String,
    pub help: String,
}

/// More digests than these are not told at once.
const MOST: usize = 50;

/// The images that a name means: of a tag the digest that it has now, or had last.
pub fn stories(log: &[LogEntry], desired: &Desired, name: &str) -> Result<Vec<Story>, Unknown> {
    let events = || {
        log.iter()
            .flat_map(|entry| &entry.events)
            .filter(|event| is_of_image(event))
    };
    let mut wanted: BTreeSet<(Repository, Digest)> = BTreeSet::new();
    if name.parse::<Digest>().is_ok() || name.contains('@') {
        let digest = name.rsplit('@').next().and_then(|digest| digest.parse::<Digest>().ok());
        for event in events().filter(|event| concerns(event, name)) {
            if let (Some(reference), Some(digest)) = (reference(event), digest) {
                wanted.insert((reference, digest));
            }
        }
    } else {
        // The last word on each tag.
        let mut last: std::collections::BTreeMap<(Repository, Option<Tag>), Digest> = std::collections::BTreeMap::new();
        for event in events() {
            let Some(reference) = reference(event) else { continue };
            let named = event.reference.as_deref() == Some(name)
                || event
                    .tag
                    .as_ref()
                    .is_some_and(|tag| format!("{reference}:{tag}") == name);
            let digest = event
                .after
                .as_ref()
                .or(event.before.as_ref())
                .and_then(|digest| digest.parse().ok());
            if let (true, Some(digest)) = (named, digest) {
                last.insert((reference, event.tag.clone()), digest);
            }
        }
        wanted.extend(last.into_iter().map(|((reference, _), digest)| (reference, digest)));
    }
    if wanted.is_empty() {
        let mut names: Vec<String> = events()
            .flat_map(|event| [event.reference.as_deref().map(str::to_owned), Some(event.subject())])
            .flatten()
            .collect();
        names.sort_unstable();
        names.dedup();
        return Err(Unknown {
            what: format!("no accepted commit ever asked for `{name}`"),
            help: match nearest(name, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`landfall list` shows what is asked for; names are public references".to_owned(),
            },
        });
    }
    if wanted.len() > MOST {
        return Err(Unknown {
            what: format!("`{name}` means {} images", wanted.len()),
            help: "name a tag or a digest of it".to_owned(),
        });
    }
    Ok(wanted
        .into_iter()
        .map(|(reference, digest)| Story::new(log, desired, reference, digest))
        .collect())
}

fn is_of_image(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::Promoted | EventKind::Moved | EventKind::Removed | EventKind::HandedOver
    )
}

fn reference(event: &Event) -> Option<Repository> {
    event.reference.as_deref()?.parse().ok()
}

impl Story {
    fn new(log: &[LogEntry], desired: &Desired, reference: Repository, digest: Digest) -> Self {
        let mut story = Self {
            asked: Vec::new(),
            history: Vec::new(),
            written: Vec::new(),
            standing: Vec::new(),
            reference,
            digest,
        };
        let projects = desired.projects.iter();
        let claims = projects.flat_map(|project| project.claims.iter().map(move |claim| (&project.name, claim)));
        let claims = claims.filter(|(_, claim)| story.is_of(desired, claim));
        story.asked = claims
            .map(|(project, claim)| Asked::new(desired, project, claim))
            .collect();
        let named = story.reference.to_string();
        for entry in log {
            let concerns = |event: &Event| event.reference.as_deref() == Some(&*named) && event.names(&digest);
            let events: Vec<Event> = entry.events.iter().filter(|event| concerns(event)).cloned().collect();
            if !events.is_empty() {
                story.history.push(LogEntry {
                    events,
                    ..entry.clone()
                });
            }
        }
        story
    }

    fn is_of(&self, desired: &Desired, claim: &Claim) -> bool {
        claim.digest == self.digest
            && desired.targets[claim.target].public_name.join(&claim.repository) == self.reference
    }

    /// The claims that ask for it now.
    pub fn claims<'d>(&self, desired: &'d Desired) -> Vec<&'d Claim> {
        let claims = desired.projects.iter().flat_map(|project| &project.claims);
        claims.filter(|claim| self.is_of(desired, claim)).collect()
    }

    /// Finds who wrote the line, where a merge brought it in.
    ///
    /// # Errors
    /// Where Git cannot be read.
    pub fn find_writers(&mut self, source: &GitRepository) -> Result<(), SourceError> {
        let digest = self.digest.to_string();
        for entry in &self.history {
            let brings = entry
                .events
                .iter()
                .find(|event| event.after.as_deref() == Some(&*digest));
            let Some(file) = brings
                .and_then(|event| event.file.clone())
                .filter(|_| entry.merged.is_some())
            else {
                continue;
            };
            let until = source.first_parent(entry.commit)?;
            for step in source.steps(entry.commit, until, &[entry.commit].into())? {
                for commit in step.merged {
                    let says = |at: CommitId| -> Result<bool, SourceError> {
                        Ok(
                            match source.entry(at, &file)?.map(|entry| source.read(entry)).transpose()? {
                                Some(TreeFile::Regular { bytes, .. }) => {
                                    String::from_utf8_lossy(&bytes).contains(&digest)
                                }
                                _ => false,
                            },
                        )
                    };
                    let mut before = false;
                    for parent in &commit.parents {
                        before |= says(*parent)?;
                    }
                    if !before && says(commit.id)? {
                        self.written.push(Written {
                            commit: commit.id,
                            author: commit.author.shown(),
                            summary: commit
                                .message
                                .trim_start()
                                .lines()
                                .next()
                                .unwrap_or_default()
                                .to_owned(),
                        });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Asked {
    fn new(desired: &Desired, project: &Arc<str>, claim: &Claim) -> Self {
        Self {
            target: desired.targets[claim.target].name.clone(),
            project: project.clone(),
            tags: claim.tags.clone(),
            source: match &claim.source {
                Source::Registry(repository) => repository.to_string(),
                Source::Target { target, repository } => {
                    format!("target:{} ({repository})", desired.targets[*target].name)
                }
            },
            signer: claim.signer.as_ref().map(|signer| signer.name.clone()),
            policies: claim
                .policy
                .iter()
                .map(|policy| format!("{} ({})", policy.name, policy.mode))
                .collect(),
            file: claim.origin.file.clone(),
            line: claim.origin.line,
        }
    }
}

impl Standing {
    pub fn new(
        target: &Target,
        endpoint: &Arc<str>,
        place: Repository,
        tags: Vec<(Tag, Answer<Option<Digest>>)>,
        image: ImageFacts,
        borne_out: Vec<bool>,
        signer: Option<&Signer>,
    ) -> Self {
        let by = |key: Option<Digest>| match (key, signer) {
            (None, _) => "somebody else".to_owned(),
            (Some(key), Some(signer)) if signer.identity() == SignerIdentity::Key(key) => {
                format!("signer {}", signer.name)
            }
            (Some(key), Some(signer)) if signer.counts(SignerIdentity::Key(key)) => {
                format!("an earlier key of signer {}", signer.name)
            }
            (Some(key), _) => format!("our key {key}"),
        };
        let evidence = match image.evidence {
            Answer::NotSeen(why) => Answer::NotSeen(why),
            Answer::Seen(found) => Answer::Seen(
                found
                    .into_iter()
                    .map(|found| Signed {
                        what: match (found.kind, found.by) {
                            (EvidenceKind::Other, None) => "attestation or signature",
                            (kind, _) => kind.told(),
                        },
                        artifact: found.artifact,
                        by: by(found.by),
                    })
                    .collect(),
            ),
        };
        Self {
            target: target.name.clone(),
            endpoint: endpoint.clone(),
            place,
            image: image.state,
            tags,
            evidence,
            records: image
                .records
                .into_iter()
                .zip(borne_out)
                .map(|(found, borne_out)| Record { found, borne_out })
                .collect(),
        }
    }

    /// Whether all of it could be looked at.
    pub fn is_seen(&self) -> bool {
        self.image.seen().is_some()
            && self.evidence.seen().is_some()
            && self.tags.iter().all(|(_, answer)| answer.seen().is_some())
    }
}
