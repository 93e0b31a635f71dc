//! A commit in the log.

use serde::{Deserialize, Serialize};

use super::event::Event;
use super::pull_request::PullRequest;
use crate::model::CommitId;
use crate::source::{CommitRecord, Person, Step};

/// A commit that changed what is asked for, and what it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    pub commit: CommitId,
    pub author: Person,
    pub committer: Person,
    /// The first line of the message.
    pub summary: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
    /// Who reviewed or approved it, as trailers of the message say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<String>,
    /// Of a merge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
    /// Whether the commit carries a signature, whatever it is worth.
    pub signed: bool,
    pub events: Vec<Event>,
}

/// What a merge brought in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Merged {
    pub commits: usize,
    /// Each once, in the order of their first commits.
    pub authors: Vec<String>,
}

impl LogEntry {
    /// A commit with what it changed.
    #[must_use]
    pub fn new(step: Step, events: Vec<Event>) -> Self {
        let Step { record, merged } = step;
        let mut pull_request = PullRequest::of(&record.message);
        let mut reviews = reviews(&record.message);
        for commit in &merged {
            // A merge by Git itself names no request; the change that it brings in may.
            if pull_request.is_none() && merged.len() == 1 {
                pull_request = PullRequest::of(&commit.message);
            }
            reviews.extend(self::reviews(&commit.message));
        }
        let mut seen = Vec::new();
        reviews.retain(|review| {
            let new = !seen.contains(review);
            seen.push(review.clone());
            new
        });
        Self {
            commit: record.id,
            summary: record
                .message
                .trim_start()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
            signed: record.signed,
            author: record.author,
            committer: record.committer,
            pull_request,
            reviews,
            merged: (record.parents.len() > 1).then(|| Merged::of(&merged)),
            events,
        }
    }

    /// Everybody who had a hand in it.
    pub fn people(&self) -> impl Iterator<Item = String> {
        let merged = self.merged.iter().flat_map(|merged| merged.authors.iter().cloned());
        [self.author.shown(), self.committer.shown()].into_iter().chain(merged)
    }
}

impl Merged {
    fn of(commits: &[CommitRecord]) -> Self {
        let mut authors: Vec<String> = Vec::new();
        for commit in commits {
            let author = commit.author.shown();
            if !authors.contains(&author) {
                authors.push(author);
            }
        }
        Self {
            commits: commits.len(),
            authors,
        }
    }
}

/// The trailers in the last paragraph that name reviewers.
fn reviews(message: &str) -> Vec<String> {
    const NAMES: [&str; 3] = ["reviewed-by", "approved-by", "acked-by"];
    let last = message.trim_end().rsplit("\n\n").next().unwrap_or_default();
    let trailers = last.lines().filter_map(|line| line.split_once(':'));
    trailers
        .filter(|(name, _)| NAMES.contains(&name.trim().to_ascii_lowercase().as_str()))
        .map(|(name, value)| format!("{}: {}", name.trim(), value.trim()))
        .collect()
}
