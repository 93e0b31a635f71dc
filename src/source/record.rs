//! Commits as a log tells them: who wrote and who committed each, what it says, what a merge brought in.

use std::collections::HashSet;

use encoding_rs::Encoding;
use gix::bstr::{BStr, ByteSlice};
use gix::objs::{CommitRef, CommitRefIter};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::commits::shallow_commits;
use super::object::{Objects, object_id, reason, sha1};
use super::{GitRepository, SourceError};
use crate::model::CommitId;

/// Who did something to a commit, and when, as the commit says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub name: String,
    pub mail: String,
    pub time: Timestamp,
}

impl Person {
    /// `Name <mail address>`
    #[must_use]
    pub fn shown(&self) -> String {
        match self.mail.as_str() {
            "" => self.name.clone(),
            mail => format!("{} <{mail}>", self.name),
        }
    }
}

/// A commit, without its files. Texts are decoded by the encoding that the commit names, and hold no control characters
/// but, in the message, the ends of lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRecord {
    pub id: CommitId,
    pub parents: Vec<CommitId>,
    pub author: Person,
    pub committer: Person,
    pub message: String,
    /// Whether the commit carries a signature, whatever it is worth.
    pub signed: bool,
}

/// A commit of the line that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub record: CommitRecord,
    /// What a merge brought in: the commits that its other parents reach and its first parent does not, oldest first.
    pub merged: Vec<CommitRecord>,
}

impl GitRepository {
    /// What a commit says.
    ///
    /// # Errors
    /// Where it is missing or cannot be read.
    pub fn record(&self, id: CommitId) -> Result<CommitRecord, SourceError> {
        self.with_objects(|objects| read(objects, id))
    }

    /// `wanted` of the commits that are `head` or its first parents, oldest first, down to but without `until`; with
    /// what each merged.
    ///
    /// # Errors
    /// Where a commit is missing or cannot be read, a shallow clone's end included.
    pub fn steps(
        &self,
        head: CommitId,
        until: Option<CommitId>,
        wanted: &HashSet<CommitId>,
    ) -> Result<Vec<Step>, SourceError> {
        self.with_objects(|objects| steps(objects, head, until, wanted))
    }
}

/// The line from `head`, newest first.
fn line(objects: &Objects<'_>, head: CommitId, until: Option<CommitId>) -> Result<Vec<CommitId>, SourceError> {
    let mut line = Vec::new();
    let mut next = Some(head);
    while let Some(commit) = next.filter(|commit| Some(*commit) != until) {
        line.push(commit);
        next = parents(objects, commit)?.first().copied();
    }
    Ok(line)
}

fn parents(objects: &Objects<'_>, of: CommitId) -> Result<Vec<CommitId>, SourceError> {
    let bytes = objects.commit(of)?;
    let parents = CommitRefIter::from_bytes(&bytes, gix::hash::Kind::Sha1).parent_ids();
    Ok(parents.map(|parent| CommitId(sha1(&parent))).collect())
}

fn steps(
    objects: &Objects<'_>,
    head: CommitId,
    until: Option<CommitId>,
    wanted: &HashSet<CommitId>,
) -> Result<Vec<Step>, SourceError> {
    let boundary: HashSet<CommitId> = shallow_commits(objects)?.into_iter().collect();
    // What the first parents of a merge reach: all that stands before it. Made when the first merge needs it.
    let mut reached: Option<HashSet<CommitId>> = None;
    let line = line(objects, head, until)?;
    let mut found = Vec::new();
    for commit in line.into_iter().rev() {
        let of = parents(objects, commit)?;
        let mut merged = Vec::new();
        if let [first, others @ ..] = &of[..]
            && !others.is_empty()
        {
            let known = match &mut reached {
                Some(known) => known,
                None => {
                    let mut known = HashSet::new();
                    reach(objects, &[*first], &boundary, &mut known)?;
                    reached.insert(known)
                }
            };
            known.insert(*first);
            merged = reach(objects, others, &boundary, known)?;
        }
        if let Some(known) = &mut reached {
            known.insert(commit);
        }
        if wanted.contains(&commit) {
            found.push(Step {
                record: read(objects, commit)?,
                merged: merged
                    .into_iter()
                    .map(|merged| read(objects, merged))
                    .collect::<Result<_, _>>()?,
            });
        }
    }
    Ok(found)
}

/// Adds what `from` reach to `known`, and returns what is new: parents before their children.
fn reach(
    objects: &Objects<'_>,
    from: &[CommitId],
    boundary: &HashSet<CommitId>,
    known: &mut HashSet<CommitId>,
) -> Result<Vec<CommitId>, SourceError> {
    /// A commit is entered first, and told when all before it were.
    enum Visit {
        Enter(CommitId),
        Tell(CommitId),
    }

    let mut new = Vec::new();
    let mut open: Vec<Visit> = from.iter().rev().map(|commit| Visit::Enter(*commit)).collect();
    while let Some(visit) = open.pop() {
        match visit {
            Visit::Tell(commit) => new.push(commit),
            Visit::Enter(commit) if known.insert(commit) => {
                open.push(Visit::Tell(commit));
                // What lies beyond a shallow clone's end is not here.
                if !boundary.contains(&commit) {
                    let parents = parents(objects, commit)?;
                    open.extend(parents.into_iter().rev().map(Visit::Enter));
                }
            }
            Visit::Enter(_) => {}
        }
    }
    Ok(new)
}

