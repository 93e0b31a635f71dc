//! What wakes the daemon: references that change on this machine, looks at a repository elsewhere.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use miette::{IntoDiagnostic as _, Report, WrapErr as _};
use tokio::sync::mpsc::Sender;

use crate::reconcile::Wake;
use crate::source::remote::{Follower, Polling, Remote};
use crate::source::{GitRepository, Repository, Watcher};

/// Ends the looks when it is dropped.
pub struct Looks {
    _follower: Option<Follower>,
}

/// # Errors
/// Where the system gives no thread.
pub fn begin(source: &Repository, interval: Duration, wake: Sender<Wake>) -> Result<Looks, Report> {
    let _follower = match source {
        Repository::Local(repository) => {
            watch(repository, wake);
            None
        }
        Repository::Remote(remote) => Some(follow(remote, interval, wake)?),
    };
    Ok(Looks { _follower })
}

fn watch(repository: &GitRepository, wake: Sender<Wake>) {
    match Watcher::new(repository) {
        Ok(mut watcher) => {
            tokio::spawn(async move {
                loop {
                    if let Err(error) = watcher.changed().await {
                        tracing::warn!(%error, "the branch is looked at by its interval only");
                        return;
                    }
                    // One wake-up that waits is enough.
                    let _ = wake.try_send(Wake);
                }
            });
        }
        Err(error) => tracing::warn!(%error, "the branch is looked at by its interval only"),
    }
}

/// What was told of the looks last.
#[derive(Default)]
struct Told {
    failed: bool,
    moved: Option<String>,
}

fn follow(remote: &Arc<Remote>, interval: Duration, wake: Sender<Wake>) -> Result<Follower, Report> {
    let told = Mutex::new(Told::default());
    Follower::start(Arc::clone(remote), Polling::new(interval), interval, move |looked| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = match looked {
            Ok(seen) => {
                if seen.moved.is_some() && seen.moved != told.moved {
                    let to = seen.moved.as_deref().unwrap_or_default();
                    tracing::warn!(
                        to,
                        "the repository has moved: name its new place as `url` under [git] in config.toml"
                    );
                }
                told.moved.clone_from(&seen.moved);
                seen.is_new || told.failed
            }
            // What went wrong is told by the loop, once.
            Err(_) => true,
        };
        told.failed = looked.is_err();
        if is_news {
            // One wake-up that waits is enough.
            let _ = wake.try_send(Wake);
        }
    })
    .into_diagnostic()
    .wrap_err("the repository cannot be looked at")
}
