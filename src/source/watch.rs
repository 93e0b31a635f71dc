//! Waking up when a local repository's branches move.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, RecursiveMode, Watcher as _};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::GitRepository;

/// Why changes are not seen as they happen. Looking at the repository at intervals goes on working.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WatchError {
    #[error(
        "{}: cannot be watched for new commits ({reason}); they are found at the next interval all the same{}",
        path.display(),
        if *.exhausted { "; raise fs.inotify.max_user_watches to be told at once" } else { "" }
    )]
    Failed {
        path: PathBuf,
        reason: String,
        /// The system's limit on watches is reached.
        exhausted: bool,
    },
    #[error("{}: the repository was removed while it was watched", path.display())]
    Gone { path: PathBuf },
}

/// What the watching thread has seen so far.
#[derive(Debug, Clone, Default)]
struct Seen {
    changes: u64,
    failures: u64,
    failure: Option<WatchError>,
}

/// Changes that came one upon the other.
#[derive(Debug, Clone, Copy)]
struct Burst {
    began: Instant,
    last: Instant,
}

/// A burst is over after this much quiet …
const QUIET: Duration = Duration::from_millis(100);
/// … or, where there is none, after this.
const LONGEST_BURST: Duration = Duration::from_secs(2);

impl Burst {
    fn ends(self) -> Instant {
        (self.last + QUIET).min(self.began + LONGEST_BURST)
    }
}

/// Watches `HEAD`, `packed-refs` and `refs/`. One fetch touches many of them: a change is reported once they have been
/// quiet for a moment.
pub struct Watcher {
    seen: watch::Receiver<Seen>,
    handled: Seen,
    burst: Option<Burst>,
    /// Watches for as long as it lives.
    _watcher: notify::RecommendedWatcher,
}

impl Watcher {
    /// # Errors
    /// [`WatchError::Failed`] where the system cannot watch these files.
    pub fn new(repository: &GitRepository) -> Result<Self, WatchError> {
        let path = repository.path().to_owned();
        let (git, common) = (repository.git_dir(), repository.common_dir());
        let (sender, seen) = watch::channel(Seen::default());
        let on_event = {
            let (path, git, refs) = (path.clone(), git.clone(), common.join("refs"));
            move |event: notify::Result<Event>| {
                let failure = match event {
                    Ok(event) if event.kind.is_remove() && event.paths.contains(&git) => {
                        WatchError::Gone { path: path.clone() }
                    }
                    Ok(event) => {
                        if moves_branches(&event, &refs) {
                            sender.send_modify(|seen| seen.changes += 1);
                        }
                        return;
                    }
                    Err(error) => failed(&path, &error),
                };
                sender.send_modify(|seen| {
                    seen.failures += 1;
                    seen.failure = Some(failure);
                });
            }
        };
        let mut watcher = notify::recommended_watcher(on_event).map_err(|error| failed(&path, &error))?;
        let mut add = |folder: &Path, mode| watcher.watch(folder, mode).map_err(|error| failed(&path, &error));
        add(&git, RecursiveMode::NonRecursive)?;
        if common != git {
            add(&common, RecursiveMode::NonRecursive)?;
        }
        add(&common.join("refs"), RecursiveMode::Recursive)?;
        Ok(Self {
            seen,
            handled: Seen::default(),
            burst: None,
            _watcher: watcher,
        })
    }

    /// Ends when branches may have moved since the last call that ended. May be dropped and called again at any time:
    /// no change is lost.
    ///
    /// # Errors
    /// What went wrong since the last call. The watcher may be asked again; it does not mend itself.
    pub async fn changed(&mut self) -> Result<(), WatchError> {
        loop {
            let seen = self.seen.borrow_and_update().clone();
            let (new_changes, new_failures) = (
                seen.changes != self.handled.changes,
                seen.failures != self.handled.failures,
            );
            self.handled = seen.clone();
            if new_changes {
                let last = Instant::now();
                let began = self.burst.map_or(last, |burst| burst.began);
                self.burst = Some(Burst { began, last });
            }
            if let Some(failure) = seen.failure.filter(|_| new_failures) {
                return Err(failure);
            }
            match self.burst {
                // The sender lives as long as the watcher, so that this only ever ends with news.
                None => drop(self.seen.changed().await),
                Some(burst) => {
                    let more = timeout_at(burst.ends(), self.seen.changed()).await.is_ok();
                    if !more || Instant::now() >= burst.ends() {
                        self.burst = None;
                        return Ok(());
                    }
                }
            }
        }
    }
}

