//! Taking things away from registries of other makers.

use std::collections::BTreeSet;
use std::fs;

use landfall::model::{Capability, Digest, Limits, Manifest};
use reqwest::Method;

use crate::registry::Registry;

impl Registry {
    pub async fn delete_manifest(&self, repository: &str, digest: &Digest) {
        let answer = self
            .send(Method::DELETE, repository, &format!("manifests/{digest}"))
            .await;
        assert_eq!(answer.status(), 202, "{digest}");
    }

    /// Takes a tag away and leaves what it stood on; from the disk where the registry itself does not do that.
    pub async fn delete_tag(&self, repository: &str, tag: &str) {
        if self.software.can(Capability::TagDeletion) {
            let answer = self.send(Method::DELETE, repository, &format!("manifests/{tag}")).await;
            assert_eq!(answer.status(), 202, "{tag}");
        } else {
            let repositories = self.server().folder().join("store/docker/registry/v2/repositories");
            fs::remove_dir_all(repositories.join(repository).join("_manifests/tags").join(tag)).unwrap();
        }
        assert_eq!(self.manifest(repository, tag).await, None);
    }

    /// Takes a tag away as anybody may who asks the registry: alone, or with the manifest that it stands on.
    pub async fn lose_tag(&self, repository: &str, tag: &str) {
        if self.software.can(Capability::TagDeletion) {
            self.delete_tag(repository, tag).await;
        } else {
            let stood = self.manifest(repository, tag).await.unwrap();
            self.delete_manifest(repository, &Digest::of(&stood)).await;
        }
        assert_eq!(self.manifest(repository, tag).await, None, "{tag}");
    }

    /// Deletes every tag, and every manifest that can be reached from one.
    pub async fn delete_repository(&self, repository: &str) {
        let tags = self.tags(repository).await;
        let mut found = BTreeSet::new();
        let mut open: Vec<String> = tags.clone();
        while let Some(reference) = open.pop() {
            let Some(bytes) = self.manifest(repository, &reference).await else {
                continue;
            };
            let digest = Digest::of(&bytes);
            if found.insert(digest) {
                let manifest = Manifest::parse(&bytes, None, &Limits::default()).unwrap();
                let referrers = self.referrers(repository, &digest).await;
                let next = manifest.manifests.iter().chain(&referrers);
                open.extend(next.map(|descriptor| descriptor.digest.to_string()));
            }
        }
        for tag in tags {
            self.delete_tag(repository, &tag).await;
        }
        for digest in found {
            // Gitea takes a manifest away with the last of its tags.
            if self.manifest(repository, &digest.to_string()).await.is_some() {
                self.delete_manifest(repository, &digest).await;
            }
        }
    }
}
