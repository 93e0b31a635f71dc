//! Which commit is meant: a revision, or the one that stood at a time.

use jiff::Timestamp;
use miette::{Report, miette};

use crate::cli::exit_code::Ended as _;
use crate::cli::moment::{Bound, moment};
use crate::cli::{ExitCode, WithExitCode as _};
use crate::model::CommitId;
use crate::source::{GitRepository, Source as _};

/// The commit that `at` names; without it, the newest.
///
/// A revision goes before a date, for a release may be tagged `2026-11-01`. At a time, the commit stood that is found
/// first from the head along first parents among those committed by then: the clocks of several committers need not
/// agree.
///
/// # Errors
/// Where there is none, or Git cannot be read.
pub fn commit_at(source: &GitRepository, at: Option<&str>) -> Result<CommitId, Report> {
    let Some(at) = at else {
        return source.head().ended();
    };
    let unknown = match source.resolve(at) {
        Ok(commit) => return Ok(commit),
        Err(error) => error,
    };
    let Ok(time) = moment(at, Bound::End, Timestamp::now()) else {
        return Err(unknown).ended();
    };
    let head = source.head().ended()?;
    let mut next = Some(head);
    while let Some(commit) = next {
        if source.commit(commit).ended()?.time <= time {
            return Ok(commit);
        }
        next = source.first_parent(commit).ended()?;
    }
    Err(miette!(
        help = "`landfall log` shows when it begins",
        "the history of {} begins after {time}",
        head.short()
    ))
    .with_exit_code(ExitCode::Invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Options;
    use crate::source::author::{self, Identity, Layout};

    /// A repository with commits made at these times.
    fn history(times: &[&str]) -> (tempfile::TempDir, GitRepository, Vec<CommitId>) {
        let folder = tempfile::tempdir().unwrap();
        author::init(folder.path(), Layout::Bare, "main").unwrap();
        let commits = times.iter().enumerate().map(|(number, time)| {
            let files = [("landfall.toml".to_owned(), number.to_string().into_bytes())].into();
            let author = Identity {
                name: "Ada",
                mail: "ada@example.com",
            };
            author::commit(folder.path(), "main", &files, "m", author, time.parse().unwrap()).unwrap()
        });
        let commits = commits.collect();
        let source = GitRepository::open(folder.path(), Options::default()).unwrap();
        (folder, source, commits)
    }

    #[test]
    fn at_a_time_the_newest_commit_made_by_then_stood() {
        let times = [
            "2026-11-01T10:00:00Z",
            "2026-11-01T23:00:00Z",
            "2026-11-01T23:00:00Z",
            "2026-11-03T00:00:00Z",
        ];
        let (_folder, source, commits) = history(&times);
        let at = |at: &str| commit_at(&source, Some(at)).unwrap();
        assert_eq!(at("2026-11-01T10:00:00Z"), commits[0]);
        assert_eq!(at("2026-11-01"), commits[2]);
        assert_eq!(at("2026-11-02"), commits[2]);
        assert_eq!(at("2026-11-03"), commits[3]);
        assert_eq!(at("HEAD~2"), commits[1]);
        assert_eq!(commit_at(&source, None).unwrap(), commits[3]);
    }

    #[test]
    fn a_clock_that_ran_ahead_hides_no_later_commit() {
        let (_folder, source, commits) =
            history(&["2026-11-01T00:00:00Z", "2026-12-24T00:00:00Z", "2026-11-02T00:00:00Z"]);
        assert_eq!(commit_at(&source, Some("2026-11-05")).unwrap(), commits[2]);
    }

    #[test]
    fn what_names_no_commit_is_invalid() {
        let (_folder, source, _) = history(&["2026-11-01T00:00:00Z"]);
        for (at, told) in [("2026-10-01", "begins after"), ("nowhere", "names no commit")] {
            let error = commit_at(&source, Some(at)).unwrap_err();
            assert_eq!(ExitCode::of(&error), ExitCode::Invalid);
            assert!(error.to_string().contains(told), "{error}");
        }
    }
}
