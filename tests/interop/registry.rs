//! A registry of another maker, and a client of it that sends what it is told to.

use std::sync::Arc;

use bytes::Bytes;
use landfall::model::{Capability, Descriptor, Digest, Limits, Manifest, Tag, media_type};
use landfall::sim::images;
use landfall::trust::{Merge, MergedManifest, ReferrerArtifact, fallback_index};
use reqwest::{Certificate, Method, RequestBuilder, Response};
use serde_json::json;

use crate::servers::{AUTHORITY, Server};
pub use crate::software::Software;

/// A running registry. Stops when the last of its clients is dropped.
pub struct Registry {
    pub software: Software,
    server: Arc<Server>,
    client: reqwest::Client,
}

/// An image in a registry.
pub struct Image {
    pub repository: &'static str,
    pub descriptor: Descriptor,
}

impl Registry {
    pub fn start(software: Software) -> Self {
        Self {
            software,
            server: Arc::new(Server::start(software)),
            client: client(),
        }
    }

    /// The same registry, for another thread: connections belong to the runtime that opened them.
    pub fn another_client(&self) -> Self {
        Self {
            software: self.software,
            server: Arc::clone(&self.server),
            client: client(),
        }
    }

    pub fn server(&self) -> &Server {
        &self.server
    }

    pub fn address(&self) -> &str {
        self.server.address()
    }

    /// How cosign and crane name the image.
    pub fn reference(&self, image: &Image) -> String {
        format!("{}/{}@{}", self.address(), image.repository, image.descriptor.digest)
    }

    fn url(&self, repository: &str, rest: &str) -> String {
        format!("{}://{}/v2/{repository}/{rest}", self.server.scheme(), self.address())
    }

    fn request(&self, method: Method, repository: &str, url: impl reqwest::IntoUrl) -> RequestBuilder {
        let request = self.client.request(method, url).header("accept", media_type::ACCEPT);
        match self.server.authorization(repository) {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    pub async fn send(&self, method: Method, repository: &str, rest: &str) -> Response {
        let request = self.request(method, repository, self.url(repository, rest));
        request.send().await.unwrap()
    }

    pub async fn put_blob(&self, repository: &str, bytes: &Bytes) {
        let begun = self.send(Method::POST, repository, "blobs/uploads/").await;
        assert_eq!(begun.status(), 202, "{}", begun.text().await.unwrap());
        let location = begun.headers()["location"].to_str().unwrap();
        let mut url = begun.url().join(location).unwrap();
        url.query_pairs_mut()
            .append_pair("digest", &Digest::of(bytes).to_string());
        let request = self.request(Method::PUT, repository, url).body(bytes.clone());
        let answer = request.send().await.unwrap();
        let status = answer.status();
        assert_eq!(status, 201, "{}", answer.text().await.unwrap());
    }

    pub async fn put_manifest(&self, repository: &str, at: &str, media_type: &str, bytes: Bytes) {
        let request = self.request(
            Method::PUT,
            repository,
            self.url(repository, &format!("manifests/{at}")),
        );
        let request = request.header("content-type", media_type).body(bytes);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        assert_eq!(status, 201, "{}", answer.text().await.unwrap());
    }

    /// What stands there, if anything does.
    pub async fn manifest(&self, repository: &str, at: &str) -> Option<Bytes> {
        let answer = self.send(Method::GET, repository, &format!("manifests/{at}")).await;
        match answer.status().as_u16() {
            404 => None,
            status => {
                assert_eq!(status, 200);
                Some(answer.bytes().await.unwrap())
            }
        }
    }

    pub async fn blob(&self, repository: &str, digest: &Digest) -> Bytes {
        let answer = self.send(Method::GET, repository, &format!("blobs/{digest}")).await;
        assert_eq!(answer.status(), 200, "{digest}");
        answer.bytes().await.unwrap()
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
        if self.software.can(Capability::Referrers) {
            return;
        }
        let tag = Tag::referrers_of(&image.descriptor.digest);
        let existing = self.manifest(image.repository, tag.as_str()).await;
        let subject = &image.descriptor.digest;
        match fallback_index::merge(existing.as_deref(), subject, &[referrer.descriptor], &Limits::default()).unwrap() {
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
        let index = if self.software.can(Capability::Referrers) {
            let answer = self
                .send(Method::GET, repository, &format!("referrers/{subject}"))
                .await;
            answer.status().is_success().then_some(answer.bytes().await.unwrap())
        } else {
            self.manifest(repository, Tag::referrers_of(subject).as_str()).await
        };
        index.map_or_else(Vec::new, |index| {
            Manifest::parse(&index, Some(media_type::OCI_INDEX), &Limits::default())
                .unwrap()
                .manifests
        })
    }

    pub async fn tags(&self, repository: &str) -> Vec<String> {
        let answer = self.send(Method::GET, repository, "tags/list").await;
        let list: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        serde_json::from_value(list["tags"].clone()).unwrap_or_default()
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

fn client() -> reqwest::Client {
    let authority = Certificate::from_pem(&std::fs::read(AUTHORITY).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_merge([authority]);
    client.build().unwrap()
}
