//! The branch that is followed, and its newest commit.

use gix::bstr::ByteSlice;

use super::object::sha1;
use super::{GitRepository, SourceError};
use crate::model::{CommitId, nearest};

impl GitRepository {
    /// See [`Source::branch`](super::Source::branch).
    pub(super) fn followed_branch(&self) -> Result<String, SourceError> {
        if let Some(branch) = &self.options.branch {
            return Ok(branch.clone());
        }
        let name = self
            .repository
            .to_thread_local()
            .head_name()
            .map_err(|error| self.failed("cannot read HEAD", &error))?;
        Ok(name.map_or_else(|| "HEAD".to_owned(), |name| name.shorten().to_string()))
    }

    /// See [`Source::head`](super::Source::head).
    pub(super) fn tip(&self) -> Result<CommitId, SourceError> {
        let repository = self.repository.to_thread_local();
        if let Some(branch) = &self.options.branch {
            let tip = self.branch_tip(&repository, branch)?;
            return tip.ok_or_else(|| self.no_such_branch(&repository, branch));
        }
        let failed = |error: gix::Error| self.failed("cannot read HEAD", &error);
        let head = repository.head().map_err(failed)?;
        if head.is_unborn() {
            return Err(SourceError::Unborn {
                repository: self.path.clone(),
                branch: head
                    .referent_name()
                    .map_or_else(|| "HEAD".to_owned(), |name| name.shorten().to_string()),
            });
        }
        Ok(CommitId(sha1(&head.into_peeled_id().map_err(failed)?)))
    }

    /// The branch's tip, unpeeled, and `None` where there is no such branch.
    fn branch_tip(&self, repository: &gix::Repository, branch: &str) -> Result<Option<CommitId>, SourceError> {
        let doing = || format!("cannot read branch `{branch}`");
        let Some(mut reference) = repository
            .try_find_reference(&format!("refs/heads/{branch}"))
            .map_err(|error| self.failed(doing(), &error))?
        else {
            return Ok(None);
        };
        let id = reference.peel_to_id().map_err(|error| self.failed(doing(), &error))?;
        Ok(Some(CommitId(sha1(&id))))
    }

    fn no_such_branch(&self, repository: &gix::Repository, branch: &str) -> SourceError {
        if let Ok(head) = repository.head()
            && head.is_unborn()
            && head.referent_name().is_some_and(|name| name.shorten() == branch)
        {
            return SourceError::Unborn {
                repository: self.path.clone(),
                branch: branch.to_owned(),
            };
        }
        SourceError::NoSuchBranch {
            repository: self.path.clone(),
            branch: branch.to_owned(),
            hint: branch_hint(repository, branch),
        }
    }
}

/// What to say about a branch that is not there. Best effort: it only adds to an error that stands already.
fn branch_hint(repository: &gix::Repository, branch: &str) -> Option<String> {
    let references = repository.references().ok()?;
    let names = |prefix: &str| -> Vec<String> {
        let found = references.prefixed(prefix).map(|found| {
            found
                .filter_map(Result::ok)
                .filter_map(|reference| {
                    Some(
                        reference
                            .name()
                            .as_bstr()
                            .to_str()
                            .ok()?
                            .strip_prefix(prefix)?
                            .to_owned(),
                    )
                })
                .collect()
        });
        found.unwrap_or_default()
    };
    let tracked = names("refs/remotes/")
        .into_iter()
        .find(|name| name.split_once('/').is_some_and(|(_, rest)| rest == branch));
    if let Some(tracked) = tracked {
        return Some(format!(
            ": `{tracked}` is only the copy of a remote's branch; make it with `git branch {branch} {tracked}`"
        ));
    }
    let local = names("refs/heads/");
    if let Some(near) = nearest(branch, local.iter().map(String::as_str)) {
        return Some(format!("; did you mean `{near}`?"));
    }
    (!local.is_empty()).then(|| format!("; there are {}", shown(&local)))
}

