//! The embedded registry, judged by an independent client and by the specification's status codes.

use bytes::Bytes;
use futures_util::StreamExt;
use landfall::demo::registry::{Access, Credentials, EmbeddedOptions, EmbeddedRegistry};
use landfall::model::{Digest, Repository, media_type};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::sim::registry::{Behaviour, Operation, WriteKind};
use oci_client::client::{BlobResponse, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use reqwest::{Method, StatusCode};

const NAME: &str = "team/app";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

async fn start(options: EmbeddedOptions) -> EmbeddedRegistry {
    EmbeddedRegistry::start(options).await.unwrap()
}

fn repository(registry: &EmbeddedRegistry, path: &str) -> Repository {
    Repository::new(registry.registry().clone(), path.parse().unwrap())
}

fn reference(registry: &EmbeddedRegistry, tag: &str) -> Reference {
    format!("{}/{NAME}:{tag}", registry.registry()).parse().unwrap()
}

fn independent_client(use_monolithic_push: bool) -> Client {
    Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        use_monolithic_push,
        ..ClientConfig::default()
    })
}

fn credentials() -> Credentials {
    Credentials {
        user: "ci".into(),
        password: "secret".into(),
    }
}

fn layers() -> [ImageLayer; 2] {
    [vec![1; 3_000], vec![2; 10]].map(|content| ImageLayer::new(content, LAYER.into(), None))
}

async fn push(client: &Client, to: &Reference, auth: &RegistryAuth) -> Result<String, String> {
    let config = Config::oci_v1(b"{}".to_vec(), None);
    let pushed = client
        .push(to, &layers(), config, auth, None)
        .await
        .map_err(|error| error.to_string())?;
    Ok(pushed.manifest_url)
}

async fn pull(client: &Client, from: &Reference, auth: &RegistryAuth) -> Result<Vec<Bytes>, String> {
    let pulled = client
        .pull(from, auth, vec![LAYER])
        .await
        .map_err(|error| error.to_string())?;
    Ok(pulled.layers.into_iter().map(|layer| layer.data).collect())
}

/// An image with an SBOM referrer under `v1`.
fn prepared(registry: &EmbeddedRegistry) -> (Image, Image) {
    let here = repository(registry, NAME);
    let image = ImageRecipe::multi(2).make(Seed(1));
    let sbom = image.sbom_referrer();
    image.push(registry.store(), &here);
    sbom.push(registry.store(), &here);
    registry.store().set_tag(&here, &"v1".parse().unwrap(), image.root());
    (image, sbom)
}

#[tokio::test]
async fn an_independent_client_pushes_and_pulls_in_one_piece_and_in_chunks() {
    for monolithic in [true, false] {
        let registry = start(EmbeddedOptions::default()).await;
        let client = independent_client(monolithic);
        let reference = reference(&registry, "v1");
        push(&client, &reference, &RegistryAuth::Anonymous).await.unwrap();
        let pulled = pull(&client, &reference, &RegistryAuth::Anonymous).await.unwrap();
        assert_eq!(pulled, layers().map(|layer| layer.data));
        let blobs = registry
            .store()
            .writes()
            .iter()
            .filter(|write| matches!(write.kind, WriteKind::Blob(_)))
            .count();
        assert_eq!(blobs, 3);
        registry.shutdown().await;
    }
}

#[tokio::test]
async fn every_kind_of_access_lets_in_who_may_and_nobody_else() {
    let right = RegistryAuth::Basic("ci".into(), "secret".into());
    let wrong = RegistryAuth::Basic("ci".into(), "guess".into());
    for access in [
        Access::Basic(credentials()),
        Access::Bearer {
            credentials: credentials(),
            anonymous_pull: false,
        },
    ] {
        let registry = start(EmbeddedOptions {
            access,
            ..EmbeddedOptions::default()
        })
        .await;
        let reference = reference(&registry, "v1");
        for refused in [&wrong, &RegistryAuth::Anonymous] {
            assert!(push(&independent_client(true), &reference, refused).await.is_err());
        }
        assert_eq!(registry.store().writes(), []);
        push(&independent_client(true), &reference, &right).await.unwrap();
        assert!(pull(&independent_client(true), &reference, &wrong).await.is_err());
        assert!(pull(&independent_client(true), &reference, &right).await.is_ok());
    }
}