fn failed(path: &Path, error: &notify::Error) -> WatchError {
    WatchError::Failed {
        path: path.to_owned(),
        reason: error.to_string(),
        exhausted: matches!(error.kind, notify::ErrorKind::MaxFilesWatch),
    }
}

/// Reading changes nothing, and locks come before the change that they guard.
fn moves_branches(event: &Event, refs: &Path) -> bool {
    let counts = |path: &PathBuf| {
        let names_refs = matches!(path.file_name().and_then(OsStr::to_str), Some("HEAD" | "packed-refs"));
        (names_refs || path.starts_with(refs)) && path.extension() != Some(OsStr::new("lock"))
    };
    event.need_rescan() || !event.kind.is_access() && event.paths.iter().any(counts)
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, AccessMode, CreateKind, EventKind, ModifyKind, RenameMode};

    use super::*;
    use crate::source::author;
    use crate::source::testing::History;

    /// Long enough for any machine; only a failing test waits so long.
    const PATIENCE: Duration = Duration::from_secs(60);

    async fn changed(watcher: &mut Watcher) -> Result<(), WatchError> {
        tokio::time::timeout(PATIENCE, watcher.changed())
            .await
            .expect("a wake-up")
    }

    #[test]
    fn only_branches_count() {
        let refs = Path::new("/r/.git/refs");
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        for path in ["/r/.git/HEAD", "/r/.git/packed-refs", "/r/.git/refs/heads/a/b"] {
            assert!(moves_branches(&event(renamed, path), refs), "{path}");
        }
        for path in [
            "/r/.git/index",
            "/r/.git/FETCH_HEAD",
            "/r/.git/refs/heads/main.lock",
            "/r/.git",
        ] {
            let created = EventKind::Create(CreateKind::File);
            assert!(!moves_branches(&event(created, path), refs), "{path}");
        }
        let read = EventKind::Access(AccessKind::Open(AccessMode::Read));
        assert!(!moves_branches(&event(read, "/r/.git/HEAD"), refs));
        let overflow = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert!(moves_branches(&overflow, refs));
    }

    #[tokio::test]
    async fn a_commit_wakes() {
        for layout in [author::Layout::Bare, author::Layout::WorkTree] {
            let history = History::with_layout(layout);
            let mut watcher = Watcher::new(&history.open()).unwrap();
            history.commit(&[("landfall.toml", "version = 1\n")]);
            changed(&mut watcher).await.unwrap();
            history.commit(&[("landfall.toml", "version = 2\n")]);
            changed(&mut watcher).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_wait_that_was_given_up_loses_no_change() {
        let history = History::new();
        let mut watcher = Watcher::new(&history.open()).unwrap();
        history.commit(&[("landfall.toml", "version = 1\n")]);
        // Gives up again and again, also in the middle of a burst.
        let woken = async {
            loop {
                if tokio::time::timeout(Duration::from_millis(1), watcher.changed())
                    .await
                    .is_ok()
                {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, woken).await.expect("a wake-up");
    }

    #[tokio::test]
    async fn a_repository_that_is_removed_is_reported() {
        let history = History::new();
        let mut watcher = Watcher::new(&history.open()).unwrap();
        std::fs::remove_dir_all(history.path()).unwrap();
        loop {
            if let Err(error) = changed(&mut watcher).await {
                assert_eq!(error, WatchError::Gone { path: history.path() });
                break;
            }
        }
    }
}
