//! A registry that runs, and how it is reached.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::tokens::TokenServer;
use super::{distribution, gitea, printing};
use crate::software::Software;

/// Who may do everything where not everybody may.
pub const USER: &str = "landfall";
pub const PASSWORD: &str = "battery staple";
/// Who signed the certificates of registries with TLS.
pub const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/tls/ca.pem");

/// Stops when it is dropped.
pub struct Server {
    running: Running,
    has_tls: bool,
    folder: TempDir,
}

/// A program that serves.
pub(super) struct Running {
    pub process: Child,
    /// Host and port.
    pub address: String,
    pub access: Access,
}

/// Who is let in.
pub(super) enum Access {
    Everybody,
    Password,
    Tokens(TokenServer),
}

impl Server {
    pub fn start(software: Software) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = distribution::Options::default();
        let docker_registry = |options| distribution::start("docker-registry", folder.path(), &options);
        let running = match software {
            Software::DockerRegistry => docker_registry(options),
            Software::DockerRegistryWithPassword => docker_registry(options.with_password()),
            Software::DockerRegistryWithTokens => docker_registry(options.with_tokens()),
            Software::DockerRegistryWithTls => docker_registry(options.with_tls()),
            Software::DockerRegistryWithoutDeletes => docker_registry(options.without_deletes()),
            Software::Distribution => distribution::start("distribution", folder.path(), &options),
            Software::WithReferrers => printing::start("registry-with-referrers", &[]),
            Software::WithoutReferrers => printing::start("registry-with-referrers", &["-referrers=false"]),
            Software::Ferro => printing::start("ferro-registry", &[]),
            Software::Gitea => gitea::start(folder.path()),
        };
        Self {
            running,
            has_tls: software == Software::DockerRegistryWithTls,
            folder,
        }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.running.address
    }

    pub fn scheme(&self) -> &'static str {
        if self.has_tls { "https" } else { "http" }
    }

    /// What `authorization` has to say to do anything in this repository.
    pub fn authorization(&self, repository: &str) -> Option<String> {
        match &self.running.access {
            Access::Everybody => None,
            Access::Password => Some(format!("Basic {}", login())),
            Access::Tokens(tokens) => Some(format!("Bearer {}", tokens.token_for(repository))),
        }
    }

    /// Its entry in landfall's `config.toml`, which finds the password in `registry.password` beside itself.
    pub fn configuration(&self) -> String {
        let mut entry = format!("\n[registries.\"{}\"]\n", self.running.address);
        if self.has_tls {
            entry += &format!("ca = {AUTHORITY:?}\n");
        } else {
            entry += "plain-http = true\n";
        }
        if !matches!(self.running.access, Access::Everybody) {
            entry += &format!("write = {{ username = \"{USER}\", password-file = \"registry.password\" }}\n");
        }
        entry
    }

    /// Its entry under `auths` in Docker's `config.json`, where it has one.
    pub fn login(&self) -> Option<(String, serde_json::Value)> {
        match self.running.access {
            Access::Everybody => None,
            _ => Some((self.running.address.clone(), serde_json::json!({ "auth": login() }))),
        }
    }

    /// Where a server on files keeps what it is told.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Running {
    /// A program with an open input ends with that.
    fn drop(&mut self) {
        if self.process.stdin.take().is_none() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn login() -> String {
    STANDARD.encode(format!("{USER}:{PASSWORD}"))
}

/// Runs a program that says, in a line that it writes, where it listens; its other lines are read and forgotten.
pub(super) fn listening(
    command: &mut Command,
    output: impl FnOnce(&mut Child) -> Box<dyn Read + Send>,
    address_in: impl Fn(&str) -> Option<String>,
) -> (Child, String) {
    let mut process = command.spawn().unwrap();
    let mut lines = BufReader::new(output(&mut process)).lines();
    let mut said = Vec::new();
    let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let address = address_in(&line);
        said.push(line);
        address
    });
    let address = address.unwrap_or_else(|| panic!("{command:?} does not say where it listens: {said:#?}"));
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    (process, address)
}

/// A file in `testdata/tls`.
pub(super) fn tls_file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata/tls", name].iter().collect()
}
