//! A private Sigstore: Fulcio, Rekor v2, a timestamp authority, and what no upstream program provides.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempDir;

use crate::tools;

const PORTS: u16 = 8;

/// One at a time: the timestamp authority's port for metrics is fixed by its maker.
static RUNNING: Mutex<()> = Mutex::new(());

/// Runs until it is dropped.
pub struct Sigstack {
    state: TempDir,
    /// The base of the issuers' URLs.
    pub issuers: String,
    _running: MutexGuard<'static, ()>,
}

impl Sigstack {
    pub fn start() -> Self {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let state = tempfile::tempdir().unwrap();
        let output = script("start.sh", state.path())
            .env("SIGSTACK_PORT", free_ports().to_string())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).unwrap();
        Self {
            state,
            issuers: said.trim().lines().last().unwrap().to_owned(),
            _running: running,
        }
    }

    /// Where the services behind the issuers' port listen: the log by 4, the timestamp authority by 6.
    fn service(&self, offset: u16) -> String {
        let (host, port) = self.issuers.rsplit_once(':').unwrap();
        format!("{host}:{}", port.parse::<u16>().unwrap() + offset)
    }

    pub fn log(&self) -> String {
        self.service(4)
    }

    pub fn timestamp_authority(&self) -> String {
        format!("{}/api/v1/timestamp", self.service(6))
    }

    pub fn trusted_root(&self) -> PathBuf {
        self.state.path().join("trusted_root.json")
    }

    pub fn signing_config(&self) -> PathBuf {
        self.state.path().join("signing_config.json")
    }

    /// An issuer: `email`, `github` or `uri`.
    pub fn issuer(&self, name: &str) -> String {
        format!("{}/{name}", self.issuers)
    }

    /// A token of one of the issuers, with these claims in place of the usual ones.
    pub async fn token(&self, issuer: &str, claims: &[(&str, &str)]) -> String {
        let url = reqwest::Url::parse_with_params(&format!("{}/token", self.issuer(issuer)), claims).unwrap();
        let answer = reqwest::get(url).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap().trim().to_owned()
    }
}

impl Drop for Sigstack {
    fn drop(&mut self) {
        let _ = script("stop.sh", self.state.path()).status();
    }
}

fn script(name: &str, state: &Path) -> Command {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/sigstack");
    // All of them stand in one folder.
    let programs = tools::find("sigstack-fakes").parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).unwrap();
    let mut command = Command::new(scripts.join(name));
    command.env("SIGSTACK_STATE", state).env("PATH", path);
    command
}

/// The first of as many ports in a row as are needed, all free a moment ago.
fn free_ports() -> u16 {
    loop {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = first.local_addr().unwrap().port();
        let others = (1..PORTS).map(|offset| {
            let port = base.checked_add(offset)?;
            TcpListener::bind(("127.0.0.1", port)).ok()
        });
        if others.collect::<Option<Vec<_>>>().is_some() {
            return base;
        }
    }
}
