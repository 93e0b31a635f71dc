//! Registries of other makers, each on a port of its own, and a client that sends what it is told to.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use landfall::model::{Descriptor, Digest, Limits, Manifest, Tag, media_type};
use landfall::sim::images;
use landfall::trust::{Merge, MergedManifest, ReferrerArtifact, fallback_index};
use reqwest::{Method, Response, Url};
use serde_json::json;
use tempfile::TempDir;

use crate::tools;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Software {
    /// Debian's, on files and without referrers API.
    DockerRegistry,
    /// go-containerregistry's, in memory and with it.
    WithReferrers,
}

pub struct Registry {
    software: Software,
    process: Child,
    address: String,
    client: reqwest::Client,
    folder: TempDir,
}

/// An image in a registry.
pub struct Image {
    pub repository: &'static str,
    pub descriptor: Descriptor,
}

impl Software {
    /// The running program and where it listens.
    fn start(self, folder: &TempDir) -> (Child, String) {
        let mut command = match self {
            Self::DockerRegistry => {
                let configuration = folder.path().join("config.yml");
                let text = format!(
                    "version: 0.1\nhttp: {{ addr: '127.0.0.1:0' }}\n\
                     storage: {{ filesystem: {{ rootdirectory: {} }}, delete: {{ enabled: true }} }}\n",
                    folder.path().join("store").display()
                );
                fs::write(&configuration, text).unwrap();
                let mut command = Command::new(tools::find("docker-registry"));
                command.arg("serve").arg(&configuration);
                command.stdout(Stdio::null()).stderr(Stdio::piped());
                command
            }
            Self::WithReferrers => {
                let mut command = Command::new(tools::find("registry-with-referrers"));
                command.stdout(Stdio::piped());
                command
            }
        };
        let mut process = command.spawn().unwrap();
        let output: Box<dyn Read + Send> = match self {
            Self::DockerRegistry => Box::new(process.stderr.take().unwrap()),
            Self::WithReferrers => Box::new(process.stdout.take().unwrap()),
        };
        let mut lines = BufReader::new(output).lines();
        let address = lines.by_ref().find_map(|line| self.address_in(&line.unwrap()));
        std::thread::spawn(move || lines.for_each(drop));
        (process, address.expect("a registry says where it listens"))
    }

    fn address_in(self, line: &str) -> Option<String> {
        let rest = match self {
            Self::DockerRegistry => line.split_once("listening on ")?.1,
            Self::WithReferrers => line,
        };
        let is_part = |c: &char| c.is_ascii_digit() || ".:".contains(*c);
        Some(rest.chars().take_while(is_part).collect())
    }
}

impl Registry {
    pub fn start(software: Software) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (process, address) = software.start(&folder);
        Self {
            software,
            process,
            address,
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            folder,
        }
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    /// How cosign and crane name the image.
    pub fn reference(&self, image: &Image) -> String {
        format!("{}/{}@{}", self.address, image.repository, image.descriptor.digest)
    }

    fn url(&self, repository: &str, rest: &str) -> String {
        format!("http://{}/v2/{repository}/{rest}", self.address)
    }

    pub async fn put_blob(&self, repository: &str, bytes: &Bytes) {
        let begun = self
            .client
            .post(self.url(repository, "blobs/uploads/"))
            .send()
            .await
            .unwrap();
        let location = begun.headers()["location"].to_str().unwrap();
        let mut url = begun.url().join(location).unwrap();
        url.query_pairs_mut()
            .append_pair("digest", &Digest::of(bytes).to_string());
        let answer = self.client.put(url).body(bytes.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 201);
    }

    pub async fn put_manifest(&self, repository: &str, at: &str, media_type: &str, bytes: Bytes) {
        let request = self.client.put(self.url(repository, &format!("manifests/{at}")));
        let answer = request
            .header("content-type", media_type)
            .body(bytes)
            .send()
            .await
            .unwrap();
        let status = answer.status();
        assert_eq!(status, 201, "{}", answer.text().await.unwrap());
    }

    /// What stands there, if anything does.
    pub async fn manifest(&self, repository: &str, at: &str) -> Option<Bytes> {
        let request = self.client.get(self.url(repository, &format!("manifests/{at}")));
        let answer = request.header("accept", media_type::ACCEPT).send().await.unwrap();
        match answer.status().as_u16() {
            404 => None,
            status => {
                assert_eq!(status, 200);
                Some(answer.bytes().await.unwrap())
            }
        }
    }

    async fn send(&self, method: Method, repository: &str, rest: &str) -> Response {
        let url: Url = self.url(repository, rest).parse().unwrap();
        let request = self.client.request(method, url);
        request.header("accept", media_type::ACCEPT).send().await.unwrap()
    }

    pub async fn blob(&self, repository: &str, digest: &Digest) -> Bytes {
        let url = self.url(repository, &format!("blobs/{digest}"));
        self.client.get(url).send().await.unwrap().bytes().await.unwrap()
    }

