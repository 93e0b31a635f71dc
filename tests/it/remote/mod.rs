//! Repositories elsewhere, followed from a Git host on loopback.

mod daemon;
mod faults;
mod follows;
mod ssh;

use std::path::Path;
use std::sync::Arc;

use landfall::model::{CommitId, Limits};
use landfall::source::remote::{
    FetchLimits, HttpsOptions, Login, NoLogin, Remote, RemoteError, RemoteOptions, Seen, SshOptions, Wanted,
};
use landfall::source::{Location, Options, SubPath};

use crate::git_host::GitHost;

/// How it is looked at where a test says nothing else.
fn options(url: &str, clones: &Path) -> RemoteOptions {
    let Location::Remote(url) = Location::parse(url, clones).unwrap() else {
        panic!("{url} is no URL of the network");
    };
    RemoteOptions {
        url,
        followed: Options {
            branch: Some("main".to_owned()),
            folder: SubPath::parse("").unwrap(),
            limits: Limits::default(),
        },
        clones: clones.to_owned(),
        limits: FetchLimits::default(),
        https: HttpsOptions {
            login: Arc::new(NoLogin) as Arc<dyn Login>,
            certificates: Default::default(),
            client: Default::default(),
        },
        ssh: SshOptions::default(),
    }
}

/// A host, and what is known of its repository here.
struct Followed {
    host: GitHost,
    clones: tempfile::TempDir,
    remote: Arc<Remote>,
}

impl Followed {
    async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: impl FnOnce(&mut RemoteOptions)) -> Self {
        let host = GitHost::start().await;
        let clones = tempfile::tempdir().unwrap();
        let mut options = options(&host.url(), clones.path());
        change(&mut options);
        let remote = Arc::new(Remote::new(options).unwrap());
        Self { host, clones, remote }
    }

    /// Another process, or the same after a restart.
    fn reopened(&self) -> Arc<Remote> {
        Arc::new(Remote::new(options(&self.host.url(), self.clones.path())).unwrap())
    }

    async fn look(&self) -> Result<Seen, RemoteError> {
        look(&self.remote).await
    }

    fn commit(&self, text: &str) -> CommitId {
        self.host.commit("main", &[("landfall.toml", text)]).parse().unwrap()
    }
}

/// Looks block: not on a thread of this runtime.
async fn look(remote: &Arc<Remote>) -> Result<Seen, RemoteError> {
    let remote = Arc::clone(remote);
    tokio::task::spawn_blocking(move || remote.look(Wanted::Nothing))
        .await
        .unwrap()
}

async fn look_for(remote: &Arc<Remote>, commit: CommitId) -> Result<Seen, RemoteError> {
    let remote = Arc::clone(remote);
    tokio::task::spawn_blocking(move || remote.look(Wanted::Commit(commit)))
        .await
        .unwrap()
}
