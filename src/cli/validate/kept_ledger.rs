//! The ledger of a repository's history, kept between runs beside its objects: following twenty thousand commits takes
//! seconds, following those that came since takes none.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::desired::{Declaration, Entry, Ledger};
use crate::model::{CommitId, Digest, Repository, Tag};
use crate::reconcile::history;
use crate::source::{GitRepository, Source, SourceError};

/// The ledger of `commit` and its first parents. What is kept only saves time: where it is missing, damaged or made by
/// another version, history is read from its beginning.
///
/// # Errors
/// Where Git cannot be read.
pub(in crate::cli) fn ledger_at(repository: &GitRepository, commit: CommitId) -> Result<Ledger, SourceError> {
    let path = repository.common_dir().join("landfall").join("ledger");
    let folder = repository.folder().as_str();
    let kept = read(&path, folder).unwrap_or_else(|reason| {
        tracing::debug!(path = %path.display(), reason, "no ledger is kept");
        None
    });
    let (mut ledger, known) = match kept {
        None => (Ledger::default(), None),
        Some((ledger, kept)) => match meeting(repository, kept, commit)? {
            None => (Ledger::default(), None),
            Some(meeting) => (ledger.before(&meeting.newer), Some(meeting.commit)),
        },
    };
    history::declare(repository, commit, known, &mut ledger)?;
    // A look at an older commit does not throw away what is known of the newer ones.
    if known != Some(commit)
        && let Err(error) = write(&path, folder, commit, &ledger)
    {
        tracing::debug!(path = %path.display(), %error, "cannot keep the ledger");
    }
    Ok(ledger)
}

/// The first line of the file; the rest is a [`Body`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    schema_version: u32,
    /// Another version may judge history otherwise.
    landfall: String,
    folder: String,
    commit: CommitId,
    /// Of the ledger's bytes.
    digest: Digest,
}

impl Header {
    const SCHEMA_VERSION: u32 = 1;

    fn new(folder: &str, commit: CommitId, body: &[u8]) -> Self {
        Self {
            schema_version: Self::SCHEMA_VERSION,
            landfall: env!("CARGO_PKG_VERSION").to_owned(),
            folder: folder.to_owned(),
            commit,
            digest: Digest::of(body),
        }
    }
}

/// The ledger, with each commit written once: it is read at every run.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Body {
    commits: Vec<CommitId>,
    /// A tag, a digest that was declared for it, and the index of the commit that did; each tag's in their order.
    references: BTreeMap<Repository, Vec<(Tag, Digest, usize)>>,
}

impl Body {
    fn of(ledger: &Ledger) -> Self {
        let mut body = Self::default();
        let mut indices = HashMap::new();
        for entry in ledger.entries() {
            let Declaration { digest, commit } = entry.declaration;
            let index = *indices.entry(commit).or_insert_with(|| {
                body.commits.push(commit);
                body.commits.len() - 1
            });
            let declared = body.references.entry(entry.reference).or_default();
            declared.push((entry.tag, digest, index));
        }
        body
    }

    /// `None` where a commit is missing.
    fn ledger(self) -> Option<Ledger> {
        let mut ledger = Ledger::default();
        for (reference, declared) in self.references {
            for (tag, digest, index) in declared {
                let commit = *self.commits.get(index)?;
                ledger.insert(&Entry {
                    reference: reference.clone(),
                    tag,
                    declaration: Declaration { digest, commit },
                });
            }
        }
        Some(ledger)
    }
}

/// The ledger that is kept for a folder, and the commit that it goes up to; or why there is none that can be used.
fn read(path: &Path, folder: &str) -> Result<Option<(Ledger, CommitId)>, String> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        result => result.map_err(|error| error.to_string())?,
    };
    let line = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no header")?;
    let (header, body) = (&bytes[..line], &bytes[line + 1..]);
    let header: Header = serde_json::from_slice(header).map_err(|error| error.to_string())?;
    if header != Header::new(folder, header.commit, body) {
        return Err("it is damaged, or was made by another version or for another folder".to_owned());
    }
    let body: Body = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let ledger = body.ledger().ok_or("an entry names no commit")?;
    Ok(Some((ledger, header.commit)))
}

/// Replaces the file as a whole: another run may be reading it.
fn write(path: &Path, folder: &str, commit: CommitId, ledger: &Ledger) -> io::Result<()> {
    let body = serde_json::to_vec(&Body::of(ledger))?;
    let directory: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&directory)?;
    let mut file = tempfile::NamedTempFile::new_in(&directory)?;
    serde_json::to_writer(&mut file, &Header::new(folder, commit, &body))?;
    file.write_all(b"\n")?;
    file.write_all(&body)?;
    file.persist(path)?;
    Ok(())
}

/// Where two lines of first parents meet.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) struct Meeting {
    /// The newest commit that is on both.
    pub commit: CommitId,
    /// The commits of the kept line that came after it.
    pub newer: HashSet<CommitId>,
}

