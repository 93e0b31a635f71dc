//! The promotion log, kept between runs beside the repository's objects: twenty thousand commits take a while to
//! follow, those that came since take none.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audit::log::{self, LogEntry};
use crate::cli::validate::{ledger_at, meeting};
use crate::model::{CommitId, Digest};
use crate::source::{GitRepository, SourceError};

/// The log of `commit` and its first parents, oldest first. What is kept only saves time: where it is missing, damaged
/// or made by another version, history is read from its beginning.
///
/// # Errors
/// Where Git cannot be read.
pub(in crate::cli) fn log_at(repository: &GitRepository, commit: CommitId) -> Result<Vec<LogEntry>, SourceError> {
    let path = repository.common_dir().join("landfall").join("log");
    let folder = repository.folder().as_str();
    let kept = read(&path, folder).unwrap_or_else(|reason| {
        tracing::debug!(path = %path.display(), reason, "no log is kept");
        None
    });
    let (mut entries, known) = match kept {
        None => (Vec::new(), None),
        Some((entries, tip)) => match meeting(repository, tip, commit)? {
            None => (Vec::new(), None),
            Some(meeting) => (before(entries, &meeting.newer), Some(meeting.commit)),
        },
    };
    if known == Some(commit) {
        return Ok(entries);
    }
    let ledger = known
        .map(|known| Ok((known, ledger_at(repository, known)?)))
        .transpose()?;
    entries.extend(log::read(repository, commit, ledger)?);
    if let Err(error) = write(&path, folder, commit, &entries) {
        tracing::debug!(path = %path.display(), %error, "cannot keep the log");
    }
    Ok(entries)
}

fn before(mut entries: Vec<LogEntry>, newer: &HashSet<CommitId>) -> Vec<LogEntry> {
    entries.retain(|entry| !newer.contains(&entry.commit));
    entries
}

/// The first line of the file; each following one is an entry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    schema_version: u32,
    /// Another version may judge history otherwise.
    landfall: String,
    folder: String,
    commit: CommitId,
    /// Of the entries' bytes.
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

/// The log that is kept for a folder, and the commit that it goes up to; or why there is none that can be used.
fn read(path: &Path, folder: &str) -> Result<Option<(Vec<LogEntry>, CommitId)>, String> {
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
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let entries = lines.map(serde_json::from_slice).collect::<Result<_, _>>();
    Ok(Some((entries.map_err(|error| error.to_string())?, header.commit)))
}

/// Replaces the file as a whole: another run may be reading it.
fn write(path: &Path, folder: &str, commit: CommitId, entries: &[LogEntry]) -> io::Result<()> {
    let mut body = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut body, entry)?;
        body.push(b'\n');
    }
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(directory)?;
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut file, &Header::new(folder, commit, &body))?;
    file.write_all(b"\n")?;
    file.write_all(&body)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::validate::tests::{Repository, manifest};
    use crate::source::Options;
    use crate::source::author::Parents;

    const PATH: &str = "promotions/dns/coredns.toml";

    fn open(repository: &Repository) -> GitRepository {
        GitRepository::open(&repository.path(), Options::default()).unwrap()
    }

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

    fn from_nothing(repository: &Repository, commit: CommitId) -> Vec<LogEntry> {
        log::read(&open(repository), commit, None).unwrap()
    }

    #[test]
    fn what_is_kept_tells_the_same_as_history_at_newer_older_and_other_commits() {
        let (mut repository, commits) = moved(1..6);
        let other = Parents::Exactly(&commits[..2]);
        let other = repository.commit("other", other, &[(PATH, &manifest("coredns", &[("latest", "9")]))]);
        // A commit that is refused, and one after it.
        let refused = repository.commit(
            "main",
            Parents::Exactly(&commits[4..]),
            &[("landfall.toml", "version = 2\n")],
        );
        let last = repository.commit(
            "main",
            Parents::Tip,
            &[(PATH, &manifest("coredns", &[("latest", "9")]))],
        );
        for commit in [
            commits[2], commits[4], commits[0], commits[3], other, refused, last, commits[4],
        ] {
            assert_eq!(
                log_at(&open(&repository), commit).unwrap(),
                from_nothing(&repository, commit)
            );
        }
    }

    #[test]
    fn a_log_that_is_damaged_is_made_anew() {
        let (repository, commits) = moved(1..4);
        let expected = from_nothing(&repository, commits[2]);
        log_at(&open(&repository), commits[2]).unwrap();
        let path = repository.path().join(".git/landfall/log");
        let whole = fs::read_to_string(&path).unwrap();
        let other = whole.replacen(env!("CARGO_PKG_VERSION"), "0.0.1-other", 1);
        for text in [
            &whole.replace("v2", "v9"),
            &other,
            &whole[..whole.len() / 2],
            "",
            "{}\n{}",
        ] {
            fs::write(&path, text).unwrap();
            assert!(read(&path, "").is_err());
            assert_eq!(log_at(&open(&repository), commits[2]).unwrap(), expected);
        }
    }
}
