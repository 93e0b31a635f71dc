//! A source, a primary and a mirror on loopback, a repository of manifests and a configuration: enough to run every
//! command that reconciles.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use jiff::Timestamp;
use landfall::demo::registry::{EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{Digest, Repository};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::Store;
use landfall::source::author::{self, Identity, Layout};
use landfall::trust::{PrivateKey, PrivateKeyFile, key_file};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::program::{self, landfall};

pub const PASSWORD: &str = "correct horse";

/// What a daemon says once one image stands everywhere.
pub const CONVERGED: &str = "1 image at 2 endpoints, commit";

pub struct Site {
    pub folder: tempfile::TempDir,
    pub store: Store,
    pub source: EmbeddedRegistry,
    pub primary: EmbeddedRegistry,
    pub mirror: EmbeddedRegistry,
    pub image: Image,
    /// What is committed, but for the promotions.
    pub rules: String,
    public_key: String,
}

impl Site {
    /// With a signer, its key in `release.key`, and an image with a referrer at the source.
    pub async fn set() -> Self {
        let store = Store::new();
        let start = async || {
            let options = EmbeddedOptions {
                store: store.clone(),
                ..EmbeddedOptions::default()
            };
            EmbeddedRegistry::start(options).await.unwrap()
        };
        let (source, primary, mirror) = (start().await, start().await, start().await);
        let folder = tempfile::tempdir().unwrap();
        let image = ImageRecipe::multi(2).make(Seed(1));
        let staging: Repository = format!("{}/staging/app", source.registry()).parse().unwrap();
        image.push(&store, &staging);
        image.sbom_referrer().push(&store, &staging);
        let keys = key_file::generate(PASSWORD.as_bytes()).unwrap();
        fs::write(folder.path().join("release.key"), keys.private_pem.as_bytes()).unwrap();
        fs::write(folder.path().join("release.password"), PASSWORD).unwrap();
        author::init(&folder.path().join("releases"), Layout::WorkTree, "main").unwrap();
        let rules = format!(
            "version = 1\n[targets.production]\npublic-name = \"images.example.com\"\nprimary = \"{}/images\"\n\
             signer = \"release\"\n[targets.production.mirrors]\neurope = \"{}/images\"\n\
             [projects.team]\nsources = [\"{}/staging\"]\ntargets = [\"production\"]\npaths = [\"team\"]\n\
             [projects.web]\nsources = [\"{}/staging\"]\ntargets = [\"production\"]\npaths = [\"web\"]\n\
             [signers.release]\npublic-key = \"keys/release.pub\"\n",
            primary.registry(),
            mirror.registry(),
            source.registry(),
            source.registry(),
        );
        let site = Self {
            folder,
            store,
            source,
            primary,
            mirror,
            image,
            rules,
            public_key: keys.public_pem,
        };
        site.configure(&site.allowed());
        site
    }

    /// The line of config.toml that lets this site be written to.
    pub fn allowed(&self) -> String {
        format!(
            "allow-writes = [\"{}/images\", \"{}/images\"]\n",
            self.primary.registry(),
            self.mirror.registry()
        )
    }

    /// Writes config.toml; `first` is its top.
    pub fn configure(&self, first: &str) {
        let mut text = format!(
            "{first}[git]\nurl = \"releases\"\ninterval = \"1s\"\n[observe]\ninterval = \"1s\"\n\
             [storage]\nstate = \"state\"\ncache = \"cache\"\n\
             [signers.release]\nprivate-key = \"release.key\"\npassword-file = \"release.password\"\n"
        );
        for registry in [&self.source, &self.primary, &self.mirror] {
            text.push_str(&format!(
                "[registries.\"{}\"]\nplain-http = true\n",
                registry.registry()
            ));
        }
        fs::write(self.path("config.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A line that promotes the image.
    pub fn promotion(&self, tag: &str) -> String {
        format!("[images.app.tags]\n\"{tag}\" = \"{}\"\n", self.image.root())
    }

    /// Commits the rules and these files.
    pub fn commit(&self, files: &[(&str, &str)]) {
        let mut all = BTreeMap::from([
            ("landfall.toml".to_owned(), self.rules.clone().into_bytes()),
            ("keys/release.pub".to_owned(), self.public_key.clone().into_bytes()),
        ]);
        all.extend(
            files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())),
        );
        let author = Identity {
            name: "Ada",
            mail: "ada@example.com",
        };
        author::commit(
            &self.path("releases"),
            "main",
            &all,
            "Promote",
            author,
            Timestamp::now(),
        )
        .unwrap();
    }

    pub fn promote(&self) {
        self.commit(&[("promotions/team/app.toml", &self.promotion("v1"))]);
    }

    pub async fn landfall(&self, arguments: &[&str]) -> Output {
        landfall(self.folder.path(), &[arguments, &["--config", "config.toml"]].concat()).await
    }

    /// The signer's key.
    pub fn key(&self) -> PrivateKey {
        let file = PrivateKeyFile::parse(&fs::read(self.path("release.key")).unwrap()).unwrap();
        file.open(PASSWORD.as_bytes()).unwrap()
    }

    pub fn at(registry: &EmbeddedRegistry, path: &str) -> Repository {
        Repository::new(registry.registry().clone(), path.parse().unwrap())
    }

    /// What `v1` stands on at the mirror.
    pub fn mirrored(&self) -> Option<Digest> {
        self.store
            .tag(&Self::at(&self.mirror, "images/team/app"), &"v1".parse().unwrap())
    }

    /// Has `v1` at the mirror stand on something that nobody declared; what that is.
    pub fn disturb(&self) -> Digest {
        let foreign = self.image.manifests()[0].digest;
        self.store.set_tag(
            &Self::at(&self.mirror, "images/team/app"),
            &"v1".parse().unwrap(),
            foreign,
        );
        foreign
    }

    /// Starts `landfall run` with more arguments.
    pub fn run(&self, arguments: &[&str]) -> Daemon {
        Daemon::start(program::command(
            self.folder.path(),
            &[&["run", "--config", "config.toml"], arguments].concat(),
        ))
    }
}

/// A daemon, and what it says.
pub struct Daemon {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    pub said: String,
}

impl Daemon {
    pub fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self {
            child,
            lines,
            said: String::new(),
        }
    }

    /// Reads on until it has said this. The end of its log is a failure.
    pub async fn says(&mut self, text: &str) -> String {
        loop {
            // Long enough for any machine; without an end a test that fails would hang.
            let next = tokio::time::timeout(std::time::Duration::from_secs(60), self.lines.next_line()).await;
            let Ok(Some(line)) = next.map(Result::unwrap) else {
                panic!("it never said {text:?}, but:\n{}", self.said);
            };
            self.said.push_str(&line);
            self.said.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for its end.
    pub async fn ends(&mut self) -> Option<i32> {
        while let Some(line) = self.lines.next_line().await.unwrap() {
            self.said.push_str(&line);
            self.said.push('\n');
        }
        self.child.wait().await.unwrap().code()
    }

    /// Has it stopped as systemd would.
    pub async fn stop(&mut self) -> Option<i32> {
        let id = self.child.id().unwrap().to_string();
        let killed = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
        assert!(killed.success());
        self.ends().await
    }
}

/// Everything a command said.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