/// Costs as many steps as the two are apart.
///
/// # Errors
/// Where Git cannot be read.
pub(in crate::cli) fn meeting<S: Source>(
    source: &S,
    kept: CommitId,
    wanted: CommitId,
) -> Result<Option<Meeting>, SourceError> {
    const KEPT: usize = 0;
    const WANTED: usize = 1;
    let mut of_kept = Vec::new();
    let mut seen = [HashSet::new(), HashSet::new()];
    let mut next = [Some(kept), Some(wanted)];
    while next.iter().any(Option::is_some) {
        for (side, other) in [(KEPT, WANTED), (WANTED, KEPT)] {
            let Some(commit) = next[side] else { continue };
            if seen[other].contains(&commit) {
                let newer = of_kept.into_iter().take_while(|newer| *newer != commit).collect();
                return Ok(Some(Meeting { commit, newer }));
            }
            next[side] = match source.first_parent(commit) {
                // What was kept may have been rewritten, and collected since.
                Err(SourceError::NoSuchCommit { .. }) if side == KEPT => None,
                parent => parent?,
            };
            seen[side].insert(commit);
            if side == KEPT {
                of_kept.push(commit);
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Repository, manifest};
    use super::*;
    use crate::source::Options;
    use crate::source::author::Parents;

    const PATH: &str = "promotions/dns/coredns.toml";

    /// The newest commit, and a repository whose tags `moves` moved one after the other.
    fn moved(moves: std::ops::Range<usize>) -> (Repository, Vec<CommitId>) {
        let mut repository = Repository::new();
        let commits = moves.map(|number| {
            let content = number.to_string();
            let tags = [("latest", &*content), (&*format!("v{number}"), &*content)];
            repository.commit("main", Parents::Tip, &[(PATH, &manifest("coredns", &tags))])
        });
        let commits = commits.collect();
        (repository, commits)
    }

    fn open(repository: &Repository) -> GitRepository {
        GitRepository::open(&repository.path(), Options::default()).unwrap()
    }

    fn file(repository: &Repository) -> PathBuf {
        repository.path().join(".git/landfall/ledger")
    }

    fn from_nothing(repository: &Repository, commit: CommitId) -> Ledger {
        let mut ledger = Ledger::default();
        history::declare(&open(repository), commit, None, &mut ledger).unwrap();
        ledger
    }

    fn kept_at(repository: &Repository) -> Option<CommitId> {
        read(&file(repository), "").unwrap().map(|(_, commit)| commit)
    }

    #[test]
    fn what_is_kept_tells_the_same_as_history_at_newer_older_and_other_commits() {
        let (mut repository, commits) = moved(1..6);
        let other = Parents::Exactly(&commits[..2]);
        let other = repository.commit("other", other, &[(PATH, &manifest("coredns", &[("latest", "9")]))]);
        for (commit, kept) in [(2, 2), (4, 4), (0, 4), (3, 4), (4, 4)] {
            let ledger = ledger_at(&open(&repository), commits[commit]).unwrap();
            assert_eq!(ledger, from_nothing(&repository, commits[commit]), "{commit}");
            assert_eq!(kept_at(&repository), Some(commits[kept]), "{commit}");
        }
        let ledger = ledger_at(&open(&repository), other).unwrap();
        assert_eq!(ledger, from_nothing(&repository, other));
        assert_eq!(kept_at(&repository), Some(other));
    }

    #[test]
    fn a_ledger_that_is_damaged_or_of_another_version_is_made_anew() {
        let (repository, commits) = moved(1..4);
        let expected = from_nothing(&repository, commits[2]);
        ledger_at(&open(&repository), commits[2]).unwrap();
        let whole = fs::read_to_string(file(&repository)).unwrap();
        let of_digest = whole.rfind("sha256:").unwrap() + "sha256:".len();
        let flipped = if whole[of_digest..].starts_with('0') { "1" } else { "0" };
        let mut damaged = whole.clone();
        damaged.replace_range(of_digest..=of_digest, flipped);
        let other = whole.replacen(env!("CARGO_PKG_VERSION"), "0.0.1-other", 1);
        for text in [&damaged, &other, &whole[..whole.len() / 2], "", "{}\n{}"] {
            fs::write(file(&repository), text).unwrap();
            assert!(read(&file(&repository), "").is_err());
            assert_eq!(ledger_at(&open(&repository), commits[2]).unwrap(), expected);
            assert_eq!(kept_at(&repository), Some(commits[2]));
        }
    }

    #[test]
    fn where_nothing_can_be_kept_the_ledger_is_told_all_the_same() {
        let (repository, commits) = moved(1..3);
        fs::write(repository.path().join(".git/landfall"), "in the way").unwrap();
        let ledger = ledger_at(&open(&repository), commits[1]).unwrap();
        assert_eq!(ledger, from_nothing(&repository, commits[1]));
    }
}
