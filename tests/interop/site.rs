//! Where an image goes, or comes from.

use landfall::model::{Digest, Limits, Manifest, Tag};
use landfall::trust::{SignatureEntry, referrer, signature_manifest};

use crate::registry::Registry;

/// A repository, and the prefix that manifests name it by.
pub struct Site {
    pub registry: Registry,
    path: String,
    pub repository: &'static str,
}

impl Site {
    /// An image of this name, below this path of the registry.
    pub fn new(registry: Registry, path: &str, image: &str) -> Self {
        Self {
            registry,
            path: path.to_owned(),
            repository: format!("{path}/{image}").leak(),
        }
    }

    pub fn prefix(&self) -> String {
        format!("{}/{}", self.registry.address(), self.path)
    }

    /// As cosign and crane name what stands there.
    pub fn tagged(&self, tag: &str) -> String {
        format!("{}/{}:{tag}", self.registry.address(), self.repository)
    }

    pub fn by_digest(&self, digest: &Digest) -> String {
        format!("{}/{}@{digest}", self.registry.address(), self.repository)
    }

    pub async fn referrers(&self, subject: &Digest) -> Vec<Digest> {
        let referrers = self.registry.referrers(self.repository, subject).await;
        referrers.into_iter().map(|found| found.digest).collect()
    }

    /// The manifests of bundles that stand here and attest this of the subject.
    pub async fn bundles(&self, subject: &Digest, predicate: &str) -> Vec<Digest> {
        let mut bundles = Vec::new();
        for found in self.referrers(subject).await {
            let manifest = self.registry.manifest(self.repository, &found.to_string()).await;
            let Some(manifest) = manifest else { continue };
            let manifest = Manifest::parse(&manifest, None, &Limits::default()).unwrap();
            let attests = manifest.annotations.get(referrer::PREDICATE_TYPE);
            if attests.is_some_and(|attests| attests == predicate) {
                bundles.push(found);
            }
        }
        bundles
    }

    pub async fn delete_bundles(&self, subject: &Digest, predicate: &str) {
        let bundles = self.bundles(subject, predicate).await;
        assert!(!bundles.is_empty());
        for digest in bundles {
            self.registry.delete_manifest(self.repository, &digest).await;
        }
    }

    /// The signatures under the subject's `.sig` tag.
    pub async fn entries(&self, subject: &Digest) -> Vec<SignatureEntry> {
        let tag = Tag::cosign(subject, "sig");
        let manifest = self.registry.manifest(self.repository, tag.as_str()).await.unwrap();
        let mut entries = Vec::new();
        for layer in signature_manifest::parse(&manifest, &Limits::default()).unwrap() {
            let payload = self.registry.blob(self.repository, &layer.digest).await;
            entries.push(SignatureEntry::found(layer, payload).unwrap());
        }
        entries
    }
}