fn read(objects: &Objects<'_>, id: CommitId) -> Result<CommitRecord, SourceError> {
    let bytes = objects.commit(id)?;
    let corrupt = |what: String| objects.corrupt(&object_id(id.0), what);
    let commit = CommitRef::from_bytes(&bytes, gix::hash::Kind::Sha1).map_err(|error| corrupt(reason(&error)))?;
    // A name that is none of an encoding says nothing: Git takes such text for UTF-8.
    let encoding = commit.encoding.and_then(|name| Encoding::for_label(name));
    let person = |signature: Result<gix::actor::SignatureRef<'_>, gix::Error>| {
        let signature = signature.map_err(|error| corrupt(reason(&error)))?;
        let signature = signature.trim();
        let seconds = signature.time().map_err(|error| corrupt(reason(&error)))?.seconds;
        Ok(Person {
            name: printable(&decoded(signature.name, encoding)),
            mail: printable(&decoded(signature.email, encoding)),
            time: Timestamp::from_second(seconds).map_err(|error| corrupt(error.to_string()))?,
        })
    };
    Ok(CommitRecord {
        id,
        parents: commit.parents().map(|parent| CommitId(sha1(&parent))).collect(),
        author: person(commit.author())?,
        committer: person(commit.committer())?,
        message: printable(&decoded(commit.message, encoding)),
        signed: commit.extra_headers().pgp_signature().is_some(),
    })
}

fn decoded(text: &BStr, encoding: Option<&'static Encoding>) -> String {
    match encoding {
        Some(encoding) => encoding.decode_without_bom_handling(text).0.into_owned(),
        None => text.to_str_lossy().into_owned(),
    }
}

/// Names and messages come from whoever made the commit, and end up on terminals.
fn printable(text: &str) -> String {
    text.replace("\r\n", "\n")
        .chars()
        .map(|character| match character {
            '\n' => '\n',
            control if control.is_control() => '\u{fffd}',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::author::Parents;
    use crate::source::testing::History;

    fn merged(history: &History, head: CommitId, until: Option<CommitId>) -> Vec<(CommitId, Vec<CommitId>)> {
        let source = history.open();
        let all = source.with_objects(|objects| line(objects, head, until)).unwrap();
        let steps = source.steps(head, until, &all.into_iter().collect()).unwrap();
        let ids = |commits: Vec<CommitRecord>| commits.into_iter().map(|commit| commit.id).collect();
        steps
            .into_iter()
            .map(|step| (step.record.id, ids(step.merged)))
            .collect()
    }

    #[test]
    fn a_merge_names_what_it_brought_in_and_nothing_twice() {
        let history = History::new();
        let root = history.commit(&[("landfall.toml", "1\n")]);
        let one = history.commit_on("one", Parents::Exactly(&[root]), &[("keys/a", b"1")], &[]);
        let two = history.commit_on("one", Parents::Tip, &[("keys/a", b"2")], &[]);
        let other = history.commit_on("two", Parents::Exactly(&[one]), &[("keys/b", b"1")], &[]);
        let main = history.commit(&[("landfall.toml", "2\n")]);
        let first = history.commit_on("main", Parents::Exactly(&[main, two]), &[], &[]);
        let octopus = history.commit_on("main", Parents::Exactly(&[first, other, one]), &[], &[]);
        let all = [
            (root, vec![]),
            (main, vec![]),
            (first, vec![one, two]),
            (octopus, vec![other]),
        ];
        assert_eq!(merged(&history, octopus, None), all);
        assert_eq!(merged(&history, octopus, Some(first)), all[3..]);
        assert_eq!(merged(&history, octopus, Some(main)), all[2..]);
    }

    #[test]
    fn texts_are_read_in_the_encoding_that_the_commit_names() {
        let history = History::new();
        let head = history.commit(&[("landfall.toml", "1\n")]);
        let mut bytes = history.open().with_objects(|objects| objects.commit(head)).unwrap();
        let at = bytes.find("author ").unwrap();
        let end = at + bytes[at..].find_byte(b'\n').unwrap();
        let mut raw = bytes[..at].to_vec();
        raw.extend_from_slice(b"author J\xfcrgen <j@example.com> 1767225600 +0000\n");
        raw.extend_from_slice(
            b"committer J\xfcrgen <j@example.com> 1767225600 +0000\nencoding ISO-8859-1\n\nGr\xfc\xdfe\x07\r\n",
        );
        bytes.truncate(end);
        let id = gix::objs::Write::write_buf(&history.gix().objects, gix::objs::Kind::Commit, &raw).unwrap();
        let record = history.open().record(CommitId(sha1(&id))).unwrap();
        assert_eq!(record.author.shown(), "Jürgen <j@example.com>");
        assert_eq!(record.message, "Grüße\u{fffd}\n");
        assert!(!record.signed);
    }
}