#[tokio::test]
async fn anonymous_tokens_read_and_do_not_write() {
    let access = Access::Bearer {
        credentials: credentials(),
        anonymous_pull: true,
    };
    let registry = start(EmbeddedOptions {
        access,
        ..EmbeddedOptions::default()
    })
    .await;
    let reference = reference(&registry, "v1");
    let right = RegistryAuth::Basic("ci".into(), "secret".into());
    push(&independent_client(true), &reference, &right).await.unwrap();
    let before = registry.token_requests();
    assert!(
        pull(&independent_client(true), &reference, &RegistryAuth::Anonymous)
            .await
            .is_ok()
    );
    assert!(registry.token_requests() > before);
    assert!(
        push(&independent_client(true), &reference, &RegistryAuth::Anonymous)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn an_independent_client_reads_digests_ranges_and_referrers_and_mounts() {
    let registry = start(EmbeddedOptions::default()).await;
    let (image, sbom) = prepared(&registry);
    let client = independent_client(true);
    let tagged = reference(&registry, "v1");
    let digest = client
        .fetch_manifest_digest(&tagged, &RegistryAuth::Anonymous)
        .await
        .unwrap();
    assert_eq!(digest, image.root().to_string());
    let (bytes, _) = client
        .pull_manifest_raw(&tagged, &RegistryAuth::Anonymous, &[media_type::OCI_INDEX])
        .await
        .unwrap();
    assert_eq!(Digest::of(&bytes), image.root());

    let blob = &image.blobs()[0];
    let wanted = blob.descriptor.digest.to_string();
    let part = client
        .pull_blob_stream_partial(&tagged, wanted.as_str(), 10, Some(20))
        .await
        .unwrap();
    let BlobResponse::Partial(mut part) = part else {
        panic!("the range was ignored");
    };
    let mut read = Vec::new();
    while let Some(piece) = part.stream.next().await {
        read.extend(piece.unwrap());
    }
    assert_eq!(read, blob.bytes[10..30]);

    let by_digest = tagged.clone_with_digest(image.root().to_string());
    let referrers = client.pull_referrers(&by_digest, None).await.unwrap();
    assert_eq!(
        referrers
            .manifests
            .iter()
            .map(|found| found.digest.clone())
            .collect::<Vec<_>>(),
        [sbom.root().to_string()]
    );

    let elsewhere: Reference = format!("{}/other:v1", registry.registry()).parse().unwrap();
    client.mount_blob(&elsewhere, &tagged, &wanted).await.unwrap();
    assert!(
        registry
            .store()
            .has_blob(&repository(&registry, "other"), &blob.descriptor.digest)
    );
}

/// Requests as the specification writes them, without a client's cleverness.
struct Raw<'a> {
    client: reqwest::Client,
    registry: &'a EmbeddedRegistry,
}

impl<'a> Raw<'a> {
    fn new(registry: &'a EmbeddedRegistry) -> Self {
        Self {
            client: reqwest::Client::new(),
            registry,
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Response {
        let url = format!("http://{}{path}", self.registry.address());
        let mut request = self.client.request(method, url).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        self.send(Method::GET, path, &[], "").await
    }

    async fn code(&self, method: Method, path: &str) -> (u16, String) {
        let answer = self.send(method, path, &[], "").await;
        let status = answer.status().as_u16();
        let envelope: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
        (
            status,
            envelope["errors"][0]["code"].as_str().unwrap_or_default().to_owned(),
        )
    }
}

fn header(answer: &reqwest::Response, name: &str) -> String {
    answer
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

#[tokio::test]
async fn refusals_carry_the_codes_of_the_specification() {
    let registry = start(EmbeddedOptions::default()).await;
    prepared(&registry);
    let raw = Raw::new(&registry);
    let absent = Digest::of(b"absent");
    for (method, path, expected) in [
        (
            Method::GET,
            "/v2/team/app/manifests/v9".to_owned(),
            (404, "MANIFEST_UNKNOWN"),
        ),
        (
            Method::GET,
            "/v2/team/none/manifests/v1".to_owned(),
            (404, "NAME_UNKNOWN"),
        ),
        (Method::GET, "/v2/team/none/tags/list".to_owned(), (404, "NAME_UNKNOWN")),
        (
            Method::GET,
            format!("/v2/team/app/blobs/{absent}"),
            (404, "BLOB_UNKNOWN"),
        ),
        (
            Method::GET,
            "/v2/team/app/blobs/sha256:0".to_owned(),
            (400, "DIGEST_INVALID"),
        ),
        (
            Method::GET,
            "/v2/team/app/referrers/sha256:0".to_owned(),
            (400, "DIGEST_INVALID"),
        ),
        (Method::GET, "/v2/Team/manifests/v1".to_owned(), (400, "NAME_INVALID")),
        (
            Method::PUT,
            "/v2/team/app/manifests/v1".to_owned(),
            (400, "MANIFEST_INVALID"),
        ),
        (
            Method::DELETE,
            format!("/v2/team/app/manifests/{absent}"),
            (404, "MANIFEST_UNKNOWN"),
        ),
        (
            Method::PATCH,
            "/v2/team/app/blobs/uploads/1".to_owned(),
            (404, "BLOB_UPLOAD_UNKNOWN"),
        ),
        (Method::POST, "/v2/team/app/tags/list".to_owned(), (405, "UNSUPPORTED")),
    ] {
        let (status, code) = raw.code(method.clone(), &path).await;
        assert_eq!((status, code.as_str()), expected, "{method} {path}");
    }
    assert_eq!(raw.get("/v2/").await.status(), StatusCode::OK);
    assert_eq!(raw.get("/anything").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_chunked_upload_reports_its_progress_and_refuses_gaps() {
    let registry = start(EmbeddedOptions::default()).await;
    let raw = Raw::new(&registry);
    let begun = raw.send(Method::POST, "/v2/team/app/blobs/uploads/", &[], "").await;
    assert_eq!(begun.status(), StatusCode::ACCEPTED);
    let location = header(&begun, "location");
    let patch = |range: &'static str, content: &'static str| {
        let (raw, location) = (&raw, &location);
        async move {
            raw.send(Method::PATCH, location, &[("Content-Range", range)], content)
                .await
        }
    };
    let first = patch("0-4", "hello").await;
    assert_eq!(
        (first.status(), header(&first, "range")),
        (StatusCode::ACCEPTED, "0-4".into())
    );
    assert_eq!(patch("9-13", "world").await.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(patch("5-9", "world").await.status(), StatusCode::ACCEPTED);
    let status = raw.get(&location).await;
    assert_eq!(
        (status.status(), header(&status, "range")),
        (StatusCode::NO_CONTENT, "0-9".into())
    );

    let digest = Digest::of(b"helloworld!");
    let put = raw
        .send(Method::PUT, &format!("{location}?digest={digest}"), &[], "!")
        .await;
    assert_eq!(put.status(), StatusCode::CREATED);
    assert_eq!(header(&put, "docker-content-digest"), digest.to_string());
    assert!(registry.store().has_blob(&repository(&registry, NAME), &digest));
    assert_eq!(raw.get(&location).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_blob_comes_in_one_request_and_only_under_its_own_digest() {
    let registry = start(EmbeddedOptions::default()).await;
    let raw = Raw::new(&registry);
    let post = |digest: Digest| {
        let path = format!("/v2/team/app/blobs/uploads/?digest={digest}");
        let raw = &raw;
        async move { raw.send(Method::POST, &path, &[], "content").await.status() }
    };
    assert_eq!(post(Digest::of(b"other")).await, StatusCode::BAD_REQUEST);
    assert_eq!(post(Digest::of(b"content")).await, StatusCode::CREATED);
    let path = format!("/v2/team/app/blobs/{}", Digest::of(b"content"));
    let head = raw.send(Method::HEAD, &path, &[], "").await;
    assert_eq!(
        (head.status(), header(&head, "content-length")),
        (StatusCode::OK, "7".into())
    );
    let outside = raw.send(Method::GET, &path, &[("Range", "bytes=7-")], "").await;
    assert_eq!(outside.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(
        raw.send(Method::DELETE, &path, &[], "").await.status(),
        StatusCode::ACCEPTED
    );
    assert_eq!(raw.get(&path).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_upload_can_be_given_up() {
    let registry = start(EmbeddedOptions::default()).await;
    let raw = Raw::new(&registry);
    let begun = raw.send(Method::POST, "/v2/team/app/blobs/uploads/", &[], "").await;
    let location = header(&begun, "location");
    assert_eq!(
        raw.send(Method::DELETE, &location, &[], "").await.status(),
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        raw.send(Method::PATCH, &location, &[], "x").await.status(),
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn tags_come_in_pages_that_name_the_next() {
    let behaviour = Behaviour {
        tag_page: 2,
        ..Behaviour::default()
    };
    let registry = start(EmbeddedOptions {
        behaviour,
        ..EmbeddedOptions::default()
    })
    .await;
    let (image, _) = prepared(&registry);
    for tag in ["v2", "v3", "v4"] {
        registry
            .store()
            .set_tag(&repository(&registry, NAME), &tag.parse().unwrap(), image.root());
    }
    let raw = Raw::new(&registry);
    let mut path = "/v2/team/app/tags/list".to_owned();
    let mut tags = Vec::new();
    loop {
        let page = raw.get(&path).await;
        let link = header(&page, "link");
        let body: serde_json::Value = serde_json::from_slice(&page.bytes().await.unwrap()).unwrap();
        tags.extend(
            body["tags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|tag| tag.as_str().unwrap().to_owned()),
        );
        match link.split_once('>') {
            Some((next, _)) => path = next.trim_start_matches('<').to_owned(),
            None => break,
        }
    }
    assert_eq!(tags, ["v1", "v2", "v3", "v4"]);
    assert_eq!(registry.store().requests().of(Operation::ListTags), 2);
    assert_eq!(
        raw.get("/v2/team/app/tags/list?n=x").await.status(),
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn referrers_are_filtered_and_can_be_switched_off() {
    for behaviour in [Behaviour::default(), Behaviour::without_referrers()] {
        let api = behaviour.referrers_api;
        let registry = start(EmbeddedOptions {
            behaviour,
            ..EmbeddedOptions::default()
        })
        .await;
        let (image, sbom) = prepared(&registry);
        let raw = Raw::new(&registry);
        let path = format!("/v2/team/app/referrers/{}?artifactType=application/none", image.root());
        let filtered = raw.get(&path).await;
        assert_eq!(filtered.status() == StatusCode::OK, api);
        if api {
            assert_eq!(header(&filtered, "oci-filters-applied"), "artifactType");
            let body: serde_json::Value = serde_json::from_slice(&filtered.bytes().await.unwrap()).unwrap();
            assert_eq!(body["manifests"], serde_json::json!([]));
        }
        let manifest = sbom.root_manifest();
        let path = format!("/v2/team/app/manifests/{}", manifest.digest);
        let types = [("Content-Type", manifest.media_type.as_str())];
        let put = raw.send(Method::PUT, &path, &types, manifest.bytes.clone()).await;
        assert_eq!(put.status(), StatusCode::CREATED);
        assert_eq!(
            header(&put, "oci-subject"),
            if api { image.root().to_string() } else { String::new() }
        );
    }
}

#[tokio::test]
async fn a_manifest_over_the_limit_is_refused() {
    let behaviour = Behaviour {
        max_manifest: 100,
        ..Behaviour::default()
    };
    let registry = start(EmbeddedOptions {
        behaviour,
        ..EmbeddedOptions::default()
    })
    .await;
    let raw = Raw::new(&registry);
    let put = raw
        .send(Method::PUT, "/v2/team/app/manifests/v1", &[], vec![b' '; 101])
        .await;
    assert_eq!(put.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_token_for_one_repository_opens_no_other() {
    let access = Access::Bearer {
        credentials: credentials(),
        anonymous_pull: false,
    };
    let registry = start(EmbeddedOptions {
        access,
        ..EmbeddedOptions::default()
    })
    .await;
    prepared(&registry);
    let raw = Raw::new(&registry);
    let refused = raw.get("/v2/team/app/tags/list").await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let address = registry.address();
    assert_eq!(
        header(&refused, "www-authenticate"),
        format!(r#"Bearer realm="http://{address}/token",service="{address}",scope="repository:team/app:pull""#)
    );
    let basic = [("Authorization", "Basic Y2k6c2VjcmV0")];
    let issued = raw
        .send(Method::GET, "/token?scope=repository:team/app:pull", &basic, "")
        .await;
    let body: serde_json::Value = serde_json::from_slice(&issued.bytes().await.unwrap()).unwrap();
    let bearer = format!("Bearer {}", body["token"].as_str().unwrap());
    let with_token = [("Authorization", bearer.as_str())];
    let list = |path: &'static str| raw.send(Method::GET, path, &with_token, "");
    assert_eq!(list("/v2/team/app/tags/list").await.status(), StatusCode::OK);
    let other = list("/v2/team/other/tags/list").await;
    assert_eq!(other.status(), StatusCode::UNAUTHORIZED);
    assert!(header(&other, "www-authenticate").contains("insufficient_scope"));
    let upload = raw
        .send(Method::POST, "/v2/team/app/blobs/uploads/", &with_token, "")
        .await;
    assert_eq!(upload.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(registry.token_requests(), 1);
}

#[tokio::test]
async fn a_registry_that_was_shut_down_answers_no_more_and_its_address_is_free() {
    let registry = start(EmbeddedOptions::default()).await;
    let (address, store) = (registry.address(), registry.store().clone());
    registry.shutdown().await;
    assert!(reqwest::get(format!("http://{address}/v2/")).await.is_err());
    let again = start(EmbeddedOptions {
        address,
        store,
        ..EmbeddedOptions::default()
    })
    .await;
    assert_eq!(again.address(), address);
}