    /// Pushes an image of one small layer.
    pub async fn push_image(&self, repository: &'static str) -> Image {
        let layer = Bytes::from(format!("a layer of {repository}"));
        let config =
            Bytes::from_static(br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#);
        self.put_blob(repository, &layer).await;
        self.put_blob(repository, &config).await;
        let manifest = Bytes::from(
            serde_json::to_vec(&json!({
                "schemaVersion": 2,
                "mediaType": media_type::OCI_MANIFEST,
                "config": Descriptor::of("application/vnd.oci.image.config.v1+json", &config),
                "layers": [Descriptor::of("application/vnd.oci.image.layer.v1.tar", &layer)],
            }))
            .unwrap(),
        );
        let descriptor = Descriptor::of(media_type::OCI_MANIFEST, &manifest);
        let digest = descriptor.digest.to_string();
        self.put_manifest(repository, &digest, media_type::OCI_MANIFEST, manifest)
            .await;
        Image { repository, descriptor }
    }

    /// Pushes a referrer, and adds it to the fallback index where the registry keeps none itself.
    pub async fn push_referrer(&self, image: &Image, referrer: ReferrerArtifact) {
        for (_, blob) in &referrer.blobs {
            self.put_blob(image.repository, blob).await;
        }
        let digest = referrer.descriptor.digest.to_string();
        let media_type = &referrer.descriptor.media_type;
        self.put_manifest(image.repository, &digest, media_type, referrer.manifest)
            .await;
        if self.software == Software::WithReferrers {
            return;
        }
        let tag = Tag::referrers_of(&image.descriptor.digest);
        let existing = self.manifest(image.repository, tag.as_str()).await;
        match fallback_index::merge(existing.as_deref(), &[referrer.descriptor], &Limits::default()).unwrap() {
            Merge::AlreadyThere => {}
            Merge::Write(index) => {
                self.put_manifest(image.repository, tag.as_str(), media_type::OCI_INDEX, index.into())
                    .await;
            }
        }
    }

    /// Pushes an image of any shape, without a tag.
    pub async fn push(&self, repository: &'static str, image: &images::Image) -> Image {
        for blob in image.blobs() {
            self.put_blob(repository, &blob.bytes).await;
        }
        for manifest in image.manifests() {
            let digest = manifest.digest.to_string();
            self.put_manifest(repository, &digest, &manifest.media_type, manifest.bytes.clone())
                .await;
        }
        let root = image.root_manifest();
        Image {
            repository,
            descriptor: Descriptor::of(&root.media_type, &root.bytes),
        }
    }

    /// Descriptors of what refers to this manifest, from the API or the fallback index.
    pub async fn referrers(&self, repository: &str, subject: &Digest) -> Vec<Descriptor> {
        let index = match self.software {
            Software::DockerRegistry => self.manifest(repository, Tag::referrers_of(subject).as_str()).await,
            Software::WithReferrers => {
                let answer = self
                    .send(Method::GET, repository, &format!("referrers/{subject}"))
                    .await;
                answer.status().is_success().then_some(answer.bytes().await.unwrap())
            }
        };
        index.map_or_else(Vec::new, |index| {
            Manifest::parse(&index, Some(media_type::OCI_INDEX), &Limits::default())
                .unwrap()
                .manifests
        })
    }

    pub async fn delete_manifest(&self, repository: &str, digest: &Digest) {
        let answer = self
            .send(Method::DELETE, repository, &format!("manifests/{digest}"))
            .await;
        assert_eq!(answer.status(), 202, "{digest}");
    }

    pub async fn delete_tag(&self, repository: &str, tag: &str) {
        match self.software {
            // It deletes by digest only.
            Software::DockerRegistry => {
                let repositories = self.folder.path().join("store/docker/registry/v2/repositories");
                fs::remove_dir_all(repositories.join(repository).join("_manifests/tags").join(tag)).unwrap();
            }
            Software::WithReferrers => {
                let answer = self.send(Method::DELETE, repository, &format!("manifests/{tag}")).await;
                assert_eq!(answer.status(), 202, "{tag}");
            }
        }
        assert_eq!(self.manifest(repository, tag).await, None);
    }

    pub async fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.send(Method::GET, repository, "tags/list").await;
        let list: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        serde_json::from_value(list["tags"].clone()).unwrap_or_default()
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
            self.delete_manifest(repository, &digest).await;
        }
    }

    /// Pushes a `.sig` manifest under its tag.
    pub async fn push_signature_manifest(&self, image: &Image, merged: MergedManifest) {
        for (_, blob) in &merged.blobs {
            self.put_blob(image.repository, blob).await;
        }
        let tag = Tag::cosign(&image.descriptor.digest, "sig");
        let media_type = &merged.descriptor.media_type;
        self.put_manifest(image.repository, tag.as_str(), media_type, merged.manifest)
            .await;
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
