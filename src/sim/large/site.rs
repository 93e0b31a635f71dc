//! Manifests of any size, and what changes in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::desired::{Accepted, Ledger, ParseCache, Resolved, parse, resolve};
use crate::model::{BlobId, CommitId, Digest, RepoPath, Tree, TreeFile};

const PUBLIC_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEUYFdAPATWhgjgoBWzsVGq4NJGrA+\n\
    kvsxzD7AeiasKLQ6cJYlxpd10v3+cmlU1nT/O+qEKHrptHga9fSLWQMTaA==\n\
    -----END PUBLIC KEY-----\n";

/// How large.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    pub targets: usize,
    /// Of each target.
    pub endpoints: usize,
    /// Of all targets together.
    pub repositories: usize,
    /// In each repository, each with a tag.
    pub images: usize,
}

impl Size {
    /// As large as the largest registry known, of one target or spread over several.
    #[must_use]
    pub const fn full(targets: usize) -> Self {
        Self {
            targets,
            endpoints: 22,
            repositories: 2_000,
            images: 23,
        }
    }

    #[must_use]
    pub const fn all_images(&self) -> usize {
        self.repositories * self.images
    }
}

/// A repository of manifests, and its latest commit.
#[derive(Debug)]
pub struct Site {
    size: Size,
    files: BTreeMap<RepoPath, TreeFile>,
    /// Targets that only report drift.
    reporting: BTreeSet<usize>,
    commits: u64,
    cache: ParseCache,
    resolved: Option<Resolved>,
}

impl Site {
    #[must_use]
    pub fn new(size: Size) -> Self {
        let mut site = Self {
            size,
            files: BTreeMap::new(),
            reporting: BTreeSet::new(),
            commits: 0,
            cache: ParseCache::default(),
            resolved: None,
        };
        site.put("keys/release.pub", PUBLIC_KEY);
        let landfall = site.landfall_toml();
        site.put("landfall.toml", &landfall);
        for repository in 0..size.repositories {
            let (path, text) = (site.path(repository), site.promotions(repository, 0));
            site.put(&path, &text);
        }
        site
    }

    /// An image more in a repository.
    pub fn one_image_more(&mut self, repository: usize) {
        let more = self.commits as usize + 1;
        let (path, text) = (self.path(repository), self.promotions(repository, more));
        self.put(&path, &text);
    }

    /// One setting of one target.
    pub fn report_drift(&mut self, target: usize) {
        self.reporting.insert(target);
        let landfall = self.landfall_toml();
        self.put("landfall.toml", &landfall);
    }

    /// What the manifests ask for now.
    ///
    /// # Panics
    /// Where they do not parse.
    pub fn commit(&mut self) -> &Resolved {
        self.commits += 1;
        let mut commit = [0; 20];
        commit[..8].copy_from_slice(&self.commits.to_be_bytes());
        let tree = Tree {
            commit: CommitId(commit),
            files: self.files.clone(),
        };
        let ledger = Ledger::default();
        let resolved = parse(&tree, &mut self.cache)
            .map(|parsed| resolve(&parsed, &Accepted { ledger: &ledger }, self.resolved.as_ref()));
        match resolved {
            Ok(resolved) if resolved.diagnostics.is_empty() => self.resolved.insert(resolved),
            Ok(resolved) => panic!("{:?}", resolved.diagnostics.first()),
            Err(error) => panic!("{error:?}"),
        }
    }

    fn put(&mut self, path: &str, text: &str) {
        let mut blob = [0; 20];
        blob.copy_from_slice(&Digest::of(text.as_bytes()).as_bytes()[..20]);
        let file = TreeFile::Regular {
            blob: BlobId(blob),
            bytes: text.as_bytes().into(),
        };
        self.files.insert(path.into(), file);
    }

    fn landfall_toml(&self) -> String {
        let mut text = String::from("version = 1\n[signers.release]\npublic-key = \"keys/release.pub\"\n");
        for target in 0..self.size.targets {
            let drift = if self.reporting.contains(&target) {
                "drift = \"report\"\n"
            } else {
                ""
            };
            let _ = write!(
                text,
                "[targets.t{target}]\npublic-name = \"t{target}.example.com\"\nprimary = \"t{target}.example.net/images\"\n\
                 signer = \"release\"\nattest = [\"promotion\"]\n{drift}[targets.t{target}.mirrors]\n"
            );
            for mirror in 1..self.size.endpoints {
                let _ = writeln!(text, "m{mirror:02} = \"m{mirror:02}.t{target}.example.net/images\"");
            }
            let _ = write!(
                text,
                "[projects.p{target}]\nsources = [\"staging.example.com/p{target}\"]\ntargets = [\"t{target}\"]\n\
                 paths = [\"p{target}\"]\n"
            );
        }
        text
    }

    fn path(&self, repository: usize) -> String {
        format!("promotions/p{}/r{repository:04}.toml", repository % self.size.targets)
    }

    fn promotions(&self, repository: usize, more: usize) -> String {
        let mut text = format!(
            "target = \"t{}\"\n[images.r{repository:04}.tags]\n",
            repository % self.size.targets
        );
        let mut line = |tag: String, image: String| {
            let digest = Digest::of(format!("{repository}/{image}").as_bytes());
            let _ = writeln!(text, "\"{tag}\" = \"{digest}\"");
        };
        (0..self.size.images).for_each(|image| line(format!("v1.{image}"), image.to_string()));
        if more > 0 {
            line(format!("v2.{more}"), format!("more/{more}"));
        }
        text
    }
}