pub(super) fn shown(names: &[String]) -> String {
    const MOST: usize = 8;
    let mut text = names
        .iter()
        .take(MOST)
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > MOST {
        text.push_str(&format!(" and {} more", names.len() - MOST));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::model::Roots;
    use crate::source::author::{self, Layout, Parents};
    use crate::source::testing::History;
    use crate::source::{Options, Source, SourceError};

    fn on_branch(branch: &str) -> Options {
        Options {
            branch: Some(branch.to_owned()),
            ..Options::default()
        }
    }

    #[test]
    fn the_head_is_the_tip_of_the_branch_that_is_followed() {
        let history = History::new();
        let main = history.commit(&[("landfall.toml", "version = 1\n")]);
        let release = history.commit_on("release/1", Parents::Exactly(&[main]), &[("keys/a.pub", b"a")], &[]);
        assert_eq!(history.open().branch().unwrap(), "main");
        assert_eq!(history.open().head().unwrap(), main);
        assert_eq!(history.open_with(on_branch("release/1")).head().unwrap(), release);
    }

    #[test]
    fn a_detached_head_is_followed_as_it_stands() {
        let history = History::new();
        let old = history.commit(&[("landfall.toml", "version = 1\n")]);
        history.commit(&[("landfall.toml", "version = 2\n")]);
        fs::write(history.path().join("HEAD"), format!("{old}\n")).unwrap();
        assert_eq!(history.open().branch().unwrap(), "HEAD");
        assert_eq!(history.open().head().unwrap(), old);
    }

    #[test]
    fn packed_references_count() {
        let history = History::new();
        let main = history.commit(&[("landfall.toml", "version = 1\n")]);
        fs::remove_file(history.path().join("refs/heads/main")).unwrap();
        fs::write(history.path().join("packed-refs"), format!("{main} refs/heads/main\n")).unwrap();
        assert_eq!(history.open().head().unwrap(), main);
    }

    #[test]
    fn a_branch_without_commits_is_told_from_one_that_does_not_exist() {
        let history = History::new();
        assert!(matches!(history.open().head(), Err(SourceError::Unborn { branch, .. }) if branch == "main"));
        assert!(matches!(
            history.open_with(on_branch("main")).head(),
            Err(SourceError::Unborn { .. })
        ));
        let tip = history.commit(&[("landfall.toml", "version = 1\n")]);
        let error = |branch: &str| history.open_with(on_branch(branch)).head().unwrap_err().to_string();
        assert!(
            error("mian").ends_with("there is no branch `mian`; did you mean `main`?"),
            "{}",
            error("mian")
        );
        assert!(error("production").ends_with("there is no branch `production`; there are `main`"));
        let remote = history.path().join("refs/remotes/origin");
        fs::create_dir_all(&remote).unwrap();
        fs::write(remote.join("production"), format!("{tip}\n")).unwrap();
        assert!(error("production").ends_with("make it with `git branch production origin/production`"));
    }

    #[test]
    fn a_commit_made_after_opening_is_seen() {
        let history = History::new();
        history.commit(&[("landfall.toml", "version = 1\n")]);
        let source = history.open();
        let head = history.commit(&[("landfall.toml", "version = 2\n")]);
        assert_eq!(source.head().unwrap(), head);
        assert_eq!(source.tree(head, &Roots::default()).unwrap().commit, head);
    }

    #[test]
    fn a_branch_can_be_taken_back_and_the_checkout_follows() {
        let history = History::with_layout(Layout::WorkTree);
        let first = history.commit(&[("landfall.toml", "1\n")]);
        history.commit(&[("landfall.toml", "2\n"), ("promotions/a/b.toml", "1\n")]);
        assert!(history.path().join("promotions/a/b.toml").exists());
        author::move_branch(&history.path(), "main", first).unwrap();
        assert_eq!(history.open().head().unwrap(), first);
        assert_eq!(fs::read(history.path().join("landfall.toml")).unwrap(), b"1\n");
        assert!(!history.path().join("promotions").exists());
    }
}
