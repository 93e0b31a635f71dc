//! The demonstration: promote, damage, repair, on the code that production runs.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::registry::{EmbeddedOptions, EmbeddedRegistry, StartError};
use crate::model::{Digest, Manifest, Repository, Tag, media_type};
use crate::sim::Seed;
use crate::sim::images::{Image, ImageRecipe};
use crate::sim::registry::Store;
use crate::source::author::{self, Identity, Layout};
use crate::trust::key_file;

const PASSWORD: &str = "demonstration";
const TAG: &str = "v1.0.0";

/// Registries, a repository and an image to promote.
pub struct Stage {
    /// Where everything lies.
    pub folder: PathBuf,
    pub commit: crate::model::CommitId,
    registries: Vec<EmbeddedRegistry>,
    store: Store,
    image: Image,
}

/// What cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    #[error("a registry cannot be started")]
    Registry(#[from] StartError),
    #[error("{}: {reason}", path.display())]
    File { path: PathBuf, reason: io::Error },
    #[error(transparent)]
    Source(#[from] crate::source::SourceError),
    #[error(transparent)]
    Key(#[from] crate::trust::KeyError),
    #[error("the name of an embedded registry")]
    Name(#[from] crate::model::PathError),
}

/// Something that is done to the registries, and why it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    Signature,
    Tag,
    Blob,
}

impl Damage {
    pub const ALL: [Self; 3] = [Self::Signature, Self::Tag, Self::Blob];
}

impl Stage {
    /// Starts a source, a primary and two mirrors on loopback; writes key, manifests and configuration into `folder`.
    ///
    /// # Errors
    /// Where a port or a file cannot be had.
    pub async fn set(folder: &Path) -> Result<Self, StageError> {
        let store = Store::new();
        let mut registries = Vec::new();
        for _ in 0..4 {
            let options = EmbeddedOptions {
                store: store.clone(),
                ..EmbeddedOptions::default()
            };
            registries.push(EmbeddedRegistry::start(options).await?);
        }
        let image = ImageRecipe::multi(2).with_layers(3, 256 << 10).make(Seed(1));
        let source: Repository = format!("{}/staging/app", registries[0].registry()).parse()?;
        image.push(&store, &source);
        image.sbom_referrer().push(&store, &source);
        let mut stage = Self {
            folder: folder.to_owned(),
            commit: crate::model::CommitId([0; 20]),
            registries,
            store,
            image,
        };
        stage.write_files()?;
        Ok(stage)
    }

    fn write_files(&mut self) -> Result<(), StageError> {
        let keys = key_file::generate(PASSWORD.as_bytes())?;
        self.write("release.key", keys.private_pem.as_bytes())?;
        self.write("release.pub", keys.public_pem.as_bytes())?;
        self.write("release.password", PASSWORD.as_bytes())?;
        self.write("config.toml", self.configuration().as_bytes())?;
        let repository = self.folder.join("releases");
        author::init(&repository, Layout::WorkTree, "main")?;
        let files = BTreeMap::from([
            ("landfall.toml".to_owned(), self.manifest().into_bytes()),
            ("keys/release.pub".to_owned(), keys.public_pem.into_bytes()),
            ("promotions/team/app.toml".to_owned(), self.promotion().into_bytes()),
        ]);
        let author = Identity {
            name: "A Developer",
            mail: "developer@example.com",
        };
        self.commit = author::commit(
            &repository,
            "main",
            &files,
            "Promote app v1.0.0",
            author,
            Timestamp::now(),
        )?;
        Ok(())
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), StageError> {
        let path = self.folder.join(name);
        let failed = |reason| StageError::File {
            path: path.clone(),
            reason,
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options
            .open(&path)
            .and_then(|mut file| file.write_all(content))
            .map_err(failed)
    }

    /// `source`, `primary`, `asia`, `europe` and their addresses.
    pub fn registries(&self) -> impl Iterator<Item = (&'static str, &crate::model::Registry)> {
        ["source", "primary", "asia", "europe"]
            .into_iter()
            .zip(self.registries.iter().map(EmbeddedRegistry::registry))
    }

    fn prefix(&self, index: usize) -> String {
        format!("{}/images", self.registries[index].registry())
    }

    fn manifest(&self) -> String {
        format!(
            r#"version = 1

[targets.production]
public-name  = "images.example.com"
primary      = "{}"
signer       = "release"
mutable-tags = ["latest"]

[targets.production.mirrors]
asia   = "{}"
europe = "{}"

[projects.team]
sources = ["{}/staging"]
targets = ["production"]
paths   = ["team"]

[signers.release]
public-key = "keys/release.pub"
"#,
            self.prefix(1),
            self.prefix(2),
            self.prefix(3),
            self.registries[0].registry()
        )
    }

    fn promotion(&self) -> String {
        format!("[images.app.tags]\n\"{TAG}\" = \"{}\"\n", self.image.root())
    }

    fn configuration(&self) -> String {
        let mut text = format!(
            "allow-writes = [\"{}\", \"{}\", \"{}\"]\n\n[git]\nurl = \"releases\"\n\n[storage]\nstate = \"state\"\ncache = \"cache\"\n\n\
             [signers.release]\nprivate-key = \"release.key\"\npassword-file = \"release.password\"\n",
            self.prefix(1),
            self.prefix(2),
            self.prefix(3)
        );
        for registry in &self.registries {
            text.push_str(&format!(
                "\n[registries.\"{}\"]\nplain-http = true\n",
                registry.registry()
            ));
        }
        text
    }

    /// The promoted repository at the primary (1) or a mirror (2, 3).
    fn place(&self, index: usize) -> Option<Repository> {
        format!("{}/team/app", self.prefix(index)).parse().ok()
    }

    /// Does it, and says what was done.
    #[must_use]
    pub fn damage(&self, damage: Damage) -> String {
        let (Some(asia), Some(europe)) = (self.place(2), self.place(3)) else {
            return String::new();
        };
        match damage {
            Damage::Signature => {
                let signatures = self.bundles(&asia);
                for digest in &signatures {
                    self.store.delete_manifest(&asia, digest);
                }
                self.store.delete_tag(&asia, &Tag::cosign(&self.image.root(), "sig"));
                format!("{asia}: its {} bundles and its .sig tag are deleted", signatures.len())
            }
            Damage::Tag => {
                let child = self.image.manifests().first().map(|manifest| manifest.digest);
                if let (Some(child), Ok(tag)) = (child, TAG.parse()) {
                    self.store.set_tag(&europe, &tag, child);
                }
                format!("{europe}:{TAG} is moved to one platform's manifest")
            }
            Damage::Blob => {
                if let Some(blob) = self.image.blobs().first() {
                    self.store.lose_blob(&europe, &blob.descriptor.digest);
                }
                format!("{europe}: a layer is lost")
            }
        }
    }

    fn bundles(&self, repository: &Repository) -> Vec<Digest> {
        let contents = self.store.contents(repository).unwrap_or_default();
        let is_bundle = |manifest: &Manifest| manifest.effective_artifact_type() == Some(media_type::SIGSTORE_BUNDLE);
        contents
            .manifests
            .iter()
            .filter(|(_, stored)| stored.parsed.as_deref().is_some_and(is_bundle))
            .map(|(digest, _)| *digest)
            .collect()
    }

    /// How many writes reached the registries so far; the difference of two counts is what happened between.
    #[must_use]
    pub fn mark(&self) -> u64 {
        self.store.now()
    }

    /// Writes that changed something since `mark`.
    #[must_use]
    pub fn writes_since(&self, mark: u64) -> usize {
        self.store
            .client_writes_since(mark)
            .iter()
            .filter(|write| write.changed)
            .count()
    }

    /// Commands to check everything by hand.
    #[must_use]
    pub fn commands(&self) -> String {
        let mut text = String::new();
        let key = self.folder.join("release.pub");
        for place in (1..4).filter_map(|index| self.place(index)) {
            text.push_str(&format!(
                "  cosign verify --key {} --insecure-ignore-tlog --allow-http-registry {place}:{TAG}\n",
                key.display()
            ));
        }
        if let Some(primary) = self.place(1) {
            text.push_str(&format!(
                "  cosign verify-attestation --key {} --insecure-ignore-tlog --allow-http-registry --type urn:landfall:promotion:v1 {primary}:{TAG}\n  \
                 cosign tree --allow-http-registry {primary}:{TAG}\n  crane digest --insecure {primary}:{TAG}\n",
                key.display()
            ));
        }
        text.push_str(&format!(
            "  landfall plan --config {}\n",
            self.folder.join("config.toml").display()
        ));
        text
    }
}
